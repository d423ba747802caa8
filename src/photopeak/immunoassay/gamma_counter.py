"""Quality control of a multi-well gamma counter: well factors, background, efficiency, chi-square of repeated counts.

One source is counted in every well. The factor of a well is the mean net rate of all wells over its own; its deviation is told from the
median, which one bad well does not move. Repeated counts of one well are held against Poisson scatter by chi-square. With the
source's activity the efficiency follows, decay-corrected by the nuclide. With a column `laboratory` the table is a round of its own:
each counter is measured, and the efficiencies are compared with their robust mean where there are enough counters.
A table of spectra (well, energy_kev, counts) gives the energy peak and the resolution of each well instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import numpy.typing as npt
import scipy

from photopeak.entry import Entry, asked
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Level, Line, Points
from photopeak.immunoassay.consensus import FEWEST_FOR_CONSENSUS, consensus, score_kind
from photopeak.immunoassay.counter_peak import PEAK, PEAK_DIFFERENCE, RESOLUTION, holds_spectra, peaks
from photopeak.immunoassay.counter_table import NetRate, Reading, accepts_counter, net_rates, read_counter
from photopeak.immunoassay.results_table import problem_remarks
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import DAY, Nuclide, nuclide_named
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.table import Table
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
SHOWN_SPECTRA = 4
MOST_TICKS = 32  #: wells that are each written under the chart
NOTED_PERCENT = 5.0  #: a well further from the median is named; whether it may be used is the manufacturer's to say
FEWEST_REPEATS = 3
ADVISED_REPEATS = 10
UNLIKELY = 0.05

WELL_FACTOR = Quantity(name="well_factor", unit="1", en="well normalisation factor", zh="井归一化因子", judged=False)
WELL_DEVIATION = Quantity(
    name="well_deviation", unit="%", en="deviation of the well from the median", zh="单井偏差（相对中位数）"
)
WELL_SPREAD = Quantity(name="well_spread", unit="%", en="spread between wells (CV)", zh="井间变异（CV）")
EFFICIENCY = Quantity(name="efficiency", unit="%", en="counting efficiency", zh="计数效率")
BACKGROUND = Quantity(name="background", unit="{counts}/min", en="background", zh="本底计数率")
CHI_SQUARE = Quantity(name="chi_square", unit="1", en="chi-square of repeated counts", zh="重复计数 χ²")
CHI_SQUARE_P = Quantity(name="chi_square_p", unit="1", en="probability of chi-square", zh="χ² 概率", judged=False)
CHI_SQUARE_LOWER = Quantity(
    name="chi_square_lower", unit="1", en="2.5 % point of chi-square", zh="χ² 2.5% 分位点", judged=False
)
CHI_SQUARE_UPPER = Quantity(
    name="chi_square_upper", unit="1", en="97.5 % point of chi-square", zh="χ² 97.5% 分位点", judged=False
)
EFFICIENCY_DEVIATION = Quantity(
    name="efficiency_deviation",
    unit="%",
    en="deviation of the efficiency from the round's mean",
    zh="计数效率相对轮次均值的偏差",
)
EFFICIENCY_SCORE = Quantity(name="efficiency_z", unit="1", en="z score of the efficiency", zh="计数效率 z 比分数")


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterSource:
    """The source at the moment of the first reading: Bq with its relative standard uncertainty, and the nuclide where one is named."""

    activity_bq: float | None
    u_relative: float
    nuclide: Nuclide | None
    dead_time_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaCounter(Result):
    spectra: Mapping[str, tuple[Floats, Floats]] = field(default_factory=dict)  #: energy and counts [channel] by well

    def figures(self) -> tuple[Figure, ...]:
        """The deviation of every well from its counter's median, or the spectra."""
        if self.spectra:
            return (_spectra_chart(self.spectra),)
        found = [m for m in self.measurements if m.quantity is WELL_DEVIATION]
        counters = list(dict.fromkeys(m.where.get("laboratory", "") for m in found))
        return tuple(_chart([m for m in found if m.where.get("laboratory", "") == one], str(one)) for one in counters)


def accepts_counts_or_spectra(evidence: Evidence) -> Words | None:
    if isinstance(evidence.images, Table) and holds_spectra(evidence.images):
        return None
    return accepts_counter(evidence)


ENTRIES = (
    Entry(
        words=Words("wells", "各井"),
        rows=(
            asked("well", "well", "井号", "text"),
            asked("source_counts", "counts of the source", "源计数", least=0),
            asked("background_counts", "background counts", "本底计数", least=0),
            asked("seconds", "counting time, s", "计数时间，s", above=0),
        ),
    ),
)


