"""Required elements: packs of patterns (packs/*.toml) read over the parts of a report.

An element is present or partial where a pattern is met in its parts and nothing in the clause takes it back; else not applicable, not
assessable, or absent. Absent is a proposal until a person confirms it: the number of expressions that were looked for stands with it.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Any, Literal

from photopeak.report_review import context
from photopeak.report_review.exam import Exam, recognise
from photopeak.report_review.lesions import Frame, frames
from photopeak.report_review.sections import Report, Span
from photopeak.words import Words

Status = Literal["present", "partial", "absent", "not_applicable", "not_assessable"]
PACKS = (
    "common",
    "national_pet_ct",
    "fdg_pet_ct",
    "psma_pet_ct",
    "bone_scan",
    "iodine_whole_body",
    "myocardial_perfusion",
    "renal",
    "thyroid",
)


class PackError(ValueError):
    """A pack of elements cannot be used as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Characters `start` to `end` of the text as read, and the text that stands there."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementRule:
    """One element of a pack. `rule` names pack, element and the fingerprint of the pack's text."""

    id: str
    zh: str
    en: str
    need: str
    weight: float
    citation: str
    rule: str
    parts: tuple[str, ...]
    present: re.Pattern[str] | None
    partial: re.Pattern[str] | None
    header: re.Pattern[str] | None
    without: re.Pattern[str] | None
    partial_without: re.Pattern[str] | None
    elsewhere: re.Pattern[str] | None
    expressions: int
    applies: str = "always"
    reader: str = ""
    silent: str = ""
    national: bool = False
    judged_by_person: bool = False
    vague: bool = False
    read_by: tuple[str, ...] = ()
    weak: re.Pattern[str] | None = None
    weak_without: re.Pattern[str] | None = None
    weak_parts: tuple[str, ...] = ()
    weak_free: bool = False
    weak_affirmed: bool = False
    weak_counts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """The verdict on one element of one report. `source` text, or the header of the message that carried it; `reason` why nobody can tell."""

    element: str
    en: str
    zh: str
    status: Status
    evidence: tuple[Quote, ...]
    rule: str
    citation: str
    need: str
    weight: float
    national: bool = False
    vague: bool = False
    judged_by_person: bool = False
    searched: int = 0
    source: str = "text"
    provisional: bool = True
    reason: Words | None = None


@dataclass(frozen=True)
class Material:
    """Everything the rules may look at in one report, each derived once. `header` is what the carrier states beside the text."""

    report: Report
    header: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True

    @cached_property
    def exam(self) -> Exam:
        return recognise(self.report)

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        return frames(self.report)

    @cached_property
    def lesions(self) -> tuple[Frame, ...]:
        """Affirmed abnormalities of this examination: in the findings, or, where there are none, in the impression."""
        found = tuple(one for one in self.frames if one.part == "findings" and one.abnormal and not one.rest)
        return found or tuple(
            one for one in self.frames if one.part == "impression" and one.abnormal and not one.rest and not one.past
        )

    def quote(self, span: Span) -> Quote:
        """These characters of the plain form as they stand in the text as read."""
        read = self.report.as_read(span.start, span.end)
        return Quote(text=self.report.text[read.start : read.end], start=read.start, end=read.end)

    def plain_of(self, quote: Quote) -> Span:
        """Where a quotation stands in the plain form."""
        return Span(start=self._plain_place(quote.start), end=self._plain_place(max(quote.start, quote.end - 1)) + 1)

    @cached_property
    def _first_of(self) -> Mapping[int, int]:
        """For each place in the text as read, the first character of the plain form that came from it."""
        found: dict[int, int] = {}
        for number, place in enumerate(self.report.layout.origin or ()):
            found.setdefault(place, number)
        return found

    def _plain_place(self, place: int) -> int:
        known = self._first_of.get(place)
        return known if known is not None else self.report.layout.plain_place(place)


Found = tuple[Status, tuple[Span, ...]]
Reader = Callable[[Material, ElementRule], Found]
READERS: dict[str, Reader] = {}
APPLIES: dict[str, Callable[[Material], bool]] = {"always": lambda material: True}


@cache
def _pack(name: str) -> tuple[Mapping[str, Any], str]:
    text = (resources.files("photopeak.report_review") / "packs" / f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text), hashlib.sha256(text.encode()).hexdigest()[:8]


@cache
def packs_fingerprint() -> str:
    """One fingerprint of all packs, to tell a run with other rules."""
    return hashlib.sha256("".join(_pack(name)[1] for name in PACKS).encode()).hexdigest()[:12]


@cache
def grammar() -> Mapping[str, str]:
    return dict(_pack("common")[0]["grammar"])


def filled(pattern: str) -> str:
    """A pattern with the names of the grammar replaced; {2,4} stays a repetition."""
    for _ in range(2):
        pattern = re.sub(r"\{([a-z_]+)\}", lambda found: grammar().get(found.group(1), found.group()), pattern)
    return pattern


def _alternatives(patterns: Iterable[str]) -> re.Pattern[str] | None:
    joined = "|".join(f"(?:{filled(one)})" for one in patterns)
    try:
        return re.compile(joined, re.I | re.M | re.A) if joined else None
    except re.error as error:
        raise PackError(f"{joined[:80]}…: {error}") from error


@cache
def rules(kind: str) -> tuple[ElementRule, ...]:
    """The elements asked of a report of this kind: the common ones, and those of each pack that names it."""
    found: dict[str, ElementRule] = {}
    for name in PACKS:
        book, fingerprint = _pack(name)
        if name == "common" or kind in book["types"]:
            found |= {row["id"]: _rule(row, name, fingerprint) for row in book["element"]}
    return tuple(found.values())


