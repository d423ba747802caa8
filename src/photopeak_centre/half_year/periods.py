"""A half-year, as it is written: 2026H1."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from django.utils import timezone

from photopeak.words import Words


class NotAPeriod(ValueError):
    """What was given is not a half-year; `words` say how one is written."""

    def __init__(self, given: str) -> None:
        self.words = Words(f"{given}: write a half-year as 2026H1 or 2026H2", f"{given}：半年写作 2026H1 或 2026H2")
        super().__init__(self.words.en)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    year: int
    half: int

    def __str__(self) -> str:
        return f"{self.year}H{self.half}"

    @property
    def begins(self) -> datetime.date:
        return datetime.date(self.year, 1 if self.half == 1 else 7, 1)

    @property
    def ends(self) -> datetime.date:
        """The last day."""
        return datetime.date(self.year, 6, 30) if self.half == 1 else datetime.date(self.year, 12, 31)

    @property
    def following(self) -> Period:
        return Period(self.year, 2) if self.half == 1 else Period(self.year + 1, 1)

    @property
    def before(self) -> Period:
        return Period(self.year, 1) if self.half == 2 else Period(self.year - 1, 2)

    @property
    def words(self) -> Words:
        en, zh = ("first", "上") if self.half == 1 else ("second", "下")
        return Words(f"{en} half of {self.year}", f"{self.year} 年{zh}半年")

    @property
    def moments(self) -> tuple[datetime.datetime, datetime.datetime]:
        """The first moment, and the first one after the period, by the centre's clock."""
        zone = timezone.get_default_timezone()
        first = datetime.datetime.combine(self.begins, datetime.time(), zone)
        return first, datetime.datetime.combine(self.following.begins, datetime.time(), zone)

    @property
    def months(self) -> tuple[datetime.date, ...]:
        return tuple(datetime.date(self.year, self.begins.month + n, 1) for n in range(6))


def period(text: str) -> Period:
    """The period of a text such as 2026H1. Raises NotAPeriod."""
    found = re.fullmatch(r"(20\d\d|19\d\d)[Hh]([12])", text.strip())
    if found is None:
        raise NotAPeriod(text[:40])
    return Period(int(found[1]), int(found[2]))


def period_of(day: datetime.date) -> Period:
    return Period(day.year, 1 if day.month < 7 else 2)
