"""What waits for whom: the page of today, the region, one hospital."""

from __future__ import annotations

import datetime
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from photopeak.proportion import rate
from photopeak_centre.campaigns.models import Visit
from photopeak_centre.checks.models import Result
from photopeak_centre.committee.models import Meeting
from photopeak_centre.devices.models import Device
from photopeak_centre.eqa_rounds.models import Score
from photopeak_centre.evidence.models import HandIn
from photopeak_centre.findings.models import Finding
from photopeak_centre.findings.overdue import days_late
from photopeak_centre.half_year.about_findings import OPEN, STATE_EN
from photopeak_centre.half_year.models import HalfYear
from photopeak_centre.half_year.periods import period_of
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.indicators.counts import counts_of
from photopeak_centre.indicators.models import Monthly
from photopeak_centre.indicators.national import national
from photopeak_centre.said import in_words, language

FEWEST_HOSPITALS = 5
#: state of a finding -> what is owed next, and by whom (centre, hospital)
OWED = {
    "raised": (("notice", "整改通知"), "centre"),
    "notified": (("receipt", "签收"), "hospital"),
    "received": (("answer", "整改反馈"), "hospital"),
    "appealed": (("decision on the objection", "申诉处理"), "centre"),
    "responded": (("re-inspection", "复查"), "centre"),
    "reinspected": (("decision", "复查意见"), "centre"),
    "escalated": (("notice", "整改通知"), "centre"),
}
LISTED = 10


def today_for(person: Any) -> dict[str, Any]:
    """Cards of the page of today: each only for whom it concerns, each counting only what the person may see."""
    day = timezone.localdate()
    findings = Finding.objects.visible_to(person).filter(state__in=OPEN)
    overdue = findings.filter(due__lt=day)
    mine = "hospital" if person.reach == "own" else "centre"
    states = [state for state, (_, who) in OWED.items() if who == mine]
    visits = Visit.objects.visible_to(person).filter(state__in=("planned", "open"), day__gte=day - datetime.timedelta(days=7))
    if person.role == "inspector":
        visits = visits.filter(inspectors=person)
    week = timezone.now() - datetime.timedelta(days=7)
    found: dict[str, Any] = {
        "overdue": _late(overdue, day),
        "overdue_all": overdue.count(),
        "owed": findings.filter(state__in=states).count() if person.reach != "none" else 0,
        "arrived": HandIn.objects.visible_to(person).filter(opened__gte=week).count(),
        "verdicts": Result.objects.visible_to(person)
        .filter(superseded_by=None, review="open", outcome__in=("fail", "undecided"))
        .count(),
        "visits": list(visits.select_related("organisation", "campaign").order_by("day", "id")[:LISTED])
        if person.reach != "none"
        else [],
    }
    if person.may("report") or person.may("sign"):
        found["drafts"] = list(HalfYear.objects.filter(state="draft").defer("numbers", "evidence").order_by("-period_name")[:3])
    if person.may("committee"):
        found["meetings"] = list(Meeting.objects.filter(held__gte=timezone.now()).order_by("held")[:3])
    if person.may("indicators") and person.organisation.kind == "hospital":
        month = (day.replace(day=1) - datetime.timedelta(days=1)).replace(day=1)
        stated = Monthly.objects.filter(organisation=person.organisation_id, month=month).exists()
        found["month"] = None if stated else month.strftime("%Y-%m")
    return found


def _late(overdue: Any, day: datetime.date) -> list[dict[str, Any]]:
    rows = overdue.select_related("organisation", "device").order_by("due", "id")[:LISTED]
    return [{"finding": one, "days": days_late(one, day), "owed": _owed(one.state)} for one in rows]


def _owed(state: str) -> str:
    en, zh = OWED[state][0]
    return en if language() == "en" else zh


def region_for(person: Any) -> dict[str, Any]:
    """Findings by state, what is overdue, districts by verdict, indicators: with names for the centre's staff alone."""
    names = person.reach == "all"
    day = timezone.localdate()
    counts = dict(Finding.objects.values_list("state").annotate(n=Count("id")))
    overdue = Finding.objects.filter(state__in=OPEN, due__lt=day)
    period = period_of(day)
    if not Monthly.objects.filter(month__range=(period.begins, period.ends)).exists():
        period = period.before
    return {
        "names": names,
        "life": [(state, in_words(words), counts.get(state, 0)) for state, words in STATE_EN.items() if counts.get(state)],
        "findings": sum(counts.values()),
        "open_findings": sum(counts.get(state, 0) for state in OPEN),
        "overdue": _late(overdue, day) if names else [],
        "overdue_all": overdue.count(),
        "tiles": _tiles(names),
        "indicators": _indicators(period),
        "period": period,
        "edition": national(),
        "untested": [in_words(one) for one in _untested_kinds()],
    }


