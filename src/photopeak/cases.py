"""Tables whose rows are cases: a source assayed, a patient dosed, a scanner checked. What one case needs is read from the signature.

A procedure declares its inputs as keyword-only parameters, `Annotated[float | None, Words(...), Column(...)]`. The same names are the
columns of its table and its options on the command line; a cell wins over an option, an option over a fact. The last part of a name
is its unit (`activity_mbq`), and a column in another unit of the family (`activity_mci`) is converted. `NAME_u` is the standard
uncertainty of NAME, in the unit of NAME.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from photopeak.case import SERIES, Case, Column, Input, columns_of, unit_of
from photopeak.case_values import Row, Source, fact_of, from_cells, from_given, moment, pieces, uncertainty_of
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Points
from photopeak.measurement import Measurement
from photopeak.procedure import Refused, Remark, remark
from photopeak.table import Table
from photopeak.words import Words

__all__ = [
    "Case",
    "Column",
    "Input",
    "Measured",
    "all_measurements",
    "cases_of",
    "chart_of",
    "charts_of",
    "declared",
    "inputs_of",
    "lacking",
    "measure_cases",
    "moment",
]

SHOWN_IN_FULL = 6
FEW_CASES = 12  # up to so many, every case has its tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one case gave: measurements, remarks and a `detail` for the figures."""

    measurements: tuple[Measurement, ...]
    remarks: tuple[Remark, ...] = ()
    detail: Any = None


def inputs_of(run: Callable[..., Any]) -> dict[str, Input]:
    """The inputs that a procedure's signature declares with `Column`."""
    found = {}
    for name, hint in typing.get_type_hints(run, include_extras=True).items():
        extras = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
        column = next((extra for extra in extras if isinstance(extra, Column)), None)
        if column is not None:
            words = next((extra for extra in extras if isinstance(extra, Words)), Words(name, name))
            found[name] = Input(name=name, words=words, column=column)
    return found


def lacking(evidence: Evidence, run: Callable[..., Any], *ways: tuple[str, ...]) -> Words | None:
    """None if the table has all columns of one of the `ways` (aliases count); else which columns are missing, for `accepts`."""
    table = evidence.images
    if not isinstance(table, Table):
        return Words("not a table", "不是表格")
    inputs = inputs_of(run)
    present = {name for name, one in inputs.items() if any(column in table.columns for column in columns_of(one))}
    present |= set(table.columns)
    if any(present.issuperset(way) for way in ways):
        return None
    missing = [name for name in ways[0] if name not in present]
    return Words(f"the columns {', '.join(missing)} are missing", f"缺少列 {'、'.join(missing)}")


def cases_of(
    evidence: Evidence, run: Callable[..., Any], given: Mapping[str, Any]
) -> tuple[tuple[Case, ...], tuple[Remark, ...], tuple[Refused, ...]]:
    """The cases of a table, remarks, and the refusals of rows that cannot be read.

    Rows with one name in the column `case` are one case. Without that column: where the procedure takes series (readings over time)
    and each cell holds a single number, all rows are one case; else each row is a case.
    """
    table = evidence.images
    if not isinstance(table, Table):
        raise Refused(
            "not_a_table",
            en=f"{evidence.name} is not a table; a CSV or XLSX file with a header row is needed",
            zh=f"{evidence.name} 不是表格，需要带表头的 CSV 或 XLSX 文件。",
        )
    inputs = inputs_of(run)
    sources = {name: _source(evidence, table, one) for name, one in inputs.items()}
    groups = _groups(table, inputs, sources)
    cases, refused = [], []
    for label, rows in groups:
        try:
            cases.append(_case(evidence, table, label, rows, inputs, sources, given))
        except Refused as no:
            refused.append(no)
    return tuple(cases), _unused(table, inputs, sources), tuple(refused)


def measure_cases(
    evidence: Evidence, run: Callable[..., Any], given: Mapping[str, Any], measure: Callable[[Case], Measured]
) -> tuple[tuple[tuple[Case, Measured], ...], tuple[Remark, ...]]:
    """`measure` on every case of the table. A case that is refused becomes a remark; where none is left, its refusal is raised."""
    cases, remarks, refused = cases_of(evidence, run, given)
    done: list[tuple[Case, Measured]] = []
    problems = list(refused)
    for case in cases:
        try:
            done.append((case, measure(case)))
        except Refused as no:
            problems.append(no)
    if not done:
        raise problems[0]
    noticed = [remark("case_refused", en=one.words.en, zh=one.words.zh) for one in problems]
    return tuple(done), (*_few(noticed), *remarks, *(one for _, found in done for one in found.remarks))


def _few(remarks: Sequence[Remark]) -> tuple[Remark, ...]:
    if len(remarks) <= SHOWN_IN_FULL:
        return tuple(remarks)
    rest = len(remarks) - SHOWN_IN_FULL
    more = remark("case_refused", en=f"{rest} more cases were refused", zh=f"另有 {rest} 个案例未能分析")
    return (*remarks[:SHOWN_IN_FULL], more)


# Columns and rows


