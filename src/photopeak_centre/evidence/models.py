"""Hand-ins, studies and their files, and what was held back."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from photopeak_centre.devices.models import Device
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.said import said
from photopeak_centre.tenancy import Owned

ROUTES = (
    ("browser", said("browser", "浏览器上传")),
    ("dicom", said("DICOM", "DICOM 接收")),
    ("folder", said("folder", "文件夹")),
    ("form", said("form", "手工录入")),
)


class Blob(models.Model):
    """The ledger of the content-addressed store: a row is written only after its bytes are on the disk."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    size = models.BigIntegerField()
    at = models.DateTimeField(auto_now_add=True)


class HandIn(models.Model):
    """One occasion on which a hospital handed something in."""

    OWNER: ClassVar[str | None] = "organisation"
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="hand_ins")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    route = models.CharField(max_length=8, choices=ROUTES)
    opened = models.DateTimeField(auto_now_add=True)
    closed = models.DateTimeField(null=True)
    taken = models.PositiveIntegerField(default=0)
    known_before = models.PositiveIntegerField(default=0)
    objects = Owned()

    class Meta:
        indexes = (models.Index(fields=["organisation", "-opened"]), models.Index(fields=["-opened", "-id"]))


class Study(models.Model):
    """Files that belong together: a DICOM study, or one table or text."""

    OWNER: ClassVar[str | None] = "organisation"
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="studies")
    uid = models.CharField(max_length=80)
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.SET_NULL, related_name="studies")
    manufacturer = models.CharField(max_length=80, blank=True)
    model = models.CharField(max_length=80, blank=True)
    serial = models.CharField(max_length=64, blank=True)
    station = models.CharField(max_length=64, blank=True)
    acquired = models.DateTimeField(null=True)
    first_received = models.DateTimeField(auto_now_add=True)
    facts = models.JSONField(default=dict, blank=True)
    stage = models.CharField(max_length=16, default="status")
    procedure = models.CharField(
        max_length=80, blank=True, default="", db_default=""
    )  # entered for this one; empty: whatever fits
    options = models.JSONField(default=dict, blank=True, db_default={})
    evidence_deleted = models.DateTimeField(null=True, blank=True)  # its files were kept as long as the hospital keeps them
    objects = Owned()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organisation", "uid"], name="one_study_per_hospital"),)
        indexes = (models.Index(fields=["organisation", "-first_received"]),)


class Item(models.Model):
    """One file of a study. Its identity is its canonical content, unique within the hospital by SOP instance."""

    OWNER: ClassVar[str | None] = "study__organisation"
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="items")
    hand_in = models.ForeignKey(HandIn, on_delete=models.PROTECT, related_name="items")
    identity = models.CharField(max_length=80)  # SOP instance UID, or sha256: for what is not DICOM
    content = models.CharField(max_length=64)  # canonical content
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT)
    name = models.CharField(max_length=255)
    series_uid = models.CharField(max_length=80, blank=True)
    at = models.DateTimeField(auto_now_add=True)
    objects = Owned()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organisation", "identity"], name="one_item_per_hospital"),)


class Held(models.Model):
    """What was not taken in: an unreadable file, a conflict, a file that may name a patient (held without its name)."""

    OWNER: ClassVar[str | None] = "organisation"
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    hand_in = models.ForeignKey(HandIn, on_delete=models.CASCADE, related_name="held")
    kind = models.CharField(
        max_length=12,
        choices=(
            ("unread", said("not read", "未读取")),
            ("conflict", said("conflict", "内容冲突")),
            ("patient", said("may name a patient", "可能含患者信息")),
        ),
    )
    name = models.CharField(max_length=255, blank=True)
    code = models.CharField(max_length=40)
    en = models.TextField(blank=True)
    zh = models.TextField(blank=True)
    blob = models.ForeignKey(Blob, null=True, on_delete=models.SET_NULL)
    at = models.DateTimeField(auto_now_add=True)
    settled = models.CharField(max_length=12, blank=True)  # released, discarded
    objects = Owned()

    class Meta:
        indexes = (
            models.Index(fields=["organisation", "-at"], condition=Q(settled=""), name="held_open"),
            models.Index(fields=["-at"], condition=Q(settled=""), name="held_open_everywhere"),
        )


class Sender(models.Model):
    """A peer that may send by DICOM: its certificate or its address, bound to one hospital. The AE title alone is nobody."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="senders")
    address = models.GenericIPAddressField(null=True, blank=True)
    certificate_sha256 = models.CharField(max_length=64, blank=True)
    ae_title = models.CharField(max_length=16, blank=True)
    active = models.BooleanField(default=True)


class WatchedFolder(models.Model):
    """A folder whose new files are taken in for one hospital."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="watched_folders")
    path = models.CharField(max_length=400)
    active = models.BooleanField(default=True)
    looked = models.DateTimeField(null=True)
    problem = models.CharField(max_length=20, blank=True)  # missing, unreadable


class SeenFile(models.Model):
    """A file of a watched folder that was taken in, as it was then."""

    folder = models.ForeignKey(WatchedFolder, on_delete=models.CASCADE)
    key = models.CharField(max_length=64)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["folder", "key"], name="seen_once"),)
