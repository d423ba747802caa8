"""The cast: a centre, hospital A with everything, hospital B with everything and a planted word in every text of it."""

from __future__ import annotations

import importlib
import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.test import Client
from django.utils import timezone

from photopeak_centre.accounts.models import Person
from photopeak_centre.accounts.roles import ROLES
from photopeak_centre.audit.chain import record
from photopeak_centre.checks.keeping import refresh_latest
from photopeak_centre.checks.models import Drawing, Judgement, Measurement, Result, Review
from photopeak_centre.devices.models import Device, DeviceLimit
from photopeak_centre.evidence.models import HandIn, Held, Item, Sender, Study, WatchedFolder
from photopeak_centre.evidence.store import keep
from photopeak_centre.hospitals.models import Department, Organisation
from photopeak_centre.jobs.models import Job

PLANTED = "Zwischenwasser"
numbers = itertools.count(700_001)  # identifiers long enough to be found in a page
#: cast_x.py beside this file: `things_of(organisation, device, result, by, word)`, by the name routes use; `CENTRE_ONLY`: those
#: of them that no hospital's own role reaches; `COMMON`: those that belong to no hospital and are open to whoever may do the act
_MORE = [importlib.import_module(file.stem) for file in sorted(Path(__file__).parent.glob("cast_*.py"))]
CENTRE_ONLY = {"person", "sender", "folder"}.union(*(more.CENTRE_ONLY for more in _MORE))
COMMON: set[str] = set().union(*(getattr(more, "COMMON", set()) for more in _MORE))


@dataclass
class Hospital:
    """One hospital's things by the name that routes use."""

    organisation: Organisation
    things: dict[str, Any] = field(default_factory=dict)


def person(role: str, organisation: Organisation, name: str | None = None) -> Person:
    return Person.objects.make(
        name or f"{role}-{organisation.pk}",
        "correct horse battery",
        name_zh=f"人员{role}",
        organisation=organisation,
        role=role,
    )


def signed_in(who: Person, language: str = "en") -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(who)
    client.cookies["django_language"] = language
    return client


def centre() -> Organisation:
    return Organisation.objects.create(kind="centre", name_zh="云汀市核医学质量控制中心", name_en="Yunting Centre")


def make_device(organisation: Organisation, word: str = "A", **fields: Any) -> Device:
    given = {"kind": "spect", "manufacturer": f"Meridian{word}", "model": f"NM-640{word}", "serial": f"20417{word}"}
    return Device.objects.create(pk=next(numbers), organisation=organisation, **{**given, **fields})


def make_result(device: Device, study: Study, value: float, outcome: str, by: Person | None = None, word: str = "") -> Result:
    document = {
        "procedure": "gamma_camera.flood_uniformity", "evidence": [{"path": f"f{word}.dcm", "sha256": "0" * 64, "series_uid": "1.2"}],
        "measurements": [], "verdicts": [], "refusal": None, "remarks": [{"code": "x", "en": f"remark {word}", "zh": word}], "conditions": [],
    }  # fmt: skip
    result = Result.objects.create(
        pk=next(numbers), organisation=device.organisation, study=study, device=device, job=next(numbers), procedure="gamma_camera.flood_uniformity",
        name_en="Flood uniformity", name_zh="泛源均匀性", version="0.1.0", evidence_sha256="0" * 64, stage="status",
        acquired=timezone.now(), outcome=outcome, document=document,
    )  # fmt: skip
    measurement = Measurement.objects.create(
        pk=next(numbers), result=result, device=device, acquired=result.acquired, quantity="integral_uniformity", place='{"detector":1}',
        where={"detector": 1}, value=value, unit="%", uncertainty=0.1,
    )  # fmt: skip
    criterion = {
        "standard": f"EX 1{word}", "edition": "2000", "clause": "1", "quantity": "integral_uniformity", "unit": "%", "lower": None,
        "upper": 5.0, "where": {}, "stage": "status", "read_by": [], "provisional": True, "condition": None, "device": {},
    }  # fmt: skip
    Judgement.objects.create(result=result, measurement=measurement, outcome=outcome, criterion=criterion)
    if by is not None:
        Review.objects.create(result=result, by=by, decision="comment", words=f"words {word}")
    refresh_latest(device.pk, [measurement])
    return result


