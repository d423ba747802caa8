"""How well a standard deviation is known: coverage at every size of study."""

import numpy as np
import pytest

from photopeak.spread import relative_uncertainty


@pytest.mark.parametrize("freedom", [4, 9, 30, 100])
def test_two_uncertainties_hold_the_true_standard_deviation_in_about_95_percent(freedom):
    rng = np.random.default_rng(freedom)
    s = np.sqrt(rng.chisquare(freedom, 20000) / freedom)
    assert np.mean(np.abs(s - 1) <= 2 * relative_uncertainty(freedom) * s) == pytest.approx(0.9545, abs=0.005)


def test_a_large_study_is_known_as_well_as_the_usual_formula_says():
    assert relative_uncertainty(2000) == pytest.approx(1 / np.sqrt(4000), rel=0.05)
