"""The demonstration's campaigns: what the half-year inspected, and what the second half-year plans.

Made from the devices, hospitals and people there are; the counts are those of the story (26 SPECT, 25 SPECT/CT, 18 laboratories).
"""

from __future__ import annotations

import datetime
from typing import Any

from photopeak_centre.audit.chain import record
from photopeak_centre.campaigns.models import Campaign, Interest, Target, Visit
from photopeak_centre.campaigns.planning import add_targets, arrange, standings
from photopeak_centre.devices.models import Device
from photopeak_centre.hospitals.models import Organisation

#: why the demonstration's untested devices were not tested
REASONS = (
    "机房改造，下半年补测 / room under reconstruction, to be tested in the second half-year",
    "设备停用待报废 / out of use, to be retired",
)
PHANTOM_TESTS = ["gamma_camera.flood_uniformity", "spect.centre_of_rotation"]


def make_campaigns(year: int, *, secretary: Any = None) -> dict[str, Campaign]:
    """The year's campaigns, by name: spect, spect_ct, eqa (first half-year), pet_ct, images, reports, therapy (second, planned).

    Call it when the region's devices and results are there: a device of the first two that has no result in the period gets a reason,
    and they are closed. `eqa` is left running, for the rounds to be hung on it. Making them again changes nothing.
    """
    first, second = (
        (datetime.date(year, 1, 1), datetime.date(year, 6, 30)),
        (datetime.date(year, 7, 1), datetime.date(year, 12, 31)),
    )
    spect = _campaign(
        "SPECT 体模检测", "SPECT phantom tests", "devices", *first, procedures=PHANTOM_TESTS, checklist="spect_equipment"
    )
    spect_ct = _campaign(
        "SPECT/CT 体模检测", "SPECT/CT phantom tests", "devices", *first, procedures=PHANTOM_TESTS, checklist="spect_equipment"
    )
    for campaign, kind in ((spect, "spect"), (spect_ct, "spect_ct")):
        add_targets(campaign, Device.objects.filter(kind=kind, in_use=True), secretary)
        _say_why_untested(campaign)
        _state(campaign, "closed")
    eqa = _campaign(
        "体外免疫分析室间质评", "External quality assessment of immunoassay", "laboratories", *first, stage="status"
    )
    laboratories = list(Organisation.objects.filter(kind="laboratory", merged_into=None).order_by("pk"))
    hospitals = list(Organisation.objects.filter(kind="hospital", merged_into=None).order_by("pk"))
    add_targets(eqa, (laboratories or hospitals)[:18], secretary)
    _state(eqa, "running")
    pet_ct = _campaign(
        "PET/CT 设备检查",
        "PET/CT equipment",
        "devices",
        *second,
        procedures=["pet.image_quality", "pet.uniform_cylinder"],
        checklist="pet_ct_equipment",
    )
    add_targets(pet_ct, Device.objects.filter(kind="pet_ct", in_use=True), secretary)
    images = _campaign("PET/CT 图像质量评阅", "PET/CT image quality", "images", *second, stage="clinical")
    add_targets(images, Device.objects.filter(kind="pet_ct", in_use=True), secretary)
    reports = _campaign(
        "PET/CT 与 SPECT/CT 报告要素检查",
        "Elements of PET/CT and SPECT/CT reports",
        "reports",
        *second,
        stage="clinical",
        procedures=["report_review.audit"],
        checklist="report_elements",
    )
    with_ct = Organisation.objects.filter(
        kind="hospital", devices__kind__in=("pet_ct", "spect_ct"), merged_into=None
    ).distinct()
    add_targets(reports, with_ct, secretary)
    therapy = _campaign(
        "核素治疗检查", "Radionuclide therapy", "therapy", *second, stage="clinical", checklist="therapy_ward_131i"
    )
    add_targets(therapy, hospitals[::4], secretary)
    return {"spect": spect, "spect_ct": spect_ct, "eqa": eqa, "pet_ct": pet_ct, "images": images, "reports": reports, "therapy": therapy}  # fmt: skip


def make_visits(campaign: Campaign, inspectors: list[Any], *, secretary: Any = None, days: int = 6) -> list[Visit]:
    """One visit to each of the campaign's first hospitals, on working days from the 10th of its second month."""
    day, made = _month_after(campaign.begins, 1).replace(day=10), []
    for target in list(campaign.targets.select_related("organisation", "device").order_by("pk"))[:days]:
        while day.weekday() > 4:
            day += datetime.timedelta(days=1)
        if not campaign.visits.filter(organisation=target.organisation, device=target.device).exists():
            made.append(arrange(campaign, target.organisation, day, inspectors, secretary, target.device))
        day += datetime.timedelta(days=1)
    return made


def declare_interest(person: Any, organisation: Organisation) -> Interest:
    """The expert of the demonstration is employed at one of the hospitals, and so cannot be sent there."""
    interest, _ = Interest.objects.get_or_create(person=person, organisation=organisation, kind="employer")
    return interest


def _campaign(
    zh: str,
    en: str,
    kind: str,
    begins: datetime.date,
    ends: datetime.date,
    *,
    stage: str = "status",
    procedures: list[str] | None = None,
    checklist: str = "",
) -> Campaign:
    given = {"kind": kind, "ends": ends, "stage": stage, "procedures": procedures or [], "checklist": checklist}
    campaign, made = Campaign.objects.get_or_create(name_zh=zh, name_en=en, begins=begins, defaults=given)
    if made:
        record("campaign added", f"campaign {campaign.pk}", kind=kind)
    elif campaign.state == "closed":
        Campaign.objects.filter(pk=campaign.pk).update(state="running")
        campaign.state = "running"
    return campaign


def _say_why_untested(campaign: Campaign) -> None:
    untested = [one.target for one in standings(campaign) if not one.tested and not one.target.untested]
    for number, target in enumerate(untested):
        Target.objects.filter(pk=target.pk).update(untested=REASONS[number % len(REASONS)])


def _state(campaign: Campaign, state: str) -> None:
    if campaign.state != state:
        Campaign.objects.filter(pk=campaign.pk).update(state=state)
        campaign.state = state


def _month_after(day: datetime.date, months: int) -> datetime.date:
    month = day.month - 1 + months
    return datetime.date(day.year + month // 12, month % 12 + 1, 1)
