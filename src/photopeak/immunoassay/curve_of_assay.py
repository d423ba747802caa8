"""From the standards of an assay to its curve: what is subtracted, how tubes are weighted, which model, and when there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy

from photopeak.immunoassay.assay_table import Assay
from photopeak.immunoassay.curve_fit import Fit, Model, fit_curve, reweighted_fit
from photopeak.immunoassay.curve_models import Curve
from photopeak.immunoassay.dose_quantities import Doses
from photopeak.immunoassay.logit_log import LogitLine, line_as_fit, logit_line
from photopeak.immunoassay.standard_curve import StandardCurve
from photopeak.immunoassay.variance import COUNTED, EQUAL, Variance, estimated_variance
from photopeak.procedure import Refused

Floats = npt.NDArray[np.float64]
ModelName = Literal["4pl", "5pl", "growth", "logit_log"]
Weighting = Literal["auto", "counted", "equal", "replicates", "proportional"]
COUNTED_FROM = 100.0  #: a median response below this is no count of a minute
NO_RESPONSE = 0.01
BOUND = (
    "S",
    "B0",
    "U",
    "C",
)  #: roles that went through the whole assay: total counts were only pipetted, NSB lacks the antibody


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the person chose: model, weights, asymptotes that are known, a stored curve to be recalibrated."""

    model: ModelName = "4pl"
    weights: Weighting = "auto"
    variance: Variance | None = None
    held_zero: float | None = None
    held_infinite: float | None = None
    master: Curve | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standards:
    """The standards' tubes: dose[tube], gross and net response[tube], the file's line of each, and the logit-log line."""

    dose: Floats
    gross: Floats
    net: Floats
    lines: tuple[int, ...]
    background: float
    zero_gross: float | None
    logit: LogitLine | None = None


def standards_of(assay: Assay, doses: Doses, name: str) -> Standards:
    """Every standard tube net of the mean non-specific binding (blank), by rising dose; refuses what is no series of doses."""
    tubes = sorted(assay.of("S", "B0"), key=lambda tube: tube.dose or 0.0)
    logs = doses.scale != "linear"
    tubes = [tube for tube in tubes if not (logs and tube.role == "B0")]
    dose = np.array([doses.read(tube.dose or 0.0) for tube in tubes])
    if np.any(dose < 0) or not np.all(np.isfinite(dose)):
        raise Refused(
            "negative_dose",
            en=f"{name}: a standard has a negative dose; if the column holds logarithms, say --dose-scale ln or log10",
            zh=f"{name}：有标准品的剂量为负；若该列为对数，请用 --dose-scale ln 或 log10。",
        )
    background = float(assay.responses("NSB").mean()) if assay.of("NSB") else 0.0
    gross = np.array([tube.response for tube in tubes])
    zero = gross[dose == 0]
    return Standards(
        dose=dose,
        gross=gross,
        net=gross - background,
        lines=tuple(tube.line for tube in tubes),
        background=background,
        zero_gross=float(zero.mean()) if len(zero) else None,
    )


def variance_of(assay: Assay, asked: Asked) -> Variance:
    """The declared variance; else counting statistics where tubes were counted; else equal weights."""
    if asked.variance is not None:
        return asked.variance
    kind = asked.weights
    if kind == "auto":
        counted = assay.of("T", "NSB") and float(np.median(assay.responses("S", "B0"))) >= COUNTED_FROM
        kind = "counted" if counted else "equal"
    if kind == "replicates":
        found = estimated_variance(assay.groups(BOUND))
        if found is None:
            raise Refused(
                "few_replicates",
                en="the replicates are too few to tell how the scatter grows with the response; give duplicates of the standards "
                "and unknowns, or choose --weights counted or equal",
                zh="重复管太少，无法估计离散度随响应的变化；请提供标准品和样品的复管，或选择 --weights counted 或 equal。",
            )
        return found
    if kind == "proportional":
        return Variance(quadratic=1.0)
    return COUNTED if kind == "counted" else EQUAL


def curve_of(standards: Standards, variance: Variance, asked: Asked, name: str) -> tuple[StandardCurve, LogitLine | None]:
    """The fitted curve, and the logit-log line where a competitive assay has a zero standard."""
    line = _logit(standards, variance)
    if asked.master is not None:
        fit = _recalibrated(standards, variance, asked.master, name)
    elif asked.model == "logit_log":
        if line is None or standards.zero_gross is None:
            raise Refused(
                "no_logit_line",
                en=f"{name}: logit-log needs a zero standard (B0) and at least two standards with 0 < B/B0 < 1",
                zh=f"{name}：logit-log 需要零标准管（B0）以及至少两个 0 < B/B0 < 1 的标准品。",
            )
        fit = line_as_fit(line, standards.zero_gross - standards.background)
    else:
        fit = _fitted(standards, variance, asked, name)
    above = standards.dose[standards.dose > 0]
    curve = StandardCurve(
        fit=fit,
        background=standards.background,
        variance=variance,
        lowest=float(above.min()),
        highest=float(above.max()),
        zero_response=standards.zero_gross,
        scaled_at=float(np.mean(np.log(np.maximum(np.abs(standards.gross), np.finfo(float).tiny)))),
    )
    return curve, line


