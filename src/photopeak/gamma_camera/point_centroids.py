"""Where a point source lies in one frame, by the standard's rule (NEMA NU 1-2007, 2.5): its centroid in x and in y.

The profile of a square region of about 4 FWHM is cut to an odd number of pixels about its maximum, which reaches 1.5 FWHM to both
sides and so beyond both half heights. The mean of the region's border is taken off first, which the standard leaves open:
without it a background would draw the centroid towards the middle of the cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.profile import ProfileError, nema_width

Floats = npt.NDArray[np.float64]
REGION_IN_FWHM = 2.0  # half side
CUT_IN_FWHM = 1.5
SEARCH_MM = 8.0  # how far from where it is expected a point is looked for
FAINT = 6.0  # standard deviations of the net counts: less is no source


@dataclass(frozen=True, slots=True, kw_only=True)
class Centroid:
    """A point source's place (mm from the outer corner of the first pixel) with standard uncertainties, and its highest pixel."""

    x_mm: float
    y_mm: float
    u_x_mm: float
    u_y_mm: float
    peak_counts: float


def centroid_at(image: npt.NDArray[Any], pixel_mm: tuple[float, float], x_mm: float, y_mm: float, fwhm_mm: float) -> Centroid:
    """The centroid of the source within 8 mm of (x_mm, y_mm); ProfileError: clipped by the border of the image, or faint."""
    row, column = _highest(image, pixel_mm, x_mm, y_mm)
    for _ in range(2):  # the second time with the width that the first found
        region, top, left = _region(image, pixel_mm, row, column, fwhm_mm)
        border = np.concatenate([region[0], region[-1], region[1:-1, 0], region[1:-1, -1]])
        net = region - border.mean()
        total = float(net.sum())
        if total < FAINT * math.sqrt(max(float(region.sum()), 1.0)):
            raise ProfileError(
                "faint",
                en="no source stands out of the background here in this energy window; collect more counts",
                zh="该能窗中此处未见高出本底的源，请增加计数。",
            )
        widths = [_width(net.sum(axis=1 - axis), pixel_mm[axis], fwhm_mm) for axis in (0, 1)]
        fwhm_mm = max(widths)
    found = [_along(net, region, axis, pixel_mm[axis], widths[axis], first) for axis, first in ((0, top), (1, left))]
    return Centroid(x_mm=found[1][0], y_mm=found[0][0], u_x_mm=found[1][1], u_y_mm=found[0][1], peak_counts=float(region.max()))


def _highest(image: npt.NDArray[Any], pixel_mm: tuple[float, float], x_mm: float, y_mm: float) -> tuple[int, int]:
    """(row, column) of the highest pixel, of sums of 3 x 3, near a place."""
    reach = [max(1, round(SEARCH_MM / length)) for length in pixel_mm]
    row, column = int(y_mm / pixel_mm[0]), int(x_mm / pixel_mm[1])
    top, left = max(row - reach[0], 1), max(column - reach[1], 1)
    bottom, right = min(row + reach[0], image.shape[0] - 2), min(column + reach[1], image.shape[1] - 2)
    around = image[top - 1 : bottom + 2, left - 1 : right + 2].astype(np.float64)
    if around.shape[0] < 3 or around.shape[1] < 3:
        raise _clipped()
    sums = sum(around[i : around.shape[0] - 2 + i, j : around.shape[1] - 2 + j] for i in range(3) for j in range(3))
    at = np.unravel_index(int(np.argmax(sums)), np.shape(sums))
    return top + int(at[0]), left + int(at[1])


def _region(
    image: npt.NDArray[Any], pixel_mm: tuple[float, float], row: int, column: int, fwhm_mm: float
) -> tuple[Floats, int, int]:
    half = [max(3, round(REGION_IN_FWHM * fwhm_mm / length)) for length in pixel_mm]
    top, left = row - half[0], column - half[1]
    if top < 0 or left < 0 or row + half[0] >= image.shape[0] or column + half[1] >= image.shape[1]:
        raise _clipped()
    return image[top : row + half[0] + 1, left : column + half[1] + 1].astype(np.float64), top, left


def _clipped() -> ProfileError:
    return ProfileError(
        "clipped",
        en="a point source lies too near the border of the image for its centroid; move it inside, or image the whole field",
        zh="点源过于靠近图像边界，无法求重心。请将其移入视野内，或采集完整视野。",
    )


def _width(profile: Floats, pixel_mm: float, otherwise_mm: float) -> float:
    try:
        return nema_width(np.arange(len(profile)) * pixel_mm, profile).width_mm
    except ProfileError:
        return otherwise_mm


def _along(net: Floats, region: Floats, axis: int, pixel_mm: float, fwhm_mm: float, first: int) -> tuple[float, float]:
    """(place, standard uncertainty) along one axis of the region, whose first pixel is number `first` of the image."""
    profile, counts = net.sum(axis=1 - axis), region.sum(axis=1 - axis)
    top = int(np.argmax(profile))
    half = min(math.ceil(CUT_IN_FWHM * fwhm_mm / pixel_mm), top, len(profile) - 1 - top)
    cut = slice(top - half, top + half + 1)
    at = (first + np.arange(len(profile))[cut] + 0.5) * pixel_mm
    total = float(profile[cut].sum())
    place = float((at * profile[cut]).sum()) / total
    return place, math.sqrt(float((counts[cut] * (at - place) ** 2).sum())) / total
