"""What is late, what will be soon, and whose turn it is."""

from __future__ import annotations

import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from photopeak.words import Words
from photopeak_centre.findings.models import Finding
from photopeak_centre.findings.working_days import missing_words, missing_years, working_days_after, working_days_between

AHEAD = datetime.timedelta(days=60)  # so long before a year begins its calendar is missed
SOON = 5  # working days before its deadline a finding is called to mind
#: whose answer a state waits for
WAITS_FOR: dict[str, Words] = {
    "raised": Words("waiting for the director", "待主任签发"),
    "notified": Words("waiting for receipt", "待医院签收"),
    "received": Words("waiting for the response", "等待整改反馈"),
    "appealed": Words("waiting for the answer to the objection", "待答复异议"),
    "responded": Words("waiting for re-inspection", "待复查"),
    "reinspected": Words("waiting for the opinion", "待出具复查意见"),
    "escalated": Words("reported", "已上报"),
}
OPEN = tuple(WAITS_FOR)


def open_findings(person: Any) -> QuerySet[Finding]:
    found: QuerySet[Finding] = Finding.objects.visible_to(person).filter(state__in=OPEN)
    return found


def overdue(person: Any, today: datetime.date | None = None) -> QuerySet[Finding]:
    return open_findings(person).filter(due__lt=today or timezone.localdate())


def due_soon(person: Any, today: datetime.date | None = None) -> QuerySet[Finding]:
    today = today or timezone.localdate()
    return open_findings(person).filter(due__gte=today, due__lte=working_days_after(today, SOON))


def counts_for(person: Any) -> dict[str, int]:
    """What the page of today says of findings."""
    mine = open_findings(person)
    whose = (
        Q(state__in=("notified", "received")) if person.reach == "own" else ~Q(state__in=("notified", "received", "escalated"))
    )
    return {
        "open": mine.count(),
        "overdue": overdue(person).count(),
        "soon": due_soon(person).count(),
        "turn": mine.filter(whose).count(),
    }


def days_late(finding: Finding, today: datetime.date | None = None) -> int:
    """Working days since its deadline; negative before it, 0 on the day or without one."""
    today = today or timezone.localdate()
    return 0 if finding.due is None else working_days_between(finding.due, today)


def calendar_warnings(last: datetime.date | None = None) -> list[Words]:
    """The years up to the furthest deadline (or up to `last`) of which nobody has entered the calendar."""
    today = timezone.localdate()
    if last is None:
        furthest = (
            Finding.objects.filter(state__in=OPEN).exclude(due=None).order_by("-due").values_list("due", flat=True).first()
        )
        last = max(furthest or today, today + AHEAD)
    return [missing_words(year) for year in missing_years(today, max(today, last))]
