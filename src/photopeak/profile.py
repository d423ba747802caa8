"""How wide a line or a point is: the standard's rule (`nema`) and a pixel-integrated Gaussian with background (`gaussian`).

The rule of NEMA NU 1-2007 section 2 interpolates linearly between samples, so its width grows with the sampling: by about
0.5 % at a pixel of 0.1 FWHM, 2 % at 0.2, 5 % at 0.35 and 10 % at 0.5, more or less with the place of the pixels. The Gaussian
is integrated over each pixel and has no such bias, but it describes the peak only: tails are left to the rule. Both are reported
side by side.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from photopeak.words import Words

Floats = npt.NDArray[np.float64]
Noise = Literal["poisson", "uniform"]

FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))
FWTM_PER_SIGMA = 2 * math.sqrt(2 * math.log(10))
FINEST_SAMPLING_FOR_PARABOLA = 0.2  # pixel / FWHM: finer than this, the peak is the maximum pixel (NU 1-2007)
SIGNIFICANT_MISFIT = 3.3  # standard deviations of chi-square
_DRAWS = 400
_ITERATIONS = 60


class ProfileError(Exception):
    """A width that cannot be measured; `code` is one of empty, clipped, no_convergence."""

    def __init__(self, code: str, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.code = code
        self.words = Words(en, zh)


class NemaWidth(NamedTuple):
    """A width by the standard's rule; `middle_mm` is the midpoint of the two crossings, the peak's place for linearity."""

    width_mm: float
    peak_mm: float
    middle_mm: float
    peak_counts: float
    left_mm: float
    right_mm: float


class Spread(NamedTuple):
    """What counting noise does to a width: its mean shift and standard deviation, and that of the midpoint, in mm."""

    bias_mm: float
    sd_mm: float
    middle_sd_mm: float = 0.0

    @property
    def uncertainty_mm(self) -> float:
        """Standard uncertainty (k = 1) that carries the uncorrected bias."""
        return math.hypot(self.bias_mm, self.sd_mm)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianFit:
    """counts = amplitude x (Gaussian averaged over each pixel) + background; lengths in mm, heights in counts per sample.

    `covariance[4, 4]` in the order centre, sigma, amplitude, background (k = 1). `misfit` is chi-square per degree of freedom;
    where it is significantly above 1 the covariance has been widened by it.
    """

    centre_mm: float
    sigma_mm: float
    amplitude: float
    background: float
    covariance: Floats
    misfit: float
    pixel_mm: float

    @property
    def fwhm_mm(self) -> float:
        return FWHM_PER_SIGMA * self.sigma_mm

    @property
    def fwtm_mm(self) -> float:
        return FWTM_PER_SIGMA * self.sigma_mm

    @property
    def fwhm_uncertainty_mm(self) -> float:
        return FWHM_PER_SIGMA * math.sqrt(self.covariance[1, 1])

    @property
    def fwtm_uncertainty_mm(self) -> float:
        return FWTM_PER_SIGMA * math.sqrt(self.covariance[1, 1])

    @property
    def centre_uncertainty_mm(self) -> float:
        return math.sqrt(self.covariance[0, 0])

    def expected(self, positions_mm: npt.ArrayLike) -> Floats:
        """The fitted curve at these positions, in counts per sample."""
        at = np.atleast_1d(np.asarray(positions_mm, dtype=np.float64))
        parameters = np.array([[self.centre_mm, self.sigma_mm, self.amplitude, self.background]])
        curve: Floats = _model(at[np.newaxis], parameters, self.pixel_mm)[0][0]
        return curve


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianFits:
    """Many fits: `parameters[n, 4]`, `covariance[n, 4, 4]` (centre, sigma, amplitude, background), NaN where one failed."""

    parameters: Floats
    covariance: Floats
    misfit: Floats
    converged: npt.NDArray[np.bool_]
    pixel_mm: float

    def one(self, index: int) -> GaussianFit:
        centre, sigma, amplitude, background = (float(value) for value in self.parameters[index])
        return GaussianFit(
            centre_mm=centre,
            sigma_mm=sigma,
            amplitude=amplitude,
            background=background,
            covariance=self.covariance[index],
            misfit=float(self.misfit[index]),
            pixel_mm=self.pixel_mm,
        )


def nema_width(positions_mm: npt.ArrayLike, counts: npt.ArrayLike, fraction: float = 0.5) -> NemaWidth:
    """Full width at `fraction` of the maximum of evenly spaced samples, by the rule of NEMA NU 1-2007 section 2.

    The peak is the maximum sample, or a parabola through the highest three where the sampling is coarser than 0.2 FWHM; the
    crossings are interpolated linearly. Nothing is corrected for background or slit width. ProfileError: empty or clipped.
    """
    at, found = _profile(positions_mm, counts)
    parabola = _coarse(at, found)
    widths = _nema_many(at, found[np.newaxis], fraction, parabola=parabola)
    if not np.isfinite(widths.left[0]) or not np.isfinite(widths.right[0]):
        raise ProfileError(
            "clipped",
            en=f"the profile does not fall to {fraction:.0%} of its peak on both sides inside the {len(at)} samples; "
            "is the source cut by the edge, saturated, or its background high?",
            zh=f"在 {len(at)} 个采样点内，剖面未在两侧降至峰值的 {fraction:.0%}。"
            "请检查源是否被视野边缘截断、计数是否饱和或本底是否过高。",
        )
    left, right = float(widths.left[0]), float(widths.right[0])
    return NemaWidth(
        width_mm=right - left,
        peak_mm=float(widths.peak_mm[0]),
        middle_mm=(left + right) / 2,
        peak_counts=float(widths.peak[0]),
        left_mm=left,
        right_mm=right,
    )


def nema_spread(
    positions_mm: npt.ArrayLike, expected: npt.ArrayLike, fraction: float = 0.5, *, noise_sd: npt.ArrayLike | None = None
) -> Spread:
    """What noise does to `nema_width` of a profile with these expected counts: Poisson, or Gaussian of `noise_sd`.

    By simulation from a seed that is a pure function of the expected counts. The largest of several samples near the top is
    above the true peak, so the rule's width is biased low by noise; the bias is stated, not corrected.
    """
    at, mean = _profile(positions_mm, expected)
    mean = np.maximum(mean, 0.0) if noise_sd is None else mean
    digest = hashlib.sha256(np.ascontiguousarray(mean).tobytes() + repr(fraction).encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    if noise_sd is None:
        draws = generator.poisson(mean, size=(_DRAWS, mean.size)).astype(np.float64)
    else:
        draws = mean + generator.normal(size=(_DRAWS, mean.size)) * np.asarray(noise_sd, dtype=np.float64)
    parabola = _coarse(at, mean)
    true = _nema_many(at, mean[np.newaxis], fraction, parabola=parabola)
    found = _nema_many(at, draws, fraction, parabola=parabola)
    widths, middles = found.right - found.left, (found.right + found.left) / 2
    middles, widths = middles[np.isfinite(widths)], widths[np.isfinite(widths)]
    if len(widths) < _DRAWS // 2:
        raise ProfileError(
            "clipped",
            en="noise hides where the profile falls to the wanted height; collect more counts",
            zh="噪声过大，无法确定剖面降至所需高度的位置，请增加计数。",
        )
    reference = float(true.right[0] - true.left[0])
    bias = float(np.mean(widths)) - reference if math.isfinite(reference) else 0.0
    return Spread(bias_mm=bias, sd_mm=float(np.std(widths, ddof=1)), middle_sd_mm=float(np.std(middles, ddof=1)))


def gaussian_fit(
    positions_mm: npt.ArrayLike,
    counts: npt.ArrayLike,
    *,
    pixel_mm: float | None = None,
    background: bool = True,
    noise: Noise = "poisson",
) -> GaussianFit:
    """Fit a pixel-integrated Gaussian, on a constant background unless told otherwise, starting from the data themselves.

    Samples need not be sorted or evenly spaced where `pixel_mm`, the width each was integrated over, is given; else it is
    their spacing. `noise="poisson"`: counts, covariance from their expected variance. `noise="uniform"`: any other values
    (reconstructed slices), covariance from the residuals. ProfileError: empty, clipped or no_convergence.
    """
    at, found = _profile(positions_mm, counts)
    width = pixel_mm if pixel_mm is not None else float(np.median(np.abs(np.diff(at))))
    fits = gaussian_fits(at[np.newaxis], found[np.newaxis], pixel_mm=width, background=background, noise=noise)
    if not fits.converged[0]:
        raise ProfileError(
            "no_convergence",
            en="no Gaussian peak fits this profile: the source may be clipped, saturated, or not a line or point at all",
            zh="该剖面不能用高斯峰拟合：源可能被截断、计数饱和，或者并非线源或点源。",
        )
    return fits.one(0)


def gaussian_fits(
    positions_mm: Floats,
    counts: Floats,
    *,
    pixel_mm: float,
    inside: npt.NDArray[np.bool_] | None = None,
    background: bool = True,
    noise: Noise = "poisson",
) -> GaussianFits:
    """`gaussian_fit` of every row of `counts[n, k]` at `positions_mm[n, k]`, without the samples where `inside[n, k]` is False.

    Poisson rows solve sum((counts - expected) dexpected / max(expected, 1)) = 0, which is unbiased at any count, by scoring.
    """
    weight = np.ones_like(counts) if inside is None else inside.astype(np.float64)
    parameters = _start(positions_mm, counts, weight, pixel_mm, background)
    free = 4 if background else 3
    converged = np.zeros(len(counts), dtype=bool)
    with np.errstate(all="ignore"):
        for _ in range(_ITERATIONS):
            expected, slopes = _model(positions_mm, parameters, pixel_mm)
            weighted = slopes[:, :free] * _weights(expected, weight, noise)[:, np.newaxis]
            information = np.einsum("nik,njk->nij", weighted, slopes[:, :free])
            step = _solve(information, np.einsum("nik,nk->ni", weighted, counts - expected))
            step = _limited(step, parameters)
            parameters[:, :free] += np.where(converged[:, np.newaxis], 0.0, step)
            size = np.abs(step[:, :2]).max(axis=1) / parameters[:, 1]
            converged |= size < 1e-8
            if converged.all():
                break
        covariance, misfit = _covariance(positions_mm, counts, weight, parameters, pixel_mm, free, noise)
    converged &= _sensible(positions_mm, weight, parameters, covariance, pixel_mm)
    parameters[~converged] = np.nan
    covariance[~converged] = np.nan
    return GaussianFits(
        parameters=parameters, covariance=covariance, misfit=misfit, converged=converged, pixel_mm=float(pixel_mm)
    )


def fwhm(positions_mm: npt.ArrayLike, counts: npt.ArrayLike, method: Literal["nema", "gaussian"]) -> tuple[float, float]:
    """Full width at half maximum of a profile of counts and its standard uncertainty, in mm, by one of the two methods."""
    return _width(positions_mm, counts, method, 0.5)


def fwtm(positions_mm: npt.ArrayLike, counts: npt.ArrayLike, method: Literal["nema", "gaussian"]) -> tuple[float, float]:
    """Full width at tenth maximum of a profile of counts and its standard uncertainty, in mm, by one of the two methods."""
    return _width(positions_mm, counts, method, 0.1)


def _width(
    positions_mm: npt.ArrayLike, counts: npt.ArrayLike, method: Literal["nema", "gaussian"], fraction: float
) -> tuple[float, float]:
    fit = gaussian_fit(positions_mm, counts)
    if method == "gaussian":
        scale = 2 * math.sqrt(-2 * math.log(fraction))
        return scale * fit.sigma_mm, scale * math.sqrt(fit.covariance[1, 1])
    found = nema_width(positions_mm, counts, fraction)
    return found.width_mm, nema_spread(positions_mm, fit.expected(positions_mm), fraction).uncertainty_mm


class _Crossings(NamedTuple):
    left: Floats
    right: Floats
    peak: Floats
    peak_mm: Floats


def _profile(positions_mm: npt.ArrayLike, counts: npt.ArrayLike) -> tuple[Floats, Floats]:
    at, found = np.asarray(positions_mm, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if at.ndim != 1 or at.shape != found.shape:
        raise ValueError("a profile is two one-dimensional arrays of one length")
    if at.size < 5 or not np.isfinite(found).all() or found.max() <= found.min() or found.max() <= 0:
        raise ProfileError(
            "empty",
            en=f"a profile of {at.size} samples without a peak; a width needs at least 5 samples and counts",
            zh=f"剖面共 {at.size} 个采样点且无峰；测量宽度至少需要 5 个有计数的采样点。",
        )
    return at, found


def _coarse(at: Floats, counts: Floats) -> bool:
    """Whether the sampling is coarser than 0.2 FWHM, judged from the maximum sample."""
    rough = _nema_many(at, counts[np.newaxis], 0.5, parabola=False)
    width = float(rough.right[0] - rough.left[0])
    return bool(math.isfinite(width) and abs(at[1] - at[0]) > FINEST_SAMPLING_FOR_PARABOLA * width)


def _nema_many(at: Floats, counts: Floats, fraction: float, *, parabola: bool) -> _Crossings:
    """Crossings of every row of counts[n, k]; NaN where a row does not fall to the height on that side."""
    n, k = counts.shape
    rows = np.arange(n)
    top = np.argmax(counts, axis=1)
    peak, peak_mm = counts[rows, top].copy(), at[top].copy()
    if parabola:
        inner = np.clip(top, 1, k - 2)
        before, middle, after = counts[rows, inner - 1], counts[rows, inner], counts[rows, inner + 1]
        curvature = before - 2 * middle + after
        with np.errstate(all="ignore"):
            shift = np.where((curvature < 0) & (inner == top), 0.5 * (before - after) / curvature, 0.0)
        peak = np.where(shift != 0, middle - 0.25 * (before - after) * shift, peak)
        peak_mm = peak_mm + shift * (at[1] - at[0])
    height = fraction * peak
    below = counts < height[:, np.newaxis]
    index = np.arange(k)
    after_top = below & (index > top[:, np.newaxis])
    before_top = below & (index < top[:, np.newaxis])
    right_at = np.where(after_top.any(axis=1), np.argmax(after_top, axis=1), 0)
    left_at = np.where(before_top.any(axis=1), k - 1 - np.argmax(before_top[:, ::-1], axis=1), k - 1)

    def crossing(low: npt.NDArray[np.intp], high: npt.NDArray[np.intp]) -> Floats:
        high = np.clip(high, 0, k - 1)
        rise = counts[rows, high] - counts[rows, low]
        with np.errstate(all="ignore"):
            found: Floats = at[low] + (at[high] - at[low]) * (height - counts[rows, low]) / rise
        return found

    right = np.where(after_top.any(axis=1), crossing(right_at, right_at - 1), np.nan)
    left = np.where(before_top.any(axis=1), crossing(left_at, left_at + 1), np.nan)
    return _Crossings(left=left, right=right, peak=peak, peak_mm=peak_mm)


def _start(at: Floats, counts: Floats, weight: Floats, pixel_mm: float, background: bool) -> Floats:
    """Starting values of every row, from the data: background, height, the part above half height."""
    known = np.where(weight > 0, counts, np.nan)
    floor = np.nanquantile(known, 0.1, axis=1) if background else np.zeros(len(counts))
    top = np.nanargmax(known, axis=1)
    rows = np.arange(len(counts))
    height = counts[rows, top] - floor
    above = np.where(weight > 0, np.maximum(counts - (floor + 0.5 * height)[:, np.newaxis], 0.0), 0.0)
    # A second structure in the window must not pull the start: only what lies near the top counts.
    wide = pixel_mm * np.maximum((above > 0).sum(axis=1), 1)
    above = np.where(np.abs(at - at[rows, top][:, np.newaxis]) <= wide[:, np.newaxis], above, 0.0)
    with np.errstate(all="ignore"):
        centre = (above * at).sum(axis=1) / above.sum(axis=1)
    centre = np.where(np.isfinite(centre), centre, at[rows, top])
    sigma = np.maximum(pixel_mm * (above > 0).sum(axis=1) / FWHM_PER_SIGMA, 0.4 * pixel_mm)
    return np.stack([centre, sigma, np.maximum(height, 1e-12), floor], axis=1)


def _model(at: Floats, parameters: Floats, pixel_mm: float) -> tuple[Floats, Floats]:
    """Expected counts[n, k] and their derivatives[n, 4, k]."""
    centre, sigma, amplitude, floor = (parameters[:, i, np.newaxis] for i in range(4))
    upper, lower = (at + pixel_mm / 2 - centre) / sigma, (at - pixel_mm / 2 - centre) / sigma
    root = math.sqrt(2 * math.pi)
    share = ndtr(upper) - ndtr(lower)
    bell_upper, bell_lower = np.exp(-0.5 * upper**2) / root, np.exp(-0.5 * lower**2) / root
    scale = sigma * root / pixel_mm
    slopes = np.stack(
        [
            amplitude * scale * (bell_lower - bell_upper) / sigma,
            amplitude * (root / pixel_mm) * (share - upper * bell_upper + lower * bell_lower),
            scale * share,
            np.ones_like(at),
        ],
        axis=1,
    )
    return amplitude * scale * share + floor, slopes


def _weights(expected: Floats, weight: Floats, noise: Noise) -> Floats:
    return weight / np.maximum(expected, 1.0) if noise == "poisson" else weight


def _solve(matrix: Floats, right: Floats) -> Floats:
    """Solutions of many small symmetric systems; zero where one is singular, which then never converges as sensible."""
    scale = np.sqrt(np.einsum("nii->ni", matrix))
    scale = np.where((scale > 0) & np.isfinite(scale), scale, 1.0)
    scaled = matrix / (scale[:, :, np.newaxis] * scale[:, np.newaxis, :])
    scaled = np.where(np.isfinite(scaled), scaled, 0.0) + 1e-14 * np.eye(matrix.shape[1])
    try:
        solved = np.linalg.solve(scaled, (right / scale)[:, :, np.newaxis])[:, :, 0]
    except np.linalg.LinAlgError:
        solved = np.stack([np.linalg.lstsq(a, b, rcond=None)[0] for a, b in zip(scaled, right / scale)])
    return np.asarray(np.where(np.isfinite(solved), solved, 0.0) / scale)


def _limited(step: Floats, parameters: Floats) -> Floats:
    """No step moves the centre by more than a sigma, or the width or height by more than half."""
    step = step.copy()
    sigma, amplitude = parameters[:, 1], np.abs(parameters[:, 2])
    step[:, 0] = np.clip(step[:, 0], -sigma, sigma)
    step[:, 1] = np.clip(step[:, 1], -0.5 * sigma, 0.5 * sigma)
    step[:, 2] = np.clip(step[:, 2], -0.5 * amplitude, amplitude)
    return step


def _covariance(
    at: Floats, counts: Floats, weight: Floats, parameters: Floats, pixel_mm: float, free: int, noise: Noise
) -> tuple[Floats, Floats]:
    """Sandwich covariance[n, 4, 4] of the fitted parameters, and chi-square per degree of freedom[n]."""
    expected, slopes = _model(at, parameters, pixel_mm)
    used = _weights(expected, weight, noise)
    weighted = slopes[:, :free] * used[:, np.newaxis]
    information = np.einsum("nik,njk->nij", weighted, slopes[:, :free])
    freedom = np.maximum((weight > 0).sum(axis=1) - free, 1)
    misfit = (used * (counts - expected) ** 2).sum(axis=1) / freedom
    variance = np.maximum(expected, 0.0) if noise == "poisson" else np.ones_like(expected)
    meat = np.einsum("nik,njk,nk->nij", weighted, weighted, variance)
    bread = np.stack([_solve(information, np.tile(np.eye(free)[i], (len(at), 1))) for i in range(free)], axis=2)
    covariance = np.zeros((len(at), 4, 4))
    covariance[:, :free, :free] = np.einsum("nij,njk,nlk->nil", bread, meat, bread)
    significant = (misfit > 1 + SIGNIFICANT_MISFIT * np.sqrt(2 / freedom)) | (noise == "uniform")
    factor = np.where(significant, misfit, 1.0)
    return covariance * factor[:, np.newaxis, np.newaxis], misfit


def _sensible(at: Floats, weight: Floats, parameters: Floats, covariance: Floats, pixel_mm: float) -> npt.NDArray[np.bool_]:
    """A converged fit is believed when its peak lies inside the samples, upright, and narrower than they reach."""
    known = np.where(weight > 0, at, np.nan)
    low, high = np.nanmin(known, axis=1), np.nanmax(known, axis=1)
    centre, sigma, amplitude = parameters[:, 0], parameters[:, 1], parameters[:, 2]
    with np.errstate(all="ignore"):
        good = (centre > low) & (centre < high) & (amplitude > 0)
        good &= (sigma > 0.05 * pixel_mm) & (FWHM_PER_SIGMA * sigma < 1.2 * (high - low))
        good &= np.sqrt(covariance[:, 1, 1]) < sigma
    return np.asarray(good & np.isfinite(parameters).all(axis=1))
