"""Results: list, page, drawings, pixels for the viewer, review; and the region in counts that name nobody."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from photopeak.finding import IllegalAct
from photopeak.present.phrases import stage_name
from photopeak.procedure import roll
from photopeak_centre.audit.chain import record
from photopeak_centre.checks.keeping import refresh_latest
from photopeak_centre.checks.models import Drawing, Result, Review, WorstOutcome
from photopeak_centre.checks.rows import other_analyses, quantities, result_rows, unjudged
from photopeak_centre.checks.side_by_side import last_test, side_by_side
from photopeak_centre.checks.viewing import viewer_of, viewer_words
from photopeak_centre.devices.models import KINDS, Device
from photopeak_centre.evidence.entering import entered_table
from photopeak_centre.evidence.store import read
from photopeak_centre.findings.life import raise_for_result
from photopeak_centre.findings.of_result import of_result
from photopeak_centre.half_year.dashboards import region_for
from photopeak_centre.headers import DRAWING_POLICY
from photopeak_centre.keyset import page_of
from photopeak_centre.routes import getter, route
from photopeak_centre.said import in_words, language
from photopeak_centre.tenancy import get_for

DECISIONS = {"accept": "accepted", "reject": "rejected"}


@getter("result")
def get_result_for(person: Any, id: int) -> Result:
    found: Result = get_for(Result, person, id, "organisation", "device", "study", "superseded_by")
    return found


@getter("drawing")
def get_drawing_for(person: Any, id: int) -> Drawing:
    found: Drawing = get_for(Drawing, person, id)
    return found


@route(exempt="lists what the person may see", act="see")
def results(request: HttpRequest) -> HttpResponse:
    shown = Result.objects.visible_to(request.user).filter(superseded_by=None).select_related("organisation", "device")
    outcome, review = request.GET.get("outcome", ""), request.GET.get("review", "")
    if outcome in ("fail", "undecided", "pass", "not_assessed", "refused"):
        shown = shown.filter(outcome=outcome)
    if review in ("open", "accepted", "rejected"):
        shown = shown.filter(review=review)
    rows = page_of(shown.defer("document"), "made", request, descending=True)
    return render(request, "checks/list.html", {"rows": rows, "outcome": outcome, "review": review})


@route("result", act="see")
def result(request: HttpRequest, shown: Result) -> HttpResponse:
    rows, cited = result_rows(shown)
    earlier = last_test(shown)
    person: Any = request.user
    return render(
        request,
        "checks/page.html",
        {
            "result": shown,
            "stage": stage_name(shown.stage, language()),
            "rows": rows,
            "cited": cited,
            "entered": entered_table(shown.study),
            "unjudged": unjudged(shown)[:60],
            "drawings": shown.drawings.order_by("number"),
            "viewer": viewer_of(shown, earlier),
            "viewer_words": viewer_words(),
            "other_analyses": other_analyses(shown),
            "next_open": _next_open(shown, person) if person.may("review") else None,
            "reviews": shown.reviews.select_related("by").order_by("at"),
            "may_review": person.may("review"),
            "document": shown.document,
            **of_result(person, shown),
        },
    )


def _next_open(shown: Result, person: Any) -> Result | None:
    """The next fail or undecided result that waits for a review."""
    waiting = Result.objects.visible_to(person).filter(superseded_by=None, review="open", outcome__in=("fail", "undecided"))
    found: Result | None = waiting.exclude(pk=shown.pk).order_by("outcome", "-made", "-id").first()
    return found


@route("result", act="see")
def result_beside(request: HttpRequest, shown: Result) -> HttpResponse:
    """Part of the result's page: its numbers beside the last test's and the region's."""
    before = last_test(shown)
    found = {"before": before, "beside": side_by_side(shown, before)}
    return render(request, "checks/side_by_side.html", found)


@route("result", act="see")
def result_document(request: HttpRequest, shown: Result) -> HttpResponse:
    """The result as the command writes it."""
    whole = {"schema": 1, "photopeak": shown.version, "results": [shown.document], "unread": []}
    text = json.dumps(whole, ensure_ascii=False, indent=1)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="result-{shown.pk}.json"'
    return response


@route("result", methods="POST", act="review")
def result_review(request: HttpRequest, shown: Result) -> HttpResponse:
    """Accept, reject or comment, or accept and raise a finding; a rejected result no longer stands for its device."""
    decision, words = request.POST.get("decision", ""), request.POST.get("words", "").strip()[:4000]
    raises, decision = decision == "raise", "accept" if decision == "raise" else decision
    if decision not in (*DECISIONS, "comment") or (decision != "accept" and not words):
        return redirect("result", shown.pk)
    with transaction.atomic():
        Review.objects.create(result=shown, by=request.user, decision=decision, words=words)
        if decision in DECISIONS:
            Result.objects.filter(pk=shown.pk).update(review=DECISIONS[decision])
            if shown.device_id:
                refresh_latest(shown.device_id, shown.measurements.all())
        record(
            decision,
            f"result {shown.pk}",
            person=request.user,
            organisation=shown.organisation_id,
            outcome=shown.outcome,
            words=words,
        )
        if raises:
            try:
                return redirect("finding", raise_for_result(shown, request.user).pk)
            except IllegalAct:
                transaction.set_rollback(True)
    return redirect("result", shown.pk)


