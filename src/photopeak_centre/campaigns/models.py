"""Campaigns, what they take in, who may not be sent where, site visits with their entries, and images read blinded."""

from __future__ import annotations

import datetime
import secrets
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.signals import m2m_changed
from django.dispatch import receiver

from photopeak.words import Words
from photopeak_centre.devices.models import Device
from photopeak_centre.evidence.models import Blob, Study
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

KINDS_OF_INTEREST = (
    ("employer", Words("employed there", "任职单位")),
    ("relative", Words("a relative works there", "亲属任职")),
    ("money", Words("paid by it", "有经济往来")),
    ("study", Words("joint research", "合作研究")),
    ("other", Words("other", "其他")),
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
        constraints = (
            models.UniqueConstraint(fields=["campaign", "organisation", "device"], name="one_target"),
            models.UniqueConstraint(
                fields=["campaign", "organisation"], condition=Q(device=None), name="one_target_without_device"
            ),
        )


class Visit(models.Model):
    """One visit of inspectors to a hospital. `answers` of the checklist, photographs and signatures hang on it; signing locks it."""

    OWNER: ClassVar[str | None] = "organisation"
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="visits")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="visits")
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.SET_NULL, related_name="visits")
    inspectors = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="visits")
    day = models.DateField()
    checklist = models.JSONField(default=dict)  # the checklist as it stood when the visit was arranged
    corrects = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="corrections")
    score = models.FloatField(null=True)  # points; steps of a hundredth, exact in `record`
    possible = models.FloatField(null=True)
    record = models.JSONField(null=True)  # the sheet as it was signed, item by item
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

    def __str__(self) -> str:
        return f"{self.organisation} {self.day:%Y-%m-%d}"


class Interest(models.Model):
    """What ties a person to an organisation, as declared: an employer, a relative, money. Who has one is not sent there."""

    OWNER: ClassVar[str | None] = None
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="interests")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=[(key, said(w.en, w.zh)) for key, w in KINDS_OF_INTEREST])
    words = models.CharField(max_length=200, blank=True)
    declared = models.DateTimeField(auto_now_add=True)
    ends = models.DateField(null=True, blank=True)
    objects = Owned()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "organisation", "kind"], name="one_interest"),)


class ConflictOfInterest(Exception):
    """An inspector cannot be sent to, or read the images of, an organisation that is his or her own."""

    def __init__(self, words: Words) -> None:
        super().__init__(words.en)
        self.words = words


def family_of(organisation: Organisation) -> set[int]:
    """The organisation, what it is part of, its parts, and what was merged with it: one house for a conflict of interest."""
    family, before = {organisation.pk}, set()
    while family != before:
        before = set(family)
        rows = Organisation.objects.filter(
            Q(pk__in=family) | Q(part_of__in=family) | Q(merged_into__in=family), kind__in=("hospital", "laboratory")
        )
        for found in rows.values_list("pk", "part_of", "merged_into"):
            family |= {one for one in found if one is not None}
    return family


def conflicts_with(organisation: Organisation, people: Any, on: datetime.date | None = None) -> dict[int, Words]:
    """Of these people, who may not inspect this organisation, and why; interests that ended before `on` no longer count."""
    family, found = family_of(organisation), {}
    for person in people:
        if person.organisation_id in family:
            found[person.pk] = Words(f"{person} belongs to this organisation", f"{person}为该单位人员")
    day = on or datetime.date.today()
    declared = Interest.objects.filter(person__in=[one.pk for one in people], organisation__in=family)
    for interest in declared.filter(Q(ends=None) | Q(ends__gte=day)).select_related("person"):
        en, zh = interest.person.name_en or interest.person.name_zh, interest.person.name_zh
        kind = dict(KINDS_OF_INTEREST)[interest.kind]
        found.setdefault(interest.person_id, Words(f"{en} declared an interest: {kind.en}", f"{zh}已申报利益关系：{kind.zh}"))
    return found


def houses_of(person: Any, on: datetime.date | None = None) -> set[int]:
    """The organisations that this person may not inspect or read: `conflicts_with` the other way round, for long lists."""
    day = on or datetime.date.today()
    declared = Interest.objects.filter(Q(ends=None) | Q(ends__gte=day), person=person).select_related("organisation")
    return set().union(*(family_of(one) for one in (person.organisation, *(row.organisation for row in declared))))


@receiver(m2m_changed, sender=Visit.inspectors.through)
def nobody_inspects_his_own(sender: Any, instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **_: Any) -> None:
    """However inspectors are added to a visit, those with a conflict of interest are refused."""
    from photopeak_centre.accounts.models import Person

    if action != "pre_add" or not pk_set:
        return
    visits = Visit.objects.filter(pk__in=pk_set).select_related("organisation") if reverse else [instance]
    people = [instance] if reverse else list(Person.objects.filter(pk__in=pk_set))
    for visit in visits:
        conflicts = conflicts_with(visit.organisation, people, visit.day)
        if conflicts:
            raise ConflictOfInterest(next(iter(conflicts.values())))


