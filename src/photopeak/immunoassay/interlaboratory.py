"""Laboratories beside each other: Mandel's h and k of each sample, Youden's plot of two samples.

ISO 5725-2: h is a laboratory's mean less the mean of all, over their standard deviation; k its own standard deviation over the pooled
one. Youden 1959: on the plot of two samples a laboratory far along the diagonal has a bias, one far across it a random error; the
ellipse holds 95 % of laboratories without either, from robust spreads along and across.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
import numpy.typing as npt
import scipy

from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Dots, Figure, Level, Line
from photopeak.immunoassay.pairwise_spread import qn
from photopeak.immunoassay.results_table import Reported, accepts_results, read_results
from photopeak.immunoassay.robust_statistics import columns_of
from photopeak.immunoassay.round_words import place_words
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

MANDEL_H = Quantity(
    name="mandel_h", unit="1", en="Mandel's h (between laboratories)", zh="曼德尔 h 统计量（实验室间）", judged=False
)
MANDEL_K = Quantity(
    name="mandel_k", unit="1", en="Mandel's k (within a laboratory)", zh="曼德尔 k 统计量（实验室内）", judged=False
)
YOUDEN_BIAS = Quantity(
    name="youden_bias", unit="%", en="distance along the diagonal", zh="沿对角线的距离（系统偏差）", judged=False
)
YOUDEN_RANDOM = Quantity(
    name="youden_random", unit="%", en="distance across the diagonal", zh="垂直对角线的距离（随机误差）", judged=False
)
FEWEST = 5
LEVELS = ((0.05, "5 %"), (0.01, "1 %"))
INSIDE = 0.95
NAMED, DRAWN = 8, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipse:
    """Centre in per cent and half axes along and across the diagonal of deviations scaled by `scale` of either sample."""

    centre: tuple[float, float]
    scale: tuple[float, float]
    along: float
    across: float

    def outside(self, first: Floats, second: Floats) -> npt.NDArray[np.bool_]:
        x, y = (first - self.centre[0]) / self.scale[0], (second - self.centre[1]) / self.scale[1]
        far: npt.NDArray[np.bool_] = ((x + y) / self.along) ** 2 / 2 + ((y - x) / self.across) ** 2 / 2 > 1
        return far

    def outline(self) -> tuple[Floats, Floats]:
        angle = np.linspace(0, 2 * np.pi, 145)
        along, across = self.along * np.cos(angle) / math.sqrt(2), self.across * np.sin(angle) / math.sqrt(2)
        return self.centre[0] + self.scale[0] * (along - across), self.centre[1] + self.scale[1] * (along + across)


@dataclass(frozen=True, slots=True, kw_only=True)
class Youden:
    """Deviations in per cent of two samples of one analyte from their medians, laboratory by laboratory."""

    place: Words
    samples: tuple[str, str]
    laboratories: tuple[str, ...]
    first: Floats
    second: Floats
    ellipse: Ellipse | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandel:
    place: Words
    laboratories: tuple[str, ...]
    h: Floats
    k: Floats | None
    h_critical: tuple[float, ...]
    k_critical: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interlaboratory(Result):
    mandel: tuple[Mandel, ...]
    youden: tuple[Youden, ...]

    def figures(self) -> tuple[Figure, ...]:
        """Youden's plots, then h (and k) of each sample."""
        charts = [_youden_chart(one) for one in self.youden[:DRAWN]]
        charts += [chart for one in self.mandel[:DRAWN] for chart in _mandel_charts(one)]
        return tuple(charts)