def _rule(row: Mapping[str, Any], pack: str, fingerprint: str) -> ElementRule:
    plain = {
        key: row[key]
        for key in (
            "id",
            "zh",
            "en",
            "need",
            "citation",
            "applies",
            "reader",
            "silent",
            "national",
            "judged_by_person",
            "vague",
            "weak_free",
            "weak_affirmed",
            "weak_counts",
        )
        if key in row
    }
    lists = {key: row.get(key, ()) for key in ("present", "partial", "header", "elsewhere")}
    return ElementRule(
        **plain,
        weight=float(row["weight"]),
        rule=f"{pack}/{row['id']}@{fingerprint}",
        parts=tuple(row.get("parts", ())),
        present=_alternatives(lists["present"]),
        partial=_alternatives(lists["partial"]),
        header=_alternatives(lists["header"]),
        elsewhere=_alternatives(lists["elsewhere"]),
        without=_alternatives(row.get("without", ())),
        partial_without=_alternatives(row.get("partial_without", row.get("without", ()))),
        expressions=sum(1 + pattern.count("|") for patterns in lists.values() for pattern in patterns),
        read_by=tuple(row.get("read_by", ())),
        weak=_alternatives(row.get("weak", ())),
        weak_without=_alternatives(row.get("weak_without", ())),
        weak_parts=tuple(row.get("weak_parts", ())),
    )


def parts_to_read(material: Material, rule: ElementRule) -> tuple[tuple[int, int], ...]:
    """Where to look: the parts of the rule, and their neighbours where a report has no such part of its own."""
    if not rule.parts:
        return ((0, len(material.report.plain)),)
    kinds = set(rule.parts)
    if "technique" in kinds and not material.report.has("technique"):
        kinds |= {"findings", "clinical", "limits"}
    if "clinical" in kinds and not material.report.has("clinical"):
        kinds |= {"technique", "comparison"}
    if "impression" in kinds and not material.report.has("impression"):
        kinds |= {"findings"}
    if "findings" in kinds and not material.report.has("findings"):
        kinds |= {"technique", "impression"}
    parts = material.report.before_findings(*kinds) if "header" in kinds else material.report.of(*kinds)
    return tuple((part.heading.start if part.heading else part.start, part.end) for part in parts)


def hits(
    material: Material, rule: ElementRule, pattern: re.Pattern[str] | None, places: Iterable[tuple[int, int]] | None = None
) -> Iterator[Span]:
    """Matches of a pattern in the parts of the rule whose clause does not take them back."""
    if pattern is None:
        return
    plain = material.report.plain
    without = rule.partial_without if pattern is rule.partial else rule.without
    for start, end in parts_to_read(material, rule) if places is None else places:
        for found in pattern.finditer(plain, start, end):
            if without is None or not _taken_back(plain, without, found):
                yield Span(start=found.start(), end=found.end())


def _taken_back(plain: str, without: re.Pattern[str], found: re.Match[str]) -> bool:
    left, right = context.clause_around(plain, found.start(), found.end())
    return bool(without.search(plain[left:right]))


def by_patterns(material: Material, rule: ElementRule) -> Found:
    """Present by the first pattern that holds, else partial, else absent; up to three places are shown."""
    for status, pattern in (("present", rule.present), ("partial", rule.partial)):
        spans = _first(hits(material, rule, pattern), 3)
        if spans:
            return ("present" if status == "present" else "partial"), spans
    if rule.header is not None:
        header = [(part.start, part.end) for part in material.report.of("header")]
        spans = _first(hits(material, rule, rule.header, header), 1)
        if spans:
            return "present", spans
    return "absent", ()


def elsewhere(material: Material, rule: ElementRule) -> Found:
    """An unmistakable statement in a part where this element is not expected: before "absent" is said, the whole text is read."""
    spans = _first(hits(material, rule, rule.elsewhere, ((0, len(material.report.plain)),)), 1)
    return ("present", spans) if spans else ("absent", ())


def _first(spans: Iterator[Span], most: int) -> tuple[Span, ...]:
    return tuple(span for _, span in zip(range(most), spans))


def judged(material: Material) -> tuple[Element, ...]:
    """Every element of the packs that concern this report, in the order of the packs."""
    return tuple(_judged(material, rule) for rule in rules(material.exam.type))


STRUCTURAL = frozenset(("hybrid", "hybrid_lesion"))  # what the kind of examination rules out, whatever the words


def _judged(material: Material, rule: ElementRule) -> Element:
    status: Status
    if rule.applies in STRUCTURAL and not APPLIES[rule.applies](material):
        told, spans = elsewhere(material, rule)  # 未做衰减校正 answers for the CT where there is none
        status = told if told == "present" else "not_applicable"
    else:
        status, spans = READERS.get(rule.reader, by_patterns)(material, rule)
        if status == "absent":
            status, spans = elsewhere(material, rule)
    source = "text"
    if status in ("absent", "partial") and material.header.get(rule.id):
        status, spans, source = "present", (), "header"
    if status == "absent":
        status = _why_silent(material, rule)
    return Element(
        element=rule.id, en=rule.en, zh=rule.zh, status=status, evidence=tuple(material.quote(span) for span in spans), rule=rule.rule,
        citation=rule.citation, need=rule.need, weight=rule.weight, national=rule.national, vague=rule.vague and status == "partial",
        judged_by_person=rule.judged_by_person, searched=rule.expressions, source=source, provisional=not rule.read_by,
    )  # fmt: skip


def _why_silent(material: Material, rule: ElementRule) -> Status:
    if not APPLIES[rule.applies](material):
        return "not_applicable"
    if rule.silent == "not_assessable" or not material.complete:
        return "not_assessable"
    return "absent"
