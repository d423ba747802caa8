"""One case of a table: what its procedure asks for, in which units, and what it says where something is missing."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from photopeak.procedure import Refused
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How a parameter is read: other names of its column, what the numbers must satisfy, and their printed unit.

    `aliases` may end in a unit, which is then converted. `above`: greater than; `least`, `most`: bounds included. `choices`: the
    only words a form offers, with what they mean.
    """

    kind: Kind = "number"
    aliases: tuple[str, ...] = ()
    above: float | None = None
    least: float | None = None
    most: float | None = None
    choices: tuple[tuple[str, Words], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input of a procedure: its name, its words and how its column is read."""

    name: str
    words: Words
    column: Column

    @property
    def unit(self) -> str:
        """The unit at the end of the name ("" where there is none)."""
        return unit_of(self.name)[1]


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


def unit_of(name: str) -> tuple[str, str]:
    """A name without its unit, and the unit; the unit is "" where the name does not end in one, or in a quotient."""
    if "_per_" in name or name.endswith(QUOTIENTS):
        return name, ""
    stem, _, last = name.rpartition("_")
    return (stem, last) if stem and any(last in family for family in FAMILIES) else (name, "")


def columns_of(one: Input) -> dict[str, float]:
    """Every column name that gives this input, with the factor to the input's unit."""
    factors: dict[str, float] = {}
    for name in (one.name, *one.column.aliases):
        stem, unit = unit_of(name.lower())
        family = next((family for family in FAMILIES if unit in family), None)
        if family is None or one.unit not in family:
            factors.setdefault(name.lower(), 1.0)
            continue
        for other, size in family.items():
            factors.setdefault(f"{stem}_{other}", size / family[one.unit])
    return factors