@procedure(
    en="Gamma counter",
    zh="γ 计数器质控",
    implements="well normalisation, Poisson chi-square, efficiency",
    kinds=("table",),
    quantities=(
        WELL_FACTOR,
        WELL_DEVIATION,
        WELL_SPREAD,
        EFFICIENCY,
        BACKGROUND,
        CHI_SQUARE,
        CHI_SQUARE_P,
        CHI_SQUARE_LOWER,
        CHI_SQUARE_UPPER,
        EFFICIENCY_DEVIATION,
        EFFICIENCY_SCORE,
        PEAK,
        PEAK_DIFFERENCE,
        RESOLUTION,
    ),
    accepts=accepts_counts_or_spectra,
    entries=ENTRIES,
)
def gamma_counter(
    evidence: Evidence,
    *,
    source_bq: Annotated[float | None, Words("activity of the source, Bq", "源活度，Bq")] = None,
    u_source_percent: Annotated[float, Words("relative uncertainty of the activity, %", "活度相对标准不确定度，%")] = 0.0,
    nuclide: Annotated[str, Words("nuclide of the source", "源的核素")] = "I-125",
    days_since_assay: Annotated[float, Words("days from assay to counting", "标定至测量的天数")] = 0.0,
    dead_time_us: Annotated[float, Words("dead time, us", "死时间，µs")] = 0.0,
    nominal_kev: Annotated[float | None, Words("nominal energy of the peak, keV", "能峰标称能量，keV")] = None,
) -> GammaCounter:
    if isinstance(evidence.images, Table) and holds_spectra(evidence.images):
        found, said, spectra = peaks(evidence.images, nominal_kev)
        return GammaCounter(measurements=tuple(found), remarks=tuple(said), spectra=spectra)
    readings, problems = read_counter(evidence)
    source = _source(evidence, source_bq, u_source_percent, nuclide, days_since_assay, dead_time_us)
    measurements: list[Measurement] = []
    remarks: list[Remark] = list(problem_remarks(problems))
    efficiencies: dict[str, Measurement] = {}
    for counter in dict.fromkeys(one.counter for one in readings):
        own = [one for one in readings if one.counter == counter]
        where = {"laboratory": counter} if counter else {}
        rates = net_rates(own, source.nuclide, source.dead_time_us)
        timed = all(one.seconds is not None for one in own)
        measurements += _wells(rates, where, remarks) + _chi_squares(own, where, remarks)
        if timed:
            measurements += _backgrounds(own, rates, where)
            own_efficiency = _efficiencies(rates, source, where)
            measurements += own_efficiency
            if own_efficiency:
                efficiencies[counter] = own_efficiency[0]
        else:
            remarks.append(_untimed(where))
    measurements += _compared(efficiencies, remarks)
    return GammaCounter(measurements=tuple(measurements), remarks=tuple(remarks), conditions=_conditions(source))


def _source(
    evidence: Evidence, source_bq: float | None, u_percent: float, name: str, days: float, dead_time_us: float
) -> CounterSource:
    told = evidence.facts.get("nuclide", name)
    nuclide = nuclide_named(told) or nuclide_named(told, "icrp107")
    if nuclide is None:
        raise Refused(
            "unknown_nuclide",
            en=f"the nuclide {told!r} is not known; write it as I-125",
            zh=f"核素“{told}”无法识别，请写成 I-125 的形式。",
        )
    activity = source_bq
    if activity is None and "activity_mbq" in evidence.facts:
        activity = 1e6 * float(evidence.facts["activity_mbq"])
    if activity is not None and not activity > 0:
        raise Refused("activity", en="the activity of the source must be positive", zh="源活度必须为正数。")
    if activity is not None:
        activity *= nuclide.share_left(days * DAY)
    return CounterSource(activity_bq=activity, u_relative=u_percent / 100, nuclide=nuclide, dead_time_us=dead_time_us)


def _wells(rates: Sequence[NetRate], where: Mapping[str, str], remarks: list[Remark]) -> list[Measurement]:
    """Factor and deviation of each well, and their spread, with the counting uncertainty; a well without counts has no factor."""
    net = np.array([one.rate for one in rates])
    u = np.array([one.u_rate for one in rates])
    for one in rates:
        if one.rate <= 2 * one.u_rate:
            remarks.append(_silent(one.well, where))
    live = net > 2 * u
    if live.sum() < 2:
        return []
    mean, median, n = float(net[live].mean()), float(np.median(net[live])), int(live.sum())
    found, squares = [], float((u[live] ** 2).sum())
    for k in np.flatnonzero(live).tolist():
        place = {**where, "well": rates[k].well}
        factor, own = mean / net[k], u[k] / net[k]
        rest = math.sqrt(max(squares - u[k] ** 2, 0.0)) / (n * mean)
        u_factor = factor * math.hypot(own * (1 - net[k] / (n * mean)), rest)
        deviation = 100 * (net[k] / median - 1)
        found += [
            _of(WELL_FACTOR, factor, u_factor, place),
            _of(WELL_DEVIATION, deviation, 100 * u[k] / median, place),
        ]
        if abs(deviation) > NOTED_PERCENT:
            remarks.append(_apart(rates[k].well, deviation, where))
    spread = 100 * float(net[live].std(ddof=1)) / mean
    return [*found, _of(WELL_SPREAD, spread, spread / math.sqrt(2 * (n - 1)), where)]


