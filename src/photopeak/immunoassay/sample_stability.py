"""Stability of the samples of an EQA round: the change of the mean from the first period to each later one.

ISO 13528:2022, Annex B: the difference is held against 0.3 sigma_pt (or 0.1 of the allowable error), and against that plus twice the
uncertainty of the difference. Storage and transport are periods like any other: name them as you like, the first row's is the start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from photopeak.entry import Entry, asked
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Points
from photopeak.immunoassay.allowable_error import Limits
from photopeak.immunoassay.consensus import NEGLIGIBLE, NEGLIGIBLE_OF_ERROR
from photopeak.immunoassay.replicates import Items, Measured, accepts_columns, declared_limit, read_items
from photopeak.immunoassay.results_table import problem_remarks
from photopeak.immunoassay.round_words import place_words
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.words import Words

DIFFERENCE = Quantity(name="difference", unit="1", en="difference from the first period", zh="与首个时间点之差")
PERIOD_MEAN = Quantity(name="period_mean", unit="1", en="mean of the period", zh="时间点均值", judged=False)
NEEDED = ("period", "item", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStability(Result):
    """`means`: for each sample its periods' means, as measurements."""

    means: tuple[tuple[Words, tuple[Measurement, ...]], ...]
    limits: Limits = ()

    def declared_limits(self) -> Limits:
        return self.limits

    def figures(self) -> tuple[Figure, ...]:
        """The mean of each period with its uncertainty."""
        return tuple(_chart(place, means) for place, means in self.means)


def accepts_periods(evidence: Evidence) -> Words | None:
    return accepts_columns(evidence, NEEDED)


ENTRIES = (
    Entry(
        words=Words("items", "各单元"),
        rows=(
            asked("period", "period", "时间点", "text"),
            asked("item", "item", "单元", "text"),
            asked("replicate", "replicate", "重复", "text"),
            asked("value", "result", "结果"),
        ),
    ),
)


@procedure(
    en="Sample stability",
    zh="样品稳定性",
    implements="ISO 13528:2022, Annex B",
    kinds=("table",),
    quantities=(DIFFERENCE, PERIOD_MEAN),
    accepts=accepts_periods,
    entries=ENTRIES,
)
def sample_stability(
    evidence: Evidence,
    *,
    sigma_pt: Annotated[float | None, Words("standard deviation for proficiency assessment", "能力评定标准差")] = None,
    allowable_absolute: Annotated[float | None, Words("allowable error in the unit", "允许总误差（绝对值）")] = None,
) -> SampleStability:
    samples, problems = read_items(evidence, NEEDED)
    remarks: list[Remark] = list(problem_remarks(problems))
    allowed = NEGLIGIBLE * sigma_pt if sigma_pt is not None else None
    allowed = NEGLIGIBLE_OF_ERROR * allowable_absolute if allowed is None and allowable_absolute is not None else allowed
    measurements: list[Measurement] = []
    means, limits = [], []
    for sample in samples:
        place = place_words(sample.where.get("analyte", ""), sample.where.get("sample", ""))
        differences, own = _differences(sample, place)
        measurements += [*differences, *own]
        means.append((place, own))
        remarks += [_real_change(place, one) for one in differences if _is_real(one)]
        if allowed is not None:
            limits += [limit for one in differences for limit in _limits(one, allowed)]
    if allowed is None:
        remarks.append(
            remark(
                "no_allowable_error",
                en="neither sigma_pt nor an allowable error was declared: the differences are measured, nothing is judged",
                zh="未声明能力评定标准差或允许总误差：只给出差值，不作判定",
            )
        )
    return SampleStability(
        measurements=tuple(measurements),
        remarks=tuple(remarks),
        conditions=(Condition(label=Words("samples", "样品数"), value=Words(str(len(samples)), str(len(samples)))),),
        means=tuple(means),
        limits=tuple(limits),
    )


def _differences(sample: Measured, place: Words) -> tuple[list[Measurement], tuple[Measurement, ...]]:
    if len(sample.periods) < 2:
        only = next(iter(sample.periods))
        raise Refused(
            "one_period",
            en=f"{place.en}: only the period {only!r} was measured; at least one later period is needed",
            zh=f"{place.zh}：只有一个时间点“{only}”，至少还需要一个后续时间点。",
        )
    unit = sample.unit or "1"
    means = tuple(_mean(items, unit, {**sample.where, "period": name}) for name, items in sample.periods.items())
    first = means[0]
    differences = []
    for later in means[1:]:
        known = first.uncertainty is not None and later.uncertainty is not None
        u = math.hypot(first.uncertainty or 0.0, later.uncertainty or 0.0) if known else None
        differences.append(
            Measurement(quantity=DIFFERENCE, value=later.value - first.value, unit=unit, uncertainty=u, where=later.where)
        )
    return differences, means


def _mean(items: Items, unit: str, where: dict[str, str]) -> Measurement:
    """The mean over items; its uncertainty from the spread of the item means, of the replicates where there is one item."""
    each = np.array([np.mean(values) for values in items.values()])
    every = np.array([value for values in items.values() for value in values])
    spread = each if len(each) > 1 else every
    u = None if len(spread) < 2 else float(spread.std(ddof=1) / math.sqrt(len(spread)))
    return Measurement(quantity=PERIOD_MEAN, value=float(every.mean()), unit=unit, uncertainty=u, where=where)


def _limits(one: Measurement, allowed: float) -> Limits:
    wide = allowed + 2 * (one.uncertainty or 0.0)
    return (
        declared_limit("difference", one.unit, allowed, "B.5", lower=-allowed, where=one.where),
        declared_limit("difference", one.unit, wide, "B.5 (expanded)", lower=-wide, where=one.where),
    )


def _is_real(one: Measurement) -> bool:
    return one.uncertainty is not None and abs(one.value) > 3 * one.uncertainty > 0


def _real_change(place: Words, one: Measurement) -> Remark:
    period = one.where["period"]
    return remark(
        "sample_changed",
        en=f"{place.en}: the mean changed by {one.value:+.3g} until {period}, more than three times its standard uncertainty",
        zh=f"{place.zh}：到 {period} 时均值变化 {one.value:+.3g}，超过其标准不确定度的三倍",
    )


def _chart(place: Words, means: tuple[Measurement, ...]) -> Chart:
    return Chart(
        title=Words(f"{place.en}: mean of each period", f"{place.zh}：各时间点均值"),
        x=Axis(label=Words("period", "时间点"), low=0.0),
        y=Axis(label=Words("mean", "均值"), unit=means[0].unit),
        marks=(Points(x=tuple(float(n) for n in range(1, len(means) + 1)), measurements=means),),
        group="stability",
    )