@route("drawing", act="see")
def drawing(request: HttpRequest, shown: Drawing) -> HttpResponse:
    blob = shown.en_id if language() == "en" else shown.zh_id
    response = HttpResponse(read(blob), content_type="image/svg+xml")
    response["Content-Security-Policy"] = DRAWING_POLICY
    return response


@route("drawing", act="see")
def pixels(request: HttpRequest, shown: Drawing) -> HttpResponse:
    """A picture's float32 values, row by row, little-endian."""
    if shown.pixels_id is None:
        raise Http404
    return HttpResponse(read(shown.pixels_id), content_type="application/octet-stream")


FEWEST_HOSPITALS = 5
BAR = 200  # width of a bar, in px
MOST_QUANTITIES = 14
MOST_SIGNS = 400  #: of a page; a larger region's signs stand for ten or a hundred devices each
RANK = ("fail", "undecided", "pass", "not_assessed")


@route(exempt="counts over the whole region; fewer than five hospitals are not shown apart", act="region")
def region(request: HttpRequest) -> HttpResponse:
    counts = Device.objects.filter(in_use=True).values("kind", "outcome").annotate(n=Count("id"))
    kinds: dict[str, dict[str, int]] = {}
    for row in counts:
        outcome = row["outcome"] if row["outcome"] in ("pass", "fail", "undecided") else "not_assessed"
        of = kinds.setdefault(row["kind"], {})
        of[outcome] = of.get(outcome, 0) + row["n"]
    hospitals = dict(
        Device.objects.filter(in_use=True)
        .values("kind")
        .annotate(n=Count("organisation", distinct=True))
        .values_list("kind", "n")
    )
    names = dict(KINDS)
    whole = sum(sum(of.values()) for of in kinds.values())
    per_sign = next(n for n in (1, 10, 100, 1000, 10_000) if whole <= MOST_SIGNS * n or n == 10_000)
    shown = [
        {
            "name": names[kind],
            "all": sum(of.values()),
            "counts": [(outcome, of.get(outcome, 0)) for outcome in ("pass", "fail", "undecided", "not_assessed")],
            "signs": _signs(of, per_sign),
            "hospitals": hospitals[kind],
        }
        for kind, of in sorted(kinds.items(), key=lambda pair: -sum(pair[1].values()))
        if hospitals[kind] >= FEWEST_HOSPITALS
    ]
    few = sum(sum(of.values()) for kind, of in kinds.items() if hospitals[kind] < FEWEST_HOSPITALS)
    return render(
        request,
        "checks/region.html",
        {
            "kinds": shown,
            "few": few,
            "where": [{**row, "bar": _bar(row, whole)} for row in _where_it_fails()],
            "all": whole,
            "per_sign": per_sign,
            "more": region_for(request.user),
        },
    )


def _bar(row: dict[str, Any], devices: int) -> SafeString:
    """Devices by outcome as one bar against all devices, so that the untested show; the same numbers stand in the row."""
    parts, x = [], 0.0
    for outcome in ("pass", "not_assessed", "undecided", "fail"):
        width = BAR * row[outcome] / max(devices, 1)
        if width:
            parts.append(
                format_html('<rect class="bar-{}" x="{}" y="1" width="{}" height="12"/>', outcome, f"{x:.1f}", f"{width:.1f}")
            )
        x += width
    return format_html(
        '<svg class="bar-of" viewBox="0 0 {0} 14" aria-hidden="true"><rect class="bar-all" x=".5" y="1" width="{1}" height="12"/>{2}</svg>',
        BAR, BAR - 1, mark_safe("".join(parts)),
    )  # fmt: skip


def _signs(of: dict[str, int], per_sign: int) -> list[str]:
    """One sign for so many devices, begun ones counted, in the order in which they are read."""
    order = ("pass", "fail", "undecided", "not_assessed")
    return [outcome for outcome in order for _ in range(-(-of.get(outcome, 0) // per_sign))]


def _where_it_fails() -> list[dict[str, Any]]:
    """Devices by quantity and outcome, the worst outcome of each device counted once."""
    rows = WorstOutcome.objects.filter(in_use=True).values("procedure", "quantity", "outcome").annotate(n=Count("*"))
    counted: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows.order_by():
        counted.setdefault((row["procedure"], row["quantity"]), dict.fromkeys(RANK, 0))[row["outcome"]] += row["n"]
    known, tests = quantities(), roll()
    shown: list[dict[str, Any]] = []
    order = sorted(counted.items(), key=lambda pair: (-pair[1]["fail"], -pair[1]["undecided"], -sum(pair[1].values()), pair[0]))
    for key, n in order:
        if len(shown) == MOST_QUANTITIES:
            break
        if sum(n.values()) >= FEWEST_HOSPITALS and _in_enough_hospitals(*key):
            words = in_words(known[key].words) if key in known else key[1]
            test = in_words(tests[key[0]].words) if key[0] in tests else key[0]
            shown.append({"words": words, "test": test, "all": sum(n.values()), **n})
    return shown


def _in_enough_hospitals(procedure: str, quantity: str) -> bool:
    """Whether enough hospitals have the quantity; a few hundred rows nearly always tell, without counting a million."""
    rows = WorstOutcome.objects.filter(in_use=True, procedure=procedure, quantity=quantity)
    owners = rows.order_by().values_list("organisation", flat=True)
    if len(set(owners[:300])) >= FEWEST_HOSPITALS:
        return True
    return len(owners.distinct()[:FEWEST_HOSPITALS]) >= FEWEST_HOSPITALS
