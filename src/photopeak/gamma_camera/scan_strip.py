"""A whole-body scan of a source that does not move against the detector: every row shows the same, and how long it was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SHORTEST_MM = 300.0  # a scan that tells anything of its speed
BLOCKS = 24
MOST_UNLIKE = 0.06  # of the counts of a block, beyond noise, that lie elsewhere than in the mean profile
FEWEST_PER_BLOCK = 200
LIT = 0.5  # of the median row


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Counts[row] of the scan between its first and last lit row (`first` counted from 0)."""

    first: int
    counts: Floats


def strip_in(image: npt.NDArray[Any], row_mm: float) -> Strip | None:
    """The scan of a source fixed to the detector (or of an evenly filled line along the travel) in `image[row, column]`.

    None where rows differ in more than their counts, as those of a patient do.
    """
    rows = image.sum(axis=1, dtype=np.float64)
    lit = rows > 0.1 * float(rows.max())
    if float(rows.max()) <= 0:
        return None
    inside = np.flatnonzero(rows > LIT * float(np.median(rows[lit])))
    first, last = int(inside[0]), int(inside[-1]) + 1
    if (last - first) * row_mm < SHORTEST_MM or len(inside) < 0.98 * (last - first):
        return None
    return Strip(first=first, counts=rows[first:last]) if _alike(image[first:last]) else None


def _alike(image: npt.NDArray[Any]) -> bool:
    """Whether all stretches along the travel have one profile across."""
    length = len(image) // BLOCKS
    blocks = image[: length * BLOCKS].astype(np.float64).reshape(BLOCKS, length, -1).sum(axis=1)
    totals = blocks.sum(axis=1)
    if totals.min() < FEWEST_PER_BLOCK:
        return False
    mean = blocks.sum(axis=0) / totals.sum()
    unlike = np.abs(blocks / totals[:, np.newaxis] - mean).sum(axis=1) / 2
    noise = np.sqrt(mean).sum() * np.sqrt(1 / totals / (2 * np.pi))  # mean |deviation| of Poisson counts, halved
    return bool((unlike - 1.5 * noise).max() < MOST_UNLIKE)
