"""The slit phantom of known truth: parallel 1 mm slits every 30 mm, displaced by a stated distortion, blurred by a Gaussian."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence
from photopeak.phantom.planar_image import PER_SIGMA, Floats, box, drawn, pixel_integrals, planar_evidence, write_phantom
from photopeak.words import Words

Distortion = Callable[[float, Floats], Floats]


def no_distortion(place_mm: float, along_mm: Floats) -> Floats:
    return np.zeros_like(along_mm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """A smooth distortion: the slit at `place_mm` is displaced by amplitude x sin(2 pi along / period) x cos(2 pi place / pitch)."""

    amplitude_mm: float
    period_mm: float = 180.0
    pitch_mm: float = math.inf

    def __call__(self, place_mm: float, along_mm: Floats) -> Floats:
        across = math.cos(2 * math.pi * place_mm / self.pitch_mm) if math.isfinite(self.pitch_mm) else 1.0
        found: Floats = self.amplitude_mm * across * np.sin(2 * math.pi * along_mm / self.period_mm)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Slits:
    """Slits that run along the columns of pixels (`axis` x: they show x) or along the rows (`axis` y).

    `field_mm` (rows, columns) is lit; `first_mm` places the slit nearest the centre; `peak` in counts per pixel.
    """

    axis: str = "x"
    fwhm_mm: float = 3.8
    slit_mm: float = 1.0
    spacing_mm: float = 30.0
    first_mm: float = 0.0
    field_mm: tuple[float, float] = (386.0, 532.0)
    matrix: int = 1024
    pixel_mm: float = 0.6
    peak: float = 100.0
    background: float = 0.0
    distortion: Distortion = no_distortion

    @property
    def places_mm(self) -> tuple[float, ...]:
        """Where the slits are, from the centre."""
        half = self.field_mm[1 if self.axis == "x" else 0] / 2 - self.spacing_mm / 3
        low = math.ceil((-half - self.first_mm) / self.spacing_mm)
        high = math.floor((half - self.first_mm) / self.spacing_mm)
        return tuple(self.first_mm + k * self.spacing_mm for k in range(low, high + 1))

    def linearity(self, share: float = 1.0) -> tuple[float, float]:
        """True (differential, absolute) linearity in mm over the central `share` of the lit field, slits known at every mm.

        By the definitions of NEMA NU 1-2007, 2.2: the scatter of each slit about its own line, and the largest distance from
        equally spaced parallel lines.
        """
        tall, wide = self.field_mm if self.axis == "x" else self.field_mm[::-1]
        along = np.arange(-tall * share / 2, tall * share / 2 + 0.5)
        places = np.array([place for place in self.places_mm if abs(place) <= wide * share / 2])
        moved = np.array([self.distortion(float(place), along) for place in places])
        own = moved - np.array([np.polyval(np.polyfit(along, one, 1), along) for one in moved])
        grid = np.stack([np.ones(moved.size), np.tile(along, len(places)), np.repeat(places, len(along))], axis=1)
        fitted, *_ = np.linalg.lstsq(grid, moved.reshape(-1), rcond=None)
        apart = moved.reshape(-1) - grid @ fitted
        return float(np.sqrt((own**2).mean())), float(np.abs(apart).max())

    def expected(self) -> Floats:
        """Expected counts[row, column]."""
        sigma = self.fwhm_mm / PER_SIGMA
        tall, wide = self.field_mm
        length = tall if self.axis == "x" else wide
        height = self.peak / float(box(np.zeros(1), self.slit_mm / 2, sigma)[0]) / self.pixel_mm**2

        def pattern(x: Floats, y: Floats) -> Floats:
            across, along = (x, y) if self.axis == "x" else (y, x)
            total = np.zeros(np.broadcast(x, y).shape)
            for place in self.places_mm:
                middle = place + self.distortion(place, along)
                near = np.abs(across - place).reshape(-1) < 6 * sigma + self.slit_mm + 5
                if self.axis == "x":
                    total[:, near] += box(across[:, near] - middle, self.slit_mm / 2, sigma)
                else:
                    total[near] += box(across[near] - middle, self.slit_mm / 2, sigma)
            return height * total * box(along, length / 2, sigma)

        return pixel_integrals(pattern, (self.matrix, self.matrix), self.pixel_mm, order=3) + self.background

    def evidence(self, *, seed: int | None = None, **more: Any) -> Evidence:
        """Expected counts, or Poisson counts of `seed`, as evidence; the useful field is the lit field."""
        counts: npt.NDArray[Any] = self.expected() if seed is None else drawn(self.expected(), seed=seed, noise=True)
        return planar_evidence(counts, self.pixel_mm, ufov_mm=self.field_mm, **more)


def slits_files(
    out: Path,
    *,
    seed: int = 0,
    fwhm_mm: Annotated[float, Words("resolution, mm", "分辨力，mm")] = 3.8,
    matrix: Annotated[int, Words("rows and columns", "矩阵大小")] = 1024,
    pixel_mm: Annotated[float, Words("pixel, mm", "像素大小，mm")] = 0.6,
    peak: Annotated[float, Words("peak counts per pixel", "峰值像素计数")] = 100.0,
    wave_mm: Annotated[float, Words("amplitude of a distortion, mm", "畸变幅度，mm")] = 0.1,
    noise: Annotated[bool, Words("counting noise", "计数噪声")] = True,
) -> tuple[Path, ...]:
    """Slits along both axes as one NM file of two frames (x, then y), with truth.json beside it."""
    counts, linearity = [], {}
    for axis in ("x", "y"):
        made = Slits(
            axis=axis, fwhm_mm=fwhm_mm, matrix=matrix, pixel_mm=pixel_mm, peak=peak, distortion=Wave(amplitude_mm=wave_mm)
        )
        counts.append(drawn(made.expected(), seed=seed, noise=noise))
        for fov, share in (("UFOV", 1.0), ("CFOV", 0.75)):
            differential, absolute = made.linearity(share)
            linearity[f"{axis} {fov}"] = {"differential_linearity": differential, "absolute_linearity": absolute}
    truth = {
        "fwhm_mm": fwhm_mm,
        "slit_mm": 1.0,
        "slit_spacing_mm": 30.0,
        "pixel_mm": pixel_mm,
        "wave_mm": wave_mm,
        "linearity_mm": linearity,
    }
    return write_phantom(
        out, "slits", np.stack(counts), pixel_mm, truth, seed=seed, detectors=[1, 1], field_of_view_mm=(386.0, 532.0)
    )
