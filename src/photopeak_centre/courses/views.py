"""Courses: list, page, programme, registrations, the code at the door, examination, certificates."""

from __future__ import annotations

import io
from typing import Any

import xlsxwriter
from django.contrib import messages
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from photopeak.present.quick_response import quick_response
from photopeak_centre.accounts import throttle
from photopeak_centre.audit.chain import record
from photopeak_centre.courses import taking
from photopeak_centre.courses.forms import CourseForm, JoinForm, QuestionForm, SessionForm
from photopeak_centre.courses.models import Course, Question, Registration, Session
from photopeak_centre.evidence.store import read
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.keyset import page_of
from photopeak_centre.routes import getter, route
from photopeak_centre.said import language, now_said
from photopeak_centre.tenancy import get_for


@getter("course")
def get_course_for(person: Any, id: int) -> Course:
    """A course is everybody's who signs in."""
    if id > 2**62:
        raise Http404
    return get_object_or_404(Course, pk=id)


@getter("session")
def get_session_for(person: Any, id: int) -> Session:
    if id > 2**62:
        raise Http404
    return get_object_or_404(Session.objects.select_related("course"), pk=id)


@getter("question")
def get_question_for(person: Any, id: int) -> Question:
    if id > 2**62:
        raise Http404
    return get_object_or_404(Question.objects.select_related("course"), pk=id)


@getter("registration")
def get_registration_for(person: Any, id: int) -> Registration:
    found: Registration = get_for(Registration, person, id, "course")
    return found


@route(exempt="courses belong to no hospital")
def courses(request: HttpRequest) -> HttpResponse:
    shown = Course.objects.annotate(n=Count("registrations"))
    if not request.user.may("teach"):  # type: ignore[union-attr]
        shown = shown.exclude(state="planned")
    return render(request, "courses/list.html", {"rows": page_of(shown, "begins", request, descending=True)})


@route(exempt="makes a course", methods="GET POST", act="teach")
def course_new(request: HttpRequest) -> HttpResponse:
    return _edited(request, CourseForm(request.POST or None), now_said("Plan a course", "新建课程"))


@route("course", methods="GET POST", act="teach")
def course_edit(request: HttpRequest, shown: Course) -> HttpResponse:
    if shown.state == "closed":
        messages.error(request, now_said("A finished course is not changed any more.", "课程已结束，不能再修改。"))
        return redirect("course", shown.pk)
    return _edited(request, CourseForm(request.POST or None, instance=shown), now_said("Change the course", "修改课程"))


