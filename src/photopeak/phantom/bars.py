"""The four-quadrant bar phantom of known truth: ideal bars (full and no transmission), blurred by a Gaussian, in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence
from photopeak.phantom.planar_image import (
    PER_SIGMA,
    Floats,
    box,
    drawn,
    pixel_integrals,
    planar_evidence,
    turned,
    write_phantom,
)
from photopeak.words import Words

HARMONICS = range(1, 60, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuadrantBars:
    """Bars of four widths, one quadrant each: top left, top right, bottom left, bottom right; directions alternate.

    `open_counts` per pixel where nothing lies on the detector; under the bars the mean is half of it, with the first harmonic's
    modulation (4/pi) exp(-2 (pi sigma / 2 w)²). `transmission` is what solid lead lets through.
    """

    widths_mm: tuple[float, float, float, float] = (2.5, 3.0, 3.5, 4.0)
    fwhm_mm: float = 3.8
    matrix: int = 512
    pixel_mm: float = 1.1
    open_counts: float = 100.0
    side_mm: float = 360.0
    gap_mm: float = 12.0
    field_mm: tuple[float, float] = (386.0, 532.0)
    angle_deg: float = 0.0
    centre_mm: tuple[float, float] = (0.0, 0.0)
    transmission: float = 0.0

    def expected(self) -> Floats:
        """Expected counts[row, column]; exact inside the quadrants, their outlines are blurred boxes."""
        sigma = self.fwhm_mm / PER_SIGMA
        offset, half = (self.side_mm + self.gap_mm) / 4, (self.side_mm - self.gap_mm) / 4

        def pattern(x: Floats, y: Floats) -> Floats:
            u, v = turned(x, y, self.centre_mm, self.angle_deg)
            light = np.ones(np.broadcast(x, y).shape)
            for index, width in enumerate(self.widths_mm):
                du, dv = u - offset * (2 * (index % 2) - 1), v - offset * (2 * (index // 2) - 1)
                inside = box(du, half, sigma) * box(dv, half, sigma)
                wave = _bars(du if index in (0, 3) else dv, width, sigma)
                light -= inside * (1 - (self.transmission + (1 - self.transmission) * wave))
            return light * box(x, self.field_mm[1] / 2, sigma) * box(y, self.field_mm[0] / 2, sigma)

        area = self.open_counts / self.pixel_mm**2
        return np.maximum(area * pixel_integrals(pattern, (self.matrix, self.matrix), self.pixel_mm, order=4), 0.0)

    def evidence(self, *, seed: int | None = None, **more: Any) -> Evidence:
        """Expected counts, or Poisson counts of `seed`, as evidence."""
        counts: npt.NDArray[Any] = self.expected() if seed is None else drawn(self.expected(), seed=seed, noise=True)
        return planar_evidence(counts, self.pixel_mm, ufov_mm=self.field_mm, **more)


def _bars(distance_mm: Floats, width_mm: float, sigma_mm: float) -> Floats:
    """Transmission of bars of equal width and distance behind a Gaussian: the Fourier series of the blurred square wave."""
    total = np.full(distance_mm.shape, 0.5)
    for k in HARMONICS:
        number = math.pi * k / width_mm
        damped = 2 / (math.pi * k) * math.exp(-((number * sigma_mm) ** 2) / 2)
        if damped < 1e-12:
            break
        total += damped * np.sin(number * distance_mm)
    return total


def bars_files(
    out: Path,
    *,
    seed: int = 0,
    fwhm_mm: Annotated[float, Words("resolution, mm", "分辨力，mm")] = 3.8,
    matrix: Annotated[int, Words("rows and columns", "矩阵大小")] = 512,
    pixel_mm: Annotated[float, Words("pixel, mm", "像素大小，mm")] = 1.1,
    open_counts: Annotated[float, Words("open counts per pixel", "无遮挡处像素计数")] = 60.0,
    angle_deg: Annotated[float, Words("rotation, degrees", "旋转角度，度")] = 0.0,
    noise: Annotated[bool, Words("counting noise", "计数噪声")] = True,
) -> tuple[Path, ...]:
    """A quadrant bar phantom (4.0, 3.5, 3.0, 2.5 mm) as one NM file, with truth.json beside it."""
    made = QuadrantBars(fwhm_mm=fwhm_mm, matrix=matrix, pixel_mm=pixel_mm, open_counts=open_counts, angle_deg=angle_deg)
    truth = {"fwhm_mm": fwhm_mm, "bar_widths_mm": list(made.widths_mm), "pixel_mm": pixel_mm, "angle_deg": angle_deg}
    counts = drawn(made.expected(), seed=seed, noise=noise)
    return write_phantom(out, "bars", counts, pixel_mm, truth, seed=seed, field_of_view_mm=made.field_mm)