def _source(evidence: Evidence, table: Table, one: Input) -> Source | None:
    factors = columns_of(one)
    found = [name for name in factors if name in table.columns]
    if len(found) > 1:
        raise Refused(
            "units_mixed",
            en=f"{evidence.name}: the columns {' and '.join(found)} give the same quantity ({one.words.en}); keep one",
            zh=f"{evidence.name}：列 {'、'.join(found)} 是同一个量（{one.words.zh}），请只保留一列。",
        )
    if not found:
        return None
    uncertainty = f"{found[0]}_u" if f"{found[0]}_u" in table.columns else None
    return Source(found[0], factors[found[0]], uncertainty)


def _unused(table: Table, inputs: Mapping[str, Input], sources: Mapping[str, Source | None]) -> tuple[Remark, ...]:
    """Columns that look like an input but lack its unit: told, because they were ignored."""
    used = {one.column for one in sources.values() if one is not None}
    remarks = []
    for name in inputs:
        stem, unit = unit_of(name)
        if unit and sources[name] is None and stem in table.columns and stem not in used and stem not in inputs:
            remarks.append(
                remark(
                    "column_without_unit",
                    en=f"the column {stem} was not used because it names no unit; call it {name}",
                    zh=f"列 {stem} 未注明单位，未使用；请改名为 {name}",
                )
            )
    return tuple(remarks)


def _groups(
    table: Table, inputs: Mapping[str, Input], sources: Mapping[str, Source | None]
) -> list[tuple[str | None, list[Row]]]:
    rows: list[Row] = list(zip(table.lines, table.rows))
    if "case" in table.columns:
        named: dict[str, list[Row]] = {}
        for line, row in rows:
            named.setdefault(row.get("case", "") or f"row {line}", []).append((line, row))
        if _has_series(inputs, sources):
            return list(named.items())
        return [
            (label if len(own) == 1 else f"{label} ({n})", [one])
            for label, own in named.items()
            for n, one in enumerate(own, 1)
        ]
    if _has_series(inputs, sources) and not _has_lists(table, inputs, sources):
        return [(None, rows)]
    if len(rows) == 1:
        return [(None, rows)]
    return [(str(n), [row]) for n, row in enumerate(rows, 1)]


def _has_series(inputs: Mapping[str, Input], sources: Mapping[str, Source | None]) -> bool:
    return any(one.column.kind in SERIES and sources[name] is not None for name, one in inputs.items())


def _has_lists(table: Table, inputs: Mapping[str, Input], sources: Mapping[str, Source | None]) -> bool:
    columns = [
        own.column for name, one in inputs.items() if one.column.kind == "numbers" and (own := sources[name]) is not None
    ]
    return any(len(pieces(row.get(column, ""))) > 1 for row in table.rows for column in columns)


def _case(
    evidence: Evidence,
    table: Table,
    label: str | None,
    rows: Sequence[Row],
    inputs: Mapping[str, Input],
    sources: Mapping[str, Source | None],
    given: Mapping[str, Any],
) -> Case:
    case = Case(
        name=evidence.name,
        label=label,
        lines=tuple(line for line, _ in rows),
        values={},
        uncertainties={},
        inputs=inputs,
    )
    values: dict[str, Any] = {}
    uncertainties: dict[str, float] = {}
    for name, one in inputs.items():
        source = sources[name]
        value = None if source is None else from_cells(case, one, source, rows)
        if value is None:
            value = from_given(case, one, given.get(name, fact_of(evidence, one)))
        if value is None:
            continue
        values[name] = value
        u = uncertainty_of(case, one, source, rows)
        if u is not None:
            uncertainties[name] = u
    return replace(case, values=values, uncertainties=uncertainties)


def declared(local: Mapping[str, Any]) -> dict[str, Any]:
    """What of a procedure's arguments is not the evidence and not absent: the options that a person gave."""
    return {name: value for name, value in local.items() if name != "evidence" and value is not None}


def all_measurements(done: Iterable[tuple[Case, Measured]]) -> tuple[Measurement, ...]:
    return tuple(one for _, found in done for one in found.measurements)


def chart_of(title: Words, measurements: Sequence[Measurement], *, x: Words | None = None) -> Chart:
    """Measurements of one quantity, one a case, in the order of the table; the limits that judged them become the band."""
    quantity, count = measurements[0].quantity, len(measurements)
    ticks = tuple(float(n) for n in range(1, count + 1)) if count <= FEW_CASES else ()
    return Chart(
        title=title,
        x=Axis(label=x or Words("case", "案例"), low=0.5, high=count + 0.5, ticks=ticks),
        y=Axis(label=quantity.words, unit="" if quantity.unit == "1" else quantity.unit),
        marks=(
            Points(x=tuple(float(n) for n in range(1, len(measurements) + 1)), measurements=tuple(measurements), joined=False),
        ),
    )


def charts_of(measurements: Iterable[Measurement], *names: str) -> tuple[Chart, ...]:
    """One chart for each named quantity that was measured."""
    by_name: dict[str, list[Measurement]] = {}
    for one in measurements:
        by_name.setdefault(one.quantity.name, []).append(one)
    return tuple(chart_of(by_name[name][0].quantity.words, by_name[name]) for name in names if name in by_name)
