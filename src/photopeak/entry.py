"""What a person enters by hand where there is no image: the inputs of a procedure as fields, and the table made of them.

A procedure whose rows are cases has its inputs in its signature already (`Column`). One that reads a table of its own declares its
columns with `@procedure(entries=(Entry(...),))`. The table that comes of a form takes the same road as one that was handed in.
"""

from __future__ import annotations

import csv
import io
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from photopeak.case import SERIES, Column, Input, Kind
from photopeak.case_values import moment
from photopeak.cases import inputs_of
from photopeak.procedure import Option, Procedure
from photopeak.table import number
from photopeak.words import Words

MOST_ROWS = 200
LONGEST_CELL = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One way of entering a test: `once`, what holds for all of it; `rows`, the columns of its readings, a line a row."""

    words: Words
    once: tuple[Input, ...] = ()
    rows: tuple[Input, ...] = ()


def asked(
    name: str,
    en: str,
    zh: str,
    kind: Kind = "number",
    *,
    above: float | None = None,
    least: float | None = None,
    choices: tuple[tuple[str, Words], ...] = (),
) -> Input:
    """A column of a table as an input of a form. `choices`: what may stand in it, with the words for it."""
    return Input(name=name, words=Words(en, zh), column=Column(kind=kind, above=above, least=least, choices=choices))


def entries_of(procedure: Procedure) -> tuple[Entry, ...]:
    """The ways in which a procedure's numbers can be entered by hand; none where it needs images or a file."""
    if procedure.entries:
        return procedure.entries
    if "table" not in procedure.kinds:
        return ()
    inputs = tuple(inputs_of(procedure.run).values())
    if not inputs:
        return ()
    once = tuple(one for one in inputs if one.column.kind not in SERIES)
    return (Entry(words=procedure.words, once=once, rows=tuple(one for one in inputs if one.column.kind in SERIES)),)


def options_asked(procedure: Procedure) -> tuple[Option, ...]:
    """The options beside the inputs that a form can offer: a choice, yes or no, a number or a word."""
    inputs = inputs_of(procedure.run)
    return tuple(one for one in procedure.options.values() if one.name not in inputs and _plain(one.type) is not None)


def _plain(kind: Any) -> type | tuple[Any, ...] | None:
    """The choices of a `Literal`, or bool, int, float, str, also where None is allowed; None for anything else."""
    if typing.get_origin(kind) is typing.Literal:
        return typing.get_args(kind)
    parts = [part for part in typing.get_args(kind) if part is not type(None)] or [kind]
    return parts[0] if len(parts) == 1 and parts[0] in (bool, int, float, str) else None


def choices_of(option: Option) -> tuple[str, ...]:
    """The words a `Literal` option may have; empty for every other kind."""
    kind = _plain(option.type)
    return tuple(map(str, kind)) if isinstance(kind, tuple) else ()


def option_value(option: Option, text: str) -> Any:
    """A typed option from its text. Raises ValueError where it is none."""
    kind = _plain(option.type)
    if isinstance(kind, tuple):
        if text not in kind:
            raise ValueError(text)
        return text
    if kind is bool:
        return text.lower() in ("1", "true", "on", "yes")
    if kind is int:
        return int(text)
    if kind is float:
        value = number(text)
        if value is None:
            raise ValueError(text)
        return value
    return text


def problem(one: Input, text: str) -> Words | None:
    """What is wrong with the text of one field or cell; None where it can be read or is empty."""
    column, text = one.column, text.strip()
    if not text:
        return None
    if len(text) > LONGEST_CELL:
        return Words("This is too long.", "内容过长。")
    if column.choices:
        return None if text in dict(column.choices) else Words("Choose one of the list.", "请从列表中选择。")
    if column.kind in ("time", "times"):
        return (
            None if moment(text) else Words("Write 2026-05-14 or 2026-05-14 10:22.", "请写成 2026-05-14 或 2026-05-14 10:22。")
        )
    if column.kind not in ("number", "numbers"):
        return None
    value = number(text)
    if value is None:
        return Words("Write a number alone, without its unit.", "请只填数字，不带单位。")
    return _bound(column, value)


def _bound(column: Column, value: float) -> Words | None:
    if column.above is not None and not value > column.above:
        return Words(f"Must be greater than {column.above:g}.", f"须大于 {column.above:g}。")
    if column.least is not None and value < column.least:
        return Words(f"Must not be less than {column.least:g}.", f"不得小于 {column.least:g}。")
    if column.most is not None and value > column.most:
        return Words(f"Must not be more than {column.most:g}.", f"不得大于 {column.most:g}。")
    return None


def table_of(
    entry: Entry, once: Mapping[str, str], rows: Sequence[Mapping[str, str]], marks: Mapping[str, str] | None = None
) -> bytes:
    """The table (CSV, UTF-8) of what was entered: columns without any value are left out, the inputs of `once` stand in the first
    row. `marks`: further columns that tell one entry from another; no procedure reads them."""
    filled = [row for row in rows if any(text.strip() for text in row.values())]
    single = [one.name for one in entry.once if once.get(one.name, "").strip()]
    several = [one.name for one in entry.rows if any(row.get(one.name, "").strip() for row in filled)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*single, *several, *(marks or {})])
    for number_of_row in range(max(len(filled), 1)):
        first = number_of_row == 0
        row = filled[number_of_row] if filled else {}
        cells = [once[name].strip() if first else "" for name in single]
        writer.writerow([*cells, *(row.get(name, "").strip() for name in several), *((marks or {}).values() if first else ())])
    return text.getvalue().encode("utf-8")
