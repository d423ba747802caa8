"""One road in: whatever way a file arrives, it is read here, kept, given to its study, and its check is enqueued at once.

No answer of intake depends on what another hospital has handed in.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
import zipfile
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from photopeak.dicom.parse import looks_like_dicom, parse
from photopeak.dicom.sources import ZIP_MAGIC, archived
from photopeak.dicom.unusable import Unusable
from photopeak.dicom.wall import Unread, Wall, silence
from photopeak.evidence import Subject
from photopeak.table import names_a_table
from photopeak.text import names_a_text
from photopeak.words import Words
from photopeak_centre.devices.models import Device
from photopeak_centre.evidence.canonical import Identity, Named, refuse_patients
from photopeak_centre.evidence.models import HandIn, Held, Item, Study
from photopeak_centre.evidence.store import keep
from photopeak_centre.jobs.queue import enqueue

logger = logging.getLogger(__name__)
#: a study that arrives image by image is checked when nothing more has come for so long
SETTLES_S = {"dicom": 20.0, "folder": 10.0, "browser": 3.0, "form": 0.0}

WORDS = {
    "patient_name": Words(
        "The header holds a name that is not a phantom's. Export again without patient data, or say that it is a phantom.",
        "文件头中的姓名不是模体名称。请去除患者信息后重新导出，或确认其为模体。",
    ),
    "birth_date": Words(
        "The header holds a birth date. Export again without patient data, or say that it is a phantom.",
        "文件头中有出生日期。请去除患者信息后重新导出，或确认其为模体。",
    ),
    "burned_in_annotation": Words(
        "The header says that words are burned into the image. Export it without them.",
        "文件头注明图像中叠印有文字。请导出无叠印文字的图像。",
    ),
    "conflict": Words(
        "Another image came earlier under the same identifier. The earlier one stays; this one is kept aside for a person to compare.",
        "此前已收到标识相同而内容不同的图像。保留先到者，本文件另存待人工比对。",
    ),
}


def take_file(hand_in: HandIn, path: Path, name: str) -> None:
    """Take one uploaded or found file; a ZIP is opened and its members are taken one by one."""
    with path.open("rb") as file:
        head = file.read(4)
    if head == ZIP_MAGIC and not (names_a_table(name) or names_a_text(name)):
        wall = Wall()
        members = wall.attempt([name], lambda: archived(zipfile.ZipFile(path), name))
        _list_unread(hand_in, wall.unread)
        for member in members or ():
            data = wall.attempt([member.path], member.read)
            _list_unread(hand_in, wall.unread)
            if isinstance(data, bytes):
                take(hand_in, data, member.path)
        return
    take(hand_in, path.read_bytes(), name)


def take(hand_in: HandIn, data: bytes, name: str, *, phantom: bool = False) -> str:
    """Take one file's bytes: "taken", "known" (here already) or "held". Once this returns, nothing can lose it.

    `phantom`: a person has said that this file shows no patient.
    """
    wall, shown = Wall(), name.replace("\0", "")[-255:]
    with silence():
        try:
            identity = wall.attempt([shown], lambda: _identify(data, shown, phantom))
        except Exception:  # pragma: no cover - the wall answers everything
            logger.exception("intake")
            raise
    if wall.unread:
        _list_unread(hand_in, wall.unread)
        return "held"
    if isinstance(identity, Named):
        _hold(hand_in, "patient", "", identity.code, WORDS[identity.code], data)
        return "held"
    return _store(hand_in, data, shown, identity)


def _identify(data: bytes, name: str, phantom: bool) -> Identity | Named | None:
    """The identity of a DICOM file, None for a table or text, or why it is held."""
    if not data:
        raise Unusable("empty_file")
    if not looks_like_dicom(data):
        if names_a_table(name) or names_a_text(name):
            return None
        raise Unusable("not_dicom")
    parsed = parse(data)
    if not phantom:
        try:
            refuse_patients(parsed.dataset)
        except Named as named:
            return named
    return Identity(parsed)


@transaction.atomic
def _store(hand_in: HandIn, data: bytes, name: str, identity: Identity | None) -> str:
    digest = hashlib.sha256(data).hexdigest()
    own = f"sha256:{digest}"
    content = identity.content if identity else digest
    key = {"organisation_id": hand_in.organisation_id, "identity": identity.instance_uid if identity else own}
    item, new = Item.objects.filter(**key).first(), False
    if item is None or item.blob_id == digest:  # the same image in another envelope, as associations make, is not kept again
        blob = keep(data)
    if item is None:
        study = _study(hand_in, identity, own)
        item, new = Item.objects.get_or_create(
            **key,
            defaults={
                "study": study,
                "hand_in": hand_in,
                "content": content,
                "blob": blob,
                "name": name,
                "series_uid": identity.series_uid if identity else "",
            },
        )
    if not new and item.content != content:
        _hold(hand_in, "conflict", name, "conflict", WORDS["conflict"], data)
        return "held"
    if not new:
        HandIn.objects.filter(pk=hand_in.pk).update(known_before=F("known_before") + 1)
        return "known"
    HandIn.objects.filter(pk=hand_in.pk).update(taken=F("taken") + 1)
    if study.evidence_deleted is not None:  # handed in once more after its years
        study.evidence_deleted = None
        study.save(update_fields=["evidence_deleted"])
    enqueue(study, after_s=SETTLES_S[hand_in.route])
    return "taken"


def _study(hand_in: HandIn, identity: Identity | None, own: str) -> Study:
    about = identity.subject if identity else Subject()
    study, _ = Study.objects.get_or_create(
        organisation_id=hand_in.organisation_id,
        uid=identity.study_uid if identity else own,
        defaults={
            "device": device_of(hand_in.organisation_id, about),
            "manufacturer": (about.manufacturer or "")[:80],
            "model": (about.model or "")[:80],
            "serial": (about.serial or "")[:64],
            "station": (about.station or "")[:64],
            "acquired": aware(identity.acquired) if identity else None,
        },
    )
    return study


def device_of(organisation: int, about: Subject) -> Device | None:
    """The hospital's own device that the header names: by serial number, else by model and station, if only one fits."""
    devices = Device.objects.filter(organisation_id=organisation)
    tries: list[dict[str, Any]] = []
    if about.serial:
        tries.append({"serial": about.serial})
        tries.append({"serial": about.serial, "model__iexact": about.model or ""})
    elif about.model:
        tries.append({"model__iexact": about.model, "station__iexact": about.station or "", "serial": ""})
    for wanted in tries:
        found = list(devices.filter(**wanted)[:2])
        if len(found) == 1:
            return found[0]
    return None


