"""Count rate: the highest that is observed, dead time, and the rate at which 20 % of the counts are lost.

A dynamic acquisition while a source is brought near gives the highest rate (IAEA HHS-6, 2.3.11.4). A table of a decaying source
gives it too, with the rate at 20 % loss (NEMA NU 1-2007, 2.6: true rates extrapolated from the slowest point by decay, linear
interpolation between the two nearest points) and the dead time of a paralysable counter fitted to all points. A table of two
sources gives the dead time and from it the rate at 20 % loss; that method is not of NEMA NU 1-2007.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from photopeak.entry import Entry, asked
from photopeak.evidence import Evidence, PlanarImages
from photopeak.figure import Axis, Chart, Figure, Line
from photopeak.gamma_camera.dead_time import (
    DecayFit,
    NoDeadTime,
    fit_decay,
    loss_crossing,
    two_source_dead_time,
    two_source_uncertainty,
)
from photopeak.gamma_camera.flood_recognition import not_steady
from photopeak.gamma_camera.readings import readings
from photopeak.gamma_camera.recognition import not_showing
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import NUCLIDES, Nuclide, nuclide_named
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.table import Table, number
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

MAX_RATE = Quantity(name="max_count_rate", unit="{counts}/s", en="maximum count rate", zh="最大计数率")
LOSS_RATE = Quantity(
    name="count_rate_at_20pct_loss", unit="{counts}/s", en="observed count rate at 20 % loss", zh="丢失 20 % 时的观测计数率"
)
DEAD_TIME = Quantity(name="dead_time", unit="us", en="dead time", zh="死时间")
SHARE = 0.2
LOWEST_CPS = 4000.0  # NEMA NU 1-2007, 2.6: the decay is followed to below this rate
ROLES = {
    "1": "first",
    "2": "second",
    "12": "both",
    "1+2": "both",
    "both": "both",
    "background": "background",
    "本底": "background",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What is drawn: observed rates against x, and a smooth curve where a model was fitted."""

    title: Words
    x_label: Words
    x_unit: str
    x: Floats
    observed: Floats
    model_x: Floats | None = None
    model: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRate(Result):
    curves: tuple[Curve, ...]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(
            Chart(
                title=one.title,
                x=Axis(label=one.x_label, unit=one.x_unit, low=0.0),
                y=Axis(label=Words("observed rate", "观测计数率"), unit="1/s", low=0.0),
                marks=(
                    Line(x=one.x, y=one.observed, label=Words("observed", "观测值")),
                    *(
                        (Line(x=one.model_x, y=one.model, label=Words("fit", "拟合")),)
                        if one.model is not None and one.model_x is not None
                        else ()
                    ),
                ),
                group="rate",
            )
            for one in self.curves
        )


def accepts(evidence: Evidence) -> Words | None:
    table = readings(evidence)
    if table is not None:
        if _is_two_sources(table) or _is_decay(table):
            return None
        return Words(
            "the table has neither source, counts, seconds (two sources) nor time_s or time, counts, seconds (decay)",
            "表中既没有 source、counts、seconds 列（双源法），也没有 time_s 或 time、counts、seconds 列（衰变法）",
        )
    no = not_showing(evidence.images, ("dynamic",))
    if no is None and isinstance(evidence.images, PlanarImages) and _steady(evidence.images):
        return Words("the count rate is the same in all frames", "各帧计数率相同")
    return no


def _steady(images: PlanarImages) -> bool:
    for detector in sorted({frame.detector for frame in images.frames}):
        chosen = [index for index, frame in enumerate(images.frames) if frame.detector == detector]
        totals = [float(images.counts[index].sum(dtype=np.float64)) for index in chosen]
        if not_steady(totals, [images.frames[index] for index in chosen]) is not None:
            return False
    return True


COUNTS = asked("counts", "counts", "计数", least=0)
SECONDS = asked("seconds", "counting time, s", "计数时间，s", above=0)
TUBE = asked("detector", "detector", "探头", above=0)
SOURCES = (
    ("1", Words("source 1", "源 1")),
    ("2", Words("source 2", "源 2")),
    ("1+2", Words("both", "双源")),
    ("background", Words("background", "本底")),
)
ENTRIES = (
    Entry(
        words=Words("two sources", "双源法"),
        rows=(TUBE, asked("source", "source", "放射源", "text", choices=SOURCES), COUNTS, SECONDS),
    ),
    Entry(
        words=Words("decaying source", "衰变法"),
        rows=(TUBE, asked("time_s", "start of the reading, s", "起始时间，s", least=0), COUNTS, SECONDS),
    ),
)


