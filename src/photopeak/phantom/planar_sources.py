"""A dish, point sources and lead plates of known truth, each blurred by a Gaussian."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from photopeak.phantom.planar_image import (
    PER_SIGMA,
    Floats,
    box,
    centres_mm,
    drawn,
    gaussian,
    pixel_integrals,
    turned,
    write_phantom,
)
from photopeak.words import Words


def dish(
    *,
    counts: float,
    diameter_mm: float = 150.0,
    fwhm_mm: float = 8.0,
    centre_mm: tuple[float, float] = (0.0, 0.0),
    matrix: int = 128,
    pixel_mm: float = 4.8,
    background: float = 0.0,
) -> Floats:
    """Expected counts[row, column] of a dish with exactly `counts` in all, on `background` counts per pixel."""
    sigma = fwhm_mm / PER_SIGMA

    def pattern(x: Floats, y: Floats) -> Floats:
        return box(np.hypot(x - centre_mm[0], y - centre_mm[1]), diameter_mm / 2, sigma)

    image = pixel_integrals(pattern, (matrix, matrix), pixel_mm)
    return image * (counts / float(image.sum())) + background


def points(
    places_mm: Sequence[tuple[float, float]],
    *,
    counts: float,
    fwhm_mm: float = 7.0,
    matrix: int = 256,
    pixel_mm: float = 2.4,
    background: float = 0.0,
) -> Floats:
    """Expected counts[row, column] of point sources at (x, y), `counts` each: exact pixel integrals."""
    sigma = fwhm_mm / PER_SIGMA
    at = centres_mm(matrix, pixel_mm)
    image = np.full((matrix, matrix), float(background))
    for x, y in places_mm:
        image += counts * np.outer(box(at - y, pixel_mm / 2, sigma), box(at - x, pixel_mm / 2, sigma))
    return image


@dataclass(frozen=True, slots=True, kw_only=True)
class Plates:
    """Square lead plates on a flooded field: `transmission` under them, `centres_mm` (x, y) before the turn by `angle_deg`."""

    fwhm_mm: float = 3.6
    side_mm: float = 76.0
    centres_mm: tuple[tuple[float, float], ...] = ((0.0, -76.0), (76.0, 0.0), (0.0, 76.0), (-76.0, 0.0))
    angle_deg: float = 13.0
    transmission: float = 0.7
    matrix: int = 512
    pixel_mm: float = 1.2
    open_counts: float = 1500.0
    field_mm: tuple[float, float] = (386.0, 532.0)

    def expected(self) -> Floats:
        """Expected counts[row, column]."""
        sigma = self.fwhm_mm / PER_SIGMA

        def pattern(x: Floats, y: Floats) -> Floats:
            u, v = turned(x, y, (0.0, 0.0), self.angle_deg)
            light = np.ones(np.broadcast(x, y).shape)
            for cx, cy in self.centres_mm:
                half = self.side_mm / 2
                light -= (1 - self.transmission) * box(u - cx, half, sigma) * box(v - cy, half, sigma)
            return light * box(x, self.field_mm[1] / 2, sigma) * box(y, self.field_mm[0] / 2, sigma)

        area = self.open_counts / self.pixel_mm**2
        return area * pixel_integrals(pattern, (self.matrix, self.matrix), self.pixel_mm, order=4)


def strip(*, rows: int, columns: int, pixel_mm: float, counts_per_row: Floats, fwhm_mm: float = 60.0) -> Floats:
    """A whole-body scan of a source fixed to the detector: the same profile on every row, times the row's expected counts."""
    across = gaussian(centres_mm(columns, pixel_mm), fwhm_mm / PER_SIGMA) * pixel_mm
    return np.outer(np.broadcast_to(counts_per_row, rows), across)


def dish_files(
    out: Path,
    *,
    seed: int = 0,
    sensitivity: Annotated[float, Words("true sensitivity, counts/s/MBq", "真实灵敏度，计数/s/MBq")] = 90.0,
    activity_mbq: Annotated[float, Words("activity at the start, MBq", "采集开始时活度，MBq")] = 40.0,
    duration_s: Annotated[float, Words("duration, s", "采集时间，s")] = 600.0,
    half_life_s: Annotated[float, Words("half-life, s (default 99mTc)", "半衰期，s（默认 99mTc）")] = 21672.0,
    background: Annotated[float, Words("background counts per pixel", "本底像素计数")] = 0.0,
    noise: Annotated[bool, Words("counting noise", "计数噪声")] = True,
) -> tuple[Path, ...]:
    """A dish on the collimator as one NM file of one detector, with truth.json beside it."""
    decay = math.log(2) / half_life_s
    counts = sensitivity * activity_mbq * -math.expm1(-decay * duration_s) / decay
    image = drawn(dish(counts=counts, background=background), seed=seed, noise=noise)
    truth = {
        "planar_sensitivity": sensitivity,
        "activity_mbq_at_start": activity_mbq,
        "duration_s": duration_s,
        "half_life_s": half_life_s,
        "background_counts_per_pixel": background,
    }
    return write_phantom(out, "dish", image, 4.8, truth, seed=seed, duration_s=duration_s)
