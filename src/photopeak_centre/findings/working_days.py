"""Working days by the public calendar of each year; a year nobody has entered counts weekends only, and says so."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from photopeak.words import Words

ONE_DAY = datetime.timedelta(days=1)
SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """One year: days off by their name, and weekend days that are worked. `source`: the notice it was read from."""

    year: int
    source: str
    read_at: str = ""
    off: Mapping[datetime.date, str] = field(default_factory=dict)
    work: frozenset[datetime.date] = frozenset()

    def works(self, day: datetime.date) -> bool:
        return day not in self.off and (day.weekday() < SATURDAY or day in self.work)


CalendarOf = Callable[[int], Calendar | None]


@cache
def shipped() -> dict[int, Calendar]:
    """The years that come with the program, each with its source."""
    text = (resources.files("photopeak_centre.findings") / "public_holidays.toml").read_text("utf-8")
    return {row["year"]: _calendar(row) for row in tomllib.loads(text)["year"]}


def _calendar(row: dict[str, object]) -> Calendar:
    off: dict[datetime.date, str] = {}
    for name, first, last in row["off"]:  # type: ignore[attr-defined]
        off |= {first + n * ONE_DAY: name for n in range((last - first).days + 1)}
    return Calendar(
        year=row["year"],  # type: ignore[arg-type]
        source=str(row["source"]),
        read_at=str(row["read_at"]),
        off=off,
        work=frozenset(row["work"]),  # type: ignore[call-overload]
    )


def calendar_of(year: int) -> Calendar | None:
    """The calendar as the centre has entered it, else as shipped, else None."""
    from photopeak_centre.findings.models import CalendarYear

    row = CalendarYear.objects.filter(year=year).first()
    return row.calendar() if row else shipped().get(year)


def is_working_day(day: datetime.date, calendar: CalendarOf = calendar_of) -> bool:
    known = calendar(day.year)
    return known.works(day) if known else day.weekday() < SATURDAY


def working_days_after(day: datetime.date, days: int, calendar: CalendarOf = calendar_of) -> datetime.date:
    """The `days`-th working day after `day`, which itself is not counted."""
    known = cache(calendar)
    while days > 0:
        day += ONE_DAY
        days -= is_working_day(day, known)
    return day


def working_days_between(first: datetime.date, last: datetime.date, calendar: CalendarOf = calendar_of) -> int:
    """How many working days lie after `first` up to and with `last`; negative the other way round."""
    if last < first:
        return -working_days_between(last, first, calendar)
    known = cache(calendar)
    return sum(is_working_day(first + n * ONE_DAY, known) for n in range(1, (last - first).days + 1))


def missing_years(first: datetime.date, last: datetime.date, calendar: CalendarOf = calendar_of) -> list[int]:
    return [year for year in range(first.year, last.year + 1) if calendar(year) is None]


def missing_words(year: int) -> Words:
    return Words(
        f"calendar of {year} missing: weekends only",
        f"缺少 {year} 年节假日安排：目前仅扣除周末",
    )
