"""Appending to the chain and verifying it."""

from __future__ import annotations

import datetime
import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from photopeak_centre.audit.models import ChainHead, Detail, Entry

START = "0" * 64


def record(act: str, about: str, *, person: Any = None, organisation: int | None = None, **content: Any) -> Entry:
    """Append an entry within the caller's transaction; call it last, for it holds the head until the commit."""
    with transaction.atomic():
        ChainHead.objects.get_or_create(pk=1)
        head = ChainHead.objects.select_for_update().get(pk=1)
        salt = secrets.token_hex(16)
        entry = Entry(
            number=head.number + 1,
            at=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            person=getattr(person, "pk", None),
            act=act,
            about=about,
            organisation=organisation,
            detail_hash=_detail_hash(salt, content),
            previous=head.hash,
        )
        entry.hash = hash_of(entry)
        entry.save()
        Detail.objects.create(entry=entry, salt=salt, content=content)
        ChainHead.objects.filter(pk=1).update(number=entry.number, hash=entry.hash)
    return entry


def hash_of(entry: Entry) -> str:
    parts = [
        entry.number, entry.at, entry.person, entry.act, entry.about, entry.organisation, entry.detail_hash, entry.previous,
    ]  # fmt: skip
    return hashlib.sha256(_canonical(parts)).hexdigest()


def _detail_hash(salt: str, content: dict[str, Any]) -> str:
    return hashlib.sha256(salt.encode() + _canonical(content)).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """`broken_at`: the number of the first entry that does not follow from the one before it; None where all do."""

    entries: int
    last_hash: str
    erased: int
    broken_at: int | None


def verify_chain(anchor: str | None = None, after: tuple[int, str] | None = None) -> ChainState:
    """Walk the whole chain. `anchor`: a hash printed earlier, which must still stand in it.

    `after`: (number, hash) of an entry up to which the chain was verified earlier; only what follows is walked.
    """
    number, previous = after or (0, START)
    expected, erased, seen = number + 1, 0, anchor is None
    if after and not Entry.objects.filter(number=number, hash=previous).exists():
        return ChainState(entries=number - 1, last_hash=previous, erased=0, broken_at=number)
    entries = Entry.objects.filter(number__gt=number).order_by("number").select_related("detail")
    for entry in entries.iterator(5000):
        detail = getattr(entry, "detail", None)
        erased += detail is None
        whole = detail is None or _detail_hash(detail.salt, detail.content) == entry.detail_hash
        if entry.number != expected or entry.previous != previous or hash_of(entry) != entry.hash or not whole:
            return ChainState(entries=expected - 1, last_hash=previous, erased=erased, broken_at=expected)
        previous, expected, seen = entry.hash, expected + 1, seen or entry.hash == anchor
    head = ChainHead.objects.filter(pk=1).first()
    ends = (head.number, head.hash) if head else (0, START)
    broken = None if ends == (expected - 1, previous) and seen else expected
    return ChainState(entries=expected - 1, last_hash=previous, erased=erased, broken_at=broken)
