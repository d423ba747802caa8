"""A course for everybody, and a participant of each hospital."""

import datetime

from django.utils import timezone

from photopeak_centre.courses.models import Course, Question, Registration, Session
from photopeak_centre.evidence.store import keep

CENTRE_ONLY: set[str] = set()
COMMON = {"course", "session", "question"}


def things_of(organisation, device, result, by, word):
    day = datetime.date(2026, 6, 8)
    course, _ = Course.objects.get_or_create(name_zh="骨密度培训", begins=day, ends=day, state="open")
    session, _ = Session.objects.get_or_create(
        course=course, words="质控", defaults={"begins": timezone.now(), "ends": timezone.now()}
    )
    question, _ = Question.objects.get_or_create(course=course, words="题", choices=["是", "否"], right=[0])
    blob = keep(f"certificate {word}".encode())
    number = 800_000 + Registration.objects.count()
    registration = Registration.objects.create(
        pk=number, course=course, name=f"学员{word}", employer=f"院{word}", organisation=organisation, level="tertiary",
        code=f"CODE{number}"[-12:], certificate=f"C-{number}", issued=day, pdf_zh=blob, pdf_en=blob,
    )  # fmt: skip
    return {"course": course, "session": session, "question": question, "registration": registration}
