"""What a sphere's neighbourhood says: largest voxel, A50, 1 mL peak, and how much each would scatter in repeated measurements.

Neighbourhood: every voxel whose centre lies within D/2 + 8 mm of the sphere's centre, in three dimensions. max is the
largest of them; A50 the plain mean of those at or above B + (max − B)/2, with B the background; peak the largest mean over a
ball of 1 mL whose centre lies at one of them or on a quarter-voxel grid round the best, with linear interpolation between
voxels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from photopeak.pet.iec_body_fit import RingFit
from photopeak.pet.iec_body_pose import NEIGHBOURHOOD_MM, SPHERES_MM, Floats, blurred_sphere, neighbourhood
from photopeak.pet.noise import Noise

PEAK_RADIUS_MM = 6.2035  #: a ball of 1 mL
DRAWS = 64
_SUB = 4  #: steps per voxel of the peak's finer search

Floats32 = npt.NDArray[np.float32]
Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SphereStatistics:
    """`max`, `a50` and `peak` of one sphere, in the unit of the image, each with its standard uncertainty."""

    maximum: tuple[float, float]
    a50: tuple[float, float]
    peak: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surroundings:
    """The box round one sphere with room for the peak's ball, as indices along each axis; `inside[box]` marks the
    neighbourhood."""

    index: tuple[npt.NDArray[np.intp], ...]
    inside: npt.NDArray[np.bool_]


def sphere_statistics(
    values: Floats32, spacing_mm: Spacing, fit: RingFit, background: float, noise: Noise | None, seed: int
) -> dict[int, SphereStatistics]:
    """Measure the six spheres, by diameter; uncertainties from DRAWS noisy copies of each fitted sphere.

    The spheres share the noise of the copies: what is asked of them is each one's own scatter.
    """
    fields = None
    if noise is not None and noise.relative > 0:
        rng = np.random.default_rng(seed)
        widest = [_copy_shape(diameter, spacing_mm) for diameter in SPHERES_MM]
        fields = noise.draws(tuple(max(sizes) for sizes in zip(*widest)), DRAWS, rng) * np.float32(noise.relative)
    found = {}
    for k, diameter in enumerate(SPHERES_MM):
        around = _surroundings(values.shape, spacing_mm, fit.spheres_mm[k], diameter / 2 + NEIGHBOURHOOD_MM)
        own = _statistics(values, around, spacing_mm, background)
        u = (0.0, 0.0, 0.0) if fields is None else _scatter(fields, spacing_mm, fit, k, background)
        found[diameter] = SphereStatistics(maximum=(own[0], u[0]), a50=(own[1], u[1]), peak=(own[2], u[2]))
    return found


def _surroundings(shape: tuple[int, ...], spacing_mm: Spacing, centre_mm: Floats, reach_mm: float) -> _Surroundings:
    near = neighbourhood(shape, spacing_mm, centre_mm, reach_mm)
    room = [n // 2 for n in peak_kernel(spacing_mm).shape[1:]]
    index = tuple(np.arange(part.start - r, part.stop + r) for part, r in zip(near.box, room))
    z, y, x = (steps * size - c for steps, size, c in zip(index, spacing_mm, centre_mm))
    distance = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    real = np.ones((1, 1, 1), dtype=bool)
    for axis, (steps, n) in enumerate(zip(index, shape)):
        real = real & np.expand_dims((steps >= 0) & (steps < n), tuple(a for a in range(3) if a != axis))
    clipped = tuple(np.clip(steps, 0, n - 1) for steps, n in zip(index, shape))
    return _Surroundings(index=clipped, inside=(distance <= reach_mm) & real)


def _statistics(values: Floats32, around: _Surroundings, spacing_mm: Spacing, background: float) -> tuple[float, float, float]:
    block = values[np.ix_(*around.index)].astype(np.float64)
    largest = float(block[around.inside].max())
    chosen = block[around.inside]
    a50 = float(chosen[chosen >= min(background + 0.5 * (largest - background), largest)].mean())
    return largest, a50, float(_peaks(block[None], around.inside, spacing_mm)[0])


def _peaks(blocks: npt.NDArray[Any], inside: npt.NDArray[np.bool_], spacing_mm: Spacing, *, coarse: bool = False) -> Floats:
    """The peak of each of `blocks[draw, slice, row, column]`: at voxels `inside`, then on quarter (`coarse`: half) voxels
    round the best."""
    kernels = peak_kernel(spacing_mm)
    middle = kernels[len(kernels) // 2]
    if coarse:
        kernels = kernels.reshape(5, 5, 5, *middle.shape)[::2, ::2, ::2].reshape(27, *middle.shape)
    room = [n // 2 for n in middle.shape]
    shape = [fft.next_fast_len(n, real=True) for n in blocks.shape[1:]]
    turned = np.zeros(shape, dtype=blocks.dtype)
    turned[tuple(slice(0, n) for n in middle.shape)] = middle[::-1, ::-1, ::-1]
    spectrum = fft.rfftn(np.roll(turned, [-r for r in room], axis=(0, 1, 2)))
    means = fft.irfftn(fft.rfftn(blocks, shape, axes=(1, 2, 3)) * spectrum, shape, axes=(1, 2, 3))
    means = means[(slice(None), *(slice(0, n) for n in blocks.shape[1:]))]
    flat = np.where(inside, means, -np.inf).reshape(len(blocks), -1)
    peaks = np.empty(len(blocks))
    for k, best in enumerate(np.argmax(flat, axis=1)):
        at = np.unravel_index(int(best), inside.shape)
        part = tuple(slice(a - r, a + r + 1) for a, r in zip(at, room))
        peaks[k] = np.einsum("szyx,zyx->s", kernels, blocks[k][part]).max()
    return peaks


@lru_cache(maxsize=8)
def peak_kernel(spacing_mm: Spacing) -> Floats:
    """Voxel weights [shift, slice, row, column] of the linearly interpolated mean over the ball, centred on quarter-voxel
    shifts."""
    fine = [step / _SUB for step in spacing_mm]
    half = [int(PEAK_RADIUS_MM / step + 1.5) + 1 for step in spacing_mm]
    z, y, x = (np.arange(-h * _SUB, h * _SUB + 1) * f for h, f in zip(half, fine))
    ball = np.zeros((z.size, y.size, x.size))
    offsets = (np.arange(6) - 2.5) / 6
    for dz in offsets * fine[0]:
        for dy in offsets * fine[1]:
            across = np.sqrt(np.maximum(PEAK_RADIUS_MM**2 - (z[:, None] + dz) ** 2 - (y[None, :] + dy) ** 2, 0.0))[:, :, None]
            low, high = np.maximum(x - fine[2] / 2, -across), np.minimum(x + fine[2] / 2, across)
            ball += np.clip(high - low, 0.0, None)
    triangle = 1 - np.abs(np.arange(1 - _SUB, _SUB)) / _SUB
    for axis in range(3):
        ball = ndimage.convolve1d(ball, triangle, axis=axis, mode="constant")
    steps = range(-_SUB // 2, _SUB // 2 + 1)
    margin = [slice(_SUB, n - _SUB) for n in ball.shape]
    kernels = [
        ball[tuple(slice(m.start - s, m.stop - s, _SUB) for m, s in zip(margin, shift))]
        for shift in ((a, b, c) for a in steps for b in steps for c in steps)
    ]
    stacked = np.stack(kernels)
    kernel: Floats = stacked / stacked.sum(axis=(1, 2, 3), keepdims=True)
    return kernel


def _copy_reach(diameter_mm: float) -> float:
    """How far from the centre a copy needs to go: far from a large sphere nothing reaches half its height."""
    return diameter_mm / 2 + (NEIGHBOURHOOD_MM if diameter_mm < 18 else NEIGHBOURHOOD_MM / 2)


def _copy_peak_reach(diameter_mm: float) -> float:
    """How far from the centre a copy's peak is looked for."""
    return _copy_reach(diameter_mm) if diameter_mm < 18 else diameter_mm / 2


