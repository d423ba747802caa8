"""What campaigns add to a hospital of the cast: a signed visit with a photograph, a finding's grounds, an image to be read."""

import base64
import datetime
import itertools
import struct
import uuid
import zlib

from photopeak_centre.campaigns.entries import checklist_of, current_answers, take_entries
from photopeak_centre.campaigns.models import Campaign, Entry, Target, Visit
from photopeak_centre.campaigns.scoring import shipped

CENTRE_ONLY = set()
_numbers, _entries = itertools.count(800_001), itertools.count(9_000_001, 1000)


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


def things_of(organisation, device, result, by, word):
    campaign, _ = Campaign.objects.get_or_create(
        name_zh="设备检查",
        kind="devices",
        begins=datetime.date(2026, 1, 1),
        ends=datetime.date(2026, 12, 31),
        checklist="spect_equipment",
    )
    Target.objects.create(pk=next(_numbers), campaign=campaign, organisation=organisation, device=device, untested="")
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
    return {"visit": visit, "visit_picture": Entry.objects.get(pk=number)}
