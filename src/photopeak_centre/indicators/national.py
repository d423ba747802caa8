"""The national indicators as they are declared: read once from their table."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from photopeak.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """`origin`: where its counts come from first (form, eqa, readings, reports); `better`: high or low."""

    code: str
    words: Words
    numerator: Words
    denominator: Words
    better: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    name: str
    provisional: bool
    source: Words
    indicators: tuple[Indicator, ...]

    def named(self, code: str) -> Indicator:
        return next(one for one in self.indicators if one.code == code)


@cache
def national() -> Edition:
    text = (resources.files("photopeak_centre.indicators") / "national_2025.toml").read_text("utf-8")
    table = tomllib.loads(text)
    return Edition(
        name=table["edition"],
        provisional=table["provisional"],
        source=_words(table["source"]),
        indicators=tuple(
            Indicator(
                code=row["code"],
                words=_words(row),
                numerator=_words(row["numerator"]),
                denominator=_words(row["denominator"]),
                better=row["better"],
                origin=row["from"],
            )
            for row in table["indicator"]
        ),
    )


def _words(row: dict[str, Any]) -> Words:
    return Words(row["en"], row["zh"])
