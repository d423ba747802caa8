"""Scores of checklists: exact, with deductions down to a floor, items that do not apply, and vetoes."""

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photopeak_centre.campaigns.scoring import ChecklistError, checklist_names, read_checklist, score_sheet, shipped, verdict_of

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def item(number, **fields):
    return {"number": number, "en": "x", "zh": "项", "points": 5, "need": 3, **fields}


def checklist(*items, pass_percent="80"):
    section = {"number": "1", "en": "s", "zh": "节", "item": list(items)}
    return read_checklist({"edition": "1", "en": "c", "zh": "表", "pass_percent": pass_percent, "section": [section]}, name="c")


@pytest.mark.parametrize(
    ("occurrences", "truth"), [(1, "4.5"), (2, "4"), (3, "3.5"), (4, "3"), (5, "2.5"), (6, "2.5"), (999, "2.5")]
)
def test_half_a_point_an_occurrence_down_to_the_floor(occurrences, truth):
    one = checklist(item("1.1", each="0.5", floor="2.5"))
    assert score_sheet(one, {"1.1": ("partial", occurrences)}).scores["1.1"] == Decimal(truth)


def test_the_sheet_of_the_drawing_scores_as_drawn():
    """76.5 of 85 with one item that does not apply: 90.0 %."""
    whole = shipped("spect_equipment")
    answers = {one.number: ("not_applicable", 0) for one in whole.items()}
    answers |= {"3.1": ("met", 0), "3.2": ("partial", 2), "3.3": ("met", 0), "3.4": ("partial", 1)}
    answers |= {"4.1": ("met", 0), "4.2": ("not_met", 0), "4.3": ("met", 0)}
    sheet = score_sheet(whole, answers)
    assert sum(sheet.scores[n] for n in ("3.1", "3.2", "3.3", "3.4")) == Decimal("17.5")
    assert sum(sheet.scores[n] for n in ("4.1", "4.2", "4.3")) == 10
    assert (sheet.score, sheet.possible, sheet.failing, sheet.vetoed) == (Decimal("27.5"), 35, ("4.2",), ())


def test_tenths_add_up_exactly():
    """Thirty times 0.1 is 3, which floating point misses."""
    one = checklist(*(item(f"1.{n}", points="0.1", need="0.1") for n in range(30)))
    assert score_sheet(one, {f"1.{n}": ("met", 0) for n in range(30)}).score == Decimal(3)


def test_the_pass_mark_itself_passes_and_a_hundredth_below_fails():
    one = checklist(item("1.1", points=100, need=1, each="0.01", floor=0))
    assert score_sheet(one, {"1.1": ("partial", 2000)}).outcome == "pass"
    assert score_sheet(one, {"1.1": ("partial", 2001)}).outcome == "fail"


def test_a_failed_veto_fails_the_sheet_whatever_the_total():
    one = checklist(item("1.1", points=1000, need=1), item("1.2", points="0.5", need="0.5", veto=True))
    sheet = score_sheet(one, {"1.1": ("met", 0), "1.2": ("not_met", 0)})
    assert sheet.percent > 99.9
    assert (sheet.outcome, sheet.vetoed) == ("fail", ("1.2",))


def test_an_unanswered_item_leaves_the_sheet_not_assessed():
    one = checklist(item("1.1"), item("1.2"))
    sheet = score_sheet(one, {"1.1": ("met", 0)})
    assert (sheet.outcome, sheet.unanswered) == ("not_assessed", ("1.2",))


def test_a_sheet_on_which_nothing_applies_is_not_a_pass():
    assert score_sheet(checklist(item("1.1")), {"1.1": ("not_applicable", 0)}).outcome == "not_assessed"


@pytest.mark.parametrize("answer", [("partial", 1), ("perhaps", 0), ("", 0)])
def test_an_answer_that_the_item_does_not_know_is_refused(answer):
    with pytest.raises(ChecklistError):
        score_sheet(checklist(item("1.1")), {"1.1": answer})


def test_partial_without_an_occurrence_and_an_unknown_item_are_refused():
    one = checklist(item("1.1", each=1))
    for answers in ({"1.1": ("partial", 0)}, {"9.9": ("met", 0)}):
        with pytest.raises(ChecklistError):
            score_sheet(one, answers)


@pytest.mark.parametrize(
    "wrong",
    [
        {"floor": 5},
        {"need": 6},
        {"need": 0},
        {"each": 0},
        {"points": "0.001", "need": "0.001"},
        {"each": "0.125"},
        {"floor": -1},
    ],
)
def test_a_checklist_that_contradicts_itself_is_refused(wrong):
    with pytest.raises(ChecklistError):
        checklist(item("1.1", **wrong))


@given(st.lists(st.sampled_from(["met", "not_met", "not_applicable", 1, 2, 3, 50]), min_size=4, max_size=4))
def test_the_total_is_the_sum_of_its_items_and_lies_within_what_is_possible(answers):
    one = checklist(
        item("1.1", each="0.5", floor="2.5"), item("1.2", each="0.4"), item("1.3", each=1, floor=4), item("1.4", each="0.01")
    )
    given_ = {f"1.{n}": ("partial", a) if isinstance(a, int) else (a, 0) for n, a in enumerate(answers, 1)}
    sheet = score_sheet(one, given_)
    assert sheet.score == sum(points for points in sheet.scores.values() if points is not None)
    assert 0 <= sheet.score <= sheet.possible
    if sheet.possible:
        assert (sheet.outcome == "pass") == (Fraction(sheet.score) / Fraction(sheet.possible) >= Fraction(80, 100))


def test_a_failing_item_carries_the_checklist_and_its_number_as_the_criterion():
    whole = shipped("spect_equipment")
    one = next(one for one in whole.items() if one.number == "4.2")
    verdict = verdict_of(whole, one, Decimal("1"))
    assert verdict.outcome == "fail"
    assert (verdict.criterion.clause, verdict.criterion.edition) == ("4.2", whole.edition)
    assert verdict_of(whole, one, one.need).outcome == "pass"


@pytest.mark.parametrize("name", checklist_names())
def test_a_shipped_checklist_speaks_both_languages_and_comes_back_from_its_document(name):
    whole = shipped(name)
    assert read_checklist(whole.document()) == whole
    for one in whole.items():
        for words in (one.words, one.per, one.evidence, one.source):
            assert words is None or (CHINESE.search(words.zh) and not CHINESE.search(words.en))
        assert (one.each is None) == (one.per is None)
        assert not one.veto or one.need > 0
    assert score_sheet(whole, {one.number: ("met", 0) for one in whole.items()}).outcome == "pass"


def test_what_the_issue_asks_for_is_shipped():
    assert {"spect_equipment", "pet_ct_equipment", "therapy_ward_131i", "report_elements"} <= set(checklist_names())