@procedure(
    en="Count rate",
    zh="计数率特性",
    implements="NEMA NU 1-2007, 2.6; IAEA HHS-6, 2.3.11",
    kinds=("nm_planar", "table"),
    quantities=(MAX_RATE, LOSS_RATE, DEAD_TIME),
    accepts=accepts,
    entries=ENTRIES,
)
def count_rate(
    evidence: Evidence,
    *,
    nuclide: Annotated[str | None, Words("nuclide of the decaying source", "衰变源的核素")] = None,
    background_cps: Annotated[float | None, Words("background, counts per second", "本底计数率，计数/s")] = None,
) -> CountRate:
    """Maximum count rate from a dynamic series; dead time and the rate at 20 % loss from a table."""
    if isinstance(evidence.images, PlanarImages):
        return _of_series(evidence, evidence.images)
    table = readings(evidence)
    if table is not None and _is_two_sources(table):
        return _of_two_sources(evidence, table, background_cps)
    if table is not None and _is_decay(table):
        return _of_decay(evidence, table, nuclide, background_cps)
    raise Refused(
        "no_count_rates",
        en=f"{evidence.name}: neither a dynamic series nor a table of rates; give a table with the columns time_s, counts, seconds "
        "(a decaying source) or source, counts, seconds (two sources: 1, 2, 12, background)",
        zh=f"{evidence.name}：既不是动态序列，也不是计数率表。请提供含 time_s、counts、seconds 列（衰变法）"
        "或 source、counts、seconds 列（双源法：1、2、12、background）的表。",
    )


# A dynamic series ------------------------------------------------------------------------------------------------------------


def _of_series(evidence: Evidence, images: PlanarImages) -> CountRate:
    if len({(frame.detector, frame.energy_window) for frame in images.frames}) == len(images.frames):
        raise Refused(
            "not_dynamic",
            en=f"{evidence.name}: one frame only; the highest count rate is searched in a dynamic series while the source approaches",
            zh=f"{evidence.name}：仅有一帧。最大计数率须在源逐渐靠近过程的动态序列中查找。",
        )
    if "TOMO" in images.image_type.upper() or "WHOLE" in images.image_type.upper():
        raise Refused(
            "not_dynamic",
            en=f"{evidence.name}: the image type is {images.image_type}; a dynamic series is needed",
            zh=f"{evidence.name}：图像类型为 {images.image_type}，需要动态序列。",
        )
    measurements, curves, remarks = [], [], []
    for detector in sorted({frame.detector for frame in images.frames}):
        found = _highest(images, detector)
        if isinstance(found, Remark):
            remarks.append(found)
            continue
        measurement, curve, noticed = found
        measurements.append(measurement)
        curves.append(curve)
        remarks += noticed
    if not measurements:
        words = remarks[0].words
        raise Refused("no_duration", en=f"{evidence.name}: {words.en}", zh=f"{evidence.name}：{words.zh}")
    return CountRate(measurements=tuple(measurements), remarks=tuple(remarks), curves=tuple(curves))


def _highest(images: PlanarImages, detector: int) -> tuple[Measurement, Curve, list[Remark]] | Remark:
    """The frame of one detector with the highest rate; all its energy windows in one time slot count together."""
    slots: dict[int, list[int]] = {}
    for index, frame in enumerate(images.frames):
        if frame.detector == detector:
            slots.setdefault(_slot(frame.phase, frame.time_slot, index), []).append(index)
    chosen = list(slots.values())
    seconds = [images.frames[slot[0]].duration_s for slot in chosen]
    counts = np.array([sum(float(images.counts[index].sum(dtype=np.float64)) for index in slot) for slot in chosen])
    if any(one is None or one <= 0 for one in seconds):
        return _lost(detector, Words("the duration of the frames is not in the header", "头信息中没有帧的采集时间"))
    if counts.max() <= 0:
        return _lost(detector, Words("its frames have no counts", "各帧均无计数"))
    time = np.array([float(one or 0) for one in seconds])
    rates = counts / time
    top = int(np.argmax(rates))
    noticed = []
    if top in (0, len(rates) - 1):
        noticed.append(
            remark(
                "maximum_at_the_end",
                en=f"detector {detector}: the highest rate is in frame {top + 1} of {len(rates)}, at the end of the series, so the "
                "true maximum may not have been passed; bring the source nearer or go on longer",
                zh=f"探头 {detector}：最高计数率出现在第 {top + 1} 帧（共 {len(rates)} 帧），位于序列端点，可能尚未越过最大值；"
                "请使源更靠近或延长采集。",
            )
        )
    sd = math.sqrt(float(counts[top])) / float(time[top])
    bias = _bias_of_largest(rates, np.sqrt(np.maximum(counts, 1.0)) / time)
    measurement = MAX_RATE.of(float(rates[top]), math.hypot(sd, bias), detector=detector)
    curve = Curve(
        title=Words(f"Count rate of detector {detector}", f"探头 {detector} 的计数率"),
        x_label=Words("time", "时间"),
        x_unit="s",
        x=np.cumsum(time) - time / 2,
        observed=rates,
    )
    return measurement, curve, noticed


