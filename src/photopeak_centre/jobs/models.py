"""Work to be done, each job leased to one worker at a time."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from photopeak_centre.evidence.models import Study
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.said import said
from photopeak_centre.tenancy import Owned

STATES = (
    ("waiting", said("waiting", "等待")),
    ("running", said("running", "进行中")),
    ("done", said("done", "完成")),
    ("dead", said("given up", "已放弃")),
)


class Job(models.Model):
    """Check one study. At most one job of a study waits; `token` tells whose lease it is."""

    OWNER: ClassVar[str | None] = "organisation"
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="jobs")
    state = models.CharField(max_length=8, choices=STATES, default="waiting")
    not_before = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=80, blank=True)
    done, of = models.PositiveIntegerField(default=0), models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=40, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    finished = models.DateTimeField(null=True)
    objects = Owned()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["study"], condition=Q(state="waiting"), name="one_waiting_job"),)
        indexes = (
            models.Index(fields=["not_before"], condition=Q(state="waiting"), name="jobs_waiting"),
            models.Index(fields=["organisation", "-created"]),
            models.Index(fields=["-created", "-id"]),
            models.Index(fields=["state", "-created", "-id"]),
        )
