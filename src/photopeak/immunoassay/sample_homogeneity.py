"""Homogeneity of the samples of an EQA round: standard deviation between and within items.

ISO 13528:2022, Annex B: one-way analysis of variance of g items with replicates, also with unequal numbers of them. The between-item
standard deviation is held against 0.3 sigma_pt (or 0.1 of the allowable error), and against the expanded criterion that allows for
the uncertainty of the estimate. Cochran's test of the replicate variances comes first; a trend over the items is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import scipy

from photopeak.entry import Entry, asked
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line
from photopeak.immunoassay.allowable_error import Limits
from photopeak.immunoassay.consensus import NEGLIGIBLE, NEGLIGIBLE_OF_ERROR
from photopeak.immunoassay.replicates import Items, accepts_columns, declared_limit, read_items
from photopeak.immunoassay.results_table import problem_remarks, table_of
from photopeak.immunoassay.round_words import place_words
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

S_BETWEEN = Quantity(name="s_between", unit="1", en="standard deviation between items", zh="样品间标准差")
S_WITHIN = Quantity(name="s_within", unit="1", en="standard deviation within items", zh="样品内标准差", judged=False)
NEEDED = ("item", "value")
FEWEST_ITEMS = 2
ADVISED_ITEMS = 10
SIGNIFICANT = 0.01  # Cochran
TREND = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Variances:
    """The analysis of one sample: general mean, s_x of the item means, s_w, s_s, their uncertainties, and Cochran's test."""

    mean: float
    s_means: float
    s_within: float
    s_between: float
    u_within: float
    u_between: float
    items: int
    replicates: float  #: per item; the effective number where they are unequal
    freedom: int
    cochran: float
    cochran_critical: float
    worst_item: str
    trend_p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleHomogeneity(Result):
    analyses: tuple[tuple[Words, Items, Variances], ...]
    limits: Limits = ()

    def declared_limits(self) -> Limits:
        return self.limits

    def figures(self) -> tuple[Figure, ...]:
        """Every replicate over the items in their order, with the item means."""
        return tuple(_chart(place, items) for place, items, _ in self.analyses)


def accepts_items(evidence: Evidence) -> Words | None:
    if (no := accepts_columns(evidence, NEEDED)) is not None:
        return no
    if "period" in table_of(evidence).columns:
        return Words("a column period belongs to sample stability", "含 period 列，属于样品稳定性")
    return None


ENTRIES = (
    Entry(
        words=Words("items", "各单元"),
        rows=(
            asked("item", "item", "单元", "text"),
            asked("replicate", "replicate", "重复", "text"),
            asked("value", "result", "结果"),
        ),
    ),
)


@procedure(
    en="Sample homogeneity",
    zh="样品均匀性",
    implements="ISO 13528:2022, Annex B",
    kinds=("table",),
    quantities=(S_BETWEEN, S_WITHIN),
    accepts=accepts_items,
    entries=ENTRIES,
)
def sample_homogeneity(
    evidence: Evidence,
    *,
    sigma_pt: Annotated[float | None, Words("standard deviation for proficiency assessment", "能力评定标准差")] = None,
    allowable_absolute: Annotated[float | None, Words("allowable error in the unit", "允许总误差（绝对值）")] = None,
) -> SampleHomogeneity:
    samples, problems = read_items(evidence, NEEDED)
    measurements: list[Measurement] = []
    remarks: list[Remark] = list(problem_remarks(problems))
    analyses, limits = [], []
    allowed = _allowed(sigma_pt, allowable_absolute)
    for sample in samples:
        items = next(iter(sample.periods.values()))
        place = place_words(sample.where.get("analyte", ""), sample.where.get("sample", ""))
        found = analysis(items, place)
        unit = sample.unit or "1"
        measurements += [
            Measurement(quantity=S_BETWEEN, value=found.s_between, unit=unit, uncertainty=found.u_between, where=sample.where),
            Measurement(quantity=S_WITHIN, value=found.s_within, unit=unit, uncertainty=found.u_within, where=sample.where),
        ]
        remarks += _remarks(place, found)
        analyses.append((place, items, found))
        if allowed is not None:
            limits.append(declared_limit("s_between", unit, allowed, "B.2.3", where=sample.where))
            limits.append(
                declared_limit("s_between", unit, expanded_limit(found, allowed), "B.2.3 (expanded)", where=sample.where)
            )
    if allowed is None:
        remarks.append(_nothing_declared())
    return SampleHomogeneity(
        measurements=tuple(measurements),
        remarks=tuple(remarks),
        conditions=tuple(_condition(place, found) for place, _, found in analyses),
        analyses=tuple(analyses),
        limits=tuple(limits),
    )


def _allowed(sigma_pt: float | None, allowable: float | None) -> float | None:
    """0.3 sigma_pt, or 0.1 of the allowable error: what heterogeneity may add unnoticed."""
    if sigma_pt is not None:
        return NEGLIGIBLE * sigma_pt
    return None if allowable is None else NEGLIGIBLE_OF_ERROR * allowable


def expanded_limit(found: Variances, allowed: float) -> float:
    """sqrt(F1 allowed^2 + F2 s_w^2): what a sample of that homogeneity may show by chance."""
    between = found.items - 1
    f1 = float(scipy.stats.chi2.ppf(0.95, between)) / between
    f2 = (float(scipy.stats.f.ppf(0.95, between, found.freedom)) - 1) / found.replicates
    return math.sqrt(f1 * allowed**2 + f2 * found.s_within**2)


