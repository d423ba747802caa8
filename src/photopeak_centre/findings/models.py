"""Findings with their acts, and the documents that are sent."""

from __future__ import annotations

import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from photopeak.finding import STATES as STATE_WORDS
from photopeak.words import Words
from photopeak_centre.campaigns.models import Campaign, Visit
from photopeak_centre.checks.models import Result
from photopeak_centre.devices.models import Device
from photopeak_centre.evidence.models import Blob
from photopeak_centre.findings.working_days import Calendar
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.said import said
from photopeak_centre.tenancy import Owned, OwnedQuerySet

SOURCES = (
    ("test", said("phantom test", "体模检测")),
    ("visit", said("site visit", "现场检查")),
    ("eqa", said("external quality assessment", "室间质评")),
    ("report", said("report review", "报告评审")),
    ("therapy", said("therapy records", "治疗记录")),
)
STATES = tuple((state, said(words.en, words.zh)) for state, words in STATE_WORDS.items())


class Findings(OwnedQuerySet):
    def visible_to(self, person: Any) -> OwnedQuerySet:
        """A hospital sees a finding once it has been notified of it; before that it is the centre's own draft of an opinion."""
        mine = super().visible_to(person)
        if person.reach == "all":
            return mine
        return mine.filter(models.Exists(Act.objects.filter(finding=models.OuterRef("pk"), act="notify")))


class Documents(OwnedQuerySet):
    def visible_to(self, person: Any) -> OwnedQuerySet:
        """A hospital sees its documents once they are issued."""
        mine = super().visible_to(person)
        return mine if person.reach == "all" else mine.exclude(number="")


class Finding(models.Model):
    """What is wrong at one subject by one procedure. `state` moves only by `findings.life.act`, along photopeak.finding's table.

    `verdicts`: the failing verdicts as they were judged, frozen: a list of {"outcome", "name": {"en", "zh"}, "quantity", "where",
    "value", "unit", "uncertainty" (k = 1), "criterion": {as in a result's document, with standard, edition, clause}, "judgement": id or
    null}. A notice needs at least one with its criterion.
    """

    OWNER: ClassVar[str | None] = "organisation"
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="findings")
    device = models.ForeignKey(Device, null=True, on_delete=models.SET_NULL, related_name="findings")
    campaign = models.ForeignKey(Campaign, null=True, on_delete=models.SET_NULL, related_name="findings")
    visit = models.ForeignKey(Visit, null=True, on_delete=models.SET_NULL, related_name="findings")
    result = models.ForeignKey(Result, null=True, on_delete=models.SET_NULL, related_name="findings")
    source = models.CharField(max_length=8, choices=SOURCES)
    procedure = models.CharField(max_length=80)  # the procedure, checklist or scheme a re-inspection must repeat
    words_en, words_zh = models.TextField(), models.TextField()
    verdicts = models.JSONField(default=list)
    state = models.CharField(max_length=12, default="raised", choices=STATES)
    raised = models.DateTimeField()
    due = models.DateField(null=True)  # of the answer, then of the re-inspection
    closed = models.DateTimeField(null=True)
    objects = models.Manager.from_queryset(Findings)()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["result"], condition=models.Q(result__isnull=False), name="one_finding_per_result"),
        )
        indexes = (
            models.Index(fields=["organisation", "-raised"]),
            models.Index(fields=["-raised", "-id"]),
            models.Index(fields=["state", "due"]),
        )

    @property
    def words(self) -> Words:
        return Words(self.words_en, self.words_zh)