def _slot(phase: int | None, slot: int | None, index: int) -> int:
    return index if slot is None else 100_000 * (phase or 1) + slot


def _lost(detector: int, words: Words) -> Remark:
    return remark(
        "detector_not_measured",
        en=f"detector {detector} was not measured: {words.en}",
        zh=f"探头 {detector} 未测量：{words.zh}",
    )


def _bias_of_largest(rates: Floats, sd: Floats) -> float:
    """How much the largest of these rates exceeds the largest true one on average.

    From draws about the rates near the largest, drawn together by what noise alone has spread them.
    """
    near = rates > rates.max() - 4 * sd.max()
    if near.sum() < 2:
        return 0.0
    chosen, noise = rates[near], sd[near]
    spread = float(chosen.var())
    kept = math.sqrt(max(spread - float((noise**2).mean()), 0.0) / spread) if spread > 0 else 0.0
    true = chosen.mean() + kept * (chosen - chosen.mean())
    seed = int(np.abs(rates).sum() * 1000) % 2**32
    draws = true + np.random.default_rng(seed).normal(size=(500, len(true))) * noise
    return float(draws.max(axis=1).mean() - true.max())


# A decaying source -----------------------------------------------------------------------------------------------------------


def _is_decay(table: Table) -> bool:
    return table.has("counts", "seconds") and (table.has("time_s") or table.has("time"))


def _of_decay(evidence: Evidence, table: Table, nuclide: str | None, background_cps: float | None) -> CountRate:
    known = _nuclide(evidence, table, nuclide)
    times, counts, seconds = _points(evidence, table)
    rates = counts / seconds
    measurements, remarks = [_maximum(rates, counts, seconds)], []
    fit = fit_decay(times, counts, seconds, known.decay_constant, background_cps)
    slowest = int(np.argmin(rates))
    measurements += _dead_time(fit)
    if fit.tau_s > 0 and rates[slowest] > 0.05 / fit.tau_s:
        remarks.append(
            remark(
                "high_at_the_end",
                en=f"the slowest point still has {rates[slowest]:.0f} counts/s; the rule of the standard takes it as free of losses",
                zh=f"最低点计数率仍为 {rates[slowest]:.0f} 计数/s，标准的方法将其视为无丢失。",
            )
        )
    # NEMA: true rates from the slowest point by decay, observed ones at the start of each interval.
    at_start = 1 / np.array([known.mean_over(float(one)) for one in seconds])
    observed = rates * at_start - (background_cps or 0.0)
    true = observed[slowest] * np.exp(known.decay_constant * (times[slowest] - times))
    crossing = loss_crossing(true, observed, SHARE)
    if crossing is not None:
        measurements.append(_nema_loss(crossing, true, observed, counts, slowest))
    else:
        remarks.append(
            remark(
                "no_20_percent_loss",
                en="the points do not reach a loss of 20 %; start with more activity",
                zh="各测量点未达到 20 % 的计数丢失，请以更高活度开始测量。",
            )
        )
    if rates[slowest] > LOWEST_CPS:
        remarks.append(
            remark(
                "not_followed_far_enough",
                en=f"the slowest point has {rates[slowest]:.0f} counts/s; the standard follows the decay to below {LOWEST_CPS:.0f}",
                zh=f"最低计数率为 {rates[slowest]:.0f} 计数/s，标准要求衰变至 {LOWEST_CPS:.0f} 计数/s 以下。",
            )
        )
    model_true = np.linspace(0.0, float(true.max()) * 1.02, 200)
    curve = Curve(
        title=Words("Observed against true rate", "观测计数率与真实计数率"),
        x_label=Words("true rate", "真实计数率"),
        x_unit="1/s",
        x=np.sort(true),
        observed=observed[np.argsort(true)],
        model_x=model_true,
        model=fit.observed(model_true),
    )
    return CountRate(
        measurements=tuple(measurements),
        remarks=tuple(remarks),
        conditions=(
            Condition(label=Words("nuclide", "核素"), value=Words(known.name, known.name)),
            Condition(label=Words("points", "测量点数"), value=Words(f"{len(rates)}", f"{len(rates)}")),
        ),
        curves=(curve,),
    )


