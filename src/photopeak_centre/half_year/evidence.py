"""The rows that a number of a report counted, each in words and with the page it is on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from photopeak_centre.campaigns.models import Campaign, ImageSample, Target, Visit
from photopeak_centre.checks.models import Result
from photopeak_centre.committee.models import Expert, Meeting, Motion
from photopeak_centre.courses.models import Course, Registration
from photopeak_centre.devices.models import Device
from photopeak_centre.eqa_rounds.models import Round, Score
from photopeak_centre.findings.models import Finding
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.indicators.models import Monthly
from photopeak_centre.said import language, now_said


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`counts`: whether it is within the part (n), or only within the total; `share`: what it adds, of a sum."""

    words: str
    more: str
    address: str
    counts: bool
    share: str


def _day(moment: Any) -> str:
    return "" if moment is None else timezone.localtime(moment).date().isoformat()


def _either(thing: Any, stem: str) -> str:
    return (getattr(thing, f"{stem}_en") if language() == "en" else "") or getattr(thing, f"{stem}_zh")


Said = Callable[[Any], tuple[str, str]]
#: kind -> model, what else to fetch, the page of one (none: it has no page of its own), what is said of one
KINDS: dict[str, tuple[type[models.Model], tuple[str, ...], str, Said]] = {
    "device": (Device, ("organisation",), "device", lambda x: (f"{x} · SN {x.serial}", str(x.organisation))),
    "hospital": (Organisation, (), "hospital", lambda x: (str(x), x.district)),
    "result": (
        Result, ("organisation", "device"), "result",
        lambda x: (x.name.say(language()), f"{x.organisation} · {x.device or ''} · {_day(x.acquired)}"),
    ),
    "finding": (Finding, ("organisation",), "finding", lambda x: (x.words.say(language()), f"{x.organisation} · {_day(x.raised)}")),
    "round": (Round, (), "eqa_round", lambda x: (f"{_either(x, 'scheme')} {x.name}", x.closed_on.isoformat())),
    "score": (Score, ("laboratory", "round"), "", lambda x: (f"{_either(x, 'analyte')} · {x.round.name}", str(x.laboratory))),
    "monthly": (Monthly, ("organisation",), "", lambda x: (f"{x.code} · {x.month:%Y-%m}", str(x.organisation))),
    "campaign": (Campaign, (), "campaign", lambda x: (str(x), f"{x.begins} – {x.ends}")),
    "target": (Target, ("organisation", "device"), "", lambda x: (str(x.device or x.organisation), str(x.organisation))),
    "visit": (Visit, ("organisation",), "visit", lambda x: (x.day.isoformat(), str(x.organisation))),
    "reading": (ImageSample, ("organisation",), "", lambda x: (x.code, str(x.organisation))),
    "course": (Course, (), "course", lambda x: (str(x), x.begins.isoformat())),
    "registration": (Registration, ("course",), "", lambda x: (x.name, x.employer)),
    "meeting": (Meeting, (), "meeting", lambda x: (str(x), _day(x.held))),
    "motion": (Motion, ("meeting",), "", lambda x: (x.words, str(x.meeting))),
    "expert": (Expert, (), "", lambda x: (str(x), x.employer)),
}  # fmt: skip


def rows_of(kept: dict[str, Any]) -> list[Row]:
    """Every row of a number's evidence; one that was removed since says so."""
    if kept["kind"] == "rows":
        by: dict[str, list[int]] = {}
        for kind, pk, _, _ in kept["rows"]:
            by.setdefault(kind, []).append(pk)
        things = {kind: _fetched(kind, ids) for kind, ids in by.items()}
        return [
            _row(kind, pk, things[kind].get(pk), counts=True, share=str(n) if of is None else f"{n} / {of}")
            for kind, pk, n, of in kept["rows"]
        ]
    part, whole = set(kept["n"]), kept.get("of", kept["n"])
    found = _fetched(kept["kind"], whole)
    rows = [_row(kept["kind"], pk, found.get(pk), counts=pk in part, share="") for pk in whole]
    return sorted(rows, key=lambda row: not row.counts)


def _fetched(kind: str, ids: Iterable[int]) -> dict[int, Any]:
    if kind not in KINDS:
        return {}
    model, related, _, _ = KINDS[kind]
    wanted = sorted(set(ids))
    found: dict[int, Any] = {}
    for n in range(0, len(wanted), 500):
        rows = model._default_manager.filter(pk__in=wanted[n : n + 500])
        found |= {one.pk: one for one in (rows.select_related(*related) if related else rows)}
    return found


def _row(kind: str, pk: int, thing: Any, *, counts: bool, share: str) -> Row:
    if thing is None:
        gone = now_said(f"{kind} {pk}: no longer stored", f"{kind} {pk}：已不在库中")
        return Row(words=gone, more="", address="", counts=counts, share=share)
    _, _, page, say = KINDS[kind]
    words, more = say(thing)
    return Row(words=words, more=more, address=_address(page, pk), counts=counts, share=share)


def _address(page: str, pk: int) -> str:
    try:
        return reverse(page, args=[pk]) if page else ""
    except NoReverseMatch:
        return ""
