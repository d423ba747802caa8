"""Registering, attending, being examined, earning credits: the rules of a course."""

from __future__ import annotations

import datetime
import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import timezone

from photopeak_centre.audit.chain import record
from photopeak_centre.courses.models import Attendance, Course, Registration, Session, Sitting
from photopeak_centre.evidence.store import keep
from photopeak_centre.said import now_said

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing that is read as something else
CODE_LENGTH = 8
TOKEN_LIVES_S = 180  #: a photograph of the code sent to somebody outside is too late
DOORS = datetime.timedelta(minutes=30)  #: attendance is taken from this long before a session to this long after
MOST_SITTINGS = 2


class NotTaken(Exception):
    """What cannot be done, in a sentence for the participant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a participant has done, and whether it earns the credits. `percent`: the best sitting, None without one."""

    attended: int
    sessions: int
    percent: float | None
    examined: bool
    earned: bool


def invitation(course: Course) -> str:
    """The key of the course's registration page."""
    return signing.dumps(course.pk, salt="course invitation")


def invited(key: str) -> Course | None:
    """The course of a registration key while it is open."""
    try:
        pk = signing.loads(key, salt="course invitation")
    except signing.BadSignature:
        return None
    return Course.objects.filter(pk=pk, state="open").first()


@transaction.atomic
def register(course: Course, **about: Any) -> Registration:
    """A new participant with a code of their own. `about`: name, employer, level, title, organisation."""
    course = Course.objects.select_for_update().get(pk=course.pk)
    if course.state != "open":
        raise NotTaken(now_said("Registration for this course is not open.", "该课程未开放报名。"))
    going = course.registrations.filter(cancelled=None)
    if going.filter(name=about["name"], employer=about["employer"]).exists():
        raise NotTaken(now_said("This person is already registered.", "该学员已报名。"))
    if going.count() >= course.capacity:
        raise NotTaken(now_said("The course is full.", "课程名额已满。"))
    for _ in range(20):
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        try:
            with transaction.atomic():
                return Registration.objects.create(course=course, code=code, **about)
        except IntegrityError:
            continue
    raise NotTaken(now_said("No code could be made; try again.", "未能生成学员码，请重试。"))


def participant(code: str) -> Registration | None:
    """Whose code this is; spaces and case do not matter."""
    plain = "".join(code.split()).upper()
    return Registration.objects.filter(code=plain, cancelled=None).select_related("course").first() if plain else None


def attendance_token(session: Session) -> str:
    """What the QR code at the door says; it lives for three minutes."""
    return signing.TimestampSigner(salt="attendance").sign(str(session.pk))


def attend(token: str, code: str, *, now: datetime.datetime | None = None) -> Attendance:
    """Enter a participant as present by the code shown at the door."""
    try:
        pk = signing.TimestampSigner(salt="attendance").unsign(token, max_age=TOKEN_LIVES_S)
    except signing.SignatureExpired:
        raise NotTaken(
            now_said("This code has expired; scan the one on the screen now.", "二维码已失效，请扫描屏幕上当前的二维码。")
        ) from None
    except signing.BadSignature:
        raise NotTaken(now_said("This is not an attendance code.", "这不是签到二维码。")) from None
    session = Session.objects.filter(pk=pk).first()
    found = participant(code)
    if session is None or found is None or found.course_id != session.course_id:
        raise NotTaken(now_said("This participant code is not of this course.", "学员码不属于本课程。"))
    at = now or timezone.now()
    if not session.begins - DOORS <= at <= session.ends + DOORS:
        raise NotTaken(now_said("Attendance of this session is not being taken now.", "当前不在该课时的签到时间内。"))
    return present(found, session, at=at)


def present(registration: Registration, session: Session, *, at: datetime.datetime, by_hand: bool = False) -> Attendance:
    entered, _ = Attendance.objects.get_or_create(
        registration=registration, session=session, defaults={"at": at, "by_hand": by_hand}
    )
    return entered


def examination_open(course: Course, now: datetime.datetime | None = None) -> bool:
    """From the beginning of the last session until the course is finished, where there are questions."""
    last = course.sessions.order_by("-begins").first()
    return course.state == "open" and course.questions.exists() and last is not None and (now or timezone.now()) >= last.begins


