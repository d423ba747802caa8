"""IEC body phantom of known truth: hot spheres and a lung insert in a warm body, blurred, sampled by voxels, with correlated
noise.

Spheres are exact (a ball convolved with a Gaussian, averaged over the voxel box by three-point Gauss–Legendre quadrature);
the body's outline is a table of 0.25 mm. Against the same object convolved on a grid eight times finer, voxels agree within
0.02 % of the sphere's activity inside the spheres and within 0.3 % of the background at the body's edge.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import erf

from photopeak.evidence import Subject
from photopeak.pet.iec_body_pose import INSERT_RADIUS_MM, SIGMA_PER_FWHM, SPHERES_MM, Floats, Pose, blurred_sphere, tilted
from photopeak.phantom.as_dicom import write_volume
from photopeak.words import Words

ARCH_RADIUS_MM, CORNER_RADIUS_MM, FLAT_HALF_MM = 147.0, 77.0, 70.0  #: inside of the body: half circle above, rounded box below
RING_ABOVE_ARCH_CENTRE_MM = 35.0
BODY_AXIAL_MM = (-110.0, 70.0)  #: ends of the body from the plane of the spheres
_TABLE_MM = 0.25
_THREE_POINTS = (np.array([-1.0, 0.0, 1.0]) * np.sqrt(0.6) / 2, np.array([5.0, 8.0, 5.0]) / 18)  #: Gauss–Legendre
_TWO_POINTS = (np.array([-0.5, 0.5]) / np.sqrt(3), np.array([0.5, 0.5]))


@dataclass(frozen=True, slots=True, kw_only=True)
class IecBody:
    """The phantom, where it lies and how it is imaged. `missing` spheres hold background, `cold` ones nothing.

    `pose.centre_mm` is (slice, row, column) from the centre of voxel (0, 0, 0). `body_angle_deg` turns the outline by itself
    (the lid with the spheres can be screwed on in several ways). `wall_mm`: thickness of the cold glass. `calibration`
    multiplies every voxel.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    pose: Pose
    ratio: float = 4.0
    background_bq_per_ml: float = 5300.0
    fwhm_mm: float = 6.0
    missing: tuple[int, ...] = ()
    cold: tuple[int, ...] = ()
    body_angle_deg: float = 0.0
    wall_mm: float = 0.0
    lung_fraction: float = 0.0
    calibration: float = 1.0

    @property
    def sigma_mm(self) -> float:
        return self.fwhm_mm * float(SIGMA_PER_FWHM)

    @property
    def sphere_bq_per_ml(self) -> float:
        return self.ratio * self.background_bq_per_ml

    def filled_with(self, sphere_mm: int) -> float:
        """Activity concentration in that sphere, Bq/mL."""
        if sphere_mm in self.missing:
            return self.background_bq_per_ml
        return 0.0 if sphere_mm in self.cold else self.sphere_bq_per_ml

    def image(self) -> npt.NDArray[np.float32]:
        """The noiseless image[slice, row, column]: object * PSF * voxel box, times the calibration factor."""
        values = self._warm_body()
        for centre, diameter in zip(self.pose.spheres_mm(), SPHERES_MM):
            reach = diameter / 2 + self.wall_mm + 7 * self.sigma_mm
            steps = [np.arange(n) * s for n, s in zip(self.shape, self.spacing_mm)]
            near = [np.flatnonzero(np.abs(axis - c) <= reach) for axis, c in zip(steps, centre)]
            if any(part.size == 0 for part in near):
                continue
            box = tuple(slice(part[0], part[-1] + 1) for part in near)
            z, y, x = (axis[part] for axis, part in zip(steps, box))
            grid = np.stack(np.meshgrid(z, y, x, indexing="ij"), axis=-1)
            values[box] += self._over_voxel(grid, lambda points, c=centre, d=diameter: self._sphere(points, c, d))
        return (values * self.calibration).astype(np.float32)

    def disc_mean(self, sphere_mm: int) -> float:
        """The truth of a sphere: mean over its disc, in the transverse plane through its centre, of object * PSF * voxel
        box."""
        centre = self.pose.spheres_mm()[SPHERES_MM.index(sphere_mm)]
        nodes, weights = np.polynomial.legendre.leggauss(12)
        radii = np.sqrt((nodes + 1) / 2) * sphere_mm / 2  # equal areas for equal weights
        angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        rows, columns = np.outer(radii, np.sin(angles)), np.outer(radii, np.cos(angles))
        points = centre + np.stack([np.zeros_like(rows), rows, columns], axis=-1)
        values = self._over_voxel(points, self._activity)
        return float(self.calibration * (values.mean(axis=1) @ weights) / 2)

    def truth(self) -> dict[str, Any]:
        """What a program should find, as plain numbers."""
        return {
            "phantom": "iec_body",
            "sphere_to_background": self.ratio,
            "sphere_bq_per_ml": {str(d): self.filled_with(d) for d in SPHERES_MM},
            "background_bq_per_ml": self.background_bq_per_ml,
            "calibration": self.calibration,
            "disc_mean_bq_per_ml": {str(d): self.disc_mean(d) for d in SPHERES_MM},
            "sphere_centres_mm": {str(d): c.tolist() for d, c in zip(SPHERES_MM, self.pose.spheres_mm())},
            "pose": asdict(self.pose),
            "tilt_deg": self.pose.tilt_deg,
            "body_angle_deg": self.body_angle_deg,
            "fwhm_mm": self.fwhm_mm,
            "missing": list(self.missing),
            "cold": list(self.cold),
            "wall_mm": self.wall_mm,
            "lung_fraction": self.lung_fraction,
            "spacing_mm": list(self.spacing_mm),
            "shape": list(self.shape),
        }

    def _over_voxel(self, points: Floats, activity: Any, rule: tuple[Floats, Floats] = _THREE_POINTS) -> Floats:
        """`activity` averaged over the voxel box round each of `points[..., axis]`."""
        offsets, weights = rule
        total = np.zeros(points.shape[:-1])
        for dz, wz in zip(offsets * self.spacing_mm[0], weights):
            for dy, wy in zip(offsets * self.spacing_mm[1], weights):
                for dx, wx in zip(offsets * self.spacing_mm[2], weights):
                    total += wz * wy * wx * activity(points + np.array([dz, dy, dx]))
        return total

    def _activity(self, points: Floats) -> Floats:
        """Object * PSF at `points[..., axis]`."""
        total = self._body(points)
        for centre, diameter in zip(self.pose.spheres_mm(), SPHERES_MM):
            total += self._sphere(points, centre, diameter)
        return total

    def _sphere(self, points: Floats, centre: Floats, diameter: int) -> Floats:
        distance = np.sqrt(((points - centre) ** 2).sum(axis=-1))
        inner = blurred_sphere(distance, diameter / 2, self.sigma_mm)
        if diameter in self.missing:
            return np.zeros_like(inner)
        outer = inner if self.wall_mm == 0 else blurred_sphere(distance, diameter / 2 + self.wall_mm, self.sigma_mm)
        return self.filled_with(diameter) * inner - self.background_bq_per_ml * outer

    def _body(self, points: Floats) -> Floats:
        """Body and lung insert without spheres, in the phantom's own frame."""
        table = _outline_table(self.fwhm_mm, self.lung_fraction)
        flat = (points - np.array(self.pose.centre_mm)).reshape(-1, 3)
        z, y, x = tilted(flat, (-self.pose.tilt[0], -self.pose.tilt[1])).T
        turn = np.radians(self.body_angle_deg)
        down, across = y * np.cos(turn) + x * np.sin(turn), x * np.cos(turn) - y * np.sin(turn)
        where = np.stack([down, across]) / _TABLE_MM + (np.array(table.shape)[:, None] - 1) / 2
        inside = ndimage.map_coordinates(table, where, order=1, mode="constant", cval=0.0)
        scale = np.sqrt(2) * self.sigma_mm
        inside *= 0.5 * (erf((z - BODY_AXIAL_MM[0]) / scale) - erf((z - BODY_AXIAL_MM[1]) / scale))
        body: Floats = (self.background_bq_per_ml * inside).reshape(points.shape[:-1])
        return body

    def _warm_body(self) -> Floats:
        """Body and insert on the voxel grid, one slice at a time; a slice like its neighbour is not computed again."""
        y, x = (np.arange(n) * s for n, s in zip(self.shape[1:], self.spacing_mm[1:]))
        values = np.empty(self.shape)
        level = self.pose.tilt == (0.0, 0.0)
        middle = None
        for k in range(self.shape[0]):
            z = k * self.spacing_mm[0]
            deep = min(z - self.pose.centre_mm[0] - BODY_AXIAL_MM[0], self.pose.centre_mm[0] + BODY_AXIAL_MM[1] - z)
            if level and middle is not None and deep > 8 * self.sigma_mm:
                values[k] = middle
                continue
            grid = np.stack(np.meshgrid([z], y, x, indexing="ij"), axis=-1)
            values[k] = self._over_voxel(grid, self._body, _TWO_POINTS)[0]
            if deep > 8 * self.sigma_mm:
                middle = values[k]
        return values


