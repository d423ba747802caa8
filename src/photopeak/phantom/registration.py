"""Collimated point sources in several energy windows, displaced between the windows by known amounts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from photopeak.evidence import Evidence, Frame
from photopeak.phantom.planar_image import Floats, drawn, planar_evidence, write_phantom
from photopeak.phantom.planar_sources import points
from photopeak.words import Words

GALLIUM_KEV = ((83.7, 102.3), (165.6, 202.4), (270.0, 330.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Nine points (the centre; 0.4 and 0.8 of the way to the edges of `field_mm`) seen by windows that stretch and shift.

    Window k shows the point (x, y) at (x (1 + gain) + shift_x, y (1 + gain) + shift_y), all of that window. `peak` in counts per
    pixel on top of a point whose centre is a pixel's; `background` per pixel.
    """

    gains: tuple[float, ...] = (0.0, 0.002, -0.003)
    shifts_mm: tuple[tuple[float, float], ...] = ((0.0, 0.0), (0.25, -0.1), (-0.15, 0.2))
    fwhm_mm: float = 6.0
    field_mm: tuple[float, float] = (386.0, 532.0)
    matrix: int = 256
    pixel_mm: float = 2.2
    peak: float = 5000.0
    background: float = 0.0

    @property
    def places_mm(self) -> tuple[tuple[float, float], ...]:
        """True (x, y) of the points from the centre."""
        half_y, half_x = self.field_mm[0] / 2, self.field_mm[1] / 2
        along = [(sign * share * half_x, 0.0) for share in (0.4, 0.8) for sign in (1, -1)]
        across = [(0.0, sign * share * half_y) for share in (0.4, 0.8) for sign in (1, -1)]
        return ((0.0, 0.0), *along, *across)

    def seen_at(self, window: int) -> tuple[tuple[float, float], ...]:
        """Where window number `window` (from 0) shows them."""
        gain, (dx, dy) = self.gains[window], self.shifts_mm[window]
        return tuple((x * (1 + gain) + dx, y * (1 + gain) + dy) for x, y in self.places_mm)

    def displacements(self) -> dict[str, dict[str, float]]:
        """True largest displacement by pair of windows ("1-2") and axis."""
        found = {}
        for first, second in itertools.combinations(range(len(self.gains)), 2):
            apart = np.array(self.seen_at(second)) - np.array(self.seen_at(first))
            largest = np.abs(apart).max(axis=0)
            found[f"{first + 1}-{second + 1}"] = {"x": float(largest[0]), "y": float(largest[1])}
        return found

    def expected(self) -> Floats:
        """Expected counts[window, row, column]."""
        area = 1.133 * (self.fwhm_mm / self.pixel_mm) ** 2  # of a Gaussian, in pixels of its peak
        return np.stack(
            [
                points(
                    self.seen_at(window),
                    counts=self.peak * area,
                    fwhm_mm=self.fwhm_mm,
                    matrix=self.matrix,
                    pixel_mm=self.pixel_mm,
                    background=self.background,
                )
                for window in range(len(self.gains))
            ]
        )

    def frames(self) -> list[Frame]:
        return [Frame(detector=1, energy_window=window + 1, duration_s=300.0) for window in range(len(self.gains))]

    def evidence(self, *, seed: int | None = None, **more: Any) -> Evidence:
        """Expected counts, or Poisson counts of `seed`, as evidence."""
        counts = self.expected() if seed is None else drawn(self.expected(), seed=seed, noise=True)
        return planar_evidence(counts, self.pixel_mm, frames=self.frames(), ufov_mm=self.field_mm, **more)


def registration_files(
    out: Path,
    *,
    seed: int = 0,
    gain: Annotated[float, Words("stretch of the second window", "第二能窗的放大")] = 0.002,
    shift_mm: Annotated[float, Words("shift of the third window in x, mm", "第三能窗在 x 方向的位移，mm")] = 0.5,
    fwhm_mm: Annotated[float, Words("width of a point, mm", "点源宽度，mm")] = 6.0,
    pixel_mm: Annotated[float, Words("pixel, mm", "像素大小，mm")] = 2.2,
    peak: Annotated[float, Words("peak counts per pixel", "峰值像素计数")] = 5000.0,
    background: Annotated[float, Words("background counts per pixel", "本底像素计数")] = 2.0,
    noise: Annotated[bool, Words("counting noise", "计数噪声")] = True,
) -> tuple[Path, ...]:
    """Nine 67Ga points in three energy windows as one NM file, with truth.json beside it."""
    made = Registration(
        gains=(0.0, gain, 0.0),
        shifts_mm=((0.0, 0.0), (0.0, 0.0), (shift_mm, 0.0)),
        fwhm_mm=fwhm_mm,
        pixel_mm=pixel_mm,
        matrix=int(560 / pixel_mm),
        peak=peak,
        background=background,
    )
    truth = {"window_displacement": made.displacements(), "places_mm": made.places_mm}
    return write_phantom(
        out,
        "window_registration",
        drawn(made.expected(), seed=seed, noise=noise),
        pixel_mm,
        truth,
        seed=seed,
        detectors=[1, 1, 1],
        energy_windows=[1, 2, 3],
        windows_kev=GALLIUM_KEV,
        nuclide="^67^Gallium",
        field_of_view_mm=made.field_mm,
    )
