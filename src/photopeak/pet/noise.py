"""The noise of a PET image, read from its own background: relative size and correlation; and what follows for linear
statistics.

Model: the SD of a voxel is proportional to the local activity, its correlation the same everywhere. Both are taken from the
warm background between wall, spheres and insert.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from photopeak.pet.iec_body_pose import Floats

NEAR_MM, FAR_MM = 15.0, 22.0  #: the correlation is trusted up to the first and faded out to the second
Floats32 = npt.NDArray[np.float32]
Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """`relative` = SD / activity of a voxel; `correlation[lag]` with lag 0 in the middle, on the voxel grid. `doubt[lag]`: the
    variance of each correlation, as estimated from so many pairs of voxels (None: not estimated)."""

    relative: float
    correlation: Floats
    doubt: Floats | None = None

    def variance(self, weights: Floats, activity: Floats) -> float:
        """Variance of Σ weights · voxels in a box [slice, row, column] where the expected activity is `activity`."""
        pull = weights * activity
        shape = self._padded(pull.shape)
        spread = fft.irfftn(fft.rfftn(pull, shape) * self._spectrum(shape), shape)
        part = tuple(slice(0, n) for n in pull.shape)
        return max(float(self.relative**2 * (spread[part] * pull).sum()), 0.0)

    def draws(self, shape: tuple[int, ...], count: int, rng: np.random.Generator) -> Floats32:
        """`count` fields of this correlation and unit variance on a box: [draw, slice, row, column]. Opposite faces
        correlate."""
        padded = tuple(fft.next_fast_len(max(n, m), real=True) for n, m in zip(shape, self.correlation.shape))
        power = np.maximum(self._spectrum(padded), 0.0)
        full = power.sum() * 2 - power[..., 0].sum() - (power[..., -1].sum() if padded[-1] % 2 == 0 else 0.0)
        amplitude = np.sqrt(power * np.prod(padded) / full).astype(np.float32)
        white = rng.standard_normal((count, *padded), dtype=np.float32)
        fields = fft.irfftn(fft.rfftn(white, axes=(1, 2, 3)) * amplitude, padded, axes=(1, 2, 3))
        chosen: Floats32 = fields[(slice(None), *(slice(0, n) for n in shape))]
        return chosen

    def variance_of_spread(self, inside: npt.NDArray[np.bool_]) -> float:
        """Relative variance of the sample variance of the voxels `inside` a box, about their own mean.

        2 tr((MCM)²) / n² with C the correlations of the pairs of voxels and M taking the mean off. Squared correlations that were
        estimated are too large by their own variance, which is taken off again.
        """
        count = int(inside.sum())
        mask = inside.astype(np.float64)
        shape = self._padded(mask.shape)
        transformed = fft.rfftn(mask, shape)
        part = tuple(slice(0, n) for n in mask.shape)
        near = fft.irfftn(transformed * self._spectrum(shape), shape)[part][inside]  # Σ of each voxel's correlations
        pairs = fft.irfftn(np.abs(transformed) ** 2, shape)
        half = [n // 2 for n in self.correlation.shape]
        kept = [min(h, n - 1) for h, n in zip(half, mask.shape)]
        lags = tuple(slice(h - k, h + k + 1) for h, k in zip(half, kept))
        pairs = pairs[np.ix_(*(np.arange(-k, k + 1) for k in kept))]
        squares = self.correlation[lags] ** 2 - (0.0 if self.doubt is None else self.doubt[lags])
        together = float((pairs * squares).sum()) - 2 * float((near**2).sum()) / count + (float(near.sum()) / count) ** 2
        return 2 * max(together, 1.0) / count**2

    def plane_covariance(self, weights: Floats, steps: int, square: bool = False) -> float:
        """Covariance, per unit voxel variance, of two equal regions `steps` slices apart; of squares if `square`."""
        half = self.correlation.shape[0] // 2
        if abs(steps) > half:
            return 0.0
        lags = self.correlation[half + steps]
        lags = lags**2 if square else lags
        shape = [fft.next_fast_len(n + m, real=True) for n, m in zip(weights.shape, lags.shape)]
        own = fft.irfftn(np.abs(fft.rfftn(weights, shape)) ** 2, shape)
        h, w = lags.shape[0] // 2, lags.shape[1] // 2
        around = np.roll(own, (h, w), axis=(0, 1))[: lags.shape[0], : lags.shape[1]]
        return float((around * lags).sum())

    def _padded(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(fft.next_fast_len(max(n + m // 2, m), real=True) for n, m in zip(shape, self.correlation.shape))

    def _spectrum(self, shape: tuple[int, ...]) -> Floats:
        """Spectrum of the correlation on a periodic box no smaller than the correlation itself."""
        lags = np.zeros(shape)
        lags[tuple(slice(0, n) for n in self.correlation.shape)] = self.correlation
        half = tuple(-(n // 2) for n in self.correlation.shape)
        spectrum: Floats = fft.rfftn(np.roll(lags, half, axis=(0, 1, 2))).real
        return spectrum


def estimate_noise(values: Floats32, spacing_mm: Spacing, clear: npt.NDArray[np.bool_]) -> Noise | None:
    """Noise of the voxels of `values[slice, row, column]` that are `clear` (background only); None where there are too few."""
    count = int(clear.sum())
    if count < 500:
        return None
    level = float(values[clear].mean(dtype=np.float64))
    if level <= 0:
        return None
    fluctuation = np.where(clear, values / np.float32(level) - np.float32(1), np.float32(0))
    half = [min(int(FAR_MM / step), n - 1) for step, n in zip(spacing_mm, values.shape)]
    shape = [fft.next_fast_len(n + h, real=True) for n, h in zip(values.shape, half)]
    products = fft.irfftn(np.abs(fft.rfftn(fluctuation, shape)) ** 2, shape)
    pairs = fft.irfftn(np.abs(fft.rfftn(clear.astype(np.float32), shape)) ** 2, shape)
    index = np.ix_(*(np.arange(-h, h + 1) % n for h, n in zip(half, shape)))
    covariance = products[index].astype(np.float64) / np.maximum(pairs[index], 1.0)
    middle = tuple(half)
    variance = float(covariance[middle])
    if variance <= 1e-12:
        return Noise(relative=0.0, correlation=_only_middle(half))
    z, y, x = np.ix_(*(np.arange(-h, h + 1) * step for h, step in zip(half, spacing_mm)))
    lags = np.sqrt(z**2 + y**2 + x**2)
    fade = np.clip((FAR_MM - lags) / (FAR_MM - NEAR_MM), 0.0, 1.0)
    correlation = covariance / variance * fade
    # Bartlett: where nothing is correlated, an estimate varies by the sum of all squared correlations over the pairs behind it.
    behind = np.maximum(pairs[index].astype(np.float64), 1.0)
    freely = fade**2 / behind
    freely[middle] = 0.0
    total = float((correlation**2).sum()) / (1 + float(freely.sum()))
    return Noise(relative=float(np.sqrt(variance)), correlation=correlation, doubt=total * freely)


def _only_middle(half: list[int]) -> Floats:
    alone = np.zeros([2 * h + 1 for h in half])
    alone[tuple(half)] = 1.0
    return alone
