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
    criterion = {
        "standard": "EX 1", "edition": "2000", "clause": "1", "quantity": quantity, "unit": unit, "lower": None, "upper": 2.0 if quantity == "cor_offset" else 5.0, "where": {},
        "stage": "status", "read_by": ["demo"], "provisional": False, "condition": None, "device": {}, "basis": "manufacturer",
    }  # fmt: skip
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


def results_of(tests: list[Any]) -> None:
    """Results as the demonstration's images would give, without the images: a fault fails, the rest passes."""
    for test in tests:
        of = Device.objects.get(pk=test.device)
        options, cor = test.options, test.kind == "cor"
        depth = options.get("tube_depth_percent", 0.0)
        bad = options.get("offset_mm", 0) > 2.5 if cor else depth > 15 or options.get("gradient_percent", 0) > 4
        near = not cor and 3.0 < depth < 4.0
        outcome = "fail" if bad else "undecided" if near else "pass"
        quantity = "cor_offset" if cor else "integral_uniformity"
        value = options.get("offset_mm", 0.4) if cor else 7.4 if bad else 4.9 if near else 3.1
        procedure = "centre_of_rotation" if cor else "flood_uniformity"
        made = result(of, test.at.isoformat(), procedure, outcome, quantity, value)
        names = ("Centre of rotation", "旋转中心偏移") if cor else ("Flood uniformity", "泛源均匀性")
        Result.objects.filter(pk=made.pk).update(
            name_en=names[0], name_zh=names[1], procedure=f"{'spect' if cor else 'gamma_camera'}.{procedure}"
        )
