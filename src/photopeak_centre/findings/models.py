"""Findings with their acts, and the documents that are sent."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from photopeak.words import Words
from photopeak_centre.campaigns.models import Campaign, Visit
from photopeak_centre.checks.models import Result
from photopeak_centre.devices.models import Device
from photopeak_centre.evidence.models import Blob
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.said import said
from photopeak_centre.tenancy import Owned

SOURCES = (
    ("test", said("phantom test", "体模检测")),
    ("visit", said("site visit", "现场检查")),
    ("eqa", said("external quality assessment", "室间质评")),
    ("report", said("report review", "报告评审")),
    ("therapy", said("therapy records", "治疗记录")),
)
STATES = (
    ("raised", said("raised", "已提出")),
    ("withdrawn", said("withdrawn", "已撤销")),
    ("notified", said("notified", "已通知")),
    ("received", said("received", "已签收")),
    ("appealed", said("objected to", "申诉中")),
    ("responded", said("responded", "已反馈")),
    ("reinspected", said("re-inspected", "已复查")),
    ("escalated", said("escalated", "已上报")),
    ("closed", said("closed", "已销号")),
)


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
    objects = Owned()

    class Meta:
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
    number = models.CharField(max_length=40, blank=True)  # 沪核质控〔2026〕12号; empty until issued
    content = models.JSONField(default=dict)
    issued = models.DateField(null=True)
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    pdf_zh = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    pdf_en = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    docx_zh = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    docx_en = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    made = models.DateTimeField(auto_now_add=True)
    objects = Owned()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["number"], condition=~models.Q(number=""), name="one_document_per_number"),
        )
        indexes = (models.Index(fields=["organisation", "-made"]), models.Index(fields=["-made", "-id"]))


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
