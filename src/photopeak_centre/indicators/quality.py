"""What looks wrong in the counts: more than the total, a month that jumps, months left out. A warning accuses nobody."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from photopeak.proportion import binomial_p
from photopeak.words import Words
from photopeak_centre.half_year.periods import Period
from photopeak_centre.indicators.models import Monthly

#: a month whose share would be this rare if it were like the hospital's other months is asked about
RARE = 0.001
#: a month whose total differs from the median of the others by this factor is asked about
FACTOR = 4.0
FEWEST_MONTHS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """`kind`: over, jump, total or missing."""

    organisation: int
    code: str
    month: datetime.date
    kind: str
    words: Words


def doubts(period: Period, organisations: Iterable[int] | None = None, until: datetime.date | None = None) -> list[Doubt]:
    """Of the period's forms, of these hospitals or of all; months after `until` are not asked for yet."""
    rows = Monthly.objects.filter(month__range=(period.begins, period.ends)).order_by("organisation", "code", "month")
    if organisations is not None:
        rows = rows.filter(organisation__in=list(organisations))
    by: dict[tuple[int, str], list[tuple[datetime.date, int, int]]] = defaultdict(list)
    for organisation, code, month, n, of in rows.values_list("organisation", "code", "month", "numerator", "denominator"):
        by[organisation, code].append((month, n, of))
    found: list[Doubt] = []
    for (organisation, code), stated in by.items():
        for month, kind, words in (*_over(stated), *_jumps(stated), *_missing(stated, period, until, code)):
            found.append(Doubt(organisation=organisation, code=code, month=month, kind=kind, words=words))
    return sorted(found, key=lambda one: (one.organisation, one.code, one.month))


Found = Iterable[tuple[datetime.date, str, Words]]


def _over(stated: list[tuple[datetime.date, int, int]]) -> Found:
    for month, n, of in stated:
        if n > of:
            yield month, "over", Words(f"the numerator {n} is more than the denominator {of}", f"分子 {n} 大于分母 {of}")


def _jumps(stated: list[tuple[datetime.date, int, int]]) -> Found:
    usable = [(month, n, of) for month, n, of in stated if of > 0 and n <= of]
    if len(usable) < FEWEST_MONTHS:
        return
    for month, n, of in usable:
        others = [(a, b) for other, a, b in usable if other != month]
        part, whole = sum(a for a, _ in others), sum(b for _, b in others)
        # the median, so that one strange month does not make the others look strange
        share = median((a + 0.5) / (b + 1) for a, b in others)
        if binomial_p(n, of, share) < RARE:
            yield (
                month,
                "jump",
                Words(
                    f"{n} of {of} is unlike the other months ({part} of {whole})",
                    f"{n}/{of} 与其他月份（{part}/{whole}）差异明显",
                ),
            )
        middle = round(median(b for _, b in others))
        if of > FACTOR * middle or of * FACTOR < middle:
            yield (
                month,
                "total",
                Words(
                    f"the total {of} is unlike the other months (median {middle})",
                    f"分母 {of} 与其他月份（中位数 {middle}）差异明显",
                ),
            )


def _missing(stated: list[tuple[datetime.date, int, int]], period: Period, until: datetime.date | None, code: str) -> Found:
    if len(stated) < 2:  # stated once for the half-year, not month by month
        return
    known, last = {month for month, _, _ in stated}, min(period.ends, until or period.ends)
    for month in period.months:
        if month not in known and month <= last:
            yield month, "missing", Words("no count was stated", "未填报")