def _edited(request: HttpRequest, form: CourseForm, title: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            made = form.save()
            record("kept", f"course {made.pk}", person=request.user)
        return redirect("course", made.pk)
    return render(request, "form.html", {"form": form, "title": title, "back": "courses"})


@route("course")
def course(request: HttpRequest, shown: Course) -> HttpResponse:
    """The programme for everybody; participants for the centre, and a hospital's own for the hospital."""
    teaches = request.user.may("teach")  # type: ignore[union-attr]
    seen = Registration.objects.visible_to(request.user).filter(course=shown)
    people = seen.prefetch_related("attendances", "sittings").order_by("-pk")
    key = taking.invitation(shown) if teaches and shown.state == "open" else ""
    invitation = request.build_absolute_uri(f"{reverse('course_join')}?{urlencode({'course': key})}") if key else ""
    counts = shown.sessions.annotate(n=Count("attendances")) if teaches else shown.sessions.all()
    shown_people = list(people[:500])
    for one in shown_people:
        one.course = shown
    return render(
        request,
        "courses/page.html",
        {
            "course": shown,
            "sessions": counts,
            "people": [{"one": one, "standing": taking.standing(one)} for one in shown_people],
            "going": seen.filter(cancelled=None).count(),
            "levels": _by_level(seen),
            "teaches": teaches,
            "invitation": invitation,
            "invitation_code": quick_response(invitation) if invitation else "",
            "questions": shown.questions.all() if teaches else (),
            "question_form": QuestionForm(),
            "editable": teaches and shown.state != "closed",
        },
    )


def _by_level(seen: Any) -> list[tuple[str, int]]:
    names = dict(Registration._meta.get_field("level").choices or ())
    counted = seen.filter(cancelled=None).values("level").annotate(n=Count("pk")).order_by("-n")
    return [(str(names[row["level"]]), row["n"]) for row in counted]


STATES = {"open": ("planned",), "closed": ("open",)}


@route("course", methods="POST", act="teach")
def course_state(request: HttpRequest, shown: Course) -> HttpResponse:
    """Open the registration, or finish the course."""
    wanted = request.POST.get("state", "")
    with transaction.atomic():
        if Course.objects.filter(pk=shown.pk, state__in=STATES.get(wanted, ())).update(state=wanted):
            record(wanted, f"course {shown.pk}", person=request.user)
    return redirect("course", shown.pk)


@route("course", methods="GET POST", act="teach")
def session_new(request: HttpRequest, shown: Course) -> HttpResponse:
    form = SessionForm(request.POST or None, instance=Session(course=shown))
    if request.method == "POST" and form.is_valid() and shown.state != "closed":
        with transaction.atomic():
            made = form.save()
            record("added", f"session {made.pk}", person=request.user)
        return redirect("course", shown.pk)
    return render(request, "form.html", {"form": form, "title": now_said("Add a session", "添加课时"), "back": "courses"})


@route("course", methods="POST", act="teach")
def question_new(request: HttpRequest, shown: Course) -> HttpResponse:
    form = QuestionForm(request.POST)
    if shown.state == "closed" or shown.registrations.filter(sittings__isnull=False).exists():
        messages.error(request, now_said("The examination has begun; its questions stand.", "考试已开始，题目不能再改。"))
    elif form.is_valid():
        form.question(shown).save()
    else:
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect("course", shown.pk)


@route("question", methods="POST", act="teach")
def question_remove(request: HttpRequest, shown: Question) -> HttpResponse:
    if shown.course.registrations.filter(sittings__isnull=False).exists():
        messages.error(request, now_said("The examination has begun; its questions stand.", "考试已开始，题目不能再改。"))
    else:
        shown.delete()
    return redirect("course", shown.course_id)


@route("session", act="teach")
def session_door(request: HttpRequest, shown: Session) -> HttpResponse:
    """The code on the screen at the door; the page renews itself before the code expires."""
    place = f"{reverse('course_attend')}?{urlencode({'t': taking.attendance_token(shown)})}"
    context = {
        "session": shown,
        "code": quick_response(request.build_absolute_uri(place)),
        "here": shown.attendances.count(),
        "renew_s": taking.TOKEN_LIVES_S // 3,
    }
    return render(request, "courses/door.html", context)


@route("session", methods="POST", act="teach")
def session_by_hand(request: HttpRequest, shown: Session) -> HttpResponse:
    """Enter participants by their codes, for who has no phone."""
    missing = []
    if shown.course.state == "closed":
        messages.error(request, now_said("A finished course is not changed any more.", "课程已结束，不能再修改。"))
        return redirect("course", shown.course_id)
    for code in request.POST.get("codes", "").split()[:500]:
        found = taking.participant(code)
        if found is None or found.course_id != shown.course_id:
            missing.append(code[:12])
        else:
            taking.present(found, shown, at=timezone.now(), by_hand=True)
    record("attendance by hand", f"session {shown.pk}", person=request.user)
    if missing:
        said = now_said("Not of this course: {}", "以下学员码不属于本课程：{}")
        messages.error(request, said.format(now_said(", ", "、").join(missing[:20])))
    return redirect("course", shown.course_id)


@route("registration", methods="POST", act="teach")
def registration_cancel(request: HttpRequest, shown: Registration) -> HttpResponse:
    with transaction.atomic():
        changed = Registration.objects.filter(pk=shown.pk, cancelled=None, certificate="").update(cancelled=timezone.now())
        if changed:
            record("cancelled", f"registration {shown.pk}", person=request.user)
    return redirect("course", shown.course_id)


@route("registration", act="see")
def registration_certificate(request: HttpRequest, shown: Registration) -> HttpResponse:
    blob = shown.pdf_en_id if language() == "en" else shown.pdf_zh_id
    if blob is None:
        raise Http404
    response = HttpResponse(read(blob), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{shown.certificate}.pdf"'
    return response


@route("course", methods="POST", act="teach")
def course_certificates(request: HttpRequest, shown: Course) -> HttpResponse:
    try:
        taking.issue_certificates(shown, by=request.user, address=request.build_absolute_uri(reverse("certificate_check")))
    except taking.NotTaken as refused:
        messages.error(request, str(refused))
    return redirect("course", shown.pk)


@route("course", act="teach")
def course_export(request: HttpRequest, shown: Course) -> HttpResponse:
    """Participants with attendance, score and certificate as a workbook; every text is written as a text."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet("participants")
    heads = (
        now_said("name", "姓名"), now_said("employer", "工作单位"), now_said("kind", "机构类别"), now_said("title", "职称"),
        now_said("attended", "出勤课时"), now_said("sessions", "总课时"), now_said("score, %", "成绩，%"), now_said("certificate", "证书编号"),
    )  # fmt: skip
    sheet.write_row(0, 0, heads, book.add_format({"bold": True}))
    people = shown.registrations.filter(cancelled=None).prefetch_related("attendances", "sittings").order_by("pk")
    for line, one in enumerate(people, 1):
        one.course = shown
        reached = taking.standing(one)
        for column, text in enumerate((one.name, one.employer, str(one.get_level_display()), one.title)):
            sheet.write_string(line, column, text)
        sheet.write_number(line, 4, reached.attended)
        sheet.write_number(line, 5, reached.sessions)
        if reached.percent is not None:
            sheet.write_number(line, 6, round(reached.percent, 1))
        sheet.write_string(line, 7, one.certificate)
    sheet.autofit()
    book.close()
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    response = HttpResponse(stream.getvalue(), content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="course-{shown.pk}.xlsx"'
    return response


def _place(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


@route(exempt="who registers is not known yet; the key names an open course and nothing else", methods="GET POST", public=True)
def course_join(request: HttpRequest) -> HttpResponse:
    """Register for an open course; the participant's code is shown once."""
    shown = taking.invited(request.GET.get("course", ""))
    if shown is None:
        return render(
            request,
            "courses/said.html",
            {"refused": now_said("This registration is not open.", "该报名链接无效或报名未开放。")},
        )
    form, made = JoinForm(request.POST or None), None
    if request.method == "POST" and form.is_valid():
        try:
            about = dict(form.cleaned_data)
            about["organisation"] = Organisation.objects.filter(name_zh=about["employer"], merged_into=None).first()
            made = taking.register(shown, **about)
        except taking.NotTaken as refused:
            form.add_error(None, str(refused))
    return render(request, "courses/join.html", {"course": shown, "form": form, "made": made, "sessions": shown.sessions.all()})


@route(exempt="a participant is known by the code given here", methods="GET POST", public=True)
def course_attend(request: HttpRequest) -> HttpResponse:
    """What the code at the door opens on a participant's phone."""
    token, code = request.GET.get("t", ""), request.POST.get("code", "")[:40]
    refused, done = "", None
    if request.method == "POST":
        if throttle.refused("participant", _place(request)):
            refused = now_said("Too many attempts. Try again in 15 minutes.", "尝试次数过多，请 15 分钟后再试。")
        else:
            try:
                done = taking.attend(token, code)
            except taking.NotTaken as why:
                refused = str(why)
                throttle.failed(f"participant {_place(request)}", _place(request))
    return render(request, "courses/attend.html", {"refused": refused, "done": done, "token": token})


@route(exempt="a participant is known by the code given here", methods="GET POST", public=True)
def course_examination(request: HttpRequest) -> HttpResponse:
    """The code first, then the questions, then the score."""
    code, refused, found, sitting = request.POST.get("code", "")[:40], "", None, None
    if request.method == "POST":
        if throttle.refused("examined", _place(request)):
            refused = now_said("Too many attempts. Try again in 15 minutes.", "尝试次数过多，请 15 分钟后再试。")
        else:
            found = taking.participant(code)
            if found is None:
                throttle.failed(f"examined {_place(request)}", _place(request))
                refused = now_said("No participant has this code.", "没有对应的学员，请核对学员码。")
    if found is not None:
        try:
            if "answered" in request.POST:
                sitting = taking.examine(found, _answers(request))
            elif not taking.examination_open(found.course) or found.sittings.count() >= taking.MOST_SITTINGS:
                refused = now_said(
                    "The examination is not open, or both attempts have been used.", "考试未开放，或两次考试机会已用完。"
                )
        except taking.NotTaken as why:
            refused = str(why)
    asked = (
        []
        if refused or sitting or found is None
        else [(one, list(enumerate(one.choices))) for one in found.course.questions.all()]
    )
    context = {"refused": refused, "found": found, "questions": asked, "sitting": sitting, "code": code}
    return render(request, "courses/examination.html", context)


def _answers(request: HttpRequest) -> dict[int, list[int]]:
    given: dict[int, list[int]] = {}
    for name in list(request.POST)[:500]:
        if name.startswith("q") and name[1:].isdecimal() and len(name) < 18:
            given[int(name[1:])] = [int(text) for text in request.POST.getlist(name)[:8] if text.isdecimal() and len(text) < 3]
    return given


@route(exempt="anybody who holds a certificate may have it checked", public=True)
def certificate_check(request: HttpRequest) -> HttpResponse:
    """Whether a certificate's number and hash belong together; the name is shown only then."""
    number, digest = request.GET.get("number", "")[:40], request.GET.get("hash", "")[:80]
    found, refused = None, ""
    if number:
        if throttle.refused("checks", _place(request)):
            refused = now_said("Too many attempts. Try again in 15 minutes.", "尝试次数过多，请 15 分钟后再试。")
        else:
            found = taking.check_certificate(number, digest)
            if found is None:
                throttle.failed(f"checks {_place(request)}", _place(request))
                refused = now_said(
                    "Number and hash do not belong to a certificate of this centre.", "编号与核验码不符，不是本中心签发的证书。"
                )
    return render(request, "courses/check.html", {"found": found, "refused": refused, "number": number, "hash": digest})
