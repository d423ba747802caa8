"""The committee's things: one of each, nobody's in particular."""

import datetime
from types import SimpleNamespace

from django.utils import timezone

from photopeak_centre.committee.models import AgendaItem, Body, Expert, Meeting, Motion, Paper, Term
from photopeak_centre.evidence.store import keep

CENTRE_ONLY: set[str] = set()
COMMON = {"body", "meeting", "motion", "paper"}


def things_of(organisation, device, result, by, word):
    body, _ = Body.objects.get_or_create(name_zh="专家委员会")
    today = timezone.localdate()
    expert, _ = Expert.objects.get_or_create(name_zh="程砚", employer="岚溪医院")
    Term.objects.get_or_create(
        body=body, expert=expert, begins=today.replace(month=1, day=1), ends=today + datetime.timedelta(days=30)
    )
    meeting, _ = Meeting.objects.get_or_create(body=body, name_zh="会议", defaults={"held": timezone.now()})
    AgendaItem.objects.get_or_create(meeting=meeting, number=1, words="报告")
    motion, _ = Motion.objects.get_or_create(meeting=meeting, words="通过报告")
    paper, _ = Paper.objects.get_or_create(meeting=meeting, name="材料", blob=keep(b"%PDF-1.7 paper"))
    return vars(SimpleNamespace(body=body, meeting=meeting, motion=motion, paper=paper))
