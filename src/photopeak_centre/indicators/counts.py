"""Counts of the national indicators in a period, hospital by hospital: from what the system knows, else from the monthly forms."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from photopeak.report_review.rates import NATIONAL_KINDS, region
from photopeak_centre.campaigns.image_quality import judged_in
from photopeak_centre.checks.models import Result
from photopeak_centre.eqa_rounds.models import Score
from photopeak_centre.half_year.periods import Period
from photopeak_centre.indicators.models import Monthly
from photopeak_centre.indicators.national import national

AUDIT = "report_review.audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One hospital's counts of one indicator, and the rows they were added up from: (id, numerator, denominator).

    `origin`: form, eqa, reports or readings; the rows are of Monthly, Score, Result or of the readings.
    """

    organisation: int
    code: str
    count: int
    total: int
    origin: str
    rows: tuple[tuple[int, int, int], ...]


Counts = dict[str, dict[int, Counted]]


def counts_of(period: Period) -> Counts:
    """By code and hospital. Where the system has its own counts of an indicator for a hospital, the form's stand back."""
    found: Counts = {one.code: {} for one in national().indicators}
    for one in (*_of_forms(period), *_of_rounds(period), *_of_reports(period), *_of_readings(period)):
        if one.code == "NM-03" and one.organisation in found["NM-03"]:
            continue  # the form knows which items the laboratory runs; a round knows only those it entered
        found[one.code][one.organisation] = one
    return found


def impossible(period: Period) -> list[int]:
    """Forms that state more than their total: no rate counts them, the report says how many they are."""
    rows = Monthly.objects.filter(month__range=(period.begins, period.ends), numerator__gt=F("denominator"))
    return list(rows.values_list("id", flat=True))


def _of_forms(period: Period) -> Iterator[Counted]:
    rows = Monthly.objects.filter(month__range=(period.begins, period.ends), numerator__lte=F("denominator"))
    rows = rows.order_by("organisation", "code", "month")
    by: dict[tuple[int, str], list[tuple[int, int, int]]] = defaultdict(list)
    for pk, organisation, code, n, of in rows.values_list("id", "organisation", "code", "numerator", "denominator"):
        by[organisation, code].append((pk, n, of))
    for (organisation, code), parts in by.items():
        yield _summed(organisation, code, "form", parts)


def _of_rounds(period: Period) -> Iterator[Counted]:
    """Analytes of which a result was returned, of those the laboratory had entered for."""
    scores = Score.objects.filter(round__closed_on__range=(period.begins, period.ends)).order_by("laboratory", "id")
    by: dict[int, dict[str, tuple[int, int, int]]] = defaultdict(dict)
    for pk, laboratory, analyte, results in scores.values_list("id", "laboratory", "analyte", "results"):
        known = by[laboratory].get(analyte)
        if known is None or (results and not known[1]):
            by[laboratory][analyte] = (pk, int(results > 0), 1)
    for laboratory, parts in by.items():
        yield _summed(laboratory, "NM-03", "eqa", list(parts.values()))


def audits(period: Period) -> list[dict[str, Any]]:
    """One line a reviewed report, as `photopeak.report_review.rates.region` takes them; `report` is the id of its result."""
    begins, after = period.moments
    found = Result.objects.filter(procedure=AUDIT, superseded_by=None, acquired__gte=begins, acquired__lt=after)
    lines = []
    for pk, organisation, document in found.exclude(review="rejected").values_list("id", "organisation", "document").iterator():
        for one in document.get("reports") or [document]:
            if one.get("elements"):
                lines.append(
                    {
                        "report": pk,
                        "hospital": str(organisation),
                        "report_type": one.get("report_type"),
                        "elements": one["elements"],
                        "defects": one.get("defects", ()),
                    }
                )
    return lines


def _of_reports(period: Period) -> Iterator[Counted]:
    by: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for line in audits(period):
        if line["report_type"] not in NATIONAL_KINDS:
            continue
        whole = region([line]).total()
        parts = by[int(line["hospital"])][line["report"]]
        parts[0], parts[1] = parts[0] + whole.complete, parts[1] + whole.national
    for organisation, results in by.items():
        yield _summed(organisation, "NM-07", "reports", [(pk, n, of) for pk, (n, of) in results.items() if of])


def _of_readings(period: Period) -> Iterator[Counted]:
    """NM-04 and NM-05 from the image readings; nothing where there are none."""
    by: dict[tuple[int, str], list[tuple[int, int, int]]] = defaultdict(list)
    for organisation, code, pk, qualified in judged_in(period.begins, period.ends):
        by[organisation, code].append((pk, int(qualified), 1))
    for (organisation, code), parts in by.items():
        yield _summed(organisation, code, "readings", parts)


def _summed(organisation: int, code: str, origin: str, parts: list[tuple[int, int, int]]) -> Counted:
    return Counted(
        organisation=organisation,
        code=code,
        count=sum(n for _, n, _ in parts),
        total=sum(of for _, _, of in parts),
        origin=origin,
        rows=tuple(parts),
    )


def missing_months(period: Period, until: datetime.date | None = None) -> dict[int, dict[str, list[datetime.date]]]:
    """By hospital and code: months without a form between the hospital's first and the period's last elapsed month."""
    last = min(period.ends, until or period.ends)
    months = [month for month in period.months if month <= last.replace(day=1)]
    stated: dict[int, dict[str, set[datetime.date]]] = defaultdict(lambda: defaultdict(set))
    for organisation, code, month in Monthly.objects.filter(month__in=months).values_list("organisation", "code", "month"):
        stated[organisation][code].add(month)
    return {
        organisation: {
            code: gaps for code, known in sorted(codes.items()) if (gaps := [month for month in months if month not in known])
        }
        for organisation, codes in stated.items()
    }
