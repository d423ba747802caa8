"""Line profiles: the width of a Gaussian sampled by pixels is known exactly."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from photopeak.profile import (
    FWHM_PER_SIGMA,
    FWTM_PER_SIGMA,
    ProfileError,
    fwhm,
    fwtm,
    gaussian_fit,
    gaussian_fits,
    nema_spread,
    nema_width,
)


def sampled(ratio, *, centre=0.3, fwhm_mm=7.5, peak=10_000.0, background=0.0, reach=2.7):
    """(positions, expected counts) of a Gaussian whose pixel is `ratio` of its FWHM."""
    pixel = ratio * fwhm_mm
    half = int(reach * fwhm_mm / pixel)
    at = np.arange(-half, half + 1) * pixel
    sigma = fwhm_mm / FWHM_PER_SIGMA
    share = ndtr((at + pixel / 2 - centre) / sigma) - ndtr((at - pixel / 2 - centre) / sigma)
    return at, peak * share * sigma * math.sqrt(2 * math.pi) / pixel + background


@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.35, 0.5, 0.7])
@pytest.mark.parametrize("background", [0.0, 10.0, 3000.0])
def test_the_gaussian_has_the_width_it_was_built_with_at_every_sampling(ratio, background):
    at, counts = sampled(ratio, background=background)
    fit = gaussian_fit(at, counts)
    assert fit.fwhm_mm == pytest.approx(7.5, rel=1e-6)
    assert fit.fwtm_mm == pytest.approx(7.5 * FWTM_PER_SIGMA / FWHM_PER_SIGMA, rel=1e-6)
    assert fit.centre_mm == pytest.approx(0.3, abs=1e-6)
    assert fit.background == pytest.approx(background, abs=1e-3)
    assert fit.expected(at) == pytest.approx(counts, rel=1e-5, abs=1e-3)


@pytest.mark.parametrize(("ratio", "bias"), [(0.1, 0.005), (0.2, 0.02), (0.35, 0.05), (0.5, 0.105)])
def test_the_rule_of_the_standard_grows_with_the_sampling_as_stated(ratio, bias):
    widths = []
    for centre in np.linspace(-0.5, 0.5, 21) * ratio * 7.5:
        widths.append(nema_width(*sampled(ratio, centre=centre)).width_mm)
    assert np.mean(widths) / 7.5 - 1 == pytest.approx(bias, rel=0.12)


def test_a_peak_sampled_finely_is_its_maximum_pixel_and_a_coarse_one_a_parabola():
    at, counts = sampled(0.1, centre=0.2)
    assert nema_width(at, counts).peak_mm in at
    at, counts = sampled(0.4, centre=0.6)
    found = nema_width(at, counts)
    assert found.peak_mm not in at
    assert found.peak_mm == pytest.approx(0.6, abs=0.1)
    assert found.peak_counts > counts.max()


@given(shift=st.floats(-1000, 1000), scale=st.floats(0.01, 1e5), stretch=st.floats(0.1, 10))
@settings(deadline=None, max_examples=30)
def test_moving_scaling_and_stretching_change_a_width_only_by_the_stretch(shift, scale, stretch):
    at, counts = sampled(0.2, background=50.0)
    plain, moved = nema_width(at, counts), nema_width(at * stretch + shift, counts * scale)
    assert moved.width_mm == pytest.approx(plain.width_mm * stretch, rel=1e-6)
    assert moved.middle_mm == pytest.approx(plain.middle_mm * stretch + shift, abs=1e-6 * (1 + abs(shift)))


def test_a_mirrored_profile_has_the_same_width():
    at, counts = sampled(0.3, centre=0.9, background=20)
    assert nema_width(at, counts[::-1]).width_mm == pytest.approx(nema_width(at, counts).width_mm, abs=1e-9)
    assert gaussian_fit(at, counts[::-1]).centre_mm == pytest.approx(-0.9, abs=1e-6)


def test_samples_in_any_order_give_the_same_fit():
    at, counts = sampled(0.2)
    order = np.random.default_rng(0).permutation(len(at))
    mixed = gaussian_fit(at[order], counts[order], pixel_mm=1.5)
    assert mixed.sigma_mm == pytest.approx(gaussian_fit(at, counts).sigma_mm, rel=1e-9)


@pytest.mark.parametrize(("ratio", "peak"), [(0.1, 300.0), (0.35, 1000.0), (0.5, 10_000.0)])
def test_the_fit_is_unbiased_and_its_uncertainties_hold_the_truth(ratio, peak):
    at, expected = sampled(ratio, peak=peak, background=3.0)
    counts = np.random.default_rng(5).poisson(expected, size=(2000, len(at))).astype(float)
    fits = gaussian_fits(np.tile(at, (2000, 1)), counts, pixel_mm=ratio * 7.5)
    widths = fits.parameters[:, 1] * FWHM_PER_SIGMA
    u = np.sqrt(fits.covariance[:, 1, 1]) * FWHM_PER_SIGMA
    assert fits.converged.all()
    assert widths.mean() == pytest.approx(7.5, abs=4 * u.mean() / math.sqrt(2000) + 0.002 * 7.5)
    assert 0.93 <= np.mean(np.abs(widths - 7.5) < 2 * u) <= 0.975
    assert 0.93 <= np.mean(np.abs(fits.parameters[:, 0] - 0.3) < 2 * np.sqrt(fits.covariance[:, 0, 0])) <= 0.975


@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.4])
def test_the_stated_spread_of_the_rule_holds_its_noiseless_value(ratio):
    at, expected = sampled(ratio, peak=2000.0, background=5.0)
    truth = nema_width(at, expected).width_mm
    spread = nema_spread(at, expected)
    draws = np.random.default_rng(8).poisson(expected, size=(600, len(at)))
    widths = np.array([nema_width(at, one).width_mm for one in draws])
    assert 0.92 <= np.mean(np.abs(widths - truth) < 2 * spread.uncertainty_mm) <= 0.99
    assert widths.mean() - truth == pytest.approx(spread.bias_mm, abs=0.3 * spread.sd_mm)


def test_noise_is_simulated_from_the_profile_itself_so_it_repeats():
    at, expected = sampled(0.2, peak=500)
    assert nema_spread(at, expected) == nema_spread(at, expected)


def test_reconstructed_values_that_are_not_counts_are_fitted_without_counting_statistics():
    at, expected = sampled(0.2, peak=1.0)
    noisy = expected + np.random.default_rng(3).normal(0, 0.01, len(at))
    fit = gaussian_fit(at, noisy, noise="uniform")
    assert fit.fwhm_mm == pytest.approx(7.5, abs=4 * fit.fwhm_uncertainty_mm)
    assert 0.01 < fit.fwhm_uncertainty_mm < 0.5


def test_tails_that_no_gaussian_has_widen_the_uncertainty():
    at, expected = sampled(0.1, peak=20_000)
    tails = expected + 2000 * np.exp(-np.abs(at) / 6)
    assert gaussian_fit(at, tails).misfit > 3
    assert gaussian_fit(at, tails).fwhm_uncertainty_mm > 1.5 * gaussian_fit(at, expected).fwhm_uncertainty_mm


def test_both_methods_are_named_and_give_their_uncertainty():
    at, counts = sampled(0.35)
    assert fwhm(at, counts, "gaussian")[0] == pytest.approx(7.5, rel=1e-6)
    assert fwhm(at, counts, "nema")[0] > 7.7
    assert fwtm(at, counts, "nema")[0] > fwhm(at, counts, "nema")[0]
    assert all(0 < fwhm(at, counts, method)[1] < 0.2 for method in ("nema", "gaussian"))


def test_a_clipped_profile_has_no_width():
    at, counts = sampled(0.2)
    with pytest.raises(ProfileError) as refusal:
        nema_width(at[: len(at) // 2 + 1], counts[: len(at) // 2 + 1])
    assert refusal.value.code == "clipped"
    assert refusal.value.words.zh


@pytest.mark.parametrize("counts", [np.zeros(30), np.full(30, 7.0), np.linspace(0, 1000, 30)])
def test_what_has_no_peak_has_no_width(counts):
    at = np.arange(30.0)
    with pytest.raises(ProfileError):
        nema_width(at, counts)
    with pytest.raises(ProfileError):
        gaussian_fit(at, counts)


def test_an_off_centre_peak_is_found_where_it_is():
    at, counts = sampled(0.2, centre=11.0, background=4.0, reach=4)
    assert gaussian_fit(at, counts).centre_mm == pytest.approx(11.0, abs=1e-5)
    assert gaussian_fit(at, counts).fwhm_mm == pytest.approx(7.5, rel=1e-5)


def test_a_fit_travels_between_processes():
    fit = gaussian_fit(*sampled(0.2))
    assert pickle.loads(pickle.dumps(fit)).sigma_mm == fit.sigma_mm
