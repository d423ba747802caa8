"""Samples, plans and agreement against published numbers and exact counting."""

import itertools
from collections import Counter

import pytest

from photopeak.proportion import binomial_p, discoveries, funnel_limits
from photopeak.report_review.agreement import ac1, adjudicated, agreement, kappa, to_adjudicate
from photopeak.report_review.sampling import acceptance, size_for_margin, size_to_see_one, stratified


@pytest.mark.parametrize(("rate", "size"), [(0.01, 299), (0.02, 149), (0.05, 59), (0.10, 29), (0.20, 14)])
def test_sizes_to_see_one_defect(rate, size):
    assert size_to_see_one(rate) == size


@pytest.mark.parametrize(("population", "size"), [(None, 139), (300, 95), (600, 113), (2000, 130)])
def test_sizes_for_five_points_at_ninety_percent(population, size):
    assert size_for_margin(0.9, 0.05, population) == size


@pytest.mark.parametrize(
    ("size", "allowed", "curve"),
    [(32, 2, (0.996, 0.786, 0.367, 0.032)), (50, 3, (0.998, 0.760, 0.250, 0.006)), (20, 0, (0.818, 0.358, 0.122, 0.012))],
)
def test_operating_characteristics_of_plans(size, allowed, curve):
    assert [acceptance(size, allowed, rate) for rate in (0.01, 0.05, 0.10, 0.20)] == pytest.approx(curve, abs=0.0006)


def test_a_finite_lot_by_counting_every_sample():
    lots = [sum(sample) for sample in itertools.combinations([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], 4)]
    assert acceptance(4, 1, 0.3, population=10) == pytest.approx(sum(bad <= 1 for bad in lots) / len(lots))


def test_a_sample_is_repeatable_proportional_and_weighted():
    reports = {f"r{n:04d}": ("A" if n < 600 else "B" if n < 900 else "C") for n in range(1000)}
    one, same, other = (stratified(reports, size=100, seed=seed) for seed in (7, 7, 8))
    assert one == same
    assert one.sha256 != other.sha256
    assert Counter(row.stratum for row in one.chosen) == {"A": 60, "B": 30, "C": 10}
    assert sum(row.weight for row in one.chosen) == pytest.approx(1000)
    assert len(one.double_read) == 20
    assert len(one.hidden_repeats) == 5


def test_flagged_reports_are_oversampled_and_weighted_down():
    reports = {f"r{n:03d}": "A" for n in range(400)}
    flagged = [f"r{n:03d}" for n in range(40)]
    found = stratified(reports, size=60, seed=1, flagged=flagged, flagged_share=0.5)
    weights = {row.stratum: row.weight for row in found.chosen}
    assert len(found.chosen) == 60
    assert weights["A | flagged"] == pytest.approx(40 / 30)
    assert sum(row.weight for row in found.chosen) == pytest.approx(400)
    with pytest.raises(ValueError, match="sample"):
        stratified(reports, size=401, seed=1)


def pairs(a, b, c, d):
    return [("yes", "yes")] * a + [("yes", "no")] * b + [("no", "yes")] * c + [("no", "no")] * d


def test_kappa_and_ac1_of_the_paradox():
    assert kappa(pairs(94, 3, 3, 0)) == pytest.approx(-0.031, abs=0.001)
    assert ac1(pairs(94, 3, 3, 0)) == pytest.approx(0.936, abs=0.001)
    assert kappa(pairs(47, 3, 3, 47)) == pytest.approx(0.88)


def test_bootstrap_intervals_hold_the_figure_and_shrink_with_reports():
    few, many = agreement(pairs(24, 3, 3, 20)), agreement(pairs(240, 30, 30, 200))
    for one in (few, many):
        assert one.kappa_interval[0] < one.kappa < one.kappa_interval[1]
        assert one.ac1_interval[0] < one.ac1 < one.ac1_interval[1]
    assert many.ac1_interval[1] - many.ac1_interval[0] < few.ac1_interval[1] - few.ac1_interval[0]
    with pytest.raises(ValueError, match="both"):
        agreement([])


def test_one_answer_throughout_has_no_kappa():
    found = agreement(pairs(30, 0, 0, 0))
    assert (found.agreed, found.kappa, found.ac1) == (1.0, None, None)


def test_adjudication_keeps_what_both_say_and_asks_the_third():
    first, second = {"a": "present", "b": "absent", "c": "absent"}, {"a": "present", "b": "present", "c": "present"}
    assert to_adjudicate(first, second) == ("b", "c")
    assert adjudicated(first, second, {"b": "absent"}) == {"a": "present", "b": "absent"}


def test_funnel_and_false_discoveries():
    low, high = funnel_limits(0.9, 100)
    assert low < 0.9 < high
    assert funnel_limits(0.9, 1000)[0] > low
    assert binomial_p(5, 10, 0.5) == pytest.approx(1.0)
    assert binomial_p(0, 10, 0.5) == pytest.approx(2 / 1024)
    assert discoveries({"a": 0.001, "b": 0.02, "c": 0.04, "d": 0.9}) == ("a", "b")
