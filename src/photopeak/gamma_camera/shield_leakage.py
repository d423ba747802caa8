"""Leakage through the detector's shield, from a table of counts (NEMA NU 1-2007, 2.7; IAEA HHS-6, 2.3.12).

Columns position, counts, seconds and, where there are several, detector. One position is `reference`: the source in the field of
view, 20 cm below the collimator; the others lie outside, 10, 20 and 30 cm from each edge and 2 m in front and beside. `background`
is subtracted from both. L = 100 x rate outside / rate in the field; `position=largest` is what the standard reports.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from photopeak.entry import Entry, asked
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Points
from photopeak.gamma_camera.noisy_statistic import noise_of_largest
from photopeak.gamma_camera.readings import readings
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.table import Table, number
from photopeak.words import Words

LEAKAGE = Quantity(name="leakage", unit="%", en="leakage through the shield", zh="屏蔽泄漏")
REFERENCE = ("reference", "in field", "in_field", "field", "参考", "视野内", "参考位置")
BACKGROUND = ("background", "本底")
POSITIONS_OF_THE_STANDARD = 14  # 10, 20, 30 cm outside each of four edges; 2 m in front and beside
LARGEST = "largest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Counts per second with their variance."""

    cps: float
    variance: float

    @property
    def u(self) -> float:
        return math.sqrt(self.variance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What one detector counted: in the field, without a source (0 where nobody measured it), and at each position outside."""

    detector: int
    reference: Rate
    background: Rate | None
    outside: Mapping[str, Rate]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShieldLeakage(Result):
    def figures(self) -> tuple[Figure, ...]:
        charts = []
        for detector in sorted({int(m.where["detector"]) for m in self.measurements}):
            mine = [m for m in self.measurements if m.where["detector"] == detector and m.where["position"] != LARGEST]
            charts.append(
                Chart(
                    title=Words(f"Leakage of detector {detector}", f"探头 {detector} 的屏蔽泄漏"),
                    x=Axis(
                        label=Words("position, in the order of the table", "位置（按表中顺序）"), low=0.0, high=len(mine) + 1.0
                    ),
                    y=Axis(label=LEAKAGE.words, unit="%", low=0.0),
                    marks=(Points(x=tuple(float(k) for k in range(1, len(mine) + 1)), measurements=tuple(mine)),),
                    group="leakage",
                )
            )
        return tuple(charts)


def accepts(evidence: Evidence) -> Words | None:
    table = readings(evidence)
    if table is not None and table.has("position", "counts", "seconds") and _has_reference(table):
        return None
    return Words(
        "the table has no columns position, counts and seconds with a row whose position is reference",
        "表中没有 position、counts、seconds 列，或没有位置为 reference（视野内）的行",
    )


def _has_reference(table: Table) -> bool:
    return any(one.strip().lower() in REFERENCE for one in table.column("position"))


ENTRIES = (
    Entry(
        words=Words("positions round the detector", "探头周围各位置"),
        rows=(
            asked("detector", "detector", "探头", above=0),
            asked(
                "position",
                "position (in field, background, or where the source stood)",
                "位置（视野内、本底或源所在位置）",
                "text",
            ),
            asked("counts", "counts", "计数", least=0),
            asked("seconds", "counting time, s", "计数时间，s", above=0),
        ),
    ),
)


@procedure(
    en="Detector shield leakage",
    zh="探头屏蔽泄漏",
    implements="NEMA NU 1-2007, 2.7; IAEA HHS-6, 2.3.12",
    kinds=("table",),
    quantities=(LEAKAGE,),
    accepts=accepts,
    entries=ENTRIES,
)
def shield_leakage(evidence: Evidence) -> ShieldLeakage:
    """Leakage at each position and the largest of them, per detector."""
    table = readings(evidence)
    if table is None or not table.has("position", "counts", "seconds") or not _has_reference(table):
        raise Refused(
            "no_leakage_table",
            en=f"{evidence.name}: leakage needs a table with the columns position, counts and seconds, one row of it at the position "
            "reference (the source in the field of view)",
            zh=f"{evidence.name}：屏蔽泄漏需要含 position、counts、seconds 列的表，其中一行的位置为 reference（源在视野内）。",
        )
    heads = _heads(evidence, table)
    measurements = [one for head in heads for one in _of_head(evidence, head)]
    return ShieldLeakage(
        measurements=tuple(measurements), remarks=_remarks(heads), conditions=tuple(_reference_rate(head) for head in heads)
    )


def _heads(evidence: Evidence, table: Table) -> list[Readings]:
    sums: dict[int, dict[str, tuple[float, float]]] = {}
    for line, row in zip(table.lines, table.rows):
        detector, name, counts, seconds = _row(evidence, line, row)
        before = sums.setdefault(detector, {}).get(name, (0.0, 0.0))
        sums[detector][name] = (before[0] + counts, before[1] + seconds)
    heads = []
    for detector, rows in sorted(sums.items()):
        rates = {name: Rate(cps=c / s, variance=max(c, 1.0) / s**2) for name, (c, s) in rows.items()}
        outside = {name: rate for name, rate in rates.items() if name not in ("reference", "background")}
        if "reference" not in rates or not outside:
            raise Refused(
                "table_unusable",
                en=f"{evidence.name}: detector {detector} has {'no position outside the field' if not outside else 'no reference'}; "
                "give the counts at the reference and at one position outside at least",
                zh=f"{evidence.name}：探头 {detector} 缺少{'视野外位置' if not outside else '参考位置（reference）'}的计数；"
                "请给出参考位置和至少一个视野外位置的计数。",
            )
        heads.append(
            Readings(detector=detector, reference=rates["reference"], background=rates.get("background"), outside=outside)
        )
    return heads


def _row(evidence: Evidence, line: int, row: Mapping[str, str]) -> tuple[int, str, float, float]:
    """(detector, position, counts, seconds) of one row."""
    name = row.get("position", "").strip()
    counts, seconds = number(row.get("counts", "")), number(row.get("seconds", ""))
    if not name or counts is None or seconds is None or counts < 0 or seconds <= 0:
        raise Refused(
            "table_unusable",
            en=f"{evidence.name}, row {line}: a position, its counts and its seconds are needed; correct the row",
            zh=f"{evidence.name} 第 {line} 行：需要位置、计数和计数时间，请更正。",
        )
    plain = name.lower()
    known = "reference" if plain in REFERENCE else "background" if plain in BACKGROUND else name
    return int(number(row.get("detector", "")) or 1), known, counts, seconds


def _of_head(evidence: Evidence, head: Readings) -> list[Measurement]:
    background = head.background or Rate(cps=0.0, variance=0.0)
    whole = head.reference.cps - background.cps
    if whole <= 3 * math.sqrt(head.reference.variance + background.variance):
        raise Refused(
            "no_net_counts",
            en=f"{evidence.name}: with the source in the field of view detector {head.detector} counts {head.reference.cps:.1f}/s, not "
            f"clearly more than the background of {background.cps:.1f}/s; check the rows reference and background",
            zh=f"{evidence.name}：源在视野内时探头 {head.detector} 的计数率为 {head.reference.cps:.1f}/s，并不明显高于本底 "
            f"{background.cps:.1f}/s。请核对 reference 和 background 两行。",
        )
    found, values, noise = [], [], []
    for position, rate in head.outside.items():
        value = 100 * (rate.cps - background.cps) / whole
        u = (
            math.sqrt(1e4 * rate.variance + value**2 * head.reference.variance + (value - 100) ** 2 * background.variance)
            / whole
        )
        found.append(LEAKAGE.of(value, u, detector=head.detector, position=position))
        values.append(value)
        noise.append(u)
    if len(values) > 1:
        top = int(np.argmax(values))
        spread = noise_of_largest(np.array(values), np.array(noise))
        u = math.hypot(spread.bias, noise[top])
        found.append(LEAKAGE.of(values[top], u, detector=head.detector, position=LARGEST))
    return found


def _remarks(heads: Sequence[Readings]) -> tuple[Remark, ...]:
    found = []
    if any(head.background is None for head in heads):
        found.append(
            remark(
                "no_background",
                en="no background was given, so none was subtracted and the leakage comes out too large; add a row whose position is "
                "background",
                zh="未给出本底，未作扣除，泄漏值偏大；请增加位置为 background 的行。",
            )
        )
    fewest = min(len(head.outside) for head in heads)
    if fewest < POSITIONS_OF_THE_STANDARD:
        found.append(
            remark(
                "few_positions",
                en=f"{fewest} positions were measured; the standard asks for {POSITIONS_OF_THE_STANDARD} (10, 20 and 30 cm outside each "
                "edge, 2 m in front and beside), so the largest leakage may lie elsewhere",
                zh=f"测量了 {fewest} 个位置；标准要求 {POSITIONS_OF_THE_STANDARD} 个（各边缘外 10、20、30 cm 及正前方和侧方 2 m），"
                "最大泄漏可能位于其他位置。",
            )
        )
    return tuple(found)


def _reference_rate(head: Readings) -> Condition:
    text = f"{head.reference.cps:.4g} /s"
    return Condition(
        label=Words(f"rate in the field of view, detector {head.detector}", f"视野内计数率，探头 {head.detector}"),
        value=Words(text, text),
    )