@procedure(
    en="Laboratories beside each other (Youden, Mandel)",
    zh="实验室间比较（Youden 图、曼德尔统计量）",
    implements="ISO 5725-2, Mandel's h and k; Youden 1959",
    kinds=("table",),
    quantities=(MANDEL_H, MANDEL_K, YOUDEN_BIAS, YOUDEN_RANDOM),
    accepts=accepts_results,
)
def interlaboratory(
    evidence: Evidence,
    *,
    replicates: Annotated[bool, Words("repeated rows are replicates", "重复行为重复测定")] = True,
) -> Interlaboratory:
    table = read_results(evidence, replicates=replicates)
    places = _by_place(table.results)
    if not any(len(values) >= FEWEST for values in places.values()):
        raise Refused(
            "too_few_results",
            en=f"{evidence.name}: no sample has results of {FEWEST} laboratories; fewer cannot be compared",
            zh=f"{evidence.name}：没有任何样品有 {FEWEST} 家以上实验室的结果，无法比较。",
        )
    usable = {place: values for place, values in places.items() if len(values) >= FEWEST}
    mandel = tuple(_mandel(place, values) for place, values in usable.items())
    youden = tuple(_youden(usable, one, other) for one, other in _pairs(usable))
    measurements = [m for place, one in zip(usable, mandel) for m in _mandel_measurements(place, one)]
    measurements += [m for (one, other), found in zip(_pairs(usable), youden) for m in _youden_measurements(one, other, found)]
    remarks = [one for found in mandel for one in _mandel_remarks(found)]
    remarks += [one for found in youden if (one := _youden_remark(found)) is not None]
    return Interlaboratory(
        measurements=tuple(measurements),
        remarks=(*table.remarks, *remarks),
        conditions=(Condition(label=Words("ellipse", "椭圆"), value=Words("robust, 95 %", "稳健，95 %")),),
        mandel=mandel,
        youden=youden,
    )


def _by_place(results: Sequence[Reported]) -> dict[tuple[str, str], dict[str, list[float]]]:
    places: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in results:
        if one.counts and not one.sign and one.value is not None:
            name = f"{one.laboratory} ({one.instrument})" if one.instrument else one.laboratory
            places[one.place][name].append(float(one.value))
    return places


