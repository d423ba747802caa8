"""Readings of a gamma counter: every row read, or answered with a sentence; counts corrected for dead time, background and decay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from photopeak.evidence import Evidence
from photopeak.immunoassay.replicates import accepts_columns, require_columns
from photopeak.immunoassay.results_table import RowProblem
from photopeak.nuclide import Nuclide
from photopeak.procedure import Refused
from photopeak.table import number
from photopeak.words import Words

NEEDED = ("well", "source_counts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One row: counts of the source in a well, of the empty well, in `seconds`; `start_s` after the first reading."""

    line: int
    counter: str  #: laboratory and instrument, "" where the table is of one counter
    well: str
    counts: float
    background: float | None
    seconds: float | None
    start_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NetRate:
    """Net rate of the source in a well, and the well's background rate, per second (or per reading where no time is given)."""

    well: str
    rate: float
    u_rate: float
    background: float
    u_background: float


def accepts_counter(evidence: Evidence) -> Words | None:
    return accepts_columns(evidence, NEEDED)


def read_counter(evidence: Evidence) -> tuple[list[Reading], list[RowProblem]]:
    """Every row with a well and whole, non-negative counts."""
    table = require_columns(evidence, NEEDED)
    readings: list[Reading] = []
    problems: list[RowProblem] = []
    for row, line in zip(table.rows, table.lines):
        well, counts = row.get("well", ""), _counts(row.get("source_counts", ""), line, "source_counts", problems)
        if not well:
            problems.append(_problem(line, "row_without_well", "no well is named; left out", "未填写井号，已略去"))
        if counts is None or not well:
            continue
        background = row.get("background_counts", "")
        seconds = number(row.get("seconds", ""))
        if row.get("seconds") and not (seconds is not None and seconds > 0):
            problems.append(
                _problem(
                    line,
                    "row_seconds",
                    f"{row['seconds'][:30]!r} is no counting time; the row is left out",
                    f"计数时间“{row['seconds'][:30]}”无效，该行已略去",
                )
            )
            continue
        readings.append(
            Reading(
                line=line,
                counter=" ".join(part for part in (row.get("laboratory", ""), row.get("instrument", "")) if part),
                well=well,
                counts=counts,
                background=_counts(background, line, "background_counts", problems) if background else None,
                seconds=seconds,
                start_s=number(row.get("time_s", "")) or 0.0,
            )
        )
    if not readings:
        said = problems[:3]
        raise Refused(
            "no_readings",
            en=f"{evidence.name}: no row holds a well and its counts. " + "; ".join(one.words.en for one in said),
            zh=f"{evidence.name}：没有一行同时含井号和计数。" + "；".join(one.words.zh for one in said) + "。",
        )
    return readings, problems


def _counts(text: str, line: int, column: str, problems: list[RowProblem]) -> float | None:
    found = number(text)
    if found is not None and found >= 0:
        return found
    if text[:1] in ("=", "@"):
        en, zh = f"{column} holds a formula, not a number; left out", f"{column} 列是公式而非数字，已略去"
        problems.append(_problem(line, "row_formula", en, zh))
    else:
        en, zh = f"{column} {text[:30]!r} is not a number of counts; left out", f"{column} 列“{text[:30]}”不是计数，已略去"
        problems.append(_problem(line, "row_not_a_number", en, zh))
    return None


def _problem(line: int, code: str, en: str, zh: str) -> RowProblem:
    return RowProblem(line=line, code=code, words=Words(f"row {line}: {en}", f"第 {line} 行：{zh}"))


def net_rates(readings: Sequence[Reading], nuclide: Nuclide | None, dead_time_us: float) -> list[NetRate]:
    """Mean net rate of each well in the order of the table, decay-corrected to the first reading; Poisson uncertainties."""
    wells: dict[str, list[Reading]] = {}
    for one in readings:
        wells.setdefault(one.well, []).append(one)
    found = []
    for well, own in wells.items():
        rates = [_net(one, nuclide, dead_time_us) for one in own]
        backgrounds = [(one.background or 0.0) / (one.seconds or 1.0) for one in own]
        u_backgrounds = [math.sqrt(one.background or 0.0) / (one.seconds or 1.0) for one in own]
        found.append(
            NetRate(
                well=well,
                rate=sum(rate for rate, _ in rates) / len(own),
                u_rate=math.sqrt(sum(u**2 for _, u in rates)) / len(own),
                background=sum(backgrounds) / len(own),
                u_background=math.sqrt(sum(u**2 for u in u_backgrounds)) / len(own),
            )
        )
    return found


def _net(one: Reading, nuclide: Nuclide | None, dead_time_us: float) -> tuple[float, float]:
    seconds = one.seconds or 1.0
    gross, background = one.counts / seconds, (one.background or 0.0) / seconds
    live = 1.0
    if dead_time_us > 0 and one.seconds:
        live = 1 - gross * dead_time_us * 1e-6
        if live <= 0.1:
            raise Refused(
                "dead_time",
                en=f"row {one.line}: {gross:.0f} counts a second with a dead time of {dead_time_us:g} us leave less than a tenth of "
                "live time; count a weaker source",
                zh=f"第 {one.line} 行：计数率 {gross:.0f}/s 在死时间 {dead_time_us:g} µs 下活时间不足十分之一，请用较弱的源。",
            )
    decayed = 1.0
    if nuclide is not None and one.seconds:
        decayed = nuclide.share_left(one.start_s) * nuclide.mean_over(one.seconds)
    net = (gross / live - background) / decayed
    return net, math.sqrt(one.counts / live**4 + (one.background or 0.0)) / seconds / decayed
