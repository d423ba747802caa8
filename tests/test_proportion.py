"""Proportions against published and exact answers."""

import math

import pytest

from photopeak.proportion import binomial_p, funnel_limits, rate


@pytest.mark.parametrize(
    ("count", "total", "lower", "upper"),
    [(0, 10, 0.0, 27.75), (10, 10, 72.25, 100.0), (81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (1, 29, 0.61, 17.18)],
)
def test_the_wilson_interval_is_the_published_one(count, total, lower, upper):
    """The last three: Newcombe 1998, Stat Med 17:857, table I, method 3; the truth there has four decimals."""
    found = rate(count, total)
    assert found.percent == pytest.approx(100 * count / total)
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=0.006)


def test_without_a_total_there_is_no_rate():
    assert rate(0, 0).percent is None


def test_the_exact_test_counts_outcomes_no_likelier_than_the_one_seen():
    expected = sum(math.comb(12, k) for k in range(13) if math.comb(12, k) <= math.comb(12, 2)) / 2**12
    assert binomial_p(2, 12, 0.5) == pytest.approx(expected)


def test_the_exact_test_answers_for_thousands():
    assert binomial_p(2500, 5000, 0.5) == pytest.approx(1.0)
    assert 0 < binomial_p(2300, 5000, 0.5) < 1e-6


def test_a_funnel_narrows_with_size():
    narrow, wide = funnel_limits(0.9, 1000), funnel_limits(0.9, 20)
    assert wide[0] < narrow[0] < 0.9 < narrow[1] < wide[1]