def _silent(well: str, where: Mapping[str, str]) -> Remark:
    name = _name(where)
    return remark(
        "well_without_counts",
        en=f"{name}well {well}: no counts above the background; it has no factor, is it blocked or switched off?",
        zh=f"{name}{well} 号井：无高于本底的计数，不给因子；该井是否被遮挡或关闭？",
    )


def _apart(well: str, deviation: float, where: Mapping[str, str]) -> Remark:
    name = _name(where)
    return remark(
        "well_apart",
        en=f"{name}well {well} counts {deviation:+.1f} % from the median of the wells; clean it, renew its normalisation, and hold it "
        "against the manufacturer's limit before it is used",
        zh=f"{name}{well} 号井较各井中位数偏差 {deviation:+.1f}%；请清洁、重新归一化，并对照厂家限值后再使用",
    )


def _name(where: Mapping[str, str]) -> str:
    return f"{where['laboratory']}: " if "laboratory" in where else ""


def _chi_squares(readings: Sequence[Reading], where: Mapping[str, str], remarks: list[Remark]) -> list[Measurement]:
    """sum (n - mean)^2 / mean of the gross counts of each repeated well, with its probability and 95 % window."""
    wells: dict[str, list[float]] = {}
    for one in readings:
        wells.setdefault(one.well, []).append(one.counts)
    repeated = {well: np.array(counts) for well, counts in wells.items() if len(counts) >= FEWEST_REPEATS}
    found = []
    for well, counts in repeated.items():
        if counts.mean() <= 0:
            continue
        place = {**where, "well": well} if len(wells) > 1 else dict(where)
        freedom = len(counts) - 1
        chi = float(((counts - counts.mean()) ** 2).sum() / counts.mean())
        p = float(scipy.stats.chi2.sf(chi, freedom))
        low, high = scipy.stats.chi2.ppf((UNLIKELY / 2, 1 - UNLIKELY / 2), freedom)
        values = ((CHI_SQUARE, chi), (CHI_SQUARE_P, p), (CHI_SQUARE_LOWER, float(low)), (CHI_SQUARE_UPPER, float(high)))
        found += [_of(quantity, value, None, place) for quantity, value in values]
        if not low <= chi <= high:
            remarks.append(_scatter(well, chi, freedom, where, more=chi > high))
        if len(counts) < ADVISED_REPEATS:
            remarks.append(
                remark(
                    "few_repeats",
                    en=f"{_name(where)}well {well}: {len(counts)} repeated counts; {ADVISED_REPEATS} or more tell something",
                    zh=f"{_name(where)}{well} 号井：仅重复计数 {len(counts)} 次，建议不少于 {ADVISED_REPEATS} 次",
                )
            )
    return found


def _scatter(well: str, chi: float, freedom: int, where: Mapping[str, str], *, more: bool) -> Remark:
    how_en = "more than counting statistics allow: look for an unstable high voltage, noise or a moving source"
    how_zh = "大于统计涨落允许：请检查高压稳定性、噪声或源的位置"
    if not more:
        how_en = "less than counting statistics allow: are the counts copied, scaled or averaged?"
        how_zh = "小于统计涨落允许：计数是否被复制、换算或平均过？"
    return remark(
        "counts_not_poisson",
        en=f"{_name(where)}well {well}: repeated counts scatter {how_en} (chi-square {chi:.2f}, {freedom} degrees of freedom)",
        zh=f"{_name(where)}{well} 号井：重复计数离散度{how_zh}（χ² = {chi:.2f}，自由度 {freedom}）",
    )


def _backgrounds(readings: Sequence[Reading], rates: Sequence[NetRate], where: Mapping[str, str]) -> list[Measurement]:
    """Counts a minute, the mean over all wells and each well's own, with the counting uncertainty."""
    if all(one.background is None for one in readings):
        return []
    mean = sum(one.background for one in rates) / len(rates)
    u = math.sqrt(sum(one.u_background**2 for one in rates)) / len(rates)
    found = [_of(BACKGROUND, 60 * mean, 60 * u, where)]
    if len(rates) > 1:
        found += [_of(BACKGROUND, 60 * one.background, 60 * one.u_background, {**where, "well": one.well}) for one in rates]
    return found


