"""Line sources of known truth: straight segments of given place, length and angle, blurred by a Gaussian."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
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
    gaussian,
    order_for,
    pixel_integrals,
    planar_evidence,
    turned,
    write_phantom,
)
from photopeak.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One line source: its middle, its length, and its direction, in degrees from x (rightwards) towards y (downwards)."""

    x_mm: float
    y_mm: float
    length_mm: float
    angle_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Line sources on a uniform background; `peak` and `background` in counts per pixel, `fwhm_mm` across each line."""

    segments: tuple[Segment, ...]
    fwhm_mm: float = 7.5
    matrix: int = 256
    pixel_mm: float = 2.2
    peak: float = 1000.0
    background: float = 0.0

    def expected(self) -> Floats:
        """Expected counts[row, column]."""
        sigma = self.fwhm_mm / PER_SIGMA
        height = self.peak * sigma * math.sqrt(2 * math.pi) / self.pixel_mm**2

        def pattern(x: Floats, y: Floats) -> Floats:
            total = np.zeros(np.broadcast(x, y).shape)
            for one in self.segments:
                along, across = turned(x, y, (one.x_mm, one.y_mm), one.angle_deg)
                total += height * gaussian(across, sigma) * box(along, one.length_mm / 2, sigma)
            return total

        order = order_for(sigma, self.pixel_mm)
        return pixel_integrals(pattern, (self.matrix, self.matrix), self.pixel_mm, order=order) + self.background

    def evidence(self, *, seed: int | None = None, **more: Any) -> Evidence:
        """Expected counts, or Poisson counts of `seed`, as evidence."""
        counts: npt.NDArray[Any] = self.expected() if seed is None else drawn(self.expected(), seed=seed, noise=True)
        return planar_evidence(counts, self.pixel_mm, **more)


def four_lines(
    *,
    separation_mm: float = 100.0,
    length_mm: float = 70.0,
    angle_deg: float = 0.0,
    centre_mm: tuple[float, float] = (0.0, 0.0),
    **how: Any,
) -> Lines:
    """Two pairs of parallel lines on the sides of a square of side `separation_mm`, turned as a whole and moved."""
    return Lines(segments=_around(separation_mm, length_mm, angle_deg, centre_mm, (0, 90, 180, 270)), **how)


def two_lines(
    *,
    separation_mm: float = 100.0,
    length_mm: float = 150.0,
    angle_deg: float = 0.0,
    centre_mm: tuple[float, float] = (0.0, 0.0),
    **how: Any,
) -> Lines:
    """A pair of parallel lines; at 0 degrees they run along the columns of pixels and show x."""
    return Lines(segments=_around(separation_mm, length_mm, angle_deg, centre_mm, (0, 180)), **how)


def _around(
    separation_mm: float, length_mm: float, angle_deg: float, centre_mm: tuple[float, float], sides: Sequence[float]
) -> tuple[Segment, ...]:
    found = []
    for side in sides:
        outwards = math.radians(side + angle_deg)
        found.append(
            Segment(
                x_mm=centre_mm[0] + separation_mm / 2 * math.cos(outwards),
                y_mm=centre_mm[1] + separation_mm / 2 * math.sin(outwards),
                length_mm=length_mm,
                angle_deg=side + angle_deg + 90,
            )
        )
    return tuple(found)


def lines_files(
    out: Path,
    *,
    seed: int = 0,
    fwhm_mm: Annotated[float, Words("resolution, mm", "分辨力，mm")] = 7.5,
    matrix: Annotated[int, Words("rows and columns", "矩阵大小")] = 512,
    pixel_mm: Annotated[float, Words("pixel, mm", "像素大小，mm")] = 1.1,
    separation_mm: Annotated[float, Words("distance of parallel lines, mm", "平行线源间距，mm")] = 100.0,
    angle_deg: Annotated[float, Words("rotation, degrees", "旋转角度，度")] = 1.0,
    peak: Annotated[float, Words("peak counts per pixel", "峰值像素计数")] = 500.0,
    background: Annotated[float, Words("background counts per pixel", "本底像素计数")] = 1.0,
    noise: Annotated[bool, Words("counting noise", "计数噪声")] = True,
) -> tuple[Path, ...]:
    """Four line sources as one NM file, with truth.json beside it."""
    made = four_lines(
        separation_mm=separation_mm,
        angle_deg=angle_deg,
        fwhm_mm=fwhm_mm,
        matrix=matrix,
        pixel_mm=pixel_mm,
        peak=peak,
        background=background,
    )
    truth = {"separation_mm": separation_mm, "lines": asdict(made)}
    return write_phantom(out, "four_lines", drawn(made.expected(), seed=seed, noise=noise), pixel_mm, truth, seed=seed)
