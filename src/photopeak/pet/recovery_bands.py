"""The published bands of recovery, sphere by sphere, and the smallest Gaussian filter that brings a scanner into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from photopeak.criterion import shipped_criteria
from photopeak.pet.iec_body_fit import RingFit
from photopeak.pet.iec_body_pose import NEIGHBOURHOOD_MM, SIGMA_PER_FWHM, SPHERES_MM, Floats, neighbourhood

WIDEST_MM, COARSE_MM, FINE_MM = 12.0, 0.5, 0.1
ROOM_MM = 15.0  #: what the filter reaches beyond the neighbourhoods (three standard deviations of the widest)

Place = tuple[int, str]  #: sphere diameter in mm, statistic
Spacing = tuple[float, float, float]


def bands(programme: str) -> dict[Place, tuple[float, float]]:
    """Lower and upper recovery by sphere and statistic, of the limits that somebody has compared with their source."""
    return {
        (int(row.where["sphere_mm"]), str(row.where["statistic"])): (row.lower, row.upper)
        for row in shipped_criteria()
        if row.quantity == "recovery"
        and row.programme == programme
        and not row.provisional
        and row.lower is not None
        and row.upper is not None
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """What a filter of `fwhm_mm` leaves of the spheres: recovery by place, and how far outside its band each is (0: inside)."""

    fwhm_mm: float
    recovery: Mapping[Place, float]
    outside: Mapping[Place, float]

    @property
    def inside(self) -> bool:
        return not any(self.outside.values())


class Spheres:
    """The part of an image that holds the spheres, filtered as often as wanted."""

    def __init__(
        self, values: npt.NDArray[np.float32], spacing_mm: Spacing, fit: RingFit, background: float, truth: float
    ) -> None:
        reach = max(SPHERES_MM) / 2 + NEIGHBOURHOOD_MM + ROOM_MM
        low, high = fit.spheres_mm.min(axis=0) - reach, fit.spheres_mm.max(axis=0) + reach
        first = [max(0, int(a / s)) for a, s in zip(low, spacing_mm)]
        last = [min(n, int(b / s) + 2) for b, s, n in zip(high, spacing_mm, values.shape)]
        part = values[tuple(slice(a, b) for a, b in zip(first, last))].astype(np.float32)
        self._spacing = spacing_mm
        self._background, self._truth = background, truth
        # Mirrored at its ends, so that the filter sees no jump there.
        room = [min(int(np.ceil(ROOM_MM / s)), n) for s, n in zip(spacing_mm, part.shape)]
        room_after = [fft.next_fast_len(n + 2 * r, real=True) - n - r for n, r in zip(part.shape, room)]
        padded = np.pad(part, list(zip(room, room_after)), mode="symmetric")
        self._inner = tuple(slice(r, r + n) for r, n in zip(room, part.shape))
        self._spectrum = fft.rfftn(padded)
        self._padded = padded.shape
        self._known: dict[float, dict[Place, float]] = {}
        corner = np.array(first) * np.array(spacing_mm)
        self._near = []
        for centre, diameter in zip(fit.spheres_mm - corner, SPHERES_MM):
            near = neighbourhood(part.shape, spacing_mm, centre, diameter / 2 + NEIGHBOURHOOD_MM)
            z, y, x = (axis - c for axis, c in zip(near.axes_mm, centre))
            distance = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
            self._near.append((diameter, near.box, distance <= diameter / 2 + NEIGHBOURHOOD_MM))

    def recovery(self, fwhm_mm: float) -> dict[Place, float]:
        """A50 and maximum of every sphere over the truth, after a Gaussian of `fwhm_mm` in all three directions."""
        key = round(fwhm_mm, 3)
        if key not in self._known:
            self._known[key] = self._recovery(key)
        return self._known[key]

    def _recovery(self, fwhm_mm: float) -> dict[Place, float]:
        image = self._filtered(fwhm_mm)
        found: dict[Place, float] = {}
        for diameter, box, inside in self._near:
            voxels = image[box][inside].astype(np.float64)
            top = float(voxels.max())
            above = voxels[voxels >= self._background + 0.5 * (top - self._background)]
            found[diameter, "max"] = top / self._truth
            found[diameter, "a50"] = float(above.mean()) / self._truth
        return found

    def _filtered(self, fwhm_mm: float) -> npt.NDArray[np.float32]:
        spectrum = self._spectrum
        if fwhm_mm > 0:
            sigma = fwhm_mm * float(SIGMA_PER_FWHM)
            for axis, (n, step) in enumerate(zip(self._padded, self._spacing)):
                cycles = fft.rfftfreq(n, step) if axis == 2 else fft.fftfreq(n, step)
                gain: Floats = np.exp(-2 * (np.pi * sigma * cycles) ** 2)
                spectrum = spectrum * np.expand_dims(gain, tuple(a for a in range(3) if a != axis)).astype(np.float32)
        image: npt.NDArray[np.float32] = fft.irfftn(spectrum, self._padded)[self._inner]
        return image


def judged(recovery: Mapping[Place, float], wanted: Mapping[Place, tuple[float, float]], fwhm_mm: float) -> Filtered:
    outside = {
        place: max(low - recovery[place], 0.0) - max(recovery[place] - high, 0.0) for place, (low, high) in wanted.items()
    }
    return Filtered(fwhm_mm=fwhm_mm, recovery=recovery, outside=outside)


def smallest_filter(spheres: Spheres, wanted: Mapping[Place, tuple[float, float]]) -> tuple[Filtered | None, list[Filtered]]:
    """The smallest filter with all recoveries inside (None: there is none up to 12 mm), and every filter that was tried."""
    tried = []
    for fwhm_mm in np.arange(0.0, WIDEST_MM + COARSE_MM / 2, COARSE_MM):
        tried.append(judged(spheres.recovery(float(fwhm_mm)), wanted, float(fwhm_mm)))
        if tried[-1].inside:
            break
        if all(value >= 0 for value in tried[-1].outside.values()):  # below some band and above none: more only lowers
            return None, tried
    best = tried[-1]
    if not best.inside:
        return None, tried
    steps = round(COARSE_MM / FINE_MM)
    for step in range(steps - 1, 0, -1):
        fwhm_mm = best.fwhm_mm - FINE_MM if step else best.fwhm_mm
        if fwhm_mm <= 0:
            break
        finer = judged(spheres.recovery(fwhm_mm), wanted, fwhm_mm)
        if not finer.inside:
            break
        best = finer
    return best, tried
