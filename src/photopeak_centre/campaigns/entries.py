"""Taking in what a phone entered at a visit: once, in its order, with nothing lost; and signing, which locks the sheet.

An entry carries the identifier that the phone gave it. The same entry again is "known" and changes nothing; another entry under a known
identifier is refused. An answer says which answer it was made from (`base`): where that is no longer the current one, both stay, side
by side, until a person settles it. What arrives after signing is kept apart.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from photopeak.words import Words
from photopeak_centre.audit.chain import record
from photopeak_centre.campaigns.models import Entry, Visit, conflicts_with
from photopeak_centre.campaigns.pictures import NotAPicture, clean_picture, has_ink
from photopeak_centre.campaigns.scoring import (
    OWN_ITEM,
    Checklist,
    ChecklistError,
    Sheet,
    read_checklist,
    score_sheet,
    verdict_of,
)
from photopeak_centre.evidence.store import keep
from photopeak_centre.jobs.analyse import criterion_as_data

KINDS = ("answer", "photograph", "signature", "withdraw", "finish")
SIDES = ("centre", "hospital")
LONGEST_NOTE = 2000

WHY: dict[str, Words] = {
    "form": Words("the entry is not as the phone makes it", "记录格式不符"),
    "identifier": Words("another entry has this identifier", "该标识已用于其他记录"),
    "item": Words("the checklist has no such item or answer", "检查表无此条目或选项"),
    "picture": Words("not a whole JPEG or PNG picture", "不是完整的 JPEG 或 PNG 图片"),
    "empty": Words("nobody has signed on the pad", "签名区为空"),
    "unanswered": Words("items are not answered", "有条目未评分"),
    "conflict": Words("answers of two devices differ; settle them and sign again", "两台设备的评分不一致，请处理后重新签名"),
    "sheet": Words(
        "the sheet was changed on another device after it was signed; look at it and sign again",
        "签名之后另一台设备改动了本表，请核对后重新签名",
    ),
    "signatures": Words("both sides sign the same sheet", "双方须在同一份表上签名"),
    "interest": Words("who signs has declared an interest in this hospital", "签字人已申报与该单位的利益关系，不能签字"),
}


class Refused(Exception):
    """An entry that cannot be taken in; `code` is one of WHY."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An entry as it came, its form checked. `settles`: conflicts that this answer decides."""

    id: uuid.UUID
    kind: str
    item: str
    value: dict[str, Any]
    base: uuid.UUID | None
    settles: tuple[uuid.UUID, ...]
    made: datetime.datetime
    picture: tuple[bytes, str] | None

    def digest(self, visit: int) -> str:
        picture = None if self.picture is None else hashlib.sha256(self.picture[0]).hexdigest()
        parts = [visit, self.kind, self.item, self.value, self.base, list(self.settles), self.made.isoformat(), picture]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()


def checklist_of(visit: Visit) -> Checklist:
    return read_checklist(visit.checklist)


