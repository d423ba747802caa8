"""Drafting and issuing: a draft may be changed; what is issued is numbered, frozen, stored with its hashes, and never changes."""

from __future__ import annotations

import datetime
import hashlib
import json
from typing import Any

from django.db import transaction
from django.utils import timezone

from photopeak.finding import LIFE_OF_A_FINDING, IllegalAct
from photopeak.present.official import as_data, from_data, official_pdf
from photopeak.present.official_docx import official_docx
from photopeak_centre.audit.chain import record
from photopeak_centre.evidence.store import keep, read
from photopeak_centre.findings.life import act
from photopeak_centre.findings.models import Document, Finding, NumberSeries, Practice
from photopeak_centre.findings.papers import LANGUAGES, SERIES, Composed, compose, due_of, findings_of
from photopeak_centre.findings.texts import texts_of
from photopeak_centre.hospitals.models import Organisation

#: the paper that a finding needs next, by its state
NEXT_PAPER = {"raised": "notice", "escalated": "notice", "reinspected": "reinspection_opinion"}
DECISIONS = ("accept", "reject", "escalate")


def draft(kind: str, organisation: Organisation, *, finding: Finding | None = None, **about: Any) -> Document:
    """A new draft with the centre's own texts; of a finding the one that is open already, if there is one."""
    with transaction.atomic():
        if finding is not None:
            Finding.objects.select_for_update(of=("self",)).get(pk=finding.pk)
            known = next((one for one in drafts_of(finding) if one.kind == kind), None)
            if known is not None:
                return known
            if NEXT_PAPER.get(finding.state) != kind:
                raise IllegalAct(en="The finding does not need this paper now.", zh="目前无须此文书。")
            if kind == "reinspection_opinion":
                last = finding.acts.filter(act="reinspect").order_by("-at", "-id").first()
                about = {"decision": "accept" if last and last.detail.get("passed") else "reject", **about}
            about = {"with": [one.pk for one in _alike(finding)], **about}
        return Document.objects.create(
            organisation=organisation, kind=kind, finding=finding, content={**about, "texts": texts_of(kind)}
        )


def drafts_of(finding: Finding) -> list[Document]:
    """Drafts that are about this finding, alone or with others."""
    drafts = Document.objects.filter(organisation=finding.organisation_id, number="").exclude(finding=None)
    return [one for one in drafts if one.finding_id == finding.pk or finding.pk in (one.content.get("with") or ())]


def _alike(finding: Finding) -> list[Finding]:
    """Findings of the same visit that wait for the same paper: one notice lists them all, one opinion those that came out alike."""
    if finding.visit_id is None:
        return []
    others = Finding.objects.filter(visit=finding.visit_id, state=finding.state, organisation=finding.organisation_id)
    found = list(others.exclude(pk=finding.pk).order_by("id"))
    if finding.state != "reinspected":
        return found
    return [one for one in found if _passed(one) == _passed(finding)]


def _passed(finding: Finding) -> bool:
    last = finding.acts.filter(act="reinspect").order_by("-at", "-id").first()
    return bool(last and last.detail.get("passed"))


def numbered(kind: str, year: int) -> str:
    """The next number of that kind in that year; within the transaction that issues, so that none is lost or given twice."""
    prefix = Practice.of_the_centre().number_prefix + SERIES[kind]
    NumberSeries.objects.get_or_create(prefix=prefix, year=year)
    series = NumberSeries.objects.select_for_update().get(prefix=prefix, year=year)
    series.last += 1
    series.save(update_fields=["last"])
    return f"{prefix}〔{year}〕{series.last}号"


def issue(document: Document, *, by: Any, at: datetime.datetime | None = None) -> Document:
    """Number, freeze, store and, where the paper moves a finding, move it; all of it or nothing. Only who may sign."""
    if not by.may("sign"):
        raise IllegalAct(en="Only the director issues documents.", zh="文书由主任签发。")
    at = at or timezone.now()
    day = timezone.localdate(at)
    with transaction.atomic():
        held = (
            Document.objects.select_for_update(of=("self",))
            .select_related("finding__device", "organisation")
            .get(pk=document.pk)
        )
        if held.is_issued:
            raise IllegalAct(en="This document has been issued already.", zh="该文书已签发。")
        act_name = _act_of(held)
        due = due_of(held, day)
        if held.kind in ("notice", "reinspection_opinion") and act_name in ("notify", "reject") and due <= day:
            raise IllegalAct(en="The deadline is not after today; choose a later one.", zh="期限不晚于今日，请另定期限。")
        number = numbered(held.kind, day.year)
        composed = compose(held, number=number, day=day)
        frozen = {
            **held.content,
            "zh": as_data(composed.zh),
            "en": as_data(composed.en),
            "pictures": composed.pictures,
            "due": due.isoformat() if act_name in ("notify", "reject") else None,
        }
        files = {
            f"{form}_{language}": keep(made(composed, language, form)) for language in LANGUAGES for form in ("pdf", "docx")
        }
        Document.objects.filter(pk=held.pk).update(
            number=number, content=frozen, issued=day, signed_by=by, **{name: blob.pk for name, blob in files.items()}
        )
        document.refresh_from_db()
        if act_name:
            detail = {"due": due.isoformat()} if act_name in ("notify", "reject") else {}
            reason = composed.zh.paragraphs[-1].text if act_name in ("reject", "escalate") else ""
            for one in findings_of(held):
                act(one, act_name, by=by, document=document, detail=detail, at=at, words=reason)
        record(
            "document issued",
            f"document {held.pk}",
            person=by,
            organisation=held.organisation_id,
            kind=held.kind,
            number=number,
            content_sha256=content_hash(frozen),
            files={name: blob.pk for name, blob in files.items()},
        )
    return document


def _act_of(document: Document) -> str:
    """What issuing this paper does to its finding."""
    if document.finding is None:
        return ""
    name = "notify" if document.kind == "notice" else document.content.get("decision", "")
    name = name if document.kind in ("notice", "reinspection_opinion") else ""
    if name and any((one.state, name) not in LIFE_OF_A_FINDING for one in findings_of(document)):
        raise IllegalAct(
            en="The finding has moved on since this was drafted; discard the draft.", zh="起草后问题状态已变化，请废弃此稿。"
        )
    return name


def made(composed: Composed, language: str, form: str) -> bytes:
    """The file of a composed paper."""
    pictures = {name: read(of[language]) for name, of in composed.pictures.items()}
    write = official_pdf if form == "pdf" else official_docx
    return write(composed.of(language), pictures)


def composed_of(document: Document) -> Composed:
    """What was frozen, or of a draft what it amounts to today."""
    if not document.is_issued:
        return compose(document)
    content = document.content
    return Composed(zh=from_data(content["zh"]), en=from_data(content["en"]), pictures=content["pictures"])


def content_hash(content: dict[str, Any]) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