def _efficiencies(rates: Sequence[NetRate], source: CounterSource, where: Mapping[str, str]) -> list[Measurement]:
    """Net counts a second over Bq, %: the mean of the wells first, then each well."""
    if source.activity_bq is None:
        return []

    def told(rate: float, u: float, place: Mapping[str, str]) -> Measurement:
        value = 100 * rate / float(source.activity_bq or 1.0)
        return _of(EFFICIENCY, value, math.hypot(100 * u / float(source.activity_bq or 1.0), value * source.u_relative), place)

    mean = sum(one.rate for one in rates) / len(rates)
    u = math.sqrt(sum(one.u_rate**2 for one in rates)) / len(rates)
    found = [told(mean, u, where)]
    return found + ([told(one.rate, one.u_rate, {**where, "well": one.well}) for one in rates] if len(rates) > 1 else [])


def _compared(efficiencies: Mapping[str, Measurement], remarks: list[Remark]) -> list[Measurement]:
    """Each counter of a round from the robust mean of all; a z score only where there are enough of them."""
    if len(efficiencies) < 2:
        return []
    values = np.array([one.value for one in efficiencies.values()])
    found = consensus(values, "algorithm_a") if len(values) >= FEWEST_FOR_CONSENSUS else None
    if found is None or found.spread <= 0:
        remarks.append(
            remark(
                "too_few_counters",
                en=f"{len(values)} counters, at least {FEWEST_FOR_CONSENSUS} that differ are needed: no consensus; "
                "the efficiencies stand for themselves",
                zh=f"仅 {len(values)} 台计数器，至少需要 {FEWEST_FOR_CONSENSUS} 台且有差异：不给共识值，仅列出各自效率",
            )
        )
        return []
    kind = score_kind(found.count, found.u, found.spread)
    told = []
    for counter, one in efficiencies.items():
        where, away = {"laboratory": counter}, one.value - found.location
        u = 100 * math.hypot(one.uncertainty or 0.0, found.u) / found.location
        told.append(_of(EFFICIENCY_DEVIATION, 100 * away / found.location, u, where))
        if kind in ("z", "z_prime"):
            sigma = found.spread if kind == "z" else math.hypot(found.spread, found.u)
            told.append(_of(EFFICIENCY_SCORE, away / sigma, None, where))
    return told


def _untimed(where: Mapping[str, str]) -> Remark:
    return remark(
        "no_counting_time",
        en=f"{_name(where)}rows without seconds: factors and chi-square only, no background rate and no efficiency",
        zh=f"{_name(where)}缺少计数时间：仅给出井因子和 χ²，不给本底计数率和效率",
    )


def _of(quantity: Quantity, value: float, u: float | None, where: Mapping[str, str]) -> Measurement:
    return Measurement(quantity=quantity, value=float(value), unit=quantity.unit, uncertainty=u, where=dict(where))


def _conditions(source: CounterSource) -> tuple[Condition, ...]:
    if source.activity_bq is None or source.nuclide is None:
        return ()
    text = f"{source.nuclide.name}, {source.activity_bq:.6g} Bq"
    return (Condition(label=Words("source at counting", "测量时的源"), value=Words(text, text)),)


def _chart(found: Sequence[Measurement], counter: str) -> Chart:
    return Chart(
        title=Words(f"Wells {counter}".strip() + ": deviation from the median", f"{counter} 各井相对中位数的偏差".strip()),
        x=Axis(
            label=Words("well", "井"),
            ticks=tuple(float(n) for n in range(1, len(found) + 1)) if len(found) <= MOST_TICKS else (),
        ),
        y=Axis(label=Words("deviation", "偏差"), unit="%"),
        marks=(Level(y=0.0), Points(x=tuple(float(n) for n in range(1, len(found) + 1)), measurements=tuple(found))),
    )


def _spectra_chart(spectra: Mapping[str, tuple[Floats, Floats]]) -> Chart:
    """The first wells' spectra; the table holds them all."""
    return Chart(
        title=Words("Spectra of the wells", "各井能谱"),
        x=Axis(label=Words("energy", "能量"), unit="keV"),
        y=Axis(label=Words("counts", "计数"), low=0.0),
        marks=tuple(
            Line(x=energy, y=counts, label=Words(f"well {well}", f"{well} 号井"))
            for well, (energy, counts) in list(spectra.items())[:SHOWN_SPECTRA]
        ),
    )