def _fitted(standards: Standards, variance: Variance, asked: Asked, name: str) -> Fit:
    model = Model(
        five=asked.model in ("5pl", "growth"),
        family="growth" if asked.model == "growth" else "reader",
        held_zero=asked.held_zero,
        held_infinite=asked.held_infinite,
    )
    _enough(standards, len(model.free), name)
    if variance.absolute or variance.uniform:
        fit = fit_curve(standards.dose, standards.net, 1 / variance.of(standards.gross), model)
    else:
        fit = reweighted_fit(
            standards.dose,
            standards.net,
            lambda net: variance.of(net + standards.background),
            lambda dose, response, weights: fit_curve(dose, response, weights, model),
        )
    _related(standards, variance, fit, name)
    if not fit.converged:
        simpler = "4pl" if model.five else "logit_log"
        raise Refused(
            "no_curve",
            en=f"{name}: the standards do not determine {len(model.free)} parameters (the curve runs off to an extreme); add "
            f"standards near both plateaus, hold a known plateau (--response-at-infinity 0) or choose --model {simpler}",
            zh=f"{name}：标准品不足以确定 {len(model.free)} 个参数（拟合趋于极端）；请在两端平台附近增加标准品、固定已知平台"
            f"（--response-at-infinity 0），或选择 --model {simpler}。",
        )
    return fit


def _enough(standards: Standards, parameters: int, name: str) -> None:
    levels = len(set(standards.dose.tolist()))
    if levels < parameters or len(standards.dose) <= parameters or not np.any(standards.dose > 0):
        raise Refused(
            "too_few_standards",
            en=f"{name}: {len(standards.dose)} standard tubes at {levels} doses; this curve has {parameters} parameters and needs "
            f"at least {parameters} doses and {parameters + 1} tubes",
            zh=f"{name}：{len(standards.dose)} 支标准管、{levels} 个剂量；该曲线有 {parameters} 个参数，至少需要 {parameters} 个剂量、"
            f"{parameters + 1} 支管。",
        )


def _related(standards: Standards, variance: Variance, fit: Fit, name: str) -> None:
    """Refuse standards whose responses do not depend on the dose (F test of the curve against one mean)."""
    weights = 1 / variance.of(standards.gross)
    mean = float(weights @ standards.net / weights.sum())
    flat = float(weights @ (standards.net - mean) ** 2)
    extra = len(fit.model.free) - 1
    if fit.freedom < 1 or fit.chi_square <= 1e-12 * flat or extra < 1:
        related = flat > 0
    else:
        f = (flat - fit.chi_square) / extra / fit.scatter
        related = bool(scipy.stats.f.sf(f, extra, fit.freedom) < NO_RESPONSE)
    if not related:
        raise Refused(
            "no_dose_response",
            en=f"{name}: the response does not change with the dose of the standards beyond its scatter; are doses and responses "
            "in their right rows?",
            zh=f"{name}：标准品的响应未随剂量发生超出离散度的变化；剂量与响应是否对应错行？",
        )


def _logit(standards: Standards, variance: Variance) -> LogitLine | None:
    if standards.zero_gross is None or standards.zero_gross <= standards.background:
        return None
    zero = standards.zero_gross - standards.background
    line = logit_line(standards.dose, standards.net, zero, variance.of(standards.gross))
    return line if line is not None and line.slope < 0 else None


def _recalibrated(standards: Standards, variance: Variance, master: Curve, name: str) -> Fit:
    """The stored curve with offset and factor from the day's calibrators (two levels or more)."""
    levels = len(set(standards.dose.tolist()))
    if levels < 2:
        raise Refused(
            "too_few_calibrators",
            en=f"{name}: {levels} calibrator level; two are needed to recalibrate a stored curve",
            zh=f"{name}：只有 {levels} 个校准品浓度；重新校准已存曲线需要两个。",
        )
    design = np.column_stack([np.ones_like(standards.dose), master.response(standards.dose)])
    weights = 1 / variance.of(standards.gross)
    of_two = np.linalg.inv(design.T @ (weights[:, None] * design))
    offset, factor = of_two @ (design.T @ (weights * standards.net))
    if factor <= 0:
        raise Refused(
            "calibrators_reversed",
            en=f"{name}: the calibrators respond in the opposite direction to the stored curve; are they exchanged?",
            zh=f"{name}：校准品响应方向与已存曲线相反，两个校准品是否放反？",
        )
    residual = standards.net - design @ np.array([offset, factor])
    turn = np.zeros((5, 2))
    turn[0], turn[1] = (1.0, master.a), (1.0, master.d)
    freedom = len(standards.dose) - 2
    return Fit(
        curve=master.adjusted(float(offset), float(factor)),
        covariance=turn @ of_two @ turn.T,
        chi_square=float(weights @ residual**2) if freedom else math.nan,
        freedom=freedom,
        converged=True,
        model=Model(),
    )
