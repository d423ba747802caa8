"""Site visits: the list, the sheet on the phone with its sync, the page on the desk, pictures, what is attached, corrections."""

from __future__ import annotations

import datetime
import functools
import hashlib
import json
from typing import Any

from django import forms
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils import timezone

from photopeak_centre.accounts.models import Person
from photopeak_centre.accounts.roles import ROLES
from photopeak_centre.audit.chain import record
from photopeak_centre.campaigns.entries import WHY, Refused, checklist_of, correct, sheet_of, state_of, take_entries
from photopeak_centre.campaigns.models import Attachment, ConflictOfInterest, Entry, Visit, conflicts_with
from photopeak_centre.campaigns.planning import results_of
from photopeak_centre.campaigns.scoring import ANSWER_WORDS, ANSWERS, OWN_ITEM
from photopeak_centre.checks.models import Result
from photopeak_centre.evidence.models import Study
from photopeak_centre.evidence.store import read
from photopeak_centre.routes import getter, route
from photopeak_centre.said import in_words, now_said, said
from photopeak_centre.settings import PACKAGE
from photopeak_centre.tenancy import get_for

LARGEST_SYNC = 10 * 2**20
MOST_ENTRIES = 100
#: what a phone keeps to open a visit without a network
KEPT = (
    "tokens.css",
    "components.css",
    "centre.css",
    "visit.css",
    "visit.js",
    "leaving.js",
    "keys.js",
    "icon.svg",
    "vendor/htmx.min.js",
)
VISITORS = [name for name, role in ROLES.items() if "visit" in role.acts]


@getter("visit")
def get_visit_for(person: Any, id: int) -> Visit:
    found: Visit = get_for(Visit, person, id, "organisation", "campaign", "device", "corrects")
    return found


@getter("visit_picture")
def get_visit_picture_for(person: Any, id: int) -> Entry:
    """A photograph or a signature; the hospital sees those of its own signed visits."""
    found: Entry = get_for(Entry, person, id, "visit")
    if not found.blob_id or (person.reach != "all" and found.visit.state != "signed"):
        raise Http404
    return found


def _is_inspector(person: Any, visit: Visit) -> bool:
    return bool(visit.inspectors.filter(pk=person.pk).exists())


def _kept(response: HttpResponse, person: Any) -> HttpResponse:
    """Mark a page that this person's phone may keep until he signs out."""
    response.headers["X-Photopeak-Keep"] = str(person.pk)
    return response