def _copy_shape(diameter_mm: float, spacing_mm: Spacing) -> tuple[int, ...]:
    room = [n // 2 for n in peak_kernel(spacing_mm).shape[1:]]
    reaches = _copy_reach(diameter_mm), _copy_peak_reach(diameter_mm)
    half = [int(np.ceil(max(reaches[0], reaches[1] + r * step) / step)) + 1 for r, step in zip(room, spacing_mm)]
    return tuple(fft.next_fast_len(2 * h, real=True) for h in half)


def _scatter(fields: Floats32, spacing_mm: Spacing, fit: RingFit, sphere: int, background: float) -> tuple[float, float, float]:
    """SD of max, A50 and peak over noisy copies of one fitted sphere; `fields` are relative fluctuations."""
    diameter = float(SPHERES_MM[sphere])
    shape = _copy_shape(diameter, spacing_mm)
    in_voxels = fit.spheres_mm[sphere] / np.array(spacing_mm)
    # a voxel's place within the sphere decides what its maximum sees
    middle = np.array(shape) // 2 + in_voxels - np.rint(in_voxels)
    z, y, x = ((np.arange(n) - m) * step for n, m, step in zip(shape, middle, spacing_mm))
    distance = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    inside = distance <= _copy_reach(diameter)
    expected = fit.level + max(float(fit.hot[sphere]), 0.0) * blurred_sphere(distance, diameter / 2, fit.sigma_mm)
    blocks = expected.astype(np.float32) * (np.float32(1) + fields[(slice(None), *(slice(0, n) for n in shape))])
    chosen = blocks[:, inside]
    largest = chosen.max(axis=1)
    above = chosen >= np.minimum(background + 0.5 * (largest - background), largest)[:, None]
    a50 = (chosen * above).sum(axis=1, dtype=np.float64) / above.sum(axis=1)
    peaks = _peaks(blocks, distance <= _copy_peak_reach(diameter), spacing_mm, coarse=True)
    return float(largest.std(ddof=1)), float(a50.std(ddof=1)), float(peaks.std(ddof=1))