@transaction.atomic
def examine(registration: Registration, answers: dict[int, list[int]], *, now: datetime.datetime | None = None) -> Sitting:
    """Score one attempt. `answers`: numbers of the chosen answers by question; a question counts when exactly the right ones are."""
    registration = Registration.objects.select_for_update(of=("self",)).select_related("course").get(pk=registration.pk)
    if not examination_open(registration.course, now):
        raise NotTaken(now_said("The examination is not open.", "考试未开放。"))
    if registration.sittings.count() >= MOST_SITTINGS:
        raise NotTaken(now_said("Both attempts have been used.", "两次考试机会已用完。"))
    questions = list(registration.course.questions.all())
    right = sum(sorted(set(answers.get(one.pk, []))) == sorted(one.right) for one in questions)
    asked = [
        {"question": one.pk, "words": one.words, "right": one.right, "chosen": sorted(set(answers.get(one.pk, [])))}
        for one in questions
    ]
    percent = 100 * right / len(questions)
    return Sitting.objects.create(registration=registration, answers=asked, percent=percent, at=now or timezone.now())


def standing(registration: Registration) -> Standing:
    """Attendance and the best sitting against what the course asks."""
    course = registration.course
    attended, sessions = registration.attendances.count(), course.sessions.count()
    percent = max((sitting.percent for sitting in registration.sittings.all()), default=None)
    examined = course.questions.exists()
    enough = sessions > 0 and 100 * attended >= course.attendance_percent * sessions
    passed = not examined or (percent is not None and percent >= course.pass_percent)
    return Standing(attended=attended, sessions=sessions, percent=percent, examined=examined, earned=enough and passed)


def certified(registration: Registration) -> dict[str, Any]:
    """What a certificate says, and is hashed."""
    course = registration.course
    return {
        "number": registration.certificate,
        "name": registration.name,
        "employer": registration.employer,
        "course": {"zh": course.name_zh, "en": course.name_en or course.name_zh},
        "project": course.project,
        "begins": str(course.begins),
        "ends": str(course.ends),
        "credits": str(course.credits),
        "issued": str(registration.issued),
    }


def hash_of(registration: Registration) -> str:
    """The hash printed on a certificate: of its words, so that whoever holds it can have it checked."""
    text = json.dumps(certified(registration), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def issue_certificates(course: Course, *, by: Any, address: str, on: datetime.date | None = None) -> int:
    """Number and typeset the certificates of all who earned the credits and have none; how many were made.

    `address`: of the page that checks certificates. Numbers of a course run without gaps.
    """
    from photopeak_centre.courses.certificate import certificate_pdf

    course = Course.objects.select_for_update().get(pk=course.pk)
    if course.state != "closed":
        raise NotTaken(
            now_said("Finish the course first; then nothing of it changes any more.", "请先结束课程，之后课程内容不再变动。")
        )
    last = course.registrations.exclude(certificate="").count()
    waiting = course.registrations.filter(cancelled=None, certificate="").select_related("course").order_by("pk")
    earned = [one for one in waiting.prefetch_related("attendances", "sittings") if standing(one).earned]
    for n, one in enumerate(earned, last + 1):
        one.certificate, one.issued = f"{course.begins.year}-{course.pk:04}-{n:04}", on or timezone.localdate()
        digest = hash_of(one)
        one.pdf_zh = keep(certificate_pdf(certified(one), digest, address, "zh"))
        one.pdf_en = keep(certificate_pdf(certified(one), digest, address, "en"))
        one.save()
    if earned:
        record("certificates issued", f"course {course.pk}", person=by, certificates=len(earned))
    return len(earned)


def check_certificate(number: str, digest: str) -> Registration | None:
    """The certificate with that number if its words still have that hash; at least twelve characters of it must be given."""
    given = "".join(digest.split()).lower()
    found = Registration.objects.exclude(certificate="").filter(certificate=number.strip()).select_related("course").first()
    return found if found is not None and len(given) >= 12 and hash_of(found).startswith(given) else None
