"""A centre scores the module on its own labelled reports: figures with Wilson intervals, and how many reports of how many hospitals.

Labels are one JSON beside each text: `{"hospital": "...", "real": true, "elements": {id: {"status": ...}}, "defects": [{"code": ...}]}`. Texts never leave the folder.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photopeak.proportion import Rate, rate
from photopeak.report_review.audit import audited
from photopeak.report_review.contradictions import CRITICAL, SOFT
from photopeak.text import read_text
from photopeak.words import Words

SAME = {"ACTIVITY_IMPLAUSIBLE": "UNIT_CONVERSION", "SUM_MISMATCH": "VALUE_MISMATCH"}  # two names of one mistake
OF_THE_PACK = frozenset({"MISSING_REQUIRED", "VAGUE_VALUE", "HYBRID_NOT_DESCRIBED", "TAT_LONG"}) | SOFT
OPEN = ("not_assessable", "not_applicable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Figures over labelled reports; `real` and `hospitals` count only labels marked real. `by_element`: presence recall of each."""

    reports: int
    real: int
    hospitals: int
    presence_recall: Rate
    absent_precision: Rate
    absent_recall: Rate
    abstained: Rate
    checks_precision: Rate
    checks_recall: Rate
    critical_recall: Rate
    flags_on_clean: int
    clean: int
    by_element: Mapping[str, Rate]

    @property
    def words(self) -> Words:
        """What the product may say of its validation."""
        if not self.real:
            return Words("validated on real reports: none yet", "真实报告验证：尚无")
        reports = "1 real report" if self.real == 1 else f"{self.real} real reports"
        if not self.hospitals:
            return Words(
                f"validated on {reports}; their hospitals are not named", f"已在 {self.real} 份真实报告上验证（未标明医院）"
            )
        places = "1 hospital" if self.hospitals == 1 else f"{self.hospitals} hospitals"
        return Words(f"validated on {reports} from {places}", f"已在 {self.hospitals} 家医院的 {self.real} 份真实报告上验证")


def validate(folder: Path) -> Validation:
    """Audit every labelled text under `folder` and compare. Raises ValueError where no label is found or one cannot be read."""
    counts: Counter[str] = Counter()
    elements: dict[str, Counter[str]] = {}
    hospitals: set[str] = set()
    for labels, text in _pairs(folder):
        counts["reports"] += 1
        if labels.get("real") is True:
            counts["real"] += 1
            hospitals |= {str(labels["hospital"]).strip()} if str(labels.get("hospital", "")).strip() else set()
        report = audited(read_text(text.read_bytes(), text.name))
        _elements(labels, {one.element: one.status for one in report.elements}, counts, elements)
        _checks(labels, {one.code for one in report.defects}, counts)
    return Validation(
        reports=counts["reports"], real=counts["real"], hospitals=len(hospitals),
        presence_recall=_of(counts, "present", "accused"), absent_precision=_of(counts, "absent", "accused"),
        absent_recall=_of(counts, "absent", "overlooked"), abstained=rate(counts["open"], counts["asked"]),
        checks_precision=_of(counts, "found", "invented"), checks_recall=_of(counts, "found", "missed"),
        critical_recall=_of(counts, "critical found", "critical missed"), flags_on_clean=counts["flags"], clean=counts["clean"],
        by_element={name: _of(one, "present", "accused") for name, one in sorted(elements.items())},
    )  # fmt: skip


def _of(counts: Counter[str], good: str, bad: str) -> Rate:
    return rate(counts[good], counts[good] + counts[bad])


def _pairs(folder: Path) -> Iterator[tuple[Mapping[str, Any], Path]]:
    found = False
    for path in sorted(folder.glob("*.json")):
        texts = [
            one
            for one in path.parent.glob(f"{path.stem}.*")
            if one.suffix.lower() in (".txt", ".docx", ".pdf", ".html", ".hl7")
        ]
        if not texts:
            continue
        labels = json.loads(path.read_text("utf-8"))
        if not isinstance(labels, dict) or not isinstance(labels.get("elements"), dict):
            raise ValueError(f"{path.name}: no labels of elements")
        found = True
        yield labels, texts[0]
    if not found:
        raise ValueError(f"{folder}: no labelled report (NN.txt with NN.json beside it)")


def _elements(
    labels: Mapping[str, Any], said: Mapping[str, str], counts: Counter[str], elements: dict[str, Counter[str]]
) -> None:
    for name, label in labels["elements"].items():
        truth, found = label["status"], said.get(name, "absent")
        own = elements.setdefault(name, Counter())
        if truth == "not_applicable":
            if found == "absent":
                counts["accused"] += 1
                own["accused"] += 1
            continue
        counts["asked"] += 1
        if found in OPEN:
            counts["open"] += 1
            continue
        if truth == "absent":
            key = "absent" if found == "absent" else "overlooked"
        else:
            key = "accused" if found == "absent" else "present"
        counts[key] += 1
        own[key] += 1


def _checks(labels: Mapping[str, Any], codes: set[str], counts: Counter[str]) -> None:
    truth = {SAME.get(one["code"], one["code"]) for one in labels.get("defects", ()) if one["code"] not in OF_THE_PACK}
    found = {SAME.get(code, code) for code in codes - OF_THE_PACK}
    counts["found"] += len(truth & found)
    counts["invented"] += len(found - truth)
    counts["missed"] += len(truth - found)
    counts["critical found"] += len(truth & found & CRITICAL)
    counts["critical missed"] += len((truth - found) & CRITICAL)
    if not labels.get("defects"):
        counts["clean"] += 1
        counts["flags"] += len(found)
