"""A region made row by row, so that every number of its half-year report can be counted by hand."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

from django.utils import timezone

from photopeak_centre.checks.models import Judgement, Measurement, Result
from photopeak_centre.devices.models import Device
from photopeak_centre.evidence.models import Study
from photopeak_centre.findings.models import Act, Finding
from photopeak_centre.hospitals.models import Organisation

uids = itertools.count(1)


def at(text: str) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.fromisoformat(text))


def hospital(zh: str, en: str, district: str = "东区") -> Organisation:
    return Organisation.objects.create(kind="hospital", name_zh=zh, name_en=en, district_zh=district, district_en="East")


def device(owner: Organisation, kind: str, serial: str) -> Device:
    return Device.objects.create(organisation=owner, kind=kind, manufacturer="Meridian", model="NM", serial=serial)


def result(
    of: Device, day: str, procedure: str, outcome: str, quantity: str = "integral_uniformity", value: float = 4.0, **fields: Any
) -> Result:
    """One result with one judged measurement."""
    study = Study.objects.create(organisation=of.organisation, uid=f"1.9.{next(uids)}", device=of)
    given = {"stage": "status", "document": {}, **fields}
    made = Result.objects.create(
        organisation=of.organisation, study=study, device=of, job=next(uids), procedure=f"gamma_camera.{procedure}", name_en=procedure,
        name_zh=procedure, version="0.1.0", evidence_sha256="0" * 64, acquired=at(day), outcome=outcome, **given,
    )  # fmt: skip
    unit = "mm" if quantity == "cor_offset" else "%"
    measurement = Measurement.objects.create(
        result=made,
        device=of,
        acquired=made.acquired,
        quantity=quantity,
        place="{}",
        where={},
        value=value,
        unit=unit,
        uncertainty=0.1,
    )
    criterion = {"lower": None, "upper": 5.0, "unit": unit, "standard": "EX 1", "edition": "2000", "clause": "1"}
    Judgement.objects.create(result=made, measurement=measurement, outcome=outcome, criterion=criterion)
    return made


def finding(of: Device, raised: str, acts: list[tuple[str, str, str]]) -> Finding:
    """`acts`: (day, act, state after)."""
    made = Finding.objects.create(
        organisation=of.organisation, device=of, source="test", procedure="gamma_camera.flood_uniformity", words_en="Flood: outside",
        words_zh="泛源：超限", raised=at(raised), state=acts[-1][2] if acts else "raised",
    )  # fmt: skip
    before = "raised"
    for day, act, after in acts:
        Act.objects.create(finding=made, act=act, before=before, after=after, at=at(day))
        before = after
    return made
