"""What campaigns add to a hospital of the cast: a signed visit with a photograph, a finding's grounds, an image to be read."""

import base64
import datetime
import itertools
import struct
import uuid
import zlib

from photopeak_centre.accounts.models import Person
from photopeak_centre.campaigns.entries import checklist_of, current_answers, take_entries
from photopeak_centre.campaigns.models import Campaign, Entry, ImageSample, Interest, Target, Visit
from photopeak_centre.campaigns.scoring import shipped
from photopeak_centre.evidence.models import Study
from photopeak_centre.evidence.store import keep

CENTRE_ONLY = {"campaign", "interest", "image_sample"}
_numbers, _entries = itertools.count(4_400_001), itertools.count(9_000_001, 1000)


def png(width=4, height=3, ink=True):
    """A small drawing with transparency."""
    rows = b"".join(b"\0" + (b"\x17\x21\x2b\xff" if ink and y == 1 else b"\0" * 4) * width for y in range(height))

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def row(kind, item="", value=None, **more):
    """An entry as the phone sends it."""
    picture = more.pop("picture", None)
    given = {"id": str(uuid.uuid4()), "kind": kind, "item": item, "value": value or {}, "base": None, "made": "2026-06-03T10:42:00+08:00", **more}  # fmt: skip
    return given if picture is None else given | {"data": base64.b64encode(picture).decode()}


def answer(item, said="met", occurrences=0, note="", **more):
    return row("answer", item, {"answer": said, "occurrences": occurrences, "note": note}, **more)


def signing(visit, name="院方"):
    """The entries that sign a sheet as it stands."""
    sheet = {item: str(one.client_id) for item, one in current_answers(visit).items()}
    signatures = [
        row("signature", value={"side": side, "name": f"{name}{side}", "sheet": sheet}, picture=png())
        for side in ("centre", "hospital")
    ]
    return [
        *signatures,
        row("finish", value={"sheet": sheet, "signatures": [one["id"] for one in signatures], "score": "1", "possible": "1"}),
    ]


def with_result(device, outcome, stage="status", procedure="gamma_camera.flood_uniformity", at=None):
    from cast import make_result

    study = Study.objects.create(organisation=device.organisation, uid=f"1.{device.pk}.{stage}.{procedure}", device=device)
    result = make_result(device, study, 4.0, outcome)
    result.stage, result.procedure = stage, procedure
    result.acquired = at or datetime.datetime(2026, 5, 4, tzinfo=datetime.UTC)
    result.save()
    return result


def things_of(organisation, device, result, by, word):
    campaign, _ = Campaign.objects.get_or_create(
        name_zh="设备检查",
        kind="devices",
        begins=datetime.date(2026, 1, 1),
        ends=datetime.date(2026, 12, 31),
        checklist="spect_equipment",
    )
    target = Target.objects.create(pk=next(_numbers), campaign=campaign, organisation=organisation, device=device, untested="")
    visit = Visit.objects.create(
        pk=next(_numbers), campaign=campaign, organisation=organisation, device=device, day=datetime.date(2026, 6, 3), checklist=shipped("spect_equipment").document(),
    )  # fmt: skip
    visit.inspectors.add(by)
    take_entries(visit, by, [answer(item.number, note=f"note {word}") for item in checklist_of(visit).items()])
    take_entries(visit, by, [row("photograph", "1.1", {"caption": f"caption {word}"}, picture=png())])
    take_entries(visit, by, signing(visit, word))
    assert visit.state == "signed"
    number = next(_entries)
    Entry.objects.filter(visit=visit, kind="photograph").update(id=number)
    # of this hospital alone: other hospitals' targets would stand on a common campaign's page
    own = Campaign.objects.create(
        pk=next(_numbers),
        name_zh="图像质量",
        kind="images",
        begins=datetime.date(2026, 1, 1),
        ends=datetime.date(2026, 12, 31),
    )
    Target.objects.create(pk=next(_numbers), campaign=own, organisation=organisation, device=device)
    fields = {"name_zh": "申报人", "organisation": by.organisation, "role": "inspector"}
    expert = Person.objects.make(f"declared{organisation.pk}", "correct horse battery", **fields)
    interest = Interest.objects.create(
        pk=next(_numbers), person=expert, organisation=organisation, kind="money", words=f"words {word}"
    )
    sample = ImageSample.objects.create(
        campaign=own,
        organisation=organisation,
        device=device,
        visit=visit,
        modality="spect",
        blob=keep(png(width=6)),
        media="image/png",
    )
    return {
        "visit": visit, "visit_picture": Entry.objects.get(pk=number), "campaign": own, "target": target, "interest": interest,
        "image_sample": sample,
    }  # fmt: skip
