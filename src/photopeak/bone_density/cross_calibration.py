"""Cross-calibration of two densitometers: phantom scans on both, and where it is done in vivo, the same people on both.

Phantom: difference of the means in per cent of the first scanner, with its uncertainty. In vivo: mean difference, limits of agreement
(Bland and Altman) and the line that converts one scanner's density into the other's (orthogonal regression, equal errors).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.entry import Entry, asked
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Dots, Figure, Line
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Refused, Remark, Result, procedure, remark
from photopeak.table import Table, number
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

DIFFERENCE = Quantity(
    name="cross_calibration_difference", unit="%", en="second scanner against the first", zh="两台设备差异（后者相对前者）"
)
IN_VIVO = Quantity(name="in_vivo_difference", unit="g/cm2", en="mean difference in vivo", zh="人体平均差值")
AGREEMENT = Quantity(name="limit_of_agreement", unit="g/cm2", en="limit of agreement", zh="一致性界限", judged=False)
SLOPE = Quantity(name="conversion_slope", unit="1", en="slope of the conversion", zh="换算斜率", judged=False)
OFFSET = Quantity(name="conversion_offset", unit="g/cm2", en="offset of the conversion", zh="换算截距", judged=False)
LEAST_SCANS = 5
PAIRS = (("scanner_a", "scanner_b"), ("first", "second"), ("old", "new"), ("a", "b"), ("bmd_a", "bmd_b"))
USUAL_SCANS = 10
AGREEMENT_95 = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossCalibration(Result):
    """`pairs`: density on both scanners, of each person or of each phantom scan in order; `names` of the scanners."""

    names: tuple[str, str]
    pairs: tuple[Floats, Floats]
    in_vivo: bool

    def figures(self) -> tuple[Figure, ...]:
        return (_bland_altman(*self.pairs) if self.in_vivo else _scans(self.names, *self.pairs),)


def accepts(evidence: Evidence) -> Words | None:
    table = evidence.images
    if not isinstance(table, Table):
        return Words("not a table", "不是表格")
    if table.has("scanner", "bmd") or _pair_of(table) is not None:
        return None
    return Words("the columns scanner, bmd are missing", "缺少列 scanner、bmd")


ENTRIES = (
    Entry(
        words=Words("scans on two scanners", "两台设备的扫描"),
        rows=(
            asked("patient", "person (empty for a phantom)", "受检者（模体则留空）", "text"),
            asked("scanner", "scanner", "设备", "text"),
            asked("bmd", "BMD, g/cm²", "骨密度，g/cm²", above=0),
        ),
    ),
)


@procedure(
    en="Cross-calibration of densitometers",
    zh="骨密度仪交叉校准",
    implements="ISCD cross-calibration",
    kinds=("table",),
    quantities=(DIFFERENCE, IN_VIVO, AGREEMENT, SLOPE, OFFSET),
    accepts=accepts,
    entries=ENTRIES,
)
def cross_calibration(evidence: Evidence) -> CrossCalibration:
    """Difference of two scanners in per cent, from a table of scanner and bmd, with patient where it was done in vivo."""
    table = evidence.images
    if not isinstance(table, Table) or accepts(evidence) is not None:
        no = accepts(evidence) or Words("", "")
        raise Refused("missing_columns", en=f"{evidence.name}: {no.en}", zh=f"{evidence.name}：{no.zh}。")
    table = _long(table)
    by_scanner = _by_scanner(evidence, table)
    if len(by_scanner) != 2:
        raise Refused(
            "not_two_scanners",
            en=f"{evidence.name}: {len(by_scanner)} scanners ({', '.join(by_scanner)}); a cross-calibration compares two",
            zh=f"{evidence.name}：共 {len(by_scanner)} 台设备（{'、'.join(by_scanner)}），交叉校准须为两台。",
        )
    first, second = by_scanner
    return _in_vivo(evidence, by_scanner) if table.has("patient") else _phantom(evidence, (first, second), by_scanner)


def _pair_of(table: Table) -> tuple[str, str] | None:
    """The two columns of a table that has one for each scanner."""
    return next((pair for pair in PAIRS if table.has(*pair)), None)


def _long(table: Table) -> Table:
    """One scan a row, from a table with a column for each scanner (a cell may hold several scans)."""
    pair = _pair_of(table)
    if pair is None or table.has("scanner"):
        return table
    rows, lines = [], []
    for line, row in zip(table.lines, table.rows):
        for name in pair:
            for cell in row.get(name, "").strip("[] ").replace(",", ";").split(";"):
                if cell.strip():
                    rows.append({"scanner": name, "bmd": cell, "patient": row.get("patient", "")})
                    lines.append(line)
    columns = ("scanner", "bmd", "patient") if table.has("patient") else ("scanner", "bmd")
    return Table(columns=columns, rows=tuple(rows), lines=tuple(lines))


def _by_scanner(evidence: Evidence, table: Table) -> dict[str, list[tuple[str, float]]]:
    found: dict[str, list[tuple[str, float]]] = {}
    for line, row in zip(table.lines, table.rows):
        value = number(row.get("bmd", ""))
        if value is None or value <= 0:
            raise Refused(
                "impossible_value",
                en=f"{evidence.name}, row {line}: {row.get('bmd', '')!r} is not a bone density; a positive number is needed",
                zh=f"{evidence.name}，第 {line} 行：“{row.get('bmd', '')}”不是骨密度，应为正数。",
            )
        found.setdefault(row.get("scanner", ""), []).append((row.get("patient", ""), value))
    return found


def _phantom(evidence: Evidence, names: tuple[str, str], scans: dict[str, list[tuple[str, float]]]) -> CrossCalibration:
    one, other = (np.array([value for _, value in scans[name]]) for name in names)
    if min(len(one), len(other)) < LEAST_SCANS:
        raise Refused(
            "too_few_values",
            en=f"{evidence.name}: {len(one)} and {len(other)} phantom scans; {USUAL_SCANS} on each scanner are usual, at least {LEAST_SCANS}",
            zh=f"{evidence.name}：模体扫描 {len(one)} 与 {len(other)} 次；通常每台 {USUAL_SCANS} 次，至少 {LEAST_SCANS} 次。",
        )
    ratio = float(other.mean() / one.mean())
    u = 100 * ratio * math.hypot(*(float(x.std(ddof=1) / x.mean()) / math.sqrt(len(x)) for x in (one, other)))
    length = min(len(one), len(other))
    return CrossCalibration(
        measurements=(DIFFERENCE.of(100 * (ratio - 1), u, first=names[0], second=names[1], method="phantom"),),
        names=names,
        pairs=(one[:length], other[:length]),
        in_vivo=False,
    )


def _in_vivo(evidence: Evidence, scans: dict[str, list[tuple[str, float]]]) -> CrossCalibration:
    names = (next(iter(scans)), list(scans)[1])
    means = []
    for name in names:
        by_person: dict[str, list[float]] = {}
        for person, value in scans[name]:
            by_person.setdefault(person, []).append(value)
        means.append({person: sum(values) / len(values) for person, values in by_person.items()})
    both = sorted(set(means[0]) & set(means[1]))
    if len(both) < LEAST_SCANS:
        raise Refused(
            "too_few_values",
            en=f"{evidence.name}: {len(both)} people were scanned on both; at least {LEAST_SCANS} are needed, 30 are usual",
            zh=f"{evidence.name}：仅 {len(both)} 人在两台设备上均有扫描；至少 {LEAST_SCANS} 人，通常 30 人。",
        )
    one, other = (np.array([own[person] for person in both]) for own in means)
    difference = other - one
    mean, sd, count = float(difference.mean()), float(difference.std(ddof=1)), len(both)
    u = sd / math.sqrt(count)
    slope, offset = _orthogonal(one, other)
    place: dict[str, Any] = {"first": names[0], "second": names[1]}
    u_limit = sd * math.sqrt(1 / count + AGREEMENT_95**2 / (2 * (count - 1)))
    measurements: list[Measurement] = [
        DIFFERENCE.of(100 * mean / float(one.mean()), 100 * u / float(one.mean()), method="in vivo", **place),
        IN_VIVO.of(mean, u, **place),
        AGREEMENT.of(mean - AGREEMENT_95 * sd, u_limit, side="lower"),
        AGREEMENT.of(mean + AGREEMENT_95 * sd, u_limit, side="upper"),
        SLOPE.of(slope),
        OFFSET.of(offset),
    ]
    unmatched = len(set(means[0]) ^ set(means[1]))
    return CrossCalibration(
        measurements=tuple(measurements), remarks=_unmatched(unmatched), names=names, pairs=(one, other), in_vivo=True
    )


def _unmatched(count: int) -> tuple[Remark, ...]:
    if not count:
        return ()
    return (
        remark(
            "scanned_once",
            en=f"{count} people were scanned on one scanner only and are not used",
            zh=f"{count} 人仅在一台设备上扫描，未使用",
        ),
    )


def _orthogonal(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope and offset of the line of least orthogonal distances (Deming with equal errors)."""
    sxx, syy = float(x.var(ddof=1)), float(y.var(ddof=1))
    sxy = float(((x - x.mean()) * (y - y.mean())).sum() / (len(x) - 1))
    slope = (syy - sxx + math.hypot(syy - sxx, 2 * sxy)) / (2 * sxy) if sxy else math.inf
    if not math.isfinite(slope):
        slope = 1.0
    return slope, float(y.mean() - slope * x.mean())


