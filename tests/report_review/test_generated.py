"""Reports of known truth in nine styles: every planted contradiction is found, clean ones are not flagged, writing does not matter."""

import random
from collections import Counter

import pytest

from photopeak.phantom.report_files import report_text_files
from photopeak.phantom.report_text import KINDS, OPERATORS, STYLES, SUITS, report_text
from photopeak.proportion import rate
from photopeak.report_review.audit import audited
from photopeak.report_review.contradictions import SOFT
from photopeak.text import TextDocument, read_text

PACK = {"MISSING_REQUIRED", "VAGUE_VALUE", "HYBRID_NOT_DESCRIBED", "TAT_LONG"} | SOFT
SAME = {"ACTIVITY_IMPLAUSIBLE": "UNIT_CONVERSION", "SUM_MISMATCH": "VALUE_MISMATCH"}


def read(text):
    report = audited(TextDocument(text=text, format="txt"))
    return {one.element: one.status for one in report.elements}, {SAME.get(one.code, one.code) for one in report.defects} - PACK


def mixed(number):
    """Style and kind of the number-th report, each with each."""
    return STYLES[number % len(STYLES)], KINDS[(number // len(STYLES)) % len(KINDS)]


def element_counts(count, first=0):
    """Per style: elements rightly absent, wrongly absent, overlooked, rightly present."""
    counts = {style: Counter() for style in STYLES}
    for number in range(first, first + count):
        style, kind = mixed(number)
        text, truth = report_text(seed=number, style=style, kind=kind, left_out=0.1)
        found, _ = read(text)
        for name, status in truth.elements.items():
            if status == "not_applicable" or found.get(name) in ("not_applicable", "not_assessable"):
                continue
            absent = found.get(name, "absent") == "absent"
            counts[style][
                ("right" if absent else "overlooked") if status == "absent" else ("accused" if absent else "present")
            ] += 1
    return counts


def share(counts, good, bad):
    return sum(one[good] for one in counts) / max(1, sum(one[good] + one[bad] for one in counts))


def lower_bound_by_style(counts, good, bad, draws=2000):
    """Lower 95 % bound of a share, styles resampled as wholes: reports of one style err alike."""
    chance = random.Random(1)
    drawn = sorted(share(chance.choices(list(counts.values()), k=len(counts)), good, bad) for _ in range(draws))
    return drawn[int(0.025 * draws)]


def recall(code, count, first=50_000):
    hits = 0
    for number in range(first, first + count):
        style = STYLES[number % len(STYLES)]
        kind = SUITS[code][(number // len(STYLES)) % len(SUITS[code])]
        text, _ = report_text(seed=number, style=style, kind=kind, left_out=0.05, defect=code)
        hits += SAME.get(code, code) in read(text)[1]
    return hits


def flags(count, first=200_000):
    found = []
    for number in range(first, first + count):
        style, kind = mixed(number)
        text, _ = report_text(seed=number, style=style, kind=kind, left_out=0.05)
        found += [(number, style, kind, code) for code in read(text)[1]]
    return found


def test_elements_in_a_sample_of_every_style():
    counts = element_counts(72)
    assert share(counts.values(), "present", "accused") >= 0.98
    assert share(counts.values(), "right", "accused") >= 0.90
    assert share(counts.values(), "right", "overlooked") >= 0.85


@pytest.mark.parametrize("code", SUITS)
def test_planted_contradictions_are_found_in_a_sample(code):
    assert recall(code, 18) >= 17


def test_clean_reports_are_not_flagged_in_a_sample():
    assert flags(72) == []


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_writing_changes_no_verdict(operator):
    for number in range(18):
        style, kind = mixed(number)
        text, _ = report_text(seed=number, style=style, kind=kind, left_out=0.05)
        other, _ = report_text(seed=number, style=style, kind=kind, left_out=0.05, operator=operator)
        before, after = read(text), read(other)
        assert after[1] == before[1] == set(), (style, kind, after[1])
        changed = {name for name in before[0] if (before[0][name] == "absent") != (after[0].get(name) == "absent")}
        assert changed == set(), (style, kind, changed)


def test_a_side_swapped_in_both_sections_is_another_patient_in_one_a_contradiction():
    for number in range(9):
        one, _ = report_text(seed=number, style=STYLES[number], defect="LATERALITY_MISMATCH")
        both, _ = report_text(seed=number, style=STYLES[number], operator="sides_in_both")
        assert "LATERALITY_MISMATCH" in read(one)[1]
        assert "LATERALITY_MISMATCH" not in read(both)[1]


def test_the_files_hold_what_the_truth_tells(tmp_path):
    written = report_text_files(tmp_path, count=8, encoding="gb18030")
    assert len(written) == 9
    assert "PET/CT" in read_text(written[0].read_bytes(), "a.txt").text


@pytest.mark.full
def test_elements_in_full():
    """1,080 reports, a tenth of the elements left out; bounds with styles as clusters, and each style left out in turn."""
    counts = element_counts(1080, first=10_000)
    print({style: {name: round(share([one], *pair), 4) for name, pair in PAIRS.items()} for style, one in counts.items()})
    print("left out:", {
        style: {name: round(share([one for other, one in counts.items() if other != style], *pair), 4) for name, pair in PAIRS.items()}
        for style in counts
    })  # fmt: skip
    print(
        {
            name: (round(share(counts.values(), *pair), 4), round(lower_bound_by_style(counts, *pair), 4))
            for name, pair in PAIRS.items()
        }
    )
    assert share(counts.values(), "present", "accused") >= 0.98
    assert lower_bound_by_style(counts, "right", "accused") >= 0.90
    assert share(counts.values(), "right", "overlooked") >= 0.85
    assert min(share([one], "right", "accused") for one in counts.values()) >= 0.80


PAIRS = {
    "presence recall": ("present", "accused"),
    "absent precision": ("right", "accused"),
    "absent recall": ("right", "overlooked"),
}


@pytest.mark.full
@pytest.mark.parametrize("code", SUITS)
def test_planted_contradictions_in_full(code):
    """405 of each code; the lower Wilson bound of the recall is at least .90."""
    hits = recall(code, 405)
    print(code, hits, rate(hits, 405))
    assert rate(hits, 405).lower >= 90.0


@pytest.mark.full
def test_clean_reports_in_full():
    found = flags(540)
    print(found)
    assert len(found) <= 4
