"""Tables whose rows are cases: a source assayed, a patient dosed, a scanner checked. What one case needs is read from the signature.

A procedure declares its inputs as keyword-only parameters, `Annotated[float | None, Words(...), Column(...)]`. The same names are the
columns of its table and its options on the command line; a cell wins over an option, an option over a fact. The last part of a name
is its unit (`activity_mbq`), and a column in another unit of the family (`activity_mci`) is converted. `NAME_u` is the standard
uncertainty of NAME, in the unit of NAME.
"""

from __future__ import annotations

import datetime
import math
import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Points
from photopeak.measurement import Measurement
from photopeak.procedure import Refused, Remark, remark
from photopeak.table import Table, number
from photopeak.words import Words

Kind = Literal["number", "numbers", "text", "texts", "time", "times"]
SERIES = ("numbers", "texts", "times")

FAMILIES: tuple[Mapping[str, float], ...] = (
    {"bq": 1e-6, "kbq": 1e-3, "mbq": 1.0, "gbq": 1e3, "uci": 0.037, "mci": 37.0, "ci": 37e3},
    {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "y": 365.25 * 86400.0},
    {"mm": 1.0, "cm": 10.0, "m": 1000.0},
    {"mg": 1e-3, "g": 1.0, "kg": 1e3},
    {"ml": 1.0, "l": 1e3},
    {"pct": 1.0, "percent": 1.0, "fraction": 100.0},
    {"mgy": 1e-3, "gy": 1.0},
)
QUOTIENTS = ("sv_h", "gy_h", "cps_mbq")  # names that end in a unit of a family but are quotients: never converted
SHOWN_IN_FULL = 6
FEW_CASES = 12  # up to so many, every case has its tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How a parameter is read: other names of its column, what the numbers must satisfy, and their printed unit.

    `aliases` may end in a unit, which is then converted. `above`: greater than; `least`, `most`: bounds included.
    """

    kind: Kind = "number"
    aliases: tuple[str, ...] = ()
    above: float | None = None
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input of a procedure: its name, its words and how its column is read."""

    name: str
    words: Words
    column: Column

    @property
    def unit(self) -> str:
        """The unit at the end of the name ("" where there is none)."""
        return _unit_of(self.name)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The inputs of one case. `label` names it (None: the only one); `lines` are its rows in the file."""

    name: str
    label: str | None
    lines: tuple[int, ...]
    values: Mapping[str, Any]
    uncertainties: Mapping[str, float]
    inputs: Mapping[str, Input]

    def has(self, *names: str) -> bool:
        return all(name in self.values for name in names)

    def get(self, name: str) -> Any:
        """The value as it was read, or None."""
        return self.values.get(name)

    def number(self, name: str) -> float:
        """A number that this case must have."""
        return float(self._needed(name))

    def numbers(self, name: str, *, least: int = 1) -> tuple[float, ...]:
        """A series of at least that many numbers."""
        series = tuple(self._needed(name))
        if len(series) < least:
            words = self.inputs[name].words
            raise self.refused(
                "too_few_values",
                en=f"{words.en}: {len(series)} given, at least {least} are needed; add rows",
                zh=f"“{words.zh}”只有 {len(series)} 个，至少需要 {least} 个，请补充数据。",
            )
        return series

    def text(self, name: str) -> str:
        return str(self._needed(name))

    def times(self, name: str) -> tuple[datetime.datetime, ...]:
        return tuple(self._needed(name))

    def time(self, name: str) -> datetime.datetime:
        value: datetime.datetime = self._needed(name)
        return value

    def where(self, **more: str | int | float | None) -> dict[str, Any]:
        """The place of a measurement of this case; what is None or empty is left out."""
        named = {} if self.label is None else {"case": self.label}
        return {**named, **{key: value for key, value in more.items() if value not in (None, "")}}

    def refused(self, code: str, *, en: str, zh: str) -> Refused:
        """A refusal of this case, with its place in the file."""
        place_en = f"row {self.lines[0]}: " if self.lines else ""
        place_zh = f"第 {self.lines[0]} 行：" if self.lines else ""
        return Refused(code, en=f"{self.name}, {place_en}{en}", zh=f"{self.name}，{place_zh}{zh}")

    def linear(self, formula: Callable[..., float], *names: str, **fixed: float) -> tuple[float, float | None]:
        """The value of `formula(**inputs)` and its standard uncertainty by linear propagation (GUM 5.1.2).

        `names`: inputs of this case, independent of each other; None where none of them has an uncertainty.
        """
        inputs = {name: self.number(name) for name in names}
        value = formula(**inputs, **fixed)
        squares, known = 0.0, False
        for name in names:
            u = self.uncertainties.get(name)
            if u is None:
                continue
            known = True
            step = u if u > 0 else 0.0
            high = formula(**{**inputs, name: inputs[name] + step}, **fixed)
            low = formula(**{**inputs, name: inputs[name] - step}, **fixed)
            squares += ((high - low) / 2) ** 2
        return value, math.sqrt(squares) if known else None

    def _needed(self, name: str) -> Any:
        if name not in self.values:
            words = self.inputs[name].words
            raise self.refused(
                "input_missing",
                en=f"{words.en} is missing; add a column {name} (or the option --{name.replace('_', '-')})",
                zh=f"缺少“{words.zh}”，请增加 {name} 列（或选项 --{name.replace('_', '-')}）。",
            )
        return self.values[name]


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
    present = {name for name, one in inputs.items() if any(column in table.columns for column in _columns(one))}
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


# Columns and units -----------------------------------------------------------------------------------------------------------


def _unit_of(name: str) -> tuple[str, str]:
    """A name without its unit, and the unit; the unit is "" where the name does not end in one, or in a quotient."""
    if "_per_" in name or name.endswith(QUOTIENTS):
        return name, ""
    stem, _, last = name.rpartition("_")
    return (stem, last) if stem and any(last in family for family in FAMILIES) else (name, "")


def _columns(one: Input) -> dict[str, float]:
    """Every column name that gives this input, with the factor to the input's unit."""
    factors: dict[str, float] = {}
    for name in (one.name, *one.column.aliases):
        stem, unit = _unit_of(name.lower())
        family = next((family for family in FAMILIES if unit in family), None)
        if family is None or one.unit not in family:
            factors.setdefault(name.lower(), 1.0)
            continue
        for other, size in family.items():
            factors.setdefault(f"{stem}_{other}", size / family[one.unit])
    return factors