@route(exempt="lists what the person may see", act="visit")
def visits(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    shown = Visit.objects.visible_to(person).select_related("organisation", "campaign", "device").prefetch_related("inspectors")
    mine = shown.filter(inspectors=person).exclude(state="cancelled")
    context = {
        "waiting": mine.filter(state__in=("planned", "open")).order_by("day", "pk")[:100],
        "signed": mine.filter(state="signed").order_by("-day", "-pk")[:30],
        "others": shown.exclude(inspectors=person).order_by("-day", "-pk")[:50],
        "today": timezone.localdate(),
    }
    return _kept(render(request, "campaigns/visits.html", context), person)


@route("visit", act="visit")
def visit_sheet(request: HttpRequest, shown: Visit) -> HttpResponse:
    """The sheet on the phone. Who is not an inspector of this visit may look at it on the desk only."""
    person: Any = request.user
    if not _is_inspector(person, shown) or not shown.checklist:
        return render(request, "campaigns/not_entering.html", {"visit": shown}, status=403)
    checklist = checklist_of(shown)
    context = {
        "visit": shown,
        "checklist": checklist,
        "inspectors": list(shown.inspectors.all()),
        "answers": [(key, in_words(ANSWER_WORDS[key]), {"met": "pass", "partial": "partial", "not_met": "fail"}.get(key, "na")) for key in ANSWERS],
        "own_item": in_words(OWN_ITEM),
        "boot": {
            "visit": shown.pk, "person": person.pk, "name": str(person), "checklist": shown.checklist, "state": state_of(shown),
            "why": {code: in_words(words) for code, words in WHY.items()}, "token": get_token(request),
            "answers": {key: in_words(words) for key, words in ANSWER_WORDS.items()},
        },
    }  # fmt: skip
    return _kept(render(request, "campaigns/sheet.html", context), person)


@route("visit", methods="GET POST", act="visit")
def visit_sync(request: HttpRequest, shown: Visit) -> HttpResponse:
    """POST takes entries in, GET tells the state. Only the visit's own inspectors enter."""
    person: Any = request.user
    if not _is_inspector(person, shown):
        return JsonResponse({"problem": "not an inspector of this visit"}, status=403)
    results: list[dict[str, Any]] = []
    if request.method == "POST":
        try:
            rows = json.loads(request.body)["entries"] if len(request.body) <= LARGEST_SYNC else None
        except (ValueError, KeyError, TypeError):
            rows = None
        if not isinstance(rows, list) or len(rows) > MOST_ENTRIES:
            return JsonResponse({"problem": "entries"}, status=400)
        results = take_entries(shown, person, rows)
    return JsonResponse({"results": results, "state": state_of(shown), "token": get_token(request)})


@route("visit_picture", act="see")
def visit_picture(request: HttpRequest, shown: Entry) -> HttpResponse:
    return picture_response(shown.blob_id, shown.media)


def picture_response(sha256: str, media: str) -> HttpResponse:
    """The bytes of a cleaned picture, as nothing but a picture."""
    response = HttpResponse(read(sha256), content_type=media)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Disposition"] = "inline"
    return response


@functools.cache
def kept_version() -> str:
    """Changes with anything the phone keeps, so that an update is taken whole."""
    digest = hashlib.sha256()
    for name in (*KEPT, "visits_worker.js"):
        digest.update((PACKAGE / "static" / name).read_bytes())
    return digest.hexdigest()[:12]


@route(exempt="the script that opens visits without a network; it holds nothing of anybody", public=True)
def visits_worker(request: HttpRequest) -> HttpResponse:
    text = (PACKAGE / "static" / "visits_worker.js").read_text("utf-8")
    text = text.replace("VERSION_HERE", kept_version()).replace(
        '"ASSETS_HERE"', json.dumps([f"/static/{name}" for name in KEPT])
    )
    return HttpResponse(text, content_type="text/javascript; charset=utf-8")


@route("visit", act="see")
def visit(request: HttpRequest, shown: Visit) -> HttpResponse:
    """The record of a visit. The hospital sees that it is arranged, and the sheet once it is signed."""
    person: Any = request.user
    open_to_reader = person.reach == "all" or shown.state == "signed"
    context: dict[str, Any] = {"visit": shown, "inspectors": list(shown.inspectors.all()), "open": open_to_reader}
    if open_to_reader and shown.checklist:
        state = state_of(shown)
        context |= {
            "sections": _rows(shown, state), "state": state, "sheet": sheet_of(shown),
            "pictures": [_dated(one) for one in state["photographs"]], "signatures": [_dated(one) for one in state["signatures"]],
            "late": shown.entries.filter(state="late").select_related("by").order_by("pk"),
        }  # fmt: skip
    if open_to_reader:
        context |= {
            "attached": shown.attachments.select_related("result", "study").order_by("kind", "pk"),
            "findings": shown.findings.order_by("pk"),
            "corrections": shown.corrections.order_by("pk"),
        }
    if person.may("visit"):
        context["may_enter"] = _is_inspector(person, shown) and shown.state in ("planned", "open")
        context["form"] = AttachForm(visit=shown)
        conflicts = conflicts_with(shown.organisation, context["inspectors"], shown.day)
        context["conflicted"] = [in_words(words) for words in conflicts.values()]
    return render(request, "campaigns/visit.html", context)


def _sign(answer: dict[str, Any] | None, failing: bool) -> str:
    """The mark of an answer: a partial one that does not fall below its need keeps the half disc."""
    if answer is None or answer["answer"] == "not_applicable":
        return "na"
    return "fail" if failing else "partial" if answer["answer"] == "partial" else "pass"


def _dated(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "made": datetime.datetime.fromisoformat(one["made"])}


def _rows(shown: Visit, state: dict[str, Any]) -> list[dict[str, Any]]:
    sheet = sheet_of(shown)
    found = []
    for section in checklist_of(shown).sections:
        rows = []
        for item in section.items:
            answer = state["answers"].get(item.number)
            points = sheet.scores.get(item.number)
            rows.append(
                {
                    "item": item, "answer": answer, "said": in_words(ANSWER_WORDS[answer["answer"]]) if answer else "",
                    "points": points, "source": in_words(item.source or OWN_ITEM),
                    "sign": _sign(answer, item.number in sheet.failing),
                    "pictures": [one for one in state["photographs"] if one["item"] == item.number],
                    "conflicts": [one for one in state["conflicts"] if one["item"] == item.number],
                }
            )  # fmt: skip
        found.append({"section": section, "rows": rows})
    return found


class AttachForm(forms.Form):
    """Results and studies of the visited hospital: phantom tests of the campaign's stage and period, report audits, records."""

    results = forms.ModelMultipleChoiceField(
        Result.objects.none(), label=said("results", "检测结果"), required=False, widget=forms.CheckboxSelectMultiple
    )
    studies = forms.ModelMultipleChoiceField(
        Study.objects.none(),
        label=said("records and images", "记录与图像"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, visit: Visit, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        campaign = visit.campaign
        own = results_of(campaign).filter(organisation=visit.organisation)
        if visit.device_id:
            own = own.filter(device=visit.device_id)
        audits = Result.objects.filter(
            organisation=visit.organisation, procedure="report_review.audit", superseded_by=None,
            acquired__date__range=(campaign.begins, campaign.ends),
        )  # fmt: skip
        results = (own | audits).exclude(attached_to__visit=visit).distinct().order_by("-acquired")
        studies = Study.objects.filter(organisation=visit.organisation, first_received__date__gte=campaign.begins)
        studies = studies.exclude(attached_to__visit=visit).order_by("-first_received")
        self.fields["results"].queryset = Result.objects.filter(pk__in=[one.pk for one in results[:40]])  # type: ignore[attr-defined]
        self.fields["studies"].queryset = Study.objects.filter(pk__in=[one.pk for one in studies[:40]])  # type: ignore[attr-defined]
        self.fields["results"].label_from_instance = _result_label  # type: ignore[attr-defined]
        self.fields["studies"].label_from_instance = _study_label  # type: ignore[attr-defined]


def _result_label(result: Result) -> str:
    return f"{in_words(result.name)} · {timezone.localtime(result.acquired):%Y-%m-%d}"


def _study_label(study: Study) -> str:
    at = study.acquired or study.first_received
    return f"{study.manufacturer} {study.model} · {timezone.localtime(at):%Y-%m-%d}"


@route("visit", methods="POST", act="visit")
def visit_attach(request: HttpRequest, shown: Visit) -> HttpResponse:
    """Attach results and studies. A signed visit takes no more."""
    if not _is_inspector(request.user, shown) or shown.state not in ("planned", "open"):
        return HttpResponse(status=403)
    form = AttachForm(request.POST, visit=shown)
    if not form.is_valid():
        return HttpResponse(status=400)
    results, studies = list(form.cleaned_data["results"]), list(form.cleaned_data["studies"])
    with transaction.atomic():
        Attachment.objects.bulk_create(
            [
                *(Attachment(visit=shown, kind="report" if one.procedure == "report_review.audit" else "test", result=one) for one in results),
                *(Attachment(visit=shown, kind="record", study=one) for one in studies),
            ]
        )  # fmt: skip
        record(
            "attached",
            f"visit {shown.pk}",
            person=request.user,
            organisation=shown.organisation_id,
            number=len(results) + len(studies),
        )
    return redirect("visit", shown.pk)


@route("visit", methods="POST", act="visit")
def visit_correct(request: HttpRequest, shown: Visit) -> HttpResponse:
    if not _is_inspector(request.user, shown):
        return HttpResponse(status=403)
    try:
        new = correct(shown, request.user)
    except Refused:
        return HttpResponse(status=409)
    return redirect("visit", new.pk)


class VisitForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Visit
        fields = ("day", "inspectors", "state")
        labels = {"day": said("day", "日期"), "inspectors": said("inspectors", "检查员"), "state": said("state", "状态")}
        widgets = {
            "day": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "inspectors": forms.CheckboxSelectMultiple,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = inspectors_for(self.instance.organisation, self.instance.day)
        self.fields["inspectors"].queryset = Person.objects.filter(pk__in=[one.pk for one, why in people if not why])  # type: ignore[attr-defined]
        kept = ("planned", "open") if self.instance.state == "open" else ("planned",)
        choices = [(key, text) for key, text in Visit._meta.get_field("state").choices or () if key in (*kept, "cancelled")]
        self.fields["state"] = forms.ChoiceField(label=self.fields["state"].label, choices=choices)

    def clean_day(self) -> Any:
        day, campaign = self.cleaned_data["day"], self.instance.campaign
        if not campaign.begins <= day <= campaign.ends:
            raise forms.ValidationError(now_said("This day lies outside the campaign.", "该日期不在计划期间内。"))
        return day


def inspectors_for(organisation: Any, day: Any) -> list[tuple[Person, str]]:
    """Everybody who can visit, and why somebody cannot visit this hospital."""
    people = list(Person.objects.filter(role__in=VISITORS, is_active=True).select_related("organisation").order_by("pk"))
    conflicts = conflicts_with(organisation, people, day)
    return [(one, in_words(conflicts[one.pk]) if one.pk in conflicts else "") for one in people]


@route("visit", methods="GET POST", act="plan")
def visit_edit(request: HttpRequest, shown: Visit) -> HttpResponse:
    """Another day, other inspectors, or cancelled. A signed visit stays."""
    if shown.state in ("signed", "cancelled"):
        return redirect("visit", shown.pk)
    form = VisitForm(request.POST or None, instance=shown)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                form.save()
                record(
                    "visit changed",
                    f"visit {shown.pk}",
                    person=request.user,
                    organisation=shown.organisation_id,
                    fields=form.changed_data,
                )
            return redirect("visit", shown.pk)
        except ConflictOfInterest as conflict:
            form.add_error("inspectors", in_words(conflict.words))
    return render(request, "campaigns/visit_edit.html", {"form": form, "visit": shown})
