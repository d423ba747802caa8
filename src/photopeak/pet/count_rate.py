"""Noise-equivalent count rate and scatter fraction of a PET scanner from the table of its acceptance test (NEMA NU 2-2018).

A row an activity level: concentration_kbq_ml (or activity_mbq over volume_ml), prompts_cps, randoms_cps, scatter_percent (or
scatter_fraction). Trues T = (P − R)(1 − SF), scatter S = (P − R) SF, NECR = T²/(T + S + k R), k = 1 (randoms from smoothed singles)
or 2. The peak is that of the parabola through the highest level and its neighbours; at the end of the table there is none. The
scatter fraction is that of the levels with randoms below 1 % of trues, or of the lowest level with a remark. With duration_s, counts
of prompts and randoms are drawn again for the uncertainty.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.cases import Case, Column, Measured, all_measurements, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line
from photopeak.measurement import Measurement, Quantity
from photopeak.pet.published_figures import published_for
from photopeak.procedure import Remark, Result, procedure, remark
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

PEAK = Quantity(name="necr_peak", unit="{counts}/s", en="peak noise-equivalent count rate", zh="噪声等效计数率峰值")
PEAK_AT = Quantity(
    name="necr_peak_concentration", unit="kBq/mL", en="concentration at the peak", zh="峰值处活度浓度", judged=False
)
SCATTER = Quantity(name="scatter_fraction", unit="%", en="scatter fraction", zh="散射分数")
FEWEST = 5
LOW_RANDOMS = 0.01
DRAWS = 400
PUBLISHED = {
    "necr_peak_kcps": Words("peak NECR, kcps", "NECR 峰值，kcps"),
    "necr_at_kbq_ml": Words("at, kBq/mL", "对应浓度，kBq/mL"),
    "scatter_fraction_pct": Words("scatter fraction, %", "散射分数，%"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRate(Result):
    """`curves`: for each case its title, concentrations and the rates by name, kcps."""

    curves: tuple[tuple[Words, Floats, tuple[tuple[Words, Floats], ...]], ...]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(
            Chart(
                title=title,
                x=Axis(label=Words("activity concentration", "活度浓度"), unit="kBq/mL", low=0.0),
                y=Axis(label=Words("rate", "计数率"), unit="kcps", low=0.0),
                marks=tuple(Line(x=x, y=y, label=label) for label, y in curves),
            )
            for title, x, curves in self.curves
        )


def accepts(evidence: Evidence) -> Words | None:
    return lacking(
        evidence,
        count_rate,
        ("concentration_kbq_ml", "prompts_cps", "randoms_cps"),
        ("activity_mbq", "prompts_cps", "randoms_cps"),
    )


@procedure(
    en="PET count rate: NECR and scatter fraction",
    zh="PET 计数率：NECR 与散射分数",
    implements="NEMA NU 2-2018, count losses and randoms; scatter fraction",
    kinds=("table",),
    quantities=(PEAK, PEAK_AT, SCATTER),
    accepts=accepts,
)
def count_rate(
    evidence: Evidence,
    *,
    concentration_kbq_ml: Annotated[
        str | None, Words("activity concentration, kBq/mL", "活度浓度，kBq/mL"), Column(kind="numbers", above=0)
    ] = None,
    activity_mbq: Annotated[str | None, Words("activity, MBq", "活度，MBq"), Column(kind="numbers", above=0)] = None,
    prompts_cps: Annotated[str | None, Words("prompts, cps", "瞬时符合，cps"), Column(kind="numbers", above=0)] = None,
    randoms_cps: Annotated[str | None, Words("randoms, cps", "随机符合，cps"), Column(kind="numbers", least=0)] = None,
    scatter_percent: Annotated[
        str | None,
        Words("scatter fraction, %", "散射分数，%"),
        Column(kind="numbers", aliases=("sf_percent",), least=0, most=100),
    ] = None,
    duration_s: Annotated[
        str | None, Words("duration of each level, s", "每级采集时间，s"), Column(kind="numbers", above=0)
    ] = None,
    volume_ml: Annotated[float | None, Words("volume of the phantom, mL", "模体体积，mL"), Column(above=0)] = 22000.0,
    randoms_factor: Annotated[float | None, Words("weight of randoms, 1 or 2", "随机符合权重，1 或 2"), Column(above=0)] = 1.0,
    model: Annotated[str | None, Words("scanner model", "设备型号"), Column(kind="text")] = None,
) -> CountRate:
    """Peak NECR with its concentration, and the scatter fraction at low rate."""
    done, remarks = measure_cases(evidence, count_rate, declared(locals()), _measure)
    return CountRate(
        measurements=all_measurements(done),
        remarks=remarks,
        conditions=tuple(published_for([case for case, _ in done], evidence, PUBLISHED)),
        curves=tuple(found.detail for _, found in done),
    )


@dataclass(frozen=True, slots=True)
class _Levels:
    """Levels by rising concentration, kBq/mL; rates in cps; scatter as a fraction."""

    concentration: Floats
    prompts: Floats
    randoms: Floats
    scatter: Floats
    factor: float

    def necr(self, prompts: Floats, randoms: Floats) -> Floats:
        true = (prompts - randoms) * (1 - self.scatter)
        scattered = (prompts - randoms) * self.scatter
        found: Floats = true**2 / (true + scattered + self.factor * randoms)
        return found


def _measure(case: Case) -> Measured:
    levels = _levels(case)
    rates = levels.necr(levels.prompts, levels.randoms)
    notes: list[Remark] = []
    measured: list[Measurement] = []
    peak = _peak(levels.concentration, rates)
    if peak is None:
        notes.append(
            remark(
                "peak_not_reached",
                en="The highest NECR stands at the end of the table: the peak was not reached. Start at a higher activity.",
                zh="NECR 最大值位于表的端点，未测到峰值。请从更高活度开始测量。",
            )
        )
    else:
        u, u_at = _drawn(case, levels, peak)
        measured += [PEAK.of(peak[1], u, **case.where()), PEAK_AT.of(peak[0], u_at, **case.where())]
    low = levels.randoms < LOW_RANDOMS * (levels.prompts - levels.randoms) * (1 - levels.scatter)
    if not low.any():
        low = np.arange(len(low)) == 0
        notes.append(
            remark(
                "randoms_at_low_rate",
                en="No level has randoms below 1 % of trues; the scatter fraction is that of the lowest level.",
                zh="没有随机符合低于真符合 1% 的活度级，散射分数取自最低活度级。",
            )
        )
    shares = levels.scatter[low]
    # one scatter fraction stated for all levels has no scatter of its own to tell an uncertainty from
    u_scatter = float(shares.std(ddof=1) / np.sqrt(shares.size)) if shares.size > 2 and np.ptp(shares) > 1e-9 else None
    measured.append(SCATTER.of(100 * float(shares.mean()), None if u_scatter is None else 100 * u_scatter, **case.where()))
    true = (levels.prompts - levels.randoms) * (1 - levels.scatter)
    curves = (
        (Words("NECR", "NECR"), rates / 1000),
        (Words("trues", "真符合"), true / 1000),
        (Words("randoms", "随机符合"), levels.randoms / 1000),
    )
    title = Words(f"Count rates {case.label or ''}".strip(), f"计数率 {case.label or ''}".strip())
    return Measured(measurements=tuple(measured), remarks=tuple(notes), detail=(title, levels.concentration, curves))


def _levels(case: Case) -> _Levels:
    if case.has("concentration_kbq_ml"):
        concentration = np.array(case.numbers("concentration_kbq_ml", least=FEWEST))
    else:
        concentration = 1000 * np.array(case.numbers("activity_mbq", least=FEWEST)) / case.number("volume_ml")
    columns = [np.array(case.numbers(name, least=1)) for name in ("prompts_cps", "randoms_cps", "scatter_percent")]
    columns = [np.broadcast_to(one, concentration.shape) if one.size == 1 else one for one in columns]
    if any(one.shape != concentration.shape for one in columns):
        raise case.refused(
            "too_few_values",
            en="every level needs its prompts, randoms and scatter fraction",
            zh="每个活度级都需要瞬时符合、随机符合和散射分数",
        )
    order = np.argsort(concentration)
    prompts, randoms, scatter = (np.asarray(one, dtype=np.float64)[order] for one in columns)
    if (randoms >= prompts).any():
        raise case.refused(
            "randoms_exceed_prompts",
            en="randoms are not below prompts at every level; were the columns exchanged?",
            zh="随机符合不小于瞬时符合，两列是否填反？",
        )
    return _Levels(concentration[order], prompts, randoms, scatter / 100, case.number("randoms_factor"))


def _peak(at: Floats, rates: Floats) -> tuple[float, float] | None:
    """Place and height of the parabola through the highest point and its neighbours."""
    top = int(np.argmax(rates))
    if top in (0, len(rates) - 1):
        return None
    x, y = at[top - 1 : top + 2], rates[top - 1 : top + 2]
    middle = x[1]
    a, b, c = np.polyfit(x - middle, y, 2)
    if a >= 0:
        return None
    return float(middle - b / (2 * a)), float(c - b**2 / (4 * a))


def _drawn(case: Case, levels: _Levels, peak: tuple[float, float]) -> tuple[float | None, float | None]:
    """Spread of the peak and of its place when counts are drawn again, and how far noise raises it: the highest of several noisy
    levels is too high."""
    if not case.has("duration_s"):
        return None, None
    seconds = np.array(case.numbers("duration_s"))
    if seconds.size not in (1, len(levels.prompts)):
        return None, None
    if seconds.size > 1:
        seconds = seconds[
            np.argsort(case.numbers("concentration_kbq_ml" if case.has("concentration_kbq_ml") else "activity_mbq"))
        ]
    rng = np.random.default_rng(zlib.crc32(levels.prompts.tobytes()))
    found = []
    for _ in range(DRAWS):
        prompts = rng.poisson(levels.prompts * seconds) / seconds
        randoms = rng.poisson(levels.randoms * seconds) / seconds
        if (again := _peak(levels.concentration, levels.necr(prompts, randoms))) is not None:
            found.append(again)
    if len(found) < DRAWS // 2:
        return None, None
    places, heights = np.array(found).T
    raised = float(heights.mean()) - peak[1]
    return math.hypot(float(heights.std(ddof=1)), raised), float(places.std(ddof=1))