def analysis(items: Items, place: Words) -> Variances:
    """One-way analysis of variance; refuses fewer than two items with replicates."""
    groups = {name: np.array(values) for name, values in items.items()}
    repeated = [values for values in groups.values() if len(values) > 1]
    if len(groups) < FEWEST_ITEMS or len(repeated) < FEWEST_ITEMS:
        raise Refused(
            "too_few_items",
            en=f"{place.en}: {len(groups)} items, {len(repeated)} of them with replicates; at least ten items measured twice are "
            "needed, two at the very least",
            zh=f"{place.zh}：共 {len(groups)} 个样品单元，其中 {len(repeated)} 个有重复测定；一般需要 10 个单元各测 2 次，至少 2 个。",
        )
    sizes = np.array([len(values) for values in groups.values()])
    means = np.array([values.mean() for values in groups.values()])
    total, count = int(sizes.sum()), len(groups)
    general = float((sizes * means).sum() / total)
    within = float(sum(((values - values.mean()) ** 2).sum() for values in groups.values())) / (total - count)
    between = float((sizes * (means - general) ** 2).sum()) / (count - 1)
    effective = float((total - (sizes**2).sum() / total) / (count - 1))
    variance = max(0.0, (between - within) / effective)
    u_variance = math.sqrt(2 * between**2 / (count - 1) + 2 * within**2 / (total - count)) / effective
    s_between = math.sqrt(variance)
    cochran, critical, worst = _cochran(groups)
    trend = 1.0 if count < 4 or np.ptp(means) == 0 else float(scipy.stats.linregress(np.arange(count), means).pvalue)
    return Variances(
        mean=general,
        s_means=float(means.std(ddof=1)),
        s_within=math.sqrt(within),
        s_between=s_between,
        u_within=math.sqrt(within) / math.sqrt(2 * (total - count)),
        u_between=u_variance / (2 * max(s_between, math.sqrt(u_variance))) if u_variance > 0 else 0.0,
        items=count,
        replicates=effective,
        freedom=total - count,
        cochran=cochran,
        cochran_critical=critical,
        worst_item=worst,
        trend_p=trend,
    )


def _cochran(groups: dict[str, Floats]) -> tuple[float, float, str]:
    """Largest replicate variance over their sum, its critical value at 1 %, and whose it is."""
    variances = {name: float(values.var(ddof=1)) for name, values in groups.items() if len(values) > 1}
    total = sum(variances.values())
    worst = max(variances, key=variances.__getitem__)
    if total == 0:
        return 0.0, 1.0, worst
    freedom = float(np.mean([len(groups[name]) - 1 for name in variances]))
    count = len(variances)
    f = float(scipy.stats.f.isf(SIGNIFICANT / count, freedom, (count - 1) * freedom))
    return variances[worst] / total, 1 / (1 + (count - 1) / f), worst


def _remarks(place: Words, found: Variances) -> list[Remark]:
    said = []
    if found.cochran > found.cochran_critical:
        said.append(
            remark(
                "cochran_outlier",
                en=f"{place.en}: the replicates of item {found.worst_item} differ more than the others allow (Cochran "
                f"{found.cochran:.2f} > {found.cochran_critical:.2f}); repeat that item before judging homogeneity",
                zh=f"{place.zh}：样品单元 {found.worst_item} 的重复测定差异过大（Cochran {found.cochran:.2f} > "
                f"{found.cochran_critical:.2f}）；请复测该单元后再评价均匀性",
            )
        )
    if found.trend_p < TREND:
        said.append(
            remark(
                "item_trend",
                en=f"{place.en}: the items show a trend in their order (p = {found.trend_p:.2g}), as from filling or from drift",
                zh=f"{place.zh}：样品单元按顺序呈趋势变化（p = {found.trend_p:.2g}），可能来自分装或测量漂移",
            )
        )
    if found.items < ADVISED_ITEMS:
        said.append(
            remark(
                "few_items",
                en=f"{place.en}: {found.items} items; ten or more are usual",
                zh=f"{place.zh}：仅 {found.items} 个样品单元，通常需要 10 个以上",
            )
        )
    return said


def _nothing_declared() -> Remark:
    return remark(
        "no_allowable_error",
        en="neither sigma_pt nor an allowable error was declared: the standard deviations are measured, nothing is judged",
        zh="未声明能力评定标准差或允许总误差：只给出标准差，不作判定",
    )


def _condition(place: Words, found: Variances) -> Condition:
    return Condition(
        label=Words(f"{place.en}: items x replicates, mean, s of means", f"{place.zh}：单元数 × 重复数、均值、均值标准差"),
        value=Words(*(2 * (f"{found.items} x {found.replicates:.3g}, {found.mean:.5g}, {found.s_means:.3g}",))),
    )


def _chart(place: Words, items: Items) -> Chart:
    most = max(len(values) for values in items.values())
    at = np.arange(1, len(items) + 1, dtype=np.float64)
    lines = [
        Line(
            x=at,
            y=np.array([values[n] if n < len(values) else np.nan for values in items.values()]),
            label=Words(f"replicate {n + 1}", f"第 {n + 1} 次测定"),
        )
        for n in range(min(most, 4))
    ]
    return Chart(
        title=Words(f"{place.en}: replicates of each item", f"{place.zh}：各单元的重复测定"),
        x=Axis(label=Words("item", "样品单元")),
        y=Axis(label=Words("value", "测定值")),
        marks=tuple(lines),
        group="homogeneity",
    )
