"""Strips along a line source or a slit: in each of them, where the line is and how wide, by the standard's rule and by a Gaussian.

A strip is at most 30 mm long (NEMA NU 1-2007, intrinsic spatial resolution), and shorter along a line that is not parallel to the
pixels, so that its slope widens the profile by less than 0.1 %; what remains is taken off the Gaussian, never off the rule's value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.gamma_camera.recognition import Source
from photopeak.profile import (
    FWHM_PER_SIGMA,
    GaussianFits,
    ProfileError,
    Spread,
    gaussian_fits,
    nema_spread,
    nema_width,
)

Floats = npt.NDArray[np.float64]

LONGEST_STRIP_MM = 30.0
SLOPE_PER_SIGMA = 0.15  # how far a line may move across within one strip, in sigma
HALF_WINDOW_IN_FWHM = 2.0
FWHM_OF_OUTLINE = 0.78  # FWHM / width of the outline found by recognition, for the first window only
SPREADS = 6
MOST_LEANING = 0.17  # of the FWHM: how far the midpoints at half and at tenth height may lie apart
BREAK = 0.2  # of the peak: what a profile may lack of its fitted curve anywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One strip's profile: positions across the line (mm from the outer corner), counts, and the fitted curve."""

    along_mm: float
    positions_mm: Floats
    counts: Floats
    fitted: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredLine:
    """What was measured along one line, strip by strip; lengths in mm of the stated pixel size.

    `axis` x: the line runs down the columns and shows x. `middle_mm` is the midpoint of the half-height points, `centre_mm` the
    Gaussian's centre, both across the line; widths are perpendicular to it. NaN where a strip could not be measured.
    """

    axis: str
    source: Source
    slope: float  #: change across per mm along
    along_mm: Floats
    strip_mm: float
    centre_mm: Floats
    centre_u_mm: Floats
    middle_mm: Floats
    fwhm_mm: Floats
    fwhm_u_mm: Floats
    nema_fwhm_mm: Floats
    nema_fwtm_mm: Floats
    fwhm_spread: Spread | None
    fwtm_spread: Spread | None
    peak_counts: Floats
    background: float
    example: Profile

    @property
    def tilt_deg(self) -> float:
        return math.degrees(math.atan(self.slope))

    def at(self, along_mm: float) -> float:
        """Where the fitted straight line crosses `along_mm`, across."""
        good = np.isfinite(self.centre_mm)
        if good.sum() < 2:
            return float(np.nanmean(self.centre_mm))
        return float(np.polyfit(self.along_mm[good] - along_mm, self.centre_mm[good], 1)[1])


class LineLost(Exception):
    """A line that cannot be measured; carries the reason of its profiles."""

    def __init__(self, error: ProfileError) -> None:
        super().__init__(str(error))
        self.code = error.code
        self.words = error.words