def _tiles(names: bool) -> list[dict[str, Any]]:
    """A tile a district, one sign a device. Who may not see names sees districts of five hospitals or more, the rest as one."""
    rows = Device.objects.filter(in_use=True, organisation__merged_into=None).values_list(
        "organisation__district_zh", "organisation__district_en", "organisation", "outcome"
    )
    by: dict[tuple[str, str], dict[str, Any]] = {}
    for zh, en, hospital, outcome in rows:
        tile = by.setdefault((zh, en), {"hospitals": set(), "outcomes": []})
        tile["hospitals"].add(hospital)
        tile["outcomes"].append(outcome if outcome in ("pass", "fail", "undecided") else "not_assessed")
    order = ("pass", "fail", "undecided", "not_assessed")
    shown, rest = [], {"hospitals": set(), "outcomes": []}
    for (zh, en), tile in sorted(by.items()):
        if names or len(tile["hospitals"]) >= FEWEST_HOSPITALS:
            shown.append({"name": (en if language() == "en" else "") or zh or "—", **tile})
        else:
            rest["hospitals"] |= tile["hospitals"]
            rest["outcomes"] += tile["outcomes"]
    if shown and len(rest["hospitals"]) >= FEWEST_HOSPITALS:  # one tile of everything would say nothing of districts
        shown.append(
            {"name": "Districts with fewer than five hospitals" if language() == "en" else "不足 5 家医院的各区", **rest}
        )
    for tile in shown:
        tile["signs"] = sorted(tile["outcomes"], key=order.index)
        tile["fails"] = "fail" in tile["outcomes"]
        tile["all"] = len(tile["outcomes"])
        tile["few"] = tile["all"] > 80
        tile["counts"] = [(outcome, tile["outcomes"].count(outcome)) for outcome in order]
    return shown


def _indicators(period: Any) -> list[dict[str, Any]]:
    """Rates over the region, of five hospitals or more."""
    found = []
    for code, own in counts_of(period).items():
        n, of = sum(one.count for one in own.values()), sum(one.total for one in own.values())
        shown = rate(n, of) if len(own) >= FEWEST_HOSPITALS and n <= of else None
        about = national().named(code)
        found.append({"code": code, "words": about.words, "low": about.better == "low", "rate": shown})
    return found


def _untested_kinds() -> list[Any]:
    """Kinds of device of which none has a result."""
    from photopeak_centre.half_year.about_devices import KIND_WORDS

    counts = Device.objects.filter(in_use=True).values("kind").annotate(tested=Count("id", filter=~Q(outcome="")))
    return [KIND_WORDS[row["kind"]] for row in counts if not row["tested"] and row["kind"] in KIND_WORDS]


def hospital_for(person: Any, hospital: Organisation) -> dict[str, Any]:
    """One hospital as its director looks at it: open findings, last scores, indicators."""
    day = timezone.localdate()
    period = period_of(day)
    if not Monthly.objects.filter(organisation=hospital, month__range=(period.begins, period.ends)).exists():
        period = period.before
    family = [hospital.pk, *Organisation.objects.filter(part_of=hospital).values_list("id", flat=True)]
    findings = Finding.objects.visible_to(person).filter(organisation__in=family).select_related("device", "organisation")
    scores = Score.objects.visible_to(person).filter(laboratory__in=family).select_related("round")
    counts = counts_of(period)
    rows = []
    for one in national().indicators:
        own = counts[one.code].get(hospital.pk)
        if own is not None and own.count <= own.total:
            rows.append({"about": one, "count": own, "rate": rate(own.count, own.total)})
    open_ = findings.filter(state__in=OPEN).order_by("due", "id")
    return {
        "open": [{"finding": one, "owed": _owed(one.state), "late": bool(one.due and one.due < day)} for one in open_[:20]],
        "closed": findings.filter(state="closed").count(),
        "scores": scores.order_by("-round__closed_on", "analyte")[:24],
        "indicators": rows,
        "period": period,
        "may_state": person.may("indicators"),
        "edition": national(),
        "month": (day.replace(day=1) - datetime.timedelta(days=1)).strftime("%Y-%m"),
    }
