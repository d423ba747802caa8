"""The ACR PET phantom: hot and cold cylinders on the lid of a warm cylinder, a uniform section, a section of cold rods.

Four thin-walled hot cylinders (25, 16, 12, 8 mm) and three cold ones of 25 mm (Teflon, water, air) hang 38 mm deep from the lid;
58 mm are uniform; 83 mm hold cold rods. Where on the lid the seven stand is chosen here (`places_deg`, `ring_radius_mm`), not
taken from a drawing. Every cross-section is discs convolved with a Gaussian, tabled by radius; along the axis, error functions.
More than three times the resolution from the ends, voxels of the two sections that are measured are exact to 1e-5.
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from scipy.special import erf, ive

from photopeak.evidence import Subject
from photopeak.phantom.as_dicom import F18_HALF_LIFE_S, write_volume
from photopeak.phantom.iec_body import noisy
from photopeak.phantom.jaszczak import RODS_MM, Jaszczak, rod_centres_mm
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
SIGMA_PER_FWHM = 1 / math.sqrt(8 * math.log(2))
HOT_MM = (25.0, 16.0, 12.0, 8.0)
COLD_MM = 25.0
COLD = ("bone", "water", "air")
SECTIONS_MM = (39.5, 58.1, 83.4)  #: cylinders on the lid, uniform, rods
_TABLE_MM = 0.1


@lru_cache(maxsize=64)
def blurred_disc(radius_mm: float, sigma_mm: float) -> Floats:
    """A disc of height 1 convolved with a Gaussian, by distance from its centre in steps of 0.1 mm.

    Rice's distribution summed over rings: exact but for the table's step.
    """
    reach = radius_mm + 6 * sigma_mm
    at = np.arange(0.0, reach + _TABLE_MM, _TABLE_MM)
    rings, weight = np.polynomial.legendre.leggauss(max(64, int(4 * radius_mm / sigma_mm)))
    rings = (rings + 1) / 2 * radius_mm
    argument = np.outer(at, rings) / sigma_mm**2
    near = np.exp(-((at[:, None] - rings[None, :]) ** 2) / (2 * sigma_mm**2)) * ive(0, argument)
    found: Floats = (near * rings[None, :] / sigma_mm**2) @ (weight * radius_mm / 2)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrPet:
    """The phantom and how it is imaged. `centre_mm` is (slice, row, column) of its middle from the centre of voxel (0, 0, 0).

    `places_deg`: directions of the four hot cylinders (largest first) and the three cold ones, from columns towards rows.
    `lean`: how far the axis moves (rows, columns) per mm along the slices. `lid_last`: the lid is at the last slices.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    centre_mm: tuple[float, float, float]
    radius_mm: float = 108.0
    ring_radius_mm: float = 60.0
    places_deg: tuple[float, ...] = (0.0, 51.4, 102.9, 154.3, 205.7, 257.1, 308.6)
    rotation_deg: float = 0.0
    lean: tuple[float, float] = (0.0, 0.0)
    lid_last: bool = False
    missing_mm: tuple[float, ...] = ()
    bq_per_ml: float = 5300.0
    ratio: float = 2.5
    fwhm_mm: float = 6.0
    calibration: float = 1.0

    @property
    def sigma_mm(self) -> float:
        return self.fwhm_mm * SIGMA_PER_FWHM

    @property
    def volume_ml(self) -> float:
        return math.pi * self.radius_mm**2 * sum(SECTIONS_MM) / 1000

    def place_mm(self, index: int) -> tuple[float, float]:
        """(row, column) from the axis."""
        angle = math.radians(self.places_deg[index] + self.rotation_deg)
        return self.ring_radius_mm * math.sin(angle), self.ring_radius_mm * math.cos(angle)

    def image(self) -> npt.NDArray[np.float32]:
        """The noiseless image[slice, row, column]."""
        z, y, x = (
            np.asarray(np.arange(n) * step - middle, dtype=np.float64)
            for n, step, middle in zip(self.shape, self.spacing_mm, self.centre_mm)
        )
        along = -z if self.lid_last else z
        edges = np.cumsum((0.0, *SECTIONS_MM)) - sum(SECTIONS_MM) / 2
        scale = math.sqrt(2) * self.sigma_mm
        shares = [0.5 * (erf((along - a) / scale) - erf((along - b) / scale)) for a, b in itertools.pairwise(edges)]
        rods = self._rods(y, x)
        image = np.empty(self.shape, dtype=np.float32)
        for k, height in enumerate(z):
            down, across = y - self.lean[0] * height, x - self.lean[1] * height
            warm = _table_at(np.hypot(down[:, None], across[None, :]), self.radius_mm, self.sigma_mm)
            plane = (shares[0][k] + shares[1][k]) * warm + shares[2][k] * (warm * (1 - rods))
            if shares[0][k] > 0:
                plane += shares[0][k] * self._cylinders(down, across)
            image[k] = self.calibration * self.bq_per_ml * plane
        return image

    def _cylinders(self, down: Floats, across: Floats) -> Floats:
        found = np.zeros((down.size, across.size))
        for index, (diameter, excess) in enumerate([*((mm, self.ratio - 1) for mm in HOT_MM), *(((COLD_MM, -1.0),) * 3)]):
            if diameter in self.missing_mm and excess > 0:
                continue
            row, column = self.place_mm(index)
            found += excess * _table_at(np.hypot(down[:, None] - row, across[None, :] - column), diameter / 2, self.sigma_mm)
        return found

    def _rods(self, y: Floats, x: Floats) -> Floats:
        """Share of rods, blurred, on the pixels (small shifts of a leaning axis left out)."""
        lattice = Jaszczak(radius_mm=self.radius_mm, rods_mm=RODS_MM, rotation_deg=self.rotation_deg + 20.0)
        found = np.zeros((y.size, x.size))
        for sector, diameter in enumerate(RODS_MM):
            for right, down in rod_centres_mm(lattice, sector):
                rows, columns = (
                    np.flatnonzero(np.abs(axis - at) < diameter / 2 + 6 * self.sigma_mm) for axis, at in ((y, down), (x, right))
                )
                if rows.size and columns.size:
                    part = np.ix_(rows, columns)
                    away = np.hypot(y[rows][:, None] - down, x[columns][None, :] - right)
                    found[part] += _table_at(away, diameter / 2, self.sigma_mm)
        return found

    def mean_ratio(self, diameter_mm: float) -> float:
        """Mean over the hot cylinder's own disc, over the background: the noiseless truth of `statistic=mean`."""
        table = blurred_disc(diameter_mm / 2, self.sigma_mm)
        radii = np.linspace(0.0, diameter_mm / 2, 2001)
        values = np.interp(radii, np.arange(table.size) * _TABLE_MM, table)
        share = float(np.trapezoid(values * radii, radii) / np.trapezoid(radii, radii))
        return 1 + (self.ratio - 1) * share

    def top_ratio(self, diameter_mm: float) -> float:
        """The highest point of the noiseless image over the background."""
        return 1 + (self.ratio - 1) * float(blurred_disc(diameter_mm / 2, self.sigma_mm)[0])