@cache
def _outline_table(fwhm_mm: float, lung_fraction: float) -> Floats:
    """The blurred cross-section [down, across] on a grid of _TABLE_MM, the ring's centre in its middle."""
    down, across = (np.arange(-reach, reach + _TABLE_MM / 2, _TABLE_MM) for reach in (140.0, 175.0))
    table = np.zeros((down.size, across.size))
    for dy in (-0.25, 0.25):
        for dx in (-0.25, 0.25):
            table += _inside(down[:, None] + dy * _TABLE_MM, across[None, :] + dx * _TABLE_MM, lung_fraction) / 4
    blurred: Floats = ndimage.gaussian_filter(table, fwhm_mm * SIGMA_PER_FWHM / _TABLE_MM, truncate=6.0)
    return blurred


def _inside(down: Floats, across: Floats, lung_fraction: float) -> Floats:
    below = down - RING_ABOVE_ARCH_CENTRE_MM  # below the centre of the arch
    arch = (below <= 0) & (below**2 + across**2 <= ARCH_RADIUS_MM**2)
    beyond = np.maximum(np.abs(across) - FLAT_HALF_MM, 0.0)
    box = (below > 0) & (below**2 + beyond**2 <= CORNER_RADIUS_MM**2)
    insert = down**2 + across**2 <= INSERT_RADIUS_MM**2
    return np.where(insert, lung_fraction, (arch | box).astype(np.float64))


