"""The half-year reports: numbers gathered once, the words round them, and what was released."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from photopeak_centre.evidence.models import Blob
from photopeak_centre.half_year.periods import Period, period
from photopeak_centre.said import said
from photopeak_centre.tenancy import OwnedQuerySet


class Immutable(TypeError):
    """A released report is never changed; a corrected one is a new version."""


class HalfYears(OwnedQuerySet):
    def update(self, **fields: Any) -> int:
        if self.filter(state="released").exists():
            raise Immutable("a released report is never changed")
        return super().update(**fields)

    def delete(self) -> Any:
        if self.filter(state="released").exists():
            raise Immutable("a released report is never deleted")
        return super().delete()


class HalfYear(models.Model):
    """One version of one period's report.

    `numbers`: the frozen document (see `gather.gather`); `evidence`: by the name of a number, what it counts: {"kind", "n": [ids], "of":
    [ids]} or {"kind", "rows": [[id, n, of], ...]}; `texts`: by section, {"en", "zh"} as the centre wrote them in place of the generated
    words. Once released nothing of the row may change.
    """

    OWNER: ClassVar[str | None] = None
    period_name = models.CharField(max_length=6)
    version = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(
        max_length=8, default="draft", choices=(("draft", said("draft", "草稿")), ("released", said("released", "已发布")))
    )
    numbers = models.JSONField(default=dict)
    evidence = models.JSONField(default=dict)
    texts = models.JSONField(default=dict, blank=True)
    gathered = models.DateTimeField()
    gathered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    released = models.DateTimeField(null=True)
    released_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64, blank=True)  # of the document as it was released
    chain_number = models.BigIntegerField(null=True)  # the entry of the audit chain that holds this sha256
    chain_hash = models.CharField(max_length=64, blank=True)
    document = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    pdf_zh = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    pdf_en = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    docx_zh = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    docx_en = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    objects = models.Manager.from_queryset(HalfYears)()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["period_name", "version"], name="one_report_per_version"),)
        indexes = (models.Index(fields=["-period_name", "-version"]),)

    def __str__(self) -> str:
        return f"{self.period_name}.{self.version}"

    @property
    def period(self) -> Period:
        return period(self.period_name)

    @property
    def is_released(self) -> bool:
        return self.state == "released"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk and type(self).objects.filter(pk=self.pk, state="released").exists():
            raise Immutable("a released report is never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        if self.is_released:
            raise Immutable("a released report is never deleted")
        return super().delete(*args, **kwargs)
