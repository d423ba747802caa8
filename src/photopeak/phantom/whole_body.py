"""Whole-body scans of known truth: line sources on the bed, and a source fixed to the detector while the speed varies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from photopeak.evidence import Evidence, Frame
from photopeak.phantom.lines import Segment
from photopeak.phantom.planar_image import (
    PER_SIGMA,
    Floats,
    box,
    centres_mm,
    drawn,
    gaussian,
    order_for,
    pixel_integrals,
    planar_evidence,
    turned,
    write_phantom,
)
from photopeak.words import Words

CAPILLARIES = (
    Segment(x_mm=-60.0, y_mm=-20.0, length_mm=150.0, angle_deg=90.0),
    Segment(x_mm=90.0, y_mm=160.0, length_mm=150.0, angle_deg=0.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedLines:
    """Capillaries on the bed. `fwhm_mm` is the width along the travel (rows, y) and across it (columns, x); `peak` in counts."""

    segments: Sequence[Segment] = CAPILLARIES
    fwhm_mm: tuple[float, float] = (8.6, 7.9)
    rows: int = 832
    columns: int = 256
    pixel_mm: float = 2.4
    peak: float = 600.0
    background: float = 0.0

    def expected(self) -> Floats:
        """Expected counts[row, column]."""
        sigmas = tuple(width / PER_SIGMA for width in self.fwhm_mm)

        def pattern(x: Floats, y: Floats) -> Floats:
            total = np.zeros(np.broadcast(x, y).shape)
            for one in self.segments:
                along, across = turned(x, y, (one.x_mm, one.y_mm), one.angle_deg)
                own = sigmas[1] if abs(math.sin(math.radians(one.angle_deg))) > 0.7 else sigmas[0]
                height = self.peak * own * math.sqrt(2 * math.pi) / self.pixel_mm**2
                total += height * gaussian(across, own) * box(along, one.length_mm / 2, own)
            return total

        order = order_for(min(sigmas), self.pixel_mm)
        return pixel_integrals(pattern, (self.rows, self.columns), self.pixel_mm, order=order) + self.background

    def evidence(self, *, seed: int | None = None, detectors: int = 1, speed_mm_s: float | None = 2.0, **more: Any) -> Evidence:
        expected = np.stack([self.expected()] * detectors)
        counts = expected if seed is None else drawn(expected, seed=seed, noise=True)
        return _scan(counts, self.pixel_mm, speed_mm_s, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedSource:
    """A source fixed to the detector: every row has one profile; the speed differs by `wave_percent` and by a slower patch.

    The time spent on a row is 1 + wave/100 x sin(2 pi y / `period_mm`), and `jerk_percent` more over `jerk_mm` in the middle.
    """

    wave_percent: float = 1.0
    period_mm: float = 600.0
    jerk_percent: float = 0.0
    jerk_mm: float = 40.0
    counts_per_row: float = 20_000.0
    fwhm_mm: float = 60.0
    rows: int = 832
    columns: int = 256
    pixel_mm: float = 2.4

    @property
    def dwell(self) -> Floats:
        """Relative time spent on each row."""
        y = centres_mm(self.rows, self.pixel_mm)
        wave = 1 + self.wave_percent / 100 * np.sin(2 * np.pi * y / self.period_mm)
        found: Floats = wave + self.jerk_percent / 100 * (np.abs(y) <= self.jerk_mm / 2)
        return found

    def expected(self) -> Floats:
        """Expected counts[row, column]."""
        sigma = self.fwhm_mm / PER_SIGMA
        across = gaussian(centres_mm(self.columns, self.pixel_mm), sigma) * self.pixel_mm
        return np.outer(self.counts_per_row * self.dwell, across)

    @property
    def nonuniformity(self) -> float:
        """100 (max - min) / (max + min) of the time spent, in per cent."""
        return 100 * float(self.dwell.max() - self.dwell.min()) / float(self.dwell.max() + self.dwell.min())

    def evidence(self, *, seed: int | None = None, speed_mm_s: float | None = 2.0, **more: Any) -> Evidence:
        counts = self.expected() if seed is None else drawn(self.expected(), seed=seed, noise=True)
        return _scan(counts[np.newaxis], self.pixel_mm, speed_mm_s, **more)


def _scan(counts: Any, pixel_mm: float, speed_mm_s: float | None, **more: Any) -> Evidence:
    header = {} if speed_mm_s is None else {"scan_velocity_mm_s": speed_mm_s}
    frames = [Frame(detector=index + 1, duration_s=1000.0) for index in range(len(counts))]
    return planar_evidence(counts, pixel_mm, frames=frames, image_type="WHOLE BODY", header=header, **more)


def whole_body_lines_files(
    out: Path,
    *,
    seed: int = 0,
    fwhm_along_mm: Annotated[float, Words("width along the travel, mm", "扫描方向半高宽，mm")] = 8.6,
    fwhm_across_mm: Annotated[float, Words("width across the travel, mm", "垂直扫描方向半高宽，mm")] = 7.9,
    peak: Annotated[float, Words("peak counts per pixel", "峰值像素计数")] = 600.0,
    speed_cm_per_min: Annotated[float, Words("scan speed, cm/min", "扫描速度，cm/min")] = 12.0,
    noise: Annotated[bool, Words("counting noise", "计数噪声")] = True,
) -> tuple[Path, ...]:
    """Two capillaries, along and across the travel, seen by two detectors, with truth.json beside the file."""
    made = ScannedLines(fwhm_mm=(fwhm_along_mm, fwhm_across_mm), peak=peak)
    counts = drawn(np.stack([made.expected()] * 2), seed=seed, noise=noise)
    truth = {"fwhm": {"y": fwhm_along_mm, "x": fwhm_across_mm}, "speed_cm_per_min": speed_cm_per_min}
    seconds = made.rows * made.pixel_mm / 10 / speed_cm_per_min * 60
    return write_phantom(
        out,
        "whole_body_lines",
        counts,
        made.pixel_mm,
        truth,
        seed=seed,
        image_type="WHOLE BODY",
        duration_s=seconds,
        detectors=[1, 2],
    )


def whole_body_speed_files(
    out: Path,
    *,
    seed: int = 0,
    wave_percent: Annotated[float, Words("variation of the speed, %", "速度变化，%")] = 1.0,
    jerk_percent: Annotated[float, Words("longer stay in the middle, %", "中部停留时间增加，%")] = 0.0,
    counts_per_row: Annotated[float, Words("counts in a row", "每行计数")] = 20_000.0,
    speed_cm_per_min: Annotated[float, Words("scan speed, cm/min", "扫描速度，cm/min")] = 12.0,
    noise: Annotated[bool, Words("counting noise", "计数噪声")] = True,
) -> tuple[Path, ...]:
    """A 57Co source fixed to the detector during a scan, with truth.json beside the file."""
    made = FixedSource(wave_percent=wave_percent, jerk_percent=jerk_percent, counts_per_row=counts_per_row)
    counts = drawn(made.expected(), seed=seed, noise=noise)
    truth = {"scan_speed_nonuniformity": made.nonuniformity, "speed_cm_per_min": speed_cm_per_min}
    seconds = made.rows * made.pixel_mm / 10 / speed_cm_per_min * 60
    return write_phantom(
        out,
        "whole_body_speed",
        counts,
        made.pixel_mm,
        truth,
        seed=seed,
        image_type="WHOLE BODY",
        duration_s=seconds,
        nuclide="^57^Cobalt",
        windows_kev=((109.9, 134.3),),
    )
