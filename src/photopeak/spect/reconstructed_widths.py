"""Widths of reconstructed profiles by either method: values of unknown scale, summed onto any direction of a plane."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import scipy
from scipy.ndimage import map_coordinates

from photopeak.profile import FWHM_PER_SIGMA, GaussianFit, ProfileError, gaussian_fit, nema_spread, nema_width
from photopeak.spect.reconstructed_sources import PlaneFit

Floats = npt.NDArray[np.float64]

COVERED_BY_TWO = 0.97725  # of a normal distribution, below two standard deviations
ALONG_AN_AXIS = 0.02  # sine of an angle that is no turn at all


def ruled(
    plane: Floats, fit: PlaneFit, x_mm: Floats, y_mm: Floats, angle: float, fraction: float
) -> tuple[float, float] | None:
    """Width by the rule of the plane summed onto a direction; turned by cubic interpolation unless that is x or y."""
    if abs(math.sin(angle)) < ALONG_AN_AXIS:
        return by_the_rule(x_mm, plane.sum(axis=0), fraction)
    if abs(math.cos(angle)) < ALONG_AN_AXIS:
        return by_the_rule(y_mm, plane.sum(axis=1), fraction)
    pixel_mm = abs(float(x_mm[1] - x_mm[0]))
    reach = math.floor(min(fit.x_mm - x_mm[0], x_mm[-1] - fit.x_mm, fit.y_mm - y_mm[0], y_mm[-1] - fit.y_mm) / pixel_mm)
    if reach < 3:
        return None
    along = pixel_mm * np.arange(-reach, reach + 1)
    cosine, sine = math.cos(angle), math.sin(angle)
    u, w = np.meshgrid(along, along, indexing="ij")
    columns = (fit.x_mm + u * cosine - w * sine - x_mm[0]) / (x_mm[1] - x_mm[0])
    rows = (fit.y_mm + u * sine + w * cosine - y_mm[0]) / (y_mm[1] - y_mm[0])
    turned = map_coordinates(plane, [rows, columns], order=3, mode="nearest")
    return by_the_rule(np.asarray(along, dtype=np.float64), turned.sum(axis=1), fraction)


def by_the_rule(at_mm: Floats, values: Floats, fraction: float) -> tuple[float, float] | None:
    """Width by the rule of heights above the fitted background, and its uncertainty; None where there is no such width."""
    fit = scaled_fit(at_mm, values)
    if fit is None:
        return None
    try:
        found = nema_width(at_mm, values - fit.background, fraction)
        expected = fit.expected(at_mm) - fit.background
        noise = np.sqrt(fit.misfit * np.maximum(fit.expected(at_mm), 0.02 * expected.max()))
        by_counts = nema_spread(at_mm, expected, fraction, noise_sd=noise).uncertainty_mm
        return found.width_mm, math.hypot(_few(at_mm) * by_counts, _by_background(fit, fraction))
    except ProfileError:
        return None


def _by_background(fit: GaussianFit, fraction: float) -> float:
    """What the uncertainty of the background does to a width at this height: both flanks move, the more the flatter they are."""
    slope = fit.amplitude * fraction * math.sqrt(2 * math.log(1 / fraction)) / fit.sigma_mm
    background_sd = fit.misfit * math.sqrt(float(fit.covariance[3, 3]))
    return 2 * (1 - fraction) * background_sd / slope


def scaled_fit(at_mm: Floats, values: Floats) -> GaussianFit | None:
    """Gaussian fit of values whose variance grows with the value by an unknown factor, taken from the residuals."""
    try:
        # In units in which the peak is large, so that the fit's floor of one count does nothing.
        unit = 1e9 / max(float(values.max()), 1e-300)
        fit = gaussian_fit(at_mm, unit * values)
        factor = max(fit.misfit, 1e-12)
        fit = gaussian_fit(at_mm, unit / factor * values)
    except ProfileError:
        return None
    back = factor / unit
    return GaussianFit(
        centre_mm=fit.centre_mm,
        sigma_mm=fit.sigma_mm,
        amplitude=fit.amplitude * back,
        background=fit.background * back,
        covariance=_few(at_mm) ** 2 * fit.covariance,
        misfit=back,
        pixel_mm=fit.pixel_mm,
    )


def _few(at_mm: Floats) -> float:
    """Noise judged from the residuals of so few samples: Student's quantile, so that twice the uncertainty still covers."""
    return float(scipy.stats.t.ppf(COVERED_BY_TWO, max(len(at_mm) - 4, 1))) / 2


def sampling_bias(share: float) -> float:
    """What the rule makes of a Gaussian sampled at `share` of its width, in %, averaged over its place in the pixel."""
    share = min(max(share, 0.05), 0.7)
    found = []
    for phase in np.linspace(0, 0.5, 6):
        fit = GaussianFit(
            centre_mm=0.0,
            sigma_mm=1 / FWHM_PER_SIGMA,
            amplitude=1e4,
            background=0.0,
            covariance=np.zeros((4, 4)),
            misfit=1.0,
            pixel_mm=share,
        )
        at = share * (np.arange(math.ceil(-3 / share), math.floor(3 / share)) + phase)
        found.append(100 * (nema_width(at, fit.expected(at)).width_mm - 1))
    return float(np.mean(found))
