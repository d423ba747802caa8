"""The national indicators: the region or one's own hospital, one indicator with its funnel and trend, and the monthly form."""

from __future__ import annotations

import datetime
from typing import Any

from django import forms
from django.db import transaction
from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from photopeak.proportion import binomial_p, discoveries, rate
from photopeak_centre.audit.chain import record
from photopeak_centre.half_year.periods import NotAPeriod, Period, period, period_of
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.indicators.counts import Counted, counts_of
from photopeak_centre.indicators.drawings import Point, funnel, trend
from photopeak_centre.indicators.models import Monthly
from photopeak_centre.indicators.national import Indicator, national
from photopeak_centre.indicators.quality import doubts
from photopeak_centre.routes import route
from photopeak_centre.said import language, now_said

FEWEST_HOSPITALS = 5
FEWEST = 10  #: cases below which a hospital is not set apart
ORIGINS = {
    "form": ("monthly form", "月报"),
    "eqa": ("EQA rounds", "室间质评"),
    "reports": ("report reviews", "报告评审"),
    "readings": ("image readings", "图像评阅"),
}


def _wanted(request: HttpRequest) -> Period:
    """The half-year that is asked for; else the one that ended last."""
    try:
        return period(request.GET.get("period", ""))
    except NotAPeriod:
        return period_of(timezone.localdate()).before


