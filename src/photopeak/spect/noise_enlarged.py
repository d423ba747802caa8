"""Statistics that noise only enlarges (a largest value, a range, a root mean square), with the enlargement stated."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.measurement import Measurement, Quantity

Floats = npt.NDArray[np.float64]
DRAWS = 400


def largest(values: Floats) -> Floats:
    found: Floats = np.abs(values).max(axis=-1)
    return found


def root_mean_square(values: Floats) -> Floats:
    found: Floats = np.sqrt((values**2).mean(axis=-1))
    return found


def peak_to_peak(values: Floats) -> Floats:
    found: Floats = np.ptp(values, axis=-1)
    return found


def enlarged_by_noise(
    quantity: Quantity,
    statistic: Callable[[Floats], Floats],
    values: Floats,
    noise: Floats,
    place: dict[str, Any],
    free: Floats | None = None,
) -> Measurement:
    """A statistic that noise only enlarges: as it stands, with an uncertainty that contains the enlargement, and a companion
    with the enlargement taken off. What noise does not explain of the movement is drawn again with noise."""
    true = _beyond_noise(values, noise)
    seed = int.from_bytes(hashlib.sha256(np.ascontiguousarray(values).tobytes()).digest()[:8], "big")
    drawn = np.random.default_rng(seed).normal(size=(DRAWS, len(values))) * noise
    draws = statistic(true + (drawn @ free if free is not None else drawn))
    bias, sd = float(draws.mean() - statistic(true)), float(draws.std(ddof=1))
    value = float(statistic(values))
    companion = quantity.of(max(0.0, value - bias), sd, **place)
    return quantity.of(value, math.hypot(bias, sd), noise_corrected=companion, **place)


def _beyond_noise(values: Floats, noise: Floats) -> Floats:
    """The movement about the mean whose harmonics stand out of the noise (its power by more than fourfold)."""
    spectrum = np.fft.rfft(values - values.mean())
    spectrum[np.abs(spectrum) ** 2 < 4 * float((noise**2).sum())] = 0.0
    return np.asarray(np.fft.irfft(spectrum, n=len(values)), dtype=np.float64)