def take_entries(visit: Visit, person: Any, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Take in each row; the answers in their order: {"id", "is": taken, known, conflict, late or refused, "why": a code of WHY}."""
    with transaction.atomic():
        held = Visit.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=visit.pk)
        found = [_take(held, person, row) for row in rows]
    visit.refresh_from_db()
    return found


def _take(visit: Visit, person: Any, row: Any) -> dict[str, Any]:
    name = str(row.get("id", ""))[:36] if isinstance(row, dict) else ""
    try:
        given = _given(row, checklist_of(visit))
        known = Entry.objects.filter(client_id=given.id).first()
        if known is not None and known.content_sha256 != given.digest(visit.pk):
            raise Refused("identifier")
        if known is not None:
            return {"id": name, "is": "conflict" if known.state == "conflict" else "known", "why": ""}
        state, why = _keep(visit, person, given)
    except Refused as refused:
        return {"id": name, "is": "refused", "why": refused.code}
    return {"id": name, "is": {"conflict": "conflict", "late": "late"}.get(state, "taken"), "why": why}


def _given(row: Any, checklist: Checklist) -> Given:
    try:
        given = Given(
            id=uuid.UUID(row["id"]), kind=row["kind"], item=str(row.get("item", "")), value=dict(row["value"]),
            base=None if row.get("base") is None else uuid.UUID(row["base"]),
            settles=tuple(uuid.UUID(one) for one in row.get("settles", ())), made=datetime.datetime.fromisoformat(row["made"]),
            picture=None if row.get("data") is None else (base64.b64decode(row["data"], validate=True), ""),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise Refused("form") from error
    if (
        given.kind not in KINDS
        or timezone.is_naive(given.made)
        or (given.picture is None) == (given.kind in ("photograph", "signature"))
    ):
        raise Refused("form")
    value = {"answer": _answer, "photograph": _photograph, "signature": _signature, "finish": _finish}.get(
        given.kind, _nothing
    )(given, checklist)
    return replace(given, value=value, picture=_picture(given))


def _answer(given: Given, checklist: Checklist) -> dict[str, Any]:
    answer, occurrences, note = (given.value.get(key) for key in ("answer", "occurrences", "note"))
    if type(occurrences) is not int or not 0 <= occurrences < 10_000 or not isinstance(note, str) or len(note) > LONGEST_NOTE:
        raise Refused("form")
    try:
        score_sheet(checklist, {given.item: (str(answer), occurrences)})
    except ChecklistError as error:
        raise Refused("item") from error
    return {"answer": answer, "occurrences": occurrences, "note": note}


def _photograph(given: Given, checklist: Checklist) -> dict[str, Any]:
    if given.item not in {item.number for item in checklist.items()}:
        raise Refused("item")
    return {"caption": _text(given.value.get("caption", ""), 200)}


def _signature(given: Given, checklist: Checklist) -> dict[str, Any]:
    if given.value.get("side") not in SIDES:
        raise Refused("form")
    name = _text(given.value.get("name", ""), 80)
    if not name:
        raise Refused("form")
    return {"side": given.value["side"], "name": name, "sheet": _sheet(given)}


def _finish(given: Given, checklist: Checklist) -> dict[str, Any]:
    signatures = given.value.get("signatures")
    if not isinstance(signatures, list) or not all(isinstance(one, str) for one in signatures):
        raise Refused("form")
    score, possible = (_text(given.value.get(key, ""), 12) for key in ("score", "possible"))
    return {"sheet": _sheet(given), "signatures": signatures, "score": score, "possible": possible}


def _nothing(given: Given, checklist: Checklist) -> dict[str, Any]:
    if given.base is None:
        raise Refused("form")
    return {}


def _sheet(given: Given) -> dict[str, str]:
    sheet = given.value.get("sheet")
    if (
        not isinstance(sheet, dict)
        or len(sheet) > 500
        or not all(isinstance(one, str) for pair in sheet.items() for one in pair)
    ):
        raise Refused("form")
    return dict(sheet)


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise Refused("form")
    return value.strip()


def _picture(given: Given) -> tuple[bytes, str] | None:
    if given.picture is None:
        return None
    try:
        cleaned, media = clean_picture(given.picture[0])
        if given.kind == "signature" and (media != "image/png" or not has_ink(cleaned)):
            raise Refused("empty")
    except NotAPicture as error:
        raise Refused("picture") from error
    return cleaned, media


def _keep(visit: Visit, person: Any, given: Given) -> tuple[str, str]:
    """Store the entry in the state it deserves; that state, and why where it is not simply taken."""
    state, why = "current", ""
    entries = visit.entries
    if visit.state in ("signed", "cancelled"):
        state = "late"
    elif given.kind == "answer":
        state = _answer_state(visit, given)
    elif given.kind == "withdraw":
        entries.filter(client_id=given.base, kind="photograph").update(state="superseded")
    elif given.kind == "signature":
        earlier = entries.filter(kind="signature", state="current", value__side=given.value["side"])
        earlier.update(state="superseded")
    elif given.kind == "finish":
        sheet, why = _may_finish(visit, person, given)
        state = "conflict" if why else "current"
    made = Entry.objects.create(
        visit=visit, client_id=given.id, kind=given.kind, item=given.item, value=given.value, base=given.base, by=person, made=given.made,
        blob=None if given.picture is None else keep(given.picture[0]), media="" if given.picture is None else given.picture[1],
        content_sha256=given.digest(visit.pk), state=state,
    )  # fmt: skip
    if visit.state == "planned":
        visit.state = "open"
        Visit.objects.filter(pk=visit.pk).update(state="open")
    if given.kind == "finish" and state == "current":
        _sign(visit, person, made, sheet)
    return state, why


def _answer_state(visit: Visit, given: Given) -> str:
    answers = visit.entries.filter(kind="answer", item=given.item)
    current = answers.filter(state="current").first()
    if current is None or current.client_id == given.base:
        if current is not None:
            Entry.objects.filter(pk=current.pk).update(state="superseded")
        answers.filter(state="conflict", client_id__in=given.settles).update(state="settled")
        return "current"
    if answers.filter(state="conflict", client_id=given.base).update(state="superseded"):
        return "conflict"  # the other device went on from its own answer
    return "superseded" if current.value == given.value else "conflict"


def current_answers(visit: Visit) -> dict[str, Entry]:
    return {one.item: one for one in visit.entries.filter(kind="answer", state="current").select_related("by")}


def sheet_of(visit: Visit, answers: Mapping[str, Entry] | None = None) -> Sheet:
    """The visit's sheet as it stands, scored."""
    found = current_answers(visit) if answers is None else answers
    given = {item: (one.value["answer"], one.value["occurrences"]) for item, one in found.items()}
    return score_sheet(checklist_of(visit), given)


def _may_finish(visit: Visit, person: Any, given: Given) -> tuple[Sheet, str]:
    answers = current_answers(visit)
    sheet = sheet_of(visit, answers)
    signed = visit.entries.filter(kind="signature", state="current", client_id__in=_uuids(given.value["signatures"]))
    sides = {one.value["side"] for one in signed if one.value["sheet"] == given.value["sheet"]}
    if visit.entries.filter(kind="answer", state="conflict").exists():
        return sheet, "conflict"
    if given.value["sheet"] != {item: str(one.client_id) for item, one in answers.items()}:
        return sheet, "sheet"
    if sheet.unanswered:
        return sheet, "unanswered"
    if sides != set(SIDES):
        return sheet, "signatures"
    if conflicts_with(visit.organisation, [person], visit.day):
        return sheet, "interest"
    return sheet, ""


def _uuids(texts: Iterable[str]) -> list[uuid.UUID]:
    try:
        return [uuid.UUID(one) for one in texts]
    except ValueError as error:
        raise Refused("form") from error


def _sign(visit: Visit, person: Any, finish: Entry, sheet: Sheet) -> None:
    """Lock the sheet: its answers, score and outcome are frozen, failing items become findings, the audit log keeps its hash."""
    checklist, answers = checklist_of(visit), current_answers(visit)
    frozen = {
        "checklist": {"name": checklist.name, "edition": checklist.edition},
        "answers": {item: {**one.value, "entry": str(one.client_id), "points": _points(sheet, item)} for item, one in answers.items()},
        "score": str(sheet.score), "possible": str(sheet.possible), "failing": list(sheet.failing), "vetoed": list(sheet.vetoed),
        "outcome": sheet.outcome, "finish": str(finish.client_id), "made": finish.made.isoformat(),
        "signatures": [
            {"side": one.value["side"], "name": one.value["name"], "made": one.made.isoformat(), "sha256": one.blob_id}
            for one in visit.entries.filter(kind="signature", state="current").order_by("pk")
        ],
        "photographs": sorted(visit.entries.filter(kind="photograph", state="current").values_list("blob", flat=True)),
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps(frozen, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    visit.state, visit.outcome, visit.record, visit.signed_at = "signed", sheet.outcome, frozen, timezone.now()
    visit.score, visit.possible = float(sheet.score), float(sheet.possible)
    visit.save(update_fields=["state", "outcome", "record", "signed_at", "score", "possible"])
    raise_findings(visit, checklist, sheet, answers, person)
    record(
        "visit signed", f"visit {visit.pk}", person=person, organisation=visit.organisation_id, score=str(sheet.score),
        possible=str(sheet.possible), outcome=sheet.outcome, sha256=digest,
    )  # fmt: skip


def _points(sheet: Sheet, item: str) -> str | None:
    points = sheet.scores[item]
    return None if points is None else str(points)


def raise_findings(visit: Visit, checklist: Checklist, sheet: Sheet, answers: Mapping[str, Entry], person: Any) -> None:
    """One finding for each failing item; the verdict's criterion is the checklist, its clause the item. A correction repeats none."""
    from photopeak_centre.findings.life import raise_from

    source = "therapy" if visit.campaign.kind == "therapy" else "report" if visit.campaign.kind == "reports" else "visit"
    before = _already_raised(visit)
    for item in checklist.items():
        points = sheet.scores.get(item.number)
        if item.number not in sheet.failing or points is None or item.number in before:
            continue
        verdict = verdict_of(checklist, item, points)
        note = answers[item.number].value["note"].strip()
        words = Words(
            f"{item.number} {item.words.en}: {points} of {item.points} points{f'; {note}' if note else ''}",
            f"{item.number} {item.words.zh}：得 {points} 分（满分 {item.points} 分）{f'；{note}' if note else ''}",
        )
        data = {
            "outcome": verdict.outcome, "name": {"en": item.words.en, "zh": item.words.zh}, "quantity": "checklist_points",
            "where": {"item": item.number}, "value": float(points), "unit": "1", "uncertainty": None, "judgement": None,
            "criterion": None if verdict.criterion is None else criterion_as_data(verdict.criterion), "veto": item.veto,
            "source": {"en": (item.source or OWN_ITEM).en, "zh": (item.source or OWN_ITEM).zh},
        }  # fmt: skip
        raise_from(
            organisation=visit.organisation, source=source, procedure=f"checklist.{checklist.name}", words=words, verdicts=[data],
            by=person, device=visit.device, visit=visit, campaign=visit.campaign,
        )  # fmt: skip


def _already_raised(visit: Visit) -> set[str]:
    found: set[str] = set()
    earlier = visit.corrects
    while earlier is not None:
        for verdicts in earlier.findings.values_list("verdicts", flat=True):
            found |= {one["where"]["item"] for one in verdicts if "item" in one.get("where", {})}
        earlier = earlier.corrects
    return found


def correct(visit: Visit, person: Any) -> Visit:
    """A signed sheet is never changed: a correction is a new sheet that begins with its answers and photographs, to be signed again."""
    if visit.state != "signed":
        raise Refused("form")
    with transaction.atomic():
        new = Visit.objects.create(
            campaign=visit.campaign, organisation=visit.organisation, device=visit.device, day=timezone.localdate(),
            checklist=visit.checklist, state="open", corrects=visit,
        )  # fmt: skip
        new.inspectors.add(*visit.inspectors.all())
        for one in visit.entries.filter(state="current", kind__in=("answer", "photograph")).order_by("pk"):
            Entry.objects.create(
                visit=new, client_id=uuid.uuid4(), kind=one.kind, item=one.item, value=one.value, blob=one.blob, media=one.media,
                content_sha256=one.content_sha256, by=one.by, made=one.made, state="current",
            )  # fmt: skip
        record("correction opened", f"visit {new.pk}", person=person, organisation=new.organisation_id, corrects=visit.pk)
    return new


def state_of(visit: Visit) -> dict[str, Any]:
    """The visit as the phone shows it. `version` grows with every entry that was taken in."""
    rows = list(visit.entries.select_related("by").order_by("pk"))
    last = next((one for one in reversed(rows) if one.kind == "finish"), None)
    return {
        "version": len(rows),
        "state": visit.state,
        "signed_at": None if visit.signed_at is None else visit.signed_at.isoformat(),
        "answers": {one.item: _shown(one) for one in rows if one.kind == "answer" and one.state == "current"},
        "conflicts": [_shown(one) for one in rows if one.kind == "answer" and one.state == "conflict"],
        "photographs": [_shown(one) for one in rows if one.kind == "photograph" and one.state == "current"],
        "signatures": [_shown(one) for one in rows if one.kind == "signature" and one.state == "current"],
        "late": sum(one.state == "late" for one in rows),
        "refused_finish": last is not None and last.state == "conflict" and visit.state != "signed",
    }


def _shown(one: Entry) -> dict[str, Any]:
    found = {"id": str(one.client_id), "item": one.item, "by": str(one.by), "made": one.made.isoformat(), **one.value}
    found.pop("sheet", None)
    if one.blob_id:
        found["url"] = reverse("visit_picture", args=[one.pk])
    return found