def _nuclide(evidence: Evidence, table: Table, given: str | None) -> Nuclide:
    if table.has("half_life_s"):
        half_life = number(table.column("half_life_s")[0])
        if half_life is not None and half_life > 0:
            return replace(NUCLIDES["Tc-99m"], name=f"{half_life:g} s", half_life_s=half_life)
    said = given or evidence.facts.get("nuclide") or (table.column("nuclide")[0] if table.has("nuclide") else None)
    found = nuclide_named(said)
    if found is None:
        raise Refused(
            "facts_missing",
            en=f"{evidence.name}: the nuclide of the decaying source is {said!r}; give nuclide (for example Tc-99m) or a column "
            "half_life_s",
            zh=f"{evidence.name}：衰变源的核素为 {said!r}。请给出 nuclide（例如 Tc-99m），或增加 half_life_s 列。",
        )
    return found


def _points(evidence: Evidence, table: Table) -> tuple[Floats, Floats, Floats]:
    """Starts in s from the first, counts, durations of the rows that have all three, in time order."""
    rows = []
    for row in table.rows:
        when = _when(row)
        counts, seconds = number(row.get("counts", "")), number(row.get("seconds", ""))
        if when is not None and counts is not None and seconds is not None and seconds > 0 and counts >= 0:
            rows.append((when, counts, seconds))
    if len(rows) < 4:
        raise Refused(
            "too_few_points",
            en=f"{evidence.name}: {len(rows)} usable rows (time, counts, seconds); a decaying source needs at least 4",
            zh=f"{evidence.name}：可用数据仅 {len(rows)} 行（时间、计数、计数时间），衰变法至少需要 4 行。",
        )
    array = np.array(sorted(rows))
    return array[:, 0] - array[0, 0], array[:, 1], array[:, 2]


def _when(row: Any) -> float | None:
    seconds = number(row.get("time_s", ""))
    if seconds is not None:
        return seconds
    try:
        return datetime.datetime.fromisoformat(row.get("time", "").strip()).timestamp()
    except ValueError:
        return None


def _maximum(rates: Floats, counts: Floats, seconds: Floats) -> Measurement:
    top = int(np.argmax(rates))
    sd = np.sqrt(np.maximum(counts, 1.0)) / seconds
    return MAX_RATE.of(float(rates[top]), math.hypot(float(sd[top]), _bias_of_largest(rates, sd)))


def _dead_time(fit: DecayFit) -> list[Measurement]:
    if fit.tau_s <= 0:
        return []
    return [
        DEAD_TIME.of(fit.tau_s * 1e6, fit.tau_u_s * 1e6, method="decay"),
        _loss_of(fit.tau_s, fit.tau_u_s, "paralysable"),
    ]


def _loss_of(tau_s: float, u_s: float, method: str) -> Measurement:
    """(1 - share) x -ln(1 - share) / dead time: 0.1785 / dead time at 20 %."""
    rate = (1 - SHARE) * -math.log(1 - SHARE) / tau_s
    return LOSS_RATE.of(rate, rate * u_s / tau_s, method=method)


def _nema_loss(
    crossing: tuple[float, float, float], true: Floats, observed: Floats, counts: Floats, slowest: int
) -> Measurement:
    """The rate by the standard's interpolation. A slowest point that is off by 1 % moves all true rates by 1 %."""
    rate, below, above = crossing
    order = np.argsort(true)
    high = int(np.flatnonzero(1 - observed[order] / true[order] >= SHARE)[0])
    pair = order[[high - 1, high]]
    relative = 1 / np.sqrt(np.maximum(counts, 1.0))
    steep = float((observed[pair[1]] - observed[pair[0]]) / (true[pair[1]] - true[pair[0]]))
    # d(rate): along the curve to where it meets 0.8 x true again
    gain = (1 - SHARE) / max((1 - SHARE) - steep, 1e-6)
    own = math.hypot(below * observed[pair[0]] * relative[pair[0]], above * observed[pair[1]] * relative[pair[1]]) * gain
    scale = rate * float(relative[slowest]) * steep * gain / (1 - SHARE)
    return LOSS_RATE.of(rate, math.hypot(own, scale), method="nema")