class Entry(models.Model):
    """One thing entered at a visit, under the identifier the phone gave it: sending it again changes nothing, and nothing is lost.

    `base`: the answer this one was made from. An answer made from another than the current one stands beside it as a conflict until
    a person settles it. `value` of an answer: {"answer", "occurrences", "note"}; of a photograph {"caption"}; of a signature {"side",
    "name", "sheet"}; of "finish" {"sheet", "signatures", "score", "possible"}. `sheet`: item -> identifier of its answer.
    """

    OWNER: ClassVar[str | None] = "visit__organisation"
    visit = models.ForeignKey(Visit, on_delete=models.CASCADE, related_name="entries")
    client_id = models.UUIDField(unique=True)
    kind = models.CharField(
        max_length=10,
        choices=(
            ("answer", said("answer", "评分")),
            ("photograph", said("photograph", "照片")),
            ("signature", said("signature", "签名")),
            ("withdraw", said("withdrawn", "撤回")),
            ("finish", said("finished", "完成")),
        ),
    )
    item = models.CharField(max_length=12, blank=True)
    value = models.JSONField(default=dict)
    base = models.UUIDField(null=True)
    blob = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    media = models.CharField(max_length=20, blank=True)
    content_sha256 = models.CharField(max_length=64)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made = models.DateTimeField()  # by the phone's clock
    received = models.DateTimeField(auto_now_add=True)
    state = models.CharField(
        max_length=10,
        choices=(
            ("current", said("current", "有效")),
            ("superseded", said("superseded", "已更新")),
            ("conflict", said("in conflict", "有冲突")),
            ("settled", said("conflict settled", "冲突已处理")),
            ("late", said("after signing", "签字后到达")),
        ),
    )
    objects = Owned()

    class Meta:
        indexes = (models.Index(fields=["visit", "state", "kind"]),)


class Attachment(models.Model):
    """A result (phantom test, report audit) or a study (records, reports, images) that belongs to a visit."""

    OWNER: ClassVar[str | None] = "visit__organisation"
    visit = models.ForeignKey(Visit, on_delete=models.CASCADE, related_name="attachments")
    kind = models.CharField(
        max_length=8,
        choices=(
            ("test", said("phantom test", "体模检测")),
            ("report", said("sampled report", "抽查报告")),
            ("image", said("sampled image", "抽查图像")),
            ("record", said("record", "记录")),
        ),
    )
    result = models.ForeignKey("checks.Result", null=True, on_delete=models.PROTECT, related_name="attached_to")
    study = models.ForeignKey(Study, null=True, on_delete=models.PROTECT, related_name="attached_to")
    words = models.CharField(max_length=200, blank=True)
    objects = Owned()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["visit", "result"], condition=Q(study=None), name="one_result_attached"),
            models.UniqueConstraint(fields=["visit", "study"], condition=Q(result=None), name="one_study_attached"),
        )


def unguessable() -> int:
    """An identifier that tells nothing of when or where a thing came in."""
    return secrets.randbelow(9 * 10**11) + 10**11


class ImageSample(models.Model):
    """One image of one study, read by two without knowing whose it is, by a third where they disagree."""

    OWNER: ClassVar[str | None] = "organisation"
    id = models.BigIntegerField(primary_key=True, default=unguessable, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="samples")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="image_samples")
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    visit = models.ForeignKey(Visit, null=True, blank=True, on_delete=models.SET_NULL, related_name="samples")
    modality = models.CharField(max_length=8, choices=(("spect", "SPECT"), ("pet_ct", "PET/CT")))
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    media = models.CharField(max_length=20)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    taken = models.DateTimeField(auto_now_add=True)
    objects = Owned()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["campaign", "organisation", "blob"], name="one_sample_per_image"),)

    @property
    def code(self) -> str:
        """What the readers call it."""
        return f"{self.pk:012d}"


class Reading(models.Model):
    """One reader's judgement on the national criteria; `turn` 3 decides where 1 and 2 differ. Never changed once given."""

    OWNER: ClassVar[str | None] = "sample__organisation"
    sample = models.ForeignKey(ImageSample, on_delete=models.CASCADE, related_name="readings")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="readings")
    turn = models.PositiveSmallIntegerField()
    range_right, no_artefact, grey_suits = models.BooleanField(), models.BooleanField(), models.BooleanField()
    fusion_right = models.BooleanField(null=True)  # of PET/CT alone
    words = models.CharField(max_length=400, blank=True)
    at = models.DateTimeField(auto_now_add=True)
    objects = Owned()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["sample", "reader"], name="one_reading_per_reader"),
            models.UniqueConstraint(fields=["sample", "turn"], name="one_reading_per_turn"),
        )

    @property
    def qualified(self) -> bool:
        """All the criteria that apply are met."""
        return self.range_right and self.no_artefact and self.grey_suits and self.fusion_right is not False
