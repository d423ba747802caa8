"""Courses of continuing education: programme, registrations, attendance, examination, credits and certificates.

A course is everybody's who signs in; a participant is seen by the centre's staff and by the participant's own hospital.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from photopeak.words import Words
from photopeak_centre.evidence.models import Blob
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.said import in_words, said
from photopeak_centre.tenancy import Owned


class Course(models.Model):
    """A course. `project`: number of the continuing-education project; `credits` go to who attended and passed."""

    OWNER: ClassVar[str | None] = None
    name_en, name_zh = models.CharField(max_length=200, blank=True), models.CharField(max_length=160)
    project = models.CharField(max_length=60, blank=True)
    begins, ends = models.DateField(), models.DateField()
    place = models.CharField(max_length=160, blank=True)
    words = models.TextField(blank=True)
    credits = models.DecimalField(max_digits=4, decimal_places=1, default=0)
    capacity = models.PositiveIntegerField(default=300)
    attendance_percent = models.PositiveSmallIntegerField(default=80)  # of the sessions, asked for credits
    pass_percent = models.PositiveSmallIntegerField(default=60)  # of the examination, where there is one
    state = models.CharField(
        max_length=10,
        default="planned",
        choices=(
            ("planned", said("planned", "筹备中")),
            ("open", said("open for registration", "报名中")),
            ("closed", said("finished", "已结束")),
        ),
    )
    objects = Owned()

    class Meta:
        indexes = (models.Index(fields=["-begins", "-id"]),)

    def __str__(self) -> str:
        return in_words(Words(self.name_en or self.name_zh, self.name_zh))


class Session(models.Model):
    """A part of the programme; attendance is taken for each."""

    OWNER: ClassVar[str | None] = None
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="sessions")
    begins, ends = models.DateTimeField(), models.DateTimeField()
    words = models.CharField(max_length=200)
    lecturer = models.CharField(max_length=80, blank=True)
    lecturer_from = models.CharField(max_length=120, blank=True)
    objects = Owned()

    class Meta:
        ordering = ("begins", "id")


class Registration(models.Model):
    """One participant of one course. `code` is the participant's key to attendance, examination and certificate."""

    OWNER: ClassVar[str | None] = "organisation"
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="registrations")
    name = models.CharField(max_length=60)
    employer = models.CharField(max_length=120)
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.SET_NULL, related_name="registrations")
    level = models.CharField(
        max_length=10,
        choices=(
            ("community", said("community health centre", "社区卫生服务中心")),
            ("secondary", said("secondary hospital", "二级医院")),
            ("tertiary", said("tertiary hospital", "三级医院")),
            ("other", said("other", "其他")),
        ),
    )
    title = models.CharField(max_length=60, blank=True)
    code = models.CharField(max_length=12, unique=True)
    at = models.DateTimeField(auto_now_add=True)
    cancelled = models.DateTimeField(null=True)
    certificate = models.CharField(max_length=40, blank=True)  # its number, empty until issued
    issued = models.DateField(null=True)
    pdf_zh = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    pdf_en = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    objects = Owned()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["certificate"], condition=~models.Q(certificate=""), name="one_certificate_per_number"
            ),
        )


class Attendance(models.Model):
    """That a participant was at a session: by the session's QR code, or entered by hand by staff."""

    OWNER: ClassVar[str | None] = "registration__organisation"
    registration = models.ForeignKey(Registration, on_delete=models.CASCADE, related_name="attendances")
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="attendances")
    at = models.DateTimeField()
    by_hand = models.BooleanField(default=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["registration", "session"], name="attended_once"),)


class Question(models.Model):
    """A question of the examination. `choices`: texts; `right`: the numbers of the right ones, all of which must be chosen."""

    OWNER: ClassVar[str | None] = None
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="questions")
    words = models.TextField()
    choices = models.JSONField()
    right = models.JSONField()

    class Meta:
        ordering = ("id",)


class Sitting(models.Model):
    """One attempt at the examination: the questions as they were asked, the answers, the percent scored."""

    OWNER: ClassVar[str | None] = "registration__organisation"
    registration = models.ForeignKey(Registration, on_delete=models.CASCADE, related_name="sittings")
    answers = models.JSONField()
    percent = models.FloatField()
    at = models.DateTimeField()