def measure_line(
    image: npt.NDArray[Any],
    pixel_mm: tuple[float, float],
    source: Source,
    *,
    free_mm: float = math.inf,
    strip_mm: float = LONGEST_STRIP_MM,
    ends_mm: float | None = None,
) -> MeasuredLine:
    """Measure `source` in `image[row, column]` along its length without its ends (`ends_mm` each, 1.5 FWHM unless said).

    `free_mm` is the distance to the nearest parallel line. LineLost where no strip can be measured.
    """
    axis = source.shows
    values = image if axis == "x" else image.T
    along_pixel, across_pixel = pixel_mm if axis == "x" else pixel_mm[::-1]
    middle_along, middle_across = (source.y_mm, source.x_mm) if axis == "x" else (source.x_mm, source.y_mm)
    slope = 1 / math.tan(math.radians(source.angle_deg)) if axis == "x" else math.tan(math.radians(source.angle_deg))
    fwhm = max(FWHM_OF_OUTLINE * source.width_mm, 2 * across_pixel)
    reach = source.length_mm / 2 * math.cos(math.atan(slope))
    cut = _Cut(
        values=values,
        along_pixel=along_pixel,
        across_pixel=across_pixel,
        first_mm=middle_along - reach,
        last_mm=middle_along + reach,
        at_mm=middle_across,
        about_mm=middle_along,
        slope=slope,
    )
    for longest in (min(strip_mm, source.length_mm / 8), strip_mm):  # the second time with direction and width of the first
        inner = replace(cut, ends_mm=1.5 * fwhm if ends_mm is None else ends_mm)
        half = min(HALF_WINDOW_IN_FWHM * fwhm + across_pixel, 0.5 * free_mm)
        strips = inner.strips(_strip_length(fwhm, cut.slope, longest, along_pixel), half)
        fits = gaussian_fits(strips.positions_mm, strips.counts, pixel_mm=across_pixel)
        fits = _without_cut_profiles(strips, fits)
        good = fits.converged
        if good.sum() < max(1, 0.25 * len(good)):
            raise LineLost(_lost(strips))
        fwhm = float(np.median(fits.parameters[good, 1])) * FWHM_PER_SIGMA
        if good.sum() > 2:
            new_slope, at = np.polyfit(strips.along_mm[good] - middle_along, fits.parameters[good, 0], 1)
            cut = replace(cut, slope=float(new_slope), at_mm=float(at))
    return _measured(axis, source, cut.slope, strips, fits)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Strips:
    along_mm: Floats
    length_mm: float
    positions_mm: Floats  #: [strip, sample]
    counts: Floats  #: [strip, sample]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """How an image is cut into strips: the line at `at_mm` + `slope` (along - `about_mm`), from `first_mm` to `last_mm`."""

    values: npt.NDArray[Any]
    along_pixel: float
    across_pixel: float
    first_mm: float
    last_mm: float
    at_mm: float
    about_mm: float
    slope: float
    ends_mm: float = 0.0

    def strips(self, length_mm: float, half_mm: float) -> _Strips:
        rows = max(1, int(length_mm / self.along_pixel + 1e-9))
        first = max(0, math.ceil((self.first_mm + self.ends_mm) / self.along_pixel))
        last = min(len(self.values), math.floor((self.last_mm - self.ends_mm) / self.along_pixel))
        if last - first < 1:
            middle = int((self.first_mm + self.last_mm) / 2 / self.along_pixel)
            first, last = middle, middle + 1
        rows, number = _even_parts(last - first, rows)
        first += (last - first - number * rows) // 2
        summed = self.values[first : first + number * rows].astype(np.float64).reshape(number, rows, -1).sum(axis=1)
        along = np.asarray((first + rows * (np.arange(number) + 0.5)) * self.along_pixel, dtype=np.float64)
        middle_at = self.at_mm + self.slope * (along - self.about_mm)
        columns = max(2, round(half_mm / self.across_pixel - 0.5))
        start = np.floor(middle_at / self.across_pixel).astype(int) - columns
        width = 2 * columns + 1
        start = np.clip(start, 0, max(0, summed.shape[1] - width))
        index = np.minimum(start[:, np.newaxis] + np.arange(width), summed.shape[1] - 1)
        return _Strips(
            along_mm=along,
            length_mm=rows * self.along_pixel,
            positions_mm=(index + 0.5) * self.across_pixel,
            counts=np.take_along_axis(summed, index, axis=1),
        )


