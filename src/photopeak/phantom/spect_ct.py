"""What the CT of a SPECT/CT is checked with: a water phantom of known numbers, and point sources seen by SPECT and by CT."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from photopeak.evidence import Volume
from photopeak.phantom.as_dicom import write_volume
from photopeak.phantom.spect_sources import BlurredSource, reconstructed_sources
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
Place = tuple[float, float, float]  #: x, y, z in mm from the centre

AIR_HU, MARKER_HU = -1000.0, 2000.0
PLACES_MM: tuple[Place, ...] = ((0.0, 0.0, -60.0), (75.0, -10.0, 0.0), (-20.0, 70.0, 55.0), (-60.0, -55.0, 20.0))


def water_phantom(
    *,
    level_hu: float = 0.0,
    cup_hu: float = 0.0,
    tilt_hu: float = 0.0,
    noise_hu: float = 0.0,
    radius_mm: float = 100.0,
    shift_mm: tuple[float, float] = (6.0, -9.0),
    shape: tuple[int, int, int] = (12, 160, 160),
    spacing_mm: tuple[float, float, float] = (3.0, 1.6, 1.6),
    seed: int = 0,
) -> Volume:
    """CT numbers of a water cylinder in air. At its wall `cup_hu` is added, and `tilt_hu` towards x; grain is a pixel wide."""
    y_mm, x_mm = (mm * (np.arange(n) - (n - 1) / 2) for n, mm in zip(shape[1:], spacing_mm[1:]))
    x, y = x_mm[None, :] - shift_mm[0], y_mm[:, None] - shift_mm[1]
    away = np.hypot(x, y) / radius_mm
    plane = np.where(away < 1, level_hu + cup_hu * away**2 + tilt_hu * x / radius_mm, AIR_HU)
    values = np.repeat(plane[None], shape[0], axis=0)
    if noise_hu:
        grain = gaussian_filter(np.random.default_rng(seed).normal(size=shape), (0, 0.7, 0.7), mode="wrap")
        values = values + noise_hu * grain / grain.std()
    return Volume(values=values.astype(np.float32), spacing_mm=spacing_mm)


def about_the_origin(volume: Volume) -> Volume:
    """With the centre of the volume at the origin of patient coordinates."""
    origin = [-mm * (n - 1) / 2 for mm, n in zip(volume.spacing_mm[::-1], volume.values.shape[::-1])]
    return Volume(values=volume.values, spacing_mm=volume.spacing_mm, origin_mm=(origin[0], origin[1], origin[2]))


def sources_by_spect(places_mm: Sequence[Place] = PLACES_MM, *, seed: int | None = None) -> Volume:
    """Point sources 11 mm wide; Poisson where a `seed` is given."""
    sources = [BlurredSource(x_mm=x, y_mm=y, z_mm=z, fwhm_mm=(11, 11, 11)) for x, y, z in places_mm]
    volume = reconstructed_sources(sources, shape=(64, 80, 80), spacing_mm=(4.0, 4.0, 4.0), background=2.0, seed=seed)
    return about_the_origin(volume)


def moved(place_mm: Place, shift_mm: Place, turn_deg: float) -> Place:
    """Where a place lies after a turn about z and a shift."""
    angle = math.radians(turn_deg)
    x, y, z = place_mm
    u, v = x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)
    return u + shift_mm[0], v + shift_mm[1], z + shift_mm[2]


def sources_by_ct(
    places_mm: Sequence[Place] = PLACES_MM,
    *,
    shift_mm: Place = (0.0, 0.0, 0.0),
    turn_deg: float = 0.0,
    noise_hu: float = 0.0,
    seed: int = 0,
) -> Volume:
    """Markers 5 mm wide where the sources lie, turned about z and shifted, in air, on a finer grid."""
    placed = [moved(place, shift_mm, turn_deg) for place in places_mm]
    markers = [BlurredSource(x_mm=x, y_mm=y, z_mm=z, fwhm_mm=(5, 5, 5), peak=MARKER_HU) for x, y, z in placed]
    volume = reconstructed_sources(markers, shape=(90, 160, 160), spacing_mm=(2.5, 1.4, 1.4))
    noise = noise_hu * np.random.default_rng(seed).normal(size=volume.values.shape)
    values = (volume.values + AIR_HU + noise).astype(np.float32)
    return about_the_origin(Volume(values=values, spacing_mm=volume.spacing_mm))


def water_phantom_files(
    out: Path,
    *,
    seed: int = 0,
    level_hu: Annotated[float, Words("CT number of water, HU", "水的 CT 值，HU")] = 2.0,
    tilt_hu: Annotated[float, Words("gradient to the wall, HU", "至边缘的梯度，HU")] = 3.0,
    noise_hu: Annotated[float, Words("noise, HU", "噪声，HU")] = 8.0,
) -> tuple[Path, ...]:
    """A round water phantom as a CT series, with truth.json beside it."""
    volume = water_phantom(level_hu=level_hu, tilt_hu=tilt_hu, noise_hu=noise_hu, seed=seed)
    files = write_volume(
        out,
        np.maximum(volume.values, -1024.0),
        spacing_mm=volume.spacing_mm,
        modality="CT",
        series_description="CT of water",
        seed=seed,
    )
    told = {"procedure": "spect.ct_number", "ct_number": {"centre": level_hu}, "ct_noise": noise_hu, "tilt_hu": tilt_hu}
    return *files, _truth(out, told)


def spect_ct_files(
    out: Path,
    *,
    seed: int = 0,
    shift_mm: Annotated[float, Words("shift of the CT along x, mm", "CT 沿 x 方向的偏移，mm")] = 2.0,
    turn_deg: Annotated[float, Words("turn of the CT about the axis, degrees", "CT 绕轴旋转角，度")] = 0.5,
) -> tuple[Path, ...]:
    """Four point sources as one NM reconstruction and one CT series of a study, the CT moved, with truth.json beside them."""
    spect = sources_by_spect(seed=seed)
    ct = sources_by_ct(shift_mm=(shift_mm, 0.0, 0.0), turn_deg=turn_deg, noise_hu=10.0, seed=seed)
    together = {"StudyInstanceUID": f"2.25.{9_100_000 + seed}", "FrameOfReferenceUID": f"2.25.{9_200_000 + seed}"}
    files: list[Path] = []
    for volume, modality, name in ((spect, "NM", "SPECT of point sources"), (ct, "CT", "CT of point sources")):
        values = np.maximum(volume.values, -1024.0 if modality == "CT" else 0.0)
        files += write_volume(
            out / modality.lower(),
            values,
            spacing_mm=volume.spacing_mm,
            modality=modality,
            origin_mm=volume.origin_mm,
            series_description=name,
            header=together,
            seed=seed,
        )
    errors = [math.dist(place, moved(place, (shift_mm, 0.0, 0.0), turn_deg)) for place in PLACES_MM]
    told = {
        "procedure": "spect.ct_alignment",
        "alignment_error_by_place": [{"place_mm": place, "value": error} for place, error in zip(PLACES_MM, errors)],
        "alignment_error_max": max(errors),
        "rotation_error": abs(turn_deg),
    }
    return *files, _truth(out, told)


def _truth(out: Path, told: dict[str, object]) -> Path:
    truth = out / "truth.json"
    truth.write_text(json.dumps(told, indent=1), "utf-8")
    return truth
