"""What counting noise does to the uniformity of one flood: noise floors, standard uncertainties, noise-corrected values.

The highest and the lowest of thousands of pixels are pushed apart by noise alone, so that the expectation of integral and
differential uniformity lies above their noiseless value. Here the expectation map behind the counts is estimated (`expectation_map`), and
`REPETITIONS` noisy repetitions of it (parametric bootstrap) are taken through the same filter and masks:

- standard uncertainty: the standard deviation over the repetitions;
- noise floor: the mean over repetitions of a flat camera with the same mean and mask, its uncertainty that of this mean;
- noise-corrected value: the value less what noise adds to the estimated map, not below zero. The estimated map keeps some noise
  of its own, so too little is taken off as a rule (by 0.1 to 0.2 of the noise floor on a flat field or where a defect decides),
  while a pattern no stronger than the noise may be lost; the uncertainty holds `CORRECTION_DOUBT` of what was taken off.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from photopeak.gamma_camera.expectation_map import PLANE_NOISE, expectation
from photopeak.gamma_camera.tube_defects import Found
from photopeak.gamma_camera.uniformity_map import (
    Map,
    Mask,
    logarithm,
    median_of,
    nine_point_squares,
    nine_point_sums,
    percent,
    run_range,
    smoothed,
    whole_runs,
    without_neighbours_outside,
)

Values = npt.NDArray[np.float64]
Repeated = npt.NDArray[np.float32]

REPETITIONS = 32
AT_ONCE = 8  #: repetitions taken through together: what fits a processor's own memory
CORRECTION_DOUBT = 0.50  #: uncertainty of what is taken off for noise, as a share of it
OVERDISPERSED = 1.25  #: variance over mean beyond which the counts are not taken as plain counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniformities:
    """Integral and differential uniformity in %, one value per repetition: `differential` is the greater of `by_axis`."""

    integral: Repeated
    by_axis: tuple[Repeated, Repeated]  #: along columns (y), along rows (x)

    @property
    def differential(self) -> Repeated:
        return np.maximum(*self.by_axis)


class Fields:
    """The fields that uniformities are wanted of (the first encloses the others), prepared for many repetitions."""

    def __init__(self, masks: tuple[Mask, ...]) -> None:
        self.masks = masks
        self._boxes = [_box(mask) for mask in masks]
        self._outside = [None if mask[box].all() else ~mask[box] for mask, box in zip(masks, self._boxes)]
        self._runs = [tuple(_weights(whole_runs(mask, axis)) for axis in (0, 1)) for mask in masks]

    def uniformities(self, logs: Map, buffers: tuple[Map, Map, Map] | None = None) -> tuple[Uniformities, ...]:
        """Of each field, from logarithms `[repetition, row, column]` of smoothed maps without extremes outside the first."""
        whole = [self._integral(logs, number) for number in range(len(self.masks))]
        by_axis = []
        for axis in (0, 1):
            spread = run_range(logs, axis, buffers)
            by_axis.append([self._differential(spread, runs[axis]) for runs in self._runs])
        return tuple(Uniformities(integral=one, by_axis=(y, x)) for one, y, x in zip(whole, *by_axis))

    def _integral(self, logs: Map, number: int) -> Map:
        outside = self._outside[number]
        part = logs if number == 0 else logs[(slice(None), *self._boxes[number])]
        if number and outside is not None:
            first = np.argwhere(~outside)[0]
            part = np.where(outside, part[:, first[0], first[1], None, None], part)
        return np.asarray(percent(part.max(axis=(1, 2)) - part.min(axis=(1, 2))))

    @staticmethod
    def _differential(spread: Map, runs: tuple[tuple[slice, slice], Map | None] | None) -> Map:
        if runs is None:
            return np.zeros(len(spread), dtype=spread.dtype)
        part = spread[(slice(None), *runs[0])]
        return np.asarray(percent((part if runs[1] is None else part * runs[1]).max(axis=(1, 2))))


@lru_cache(maxsize=16)
def _prepared(shape: tuple[int, int], packed: tuple[bytes, ...]) -> Fields:
    """Prepared once for every pair of fields: detectors of one model share them."""
    return Fields(tuple(np.frombuffer(one, dtype=bool).reshape(shape) for one in packed))


def _box(mask: Mask) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _weights(runs: Mask) -> tuple[tuple[slice, slice], Map | None] | None:
    """The box round the runs, and weights that silence what is not a run in it (None: nothing to silence)."""
    if not runs.any():
        return None
    box = _box(runs)
    return box, None if runs[box].all() else runs[box].astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Repetitions for each field (same order as the masks): of the estimated map, of a flat camera; the map's own values."""

    expected: tuple[Uniformities, ...]
    repeated: tuple[Uniformities, ...]
    flat: tuple[Uniformities, ...]
    dispersion: float
    defects: tuple[Found, ...]