def _even_parts(span: int, longest: int) -> tuple[int, int]:
    """(rows of a strip, number of strips): equal strips of at most `longest` rows that leave out the least of `span` rows."""
    longest = min(longest, span)
    number = -(-span // longest)
    return max(((longest, span // longest), (span // number, number)), key=lambda parts: parts[0] * parts[1])


def _strip_length(fwhm_mm: float, slope: float, longest_mm: float, along_pixel: float) -> float:
    steep = SLOPE_PER_SIGMA * fwhm_mm / FWHM_PER_SIGMA / max(abs(slope), 1e-9)
    return max(along_pixel, min(longest_mm, steep))


def _without_cut_profiles(strips: _Strips, fits: GaussianFits) -> GaussianFits:
    """Without the strips whose counts break off where the fitted curve goes on: the line is cut by the edge of the field."""
    whole = fits.converged.copy()
    for index in np.flatnonzero(whole):
        fit = fits.one(int(index))
        expected = fit.expected(strips.positions_mm[index])
        missing = expected - strips.counts[index] - 5 * np.sqrt(np.maximum(expected, 1.0))
        whole[index] = bool(missing.max() < BREAK * fit.amplitude)
    return replace(fits, converged=whole, parameters=np.where(whole[:, np.newaxis], fits.parameters, np.nan))


def _lost(strips: _Strips, *, leaning: bool = False) -> ProfileError:
    """Why no strip of a line could be measured: the reason of its middle strip."""
    middle = len(strips.counts) // 2
    try:
        if not leaning:
            nema_width(strips.positions_mm[middle], strips.counts[middle])
    except ProfileError as error:
        return error
    return ProfileError(
        "no_convergence",
        en="the profiles across the line are not those of one whole line source; is it cut by the edge of the field, or is another "
        "source close to it?",
        zh="横跨线源的剖面不是单一完整线源的形状。线源是否被视野边缘截断，或附近有其他源？",
    )


def _measured(axis: str, source: Source, slope: float, strips: _Strips, fits: GaussianFits) -> MeasuredLine:
    cos = math.cos(math.atan(slope))
    sigma, sigma_u = fits.parameters[:, 1], np.sqrt(fits.covariance[:, 1, 1])
    narrow = np.sqrt(np.maximum(sigma**2 - (strips.length_mm * slope) ** 2 / 12, 0.0))
    with np.errstate(all="ignore"):
        own_u = FWHM_PER_SIGMA * cos * sigma_u * sigma / narrow
    middle, half, tenth, lean = _by_rule(strips)
    if np.isfinite(lean).any() and float(np.nanmedian(np.abs(lean) / half)) > MOST_LEANING:
        raise LineLost(_lost(strips, leaning=True))
    chosen = np.flatnonzero(fits.converged & np.isfinite(half))
    chosen = chosen[:: max(1, len(chosen) // SPREADS)][:SPREADS]
    best = int(np.flatnonzero(fits.converged)[fits.converged.sum() // 2])
    return MeasuredLine(
        axis=axis,
        source=source,
        slope=slope,
        along_mm=strips.along_mm,
        strip_mm=strips.length_mm,
        centre_mm=fits.parameters[:, 0],
        centre_u_mm=np.sqrt(fits.covariance[:, 0, 0]),
        middle_mm=middle,
        fwhm_mm=FWHM_PER_SIGMA * cos * narrow,
        fwhm_u_mm=own_u,
        nema_fwhm_mm=cos * half,
        nema_fwtm_mm=cos * tenth,
        fwhm_spread=_mean_spread(strips, fits, chosen, 0.5),
        fwtm_spread=_mean_spread(strips, fits, chosen, 0.1),
        peak_counts=strips.counts.max(axis=1),
        background=float(np.nanmean(fits.parameters[:, 3])) / max(strips.length_mm, 1e-9),
        example=Profile(
            along_mm=float(strips.along_mm[best]),
            positions_mm=strips.positions_mm[best],
            counts=strips.counts[best],
            fitted=fits.one(best).expected(strips.positions_mm[best]),
        ),
    )


def _by_rule(strips: _Strips) -> tuple[Floats, Floats, Floats, Floats]:
    """Midpoint, width at half and at tenth height of every strip, and how far the midpoint at tenth height lies aside.

    NaN where the profile does not fall to that height.
    """
    found = np.full((4, len(strips.counts)), np.nan)
    for index, (positions, counts) in enumerate(zip(strips.positions_mm, strips.counts)):
        try:
            width = nema_width(positions, counts, 0.5)
            found[:2, index] = width.middle_mm, width.width_mm
            tenth = nema_width(positions, counts, 0.1)
            found[2:, index] = tenth.width_mm, tenth.middle_mm - width.middle_mm
        except ProfileError:
            continue
    return found[0], found[1], found[2], found[3]


def _mean_spread(
    strips: _Strips, fits: GaussianFits, chosen: Sequence[int] | npt.NDArray[Any], fraction: float
) -> Spread | None:
    """What noise does to one strip's width by the rule, averaged over some strips; None where it is not known."""
    spreads = []
    for index in chosen:
        positions = strips.positions_mm[index]
        try:
            spreads.append(nema_spread(positions, fits.one(int(index)).expected(positions), fraction))
        except ProfileError:
            continue
    if not spreads:
        return None
    return Spread(
        bias_mm=float(np.mean([one.bias_mm for one in spreads])),
        sd_mm=math.sqrt(float(np.mean([one.sd_mm**2 for one in spreads]))),
        middle_sd_mm=math.sqrt(float(np.mean([one.middle_sd_mm**2 for one in spreads]))),
    )
