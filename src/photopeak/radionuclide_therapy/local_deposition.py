"""Absorbed dose where all electron energy stays in the mass that holds the activity, without redistribution.

    dose = activity x K / mass,    K = E T_eff / ln 2

E is the mean electron energy of a decay; photons are left out. ⁹⁰Y without clearance decays where it stays, so T_eff is the physical
half-life. For ¹³¹I-labelled microspheres the dose scales with retention: it is given only with a measured effective half-life. The mean
energies are listed in mean_electron_energies.toml and are provisional until somebody has compared them with ICRP 107; one's own may be
given instead, and the one used stands with the result.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Any

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.half_life import DATA_WORDS, decay_of
from photopeak.measurement import Quantity
from photopeak.nuclide import NuclearData
from photopeak.procedure import Condition, Result, procedure, remark
from photopeak.words import Words

CONSTANT = Quantity(
    name="dose_constant", unit="Gy.kg/GBq", en="dose of 1 GBq in 1 kg", zh="1 GBq 分布于 1 kg 的剂量", judged=False
)
DOSE = Quantity(name="absorbed_dose", unit="Gy", en="absorbed dose", zh="吸收剂量")
JOULE_PER_MEV = 1.602176634e-13
STAYS = ("Y-90",)  #: in microspheres that keep their nuclide until it has decayed


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDeposition(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "absorbed_dose", "dose_constant")


def accepts(evidence: Evidence) -> Words | None:
    ways = (
        ("nuclide", "activity_gbq", "mass_kg"),
        ("nuclide", "mean_electron_energy_mev"),
        ("nuclide", "effective_half_life_h"),
    )
    return lacking(evidence, local_deposition, *ways)


@cache
def mean_electron_energies() -> dict[str, float]:
    """Mean electron energy in MeV a decay, by nuclide."""
    text = (resources.files("photopeak.radionuclide_therapy") / "mean_electron_energies.toml").read_text("utf-8")
    return {name: float(row["mev"]) for name, row in tomllib.loads(text)["nuclide"].items()}


@procedure(
    en="Dose by local deposition",
    zh="局部沉积法吸收剂量",
    implements="D = A E T_eff / (m ln 2), electrons only",
    kinds=("table",),
    quantities=(DOSE, CONSTANT),
    accepts=accepts,
)
def local_deposition(
    evidence: Evidence,
    *,
    nuclide: Annotated[str | None, Words("nuclide", "核素"), Column(kind="text")] = None,
    activity_gbq: Annotated[float | None, Words("activity in the region, GBq", "区域内活度，GBq"), Column(least=0)] = None,
    mass_kg: Annotated[float | None, Words("mass of the region, kg", "区域质量，kg"), Column(above=0)] = None,
    effective_half_life_h: Annotated[
        float | None, Words("measured effective half-life, h", "实测有效半衰期，h"), Column(above=0)
    ] = None,
    mean_electron_energy_mev: Annotated[
        float | None, Words("mean electron energy of a decay, MeV", "每次衰变平均电子能量，MeV"), Column(above=0)
    ] = None,
    nuclear_data: Annotated[NuclearData, DATA_WORDS] = "icrp107",
) -> LocalDeposition:
    """The dose of each case, and its dose constant without clearance."""

    def measure(case: Case) -> Measured:
        return _measure(case, nuclear_data)

    done, remarks = measure_cases(evidence, local_deposition, declared(locals()), measure)
    conditions = dict.fromkeys(one for _, found in done for one in found.detail)
    return LocalDeposition(measurements=all_measurements(done), remarks=remarks, conditions=tuple(conditions))


def dose_constant(energy_mev: float, half_life_s: float) -> float:
    """Gy kg / GBq of electrons of `energy_mev` a decay that are all stopped, for a half-life in s."""
    return energy_mev * JOULE_PER_MEV * 1e9 * half_life_s / math.log(2)


def _measure(case: Case, data: NuclearData) -> Measured:
    decay = decay_of(case, data, half_life="no_other_half_life")
    energy, remarks = case.get("mean_electron_energy_mev"), []
    if energy is None:
        energy = mean_electron_energies().get(decay.name)
        if energy is None:
            raise case.refused(
                "energy_missing",
                en=f"no mean electron energy of {decay.name} is listed; give mean_electron_energy_mev",
                zh=f"未收录 {decay.name} 的平均电子能量，请填写 mean_electron_energy_mev。",
            )
        remarks.append(
            remark(
                "energy_provisional",
                en=f"mean electron energy of {decay.name}, {energy:g} MeV, is provisional: nobody has compared it with ICRP 107 yet",
                zh=f"{decay.name} 的平均电子能量 {energy:g} MeV 待核：尚无人与 ICRP 107 核对",
            )
        )
    where: dict[str, Any] = case.where(nuclide=decay.name)
    constant = dose_constant(float(energy), decay.nuclide.half_life_s)
    measurements = [CONSTANT.of(constant, **where)]
    if case.has("activity_gbq", "mass_kg"):
        measurements.insert(0, DOSE.of(*_dose(case, decay.name, float(energy), decay.nuclide.half_life_s), **where))
    used = Condition(
        label=Words(f"mean electron energy of {decay.name}", f"{decay.name} 平均电子能量"),
        value=Words(f"{energy:g} MeV", f"{energy:g} MeV"),
    )
    return Measured(measurements=tuple(measurements), remarks=tuple(remarks), detail=(decay.condition(), used))


def _dose(case: Case, name: str, energy_mev: float, physical_s: float) -> tuple[float, float | None]:
    if not case.has("effective_half_life_h") and name not in STAYS:
        raise case.refused(
            "effective_half_life_missing",
            en=f"{name} may leave the region before it decays: a measured effective half-life is needed (effective_half_life_h)",
            zh=f"{name} 在衰变前可能离开该区域，须给出实测有效半衰期（effective_half_life_h）。",
        )
    half_life_s = 3600 * case.number("effective_half_life_h") if case.has("effective_half_life_h") else physical_s
    if half_life_s > physical_s * (1 + 1e-6):
        raise case.refused(
            "effective_half_life_above_physical",
            en=f"the effective half-life ({half_life_s / 3600:.4g} h) exceeds the physical one ({physical_s / 3600:.4g} h)",
            zh=f"有效半衰期（{half_life_s / 3600:.4g} h）长于物理半衰期（{physical_s / 3600:.4g} h），请核对。",
        )
    dose = case.number("activity_gbq") * dose_constant(energy_mev, half_life_s) / case.number("mass_kg")
    terms = [
        case.uncertainties[key] / case.number(key)
        for key in ("activity_gbq", "mass_kg", "effective_half_life_h", "mean_electron_energy_mev")
        if key in case.uncertainties and case.has(key) and case.number(key) > 0
    ]
    return dose, dose * math.hypot(*terms) if terms else None
