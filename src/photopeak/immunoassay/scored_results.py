"""Every result of a round against the target of its group: exact deviations, the scores its group allows, who did not return."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from photopeak.criterion import Criterion
from photopeak.immunoassay import allowable_error as limits
from photopeak.immunoassay.allowable_error import AllowableError
from photopeak.immunoassay.consensus import NEGLIGIBLE
from photopeak.immunoassay.results_table import Reported
from photopeak.immunoassay.round_targets import GroupTarget, SampleTargets
from photopeak.immunoassay.scores import en_score, exact_percent, z_prime, z_score, zeta
from photopeak.measurement import Measurement, Quantity

DEVIATION_PERCENT = Quantity(name="deviation_percent", unit="%", en="deviation from the target", zh="相对靶值的偏差")
DEVIATION = Quantity(name="deviation", unit="1", en="deviation in the unit of the result", zh="偏差（结果单位）", judged=False)
PERCENT_OF_ALLOWABLE = Quantity(
    name="percent_of_allowable",
    unit="%",
    en="deviation in per cent of the allowable error",
    zh="偏差占允许总误差的百分比",
    judged=False,
)
EN_SCORE = Quantity(name="en_score", unit="1", en="En score", zh="En 值", judged=False)
Z_SCORE = Quantity(name="z_score", unit="1", en="z score", zh="z 比分数", judged=False)
Z_PRIME = Quantity(name="z_prime", unit="1", en="z' score", zh="z' 比分数", judged=False)
ZETA = Quantity(name="zeta", unit="1", en="zeta score", zh="ζ 比分数", judged=False)
PT_SCORE = Quantity(name="pt_score", unit="%", en="share of acceptable results", zh="PT 得分（合格结果比例）", judged=False)

ZERO_STATES = ("late", "not_returned")  #: count as not acceptable
COVERAGE = 2.0  #: of the expanded uncertainty of the target in En
LEFT_OUT = ("excused", "withdrawn", "technical")  #: shown, neither good nor bad


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """What a round is scored by: an allowable error and sigma_pt for each analyte ("" for any)."""

    allowable: Mapping[str, AllowableError] = field(default_factory=dict)
    sigma_pt: Mapping[str, float] = field(default_factory=dict)
    strict: bool = False  #: boundary rule of ranges that stand in the table itself

    def allowable_of(self, analyte: str) -> AllowableError | None:
        return self.allowable.get(analyte, self.allowable.get(""))

    def sigma_of(self, analyte: str) -> float | None:
        return self.sigma_pt.get(analyte, self.sigma_pt.get(""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What one group is scored against. `sigma` of its z; `kind`: reference, or as the consensus allows (none, fixed, z_prime, z)."""

    value: Decimal
    u: float
    sigma: float | None
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One result with its measurements. `good`: meets the allowable error (None: not known or not judged)."""

    reported: Reported
    group: GroupTarget
    target: Target | None
    measurements: tuple[Measurement, ...] = ()
    good: bool | None = None
    limit_percent: float | None = None  #: the deviation of a result that is only a limit
    analyser: str = ""  #: named where the laboratory reports from several


def target_of(group: GroupTarget, scoring: Scoring) -> Target | None:
    """The declared target, else the consensus of the group; None where there is neither or it is zero."""
    declared, main = group.declared, group.main
    sigma = scoring.sigma_of(group.analyte)
    if declared is not None and declared.target is not None:
        return (
            None
            if declared.target == 0
            else Target(value=declared.target, u=declared.uncertainty or 0.0, sigma=sigma, kind="reference")
        )
    if main is None or main.location == 0:
        return None
    u = math.hypot(main.u, group.u_others)
    kind = group.kind
    if kind in ("z", "z_prime"):
        own = main.spread if sigma is None else sigma
        kind = "z" if u < NEGLIGIBLE * own else "z_prime"
        sigma = own if own > 0 else None
    return Target(value=Decimal(repr(main.location)), u=u, sigma=sigma if kind != "fixed" else None, kind=kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLimit:
    """The limit of one group, and the allowable deviations in per cent (low, high) before an uncertain target widened them."""

    criterion: Criterion
    allowable: tuple[float, float]


GroupLimits = dict[tuple[str, str, str], GroupLimit]


def limits_of(samples: Iterable[SampleTargets], scoring: Scoring) -> GroupLimits:
    """The declared limit of every (analyte, sample, group); those without one are left out."""
    found = {}
    for sample in samples:
        for group in sample.groups:
            if (limit := _limit_of_group(group, scoring)) is not None:
                found[(group.analyte, group.sample, group.group)] = limit
    return found


def _limit_of_group(group: GroupTarget, scoring: Scoring) -> GroupLimit | None:
    target = target_of(group, scoring)
    allowable = scoring.allowable_of(group.analyte)
    declared = group.declared
    if declared is not None and declared.lower is not None and declared.upper is not None:
        inclusive = allowable.inclusive if allowable is not None else not scoring.strict
        allowable = AllowableError(kind="range", lower=declared.lower, upper=declared.upper, inclusive=inclusive)
    if target is None or allowable is None:
        return None
    sigma = scoring.sigma_of(group.analyte) or (group.main.spread if group.main is not None else None)
    bounds = allowable.bounds(target.value, analyte=group.analyte, unit=group.unit, sigma=sigma)
    if bounds is None:
        return None
    where = {"analyte": group.analyte, "sample": group.sample}
    where = {key: text for key, text in where.items() if text} | {"method_group": group.group}
    criterion = limits.criterion_of(allowable, bounds, u_percent=100 * target.u / abs(float(target.value)), where=where)
    return GroupLimit(criterion=criterion, allowable=bounds)


def scored(sample: SampleTargets, scoring: Scoring, declared: GroupLimits) -> list[Scored]:
    """Every result of one sample, in the order of the table within its groups."""
    several = _several_analysers(sample.results)
    found = []
    for group in sample.groups:
        target = target_of(group, scoring)
        limit = declared.get((group.analyte, group.sample, group.group))
        for one in group.members:
            analyser = one.instrument if one.laboratory in several else ""
            found.append(_scored(one, group, target, limit, analyser))
    return found


def _several_analysers(results: Iterable[Reported]) -> set[str]:
    analysers: dict[str, set[str]] = defaultdict(set)
    for one in results:
        analysers[one.laboratory].add(one.instrument)
    return {laboratory for laboratory, names in analysers.items() if len(names) > 1}


def _scored(one: Reported, group: GroupTarget, target: Target | None, limit: GroupLimit | None, analyser: str) -> Scored:
    if one.state in ZERO_STATES:
        return Scored(reported=one, group=group, target=target, good=False, analyser=analyser)
    if one.state or one.value is None or target is None:
        return Scored(reported=one, group=group, target=target, analyser=analyser)
    where = _where(one, group, target, analyser)
    percent = exact_percent(one.value, target.value)
    u_percent = 100 * float(one.value) * target.u / float(target.value) ** 2
    if one.sign:
        good = limits.limit_met(one.sign, percent, limit.criterion) if limit is not None else None
        wrong = (_measured(DEVIATION_PERCENT, percent, 0.0, where | {"censored": one.sign}),) if good is False else ()
        return Scored(
            reported=one, group=group, target=target, measurements=wrong, good=good, limit_percent=percent, analyser=analyser
        )
    deviation = _measured(DEVIATION_PERCENT, percent, abs(u_percent), where)
    good = limits.acceptable(deviation, limit.criterion) if limit is not None else None
    measured = (deviation, *_other_scores(one, group, target, limit, where))
    return Scored(reported=one, group=group, target=target, measurements=measured, good=good, analyser=analyser)


def _where(one: Reported, group: GroupTarget, target: Target, analyser: str) -> dict[str, str | float]:
    names = {"laboratory": one.laboratory, "analyte": group.analyte, "sample": group.sample, "method_group": group.group}
    names |= {"instrument": analyser}
    where: dict[str, str | float] = {key: text for key, text in names.items() if text}
    where["target"] = float(target.value)
    return where | ({"unit": limits.canonical(group.unit)} if group.unit else {})


def _other_scores(
    one: Reported, group: GroupTarget, target: Target, limit: GroupLimit | None, where: Mapping[str, str | float]
) -> tuple[Measurement, ...]:
    """D in the unit, its share of the allowable error (of the side it lies on), the z scores, En."""
    plain = {key: text for key, text in where.items() if key not in ("target", "unit")}
    value = one.value if one.value is not None else target.value
    unit = limits.canonical(group.unit) or "1"
    found = [Measurement(quantity=DEVIATION, value=float(value - target.value), unit=unit, uncertainty=target.u, where=plain)]
    percent = exact_percent(value, target.value)
    if limit is not None:
        edge = limit.allowable[1] if percent >= 0 else -limit.allowable[0]
        found += [_measured(PERCENT_OF_ALLOWABLE, 100 * percent / edge, None, plain)] if edge > 0 else []
    found += _z_scores(one, group, target, plain)
    if one.expanded is not None and (one.expanded > 0 or target.u > 0):
        found.append(
            _measured(EN_SCORE, en_score(float(value), float(target.value), one.expanded, COVERAGE * target.u), None, plain)
        )
    return tuple(found)


def _z_scores(one: Reported, group: GroupTarget, target: Target, plain: Mapping[str, str | float]) -> tuple[Measurement, ...]:
    """z where the target's uncertainty is negligible, else z'; both against a declared sigma_pt; zeta with the laboratory's own u."""
    value, centre, u = float(one.value or 0), float(target.value), target.u
    sigma = target.sigma
    if group.scale == "log" and value > 0:
        # on logarithms, whose spread and uncertainty are relative
        value, centre, u = math.log(value), math.log(centre), u / centre
        sigma = None if sigma is None else sigma / float(target.value)
    found = []
    if sigma is not None and sigma > 0:
        negligible = u < NEGLIGIBLE * sigma
        if negligible or target.kind == "reference":
            found.append(_measured(Z_SCORE, z_score(value, centre, sigma), None, plain))
        if not negligible:
            found.append(_measured(Z_PRIME, z_prime(value, centre, sigma, u), None, plain))
    own = one.uncertainty
    if own is not None and (own > 0 or target.u > 0):
        found.append(_measured(ZETA, zeta(float(one.value or 0), float(target.value), own, target.u), None, plain))
    return tuple(found)


def _measured(
    quantity: Quantity, value: float | npt.NDArray[np.float64], u: float | None, where: Mapping[str, str | float]
) -> Measurement:
    return Measurement(quantity=quantity, value=float(value), unit=quantity.unit, uncertainty=u, where=where)


def pt_scores(results: Iterable[Scored]) -> tuple[Measurement, ...]:
    """Acceptable results over those due, of each laboratory, analyte and analyser; a late or missing one is not acceptable.

    A laboratory whose result awaits clarification (unreadable, unit, duplicate) has no score for that analyte yet.
    """
    tally: dict[tuple[str, str, str], list[bool | None]] = defaultdict(list)
    for one in results:
        if one.reported.state in LEFT_OUT:
            continue
        tally[(one.reported.laboratory, one.reported.analyte, one.analyser)].append(one.good)
    found = []
    for (laboratory, analyte, analyser), goods in tally.items():
        if any(good is None for good in goods):
            continue
        where = {"laboratory": laboratory, "analyte": analyte, "instrument": analyser}
        share = 100 * sum(bool(good) for good in goods) / len(goods)
        found.append(_measured(PT_SCORE, share, 0.0, {key: text for key, text in where.items() if text}))
    return tuple(found)
