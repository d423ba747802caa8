"""The shape of a round: kernel density of the results and its modes (ISO 13528:2022, 10.3)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]

POINTS = 256
SMALLEST_SHARE = 0.15  # of the results, that a bump must hold to count as a mode
FEWEST_IN_MODE = 3
DEEPEST_DIP = 0.8  # a valley must fall below this share of the lower of its two peaks


@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """`height[point]` over `at[point]`, and the positions of the modes that hold a fair share of the results."""

    at: Floats
    height: Floats
    modes: tuple[float, ...]


def bandwidth(spread: float, count: int) -> float:
    return float(0.9 * spread / count**0.2)


def density(values: Floats, width: float) -> Density:
    """Gaussian kernels of standard deviation `width` on every result of `values[result]`."""
    at = np.linspace(float(values.min()) - 3 * width, float(values.max()) + 3 * width, POINTS)
    if len(values) > 20 * POINTS:
        counts, edges = np.histogram(values, bins=8 * POINTS)
        centres, weights = 0.5 * (edges[1:] + edges[:-1]), counts / len(values)
    else:
        centres, weights = values, np.full(len(values), 1 / len(values))
    u = (at[:, None] - centres) / width
    height = (np.exp(-0.5 * u**2) @ weights) / (width * np.sqrt(2 * np.pi))
    return Density(at=at, height=height, modes=_modes(at, height, values, width))


def _modes(at: Floats, height: Floats, values: Floats, width: float) -> tuple[float, ...]:
    """Peaks parted by real valleys; a peak that holds too small a share of the results joins its neighbour."""
    inner = height[1:-1]
    peaks = list(np.flatnonzero((inner > height[:-2]) & (inner >= height[2:])) + 1)
    while len(peaks) > 1:
        valleys = [low + int(np.argmin(height[low:high])) for low, high in pairwise(peaks)]
        edges = [-np.inf, *at[valleys], np.inf]
        shares = [float(np.mean(ndtr((high - values) / width) - ndtr((low - values) / width))) for low, high in pairwise(edges)]
        depth = [height[valley] / min(height[low], height[high]) for valley, low, high in zip(valleys, peaks, peaks[1:])]
        shallow = int(np.argmax(depth))
        thin = int(np.argmin(shares))
        if depth[shallow] > DEEPEST_DIP:
            gone = shallow if height[peaks[shallow]] < height[peaks[shallow + 1]] else shallow + 1
        elif shares[thin] < max(SMALLEST_SHARE, (FEWEST_IN_MODE - 0.5) / len(values)):
            gone = thin
        else:
            break
        peaks.pop(gone)
    return tuple(float(at[peak]) for peak in peaks)
