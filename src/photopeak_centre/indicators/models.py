"""What hospitals state each month for the national indicators that the system cannot know by itself."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.tenancy import Owned


class Monthly(models.Model):
    """One hospital's counts of one indicator in one month (its first day). What was stated before stands in the audit log."""

    OWNER: ClassVar[str | None] = "organisation"
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="monthly")
    month = models.DateField()
    code = models.CharField(max_length=8)
    numerator, denominator = models.PositiveIntegerField(), models.PositiveIntegerField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now=True)
    objects = Owned()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organisation", "month", "code"], name="one_count_a_month"),)
        indexes = (models.Index(fields=["code", "month"]),)