@route(exempt="of the region for the centre's staff, of one's own hospital for the rest", act="see")
def indicators(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    wanted = _wanted(request)
    mine = _mine(person)
    counts = counts_of(wanted)
    rows = [_row(one, _seen(counts[one.code], mine), counts[one.code]) for one in national().indicators]
    found = doubts(wanted, mine, timezone.localdate())
    names = Organisation.objects.visible_to(person).in_bulk({one.organisation for one in found})
    return render(
        request,
        "indicators/list.html",
        {
            "rows": rows,
            "period": wanted,
            "edition": national(),
            "own": mine is not None,
            "doubts": [(names[one.organisation], one) for one in found if one.organisation in names][:200],
            "form_for": person.organisation if person.may("indicators") and person.organisation.kind == "hospital" else None,
            "month": (timezone.localdate().replace(day=1) - datetime.timedelta(days=1)).strftime("%Y-%m"),
        },
    )


def _mine(person: Any) -> set[int] | None:
    """The hospitals a person may see apart; None for all."""
    return None if person.reach == "all" else set(person.own_organisations().values_list("id", flat=True))


def _seen(counts: dict[int, Counted], mine: set[int] | None) -> list[Counted]:
    return [one for organisation, one in counts.items() if mine is None or organisation in mine]


def _row(one: Indicator, own: list[Counted], every: dict[int, Counted]) -> dict[str, Any]:
    """An indicator with the counts of those seen; beside it the region's rate where five hospitals or more have one."""
    n, of = sum(c.count for c in own), sum(c.total for c in own)
    whole = (sum(c.count for c in every.values()), sum(c.total for c in every.values()))
    shown = len(every) >= FEWEST_HOSPITALS and whole[0] <= whole[1]
    return {
        "about": one,
        "n": n,
        "of": of,
        "rate": rate(n, of) if n <= of else None,
        "hospitals": len(own),
        "origins": [now_said(*ORIGINS[origin]) for origin in sorted({c.origin for c in own})],
        "region": rate(*whole) if shown else None,
    }


@route(exempt="one indicator: every hospital for the centre's staff, one's own for the rest", act="see")
def indicator(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    wanted, code = _wanted(request), request.GET.get("code", "NM-01")
    if code not in {one.code for one in national().indicators}:
        raise Http404
    mine = _mine(person)
    every = {pk: one for pk, one in counts_of(wanted)[code].items() if one.total and one.count <= one.total}
    n, of = sum(c.count for c in every.values()), sum(c.total for c in every.values())
    target = n / of if of else None
    apart = _apart(every, target)
    names = Organisation.objects.visible_to(person).in_bulk(list(every))
    seen = {pk: one for pk, one in every.items() if mine is None or pk in mine}
    points = [
        Point(count=c.count, total=c.total, name=str(names[pk]), apart=mine is None and pk in apart, own=mine is not None)
        for pk, c in seen.items()
    ]
    enough = target is not None and 0 < target < 1 and len(every) >= FEWEST_HOSPITALS
    rows = sorted(
        (
            {
                "name": names[pk],
                "c": c,
                "rate": rate(c.count, c.total),
                "apart": pk in apart,
                "origin": now_said(*ORIGINS[c.origin]),
            }
            for pk, c in seen.items()
        ),
        key=lambda row: (not row["apart"], row["rate"].percent),
    )
    return render(
        request,
        "indicators/page.html",
        {
            "about": national().named(code),
            "edition": national(),
            "period": wanted,
            "rows": rows,
            "funnel": funnel(points, target, language()) if enough and points and target is not None else "",
            "trend": trend(_months(code, wanted, mine), language()),
            "codes": [one.code for one in national().indicators],
        },
    )


def _apart(every: dict[int, Counted], target: float | None) -> set[int]:
    """Hospitals whose share differs from the region's, after Benjamini-Hochberg at 5 %."""
    if target is None or not 0 < target < 1:
        return set()
    tests = {str(pk): binomial_p(c.count, c.total, target) for pk, c in every.items() if c.total >= FEWEST}
    return {int(pk) for pk in discoveries(tests)}


def _months(code: str, wanted: Period, mine: set[int] | None) -> list[tuple[str, int, int]]:
    """The twelve months up to the end of the period."""
    months = [*wanted.before.months, *wanted.months]
    rows = Monthly.objects.filter(code=code, month__in=months)
    if mine is not None:
        rows = rows.filter(organisation__in=mine)
    sums = {month: (n, of) for month, n, of in rows.values_list("month").annotate(n=Sum("numerator"), d=Sum("denominator"))}
    return [(month.strftime("%y-%m"), *sums.get(month, (0, 0))) for month in months]


class MonthForm(forms.Form):
    """Numerator and denominator of every indicator; both or neither."""

    month = forms.CharField(max_length=7)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for one in national().indicators:
            for part in ("n", "of"):
                self.fields[f"{one.code}-{part}"] = forms.IntegerField(min_value=0, max_value=10_000_000, required=False)

    def clean_month(self) -> datetime.date:
        try:
            month = datetime.datetime.strptime(self.cleaned_data["month"], "%Y-%m").date()
        except ValueError:
            raise forms.ValidationError(now_said("Write the month as 2026-03.", "月份写作 2026-03。")) from None
        if not datetime.date(2000, 1, 1) <= month <= timezone.localdate():
            raise forms.ValidationError(now_said("This month has not come yet.", "该月份尚未到来。"))
        return month

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        for one in national().indicators:
            n, of = given.get(f"{one.code}-n"), given.get(f"{one.code}-of")
            if (n is None) != (of is None) and not {f"{one.code}-n", f"{one.code}-of"} & set(self.errors):
                self.add_error(
                    f"{one.code}-{'n' if n is None else 'of'}", now_said("Give both counts.", "分子、分母须同时填写。")
                )
        return given


@route("hospital", methods="GET POST", act="indicators")
def indicator_form(request: HttpRequest, hospital: Organisation) -> HttpResponse:
    """One hospital's counts of one month."""
    asked = request.GET.get("month", "")
    month = _month(asked) or (timezone.localdate().replace(day=1) - datetime.timedelta(days=1)).replace(day=1)
    form = MonthForm(request.POST if request.method == "POST" else _stated(hospital, month))
    if request.method == "POST" and form.is_valid():
        _keep(hospital, form.cleaned_data, request.user)
        stated = form.cleaned_data["month"].strftime("%Y-%m")
        return redirect(f"{reverse('indicator_form', args=[hospital.pk])}?month={stated}&kept=1")
    rows = [(one, form[f"{one.code}-n"], form[f"{one.code}-of"]) for one in national().indicators]
    found = [
        one
        for one in doubts(period_of(month), [hospital.pk], timezone.localdate())
        if one.month == month and one.kind != "missing"
    ]
    return render(
        request,
        "indicators/form.html",
        {
            "hospital": hospital, "month": month.strftime("%Y-%m"), "form": form, "rows": rows, "edition": national(),
            "doubts": found, "kept": bool(request.GET.get("kept")), "posted": request.method == "POST",
        },
    )  # fmt: skip


def _month(text: str) -> datetime.date | None:
    try:
        return datetime.datetime.strptime(text, "%Y-%m").date()
    except ValueError:
        return None


def _stated(hospital: Organisation, month: datetime.date) -> dict[str, Any]:
    known = {"month": month.strftime("%Y-%m")}
    for code, n, of in Monthly.objects.filter(organisation=hospital, month=month).values_list(
        "code", "numerator", "denominator"
    ):
        known |= {f"{code}-n": n, f"{code}-of": of}
    return known


@transaction.atomic
def _keep(hospital: Organisation, given: dict[str, Any], person: Any) -> None:
    month = given["month"]
    before = {row.code: row for row in Monthly.objects.select_for_update().filter(organisation=hospital, month=month)}
    changed = {}
    for one in national().indicators:
        n, of, old = given[f"{one.code}-n"], given[f"{one.code}-of"], before.get(one.code)
        was = None if old is None else [old.numerator, old.denominator]
        now = None if n is None else [n, of]
        if was == now:
            continue
        changed[one.code] = {"was": was, "now": now}
        if now is None and old is not None:
            old.delete()
        elif now is not None:
            Monthly.objects.update_or_create(
                organisation=hospital, month=month, code=one.code, defaults={"numerator": n, "denominator": of, "by": person}
            )
    if changed:
        record(
            "indicators stated",
            f"hospital {hospital.pk}",
            person=person,
            organisation=hospital.pk,
            month=month.isoformat(),
            counts=changed,
        )