def aware(moment: datetime.datetime | None) -> datetime.datetime | None:
    """A hospital's local time as a moment."""
    if moment is None or timezone.is_aware(moment):
        return moment
    return timezone.make_aware(moment, timezone.get_default_timezone())


def _hold(hand_in: HandIn, kind: str, name: str, code: str, words: Words, data: bytes) -> None:
    Held.objects.create(
        organisation_id=hand_in.organisation_id,
        hand_in=hand_in,
        kind=kind,
        name=name,
        code=code,
        en=words.en,
        zh=words.zh,
        blob=keep(data),
    )


def _list_unread(hand_in: HandIn, unread: list[Unread]) -> None:
    Held.objects.bulk_create(
        Held(
            organisation_id=hand_in.organisation_id,
            hand_in=hand_in,
            kind="unread",
            name=one.path.replace("\0", "")[-255:],
            code=one.code,
            en=one.words.en,
            zh=one.words.zh,
        )
        for one in unread
    )
    unread.clear()


def close(hand_in: HandIn) -> None:
    """Nothing more will come: what has arrived is checked now."""
    from photopeak_centre.jobs.models import Job

    with transaction.atomic():
        now = timezone.now()
        HandIn.objects.filter(pk=hand_in.pk, closed=None).update(closed=now)
        Job.objects.filter(state="waiting", study__items__hand_in=hand_in, not_before__gt=now).update(not_before=now)


def close_forgotten(silent_s: float = 3600.0) -> int:
    """Close what a killed receiver or watcher left open and nothing has come to since; returns how many."""
    now = timezone.now()
    before = now - datetime.timedelta(seconds=silent_s)
    left = HandIn.objects.filter(closed=None, route__in=("dicom", "folder"), opened__lte=before)
    return left.exclude(items__at__gt=before).update(closed=now)