def correlated_noise(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], rng: np.random.Generator, *, fwhm_mm: float = 6.0
) -> npt.NDArray[np.float32]:
    """Gaussian noise of unit variance, white noise smoothed by a Gaussian of `fwhm_mm` (0: white)."""
    white = rng.standard_normal(shape, dtype=np.float32)
    if fwhm_mm == 0:
        return white
    sigmas = [fwhm_mm * float(SIGMA_PER_FWHM) / step for step in spacing_mm]
    power = 1.0
    for sigma in sigmas:
        impulse = np.zeros(2 * int(5 * sigma + 1) + 1)
        impulse[impulse.size // 2] = 1.0
        power *= float((ndimage.gaussian_filter1d(impulse, sigma) ** 2).sum())
    smooth: npt.NDArray[np.float32] = ndimage.gaussian_filter(white, sigmas, mode="wrap") / np.float32(np.sqrt(power))
    return smooth


def noisy(
    image: npt.NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    *,
    noise_percent: float,
    seed: int | Sequence[int],
    fwhm_mm: float = 6.0,
) -> npt.NDArray[np.float32]:
    """`image` with noise whose SD is `noise_percent` of the local activity, correlated over `fwhm_mm`."""
    noise = correlated_noise(image.shape, spacing_mm, np.random.default_rng(seed), fwhm_mm=fwhm_mm)
    return image * (1 + np.float32(noise_percent / 100) * noise)


def iec_body_files(
    out: Path,
    about: Subject | None = None,
    *,
    seed: int = 0,
    ratio: Annotated[float, Words("sphere to background ratio", "热球与本底活度浓度比")] = 4.0,
    background_bq_per_ml: Annotated[float, Words("background, Bq/mL", "本底活度浓度，Bq/mL")] = 5300.0,
    fwhm_mm: Annotated[float, Words("resolution (FWHM), mm", "分辨力（半高宽），mm")] = 6.0,
    voxel_mm: Annotated[float, Words("voxel within the slice, mm", "层内体素大小，mm")] = 2.0,
    slice_mm: Annotated[float, Words("slice spacing, mm", "层间距，mm")] = 2.0,
    matrix: Annotated[int, Words("rows and columns", "矩阵大小")] = 200,
    slices: Annotated[int, Words("slices", "层数")] = 45,
    noise_percent: Annotated[float, Words("noise, % of the local activity", "噪声，占局部活度的百分比")] = 8.0,
    noise_fwhm_mm: Annotated[float, Words("correlation of the noise (FWHM), mm", "噪声相关长度（半高宽），mm")] = 6.0,
    rotation_deg: Annotated[float, Words("direction of the 37 mm sphere, degrees", "37 mm 球所在方向，度")] = 0.0,
    body_angle_deg: Annotated[float, Words("rotation of the body, degrees", "模体外壳旋转角，度")] = 0.0,
    tilt_deg: Annotated[float, Words("tilt about the column axis, degrees", "绕列轴倾角，度")] = 0.0,
    shift_row_mm: Annotated[float, Words("shift along the rows axis, mm", "沿行方向偏移，mm")] = 0.0,
    shift_column_mm: Annotated[float, Words("shift along the columns axis, mm", "沿列方向偏移，mm")] = 0.0,
    clockwise: Annotated[bool, Words("sizes fall clockwise", "球径沿顺时针递减")] = False,
    missing: Annotated[str, Words("spheres left out, e.g. 10 or 10,37", "缺失的球，如 10 或 10,37")] = "",
    wall_mm: Annotated[float, Words("cold sphere wall, mm", "冷球壁厚度，mm")] = 0.0,
    lung_fraction: Annotated[float, Words("activity in the lung insert, of the background", "肺插件活度与本底之比")] = 0.0,
    calibration: Annotated[float, Words("wrong calibration factor", "错误的校准因子")] = 1.0,
) -> tuple[Path, ...]:
    """Write the phantom as PET slices with truth.json beside them. The sub-voxel position follows from `seed`."""
    rng = np.random.default_rng(seed)
    spacing = (slice_mm, voxel_mm, voxel_mm)
    jitter = rng.uniform(-0.5, 0.5, 3) * np.array(spacing)
    middle = (np.array([slices, matrix, matrix]) - 1) / 2 * np.array(spacing)
    z, y, x = middle + jitter + np.array([0.0, shift_row_mm, shift_column_mm])
    pose = Pose(
        centre_mm=(float(z), float(y), float(x)),
        angle_deg=rotation_deg,
        hand=-1 if clockwise else 1,
        tilt=(float(np.radians(tilt_deg)), 0.0),
    )
    body = IecBody(
        shape=(slices, matrix, matrix),
        spacing_mm=spacing,
        pose=pose,
        ratio=ratio,
        background_bq_per_ml=background_bq_per_ml,
        fwhm_mm=fwhm_mm,
        missing=_diameters(missing),
        body_angle_deg=body_angle_deg,
        wall_mm=wall_mm,
        lung_fraction=lung_fraction,
        calibration=calibration,
    )
    image = noisy(body.image(), spacing, noise_percent=noise_percent, seed=(seed, 1), fwhm_mm=noise_fwhm_mm)
    about = about or Subject(manufacturer="Photopeak", model="IEC body phantom", station="PHANTOM", serial=str(seed))
    files = write_volume(out, image, spacing_mm=spacing, about=about, series_description="IEC body phantom", seed=seed)
    truth = out / "truth.json"
    told = {**body.truth(), "noise_percent": noise_percent, "noise_fwhm_mm": noise_fwhm_mm, "seed": seed}
    truth.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return (*files, truth)


def _diameters(listed: str) -> tuple[int, ...]:
    chosen = tuple(int(word) for word in listed.replace("，", ",").split(",") if word.strip())
    unknown = sorted(set(chosen) - set(SPHERES_MM))
    if unknown:
        raise ValueError(f"no sphere of {unknown} mm; the spheres are {sorted(SPHERES_MM)} mm")
    return chosen
