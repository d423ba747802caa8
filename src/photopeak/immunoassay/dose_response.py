"""Dose-response curve of a radioimmunoassay, immunoradiometric, chemiluminescence or enzyme immunoassay.

The mean non-specific binding is subtracted; a logistic curve of four (or five) parameters, or the logit-log line, is fitted to single
tubes weighted by the inverse of their variance; unknowns and controls are read from it with their 95 % intervals. The detection limit
is the dose whose response lies 2.5 standard deviations of one tube (and, with `where`, 2 of the mean of three) from the zero standard: below
it on a falling curve, above it on a rising one. The precision profile holds the replicates' variance alone.
Rodbard D, Clin Chem 1976; 22: 350. Straume M, Clin Chem 1998; 44: 116.

Weights: counted tubes (a table with T or NSB tubes) are given the variance 30^2 + y + (0.015 y)^2, others equal weights, unless
`--weights` or the three coefficients say otherwise. A declared variance that the residuals contradict is scaled by them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.entry import Entry, asked
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.immunoassay.assay_table import Assay, accepts_assay, read_assay
from photopeak.immunoassay.curve_models import Curve
from photopeak.immunoassay.curve_of_assay import Asked, ModelName, Standards, Weighting, curve_of, standards_of, variance_of
from photopeak.immunoassay.dose_figures import assay_figures
from photopeak.immunoassay.dose_quantities import (
    ASYMMETRY,
    AT_INFINITY,
    AT_ZERO,
    B0_PERCENT,
    BOUND,
    DETECTION,
    DOSE_CV,
    EFFECTIVE,
    FREEDOM,
    LOGIT_ED50,
    LOGIT_INTERCEPT,
    LOGIT_SLOPE,
    MIDPOINT,
    NSB_PERCENT,
    OF_AN_ASSAY,
    RANGE_LOWER,
    RANGE_UPPER,
    RESIDUAL_SD,
    RESIDUAL_SUM,
    SLOPE,
    STANDARD_RECOVERY,
    Doses,
)
from photopeak.immunoassay.dose_remarks import standard_remarks
from photopeak.immunoassay.logit_log import LogitLine
from photopeak.immunoassay.results_table import problem_remarks
from photopeak.immunoassay.sample_doses import drifts, sample_doses
from photopeak.immunoassay.standard_curve import DoseScale, StandardCurve
from photopeak.immunoassay.variance import Variance
from photopeak.measurement import Measurement
from photopeak.procedure import Condition, Refused, Result, procedure
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
USUAL_REPLICATES = 2
WORKING_CV = 20.0  #: per cent; the working range lies where the precision profile stays below it


@dataclass(frozen=True, kw_only=True)
class DoseResponse(Result):
    curve: StandardCurve
    standards: Standards
    doses: Doses
    replicates: int

    def figures(self) -> tuple[Figure, ...]:
        """The curve with its standards, the standardised residuals, the precision profile."""
        return assay_figures(self.curve, self.standards, self.doses, self.replicates)


ROLES_ASKED = (
    ("T", Words("total", "总计数")),
    ("NSB", Words("non-specific binding", "非特异结合")),
    ("B0", Words("zero standard", "零标准")),
    ("S", Words("standard", "标准品")),
    ("U", Words("unknown", "待测")),
    ("C", Words("control", "质控品")),
)
ENTRIES = (
    Entry(
        words=Words("tubes", "各管"),
        rows=(
            asked("role", "kind of tube", "管类型", "text", choices=ROLES_ASKED),
            asked("label", "label", "标签", "text"),
            asked("dose", "dose", "浓度", least=0),
            asked("response", "response (counts)", "响应（计数）", least=0),
        ),
    ),
)


@procedure(
    en="Dose-response curve",
    zh="剂量-响应曲线",
    implements="Rodbard 1976; Straume 1998",
    kinds=("table",),
    quantities=OF_AN_ASSAY,
    accepts=accepts_assay,
    entries=ENTRIES,
)
def dose_response(
    evidence: Evidence,
    *,
    model: Annotated[ModelName, Words("curve: 4pl, 5pl, growth (5PL of Richards) or logit_log", "曲线模型")] = "4pl",
    weights: Annotated[Weighting, Words("weights of the tubes", "各管权重")] = "auto",
    variance_constant: Annotated[float | None, Words("variance function, constant", "方差函数：常数项")] = None,
    variance_linear: Annotated[float | None, Words("variance function, linear", "方差函数：一次项")] = None,
    variance_quadratic: Annotated[float | None, Words("variance function, quadratic", "方差函数：二次项")] = None,
    response_at_zero: Annotated[float | None, Words("known response at dose zero", "已知零剂量响应")] = None,
    response_at_infinity: Annotated[float | None, Words("known response at infinite dose", "已知无穷剂量响应")] = None,
    dose_scale: Annotated[DoseScale, Words("doses are written as: linear, ln, log10", "剂量列的写法（原值或对数）")] = "linear",
    detection_k: Annotated[float, Words("standard deviations at the detection limit", "检出限的标准差倍数")] = 2.5,
    master: Annotated[str, Words("stored curve a,b,c,d[,g] to recalibrate", "待重新校准的已存曲线 a,b,c,d[,g]")] = "",
) -> DoseResponse:
    assay = read_assay(evidence)
    doses = Doses(unit=assay.unit, scale=dose_scale)
    declared = (variance_constant, variance_linear, variance_quadratic)
    asked = Asked(
        model=model,
        weights=weights,
        variance=_declared(declared),
        held_zero=response_at_zero,
        held_infinite=response_at_infinity,
        master=_stored(master),
    )
    standards = standards_of(assay, doses, evidence.name)
    curve, line = curve_of(standards, variance_of(assay, asked), asked, evidence.name)
    replicates = _replicates(assay)
    samples, sample_remarks = sample_doses(assay, curve, doses)
    drift, drift_remarks = drifts(assay, curve)
    measurements = (
        *_effective(curve, doses),
        *_detection(curve, doses, detection_k),
        *_binding(assay, standards, rising=curve.curve.rising),
        *samples,
        *drift,
        *_parameters(curve, doses, stored=asked.master is not None),
        *_logit_line(line, doses),
        *_standards_read(standards, curve, doses),
        *_precision(assay, standards, curve, doses, replicates),
    )
    remarks = (*problem_remarks(assay.problems), *standard_remarks(assay, standards, curve), *sample_remarks, *drift_remarks)
    return DoseResponse(
        measurements=measurements,
        remarks=remarks,
        conditions=_conditions(curve, standards, asked),
        curve=curve,
        standards=standards,
        doses=doses,
        replicates=replicates,
    )


def _declared(coefficients: Sequence[float | None]) -> Variance | None:
    if all(one is None for one in coefficients):
        return None
    constant, linear, quadratic = (one or 0.0 for one in coefficients)
    if min(constant, linear, quadratic) < 0 or constant + linear + quadratic == 0:
        raise Refused(
            "variance",
            en="the coefficients of the variance function must not be negative, nor all zero",
            zh="方差函数的系数不能为负，也不能全为零。",
        )
    return Variance(constant=constant, linear=linear, quadratic=quadratic, absolute=True)


def _stored(text: str) -> Curve | None:
    """The stored curve from "a,b,c,d" or "a,b,c,d,g"."""
    if not text:
        return None
    try:
        numbers = [float(part) for part in text.replace("，", ",").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 5) or min(numbers[1:3]) <= 0 or numbers[0] == numbers[3]:
        raise Refused(
            "master_curve",
            en=f"the stored curve {text!r} is not a,b,c,d or a,b,c,d,g with b and c positive and a unlike d",
            zh=f"已存曲线“{text}”须为 a,b,c,d 或 a,b,c,d,g，其中 b、c 为正，a 与 d 不同。",
        )
    a, b, c, d, g = (*numbers, 1.0)[:5]
    return Curve(a=a, b=b, c=c, d=d, g=g)


def _replicates(assay: Assay) -> int:
    """How many tubes an unknown usually has; duplicates where there are no unknowns."""
    sizes: dict[tuple[str, float], int] = {}
    for tube in assay.of("U"):
        sizes[(tube.label, tube.dilution)] = sizes.get((tube.label, tube.dilution), 0) + 1
    counts = list(sizes.values())
    return max(set(counts), key=counts.count) if counts else USUAL_REPLICATES


def _effective(curve: StandardCurve, doses: Doses) -> list[Measurement]:
    found = ((quantity, curve.effective_dose(percent)) for percent, quantity in EFFECTIVE.items())
    return [doses.of(quantity, one[0], one[1] if math.isfinite(one[1]) else None) for quantity, one in found if one]


def _detection(curve: StandardCurve, doses: Doses, k: float) -> list[Measurement]:
    single, of_three = curve.detection_limit(k, 1), curve.detection_limit(2.0, 3)
    told = [] if single is None else [doses.of(DETECTION, math.log(single), None)]
    return told + ([] if of_three is None else [doses.of(DETECTION, math.log(of_three), None, {"k": 2.0, "tubes": 3})])


def _binding(assay: Assay, standards: Standards, *, rising: bool) -> list[Measurement]:
    """NSB/T, B0/T (net of NSB) and, in a competitive assay, B/B0 of each standard, %."""
    told: list[Measurement] = []
    total, nsb, zero = assay.responses("T"), assay.responses("NSB"), standards.gross[standards.dose == 0]
    if len(total) and total.mean() > 0:
        if len(nsb):
            told.append(NSB_PERCENT.of(*_share(nsb, total, 0.0, None)))
        if len(zero):
            told.append(B0_PERCENT.of(*_share(zero, total, standards.background, nsb)))
    if rising or not len(zero) or zero.mean() <= standards.background:
        return told
    for dose in sorted(set(standards.dose.tolist())):
        net = standards.net[standards.dose == dose].mean()
        told.append(BOUND.of(100 * net / (zero.mean() - standards.background), dose=dose))
    return told


def _share(part: Floats, whole: Floats, less: float, of_less: Floats | None) -> tuple[float, float | None]:
    """100 (part - less) / whole and its standard uncertainty, None where any of them is a single tube."""
    groups = [part, whole, *([of_less] if of_less is not None and len(of_less) else [])]
    value = 100 * (part.mean() - less) / whole.mean()
    if any(len(group) < 2 for group in groups):
        return float(value), None
    u = [float(group.std(ddof=1)) / math.sqrt(len(group)) for group in groups]
    below = math.hypot(u[0], *(u[2:])) / whole.mean()
    return float(value), float(math.hypot(100 * below, value * u[1] / whole.mean()))


def _parameters(curve: StandardCurve, doses: Doses, *, stored: bool) -> list[Measurement]:
    c, scale, free = curve.curve, curve.tube_scale, curve.fit.model.free
    u = [
        math.sqrt(curve.fit.covariance[n, n] * scale)
        if n in free and not stored and math.isfinite(curve.fit.covariance[n, n] * scale)
        else None
        for n in range(5)
    ]
    told = [
        AT_ZERO.of(c.a, u[0]),
        AT_INFINITY.of(c.d, u[1]),
        SLOPE.of(c.b, None if u[2] is None else c.b * u[2]),
        doses.of(MIDPOINT, math.log(c.c), u[3]),
    ]
    told += [ASYMMETRY.of(c.g, None if u[4] is None else c.g * u[4])] if curve.fit.model.five else []
    if curve.fit.freedom > 0:
        told += [
            RESIDUAL_SD.of(math.sqrt(curve.fit.scatter)),
            RESIDUAL_SUM.of(curve.fit.chi_square),
            FREEDOM.of(curve.fit.freedom),
        ]
    return told


def _logit_line(line: LogitLine | None, doses: Doses) -> list[Measurement]:
    if line is None:
        return []
    return [LOGIT_INTERCEPT.of(line.intercept), LOGIT_SLOPE.of(line.slope), doses.of(LOGIT_ED50, math.log(line.ed50), None)]


def _standards_read(standards: Standards, curve: StandardCurve, doses: Doses) -> list[Measurement]:
    """Each standard read back from the curve, % of its dose."""
    told = []
    for dose in sorted(set(standards.dose[standards.dose > 0].tolist())):
        own = standards.gross[standards.dose == dose]
        found = curve.dose(float(own.mean()), len(own)) if curve.fit.freedom > 0 else None
        if found is not None and found.lower is not None and found.upper is not None:
            share = 100 * math.exp(found.ln_dose) / dose
            told.append(STANDARD_RECOVERY.of(share, share * found.u_ln, dose=doses.written(dose)))
    return told


def _precision(assay: Assay, standards: Standards, curve: StandardCurve, doses: Doses, replicates: int) -> list[Measurement]:
    """The precision profile at the standards and at the known doses of unknowns, and the working range."""
    if doses.scale != "linear" or curve.fit.freedom < 1:
        return []
    at = {float(dose) for dose in standards.dose if dose > 0} | {tube.nominal for tube in assay.tubes if tube.nominal}
    wanted = sorted(dose for dose in at if dose is not None and dose > 0)
    cvs = curve.profile(wanted, replicates)
    told = [DOSE_CV.of(cv, dose=dose) for dose, cv in zip(wanted, cvs.tolist()) if math.isfinite(cv)]
    span = curve.working_range(WORKING_CV, replicates)
    if span is not None:
        where = {"cv_percent": WORKING_CV}
        told += [doses.of(RANGE_LOWER, math.log(span[0]), None, where), doses.of(RANGE_UPPER, math.log(span[1]), None, where)]
    return told


def _conditions(curve: StandardCurve, standards: Standards, asked: Asked) -> tuple[Condition, ...]:
    v = curve.variance
    if v.exponent is not None:
        rule = f"{v.level:.3g} y^{v.exponent:.2f}"
    elif v.absolute:
        rule = f"{v.constant:.6g} + {v.linear:.6g} y + {v.quadratic:.6g} y²"
    else:
        rule = "∝ y²" if v.quadratic else "= const"
    name = "recalibrated" if asked.master is not None else asked.model
    return (
        Condition(
            label=Words("curve and tubes", "曲线与管数"),
            value=Words(
                f"{name}, {len(standards.dose)} standard tubes, {'rising' if curve.curve.rising else 'falling'}",
                f"{name}，{len(standards.dose)} 支标准管，{'上升' if curve.curve.rising else '下降'}曲线",
            ),
        ),
        Condition(label=Words("variance of a tube", "单管方差"), value=Words(f"var {rule}", f"方差 {rule}")),
    )
