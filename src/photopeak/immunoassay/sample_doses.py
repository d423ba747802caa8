"""Doses of unknowns and controls on a standard curve: recovery, parallelism of dilutions, the hook of a sandwich assay, drift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from photopeak.immunoassay.assay_table import Assay, Tube, by_sample
from photopeak.immunoassay.dose_quantities import (
    DOSE,
    DOSE_LOWER,
    DOSE_UPPER,
    DRIFT,
    PARALLELISM,
    RECOVERY,
    Doses,
)
from photopeak.immunoassay.standard_curve import FittedDose, StandardCurve
from photopeak.measurement import Measurement
from photopeak.procedure import Remark, remark

HOOK = 1.2  #: a diluted sample that reads this many times the neat one has been over the top of a sandwich assay's curve
SIGNIFICANT = 0.05
NEGLIGIBLE_SLOPE = 1e-4  #: arithmetic, where the tubes lie exactly on the curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One dilution of a sample, its dose already corrected for the dilution (ln)."""

    dilution: float
    dose: FittedDose


def sample_doses(assay: Assay, curve: StandardCurve, doses: Doses) -> tuple[list[Measurement], list[Remark]]:
    """Every unknown and control with a dose, and what is to be said about those without one."""
    measurements: list[Measurement] = []
    remarks: list[Remark] = []
    for sample, dilutions in by_sample(assay.of("U", "C")).items():
        found = [one for dilution, tubes in dilutions.items() if (one := _read(sample, dilution, tubes, curve, remarks))]
        if not found:
            continue
        if len(dilutions) > 1:
            for one in found:
                measurements += _told(one.dose, doses, sample=sample, dilution=one.dilution)
        hooked = _hooked(sample, found, curve)
        combined = _combined(found[-1:] if hooked else found)
        remarks += [hooked] if hooked else []
        measurements += _told(combined, doses, sample=sample)
        nominal = next((tube.nominal for tubes in dilutions.values() for tube in tubes if tube.nominal), None)
        if nominal is not None and nominal > 0 and doses.scale == "linear":
            share = 100 * math.exp(combined.ln_dose) / nominal
            measurements.append(RECOVERY.of(share, share * combined.u_ln, sample=sample))
        if len(found) > 1:
            measurements += _parallel(sample, found, curve, remarks)
    return measurements, remarks


def _read(sample: str, dilution: float, tubes: Sequence[Tube], curve: StandardCurve, remarks: list[Remark]) -> Read | None:
    gross = float(np.mean([tube.response for tube in tubes]))
    found = curve.dose(gross, len(tubes))
    place_en = sample if dilution == 1 else f"{sample} at 1:{dilution:g}"
    place_zh = sample if dilution == 1 else f"{sample}（1:{dilution:g} 稀释）"
    if found is None:
        low = (gross - curve.background >= curve.curve.a) != curve.curve.rising
        remarks.append(_without_dose(place_en, place_zh, low=low))
        return None
    if not math.log(curve.lowest) <= found.ln_dose <= math.log(curve.highest):
        above = found.ln_dose > math.log(curve.highest)
        remarks.append(
            remark(
                "outside_standards",
                en=f"{place_en}: the dose lies {'above the highest' if above else 'below the lowest'} standard and is an "
                f"extrapolation; {'dilute and repeat' if above else 'report it as below the lowest standard'}",
                zh=f"{place_zh}：剂量{'高于最高' if above else '低于最低'}标准品，属外推；{'请稀释后复测' if above else '宜报告为低于最低标准品'}",
            )
        )
    shift = math.log(dilution)
    return Read(
        dilution=dilution,
        dose=FittedDose(
            ln_dose=found.ln_dose + shift,
            u_ln=found.u_ln,
            lower=None if found.lower is None else found.lower + shift,
            upper=None if found.upper is None else found.upper + shift,
        ),
    )


def _without_dose(en: str, zh: str, *, low: bool) -> Remark:
    if low:
        return remark(
            "below_curve",
            en=f"{en}: the response is at or beyond that of dose zero; no dose, report below the detection limit",
            zh=f"{zh}：响应达到或超出零剂量响应，不给剂量，宜报告为低于检出限",
        )
    return remark(
        "above_curve",
        en=f"{en}: the response is at or beyond that of infinite dose; no dose, dilute and repeat",
        zh=f"{zh}：响应达到或超出无穷剂量响应，不给剂量，请稀释后复测",
    )


