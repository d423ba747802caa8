"""Findings: list, page, acts, response, re-inspection; how the centre does it: periods, calendars, its own texts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from photopeak.finding import ACTS, IllegalAct
from photopeak.present.tables import Row, Sources, Writer, aligned
from photopeak.words import Words
from photopeak_centre.audit.chain import record
from photopeak_centre.checks.models import Drawing, Result
from photopeak_centre.evidence.models import HandIn
from photopeak_centre.evidence.store import keep, read
from photopeak_centre.findings import issue
from photopeak_centre.findings.forms import CalendarForm, PracticeForm, ResponseForm, TextsForm
from photopeak_centre.findings.life import act, appeal_until, names_of, possible, verdict_from, words_of
from photopeak_centre.findings.models import STATES, Act, Attachment, CalendarYear, Document, Finding, Practice, TextBlock
from photopeak_centre.findings.overdue import WAITS_FOR, calendar_warnings, days_late, due_soon, overdue
from photopeak_centre.findings.papers import TITLES, edition_in, pictures_of
from photopeak_centre.findings.texts import DEFAULTS, PLACEHOLDERS, texts_of
from photopeak_centre.findings.working_days import shipped
from photopeak_centre.keyset import page_of
from photopeak_centre.routes import getter, route
from photopeak_centre.said import in_words, language, now_said
from photopeak_centre.tenancy import get_for

#: acts that go with a paper, and acts that have a page of their own
BY_PAPER, BY_PAGE = ("notify", "accept", "reject"), ("respond", "reinspect")
SIGNS = {
    "closed": "pass",
    "withdrawn": "na",
    "raised": "fail",
    "escalated": "fail",
    "appealed": "undecided",
    "notified": "undecided",
}
CONTENT = {
    "PDF": "application/pdf",
    "JPG": "image/jpeg",
    "PNG": "image/png",
    "DOCX": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "XLSX": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@getter("finding")
def get_finding_for(person: Any, id: int) -> Finding:
    found: Finding = get_for(Finding, person, id, "organisation", "device", "result", "visit")
    return found


@getter("attachment")
def get_attachment_for(person: Any, id: int) -> Attachment:
    found: Attachment = get_for(Attachment, person, id, "act__finding")
    get_finding_for(person, found.act.finding_id)
    return found


@route(exempt="lists what the person may see", act="see")
def findings(request: HttpRequest) -> HttpResponse:
    """By state, by deadline, by hospital; the overdue first where they are asked for."""
    person: Any = request.user
    due, state, hospital = (request.GET.get(name, "") for name in ("due", "state", "hospital"))
    if due == "overdue":
        shown = overdue(person)
    elif due == "soon":
        shown = due_soon(person)
    else:
        shown = Finding.objects.visible_to(person)
    if state in dict(STATES):
        shown = shown.filter(state=state)
    if hospital.isdigit() and len(hospital) < 19:
        shown = shown.filter(organisation=int(hospital))
    rows = page_of(shown.select_related("organisation", "device"), "raised", request, descending=True)
    for row in rows:
        row.late, row.waits, row.sign = days_late(row), WAITS_FOR.get(row.state), SIGNS.get(row.state, "na")
    hospitals = Finding.objects.visible_to(person).values_list("organisation", "organisation__name_zh", "organisation__name_en")
    context = {
        "rows": rows, "due": due, "state": state, "states": STATES, "hospital": hospital,
        "hospitals": sorted({(pk, (en if language() == "en" else "") or zh) for pk, zh, en in hospitals.order_by().distinct()}, key=lambda one: one[1]),
        "overdue": overdue(person).count(), "soon": due_soon(person).count(), "warnings": calendar_warnings() if person.may("notify") else (),
        "today": timezone.localdate(),
    }  # fmt: skip
    return render(request, "findings/list.html", context)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A point of the life drawn as one line. `kind`: "", "back" (sent back: dashed) or "end"."""

    name: str
    at: Any
    kind: str
    sign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was measured on one occasion, with its rows and pictures."""

    name: str
    at: Any
    result: Result | None
    rows: list[Row]
    pictures: list[Drawing]


def steps_of(acts: list[Act]) -> list[Step]:
    names, seen = dict(STATES), set()
    steps = []
    for one in acts:
        again = one.after in seen and one.act != "uphold"
        seen.add(one.after)
        kind = "back" if one.act == "reject" else "end" if one.after in ("closed", "withdrawn") else ""
        name = (
            now_said(f"{names[one.after]} again", f"再{str(names[one.after]).removeprefix('已')}")
            if again
            else str(names[one.after])
        )
        sign = "" if one.act != "reinspect" else "pass" if one.detail.get("passed") else "fail"
        steps.append(Step(name=name, at=one.at, kind=kind, sign=sign))
    return steps


def occasions(finding: Finding, acts: list[Act]) -> list[Seen]:
    """Before, and after each response: the verdicts with their strips, and the pictures of the same detectors."""
    shown = [_seen(now_said("Before", "整改前"), finding.raised, finding.result, finding, finding.verdicts)]
    again = [one for one in acts if one.act == "reinspect"]
    for n, one in enumerate(again, 1):
        name = now_said(f"Re-inspection {n}", f"第{n}次复查") if len(again) > 1 else now_said("Re-inspection", "复查")
        shown.append(_seen(name, one.at, one.result, finding, one.detail.get("verdicts", [])))
    return shown


def _seen(name: str, at: Any, result: Result | None, finding: Finding, verdicts: list[dict[str, Any]]) -> Seen:
    writer = Writer(language=language(), sources=Sources(), names=names_of(finding.procedure))
    rows = []
    for verdict in map(verdict_from, verdicts):
        row = writer.row(verdict)
        rows.append(row if verdict.measurement else replace(row, quantity=in_words(words_of(verdict, verdicts))))
    rows = aligned(rows)
    pictures = pictures_of(result) if result else []
    return Seen(name=name, at=result.acquired if result else at, result=result, rows=rows, pictures=pictures)


@route("finding", act="see")
def finding(request: HttpRequest, shown: Finding) -> HttpResponse:
    return _page(request, shown)


def _page(request: HttpRequest, shown: Finding, problem: str = "", status: int = 200) -> HttpResponse:
    person: Any = request.user
    acts = list(
        shown.acts.select_related("by__organisation", "document", "result").prefetch_related("attachments").order_by("at", "id")
    )
    names = {**ACTS, "raise": Words("raise the finding", "提出问题")}
    for one in acts:
        one.name = in_words(names[one.act])
        one.sign = ("pass" if one.detail.get("passed") else "fail") if one.act == "reinspect" else {"accept": "pass", "reject": "undecided", "raise": "fail", "escalate": "fail"}.get(one.act, "")  # fmt: skip
        one.handed_in = HandIn.objects.visible_to(person).filter(pk__in=one.detail.get("hand_ins") or ())
    can = possible(shown, person)
    paper = issue.NEXT_PAPER.get(shown.state)
    context = {
        "finding": shown, "acts": acts[::-1], "steps": steps_of(acts), "seen": occasions(shown, acts), "problem": problem,
        "late": days_late(shown), "waits": WAITS_FOR.get(shown.state), "sign": SIGNS.get(shown.state, "na"), "today": timezone.localdate(),
        "forms": [(name, in_words(ACTS[name]), name != "receive") for name in can if name not in (*BY_PAPER, *BY_PAGE) and not (name == "escalate" and shown.state == "reinspected")],
        "pages": [(f"finding_{name}", in_words(ACTS[name])) for name in can if name in BY_PAGE],
        "paper": paper if paper and person.may("notify") else None,
        "drafts": issue.drafts_of(shown) if person.may("notify") else (),
        "issued": Document.objects.filter(Q(finding=shown) | Q(acts__finding=shown)).exclude(number="").distinct().order_by("-issued", "-id"),
        "appeal_until": appeal_until(acts) if shown.state == "received" else None,
        "rounds": sum(one.act == "reinspect" for one in acts),
        "cited": _cited(shown), "warnings": calendar_warnings(shown.due) if shown.due else (),
    }  # fmt: skip
    return render(request, "findings/page.html", context, status=status)


def _cited(shown: Finding) -> list[str]:
    found = []
    for verdict in shown.verdicts:
        c = verdict.get("criterion") or {}
        zh, _, en = c.get("standard", "").partition(" / ")
        standard = f"{(en if language() == 'en' else '') or zh} {edition_in(c.get('edition', ''), language())}".strip()
        line = ", ".join(filter(None, (standard, c.get("clause", ""))))
        if line and line not in found:
            found.append(line)
    return found


@route("finding", methods="POST", act="see")
def finding_act(request: HttpRequest, shown: Finding) -> HttpResponse:
    """An act that needs no paper and no form of its own."""
    name = request.POST.get("act", "")
    words = request.POST.get("words", "").strip()[:4000]
    try:
        if name in (*BY_PAPER, *BY_PAGE) or (name == "escalate" and shown.state == "reinspected"):
            raise IllegalAct(en="This act has a document or a form of its own.", zh="此项须通过文书或专用表单办理。")
        act(shown, name, by=request.user, words=words, before=request.POST.get("before") or None)
    except IllegalAct as refused:
        return _page(request, shown, in_words(refused.words), 409)
    return redirect("finding", shown.pk)


@route("finding", methods="GET POST", act="see")
def finding_respond(request: HttpRequest, shown: Finding) -> HttpResponse:
    """The hospital's response with its evidence, or the centre's entry of one that came on paper."""
    if "respond" not in possible(shown, request.user):
        return _page(request, shown, now_said("No response is expected from you now.", "目前无须您反馈。"), 409)
    form = ResponseForm(request.POST or None, request.FILES or None, finding=shown, person=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                made = act(shown, "respond", by=request.user, words=form.cleaned_data["measure"], detail=form.detail())
                for name, kind, content in form.cleaned_data.get("files") or ():
                    Attachment.objects.create(act=made, name=name, kind=kind, blob=keep(content))
        except IllegalAct as refused:
            return _page(request, shown, in_words(refused.words), 409)
        return redirect("finding", shown.pk)
    return render(request, "findings/respond.html", {"finding": shown, "form": form, "seen": occasions(shown, [])})


@route("finding", methods="GET POST", act="notify")
def finding_reinspect(request: HttpRequest, shown: Finding) -> HttpResponse:
    """Choose the result of the same procedure, or answer the same items."""
    if "reinspect" not in possible(shown, request.user):
        return _page(request, shown, now_said("No re-inspection is due now.", "目前不需复查。"), 409)
    by_result = shown.source == "test" or shown.result_id is not None
    response = shown.acts.filter(act="respond").order_by("-at", "-id").first()
    candidates = Result.objects.visible_to(request.user).filter(
        organisation=shown.organisation_id,
        device=shown.device_id,
        procedure=shown.procedure,
        superseded_by=None,
        acquired__gt=response.at,
    )
    candidates = candidates.exclude(review="rejected").exclude(outcome="refused").order_by("-acquired")
    problem = ""
    if request.method == "POST":
        chosen = request.POST.get("result", "")
        result = candidates.filter(pk=int(chosen)).first() if chosen.isdigit() and len(chosen) < 19 else None
        on = "paper" if request.POST.get("on") == "paper" else "site"
        detail: dict[str, Any] = {"on": on}
        if not by_result:
            detail["verdicts"] = _answers(shown, request)
        try:
            act(
                shown,
                "reinspect",
                by=request.user,
                words=request.POST.get("words", "").strip()[:4000],
                result=result,
                detail=detail,
            )
            return redirect("finding", shown.pk)
        except IllegalAct as refused:
            problem = in_words(refused.words)
    items = [(n, v) for n, v in enumerate(shown.verdicts) if v["outcome"] == "fail"]
    context = {"finding": shown, "candidates": candidates[:50], "by_result": by_result, "items": items, "problem": problem, "response": response, "seen": occasions(shown, [])}  # fmt: skip
    return render(request, "findings/reinspect.html", context, status=409 if problem else 200)


def _answers(shown: Finding, request: HttpRequest) -> list[dict[str, Any]]:
    """A person's answer to each item that had failed; what was not answered is not assessed."""
    found = []
    for n, verdict in enumerate(shown.verdicts):
        if verdict["outcome"] == "fail":
            given = request.POST.get(f"item_{n}", "")
            outcome = given if given in ("pass", "fail") else "not_assessed"
            found.append({**verdict, "outcome": outcome, "value": None, "uncertainty": None, "judgement": None})
    return found


