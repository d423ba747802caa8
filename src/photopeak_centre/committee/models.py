"""The expert committee and its branches: experts, terms of office, meetings, agenda, papers, motions and votes.

Nothing here belongs to a hospital; who may do the act `committee` sees it.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from photopeak.words import Words
from photopeak_centre.campaigns.models import Campaign
from photopeak_centre.evidence.models import Blob
from photopeak_centre.said import in_words, language, said
from photopeak_centre.tenancy import Owned

OFFICES = (
    ("chair", said("chair", "主任委员")),
    ("vice_chair", said("vice-chair", "副主任委员")),
    ("secretary", said("secretary", "秘书")),
    ("member", said("member", "委员")),
)


class Body(models.Model):
    """The centre's expert committee, or a district's committee as a branch of it."""

    OWNER: ClassVar[str | None] = None
    name_en, name_zh = models.CharField(max_length=160, blank=True), models.CharField(max_length=120)
    branch_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="branches")
    founded = models.DateField(null=True, blank=True)
    objects = Owned()

    def __str__(self) -> str:
        return in_words(Words(self.name_en or self.name_zh, self.name_zh))


class Expert(models.Model):
    """A person of the field. `account`: their sign-in, where they have one."""

    OWNER: ClassVar[str | None] = None
    name_en, name_zh = models.CharField(max_length=80, blank=True), models.CharField(max_length=60)
    employer = models.CharField(max_length=120)
    specialty = models.CharField(max_length=80, blank=True)
    account = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="expert"
    )
    objects = Owned()

    def __str__(self) -> str:
        return (self.name_en if language() == "en" else "") or self.name_zh


class Term(models.Model):
    """An expert's office in a body, from a day to a day (both included)."""

    OWNER: ClassVar[str | None] = None
    body = models.ForeignKey(Body, on_delete=models.CASCADE, related_name="terms")
    expert = models.ForeignKey(Expert, on_delete=models.PROTECT, related_name="terms")
    office = models.CharField(max_length=12, choices=OFFICES, default="member")
    begins, ends = models.DateField(), models.DateField()
    certificate = models.CharField(max_length=40, blank=True)  # number of the letter of appointment, empty until issued
    objects = Owned()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(ends__gte=models.F("begins")), name="term_ends_after_it_begins"),
            models.UniqueConstraint(fields=["body", "expert", "begins"], name="one_term"),
        )


class Meeting(models.Model):
    """A meeting. Confirming the minutes locks agenda, attendance and votes."""

    OWNER: ClassVar[str | None] = None
    body = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="meetings")
    name_en, name_zh = models.CharField(max_length=160, blank=True), models.CharField(max_length=120)
    held = models.DateTimeField()
    place = models.CharField(max_length=120, blank=True)
    minutes = models.TextField(blank=True)
    confirmed = models.DateTimeField(null=True)
    present = models.ManyToManyField(Expert, related_name="attended", blank=True)
    objects = Owned()

    class Meta:
        indexes = (models.Index(fields=["-held", "-id"]),)

    def __str__(self) -> str:
        return in_words(Words(self.name_en or self.name_zh, self.name_zh))


class AgendaItem(models.Model):
    """A point of the agenda, in its order."""

    OWNER: ClassVar[str | None] = None
    meeting = models.ForeignKey(Meeting, on_delete=models.CASCADE, related_name="agenda")
    number = models.PositiveSmallIntegerField()
    words = models.CharField(max_length=240)
    speaker = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=["meeting", "number"], name="one_agenda_item"),)


class Paper(models.Model):
    """A paper before the meeting: a stored file with its checksum (a half-year report is one)."""

    OWNER: ClassVar[str | None] = None
    meeting = models.ForeignKey(Meeting, on_delete=models.CASCADE, related_name="papers")
    name = models.CharField(max_length=160)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT)
    added = models.DateTimeField(auto_now_add=True)
    objects = Owned()


class Motion(models.Model):
    """Something to be decided. `closed`: the moment of the count; a decision may become a planned campaign."""

    OWNER: ClassVar[str | None] = None
    meeting = models.ForeignKey(Meeting, on_delete=models.CASCADE, related_name="motions")
    words = models.CharField(max_length=400)
    closed = models.DateTimeField(null=True)
    yes, no, abstained, entitled = (models.PositiveSmallIntegerField(null=True) for _ in range(4))
    outcome = models.CharField(
        max_length=10,
        blank=True,
        choices=(
            ("carried", said("carried", "通过")),
            ("lost", said("not carried", "未通过")),
            ("no_quorum", said("no quorum", "未达法定人数")),
        ),
    )
    campaign = models.ForeignKey(Campaign, null=True, on_delete=models.SET_NULL, related_name="decisions")
    objects = Owned()


class Vote(models.Model):
    """One member's vote on one motion; it can be changed until the motion is closed."""

    OWNER: ClassVar[str | None] = None
    motion = models.ForeignKey(Motion, on_delete=models.CASCADE, related_name="votes")
    expert = models.ForeignKey(Expert, on_delete=models.PROTECT)
    choice = models.CharField(
        max_length=8,
        choices=(("yes", said("for", "赞成")), ("no", said("against", "反对")), ("abstain", said("abstention", "弃权"))),
    )
    at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["motion", "expert"], name="one_vote"),)
