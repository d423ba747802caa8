"""Uniform cylinder of known activity for PET: blurred, with noise, cupping and an axial slope of known size if asked for.

The cross-section is a disc convolved with a Gaussian, tabled by radius on a 0.25 mm grid; the ends are error functions. More than
three times the resolution from the wall, voxels are exact to 1e-6.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import erf

from photopeak.evidence import Subject
from photopeak.phantom.as_dicom import F18_HALF_LIFE_S, write_volume
from photopeak.phantom.iec_body import noisy
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
SIGMA_PER_FWHM = 1 / math.sqrt(8 * math.log(2))
_TABLE_MM = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class PetCylinder:
    """The phantom and how it is imaged. `centre_mm` is (slice, row, column) from the centre of voxel (0, 0, 0).

    `cupping_percent`: how much higher the wall reads than the axis. `slope_percent`: gain from the first to the last slice.
    `calibration` multiplies every voxel.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    centre_mm: tuple[float, float, float]
    radius_mm: float = 100.0
    length_mm: float = 200.0
    bq_per_ml: float = 5300.0
    fwhm_mm: float = 6.0
    cupping_percent: float = 0.0
    slope_percent: float = 0.0
    calibration: float = 1.0

    def image(self) -> npt.NDArray[np.float32]:
        """The noiseless image[slice, row, column]."""
        z, y, x = (np.arange(n) * step - middle for n, step, middle in zip(self.shape, self.spacing_mm, self.centre_mm))
        radius = np.hypot(y[:, None], x[None, :])
        table = self._radial()
        section = np.interp(radius, np.arange(table.size) * _TABLE_MM, table, right=0.0)
        section *= 1 + self.cupping_percent / 100 * (np.minimum(radius, self.radius_mm) / self.radius_mm) ** 2
        scale = math.sqrt(2) * self.fwhm_mm * SIGMA_PER_FWHM
        along = 0.5 * (erf((z + self.length_mm / 2) / scale) - erf((z - self.length_mm / 2) / scale))
        slope = self.slope_percent / 100 * (np.arange(self.shape[0]) / max(self.shape[0] - 1, 1) - 0.5)
        image = self.calibration * self.bq_per_ml * (along * (1 + slope))[:, None, None] * section
        return np.asarray(image, dtype=np.float32)

    def _radial(self) -> Floats:
        reach = self.radius_mm + 5 * self.fwhm_mm
        side = np.arange(-reach, reach + _TABLE_MM / 2, _TABLE_MM)
        disc = np.clip((self.radius_mm - np.hypot(side[:, None], side[None, :])) / _TABLE_MM + 0.5, 0, 1)
        blurred = ndimage.gaussian_filter(disc, self.fwhm_mm * SIGMA_PER_FWHM / _TABLE_MM, truncate=5.0)
        middle = side.size // 2
        found: Floats = blurred[middle, middle:]
        return found

    @property
    def volume_ml(self) -> float:
        return math.pi * self.radius_mm**2 * self.length_mm / 1000


