"""Campaigns, what they take in, and site visits."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from photopeak.words import Words
from photopeak_centre.devices.models import Device
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.said import in_words, said
from photopeak_centre.tenancy import Owned

KINDS = (
    ("devices", said("devices", "设备")),
    ("images", said("image quality", "图像质量")),
    ("reports", said("report elements", "报告要素")),
    ("therapy", said("radionuclide therapy", "核素治疗")),
    ("laboratories", said("immunoassay laboratories", "免疫分析实验室")),
)


class Campaign(models.Model):
    """A planned piece of the half-year: which procedures and criteria, from when to when, at whom (its targets)."""

    OWNER: ClassVar[str | None] = None
    name_en, name_zh = models.CharField(max_length=160, blank=True), models.CharField(max_length=120)
    kind = models.CharField(max_length=16, choices=KINDS)
    begins, ends = models.DateField(), models.DateField()
    stage = models.CharField(max_length=16, default="status")
    procedures = models.JSONField(default=list, blank=True)  # names of procedures, as the command knows them
    checklist = models.CharField(max_length=60, blank=True)  # the checklist visits fill in
    words = models.TextField(blank=True)
    state = models.CharField(
        max_length=10,
        default="planned",
        choices=(
            ("planned", said("planned", "计划中")),
            ("running", said("running", "进行中")),
            ("closed", said("closed", "已结束")),
        ),
    )
    objects = Owned()

    class Meta:
        indexes = (models.Index(fields=["-begins", "-id"]),)

    def __str__(self) -> str:
        return in_words(Words(self.name_en or self.name_zh, self.name_zh))


class Target(models.Model):
    """One device, laboratory, ward or report room of a campaign. `untested`: why it was not tested, where it was not."""

    OWNER: ClassVar[str | None] = "organisation"
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="targets")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="targets")
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.SET_NULL, related_name="targets")
    untested = models.CharField(max_length=200, blank=True)
    objects = Owned()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["campaign", "organisation", "device"], name="one_target"),)


class Visit(models.Model):
    """One visit of inspectors to a hospital. `answers` of the checklist, photographs and signatures hang on it; signing locks it."""

    OWNER: ClassVar[str | None] = "organisation"
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="visits")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="visits")
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.SET_NULL, related_name="visits")
    inspectors = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="visits")
    day = models.DateField()
    checklist = models.JSONField(default=dict)  # the checklist as it stood when the visit was opened
    score = models.FloatField(null=True)
    outcome = models.CharField(max_length=16, blank=True)
    state = models.CharField(
        max_length=10,
        default="planned",
        choices=(
            ("planned", said("planned", "已安排")),
            ("open", said("under way", "进行中")),
            ("signed", said("signed", "已签字")),
            ("cancelled", said("cancelled", "已取消")),
        ),
    )
    signed_at = models.DateTimeField(null=True)
    objects = Owned()

    class Meta:
        indexes = (models.Index(fields=["organisation", "-day"]), models.Index(fields=["-day", "-id"]))
