"""How well a standard deviation is known: coverage at every size of study."""

import numpy as np
import pytest

from photopeak.spread import length_uncertainty, relative_uncertainty, without_noise


@pytest.mark.parametrize("freedom", [4, 9, 30, 100])
def test_two_uncertainties_hold_the_true_standard_deviation_in_about_95_percent(freedom):
    rng = np.random.default_rng(freedom)
    s = np.sqrt(rng.chisquare(freedom, 20000) / freedom)
    assert np.mean(np.abs(s - 1) <= 2 * relative_uncertainty(freedom) * s) == pytest.approx(0.9545, abs=0.005)


def test_a_large_study_is_known_as_well_as_the_usual_formula_says():
    assert relative_uncertainty(2000) == pytest.approx(1 / np.sqrt(4000), rel=0.05)


@pytest.mark.parametrize("true", [0.0, 0.5, 1.0, 2.0, 3.0, 6.0])
@pytest.mark.parametrize("spread", [(1.0, 1.0, 1.0), (1.0, 0.6, 0.6), (1.0, 1.0, 0.3)])
def test_two_uncertainties_hold_the_mean_length_of_a_noisy_vector_however_short(true, spread):
    rng = np.random.default_rng(8)
    vectors = np.array([true, 0, 0]) + rng.standard_normal((10000, 3)) * spread
    covariance = np.diag(np.square(spread))
    lengths = np.linalg.norm(vectors, axis=1)
    stated = np.array([length_uncertainty(vector, covariance) for vector in vectors])
    assert 0.93 <= np.mean(np.abs(lengths - lengths.mean()) <= 2 * stated) <= 0.97


def test_differences_that_noise_explains_are_taken_out():
    assert without_noise(np.array([1.0, 1.1, 0.9]), 0.2) == pytest.approx([1.0, 1.0, 1.0])
    assert without_noise(np.array([0.0, 10.0]), 0.1) == pytest.approx([0.0, 10.0], abs=0.01)
    assert length_uncertainty(np.zeros(3), np.eye(3)) == 0