@route("finding", methods="POST", act="notify")
def finding_prepare(request: HttpRequest, shown: Finding) -> HttpResponse:
    """Draft the paper that the finding needs next."""
    kind = issue.NEXT_PAPER.get(shown.state)
    try:
        if kind is None:
            raise IllegalAct(en="The finding does not need this paper now.", zh="目前无须此文书。")
        made = issue.draft(kind, shown.organisation, finding=shown)
    except IllegalAct as refused:
        return _page(request, shown, in_words(refused.words), 409)
    return redirect("document", made.pk)


@route("attachment", act="see")
def attachment(request: HttpRequest, shown: Attachment) -> HttpResponse:
    """A file that came with a response, to be saved: it is never shown as a page of the centre."""
    response = HttpResponse(read(shown.blob_id), content_type=CONTENT.get(shown.kind, "application/octet-stream"))
    response["Content-Disposition"] = f'attachment; filename="attachment-{shown.pk}.{shown.kind.lower()}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@route(exempt="how the whole centre does it", methods="GET POST", act="plan")
def practice(request: HttpRequest) -> HttpResponse:
    form = PracticeForm(request.POST or None, instance=Practice.of_the_centre())
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            record("practice changed", "practice 1", person=request.user, **form.cleaned_data)
        return redirect("practice")
    return render(request, "findings/practice.html", {"form": form, "warnings": calendar_warnings()})


