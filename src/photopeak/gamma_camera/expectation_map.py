"""The expectation map behind one flood's counts: what would be left if counting had no noise.

A quadratic surface with free means in the two outer layers of pixels on each side; radial profiles of photomultiplier-scale
defects; a Wiener filter for patterns that repeat; and whatever stands out of the rest on any scale. All of it linear or nearly so
in the counts where nothing stands out, so that a flat camera gives a flat map.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from photopeak.gamma_camera.tube_defects import Found, find_defects
from photopeak.gamma_camera.uniformity_map import Mask, median_of, without_neighbours_outside

Values = npt.NDArray[np.float64]

STEPS = (1, 2, 4, 8)
PLANE_NOISE = (0.80, 0.272, 0.119, 0.0574, 0.042)  #: noise of each plane of the decomposition, in that of a pixel
STANDS_OUT = (4.5, 3.5, 3.5, 3.5, 3.5)  #: times its noise, at which a plane's value is kept
BANDS_STAND_OUT, WAVE_STANDS_OUT = 2.2, 10.0  #: times the noise power, of a wave with its neighbours and of a single one


def expectation(counts: Values, spread: Values, field: Mask, bin_mm: tuple[float, float]) -> tuple[Values, list[Found]]:
    """The map behind `counts[row, column]` (variance = counts times `spread`) in `field`, and the defects found in it."""
    ground = _ground(field.shape, field.tobytes())
    noise = np.sqrt(np.maximum(ground.cascade(counts * ground.inside, 3)[3] * spread, 1e-9)) * ground.inside
    base = ground.surface(counts, noise)
    defects = find_defects((counts - base) * ground.inside, base, spread, field, bin_mm)
    estimate = base + sum((one.profile for one in defects), np.zeros_like(base))
    estimate += _patterned((counts - estimate) * ground.inside, noise) * ground.inside
    planes = ground.cascade((counts - estimate) * ground.inside)
    for number, limit in enumerate(ground.limits):
        plane = planes[number] - planes[number + 1] if number < len(STEPS) else planes[-1]
        estimate += np.where(np.abs(plane) > limit * noise, plane, 0)
    return np.maximum(estimate, 0) * ground.inside, defects


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What depends on the field alone. `weights`: sums of the passes' weights in it; `limits`: of each plane, in pixel noise."""

    field: Mask
    inside: Values
    weights: tuple[Values, ...]
    limits: tuple[Values, ...]
    design: Values  #: [pixel, term] of the surface
    projector: Values  #: [term, pixel]: from counts to terms by least squares

    def cascade(self, values: Values, number: int = len(STEPS)) -> list[Values]:
        """`values` and their passes of 1 2 1 with growing steps, renormalised at the border of the field."""
        planes = [values]
        for step, weight in zip(STEPS[:number], self.weights):
            planes.append(_sums(planes[-1], step) / weight)
        return planes

    def surface(self, counts: Values, noise: Values) -> Values:
        """The fitted surface in the field, 0 outside; pixels more than three standard deviations off are pulled in once."""
        values = counts[self.field]
        fitted = self.design @ (self.projector @ values)
        limit = 3 * np.maximum(1.4826 * median_of(np.abs(values - fitted)), noise[self.field])
        values = fitted + np.clip(values - fitted, -limit, limit)
        surface = np.zeros_like(counts)
        surface[self.field] = np.maximum(self.design @ (self.projector @ values), 0)
        return surface


@lru_cache(maxsize=16)
def _ground(shape: tuple[int, int], packed: bytes) -> Ground:
    """Prepared once for every field: detectors of one model share it."""
    field = np.frombuffer(packed, dtype=bool).reshape(shape)
    inside = field.astype(np.float64)
    sums = [np.maximum(_sums(inside, step), 1e-3) for step in STEPS]
    thinned, border = np.ones(shape), [np.ones(shape)]
    for one in sums:  # nearer to the border fewer pixels are averaged
        thinned = thinned * np.clip(one / 16, 1e-3, 1)
        border.append(np.maximum(1, thinned**-0.25))
    y = np.broadcast_to(np.linspace(-1, 1, shape[0])[:, None], shape)[field]
    x = np.broadcast_to(np.linspace(-1, 1, shape[1])[None, :], shape)[field]
    design = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, *_layers(field, x, y)], axis=1)
    ridge = 1e-6 * len(x) * np.diag([0.0] + [1.0] * (design.shape[1] - 1))
    return Ground(
        field=field,
        inside=inside,
        weights=tuple(np.where(field, one, np.inf) for one in sums),
        limits=tuple(stands * noise * factor for stands, noise, factor in zip(STANDS_OUT, PLANE_NOISE, border)),
        design=design,
        projector=np.linalg.solve(design.T @ design + ridge, design.T),
    )


def _layers(field: Mask, x: Values, y: Values) -> list[Values]:
    """Indicators of the outermost and the next layer of pixels, each side by itself."""
    inner = without_neighbours_outside(field)
    layers = (field & ~inner)[field], (inner & ~without_neighbours_outside(inner))[field]
    upright = np.abs(y) > np.abs(x)
    sides = (upright & (y < 0), upright & (y >= 0), ~upright & (x < 0), ~upright & (x >= 0))
    return [(layer & side).astype(np.float64) for layer in layers for side in sides]


def _sums(values: Values, step: int) -> Values:
    half = values + values
    half[step:] += values[:-step]
    half[:-step] += values[step:]
    whole = half + half
    whole[:, step:] += half[:, :-step]
    whole[:, :-step] += half[:, step:]
    return whole


def _with_neighbours(power: Values) -> Values:
    """Each row with the one before and the one after it, the last beside the first."""
    wide = np.concatenate([power[-1:], power, power[:1]])
    return np.asarray(wide[:-2] + wide[1:-1] + wide[2:])


def _patterned(residual: Values, noise: Values) -> Values:
    """The part of `residual` that repeats: frequencies whose power, with their neighbours', stands out of the noise."""
    rows, columns = residual.shape
    fast = (-(-rows // 8) * 8, -(-columns // 8) * 8)
    limit = 3.5 * noise
    spectrum = np.fft.fft2(np.clip(residual, -limit, limit), s=fast)
    power = (spectrum.real**2 + spectrum.imag**2) / max(float((noise * noise).sum()), 1e-9)
    around = _with_neighbours(_with_neighbours(np.minimum(power, WAVE_STANDS_OUT)).T).T / 9  # a lone wave keeps itself only
    kept = np.sqrt(np.where(around > BANDS_STAND_OUT, 1 - 1 / np.maximum(around, 1), 0))
    kept = np.where(power > WAVE_STANDS_OUT, np.maximum(kept, 1 - 1 / np.maximum(power, 1)), kept)
    if not kept.any():
        return np.zeros_like(residual)
    return np.asarray(np.fft.ifft2(spectrum * kept).real[:rows, :columns])
