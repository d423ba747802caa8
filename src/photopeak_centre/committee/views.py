"""Bodies with their members, meetings with agenda, papers, votes and minutes."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from photopeak_centre.audit.chain import record
from photopeak_centre.committee import deciding
from photopeak_centre.committee.forms import BodyForm, ExpertForm, MeetingForm, PaperForm, PlanForm, TermForm
from photopeak_centre.committee.models import AgendaItem, Body, Expert, Meeting, Motion, Paper, Term, Vote
from photopeak_centre.evidence.store import keep, read
from photopeak_centre.keyset import page_of
from photopeak_centre.routes import getter, route
from photopeak_centre.said import now_said

SIGNS = {"carried": "pass", "lost": "fail"}


def _shared(model: Any, person: Any, id: int, *related: str) -> Any:
    """Of the committee's own things, for whoever may do the act `committee`."""
    if not person.may("committee") or id > 2**62:
        raise Http404
    return get_object_or_404(model.objects.select_related(*related), pk=id)


@getter("body")
def get_body_for(person: Any, id: int) -> Body:
    found: Body = _shared(Body, person, id)
    return found


@getter("meeting")
def get_meeting_for(person: Any, id: int) -> Meeting:
    found: Meeting = _shared(Meeting, person, id, "body")
    return found


@getter("motion")
def get_motion_for(person: Any, id: int) -> Motion:
    found: Motion = _shared(Motion, person, id, "meeting__body")
    return found


@getter("paper")
def get_paper_for(person: Any, id: int) -> Paper:
    found: Paper = _shared(Paper, person, id, "meeting")
    return found


@route(exempt="the committee's meetings belong to no hospital", act="committee")
def meetings(request: HttpRequest) -> HttpResponse:
    today = timezone.localdate()
    bodies = [
        {"body": body, "members": deciding.terms_on(body, today).count()}
        for body in Body.objects.order_by("branch_of_id", "pk").select_related("branch_of")[:200]
    ]
    return render(
        request,
        "committee/list.html",
        {
            "rows": page_of(Meeting.objects.select_related("body"), "held", request, descending=True),
            "bodies": bodies,
            "ending": deciding.terms_ending(90, today)[:50] if request.user.may("keep_committee") else (),
            "keeps": request.user.may("keep_committee"),
        },
    )


@route(exempt="makes a meeting of the committee", methods="GET POST", act="keep_committee")
def meeting_new(request: HttpRequest) -> HttpResponse:
    form = MeetingForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            made = form.save()
            _write_agenda(made, form.cleaned_data["agenda"])
            record("added", f"meeting {made.pk}", person=request.user)
        return redirect("meeting", made.pk)
    title = now_said("Call a meeting", "召集会议")
    return render(request, "form.html", {"form": form, "title": title, "back": "meetings"})


def _write_agenda(meeting: Meeting, text: str) -> None:
    meeting.agenda.all().delete()
    lines = [line.partition("|") for line in text.splitlines() if line.strip()]
    AgendaItem.objects.bulk_create(
        AgendaItem(meeting=meeting, number=n, words=words.strip()[:240], speaker=speaker.strip()[:60])
        for n, (words, _, speaker) in enumerate(lines[:100], 1)
    )


@route("meeting", methods="GET POST", act="keep_committee")
def meeting_edit(request: HttpRequest, shown: Meeting) -> HttpResponse:
    agenda = "\n".join(f"{one.words} | {one.speaker}" if one.speaker else one.words for one in shown.agenda.all())
    form = MeetingForm(request.POST or None, instance=shown, initial={"agenda": agenda})
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                deciding.changeable(shown)
                form.save()
                _write_agenda(shown, form.cleaned_data["agenda"])
                record("changed", f"meeting {shown.pk}", person=request.user)
            return redirect("meeting", shown.pk)
        except deciding.NotAllowed as refused:
            form.add_error(None, str(refused))
    title = now_said("Change the meeting", "修改会议")
    return render(request, "form.html", {"form": form, "title": title, "back": "meetings"})


@route("meeting", act="committee")
def meeting(request: HttpRequest, shown: Meeting) -> HttpResponse:
    own = Expert.objects.filter(account=request.user).first()
    mine = dict(Vote.objects.filter(motion__meeting=shown, expert=own).values_list("motion", "choice")) if own else {}
    terms = list(deciding.terms_on(shown.body, deciding.day_of(shown)))
    present = set(shown.present.values_list("pk", flat=True))
    return render(
        request,
        "committee/page.html",
        {
            "meeting": shown,
            "agenda": shown.agenda.all(),
            "papers": shown.papers.select_related("blob").order_by("pk"),
            "motions": [
                {"motion": one, "mine": mine.get(one.pk), "votes": one.votes.count(), "sign": SIGNS.get(one.outcome, "na")}
                for one in shown.motions.select_related("campaign").order_by("pk")
            ],
            "terms": [{"term": term, "present": term.expert_id in present} for term in terms],
            "present": len(present),
            "votes_here": own is not None and any(term.expert_id == own.pk for term in terms),
            "keeps": request.user.may("keep_committee"),
            "paper_form": PaperForm(),
        },
    )


def _acted(request: HttpRequest, shown: Meeting, act: Any) -> HttpResponse:
    """Do it, or say why not, and return to the meeting."""
    try:
        with transaction.atomic():
            deciding.changeable(shown)
            act()
    except deciding.NotAllowed as refused:
        messages.error(request, str(refused))
    return redirect("meeting", shown.pk)