def noise_of(counts: Values, gain: Values, masks: tuple[Mask, ...], bin_mm: tuple[float, float]) -> Noise:
    """Repeat `counts` (corrected by `gain`) within `masks`, the useful field first; their last row and column lie outside it.

    Seeded from the counts themselves: the same image gives the same numbers, another one independent draws.
    """
    field = masks[0]
    dispersion = _dispersion(counts, gain, field)
    spread = gain * (dispersion if dispersion > OVERDISPERSED else 1.0)
    estimate, defects = expectation(counts, spread, field, bin_mm)
    mean = float(counts[field].mean())
    fields = _prepared(field.shape, tuple(mask.tobytes() for mask in masks))
    smooth = smoothed(estimate, field)
    repeated, flat = _repetitions(
        fields,
        ((smooth, estimate * spread), (np.full_like(counts, mean), mean * gain)),
        seed=int.from_bytes(hashlib.blake2b(np.ascontiguousarray(counts).tobytes(), digest_size=8).digest(), "big"),
        floor=1e-6 * mean,
    )
    return Noise(
        expected=fields.uniformities(logarithm(neutral(smooth, field), 1e-6 * mean)[None]),
        repeated=repeated,
        flat=flat,
        dispersion=dispersion,
        defects=tuple(defects),
    )


def _repetitions(
    fields: Fields, cameras: tuple[tuple[Values, Values], ...], *, seed: int, floor: float
) -> list[tuple[Uniformities, ...]]:
    """For each camera (smoothed expectation, variance of a pixel): its uniformities in noisy repetitions.

    The cameras share the draws. What is drawn is the smoothed noise: exact in variance, and in correlation where the variance
    changes little over three pixels.
    """
    field = fields.masks[0]
    inside = field.astype(np.float32)
    weights = np.sqrt(np.maximum(nine_point_squares(inside), 1)) * np.maximum(nine_point_sums(inside), 1)
    prepared = [
        (
            neutral(expected, field).astype(np.float32),
            (np.sqrt(nine_point_squares(variance * inside)) / weights * inside).astype(np.float32),
        )
        for expected, variance in cameras
    ]
    generator = np.random.Generator(np.random.SFC64(seed))
    noise, maps, *buffers = (np.empty((AT_ONCE, *field.shape), dtype=np.float32) for _ in range(5))
    found: list[list[tuple[Uniformities, ...]]] = [[] for _ in cameras]
    for _ in range(0, REPETITIONS, AT_ONCE):
        generator.standard_normal(out=noise, dtype=np.float32)
        noise *= inside
        _nine_point_lines(noise, maps)
        for (expected32, scatter), values in zip(prepared, found):
            np.multiply(noise, scatter, out=maps)
            maps += expected32
            np.log(np.maximum(maps, floor, out=maps), out=maps)
            values.append(fields.uniformities(maps, (buffers[0], buffers[1], buffers[2])))
    return [tuple(_joined(parts) for parts in zip(*values)) for values in found]


def neutral(values: Values, field: Mask) -> Values:
    """`values` with their mean over `field` outside it, where it can be no extreme."""
    return np.where(field, values, values[field].mean())


def _nine_point_lines(values: Map, half: Map) -> None:
    """Nine-point sums of `values[repetition, row, column]` in place, maps as lines: their last row and column must be zero."""
    lines, halves, row = values.reshape(len(values), -1), half.reshape(len(half), -1), values.shape[2]
    np.add(lines, lines, out=halves)
    halves[:, row:] += lines[:, :-row]
    halves[:, :-row] += lines[:, row:]
    np.add(halves, halves, out=lines)
    lines[:, 1:] += halves[:, :-1]
    lines[:, :-1] += halves[:, 1:]


def _joined(parts: tuple[Uniformities, ...]) -> Uniformities:
    return Uniformities(
        integral=np.concatenate([part.integral for part in parts]),
        by_axis=(np.concatenate([part.by_axis[0] for part in parts]), np.concatenate([part.by_axis[1] for part in parts])),
    )


def _dispersion(counts: Values, gain: Values, field: Mask) -> float:
    """Variance over mean, from pixels against their own neighbourhood: 1 for counts, whatever the pattern (robust)."""
    smooth = smoothed(counts, field)
    inner = without_neighbours_outside(without_neighbours_outside(field))
    inner = inner if inner.sum() > 50 else field
    deviation = np.abs(counts - smooth)[inner] / np.sqrt(np.maximum(smooth * gain, 1e-9)[inner])
    return (1.4826 * median_of(deviation) / PLANE_NOISE[0]) ** 2