def _bland_altman(one: Floats, other: Floats) -> Chart:
    middle, difference = (one + other) / 2, other - one
    span = np.array([float(middle.min()), float(middle.max())])
    mean, sd = float(difference.mean()), float(difference.std(ddof=1))
    levels = (mean, mean - AGREEMENT_95 * sd, mean + AGREEMENT_95 * sd)
    return Chart(
        title=Words("Difference against the mean (Bland and Altman)", "差值与均值（Bland-Altman）"),
        x=Axis(label=Words("mean of both scanners", "两台均值"), unit="g/cm2"),
        y=Axis(label=IN_VIVO.words, unit="g/cm2"),
        marks=(Dots(x=middle, y=difference), *(Line(x=span, y=np.full(2, level)) for level in levels)),
    )


def _scans(names: tuple[str, str], one: Floats, other: Floats) -> Chart:
    x = np.arange(1, len(one) + 1, dtype=np.float64)
    return Chart(
        title=Words("Phantom scans on both scanners", "两台设备的模体扫描"),
        x=Axis(label=Words("scan", "扫描序号")),
        y=Axis(label=Words("phantom density", "模体骨密度"), unit="g/cm2"),
        marks=tuple(Line(x=x, y=y, label=Words(name, name)) for name, y in zip(names, (one, other))),
    )
