"""A measurement held against a criterion: pass, fail, undecided, not assessed. `decide` is the only judge."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from photopeak.criterion import Criterion
from photopeak.measurement import Measurement
from photopeak.words import Words

Outcome = Literal["pass", "fail", "undecided", "not_assessed"]

OUTCOME_WORDS: dict[str, Words] = {
    "pass": Words("pass", "合格"),
    "fail": Words("fail", "不合格"),
    "undecided": Words("undecided", "未定"),
    "not_assessed": Words("not assessed", "未评定"),
}

REASONS: dict[str, Words] = {
    "no_verified_limit": Words("no verified limit", "无已核实的限值"),
    "not_measured": Words("not measured", "未测得"),
    "unit": Words("limit and result are in different units", "限值与结果单位不一致"),
    "no_uncertainty": Words("the result has no stated uncertainty", "结果未给出不确定度"),
    "programme_not_chosen": Words("name the programme (--programme)", "请指定项目（--programme）"),
    "straddles": Words(
        "the interval straddles the limit; repeat or improve the measurement", "区间跨越限值，请重复测量或改善测量条件"
    ),
    "noise_limited": Words(
        "too few counts: noise alone may explain the excess; collect more counts", "计数不足，超出部分可由噪声解释，请增加计数"
    ),
    "dead_area": Words("an area inside the field has no counts", "视野内有无计数区域"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome for one measurement (None: nothing was measured) and one criterion (None: no limit is known)."""

    outcome: Outcome
    measurement: Measurement | None
    criterion: Criterion | None
    reason: str = ""


def decide(measurement: Measurement | None, criterion: Criterion | None, coverage: float = 2.0) -> Verdict:
    """Hold `measurement` ± `coverage` standard uncertainties against `criterion`.

    Pass when the whole interval lies within the limits (bounds included, unless the criterion is strict), fail when it lies
    wholly outside, else undecided (guard band, ISO 14253-1 / JCGM 106). A fail of a measurement that noise may explain needs its
    noise-corrected companion to fail as well. Without a limit, a measurement, a common unit or an uncertainty: not assessed, and
    never a pass.
    """
    if criterion is not None and measurement is not None and measurement.unit == criterion.unit:
        known = criterion.at(measurement)
        if known is None:
            return Verdict(outcome="not_assessed", measurement=measurement, criterion=criterion, reason="unit")
        criterion, coverage = known, coverage if known.coverage is None else known.coverage
    outcome, reason = _outcome(measurement, criterion, coverage)
    return Verdict(outcome=outcome, measurement=measurement, criterion=criterion, reason=reason)


def _outcome(measurement: Measurement | None, criterion: Criterion | None, coverage: float) -> tuple[Outcome, str]:
    if criterion is None or not criterion.has_limit:
        return "not_assessed", "no_verified_limit"
    if measurement is None:
        return "not_assessed", "not_measured"
    if measurement.unit != criterion.unit:
        return "not_assessed", "unit"
    if measurement.uncertainty is None and coverage > 0:
        return "not_assessed", "no_uncertainty"
    lower, upper = criterion.lower, criterion.upper
    margin = coverage * (measurement.uncertainty or 0.0)
    low, high = measurement.value - margin, measurement.value + margin
    within = operator.le if criterion.inclusive else operator.lt
    if (lower is not None and not within(lower, high)) or (upper is not None and not within(low, upper)):
        companion = measurement.noise_corrected
        if companion is not None and _outcome(companion, criterion, coverage)[0] != "fail":
            return "undecided", "noise_limited"
        return "fail", ""
    if (lower is None or within(lower, low)) and (upper is None or within(high, upper)):
        return "pass", ""
    return "undecided", "straddles"


def judge(measurements: Iterable[Measurement], criteria: Iterable[Criterion], coverage: float = 2.0) -> tuple[Verdict, ...]:
    """Every measurement against every criterion that concerns it; what has no partner on either side is not assessed.

    A criterion about something that was not measured at all (another tracer) is no partner that is missed.
    """
    measured = tuple(measurements)
    rows = [row for row in criteria if not row.about or any(row.is_about(m) for m in measured)]
    by_quantity: dict[str, list[int]] = defaultdict(list)  # a national round has a hundred thousand results and many limits
    for n, row in enumerate(rows):
        by_quantity[row.quantity].append(n)
    verdicts, alone, met = [], [], set()
    for one in measured:
        found = [n for n in by_quantity[one.quantity.name] if rows[n].concerns(one)]
        verdicts += [decide(one, rows[n], coverage) for n in found]
        met.update(found)
        if not found and one.quantity.judged:
            alone.append(decide(one, None))
    return (*verdicts, *alone, *(decide(None, row) for n, row in enumerate(rows) if n not in met))
