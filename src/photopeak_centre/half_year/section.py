"""A part of the report as plain data: numbers, the words round them, tables and figures that show them. Every medium draws these.

A word's place for a number: `{tested}` its count, `{tested:of}` its total, `{tested:percent}`, `{tested:interval}`, `{dose:value}` a
measured value with U; `{tested|camera|cameras}` the count with its noun, `{tested?was|were}` the verb that suits it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from photopeak.words import Words
from photopeak_centre.half_year.numbers import Number

Cell = dict[str, Any]


def said(en: str, zh: str) -> Cell:
    return {"en": en, "zh": zh}


def words_of(words: Words) -> Cell:
    return {"en": words.en, "zh": words.zh}


def shown(name: str, form: str = "n") -> Cell:
    """A cell with a number of the section. `form`: n, of, share (n / N), percent, interval, value."""
    return {"number": name, "as": form}


@dataclass(slots=True)
class Section:
    """`hospitals` of a row: it names one, so a reader who may not see names does not get it."""

    key: str
    title: Cell
    numbers: dict[str, Number] = field(default_factory=dict)
    sentences: list[Cell] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)
    missing: Cell | None = None
    provisional: Cell | None = None

    def number(self, name: str, number: Number) -> Number:
        self.numbers[name] = number
        return number

    def say(self, en: str, zh: str, *, anew: bool = False) -> None:
        """One more sentence; `anew`: it begins a paragraph."""
        self.sentences.append({**said(en, zh), "anew": anew})

    def not_available(self, en: str, zh: str) -> Section:
        """Nothing to report, and why."""
        self.missing = said(en, zh)
        return self

    def table(
        self,
        caption: Cell,
        heads: Sequence[Cell],
        rows: Sequence[Sequence[Cell]],
        *,
        align: str,
        names: bool = False,
        widths: Sequence[float] = (),
    ) -> None:
        """`align`: one letter a column, l or r; `names`: its rows name hospitals; `widths`: shares of the page's width."""
        self.tables.append(
            {
                "caption": caption,
                "heads": list(heads),
                "rows": [list(row) for row in rows],
                "align": align,
                "names": names,
                "widths": list(widths),
            }
        )

    def figure(self, kind: str, caption: Cell, rows: Sequence[dict[str, Any]], **more: Any) -> None:
        """`kind`: signs, bars or dots; its rows name numbers of the section."""
        self.figures.append({"kind": kind, "caption": caption, "rows": list(rows), **more})

    def as_data(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "available": self.missing is None,
            "missing": self.missing,
            "provisional": self.provisional,
            "numbers": self.numbers,
            "sentences": self.sentences,
            "tables": self.tables,
            "figures": self.figures,
        }