def _table_at(away_mm: Floats, radius_mm: float, sigma_mm: float) -> Floats:
    table = blurred_disc(radius_mm, sigma_mm)
    found: Floats = np.interp(away_mm, np.arange(table.size) * _TABLE_MM, table, right=0.0)
    return found


def acr_pet_files(
    out: Path,
    *,
    seed: int = 0,
    bq_per_ml: Annotated[float, Words("background at the start of the scan, Bq/mL", "扫描开始时本底活度浓度，Bq/mL")] = 5300.0,
    ratio: Annotated[float, Words("hot cylinder to background ratio", "热圆柱与本底活度浓度比")] = 2.5,
    calibration: Annotated[float, Words("wrong calibration factor", "错误的校准因子")] = 1.0,
    fwhm_mm: Annotated[float, Words("resolution (FWHM), mm", "分辨力（半高宽），mm")] = 6.0,
    rotation_deg: Annotated[float, Words("rotation, degrees", "旋转角，度")] = 20.0,
    voxel_mm: Annotated[float, Words("voxel within the slice, mm", "层内体素大小，mm")] = 2.6,
    slice_mm: Annotated[float, Words("slice spacing, mm", "层间距，mm")] = 3.27,
    matrix: Annotated[int, Words("rows and columns", "矩阵大小")] = 128,
    slices: Annotated[int, Words("slices", "层数")] = 71,
    noise_percent: Annotated[float, Words("noise, % of the local activity", "噪声，占局部活度的百分比")] = 8.0,
) -> tuple[Path, ...]:
    """Write the phantom as PET slices; the header is that of a patient in whom the background has an SUV of `calibration`."""
    spacing = (slice_mm, voxel_mm, voxel_mm)
    jitter = np.random.default_rng(seed).uniform(-0.5, 0.5, 3) * np.array(spacing)
    middle = (np.array([slices, matrix, matrix]) - 1) / 2 * np.array(spacing) + jitter
    phantom = AcrPet(
        shape=(slices, matrix, matrix),
        spacing_mm=spacing,
        centre_mm=(float(middle[0]), float(middle[1]), float(middle[2])),
        rotation_deg=rotation_deg,
        bq_per_ml=bq_per_ml,
        ratio=ratio,
        fwhm_mm=fwhm_mm,
        calibration=calibration,
    )
    image = noisy(phantom.image(), spacing, noise_percent=noise_percent, seed=(seed, 1), fwhm_mm=fwhm_mm)
    weight_kg = 70.0
    header: dict[str, Any] = {
        "total_dose_bq": bq_per_ml * 1000 * weight_kg * 2 ** (3600 / F18_HALF_LIFE_S),
        "weight_kg": weight_kg,
    }
    files = write_volume(
        out,
        image,
        spacing_mm=spacing,
        about=Subject(manufacturer="Photopeak", model="ACR PET phantom", station="PHANTOM", serial=str(seed)),
        series_description="ACR PET phantom",
        header=header,
        seed=seed,
    )
    truth = {
        "phantom": "acr_pet",
        "suv_mean": calibration,
        "cylinder_ratio_mean": {f"{mm:g}": phantom.mean_ratio(mm) for mm in HOT_MM},
        "cylinder_ratio_top": {f"{mm:g}": phantom.top_ratio(mm) for mm in HOT_MM},
        "ratio": ratio,
        "fwhm_mm": fwhm_mm,
        "rotation_deg": rotation_deg,
        "noise_percent": noise_percent,
        "seed": seed,
    }
    (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return (*files, out / "truth.json")