def _pairs(places: Mapping[tuple[str, str], object]) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Neighbouring samples of one analyte."""
    analytes: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for place in places:
        analytes[place[0]].append(place)
    return [pair for some in analytes.values() for pair in pairwise(some)]


def h_critical(laboratories: int, level: float) -> float:
    t = float(scipy.stats.t.isf(level / 2, laboratories - 2))
    return (laboratories - 1) * t / math.sqrt(laboratories * (t**2 + laboratories - 2))


def k_critical(laboratories: int, replicates: int, level: float) -> float:
    f = float(scipy.stats.f.isf(level, replicates - 1, (laboratories - 1) * (replicates - 1)))
    return math.sqrt(laboratories / (1 + (laboratories - 1) / f))


def _mandel(place: tuple[str, str], values: Mapping[str, list[float]]) -> Mandel:
    """h of every laboratory; k of those with replicates (ISO 5725-2:1994, formula 10), where there are five of them.

    The critical values of k are those of the commonest number of replicates, as the standard draws them where numbers differ.
    """
    names = tuple(values)
    means = np.array([np.mean(values[name]) for name in names])
    spread = float(means.std(ddof=1))
    h = (means - means.mean()) / spread if spread > 0 else np.zeros(len(means))
    sizes = [len(values[name]) for name in names]
    repeated = [size for size in sizes if size > 1]
    k: Floats | None = None
    critical: tuple[float, ...] = ()
    if len(repeated) >= FEWEST:
        usual = max(set(repeated), key=repeated.count)
        variances = np.array([np.var(values[name], ddof=1) if len(values[name]) > 1 else np.nan for name in names])
        pooled = float(np.nanmean(variances))
        k = np.sqrt(variances / pooled) if pooled > 0 else None
        critical = tuple(k_critical(len(repeated), usual, level) for level, _ in LEVELS)
    return Mandel(
        place=place_words(*place),
        laboratories=names,
        h=h,
        k=k,
        h_critical=tuple(h_critical(len(names), level) for level, _ in LEVELS),
        k_critical=critical if k is not None else (),
    )


def _youden(
    places: Mapping[tuple[str, str], Mapping[str, list[float]]], one: tuple[str, str], other: tuple[str, str]
) -> Youden:
    names = tuple(name for name in places[one] if name in places[other])
    columns = [np.array([np.mean(places[place][name]) for name in names]) for place in (one, other)]
    percent = [100 * (values / np.median(values) - 1) if len(values) else values for values in columns]
    return Youden(
        place=place_words(one[0], ""),
        samples=(one[1], other[1]),
        laboratories=names,
        first=percent[0],
        second=percent[1],
        ellipse=ellipse(*percent) if len(names) >= FEWEST else None,
    )


def ellipse(first: Floats, second: Floats) -> Ellipse | None:
    """The robust region of 95 % of further laboratories; None where more than half of the results are equal."""
    scale = tuple(float(qn(columns_of(values))[0]) for values in (first, second))
    if min(scale) <= 0:
        return None
    centre = float(np.median(first)), float(np.median(second))
    x, y = (first - centre[0]) / scale[0], (second - centre[1]) / scale[1]
    along, across = (float(qn(columns_of(values))[0]) for values in ((x + y) / math.sqrt(2), (y - x) / math.sqrt(2)))
    if min(along, across) <= 0:
        return None
    count = len(first)
    reach = 2 * (count**2 - 1) / (count * (count - 2)) * float(scipy.stats.f.ppf(INSIDE, 2, count - 2))
    return Ellipse(centre=centre, scale=(scale[0], scale[1]), along=math.sqrt(reach) * along, across=math.sqrt(reach) * across)


def _where(laboratory: str, analyte: str, sample: str) -> dict[str, str | int | float]:
    names = {"laboratory": laboratory, "analyte": analyte, "sample": sample}
    return {key: text for key, text in names.items() if text}


def _measured(quantity: Quantity, value: float, where: dict[str, str | int | float]) -> Measurement:
    return Measurement(quantity=quantity, value=float(value), unit=quantity.unit, where=where)


def _mandel_measurements(place: tuple[str, str], found: Mandel) -> list[Measurement]:
    measured = [_measured(MANDEL_H, value, _where(name, *place)) for name, value in zip(found.laboratories, found.h)]
    if found.k is not None:
        known = zip(found.laboratories, found.k)
        measured += [_measured(MANDEL_K, value, _where(name, *place)) for name, value in known if not np.isnan(value)]
    return measured


def _youden_measurements(one: tuple[str, str], other: tuple[str, str], found: Youden) -> list[Measurement]:
    measured = []
    for name, x, y in zip(found.laboratories, found.first, found.second):
        where = _where(name, one[0], f"{one[1]} / {other[1]}")
        measured.append(_measured(YOUDEN_BIAS, (x + y) / math.sqrt(2), where))
        measured.append(_measured(YOUDEN_RANDOM, (y - x) / math.sqrt(2), where))
    return measured


def _mandel_remarks(found: Mandel) -> list[Remark]:
    """Laboratories beyond the critical values; the outer level first, each laboratory once."""
    said = []
    for letter, values, critical in (("h", found.h, found.h_critical), ("k", found.k, found.k_critical)):
        if values is None:
            continue
        outer = [n for n, value in zip(found.laboratories, values) if abs(value) > critical[1]]
        inner = [n for n, value in zip(found.laboratories, values) if critical[0] < abs(value) <= critical[1]]
        for names, bound, (_, level) in ((inner, critical[0], LEVELS[0]), (outer, critical[1], LEVELS[1])):
            if names:
                shown = ", ".join(names[:NAMED]) + (f" (+{len(names) - NAMED})" if len(names) > NAMED else "")
                said.append(
                    remark(
                        f"mandel_{letter}_{level.split()[0]}pct",
                        en=f"{found.place.en}: Mandel's {letter} of {shown} beyond the critical value {bound:.2f} ({level})",
                        zh=f"{found.place.zh}：{shown} 的曼德尔 {letter} 统计量超过临界值 {bound:.2f}（{level}）",
                    )
                )
    return said


def _youden_remark(found: Youden) -> Remark | None:
    if found.ellipse is None:
        return None
    outside = found.ellipse.outside(found.first, found.second)
    if not outside.any():
        return None
    both = [
        (name, "bias" if abs(x + y) > abs(y - x) else "random")
        for name, x, y, far in zip(found.laboratories, found.first, found.second, outside)
        if far
    ]
    en = {"bias": "bias (along the diagonal)", "random": "random error or a swap (across it)"}
    zh = {"bias": "系统偏差（沿对角线）", "random": "随机误差或样品互换（垂直对角线）"}
    pair = " / ".join(found.samples)
    return remark(
        "youden_outside",
        en=f"{found.place.en}, {pair}: outside the 95 % ellipse: " + "; ".join(f"{n}, {en[kind]}" for n, kind in both[:NAMED]),
        zh=f"{found.place.zh}，{pair}：位于 95 % 椭圆之外：" + "；".join(f"{n}，{zh[kind]}" for n, kind in both[:NAMED]),
    )


def _youden_chart(found: Youden) -> Chart:
    reach = float(np.max(np.abs(np.concatenate([found.first, found.second])), initial=10.0)) * 1.1
    marks: list[Line | Dots] = [
        Dots(
            x=found.first,
            y=found.second,
            names=tuple(Words(name, name) for name in _named_outside(found)),
            label=Words("laboratories", "实验室"),
        ),
        Line(x=np.array([-reach, reach]), y=np.array([-reach, reach]), label=Words("along: bias", "沿此线：系统偏差")),
    ]
    if found.ellipse is not None:
        x, y = found.ellipse.outline()
        marks.append(Line(x=x, y=y, label=Words("robust, 95 %", "稳健 95 %")))
    first, second = (Words(f"{one}: deviation from the median", f"{one}：与中位数的偏差") for one in found.samples)
    return Chart(
        title=Words(f"{found.place.en}: Youden plot", f"{found.place.zh}：Youden 图"),
        x=Axis(label=first, unit="%", low=-reach, high=reach),
        y=Axis(label=second, unit="%", low=-reach, high=reach),
        marks=tuple(marks),
        group="youden",
    )


def _named_outside(found: Youden) -> list[str]:
    outside = np.zeros(len(found.laboratories), bool)
    if found.ellipse is not None:
        outside = found.ellipse.outside(found.first, found.second)
    return [name if far else "" for name, far in zip(found.laboratories, outside)]


def _mandel_charts(found: Mandel) -> list[Chart]:
    charts = []
    for letter, values, critical in (("h", found.h, found.h_critical), ("k", found.k, found.k_critical)):
        if values is None:
            continue
        bounds = [(bound, level) for bound, (_, level) in zip(critical, LEVELS)]
        levels = [Level(y=bound, name=Words(level, level), style="dashed") for bound, level in bounds]
        levels += [Level(y=-bound, style="dashed") for bound, _ in bounds if letter == "h"]
        far = np.abs(values) > critical[0]
        names = tuple(Words(n, n) if out else Words("", "") for n, out in zip(found.laboratories, far))
        charts.append(
            Chart(
                title=Words(f"{found.place.en}: Mandel's {letter}", f"{found.place.zh}：曼德尔 {letter} 统计量"),
                x=Axis(label=Words("laboratories, in the order of the table", "实验室（按表中顺序）"), low=0.0),
                y=Axis(label=Words(letter, letter)),
                marks=(Dots(x=np.arange(1.0, len(values) + 1), y=values, names=names), *levels),
                group="mandel",
            )
        )
    return charts
