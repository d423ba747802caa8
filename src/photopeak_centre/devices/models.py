"""Devices, and the limits of their own: the manufacturer's specification and the acceptance baseline."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from photopeak.criterion import Criterion
from photopeak_centre.hospitals.models import Department, Organisation
from photopeak_centre.said import said
from photopeak_centre.tenancy import Owned

KINDS = (
    ("gamma_camera", said("planar gamma camera", "平面伽玛照相机")),
    ("spect", "SPECT"),
    ("spect_ct", "SPECT/CT"),
    ("pet_ct", "PET/CT"),
    ("pet_mr", "PET/MR"),
    ("activity_meter", said("activity meter", "活度计")),
    ("gamma_counter", said("gamma counter", "γ 计数器")),
    ("analyser", said("immunoassay analyser", "免疫分析仪")),
    ("bone_densitometer", said("bone densitometer", "骨密度仪")),
)


class Device(models.Model):
    """One device of a hospital. `outcome`: the worst of its latest verdicts."""

    OWNER: ClassVar[str | None] = "organisation"
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="devices")
    department = models.ForeignKey(Department, null=True, blank=True, on_delete=models.SET_NULL)
    kind = models.CharField(max_length=24, choices=KINDS)
    manufacturer = models.CharField(max_length=80)
    model = models.CharField(max_length=80)
    serial = models.CharField(max_length=64, blank=True)
    station = models.CharField(max_length=64, blank=True)
    room = models.CharField(max_length=60, blank=True)
    detectors = models.PositiveSmallIntegerField(null=True, blank=True)
    ufov_rows_mm = models.FloatField(null=True, blank=True)
    ufov_columns_mm = models.FloatField(null=True, blank=True)
    installed = models.DateField(null=True, blank=True)
    in_use = models.BooleanField(default=True)
    outcome = models.CharField(max_length=16, default="", blank=True)
    last_tested = models.DateTimeField(null=True, blank=True)
    objects = Owned()

    class Meta:
        indexes = (
            models.Index(fields=["organisation", "model", "id"]),
            models.Index(fields=["model", "id"]),
            models.Index(fields=["kind", "outcome"]),
        )

    def __str__(self) -> str:
        return f"{self.manufacturer} {self.model}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and let the region's counts follow a change of hospital or use."""
        from photopeak_centre.checks.keeping import device_changed

        new = self._state.adding
        super().save(*args, **kwargs)
        if not new:
            device_changed(self)


class DeviceLimit(models.Model):
    """One limit of one device. `where` as in a criterion: {"fov": "UFOV"}."""

    OWNER: ClassVar[str | None] = "device__organisation"
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="limits")
    basis = models.CharField(
        max_length=16,
        choices=(
            ("manufacturer", said("manufacturer's specification", "厂家指标")),
            ("baseline", said("acceptance baseline", "验收基线")),
        ),
    )
    stage = models.CharField(max_length=16, default="status")
    procedure = models.CharField(max_length=80, blank=True, default="")  # empty: whichever measures the quantity
    quantity = models.CharField(max_length=80)
    where = models.JSONField(default=dict, blank=True)
    lower = models.FloatField(null=True, blank=True)
    upper = models.FloatField(null=True, blank=True)
    unit = models.CharField(max_length=24)
    source = models.CharField(max_length=160)
    read_by = models.CharField(max_length=80, blank=True)
    objects = Owned()

    def criterion(self) -> Criterion:
        """This limit as the judge reads it."""
        where: dict[str, Any] = self.where
        return Criterion(
            standard=self.source,
            edition="",
            clause="",
            quantity=self.quantity,
            procedure=self.procedure,
            unit=self.unit,
            lower=self.lower,
            upper=self.upper,
            where=where,
            stage=self.stage,
            basis=self.basis,
            read_by=(self.read_by,) if self.read_by else (),
            provisional=not self.read_by,
        )
