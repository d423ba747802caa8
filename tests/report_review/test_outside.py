"""Reports by another hand than the rules: what their labels say is found, nothing clean is flagged."""

import json
import tomllib
from pathlib import Path

import pytest

from photopeak.report_review.audit import audited
from photopeak.report_review.contradictions import SOFT
from photopeak.text import TextDocument

HERE = Path(__file__).parent / "outside"
LABELS = tomllib.loads((HERE / "labels.toml").read_text("utf-8"))
ROLL = LABELS.pop("roll")
PACK = {"MISSING_REQUIRED", "VAGUE_VALUE", "HYBRID_NOT_DESCRIBED", "TAT_LONG"} | SOFT
SAME = {"ACTIVITY_IMPLAUSIBLE": "UNIT_CONVERSION", "SUM_MISMATCH": "VALUE_MISMATCH"}


CONTRADICTORY = Path(__file__).parent / "contradictory"
PLANTED = tomllib.loads((CONTRADICTORY / "labels.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def audits():
    return {name: audited(TextDocument(text=(HERE / f"{name}.txt").read_text("utf-8"), format="txt")) for name in LABELS}


def test_every_label_has_its_report():
    assert {path.stem for path in HERE.glob("*.txt")} == set(LABELS)
    assert len(LABELS) >= 46


@pytest.mark.parametrize("name", LABELS)
def test_kind_and_contradictions_are_as_labelled(audits, name):
    found = {SAME.get(one.code, one.code) for one in audits[name].defects} - PACK
    assert audits[name].report_type == LABELS[name]["type"]
    assert found == {SAME.get(code, code) for code in LABELS[name].get("defects", [])}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_contradictions_are_found_and_nothing_else(name):
    report = audited(TextDocument(text=(CONTRADICTORY / f"{name}.txt").read_text("utf-8"), format="txt"))
    found = {SAME.get(one.code, one.code) for one in report.defects} - PACK
    assert report.report_type == PLANTED[name]["type"]
    assert found == {SAME.get(code, code) for code in PLANTED[name]["defects"]}


def test_presence_and_absence_are_as_labelled(audits):
    right, overlooked, accused, total, doubted = 0, 0, [], 0, 0
    for name, label in LABELS.items():
        found = {one.element: one.status for one in audits[name].elements}
        for element in {*ROLL["common"], *ROLL[label["type"]]} - set(label.get("open", ())):
            total += 1
            if found.get(element) == "not_assessable":
                doubted += 1
                continue
            absent = found.get(element, "absent") == "absent"
            if element in label.get("absent", ()):
                right, overlooked = right + absent, overlooked + (not absent)
            elif absent:
                accused.append((name, element))
    assert total > 1200
    assert doubted / total <= 0.02
    assert len(accused) / (right + len(accused)) <= 0.05, accused
    assert right / (right + overlooked) >= 0.90


def test_labels_are_plain_data():
    assert json.loads(json.dumps(LABELS)) == LABELS
