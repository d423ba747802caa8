"""Absorbed dose of a target from the time-integrated activities of its sources and a user's own table of S values.

    D(target) = sum over sources of  time-integrated activity x S(target <- source)

The product ships no S values: their tables may not be passed on. The S value of a target irradiating itself is scaled to its mass,
S x reference mass / mass, which holds for beta emitters (MIRD; EANM 2018). Where the same relative uncertainty of S or of calibration is
shared by all sources it adds as a whole, not in quadrature (column common_u_percent).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from photopeak.cases import Case, Column, Measured, cases_of, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Result, procedure, remark
from photopeak.words import Words

DOSE = Quantity(name="absorbed_dose", unit="Gy", en="absorbed dose", zh="吸收剂量")
SHARE = Quantity(name="dose_from_source", unit="Gy", en="dose from this source", zh="来自该源器官的剂量", judged=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsorbedDose(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "absorbed_dose")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, absorbed_dose, ("target", "time_integrated_activity_mbqh", "s_value_mgy_per_mbqh"))


@procedure(
    en="Absorbed dose from S values",
    zh="S 值法吸收剂量",
    implements="MIRD schema; EANM 2018 (dosimetry uncertainty)",
    kinds=("table",),
    quantities=(DOSE, SHARE),
    accepts=accepts,
)
def absorbed_dose(
    evidence: Evidence,
    *,
    target: Annotated[str | None, Words("target", "靶器官"), Column(kind="text")] = None,
    source: Annotated[str | None, Words("source", "源器官"), Column(kind="text")] = None,
    time_integrated_activity_mbqh: Annotated[
        float | None,
        Words("time-integrated activity of the source, MBq h", "源器官时间积分活度，MBq·h"),
        Column(aliases=("tia",), least=0),
    ] = None,
    s_value_mgy_per_mbqh: Annotated[
        float | None, Words("S value, mGy/(MBq h)", "S 值，mGy/(MBq·h)"), Column(aliases=("s_value", "s"), least=0)
    ] = None,
    mass_g: Annotated[float | None, Words("mass of the target, g", "靶器官质量，g"), Column(above=0)] = None,
    reference_mass_g: Annotated[
        float | None, Words("mass the S value was computed for, g", "S 值对应的参考质量，g"), Column(above=0)
    ] = None,
    common_u_percent: Annotated[
        float | None, Words("standard uncertainty common to all sources, %", "各源器官共有的标准不确定度，%"), Column(least=0)
    ] = None,
) -> AbsorbedDose:
    """One row per source and target; the result is one dose per target."""
    done, remarks = measure_cases(evidence, absorbed_dose, declared(locals()), _share)
    by_target: dict[str, list[tuple[Case, Measurement]]] = {}
    for case, found in done:
        by_target.setdefault(case.text("target"), []).append((case, found.measurements[0]))
    refused = len(cases_of(evidence, absorbed_dose, {})[0]) - len(done)
    if refused > 0:
        told = remark(
            "sources_missing",
            en=f"{refused} rows could not be used: the doses of their targets lack those sources",
            zh=f"有 {refused} 行未能使用：相应靶器官的剂量缺少这些源器官的贡献",
        )
        remarks = (told, *remarks)
    doses = [_sum(name, shares) for name, shares in by_target.items()]
    own = [one for shares in by_target.values() for _, one in shares]
    return AbsorbedDose(measurements=(*doses, *own), remarks=remarks)


def _share(case: Case) -> Measured:
    activity, s_value = case.number("time_integrated_activity_mbqh"), case.number("s_value_mgy_per_mbqh")
    target, source = case.text("target"), str(case.get("source") or case.text("target"))
    scale, remarks = 1.0, []
    if target == source and case.has("mass_g", "reference_mass_g"):
        scale = case.number("reference_mass_g") / case.number("mass_g")
    elif case.has("mass_g") != case.has("reference_mass_g"):
        remarks.append(
            remark(
                "mass_not_scaled",
                en=f"{target}: only one of mass_g and reference_mass_g is given, the S value was not scaled to the mass",
                zh=f"{target}：mass_g 与 reference_mass_g 只给出一项，S 值未按质量换算",
            )
        )
    dose = activity * s_value * scale / 1000
    relative = [
        case.uncertainties[name] / case.number(name)
        for name in ("time_integrated_activity_mbqh", "s_value_mgy_per_mbqh")
        if name in case.uncertainties and case.number(name) > 0
    ]
    if target == source and scale != 1.0 and "mass_g" in case.uncertainties:
        relative.append(case.uncertainties["mass_g"] / case.number("mass_g"))
    where: dict[str, Any] = {"target": target, "source": source}
    u = dose * math.hypot(*relative) if relative else None
    return Measured(measurements=(SHARE.of(dose, u, **where),), remarks=tuple(remarks))


def _sum(target: str, shares: Sequence[tuple[Case, Measurement]]) -> Measurement:
    """The dose of a target: its sources' own uncertainties in quadrature, the common one on the sum."""
    dose = sum(one.value for _, one in shares)
    own = [one.uncertainty for _, one in shares if one.uncertainty is not None]
    common = max(float(case.get("common_u_percent") or 0.0) for case, _ in shares) / 100 * dose
    u = math.hypot(*own, common) if own or common else None
    return DOSE.of(dose, u, target=target)
