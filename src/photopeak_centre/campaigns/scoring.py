"""Weighted checklists as data, and the score of a sheet, exact to the hundredth of a point.

A checklist (checklists/*.toml) has sections of items. An item is worth `points`; answered "partial" it loses `each` per occurrence, down to
`floor`; "not_met" leaves 0; "not_applicable" takes it out of the total. An item below its `need` fails and becomes a finding. A `veto`
item that fails fails the sheet whatever the total. An item without `each` is met or not, there is no "partial" of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Any

from photopeak.criterion import Criterion
from photopeak.measurement import Quantity
from photopeak.verdict import Verdict, decide
from photopeak.words import Words

ANSWERS = ("met", "partial", "not_met", "not_applicable")
ANSWER_WORDS = {
    "met": Words("Met", "符合"),
    "partial": Words("Partly", "部分"),
    "not_met": Words("Not met", "不符合"),
    "not_applicable": Words("N/a", "不适用"),
}
OWN_ITEM = Words("centre's own item, to be approved by the committee", "中心自拟条目，待专家委员会审定")
HUNDREDTH = Decimal("0.01")


class ChecklistError(Exception):
    """A checklist contradicts itself, or an answer does not fit its item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a checklist. `per`: what one occurrence is; `evidence`: what the inspector asks to see; `source`: None, the centre's own."""

    number: str
    words: Words
    points: Decimal
    each: Decimal | None
    floor: Decimal
    need: Decimal
    veto: bool
    per: Words | None
    evidence: Words | None
    source: Words | None

    def score(self, answer: str, occurrences: int = 0) -> Decimal | None:
        """Points left; None where the item does not apply. Raises ChecklistError for an answer the item does not know."""
        if answer == "met":
            return self.points
        if answer == "not_met":
            return Decimal(0)
        if answer == "not_applicable":
            return None
        if answer != "partial" or self.each is None or occurrences < 1:
            raise ChecklistError(f"{self.number}: {answer} {occurrences}")
        return max(self.floor, self.points - self.each * occurrences)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    number: str
    words: Words
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """`pass_percent`: the share of the possible points from which a sheet without a failed veto passes."""

    name: str
    edition: str
    words: Words
    pass_percent: Decimal
    sections: tuple[Section, ...]

    def items(self) -> Iterator[Item]:
        for section in self.sections:
            yield from section.items

    def document(self) -> dict[str, Any]:
        """The checklist as JSON, numbers as text: what a visit keeps, and what the phone reckons with."""
        return {
            "name": self.name, "edition": self.edition, "words": _pair(self.words), "pass_percent": str(self.pass_percent),
            "sections": [
                {
                    "number": section.number, "words": _pair(section.words),
                    "items": [
                        {
                            "number": item.number, "words": _pair(item.words), "points": str(item.points),
                            "each": None if item.each is None else str(item.each), "floor": str(item.floor), "need": str(item.need),
                            "veto": item.veto, "per": _pair(item.per), "evidence": _pair(item.evidence), "source": _pair(item.source),
                        }
                        for item in section.items
                    ],
                }
                for section in self.sections
            ],
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A scored sheet. `scores`: item -> points left (None: does not apply). `outcome`: not_assessed while an item is unanswered."""

    score: Decimal
    possible: Decimal
    scores: Mapping[str, Decimal | None]
    unanswered: tuple[str, ...]
    failing: tuple[str, ...]
    vetoed: tuple[str, ...]
    outcome: str

    @property
    def percent(self) -> float | None:
        """For showing; `outcome` was decided on the exact fraction."""
        return None if not self.possible else float(100 * Fraction(self.score) / Fraction(self.possible))


def score_sheet(checklist: Checklist, answers: Mapping[str, tuple[str, int]]) -> Sheet:
    """`answers`: item number -> (answer, occurrences). Raises ChecklistError for an item or an answer the checklist does not know."""
    items = {item.number: item for item in checklist.items()}
    unknown = answers.keys() - items.keys()
    if unknown:
        raise ChecklistError(f"no such item: {', '.join(sorted(unknown))}")
    scores = {number: items[number].score(*answer) for number, answer in answers.items()}
    counted = {number: points for number, points in scores.items() if points is not None}
    failing = tuple(number for number, item in items.items() if number in counted and counted[number] < item.need)
    vetoed = tuple(number for number in failing if items[number].veto)
    unanswered = tuple(number for number in items if number not in scores)
    score = sum(counted.values(), Decimal(0))
    possible = sum((items[number].points for number in counted), Decimal(0))
    if vetoed:
        outcome = "fail"
    elif unanswered or not possible:
        outcome = "not_assessed"
    else:
        outcome = "pass" if 100 * score >= checklist.pass_percent * possible else "fail"
    return Sheet(
        score=score, possible=possible, scores=scores, unanswered=unanswered, failing=failing, vetoed=vetoed, outcome=outcome
    )


def verdict_of(checklist: Checklist, item: Item, points: Decimal) -> Verdict:
    """The item's points held against its need: the criterion cited is the checklist, its clause the item's number."""
    quantity = Quantity(name="checklist_points", unit="1", en=item.words.en, zh=item.words.zh)
    criterion = Criterion(
        standard=f"{checklist.words.zh} / {checklist.words.en}", edition=checklist.edition, clause=item.number, quantity="checklist_points",
        unit="1", lower=float(item.need), coverage=0.0, where={"item": item.number}, stage="status", provisional=item.source is None,
        note=(item.source or OWN_ITEM).en,
    )  # fmt: skip
    return decide(quantity.of(float(points), item=item.number), criterion)


def _pair(words: Words | None) -> dict[str, str] | None:
    return None if words is None else {"en": words.en, "zh": words.zh}


def checklist_names() -> tuple[str, ...]:
    folder = resources.files("photopeak_centre.campaigns") / "checklists"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml")))


@cache
def shipped(name: str) -> Checklist:
    """A checklist that comes with the centre, by the name of its file. Raises ChecklistError for a name or a file that is wrong."""
    if name not in checklist_names():
        raise ChecklistError(f"no checklist {name!r}: {', '.join(checklist_names())}")
    text = (resources.files("photopeak_centre.campaigns") / "checklists" / f"{name}.toml").read_text("utf-8")
    return read_checklist(tomllib.loads(text, parse_float=Decimal), name=name)


def read_checklist(document: Mapping[str, Any], name: str = "") -> Checklist:
    """From a TOML file's or a visit's document. Raises ChecklistError where it contradicts itself."""
    sections = tuple(
        Section(
            number=str(one["number"]),
            words=_words(one) if "words" not in one else Words(**one["words"]),
            items=tuple(_item(item) for item in one.get("item", one.get("items", ()))),
        )
        for one in document.get("section", document.get("sections", ()))
    )
    found = Checklist(
        name=name or str(document["name"]), edition=str(document["edition"]), sections=sections,
        words=_words(document) if "words" not in document else Words(**document["words"]),
        pass_percent=Decimal(str(document["pass_percent"])),
    )  # fmt: skip
    numbers = [item.number for item in found.items()]
    if not numbers or len(numbers) != len(set(numbers)) or not 0 < found.pass_percent <= 100:
        raise ChecklistError(f"{found.name}: item numbers are missing or stand twice, or the pass mark is no share")
    return found


def _item(row: Mapping[str, Any]) -> Item:
    def number(key: str, default: Any) -> Decimal:
        return Decimal(str(row.get(key, default)))

    def words(key: str) -> Words | None:
        return None if row.get(key) is None else Words(row[key]["en"], row[key]["zh"])

    each = None if row.get("each") is None else number("each", 0)
    item = Item(
        number=str(row["number"]), words=_words(row) if "words" not in row else Words(**row["words"]), points=number("points", 0), each=each,
        floor=number("floor", 0), need=number("need", 0), veto=bool(row.get("veto", False)), per=words("per"),
        evidence=words("evidence"), source=words("source"),
    )  # fmt: skip
    amounts = (item.points, item.floor, item.need, *(() if each is None else (each,)))
    sound = 0 <= item.floor < item.points and 0 < item.need <= item.points and (each is None or each > 0)
    if not sound or any(amount != amount.quantize(HUNDREDTH) for amount in amounts):
        raise ChecklistError(f"{item.number}: points {item.points}, each {each}, floor {item.floor}, need {item.need}")
    return item


def _words(row: Mapping[str, Any]) -> Words:
    return Words(row["en"], row["zh"])