def _told(found: FittedDose, doses: Doses, **where: str | float) -> list[Measurement]:
    told = [doses.of(DOSE, found.ln_dose, found.u_ln, where)]
    told += [] if found.lower is None else [doses.of(DOSE_LOWER, found.lower, None, where)]
    return told + ([] if found.upper is None else [doses.of(DOSE_UPPER, found.upper, None, where)])


def _combined(found: Sequence[Read]) -> FittedDose:
    """Weighted mean of the dilutions in ln dose; they share one curve, so its uncertainty is not taken to average out."""
    if len(found) == 1:
        return found[0].dose
    weights = np.array([one.dose.u_ln**-2 for one in found])
    centre = float(np.array([one.dose.ln_dose for one in found]) @ weights / weights.sum())
    spread = min(one.dose.u_ln for one in found)
    return FittedDose(ln_dose=centre, u_ln=spread, lower=centre - 2 * spread, upper=centre + 2 * spread)


def _hooked(sample: str, found: Sequence[Read], curve: StandardCurve) -> Remark | None:
    """A sandwich assay's sample that reads higher the more it is diluted."""
    if not curve.curve.rising or len(found) < 2:
        return None
    neat, diluted = min(found, key=lambda one: one.dilution).dose, max(found, key=lambda one: one.dilution).dose
    apart = diluted.ln_dose - neat.ln_dose
    if apart <= math.log(HOOK) or apart <= 2 * math.hypot(neat.u_ln, diluted.u_ln):
        return None
    return remark(
        "hook_effect",
        en=f"{sample}: the most diluted tube reads {math.exp(apart):.2f} times the least diluted one after correction, as beyond "
        "the hook of a sandwich assay; the highest dilution is reported, dilute further to confirm",
        zh=f"{sample}：最高稀释度校正后为最低稀释度的 {math.exp(apart):.2f} 倍，提示钩状效应；采用最高稀释度的结果，请进一步稀释确认",
    )


def _parallel(sample: str, found: Sequence[Read], curve: StandardCurve, remarks: list[Remark]) -> list[Measurement]:
    """Slope of ln corrected dose over ln dilution: zero where the sample dilutes in parallel with the standards."""
    t = np.log([one.dilution for one in found])
    y = np.array([one.dose.ln_dose for one in found])
    weights = np.array([one.dose.u_ln**-2 for one in found])
    centre = float(weights @ t / weights.sum())
    moment = float(weights @ (t - centre) ** 2)
    if moment <= 0:
        return []
    slope = float(weights @ ((t - centre) * y)) / moment
    uncertainty = moment**-0.5
    if abs(slope) > max(2 * uncertainty, NEGLIGIBLE_SLOPE):
        remarks.append(
            remark(
                "not_parallel",
                en=f"{sample}: the corrected dose changes by the power {slope:+.2f} of the dilution (± {2 * uncertainty:.2f}); "
                "its dilutions do not run parallel to the standards",
                zh=f"{sample}：校正剂量随稀释倍数的 {slope:+.2f} 次方变化（± {2 * uncertainty:.2f}），稀释曲线与标准曲线不平行",
            )
        )
    return [PARALLELISM.of(slope, uncertainty, sample=sample)]


def drifts(assay: Assay, curve: StandardCurve) -> tuple[list[Measurement], list[Remark]]:
    """Controls that stand in the table twice, other tubes between: the change of their response from first to last place."""
    measurements, remarks = [], []
    places: dict[str, list[list[float]]] = {}
    before = None
    for tube in assay.tubes:
        key = tube.label if tube.role == "C" else None
        if key is not None:
            blocks = places.setdefault(key, [])
            if before != key:
                blocks.append([])
            blocks[-1].append(tube.response)
        before = key
    for sample, blocks in places.items():
        if len(blocks) < 2 or np.mean(blocks[0]) == 0:
            continue
        first, last = np.array(blocks[0]), np.array(blocks[-1])
        variances = [float(curve.variance.of(one.mean())) * curve.fit.scatter / len(one) for one in (first, last)]
        change = 100 * (last.mean() - first.mean()) / abs(first.mean())
        u = 100 * math.sqrt(sum(variances)) / abs(first.mean())
        measurements.append(DRIFT.of(change, u, sample=sample))
        if u > 0 and 2 * scipy.stats.t.sf(abs(change) / u, max(curve.fit.freedom, 1)) < SIGNIFICANT:
            remarks.append(
                remark(
                    "drift",
                    en=f"{sample}: the response changes by {change:+.1f} % from its first to its last place in the assay; "
                    "look at incubation times, temperature and the order of pipetting",
                    zh=f"{sample}：批内首末位置响应变化 {change:+.1f}%，请检查温育时间、温度和加样顺序",
                )
            )
    return measurements, remarks