@dataclass(frozen=True, slots=True)
class _Source:
    column: str
    factor: float
    uncertainty: str | None


def _source(evidence: Evidence, table: Table, one: Input) -> _Source | None:
    factors = _columns(one)
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
    return _Source(found[0], factors[found[0]], uncertainty)


def _unused(table: Table, inputs: Mapping[str, Input], sources: Mapping[str, _Source | None]) -> tuple[Remark, ...]:
    """Columns that look like an input but lack its unit: told, because they were ignored."""
    used = {one.column for one in sources.values() if one is not None}
    remarks = []
    for name in inputs:
        stem, unit = _unit_of(name)
        if unit and sources[name] is None and stem in table.columns and stem not in used and stem not in inputs:
            remarks.append(
                remark(
                    "column_without_unit",
                    en=f"the column {stem} was not used because it names no unit; call it {name}",
                    zh=f"列 {stem} 未注明单位，未使用；请改名为 {name}",
                )
            )
    return tuple(remarks)


# Rows ------------------------------------------------------------------------------------------------------------------------

Row = tuple[int, Mapping[str, str]]


def _groups(
    table: Table, inputs: Mapping[str, Input], sources: Mapping[str, _Source | None]
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


def _has_series(inputs: Mapping[str, Input], sources: Mapping[str, _Source | None]) -> bool:
    return any(one.column.kind in SERIES and sources[name] is not None for name, one in inputs.items())


def _has_lists(table: Table, inputs: Mapping[str, Input], sources: Mapping[str, _Source | None]) -> bool:
    columns = [
        own.column for name, one in inputs.items() if one.column.kind == "numbers" and (own := sources[name]) is not None
    ]
    return any(len(_pieces(row.get(column, ""))) > 1 for row in table.rows for column in columns)


def _pieces(text: str) -> list[str]:
    return [piece for piece in re.split(r"[\s;；、|,]+", text.strip().strip("[]")) if piece]


def _case(
    evidence: Evidence,
    table: Table,
    label: str | None,
    rows: Sequence[Row],
    inputs: Mapping[str, Input],
    sources: Mapping[str, _Source | None],
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
        value = None if source is None else _from_cells(case, one, source, rows)
        if value is None:
            value = _from_given(case, one, given.get(name, _fact(evidence, one)))
        if value is None:
            continue
        values[name] = value
        u = _uncertainty(case, one, source, rows)
        if u is not None:
            uncertainties[name] = u
    return replace(case, values=values, uncertainties=uncertainties)


def _from_cells(case: Case, one: Input, source: _Source, rows: Sequence[Row]) -> Any:
    cells = [(line, text) for line, row in rows if (text := row.get(source.column, "").strip())]
    if not cells:
        return None
    if one.column.kind in SERIES:
        apart = len(cells) == 1 and one.column.kind == "numbers"
        read = [(line, piece) for line, text in cells for piece in (_pieces(text) if apart else [text])]
        return tuple(_checked(case, one, _read(case, one, line, piece, source)) for line, piece in read)
    values = [_read(case, one, line, text, source) for line, text in cells]
    if any(value != values[0] for value in values[1:]):
        raise case.refused(
            "two_values",
            en=f"the column {source.column} has more than one value ({cells[0][1]}, …) in one case; give each case its name in a "
            "column case",
            zh=f"列 {source.column} 在同一案例中取值不一（{cells[0][1]}……），请增加 case 列区分案例。",
        )
    return _checked(case, one, values[0])


def _read(case: Case, one: Input, line: int, text: str, source: _Source) -> Any:
    if one.column.kind in ("text", "texts"):
        return text
    if one.column.kind in ("time", "times"):
        return _time(case, one, text)
    value = number(text)
    if value is None:
        raise replace(case, lines=(line,)).refused(
            "not_a_number",
            en=f"{text!r} in the column {source.column} is not a number; write the number alone, the unit stands in the column's name",
            zh=f"列 {source.column} 中的“{text}”不是数字；请只填数字，单位写在列名中。",
        )
    return value * source.factor


def _fact(evidence: Evidence, one: Input) -> Any:
    """The fact of that name, or of another name of its column, in the unit of the input."""
    for name, factor in _columns(one).items():
        value = evidence.facts.get(name)
        if value is not None and not isinstance(value, Evidence):
            return value * factor if isinstance(value, (int, float)) and factor != 1 else value
    return None


def _from_given(case: Case, one: Input, value: Any) -> Any:
    if value is None:
        return None
    if one.column.kind == "text":
        return str(value)
    if one.column.kind == "time":
        return value if isinstance(value, datetime.datetime) else _time(case, one, str(value))
    bare = _Source(one.name, 1.0, None)
    if one.column.kind in SERIES:
        parts = _pieces(value) if isinstance(value, str) else [str(part) for part in value]
        return tuple(_checked(case, one, _read(case, one, 0, part, bare)) for part in parts) or None
    return _checked(case, one, float(value) if isinstance(value, (int, float)) else _read(case, one, 0, str(value), bare))


def _uncertainty(case: Case, one: Input, source: _Source | None, rows: Sequence[Row]) -> float | None:
    if source is None or source.uncertainty is None:
        return None
    texts = [text for _, row in rows if (text := row.get(source.uncertainty, "").strip())]
    if not texts:
        return None
    u = number(texts[0])
    if u is None or u < 0:
        raise case.refused(
            "bad_uncertainty",
            en=f"{texts[0]!r} in the column {source.uncertainty} is not a standard uncertainty (a number, 0 or more)",
            zh=f"列 {source.uncertainty} 中的“{texts[0]}”不是标准不确定度（应为不小于 0 的数字）。",
        )
    return u * source.factor


def _checked(case: Case, one: Input, value: Any) -> Any:
    column = one.column
    if column.kind not in ("number", "numbers"):
        return value
    wrong_en = wrong_zh = ""
    if column.above is not None and not value > column.above:
        wrong_en, wrong_zh = f"must be greater than {column.above:g}", f"必须大于 {column.above:g}"
    elif column.least is not None and value < column.least:
        wrong_en, wrong_zh = f"must not be less than {column.least:g}", f"不得小于 {column.least:g}"
    elif column.most is not None and value > column.most:
        wrong_en, wrong_zh = f"must not be more than {column.most:g}", f"不得大于 {column.most:g}"
    if wrong_en:
        raise case.refused(
            "impossible_value",
            en=f"{one.words.en} is {value:g} and {wrong_en}; correct the column {one.name}",
            zh=f"“{one.words.zh}”为 {value:g}，{wrong_zh}；请更正 {one.name} 列。",
        )
    return value


def moment(text: str) -> datetime.datetime | None:
    """A date or a date and time as people write it: 2026-05-14, 2026/5/14 10:22, 2026年5月14日, ISO 8601; else None."""
    plain = re.sub(r"[年月/.](?=\s*\d)", "-", text.strip()).replace("日", " ").strip()
    plain = re.sub(r"(?<=\d)-(\d)(?=-|\s|T|$)", r"-0\1", plain)
    plain = re.sub(r"\s+", " ", plain)
    plain = re.sub(r"^(\d{4}-\d\d-\d\d)[ T](\d):", r"\1 0\2:", plain)
    try:
        return datetime.datetime.fromisoformat(plain)
    except ValueError:
        return None


def _time(case: Case, one: Input, text: str) -> datetime.datetime:
    found = moment(text)
    if found is None:
        raise case.refused(
            "not_a_time",
            en=f"{text!r} for {one.words.en} is not a date; write 2026-05-14 or 2026-05-14 10:22",
            zh=f"“{one.words.zh}”的值“{text}”不是日期，请写成 2026-05-14 或 2026-05-14 10:22。",
        )
    return found


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
