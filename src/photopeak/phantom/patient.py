"""A digital patient of known uptake for PET: ellipsoids from head to thigh, blurred, with noise. Nobody's anatomy.

Voxels are averages over 2 x 2 x 2 points, then convolved with a Gaussian; three times the resolution inside an organ its uptake is
exact.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from photopeak.evidence import Subject
from photopeak.phantom.as_dicom import ACQUIRED, F18_HALF_LIFE_S, write_volume
from photopeak.phantom.iec_body import noisy
from photopeak.words import Words

SIGMA_PER_FWHM = 0.4246609


@dataclass(frozen=True, slots=True, kw_only=True)
class Organ:
    """An ellipsoid: centre and half axes in mm as (below the top of the head, towards the back, towards the patient's left)."""

    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    suv: float


#: later organs replace earlier ones where they overlap
ORGANS: dict[str, Organ] = {
    "head": Organ(centre=(110, 0, 0), half=(120, 95, 78), suv=0.7),
    "neck": Organ(centre=(230, 5, 0), half=(70, 60, 60), suv=0.7),
    "trunk": Organ(centre=(540, 0, 0), half=(340, 115, 175), suv=0.7),
    "thigh_right": Organ(centre=(900, 0, -85), half=(260, 80, 80), suv=0.5),
    "thigh_left": Organ(centre=(900, 0, 85), half=(260, 80, 80), suv=0.5),
    "brain": Organ(centre=(85, 0, 0), half=(70, 80, 65), suv=7.0),
    "lung_right": Organ(centre=(370, 5, -75), half=(110, 75, 60), suv=0.4),
    "lung_left": Organ(centre=(370, 5, 75), half=(110, 75, 60), suv=0.4),
    "heart": Organ(centre=(410, -35, 30), half=(45, 40, 45), suv=3.0),
    "mediastinum": Organ(centre=(340, 10, 0), half=(80, 30, 22), suv=1.5),
    "liver": Organ(centre=(520, -5, -65), half=(80, 80, 85), suv=2.2),
    "spleen": Organ(centre=(520, 40, 105), half=(50, 30, 35), suv=1.8),
    "kidney_right": Organ(centre=(620, 50, -65), half=(50, 25, 28), suv=4.0),
    "kidney_left": Organ(centre=(615, 50, 65), half=(50, 25, 28), suv=4.0),
    "bladder": Organ(centre=(800, -30, 0), half=(35, 30, 40), suv=15.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """How the patient is imaged, feet first in slice order. `scale` multiplies every uptake (a wrong dose or weight);
    `shift_mm` moves the body to the patient's left. `uptakes` replaces the SUV of organs."""

    shape: tuple[int, int, int] = (300, 144, 144)
    spacing_mm: tuple[float, float, float] = (3.0, 4.0, 4.0)
    fwhm_mm: float = 6.0
    scale: float = 1.0
    shift_mm: float = 0.0
    uptakes: dict[str, float] = field(default_factory=dict)

    def image(self) -> npt.NDArray[np.float32]:
        """SUV[slice, row, column]: slices rise from the feet, rows to the back, columns to the patient's left."""
        deep = self.spacing_mm[0] * self.shape[0]
        values = np.zeros(self.shape, dtype=np.float32)
        for dz in (-0.25, 0.25):
            for dy in (-0.25, 0.25):
                for dx in (-0.25, 0.25):
                    values += self._sampled(deep, dz, dy, dx) / 8
        sigmas = [self.fwhm_mm * SIGMA_PER_FWHM / step for step in self.spacing_mm]
        blurred: npt.NDArray[np.float32] = ndimage.gaussian_filter(values, sigmas) * np.float32(self.scale)
        return blurred

    def _sampled(self, deep: float, dz: float, dy: float, dx: float) -> npt.NDArray[np.float32]:
        below = deep - (np.arange(self.shape[0]) + 0.5 + dz) * self.spacing_mm[0]
        back = (np.arange(self.shape[1]) + dy - (self.shape[1] - 1) / 2) * self.spacing_mm[1]
        left = (np.arange(self.shape[2]) + dx - (self.shape[2] - 1) / 2) * self.spacing_mm[2] - self.shift_mm
        values = np.zeros(self.shape, dtype=np.float32)
        for name, organ in ORGANS.items():
            axes = [((axis - middle) / half) ** 2 for axis, middle, half in zip((below, back, left), organ.centre, organ.half)]
            near = tuple(np.flatnonzero(axis <= 1) for axis in axes)
            if any(part.size == 0 for part in near):
                continue
            box = tuple(slice(part[0], part[-1] + 1) for part in near)
            z, y, x = (axis[part] for axis, part in zip(axes, box))
            inside = z[:, None, None] + y[None, :, None] + x[None, None, :] <= 1
            values[box][inside] = self.uptakes.get(name, organ.suv)
        return values

    @property
    def origin_mm(self) -> tuple[float, float, float]:
        return -(self.shape[2] - 1) / 2 * self.spacing_mm[2], -(self.shape[1] - 1) / 2 * self.spacing_mm[1], 0.0

    def liver_centre_mm(self) -> tuple[float, float, float]:
        """Patient coordinates (x, y, z) of the liver's middle."""
        below, back, left = ORGANS["liver"].centre
        return left + self.shift_mm, back, self.spacing_mm[0] * (self.shape[0] - 0.5) - below


def patient_files(
    out: Path,
    *,
    seed: int = 0,
    uptake_min: Annotated[float, Words("uptake time, min", "摄取时间，min")] = 60.0,
    activity_mbq: Annotated[float, Words("administered activity, MBq", "注射活度，MBq")] = 250.0,
    weight_kg: Annotated[float, Words("weight, kg", "体重，kg")] = 70.0,
    bed_s: Annotated[float, Words("time per bed position, s", "每床位时间，s")] = 150.0,
    liver_suv: Annotated[float, Words("SUV of the liver", "肝脏 SUV")] = 2.2,
    scale: Annotated[float, Words("all uptakes times (a wrong dose or weight)", "全部摄取乘以（剂量或体重有误）")] = 1.0,
    slices: Annotated[int, Words("slices of 3 mm", "层数（层厚 3 mm）")] = 300,
    matrix: Annotated[int, Words("rows and columns", "矩阵大小")] = 144,
    voxel_mm: Annotated[float, Words("voxel within the slice, mm", "层内体素大小，mm")] = 4.0,
    noise_percent: Annotated[float, Words("noise, % of the local activity", "噪声，占局部活度的百分比")] = 10.0,
) -> tuple[Path, ...]:
    """Write the patient as a whole-body PET series with truth.json beside it."""
    patient = Patient(
        shape=(slices, matrix, matrix), spacing_mm=(3.0, voxel_mm, voxel_mm), scale=scale, uptakes={"liver": liver_suv}
    )
    image = noisy(patient.image(), patient.spacing_mm, noise_percent=noise_percent, seed=(seed, 1))
    left_bq = activity_mbq * 1e6 * 2 ** (-uptake_min * 60 / F18_HALF_LIFE_S)
    injected = ACQUIRED - datetime.timedelta(minutes=uptake_min)
    header: dict[str, Any] = {
        "total_dose_bq": activity_mbq * 1e6,
        "weight_kg": weight_kg,
        "injection_datetime": injected.isoformat(),
        "injection_time": injected.strftime("%H:%M:%S"),
        "ActualFrameDuration": round(1000 * bed_s),
        "SeriesType": ("WHOLE BODY", "IMAGE"),
        "FrameReferenceTime": None,
        "DecayFactor": None,
    }
    files = write_volume(
        out,
        image * (left_bq / (1000 * weight_kg)),
        spacing_mm=patient.spacing_mm,
        origin_mm=patient.origin_mm,
        about=Subject(manufacturer="Photopeak", model="digital patient", station="PHANTOM", serial=str(seed)),
        series_description="digital patient",
        header=header,
        seed=seed,
    )
    truth = {
        "phantom": "patient",
        "liver_suv_mean": scale * liver_suv,
        "liver_centre_mm": patient.liver_centre_mm(),
        "uptake_time_min": uptake_min,
        "activity_per_weight_mbq_kg": activity_mbq / weight_kg,
        "activity_time_product": activity_mbq / weight_kg * bed_s / 60,
        "noise_percent": noise_percent,
        "seed": seed,
    }
    (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return (*files, out / "truth.json")