class Document(models.Model):
    """A numbered paper as it was sent: its content is frozen when it is issued, its files are made from that content."""

    OWNER: ClassVar[str | None] = "organisation"
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="documents")
    kind = models.CharField(
        max_length=24,
        choices=(
            ("site_record", said("record of site inspection", "现场检查记录")),
            ("notice", said("rectification notice", "质控整改通知书")),
            ("reinspection_opinion", said("opinion on re-inspection", "整改复查意见书")),
            ("feedback_letter", said("letter to the hospital", "质控反馈函")),
            ("certificate", said("certificate", "证书")),
        ),
    )
    finding = models.ForeignKey(Finding, null=True, on_delete=models.PROTECT, related_name="documents")
    number = models.CharField(max_length=40, blank=True)  # 沪核质控〔2026〕12号; empty until issued
    content = models.JSONField(default=dict)
    issued = models.DateField(null=True)
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    pdf_zh = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    pdf_en = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    docx_zh = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    docx_en = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    made = models.DateTimeField(auto_now_add=True)
    objects = models.Manager.from_queryset(Documents)()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["number"], condition=~models.Q(number=""), name="one_document_per_number"),
        )
        indexes = (models.Index(fields=["organisation", "-made"]), models.Index(fields=["-made", "-id"]))

    @property
    def is_issued(self) -> bool:
        return bool(self.number)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._is_still_a_draft()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        self._is_still_a_draft()
        return super().delete(*args, **kwargs)

    def _is_still_a_draft(self) -> None:
        if self.pk and Document.objects.filter(pk=self.pk).exclude(number="").exists():
            raise TypeError("an issued document is never changed")


class Act(models.Model):
    """One step of a finding's life: who, when, from which state to which. Never changed."""

    OWNER: ClassVar[str | None] = "finding__organisation"
    finding = models.ForeignKey(Finding, on_delete=models.CASCADE, related_name="acts")
    act = models.CharField(max_length=16)
    before, after = models.CharField(max_length=12), models.CharField(max_length=12)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    words = models.TextField(blank=True)
    detail = models.JSONField(
        default=dict
    )  # of a response: cause, measure, person, date; of a re-inspection: the verdicts after
    document = models.ForeignKey(Document, null=True, on_delete=models.PROTECT, related_name="acts")
    result = models.ForeignKey(Result, null=True, on_delete=models.SET_NULL, related_name="+")
    objects = Owned()

    class Meta:
        indexes = (models.Index(fields=["finding", "at"]),)


class Attachment(models.Model):
    """A file that came with a response: a repair slip, a photograph. Images of phantoms take the road of all evidence instead."""

    OWNER: ClassVar[str | None] = "act__finding__organisation"
    act = models.ForeignKey(Act, on_delete=models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=160)
    kind = models.CharField(max_length=8)  # PDF, JPG, PNG, DOCX, XLSX
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    objects = Owned()


class CalendarYear(models.Model):
    """The days off and the make-up workdays of one year as the centre has entered them; it takes the place of a shipped year."""

    year = models.PositiveSmallIntegerField(unique=True)
    source = models.TextField()
    off = models.JSONField(default=dict, blank=True)  # {"2026-01-01": "元旦"}
    work = models.JSONField(default=list, blank=True)  # ["2026-01-04"]

    def calendar(self) -> Calendar:
        return Calendar(
            year=self.year,
            source=self.source,
            off={datetime.date.fromisoformat(day): name for day, name in self.off.items()},
            work=frozenset(map(datetime.date.fromisoformat, self.work)),
        )


class Practice(models.Model):
    """How this centre does it: periods in working days, how papers are numbered, who gets copies. One row."""

    days_to_respond = models.PositiveSmallIntegerField(default=30)
    days_to_appeal = models.PositiveSmallIntegerField(default=10)  # from receipt
    days_to_answer_appeal = models.PositiveSmallIntegerField(default=10)
    days_to_reinspect = models.PositiveSmallIntegerField(default=20)  # from the response
    number_prefix = models.CharField(max_length=20, default="核质控")
    copies_zh, copies_en = models.CharField(max_length=200, blank=True), models.CharField(max_length=300, blank=True)

    @classmethod
    def of_the_centre(cls) -> Practice:
        return cls.objects.filter(pk=1).first() or cls(pk=1)


class NumberSeries(models.Model):
    """The last number given out in one year under one prefix; locked by whoever takes the next."""

    prefix, year = models.CharField(max_length=24), models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["prefix", "year"], name="one_series_per_year"),)


class TextBlock(models.Model):
    """A paragraph of a kind of document as the centre words it: plain text with placeholders from a fixed list, never evaluated."""

    kind, place = models.CharField(max_length=24), models.CharField(max_length=24)
    zh, en = models.TextField(blank=True), models.TextField(blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["kind", "place"], name="one_text_per_place"),)
