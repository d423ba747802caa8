"""Mandel's statistics and Youden's plot: critical values, invariances, coverage of the ellipse, who is named."""

import numpy as np
import pytest

from photopeak.immunoassay.interlaboratory import ellipse, h_critical, interlaboratory, k_critical
from photopeak.procedure import Refused


def measured(result, quantity):
    return {m.where["laboratory"]: m.value for m in result.measurements if m.quantity.name == quantity}


def codes(result):
    return {one.code for one in result.remarks}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (h_critical(18, 0.05), 1.876),
        (h_critical(18, 0.01), 2.363),
        (k_critical(18, 2, 0.05), 1.933),
        (k_critical(18, 2, 0.01), 2.440),
    ],
)
def test_the_critical_values_are_the_published_ones(found, expected):
    assert found == pytest.approx(expected, abs=0.0006)


def test_one_laboratory_in_twenty_passes_the_five_per_cent_value_by_chance():
    rng = np.random.default_rng(1)
    means, pairs = rng.normal(0, 1, (4000, 18)), rng.normal(0, 1, (4000, 18, 2))
    h = (means - means.mean(axis=1, keepdims=True)) / means.std(axis=1, ddof=1, keepdims=True)
    variances = pairs.var(axis=2, ddof=1)
    k = np.sqrt(variances / variances.mean(axis=1, keepdims=True))
    assert np.mean(np.abs(h) > h_critical(18, 0.05)) == pytest.approx(0.05, abs=0.003)
    assert np.mean(k > k_critical(18, 2, 0.05)) == pytest.approx(0.05, abs=0.003)


def test_h_and_k_have_their_true_values_and_name_the_laboratories_that_differ(table):
    rng = np.random.default_rng(2)
    truth = {f"L{n}": (10.0, 0.1) for n in range(16)} | {"far": (13.0, 0.1), "rough": (10.0, 1.2)}
    rows = [[name, r, f"{rng.normal(mean, sd):.4f}"] for name, (mean, sd) in truth.items() for r in (1, 2, 3, 4)]
    result = interlaboratory(table("laboratory,replicate,value", rows))
    assert {"mandel_h_1pct", "mandel_k_1pct"} <= codes(result)
    assert max(measured(result, "mandel_h"), key=measured(result, "mandel_h").get) == "far"
    assert max(measured(result, "mandel_k"), key=measured(result, "mandel_k").get) == "rough"
    means = np.array([np.mean([float(row[2]) for row in rows if row[0] == name]) for name in truth])
    assert measured(result, "mandel_h")["far"] == pytest.approx((means[16] - means.mean()) / means.std(ddof=1))


def test_k_is_that_of_all_laboratories_with_replicates_where_their_numbers_differ(table):
    """Sulfur in coal, level 1 of the example B.1 of ISO 5725-2:1994: three, four and five replicates; and one single result."""
    coal = [
        (0.71, 0.71, 0.70, 0.71),
        (0.69, 0.67, 0.68),
        (0.66, 0.65, 0.69),
        (0.67, 0.65, 0.66),
        (0.70, 0.69, 0.66, 0.71, 0.69),
    ]
    coal += [(0.73, 0.74, 0.73), (0.71, 0.71, 0.69), (0.70, 0.65, 0.68), (0.69,)]
    rows = [[lab, n, value] for lab, some in enumerate(coal, 1) for n, value in enumerate(some)]
    found = measured(interlaboratory(table("laboratory,replicate,value", rows)), "mandel_k")
    squares = [np.var(some, ddof=1) for some in coal[:8]]
    assert set(found) == {str(lab) for lab in range(1, 9)}
    assert found["8"] == pytest.approx(np.sqrt(squares[7] * 8 / sum(squares)), rel=1e-12)


def two_samples(rng, count=18, bias=5.0, random=2.0):
    common = rng.normal(0, bias, count)
    return common + rng.normal(0, random, count), common + rng.normal(0, random, count)


def test_the_ellipse_holds_95_per_cent_of_further_laboratories():
    rng, inside = np.random.default_rng(3), []
    for _ in range(600):
        found = ellipse(*two_samples(rng))
        inside.append(1 - np.mean(found.outside(*two_samples(rng, 200))))
    assert np.mean(inside) == pytest.approx(0.95, abs=0.025)


def test_a_bias_lies_along_the_diagonal_and_a_slip_across(table):
    first, second = two_samples(np.random.default_rng(5))
    rows = [[f"L{n}", s, 100 * (1 + d / 100)] for n, (a, b) in enumerate(zip(first, second)) for s, d in (("S1", a), ("S2", b))]
    rows += [["biased", "S1", 140], ["biased", "S2", 140], ["slip", "S1", 80], ["slip", "S2", 125]]
    result = interlaboratory(table("laboratory,sample,value", rows))
    said = next(one.words for one in result.remarks if one.code == "youden_outside")
    assert "biased, bias" in said.en
    assert "slip, random" in said.en
    assert "系统偏差" in said.zh
    assert measured(result, "youden_random")["biased"] == pytest.approx(0, abs=3)
    assert result.figures()[0].title.en == "the sample: Youden plot"


def test_units_do_not_matter(table):
    rng = np.random.default_rng(7)
    rows = [[f"L{n}", s, f"{rng.normal(10, 1):.3f}"] for n in range(8) for s in ("S1", "S2")]
    plain = interlaboratory(table("laboratory,sample,value", rows))
    scaled = interlaboratory(table("laboratory,sample,value", [[a, s, float(v) * 12.872] for a, s, v in rows]))
    assert [m.value for m in scaled.measurements] == pytest.approx([m.value for m in plain.measurements], abs=1e-9)


def test_too_few_laboratories_are_refused_in_both_languages(table):
    with pytest.raises(Refused) as refused:
        interlaboratory(table("laboratory,value", [["A", 1], ["B", 2], ["C", 3]]))
    assert refused.value.code == "too_few_results"
    assert refused.value.words.zh.endswith("。")
