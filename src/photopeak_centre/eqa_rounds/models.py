"""Rounds and each laboratory's scores, as the library gave them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from photopeak_centre.campaigns.models import Campaign
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.tenancy import Owned


class Round(models.Model):
    """One round of a scheme. `document`: assigned values and warnings per analyte and sample, naming no laboratory."""

    OWNER: ClassVar[str | None] = None
    campaign = models.ForeignKey(Campaign, null=True, on_delete=models.SET_NULL, related_name="rounds")
    scheme_en, scheme_zh = models.CharField(max_length=160), models.CharField(max_length=120)
    name = models.CharField(max_length=60)
    closed_on = models.DateField()
    protocol_sha256 = models.CharField(max_length=64)
    document = models.JSONField(default=dict)
    objects = Owned()


class Score(models.Model):
    """One laboratory's one analyte of a round: how many results, how many acceptable, the percent score and its outcome."""

    OWNER: ClassVar[str | None] = "laboratory"
    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="scores")
    laboratory = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="eqa_scores")
    analyte = models.CharField(max_length=40)
    analyte_en, analyte_zh = models.CharField(max_length=120), models.CharField(max_length=120)
    results, acceptable = models.PositiveSmallIntegerField(), models.PositiveSmallIntegerField()
    score_percent = models.FloatField(null=True)
    outcome = models.CharField(max_length=16)  # pass, fail, not_assessed
    document = models.JSONField(default=dict)  # per sample: value, assigned value, deviation, verdict and its criterion
    objects = Owned()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["round", "laboratory", "analyte"], name="one_score"),)