@route(exempt="the public calendars, the same for all", methods="GET POST", act="plan")
def calendars(request: HttpRequest) -> HttpResponse:
    """Every year that is known, with its source; the form takes one more, or changes one."""
    year = request.GET.get("year", "")
    form = CalendarForm(
        request.POST or None, initial=_calendar_initial(int(year)) if year.isdigit() and len(year) == 4 else None
    )
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            record(
                "calendar entered",
                f"calendar {saved.year}",
                person=request.user,
                source=saved.source,
                off=saved.off,
                work=saved.work,
            )
        return redirect("calendars")
    entered = {row.year: row.calendar() for row in CalendarYear.objects.all()}
    known = [(one, one.year in entered) for _, one in sorted({**shipped(), **entered}.items())]
    return render(request, "findings/calendars.html", {"form": form, "known": known, "warnings": calendar_warnings()})


def _calendar_initial(year: int) -> dict[str, Any]:
    from photopeak_centre.findings.working_days import calendar_of

    known = calendar_of(year)
    if known is None:
        return {"year": year}
    off = "\n".join(f"{day.isoformat()} {name}" for day, name in sorted(known.off.items()))
    work = "\n".join(day.isoformat() for day in sorted(known.work))
    return {"year": year, "source": known.source, "off": off, "work": work}


@route(exempt="the centre's own paragraphs", methods="GET POST", act="plan")
def document_texts(request: HttpRequest) -> HttpResponse:
    """The paragraphs that new documents start with; an empty pair goes back to the words that came with the program."""
    kind = request.GET.get("kind", "notice")
    if kind not in DEFAULTS:
        raise Http404
    texts = texts_of(kind)
    form = TextsForm(request.POST or None, texts=texts)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            for place, words in DEFAULTS[kind].items():
                zh, en = (form.cleaned_data[f"{place}_{one}"] for one in ("zh", "en"))
                if (zh, en) in (("", ""), (words.zh, words.en)):
                    TextBlock.objects.filter(kind=kind, place=place).delete()
                else:
                    TextBlock.objects.update_or_create(kind=kind, place=place, defaults={"zh": zh, "en": en})
            record("texts changed", f"texts of {kind}", person=request.user, texts=texts_of(kind))
        return redirect(f"{request.path}?kind={kind}")
    kinds = [(name, in_words(words)) for name, words in TITLES.items()]
    placeholders = [("{" + name + "}", in_words(words)) for name, words in PLACEHOLDERS.items()]
    return render(request, "findings/texts.html", {"form": form, "kind": kind, "kinds": kinds, "placeholders": placeholders})
