"""What counting noise does to a largest value or to a scatter: it makes both larger. The bias is stated, never corrected."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
_DRAWS = 500
_NEAR = 3.0  # noise sd: values this near the largest compete with it


class Noisy(NamedTuple):
    """Mean shift and standard deviation of a statistic of noisy values, in their unit."""

    bias: float
    sd: float

    @property
    def uncertainty(self) -> float:
        """Standard uncertainty (k = 1) that carries the uncorrected bias."""
        return math.hypot(self.bias, self.sd)


def largest(values: Floats) -> Floats:
    """The largest absolute value of each row of values[draw, n]."""
    return np.asarray(np.abs(values).max(axis=-1))


def noise_in(statistic: Statistic, values: Floats, noise_sd: Floats, design: Floats | None = None) -> Noisy:
    """Shift and spread of `statistic` (of rows) where `values[n]`, deviations about zero, carry noise of `noise_sd[n]`.

    By simulation about the values drawn together by as much as noise alone has spread them, from a seed that is a function of
    the values. `design[n, p]`: the values are residuals of a fit with this matrix, and so is each draw.
    """
    square = float((values**2).mean())
    kept = math.sqrt(max(square - float((noise_sd**2).mean()), 0.0) / square) if square > 0 else 0.0
    true = kept * values
    draws = true + _generator(values, noise_sd).normal(size=(_DRAWS, len(values))) * noise_sd
    if design is not None:
        basis, _ = np.linalg.qr(design)
        draws = draws - (draws @ basis) @ basis.T
    found = statistic(draws)
    return Noisy(bias=float(found.mean() - statistic(true[np.newaxis])[0]), sd=float(found.std(ddof=1)))


def noise_of_largest(values: Floats, noise_sd: Floats, design: Floats | None = None) -> Noisy:
    """`noise_in` of the largest absolute value.

    The values about which is drawn are noisy themselves, so that several which are truly alike no longer look it: the shift is at
    least that of as many equal values as lie within three noise standard deviations of the largest.
    """
    found = noise_in(largest, values, noise_sd, design)
    near = np.abs(values) > np.abs(values).max() - _NEAR * float(noise_sd.mean())
    alike = _generator(values, noise_sd).normal(size=(_DRAWS, int(near.sum()))) * noise_sd[near]
    return Noisy(bias=max(found.bias, float(alike.max(axis=1).mean())), sd=found.sd)


def integral(values: Floats) -> Floats:
    """100 (max - min) / (max + min) of 1 + each row of values[draw, n]."""
    high, low = values.max(axis=-1), values.min(axis=-1)
    return np.asarray(100 * (high - low) / (2 + high + low))


def noise_of_range(values: Floats, noise_sd: Floats) -> Noisy:
    """`noise_in` of the integral non-uniformity of 1 + `values`, in per cent; as in `noise_of_largest`, at both ends."""
    found = noise_in(integral, values, noise_sd)
    reach = _NEAR * float(noise_sd.mean())
    draws = _generator(values, noise_sd).normal(size=(_DRAWS, len(values))) * noise_sd
    high, low = values > values.max() - reach, values < values.min() + reach
    alike = 50 * float((draws[:, high].max(axis=1) - draws[:, low].min(axis=1)).mean())
    return Noisy(bias=max(found.bias, alike), sd=found.sd)


def _generator(values: Floats, noise_sd: Floats) -> np.random.Generator:
    digest = hashlib.sha256(np.ascontiguousarray(values).tobytes() + np.ascontiguousarray(noise_sd).tobytes()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