def hospital(word: str, name: str, by: Person) -> Hospital:
    organisation = Organisation.objects.create(
        pk=next(numbers), kind="hospital", name_zh=name, name_en=f"{name} Hospital", district_zh=f"区{word}"
    )
    Department.objects.create(organisation=organisation, name_zh=f"科{word}")
    device = make_device(organisation, word, station=f"ST{word}", room=f"room{word}")
    limit = DeviceLimit.objects.create(
        pk=next(numbers),
        device=device,
        basis="baseline",
        quantity="integral_uniformity",
        upper=3.0,
        unit="%",
        source=f"paper {word}",
    )
    who = person("hospital_physicist", organisation, f"physicist{word}".lower())
    hand_in = HandIn.objects.create(pk=next(numbers), organisation=organisation, by=who, route="browser")
    study = Study.objects.create(
        pk=next(numbers),
        organisation=organisation,
        uid=f"1.2.{organisation.pk}",
        device=device,
        manufacturer=f"M{word}",
        model=f"X{word}",
    )
    blob = keep(f"blob {word}".encode())
    item = Item.objects.create(
        pk=next(numbers),
        organisation=organisation,
        study=study,
        hand_in=hand_in,
        identity=f"1.{organisation.pk}",
        content="0" * 64,
        blob=blob,
        name=f"file{word}.dcm",
    )
    held = Held.objects.create(
        pk=next(numbers),
        organisation=organisation,
        hand_in=hand_in,
        kind="patient",
        name="",
        code="patient_name",
        en=f"why {word}",
        zh=f"缘由{word}",
        blob=blob,
    )
    job = Job.objects.create(
        pk=next(numbers), organisation=organisation, study=study, state="dead", not_before=timezone.now(), code=f"c{word}"[:40]
    )
    result = make_result(device, study, 6.2 if word else 4.0, "fail", by=by, word=word)
    svg = keep(f"<svg xmlns='http://www.w3.org/2000/svg'>{word}</svg>".encode())
    drawing = Drawing.objects.create(
        pk=next(numbers), result=result, number=1, title_en=f"t{word}", title_zh=f"图{word}", en=svg, zh=svg, pixels=keep(b"\0" * 16),
        about={"rows": 2, "columns": 2, "pixel_mm": [1, 1], "left_mm": 0, "top_mm": 0, "window": [0, 1], "unit": {"en": "", "zh": ""}, "palette": "grey", "overlays": []},
    )  # fmt: skip
    sender = Sender.objects.create(pk=next(numbers), organisation=organisation, address="192.0.2.7", ae_title=f"AE{word}"[:16])
    record("added", f"device {device.pk}", organisation=organisation.pk, name=word)
    things: dict[str, Any] = {
        "hospital": organisation, "device": device, "limit": limit, "hand_in": hand_in, "study": study, "item": item, "held": held, "job": job, "result": result,
        "drawing": drawing, "sender": sender, "person": who,
        "folder": WatchedFolder.objects.create(pk=next(numbers), organisation=organisation, path=f"/srv/{word}"),
    }  # fmt: skip
    for more in _MORE:
        things |= more.things_of(organisation, device, result, by, word)
    return Hospital(organisation, things)


@dataclass
class Cast:
    centre: Organisation
    a: Hospital
    b: Hospital
    people: dict[str, Person]


def make_cast() -> Cast:
    """Every role once: the hospital's own roles in hospital A, the rest in the centre."""
    place = centre()
    inspector = person("inspector", place)
    a = hospital("Aaa", "岚溪医院", inspector)
    b = hospital(PLANTED, f"望湖{PLANTED}", inspector)
    people = {"inspector": inspector}
    for role, what in ROLES.items():
        if role not in people:
            people[role] = person(role, a.organisation if what.reach == "own" else place)
    return Cast(place, a, b, people)
