"""Point sources of known place and width for PET resolution, with the same sources as markers in a CT for its alignment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from photopeak.evidence import Subject
from photopeak.phantom.as_dicom import write_volume
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
SIGMA_PER_FWHM = 0.42466090014400953
Place = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PetPoints:
    """Gaussian sources at `places_mm` (slice, row, column) from the middle of the volume; `fwhm_mm` in the same order.

    `background`: a constant, as a share of the first peak.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    places_mm: tuple[Place, ...]
    fwhm_mm: Place
    background: float = 0.0

    def image(self) -> npt.NDArray[np.float32]:
        """Each source integrated exactly over the voxels; the hottest possible voxel is 1e5."""
        total = np.zeros(self.shape)
        for place in self.places_mm:
            parts = [
                self._share(n, step, at, fwhm) for n, step, at, fwhm in zip(self.shape, self.spacing_mm, place, self.fwhm_mm)
            ]
            total += parts[0][:, None, None] * parts[1][None, :, None] * parts[2][None, None, :]
        return np.asarray(1e5 * (total + self.background), dtype=np.float32)

    @staticmethod
    def _share(count: int, step: float, at: float, fwhm: float) -> Floats:
        sigma = fwhm * SIGMA_PER_FWHM
        edges = ((np.arange(count + 1) - count / 2) * step - at) / sigma
        share = np.diff(ndtr(edges))
        most = ndtr(step / 2 / sigma) - ndtr(-step / 2 / sigma)
        found: Floats = share / most
        return found


def markers(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], places_mm: Sequence[Place], *, radius_mm: float = 3.0
) -> npt.NDArray[np.float64]:
    """A CT in air with balls of 500 HU above air at the places, antialiased by distance."""
    grid = np.meshgrid(*((np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, spacing_mm)), indexing="ij", sparse=True)
    values = np.full(shape, -1000.0)
    for place in places_mm:
        distance = np.sqrt(sum((axis - at) ** 2 for axis, at in zip(grid, place)))
        values += 500.0 * np.clip((radius_mm - distance) / min(spacing_mm) + 0.5, 0, 1)
    return values


NEMA_PLACES: tuple[Place, ...] = ((0.0, 10.0, 0.0), (0.0, 100.0, 0.0), (0.0, 200.0, 0.0))


def pet_points_files(
    out: Path,
    *,
    seed: int = 0,
    radial_mm: Annotated[float, Words("FWHM along rows, mm", "行方向半高宽，mm")] = 4.6,
    tangential_mm: Annotated[float, Words("FWHM along columns, mm", "列方向半高宽，mm")] = 4.3,
    axial_mm: Annotated[float, Words("FWHM along slices, mm", "轴向半高宽，mm")] = 4.8,
    voxel_mm: Annotated[float, Words("voxel, mm", "体素，mm")] = 1.2,
    noise_percent: Annotated[float, Words("noise, % of the peak", "噪声，占峰值的百分比")] = 0.5,
    ct_shift_mm: Annotated[float, Words("CT displaced along rows, mm", "CT 沿行方向错位，mm")] = 0.0,
) -> tuple[Path, ...]:
    """PET with sources at 1, 10 and 20 cm, a CT of the same study with markers there, and truth.json."""
    rng = np.random.default_rng(seed)
    jitter = tuple(float(x) for x in rng.uniform(-0.5, 0.5, 3) * voxel_mm)
    places = tuple((z + jitter[0], y + jitter[1], x + jitter[2]) for z, y, x in NEMA_PLACES)
    shape, spacing = (48, round(460 / voxel_mm), 64), (voxel_mm, voxel_mm, voxel_mm)
    phantom = PetPoints(shape=shape, spacing_mm=spacing, places_mm=places, fwhm_mm=(axial_mm, radial_mm, tangential_mm))
    image = phantom.image()
    image = np.maximum(image + (noise_percent / 100 * 1e5 * rng.standard_normal(shape)).astype(np.float32), 0)
    z, y, x = (-(n - 1) / 2 * step for n, step in zip(shape, spacing))
    origin = (x, y, z)
    about = Subject(manufacturer="Photopeak", model="PET points", station="PHANTOM", serial=str(seed))
    shared = {"StudyInstanceUID": "2.25.4711", "FrameOfReferenceUID": f"2.25.{4712 + seed}"}
    told = {"about": about, "seed": seed, "header": shared}
    files = write_volume(out / "pet", image, spacing_mm=spacing, origin_mm=origin, series_description="point sources", **told)  # type: ignore[arg-type]
    seen = tuple((z, y + ct_shift_mm, x) for z, y, x in places)
    computed = markers(shape, spacing, seen)
    files += write_volume(
        out / "ct",
        computed,
        spacing_mm=spacing,
        origin_mm=origin,
        modality="CT",
        series_description="markers",
        **told,  # type: ignore[arg-type]
    )
    truth = {
        "phantom": "pet_points",
        "fwhm_mm": {"radial": radial_mm, "tangential": tangential_mm, "axial": axial_mm},
        "alignment_error_mm": abs(ct_shift_mm),
        "seed": seed,
    }
    (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return (*files, out / "truth.json")
