"""The results of internal controls: every row read, or answered with a sentence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence
from photopeak.immunoassay.control_limits import ControlLimits
from photopeak.immunoassay.replicates import accepts_columns, require_columns
from photopeak.immunoassay.results_table import RowProblem
from photopeak.procedure import Refused
from photopeak.table import number
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
NEEDED = ("run", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlResult:
    """One row: `place` in the table from 0, its run, day, series key (material, lot), value, and declared mean and sd."""

    line: int
    run: str
    day: str
    material: str
    lot: str
    value: float
    declared: tuple[float, float] | None

    @property
    def series(self) -> tuple[str, str]:
        return self.material, self.lot


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The results of one material and lot in order, with the limits, z and the rules broken by each."""

    material: str
    lot: str
    results: tuple[ControlResult, ...]
    limits: ControlLimits
    z: tuple[float, ...]
    broken: tuple[tuple[str, ...], ...]

    @property
    def where(self) -> dict[str, str]:
        return {key: text for key, text in (("material", self.material), ("lot", self.lot)) if text}

    @property
    def values(self) -> Floats:
        return np.array([one.value for one in self.results])


def accepts_control(evidence: Evidence) -> Words | None:
    """Yes to a run and a value in each row, or a run and a result in standard deviations (z)."""
    if accepts_columns(evidence, ("run", "z")) is None:
        return None
    return accepts_columns(evidence, NEEDED)


def limits_at(result: ControlResult, limits: ControlLimits) -> ControlLimits:
    """The limits that its own row declares, where the series goes by declared ones."""
    if limits.source != "declared" or result.declared is None:
        return limits
    return replace(limits, mean=result.declared[0], sd=result.declared[1])


def read_control(evidence: Evidence) -> tuple[list[ControlResult], list[RowProblem]]:
    """Every row with a run and a number, in the order of the table; a declared mean needs its sd."""
    scores = accepts_columns(evidence, ("run", "z")) is None and accepts_columns(evidence, NEEDED) is not None
    table = require_columns(evidence, ("run", "z") if scores else NEEDED)
    column = "z" if scores else "value"
    results: list[ControlResult] = []
    problems: list[RowProblem] = []
    for row, line in zip(table.rows, table.lines):
        value = number(row.get(column, ""))
        if value is None or value != value or not row.get("run"):
            problems.append(_unusable(row.get(column, ""), row.get("run", ""), line))
            continue
        mean, sd = number(row.get("mean", "")), number(row.get("sd", ""))
        declared = (mean, sd) if mean is not None and sd is not None and sd > 0 else None
        if declared is None and (row.get("mean") or row.get("sd")):
            words = Words(
                f"row {line}: mean {row.get('mean', '')!r} and sd {row.get('sd', '')!r} are not a usable pair; not used as limits",
                f"第 {line} 行：均值“{row.get('mean', '')}”与标准差“{row.get('sd', '')}”不可用，未作为限值",
            )
            problems.append(RowProblem(line=line, code="row_limits", words=words))
        results.append(
            ControlResult(
                line=line,
                run=row["run"],
                day=row.get("date", ""),
                material=row.get("material", ""),
                lot=row.get("lot", ""),
                value=value,
                declared=(0.0, 1.0) if scores else declared,
            )
        )
    if not results:
        said = problems[:3]
        raise Refused(
            "no_results",
            en=f"{evidence.name}: no row holds a run and a number. " + "; ".join(one.words.en for one in said),
            zh=f"{evidence.name}：没有一行同时含批次和数值。" + "；".join(one.words.zh for one in said) + "。",
        )
    return results, problems


def _unusable(text: str, run: str, line: int) -> RowProblem:
    if text[:1] in "=@" and text:
        code, en, zh = "row_formula", "the cell holds a formula, not a number; left out", "单元格内是公式而非数字，已略去"
    elif not run:
        code, en, zh = "row_without_run", "no run is named; left out", "未填写批次，已略去"
    else:
        code, en, zh = "row_not_a_number", f"{text[:30]!r} is not a number; left out", f"“{text[:30]}”不是数字，已略去"
    return RowProblem(line=line, code=code, words=Words(f"row {line}: {en}", f"第 {line} 行：{zh}"))
