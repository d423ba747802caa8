"""Lung shunt fraction: the worked examples, counting statistics, refusals."""

import numpy as np
import pytest

from photopeak.procedure import Refused

READ = {
    "lsf_pct": ("lung_shunt_fraction", {"method": "one_view"}, 1.0),
    "gm_lsf": ("lung_shunt_fraction", {"method": "geometric_mean"}, 100.0),
}


def test_the_worked_examples_give_their_expected_values(examples, measured, value_of):
    read = 0
    for text, expected, tolerance in examples("y90_radioembolisation"):
        for name in expected.keys() & READ.keys():
            quantity, where, scale = READ[name]
            found = value_of(measured("lung_shunt", text), quantity, **where)
            assert found.value == pytest.approx(scale * expected[name], rel=1e-9, abs=scale * tolerance), name
            read += 1
    assert read == 2


def test_the_uncertainty_of_a_shunt_holds_the_truth_of_poisson_counts(measured, value_of):
    generator, inside = np.random.default_rng(2), 0
    for _ in range(400):
        text = f"lung_counts,liver_counts\n{generator.poisson(400)},{generator.poisson(7600)}"
        found = value_of(measured("lung_shunt", text), "lung_shunt_fraction")
        inside += abs(found.value - 5.0) <= 2 * found.uncertainty
    assert 0.92 <= inside / 400 <= 0.98


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("lung_counts,liver_counts,background_counts\n10,500,40", "background_too_high"),
        ("lung_counts,liver_counts\n10,-1", "impossible_value"),
        ("ant_lung,post_lung,ant_liver\n100,81,900", "input_missing"),
    ],
)
def test_impossible_inputs_are_refused_in_words(measured, text, code):
    with pytest.raises(Refused) as refused:
        measured("lung_shunt", text)
    assert refused.value.code == code
    assert refused.value.words.zh