# Two sources -----------------------------------------------------------------------------------------------------------------


def _is_two_sources(table: Table) -> bool:
    if not table.has("source", "counts", "seconds"):
        return False
    return {"first", "second", "both"} <= {ROLES.get(one.strip().lower()) for one in table.column("source")}


def _of_two_sources(evidence: Evidence, table: Table, background_cps: float | None) -> CountRate:
    sums = {"first": [0.0, 0.0], "second": [0.0, 0.0], "both": [0.0, 0.0], "background": [0.0, 0.0]}
    for line, row in zip(table.lines, table.rows):
        role = ROLES.get(row.get("source", "").strip().lower())
        counts, seconds = number(row.get("counts", "")), number(row.get("seconds", ""))
        if role is None or counts is None or seconds is None or seconds <= 0 or counts < 0:
            raise Refused(
                "table_unusable",
                en=f"{evidence.name}, row {line}: source is 1, 2, 12 or background, counts and seconds are numbers; correct the row",
                zh=f"{evidence.name} 第 {line} 行：source 应为 1、2、12 或 background，counts 和 seconds 应为数字，请更正。",
            )
        sums[role][0] += counts
        sums[role][1] += seconds

    def rate(role: str) -> tuple[float, float]:
        counts, seconds = sums[role]
        return (counts / seconds, math.sqrt(counts) / seconds) if seconds > 0 else (0.0, 0.0)

    found = [rate(role) for role in ("first", "second", "both", "background")]
    if background_cps is not None and sums["background"][1] == 0:
        found[3] = (background_cps, 0.0)
    rates = (found[0][0], found[1][0], found[2][0], found[3][0])
    try:
        tau = two_source_dead_time(*rates)
    except NoDeadTime:
        raise Refused(
            "no_dead_time",
            en=f"{evidence.name}: {rates[0]:.0f}, {rates[1]:.0f} and together {rates[2]:.0f} counts/s are not those of two sources "
            "below the maximum of a paralysable counter: together they must give less than their sum and more than either; check "
            "the table, or use weaker sources",
            zh=f"{evidence.name}：两源分别为 {rates[0]:.0f}、{rates[1]:.0f} 计数/s，合计 {rates[2]:.0f} 计数/s，不符合最大计数率以下"
            "的可扩展型死时间：合计值须小于两者之和且大于任一单源。请核对数据或改用较弱的源。",
        ) from None
    u = two_source_uncertainty(rates, (found[0][1], found[1][1], found[2][1], found[3][1]))
    true = np.linspace(0.0, 1.2 / tau, 200)
    return CountRate(
        measurements=(
            DEAD_TIME.of(tau * 1e6, u * 1e6, method="two_source"),
            _loss_of(tau, u, "two_source"),
        ),
        remarks=(_not_nema(), *_unequal(rates)),
        conditions=(
            Condition(
                label=Words("observed rates, sources 1, 2, both", "观测计数率（源 1、源 2、合并）"),
                value=Words(
                    f"{rates[0]:.0f}, {rates[1]:.0f}, {rates[2]:.0f} /s", f"{rates[0]:.0f}、{rates[1]:.0f}、{rates[2]:.0f} /s"
                ),
            ),
        ),
        curves=(
            Curve(
                title=Words("Paralysable counter", "可扩展型死时间模型"),
                x_label=Words("true rate", "真实计数率"),
                x_unit="1/s",
                x=np.array([0.0, 1.2 / tau]),
                observed=np.array([0.0, 1.2 / tau]),
                model_x=true,
                model=true * np.exp(-true * tau),
            ),
        ),
    )


def _not_nema() -> Remark:
    return remark(
        "not_nema",
        en="dead time by two sources, solved for a paralysable counter: a method of IAEA HHS-6, not of NEMA NU 1-2007",
        zh="双源法死时间，按可扩展型模型数值求解；该方法见于 IAEA HHS-6，不属于 NEMA NU 1-2007。",
    )


def _unequal(rates: tuple[float, float, float, float]) -> tuple[Remark, ...]:
    ratio = max(rates[:2]) / min(rates[:2])
    if ratio < 1.2:
        return ()
    return (
        remark(
            "unequal_sources",
            en=f"the sources differ by a factor of {ratio:.2f}; the equations were solved for unequal sources, the short formula "
            "for equal ones would be wrong",
            zh=f"两源强度相差 {ratio:.2f} 倍；已按不等强度求解，等强度的简化公式在此不适用。",
        ),
    )
