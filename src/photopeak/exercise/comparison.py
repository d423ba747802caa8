"""Answers of an exercise held against the known truth: deviation, zeta where an uncertainty was stated, and the round as a whole.

The truth of a digital phantom is exact, so no consensus is needed: one hospital alone can be told how far off it is. zeta = (x - truth)
/ sqrt(u² + u_truth²) (ISO 13528:2022, 9.7); |zeta| > 2 says that the stated uncertainty does not cover the error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from photopeak.evidence import Evidence
from photopeak.exercise.allowable import declared_limits_of
from photopeak.exercise.answers import Answer, Key, Truth, answers_of, asked, truths_of
from photopeak.figure import Axis, Chart, Figure, Points
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Refused, Remark, Result, procedure, remark
from photopeak.table import Table
from photopeak.words import Words

DEVIATION = Quantity(name="deviation_from_truth", unit="%", en="deviation from the truth", zh="与真值的偏差")
DIFFERENCE = Quantity(
    name="difference_from_truth", unit="1", en="difference from a truth of zero", zh="与真值（零）之差", judged=False
)
ZETA = Quantity(name="zeta", unit="1", en="zeta score", zh="zeta 比分数", judged=False)
MEDIAN = Quantity(name="median_deviation", unit="%", en="median deviation of the round", zh="全体偏差中位数", judged=False)
SPREAD = Quantity(name="robust_spread", unit="%", en="robust spread of the round", zh="全体稳健离散", judged=False)
ANSWERED = Quantity(name="answered_share", unit="%", en="questions answered", zh="作答率")
TO_STANDARD = 1.4826  # of a median absolute deviation of normal values
COVERED = 2.0
LEAST_FOR_SPREAD = 3
NAMED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Result):
    """`by_question`: the deviations of all hospitals, by question."""

    truths: Mapping[Key, Truth]
    by_question: Mapping[Key, tuple[Measurement, ...]]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(_chart(key, measurements) for key, measurements in self.by_question.items())

    def declared_limits(self) -> tuple[Any, ...]:
        return declared_limits_of(self.truths, DEVIATION.name)


def accepts(evidence: Evidence) -> Words | None:
    table = evidence.images
    if not isinstance(table, Table) or not table.has("laboratory", "quantity", "value"):
        return Words("the columns laboratory, quantity, value are missing", "缺少列 laboratory、quantity、value")
    if table.has("truth") or isinstance(evidence.facts.get("sealed"), Evidence):
        return None
    return Words("no truth was handed in beside the answers", "未随答卷提供真值")


@procedure(
    en="Exercise: answers against the truth",
    zh="演练答卷与真值比对",
    implements="ISO 13528:2022, 9 (zeta), with a known truth",
    kinds=("table",),
    quantities=(DEVIATION, DIFFERENCE, ZETA, MEDIAN, SPREAD, ANSWERED),
    accepts=accepts,
)
def comparison(evidence: Evidence) -> Comparison:
    """Deviation and zeta of every answer; median and spread over the hospitals; share of questions answered."""
    truths = truths_of(evidence)
    answers, remarks = answers_of(evidence, truths)
    if not answers:
        words = remarks[0].words if remarks else Words("the table is empty", "表格为空")
        raise Refused(
            "no_answers", en=f"{evidence.name}: no usable answer: {words.en}", zh=f"{evidence.name}：没有可用的作答：{words.zh}"
        )
    by_question: dict[Key, tuple[Measurement, ...]] = {}
    measurements: list[Measurement] = []
    for key, truth in truths.items():
        own = [one for one in answers if one.key == key]
        deviations = tuple(_deviation(one, truth) for one in own)
        if deviations:
            by_question[key] = deviations
        measurements += [*deviations, *_zetas(own, truth), *_round(key, truth, deviations)]
    measurements += [ANSWERED.of(share, laboratory=name) for name, share in asked(truths, answers).items()]
    return Comparison(
        measurements=tuple(measurements),
        remarks=(*_few(remarks), *_uncovered(answers, truths)),
        truths=truths,
        by_question=by_question,
    )


def _place(key: Key, **more: str) -> dict[str, Any]:
    name, place = key
    return {**more, "quantity": name, **({"place": place} if place else {})}


def _deviation(answer: Answer, truth: Truth) -> Measurement:
    where = _place(answer.key, laboratory=answer.laboratory)
    known = answer.uncertainty is not None
    u = math.hypot(answer.uncertainty or 0.0, truth.uncertainty)
    if truth.value == 0:
        return DIFFERENCE.of(answer.value, u if known else None, **where)
    return DEVIATION.of(100 * (answer.value / truth.value - 1), 100 * u / abs(truth.value) if known else None, **where)


def _zeta(answer: Answer, truth: Truth) -> float | None:
    u = math.hypot(answer.uncertainty or 0.0, truth.uncertainty)
    return (answer.value - truth.value) / u if answer.uncertainty is not None and u > 0 else None


def _zetas(answers: Sequence[Answer], truth: Truth) -> list[Measurement]:
    scored = [(one, _zeta(one, truth)) for one in answers]
    return [ZETA.of(zeta, **_place(one.key, laboratory=one.laboratory)) for one, zeta in scored if zeta is not None]


def _round(key: Key, truth: Truth, deviations: Sequence[Measurement]) -> list[Measurement]:
    """Median and robust spread over the hospitals, where there are enough of them."""
    if truth.value == 0 or len(deviations) < LEAST_FOR_SPREAD:
        return []
    values = np.array([one.value for one in deviations])
    median = float(np.median(values))
    spread = TO_STANDARD * float(np.median(np.abs(values - median)))
    u = math.sqrt(math.pi / 2) * spread / math.sqrt(len(values))
    return [MEDIAN.of(median, u, **_place(key)), SPREAD.of(spread, **_place(key))]


def _uncovered(answers: Sequence[Answer], truths: Mapping[Key, Truth]) -> tuple[Remark, ...]:
    found = []
    for one in answers:
        zeta = _zeta(one, truths[one.key])
        if zeta is not None and abs(zeta) > COVERED:
            found.append(f"{one.laboratory} ({' '.join(one.key).strip()}, zeta {zeta:+.1f})")
    if not found:
        return ()
    names = ", ".join(found[:NAMED]) + (" ..." if len(found) > NAMED else "")
    return (
        remark(
            "uncertainty_does_not_cover",
            en=f"the stated uncertainty (k = 2) does not cover the error: {names}",
            zh=f"所给不确定度（k = 2）未能覆盖误差：{names}",
        ),
    )


def _few(remarks: Sequence[Remark]) -> tuple[Remark, ...]:
    if len(remarks) <= NAMED:
        return tuple(remarks)
    rest = len(remarks) - NAMED
    more = remark("answer_not_used", en=f"{rest} more rows were not used", zh=f"另有 {rest} 行未使用")
    return (*remarks[:NAMED], more)


def _chart(key: Key, measurements: tuple[Measurement, ...]) -> Chart:
    name = " ".join(key).strip()
    count = len(measurements)
    return Chart(
        title=Words(name, name),
        x=Axis(label=Words("laboratory, in the order of the table", "单位（按表中顺序）"), low=0.5, high=count + 0.5),
        y=Axis(label=measurements[0].quantity.words, unit="%" if measurements[0].unit == "%" else ""),
        marks=(Points(x=tuple(float(n) for n in range(1, count + 1)), measurements=measurements, joined=False),),
        group="exercise",
    )
