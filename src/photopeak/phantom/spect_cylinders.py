"""Projections of a uniform cylinder in closed form: chords integrated over each pixel, so that every count is known.

The cylinder lies along the axis of rotation, in its centre, unattenuated and unblurred: what is known is the number of counts.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Frame, PlanarImages
from photopeak.nuclide import NUCLIDES
from photopeak.phantom.as_dicom import ACQUIRED, write_planar
from photopeak.words import Words

Floats = npt.NDArray[np.float64]


def cylinder_projections(
    counts_per_view: Sequence[float],
    *,
    views: int = 60,
    duration_s: float = 10.0,
    radius_mm: float = 100.0,
    length_mm: float = 200.0,
    shape: tuple[int, int] = (128, 128),
    pixel_mm: float = 4.8,
    seed: int | None = None,
) -> PlanarImages:
    """Views over a full turn of one head for each of `counts_per_view`; Poisson where a `seed` is given."""
    share = np.outer(_overlap(shape[0], pixel_mm, length_mm / 2), _chords(shape[1], pixel_mm, radius_mm))
    share /= share.sum()
    images: npt.NDArray[np.float64] = np.stack([counts * share for counts in counts_per_view for _ in range(views)])
    frames = tuple(
        Frame(detector=head, rotation=head, view=view + 1, angle_deg=360.0 * view / views, duration_s=duration_s)
        for head in range(1, len(counts_per_view) + 1)
        for view in range(views)
    )
    counts = images if seed is None else np.random.default_rng(seed).poisson(images).astype(np.int32)
    return PlanarImages(counts=counts, pixel_mm=(pixel_mm, pixel_mm), frames=frames, image_type="TOMO")


def _edges(size: int, mm: float) -> Floats:
    return np.asarray(mm * (np.arange(size + 1) - size / 2), dtype=np.float64)


def _overlap(size: int, mm: float, half_mm: float) -> Floats:
    return np.diff(np.clip(_edges(size, mm), -half_mm, half_mm))


def _chords(size: int, mm: float, radius_mm: float) -> Floats:
    """Area of a circle over each pixel: the integral of its half chord is (x h + R² asin(x / R)) / 2."""
    x = np.clip(_edges(size, mm), -radius_mm, radius_mm)
    return np.diff(x * np.sqrt(radius_mm**2 - x**2) + radius_mm**2 * np.arcsin(x / radius_mm))


def rotating_cylinder_files(
    out: Path,
    *,
    seed: int = 0,
    sensitivity: Annotated[float, Words("volume sensitivity, counts/s/(MBq/mL)", "体积灵敏度，计数/s/(MBq/mL)")] = 250_000.0,
    difference_percent: Annotated[float, Words("sensitivity difference of the heads, %", "探头间灵敏度差异，%")] = 2.0,
    views: Annotated[int, Words("views of each head", "每个探头的投影数")] = 60,
    duration_s: Annotated[float, Words("duration of a view, s", "每幅采集时间，s")] = 10.0,
    motion_s: Annotated[float, Words("motion between views, s", "每步运动时间，s")] = 1.5,
) -> tuple[Path, ...]:
    """A uniform cylinder seen by two heads as one NM TOMO file, with facts.toml and truth.json beside it.

    The counts are those of the activity at mid-scan over the elapsed time, motion included, as the standard defines the result.
    """
    elapsed_s = views * duration_s + (views - 1) * motion_s
    activity_mbq, volume_ml, waited_s = 300.0, round(math.pi * 10.0**2 * 20.0), 1500.0
    assayed = ACQUIRED - datetime.timedelta(seconds=waited_s)
    at_middle = activity_mbq * NUCLIDES["Tc-99m"].share_left(waited_s + elapsed_s / 2)
    total = sensitivity * at_middle / volume_ml * elapsed_s
    share = 1 - difference_percent / 100
    heads = [total / views / (1 + share), total / views * share / (1 + share)]
    images = cylinder_projections(heads, views=views, duration_s=duration_s, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    image, facts, truth = out / "rotating_cylinder.dcm", out / "facts.toml", out / "truth.json"
    write_planar(
        image,
        images.counts,
        pixel_mm=(4.8, 4.8),
        frames=images.frames,
        image_type="TOMO",
        duration_s=duration_s,
        series_description="Volume sensitivity",
        seed=seed,
    )
    facts.write_text(
        f"activity_mbq = {activity_mbq}\nassayed_at = {assayed.isoformat()}\nvolume_ml = {volume_ml}\nelapsed_s = {elapsed_s}\n"
        'nuclide = "Tc-99m"\n',
        "utf-8",
    )
    told = {
        "procedure": "spect.volume_sensitivity",
        "volume_sensitivity": sensitivity,
        "volume_sensitivity_per_axial_cm": sensitivity / 20,
        "detector_sensitivity_difference": difference_percent,
    }
    truth.write_text(json.dumps(told, indent=1), "utf-8")
    return image, facts, truth