@route("meeting", methods="POST", act="keep_committee")
def meeting_present(request: HttpRequest, shown: Meeting) -> HttpResponse:
    """Who was there, of the members in office on the day."""

    def act() -> None:
        wanted = {int(text) for text in request.POST.getlist("present") if text.isdecimal() and len(text) < 18}
        members = deciding.members_on(shown.body, deciding.day_of(shown))
        shown.present.set(members.filter(pk__in=wanted))
        record("attendance", f"meeting {shown.pk}", person=request.user, present=shown.present.count())

    return _acted(request, shown, act)


@route("meeting", methods="POST", act="keep_committee")
def meeting_minutes(request: HttpRequest, shown: Meeting) -> HttpResponse:
    """Keep the minutes; with `confirm`, lock the meeting."""

    def act() -> None:
        Meeting.objects.filter(pk=shown.pk).update(minutes=request.POST.get("minutes", "")[:40000])
        if "confirm" in request.POST:
            deciding.confirm_minutes(shown, by=request.user)  # type: ignore[arg-type]

    return _acted(request, shown, act)


@route("meeting", methods="POST", act="keep_committee")
def paper_add(request: HttpRequest, shown: Meeting) -> HttpResponse:
    form = PaperForm(request.POST, request.FILES)

    def act() -> None:
        if not form.is_valid():
            raise deciding.NotAllowed(" ".join(str(error) for errors in form.errors.values() for error in errors))
        blob = keep(form.cleaned_data["file"].read())
        made = Paper.objects.create(meeting=shown, name=form.cleaned_data["name"], blob=blob)
        record("added", f"paper {made.pk}", person=request.user, sha256=blob.pk)

    return _acted(request, shown, act)


@route("paper", act="committee")
def paper(request: HttpRequest, shown: Paper) -> HttpResponse:
    """The file as it was given, always as a download: it comes from outside."""
    content = read(shown.blob_id)
    response = HttpResponse(content, content_type="application/octet-stream")
    ending = ".pdf" if content.startswith(b"%PDF") else ".docx" if content.startswith(b"PK") else ".bin"
    response["Content-Disposition"] = f'attachment; filename="paper-{shown.pk}{ending}"'
    return response


@route("meeting", methods="POST", act="keep_committee")
def motion_add(request: HttpRequest, shown: Meeting) -> HttpResponse:
    def act() -> None:
        words = request.POST.get("words", "").strip()[:400]
        if not words:
            raise deciding.NotAllowed(now_said("Write what is to be decided.", "请填写表决事项。"))
        made = Motion.objects.create(meeting=shown, words=words)
        record("added", f"motion {made.pk}", person=request.user)

    return _acted(request, shown, act)


@route("motion", methods="POST", act="committee")
def motion_vote(request: HttpRequest, shown: Motion) -> HttpResponse:
    own = Expert.objects.filter(account=request.user).first()
    return _acted(request, shown.meeting, lambda: deciding.vote(shown, own, request.POST.get("choice", "")))


@route("motion", methods="POST", act="keep_committee")
def motion_count(request: HttpRequest, shown: Motion) -> HttpResponse:
    return _acted(request, shown.meeting, lambda: deciding.count(shown, by=request.user))  # type: ignore[arg-type]


@route("motion", methods="GET POST", act="keep_committee")
def motion_plan(request: HttpRequest, shown: Motion) -> HttpResponse:
    """A carried motion becomes a planned campaign."""
    form = PlanForm(request.POST or None, initial={"name_zh": shown.words[:120]})
    if request.method == "POST" and form.is_valid():
        try:
            deciding.plan_from(shown, by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
            return redirect("meeting", shown.meeting_id)
        except deciding.NotAllowed as refused:
            form.add_error(None, str(refused))
    title = now_said("Plan a campaign from this decision", "由决议制定检查计划")
    return render(request, "form.html", {"form": form, "title": title, "back": "meetings"})


@route("body", act="committee")
def body(request: HttpRequest, shown: Body) -> HttpResponse:
    today = timezone.localdate()
    return render(
        request,
        "committee/body.html",
        {
            "body": shown,
            "now": deciding.terms_on(shown, today),
            "past": shown.terms.filter(ends__lt=today).select_related("expert").order_by("-ends")[:200],
            "coming": shown.terms.filter(begins__gt=today).select_related("expert").order_by("begins")[:200],
            "branches": shown.branches.order_by("pk"),
            "keeps": request.user.may("keep_committee"),
        },
    )


@route(exempt="makes a body of experts", methods="GET POST", act="keep_committee")
def body_new(request: HttpRequest) -> HttpResponse:
    return _simple(request, BodyForm(request.POST or None), now_said("Found a committee or branch", "新建委员会或分会"), "body")


@route(exempt="enters an expert", methods="GET POST", act="keep_committee")
def expert_new(request: HttpRequest) -> HttpResponse:
    return _simple(request, ExpertForm(request.POST or None), now_said("Enter an expert", "登记专家"), "expert")


def _simple(request: HttpRequest, form: Any, title: str, about: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            made = form.save()
            record("added", f"{about} {made.pk}", person=request.user)
        return redirect("body", made.pk) if about == "body" else redirect("meetings")
    return render(request, "form.html", {"form": form, "title": title, "back": "meetings"})


@route("body", methods="GET POST", act="keep_committee")
def term_new(request: HttpRequest, shown: Body) -> HttpResponse:
    form = TermForm(request.POST or None, instance=Term(body=shown))
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            made = form.save()
            record("added", f"term {made.pk}", person=request.user)
        return redirect("body", shown.pk)
    title = now_said("Appoint to {}", "聘任：{}").format(shown)
    return render(request, "form.html", {"form": form, "title": title, "back": "meetings"})
