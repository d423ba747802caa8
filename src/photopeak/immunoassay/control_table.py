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
from photopeak.table import Table, number
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
DAY_COLUMNS = ("date", "day")
RUN_COLUMNS = ("run", *DAY_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlResult:
    """One row: its line in the table, its run, day, series key (material, lot), value, and declared mean and sd."""

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

    @property
    def place(self) -> Words:
        """The run as a person knows it: with its day, where days are told."""
        if not self.day:
            return Words(f"run {self.run}", f"第 {self.run} 批")
        return Words(f"{self.day}, run {self.run}", f"{self.day} 第 {self.run} 批")


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
    """Yes to a run (or a day, where each is one run) and a value in each row, or its result in standard deviations (z)."""
    run = _run_column(evidence)
    if accepts_columns(evidence, (run, "z")) is None:
        return None
    return accepts_columns(evidence, (run, "value"))


def _run_column(evidence: Evidence) -> str:
    """The column that names the run: a day where no column does."""
    columns = evidence.images.columns if isinstance(evidence.images, Table) else ()
    return next((name for name in RUN_COLUMNS if name in columns), "run")


def limits_at(result: ControlResult, limits: ControlLimits) -> ControlLimits:
    """The limits that its own row declares, where the series goes by declared ones."""
    if limits.source != "declared" or result.declared is None:
        return limits
    return replace(limits, mean=result.declared[0], sd=result.declared[1])


def read_control(evidence: Evidence) -> tuple[list[ControlResult], list[RowProblem]]:
    """Every row with a run and a number, in the order of the table; a declared mean needs its sd."""
    run = _run_column(evidence)
    scores = accepts_columns(evidence, (run, "z")) is None and accepts_columns(evidence, (run, "value")) is not None
    column = "z" if scores else "value"
    table = require_columns(evidence, (run, column))
    results: list[ControlResult] = []
    problems: list[RowProblem] = []
    for row, line in zip(table.rows, table.lines):
        value = number(row.get(column, ""))
        if value is None or value != value or not row.get(run):
            problems.append(_unusable(row.get(column, ""), row.get(run, ""), line))
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
                run=row[run],
                day="" if run in DAY_COLUMNS else next((row[name] for name in DAY_COLUMNS if row.get(name)), ""),
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
