"""The values of a case from the cells of its rows, from options and from facts: numbers, series, texts, dates, uncertainties."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from photopeak.case import SERIES, Case, Input, columns_of
from photopeak.evidence import Evidence
from photopeak.table import number

Row = tuple[int, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Source:
    column: str
    factor: float
    uncertainty: str | None


def pieces(text: str) -> list[str]:
    return [piece for piece in re.split(r"[\s;；、|,]+", text.strip().strip("[]")) if piece]


def from_cells(case: Case, one: Input, source: Source, rows: Sequence[Row]) -> Any:
    cells = [(line, text) for line, row in rows if (text := row.get(source.column, "").strip())]
    if not cells:
        return None
    if one.column.kind in SERIES:
        apart = len(cells) == 1 and one.column.kind == "numbers"
        read = [(line, piece) for line, text in cells for piece in (pieces(text) if apart else [text])]
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


def _read(case: Case, one: Input, line: int, text: str, source: Source) -> Any:
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


def fact_of(evidence: Evidence, one: Input) -> Any:
    """The fact of that name, or of another name of its column, in the unit of the input."""
    for name, factor in columns_of(one).items():
        value = evidence.facts.get(name)
        if value is not None and not isinstance(value, Evidence):
            return value * factor if isinstance(value, (int, float)) and factor != 1 else value
    return None


def from_given(case: Case, one: Input, value: Any) -> Any:
    if value is None:
        return None
    if one.column.kind == "text":
        return str(value)
    if one.column.kind == "time":
        return value if isinstance(value, datetime.datetime) else _time(case, one, str(value))
    bare = Source(one.name, 1.0, None)
    if one.column.kind in SERIES:
        parts = pieces(value) if isinstance(value, str) else [str(part) for part in value]
        return tuple(_checked(case, one, _read(case, one, 0, part, bare)) for part in parts) or None
    return _checked(case, one, float(value) if isinstance(value, (int, float)) else _read(case, one, 0, str(value), bare))


def uncertainty_of(case: Case, one: Input, source: Source | None, rows: Sequence[Row]) -> float | None:
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