def pet_cylinder_files(
    out: Path,
    *,
    seed: int = 0,
    bq_per_ml: Annotated[
        float, Words("activity concentration at the start of the scan, Bq/mL", "扫描开始时活度浓度，Bq/mL")
    ] = 5300.0,
    calibration: Annotated[float, Words("wrong calibration factor", "错误的校准因子")] = 1.0,
    radius_mm: Annotated[float, Words("radius, mm", "半径，mm")] = 100.0,
    length_mm: Annotated[float, Words("length, mm", "长度，mm")] = 200.0,
    fwhm_mm: Annotated[float, Words("resolution (FWHM), mm", "分辨力（半高宽），mm")] = 6.0,
    voxel_mm: Annotated[float, Words("voxel within the slice, mm", "层内体素大小，mm")] = 4.0,
    slice_mm: Annotated[float, Words("slice spacing, mm", "层间距，mm")] = 3.0,
    matrix: Annotated[int, Words("rows and columns", "矩阵大小")] = 128,
    slices: Annotated[int, Words("slices", "层数")] = 50,
    noise_percent: Annotated[float, Words("noise, % of the local activity", "噪声，占局部活度的百分比")] = 8.0,
    cupping_percent: Annotated[float, Words("wall above axis, %", "边缘高于中心，%")] = 0.0,
    slope_percent: Annotated[float, Words("gain from first to last slice, %", "首末层增益差，%")] = 0.0,
    units: Annotated[str, Words("DICOM Units", "DICOM 单位")] = "BQML",
) -> tuple[Path, ...]:
    """Write the cylinder as PET slices; the header holds its activity an hour earlier and its volume as weight."""
    spacing = (slice_mm, voxel_mm, voxel_mm)
    jitter = np.random.default_rng(seed).uniform(-0.5, 0.5, 3) * np.array(spacing)
    middle = (np.array([slices, matrix, matrix]) - 1) / 2 * np.array(spacing) + jitter
    phantom = PetCylinder(
        shape=(slices, matrix, matrix),
        spacing_mm=spacing,
        centre_mm=(float(middle[0]), float(middle[1]), float(middle[2])),
        radius_mm=radius_mm,
        length_mm=length_mm,
        bq_per_ml=bq_per_ml,
        fwhm_mm=fwhm_mm,
        cupping_percent=cupping_percent,
        slope_percent=slope_percent,
        calibration=calibration,
    )
    image = noisy(phantom.image(), spacing, noise_percent=noise_percent, seed=(seed, 1), fwhm_mm=fwhm_mm)
    given_bq = bq_per_ml * phantom.volume_ml * 2 ** (3600 / F18_HALF_LIFE_S)
    header: dict[str, Any] = {"total_dose_bq": given_bq, "weight_kg": phantom.volume_ml / 1000}
    about = Subject(manufacturer="Photopeak", model="PET cylinder", station="PHANTOM", serial=str(seed))
    files = write_volume(
        out,
        image,
        spacing_mm=spacing,
        units=units,
        about=about,
        series_description="uniform cylinder",
        header=header,
        seed=seed,
    )
    truth = {
        "phantom": "pet_cylinder",
        "bq_per_ml": bq_per_ml,
        "calibration_bias_percent": 100 * (calibration - 1),
        "suv_mean": calibration,
        "volume_ml": phantom.volume_ml,
        "activity_mbq": given_bq / 1e6,
        "assayed_at": "2026-01-05T08:00:00",
        "radius_mm": radius_mm,
        "length_mm": length_mm,
        "cupping_percent": cupping_percent,
        "slope_percent": slope_percent,
        "noise_percent": noise_percent,
        "seed": seed,
    }
    (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return (*files, out / "truth.json")


def pet_decay_files(
    out: Path,
    *,
    seed: int = 0,
    frames: Annotated[int, Words("frames, an hour apart", "帧数（间隔 1 小时）")] = 8,
    bq_per_ml: Annotated[float, Words("activity concentration at the start, Bq/mL", "开始时活度浓度，Bq/mL")] = 40_000.0,
    loss_percent: Annotated[
        float, Words("error of the first frame, %; it falls with the activity", "首帧误差，%（随活度下降）")
    ] = -5.0,
    slices: Annotated[int, Words("slices", "层数")] = 20,
    noise_percent: Annotated[float, Words("noise, % of the local activity", "噪声，占局部活度的百分比")] = 4.0,
) -> tuple[Path, ...]:
    """Write a decay-corrected dynamic series of a long cylinder whose first frames read wrong, with truth.json beside it."""
    spacing, matrix = (4.0, 4.0, 4.0), 80
    middle = (2.0 * (slices - 1), 2.0 * (matrix - 1) + 0.7, 2.0 * (matrix - 1) - 0.4)
    phantom = PetCylinder(
        shape=(slices, matrix, matrix), spacing_mm=spacing, centre_mm=middle, length_mm=700.0, bq_per_ml=bq_per_ml
    )
    image = phantom.image()
    written: list[Path] = []
    errors: list[float] = []
    about = Subject(manufacturer="Photopeak", model="PET decay", station="PHANTOM", serial=str(seed))
    for n in range(frames):
        errors.append(loss_percent * 4.0**-n)
        values = noisy(image * np.float32(1 + errors[-1] / 100), spacing, noise_percent=noise_percent, seed=(seed, n))
        header: dict[str, Any] = {
            "SeriesInstanceUID": f"2.25.{90_000 + seed}",
            "FrameOfReferenceUID": f"2.25.{91_000 + seed}",
            "AcquisitionTime": f"{9 + n:02d}0000.000000",
            "FrameReferenceTime": str(3_600_000 * n + 150_000),
            "DecayFactor": None,
            "total_dose_bq": bq_per_ml * phantom.volume_ml * 2 ** (3600 / F18_HALF_LIFE_S),
            "weight_kg": phantom.volume_ml / 1000,
        }
        written += write_volume(
            out / f"frame_{n + 1:02d}",
            values,
            spacing_mm=spacing,
            about=about,
            series_description="decay",
            header=header,
            seed=seed,
        )
    truth = {"phantom": "pet_decay", "count_rate_error_percent": errors, "seed": seed}
    (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return (*written, out / "truth.json")
