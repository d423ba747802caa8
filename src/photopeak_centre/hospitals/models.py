"""Organisations and their departments."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models

from photopeak_centre.said import language, said
from photopeak_centre.tenancy import Owned

KINDS = (
    ("centre", said("centre", "质控中心")),
    ("hospital", said("hospital", "医院")),
    ("laboratory", said("laboratory", "实验室")),
    ("authority", said("health authority", "卫生行政部门")),
)


class Organisation(models.Model):
    """A hospital or another body. A laboratory may belong to a hospital; a merged hospital points to its successor."""

    OWNER: ClassVar[str | None] = ""
    kind = models.CharField(max_length=16, choices=KINDS, default="hospital")
    name_zh = models.CharField(max_length=120)
    name_en = models.CharField(max_length=160, blank=True)
    district_zh = models.CharField(max_length=60, blank=True)
    district_en = models.CharField(max_length=80, blank=True)
    part_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="parts")
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="predecessors")
    keep_evidence_years = models.PositiveSmallIntegerField(default=10, validators=[MinValueValidator(1)])
    objects = Owned()

    class Meta:
        indexes = (models.Index(fields=["kind", "name_zh", "id"]),)

    def __str__(self) -> str:
        return (self.name_en if language() == "en" else "") or self.name_zh

    @property
    def district(self) -> str:
        return (self.district_en if language() == "en" else "") or self.district_zh


class Department(models.Model):
    OWNER: ClassVar[str | None] = "organisation"
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="departments")
    name_zh = models.CharField(max_length=80)
    name_en = models.CharField(max_length=120, blank=True)
    objects = Owned()

    def __str__(self) -> str:
        return (self.name_en if language() == "en" else "") or self.name_zh
