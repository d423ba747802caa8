"""What checking found: results, measurements, verdicts; a summary row per device and quantity; pictures; reviews."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from photopeak.words import Words
from photopeak_centre.devices.models import Device
from photopeak_centre.evidence.models import Blob, Study
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.said import said
from photopeak_centre.tenancy import Owned


class Result(models.Model):
    """One procedure on one evidence, by one version. A newer analysis supersedes it; it is never changed."""

    OWNER: ClassVar[str | None] = "organisation"
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="results")
    device = models.ForeignKey(Device, null=True, on_delete=models.SET_NULL, related_name="results")
    job = models.PositiveBigIntegerField()
    procedure = models.CharField(max_length=80)
    name_en, name_zh = models.CharField(max_length=120), models.CharField(max_length=120)
    version = models.CharField(max_length=24)
    evidence_sha256 = models.CharField(max_length=64)
    stage = models.CharField(max_length=16)
    acquired = models.DateTimeField()
    made = models.DateTimeField(auto_now_add=True)
    outcome = models.CharField(max_length=16)  # the worst verdict; "refused" where nothing was measured
    document = models.JSONField()  # the result as `photopeak check --json` writes it
    superseded_by = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="earlier")
    review = models.CharField(
        max_length=10,
        default="open",
        choices=(
            ("open", said("to be reviewed", "待审核")),
            ("accepted", said("accepted", "已接受")),
            ("rejected", said("rejected", "已退回")),
        ),
    )
    objects = Owned()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["job", "procedure", "evidence_sha256"], name="one_result_per_job"),)
        indexes = (
            models.Index(fields=["organisation", "-made"]),
            models.Index(fields=["-made", "-id"]),
            models.Index(fields=["outcome", "-made", "-id"], condition=Q(superseded_by=None), name="results_by_outcome"),
            models.Index(
                fields=["organisation", "outcome", "-made", "-id"],
                condition=Q(superseded_by=None),
                name="results_own_by_outcome",
            ),
            models.Index(fields=["review", "-made", "-id"], condition=Q(superseded_by=None), name="results_by_review"),
            models.Index(
                fields=["review", "outcome", "-made", "-id"], condition=Q(superseded_by=None), name="results_to_review"
            ),
            models.Index(fields=["device", "procedure", "-acquired"]),
        )

    @property
    def name(self) -> Words:
        return Words(self.name_en, self.name_zh)


class Measurement(models.Model):
    """A number with its unit, standard uncertainty and place. `place` is `where` as canonical text, for lookups."""

    OWNER: ClassVar[str | None] = "result__organisation"
    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="measurements")
    device = models.ForeignKey(Device, null=True, on_delete=models.SET_NULL)
    acquired = models.DateTimeField()
    quantity = models.CharField(max_length=80)
    place = models.CharField(max_length=200)
    where = models.JSONField()
    value = models.FloatField()
    unit = models.CharField(max_length=24)
    uncertainty = models.FloatField(null=True)
    objects = Owned()

    class Meta:
        indexes = (models.Index(fields=["device", "quantity", "place", "acquired"]),)


class Judgement(models.Model):
    """A verdict with the criterion it cites, exactly as judged. Never changed."""

    OWNER: ClassVar[str | None] = "result__organisation"
    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="judgements")
    measurement = models.ForeignKey(Measurement, null=True, on_delete=models.CASCADE, related_name="judgements")
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=40, blank=True)
    criterion = models.JSONField(null=True)


class Latest(models.Model):
    """The last accepted-or-open measurement of one quantity, by one procedure, at one place of one device: what lists and the
    region read. Two procedures may measure quantities of one name, so the procedure is part of what a row is about."""

    OWNER: ClassVar[str | None] = "device__organisation"
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="latest")
    procedure = models.CharField(max_length=80, default="", db_default="")
    quantity = models.CharField(max_length=80)
    place = models.CharField(max_length=200)
    measurement = models.ForeignKey(Measurement, on_delete=models.CASCADE)
    acquired = models.DateTimeField()
    value = models.FloatField()
    outcome = models.CharField(max_length=16)
    objects = Owned()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["device", "procedure", "quantity", "place"], name="one_latest"),)
        indexes = (models.Index(fields=["procedure", "quantity", "place"]),)


class WorstOutcome(models.Model):
    """The worst latest outcome of one quantity of one device, over its places: what the region counts.

    `organisation` and `in_use` are the device's own, kept here so that counting a region joins nothing.
    """

    OWNER: ClassVar[str] = "organisation"
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="worst_outcomes")
    procedure = models.CharField(max_length=80, default="", db_default="")
    quantity = models.CharField(max_length=80)
    outcome = models.CharField(max_length=16)
    in_use = models.BooleanField(default=True)
    objects = Owned()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["device", "procedure", "quantity"], name="one_worst_outcome"),)
        indexes = (models.Index(fields=["procedure", "quantity", "outcome", "in_use", "organisation"], name="region_counts"),)


class Drawing(models.Model):
    """A figure of a result: its drawing in both languages, and for a picture its pixels for the viewer."""

    OWNER: ClassVar[str | None] = "result__organisation"
    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="drawings")
    number = models.PositiveSmallIntegerField()
    title_en, title_zh = models.CharField(max_length=200), models.CharField(max_length=200)
    en = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    zh = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    pixels = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    about = models.JSONField(null=True)  # of a picture: shape, spacing, window, unit, outlines
    objects = Owned()

    @property
    def title(self) -> Words:
        return Words(self.title_en, self.title_zh)

    @property
    def about_id(self) -> str:
        """The name of the element of a page that holds `about`."""
        return f"about-{self.pk}"


class Review(models.Model):
    """What a reviewer said of a result."""

    OWNER: ClassVar[str | None] = "result__organisation"
    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="reviews")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    decision = models.CharField(
        max_length=8,
        choices=(
            ("accept", said("accept", "接受")),
            ("reject", said("reject", "退回")),
            ("comment", said("comment", "意见")),
        ),
    )
    words = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)
