"""Doubt before an accusation: where something like a missing element stands in the text, it is not assessable, not absent.

The strict patterns of the packs decide what is present. For what they do not find, weak cues (`weak` in packs/*.toml: vocabulary, units, labels,
typical values) are looked for; one of them, not claimed by another element, is shown to a person instead of a proposal of absence. Of elements that
hardly a report leaves out (`weak_counts`), a cue that stands there counts as the element itself, and the verdict says that it rests on a cue alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from photopeak.report_review import context
from photopeak.report_review.elements import Element, ElementRule, Material, rules
from photopeak.report_review.sections import Span
from photopeak.words import Words

CLAIM = 60  # characters; a longer quotation is a whole part, and claims none of its words
LAST = 120  # characters at the end, which may be a signature that was not told from the rest


def with_doubts(material: Material, elements: Iterable[Element]) -> tuple[Element, ...]:
    """The verdicts, those of absence with a weak cue in the text turned to not assessable, with the cue as evidence and the reason."""
    verdicts = tuple(elements)
    if all(one.status != "absent" for one in verdicts):
        return verdicts
    claims = tuple(_claims(material, verdicts))
    of = {rule.id: rule for rule in rules(material.exam.type)}
    doubted = tuple(_doubted(material, one, of[one.element], claims) if one.status == "absent" else one for one in verdicts)
    unasked = any(one.element == "indication" and one.status == "absent" for one in doubted)
    return tuple(
        replace(one, status="not_applicable", evidence=()) if unasked and of[one.element].applies == "indication" else one
        for one in doubted
    )


def _claims(material: Material, verdicts: Iterable[Element]) -> Iterator[Span]:
    for one in verdicts:
        if one.status in ("present", "partial"):
            for quote in one.evidence:
                if quote.end - quote.start <= CLAIM:
                    yield material.plain_of(quote)


def _doubted(material: Material, verdict: Element, rule: ElementRule, claims: tuple[Span, ...]) -> Element:
    cue = next(_cues(material, rule, claims), None)
    if cue is None:
        return verdict
    named = rule.id != "name"  # the name itself stays out of every result
    quote = material.quote(cue if named else Span(start=cue.start, end=cue.start + 1))
    if rule.weak_counts:
        reason = Words(f"read by a cue alone: “{quote.text}”", f"仅据字样“{quote.text}”判为有") if named else Words("read by a cue alone", "仅据字样判为有")  # fmt: skip
        return replace(verdict, status="present", evidence=(quote,), reason=reason)
    reason = Words(
        f"something like it stands in the text: “{quote.text}”; a person must look", f"文中有类似字样“{quote.text}”，须人工查看"
    )
    return replace(verdict, status="not_assessable", evidence=(quote,), reason=reason)


def _cues(material: Material, rule: ElementRule, claims: tuple[Span, ...]) -> Iterator[Span]:
    """Weak cues that nothing takes back, in order of the text."""
    if rule.weak is None:
        return
    plain = material.report.plain
    for start, end in _places(material, rule):
        for found in rule.weak.finditer(plain, start, end):
            left, right = context.clause_around(plain, found.start(), found.end())
            if rule.weak_without is not None and rule.weak_without.search(plain, left, right):
                continue
            if rule.weak_free and any(one.start < found.end() and found.start() < one.end for one in claims):
                continue
            if rule.weak_affirmed and context.denied(plain[left:right], found.start() - left):
                continue
            yield Span(start=found.start(), end=found.end())


def _places(material: Material, rule: ElementRule) -> tuple[tuple[int, int], ...]:
    """The parts named, with those before the findings that no heading opened, and the end of the text where no signature was told."""
    report = material.report
    whole = len(report.plain)
    if not rule.weak_parts:
        return ((0, whole),)
    kinds = set(rule.weak_parts)
    if "technique" in kinds and not report.has("technique"):
        kinds |= {"findings"}
    if "findings" in kinds and not report.has("findings"):
        kinds |= {"technique", "impression"}
    if "impression" in kinds and not report.has("impression"):
        kinds |= {"findings"}
    parts = report.before_findings(*kinds) if "header" in kinds else report.of(*kinds)
    places = [(part.heading.start if part.heading else part.start, part.end) for part in parts]
    if "signature" in kinds and not report.has("signature"):
        places.append((max(0, whole - LAST), whole))
    return tuple(places)
