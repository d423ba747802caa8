"""Contrast of the six spheres of a Jaszczak phantom, cold or hot, at any rotation, shift and mirroring (IAEA HHS-6, 4.3.9).

The pose of all six spheres is fitted at once. A sphere's value is the mean of the voxels whose centre lies in it, at its
physical size; the background is the mean of the water in the same slices, away from spheres and wall. Contrast is
100 (1 - mean / background) for cold spheres and 100 (mean / background - 1) for hot ones, over the true excess where the facts
give `sphere_to_background`. Noise is what balls of the same size show in the uniform section.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.cylinder import Cylinder, axes_mm, crop_round, find_cylinder, inside_radius, uniform_slices
from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Circle, Figure, Picture, Points
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.spect.jaszczak_spheres import SPHERE_SETS_MM, Spheres, find_spheres
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

SPHERE_TO_BACKGROUND = Quantity(name="sphere_to_background", unit="1", en="sphere to background", zh="球与本底之比")
CONTRAST = Quantity(name="contrast", unit="%", en="contrast", zh="对比度")
CNR = Quantity(name="cnr", unit="1", en="contrast-to-noise ratio", zh="对比噪声比")
PHANTOM_ROTATION = Quantity(name="phantom_rotation", unit="deg", en="phantom rotation", zh="模体旋转角", judged=False)

CLEAR_OF_SPHERES_MM = {True: 10.0, False: 20.0}  # cold; a hot one shines further
BACKGROUND_RADIUS = 0.8  # of the cylinder's: where the background is taken
NOISE_BALLS = 120
PLACEMENT = 0.05  # voxels: how well the spheres are placed


@dataclass(frozen=True, slots=True, kw_only=True)
class TomographicContrast(Result):
    """Ratios, contrasts and noise of every sphere; `plane[row, column]` is the slice through the spheres."""

    spheres: Spheres
    cylinder: Cylinder
    plane: Floats
    pixel_mm: tuple[float, float]
    level: float

    def figures(self) -> tuple[Figure, ...]:
        crop = crop_round(self.cylinder, self.plane.shape, self.pixel_mm)
        picture = Picture(
            title=Words("Slice through the spheres", "过球心层面"),
            values=self.plane[crop.rows, crop.columns],
            pixel_mm=self.pixel_mm,
            left_mm=crop.left_mm,
            top_mm=crop.top_mm,
            window=(0.0, max(1.3 * self.level, float(self.plane.max()) if not self.spheres.cold else 0.0)),
            unit=Words("counts", "计数"),
            overlays=tuple(
                Circle(x_mm=float(x), y_mm=float(y), radius_mm=mm / 2, label=f"{mm:g}")
                for mm, (x, y, _) in zip(self.spheres.diameters_mm, self.spheres.centres_mm)
            ),
        )
        ratios = [m for m in self.measurements if m.quantity is SPHERE_TO_BACKGROUND and m.where["statistic"] == "mean"]
        contrasts = [m for m in self.measurements if m.quantity is CONTRAST]
        diameter = Axis(label=Words("sphere diameter", "球直径"), unit="mm")
        return (
            picture,
            Chart(
                title=Words("Sphere to background", "球与本底之比"),
                x=diameter,
                y=Axis(label=Words("mean / background", "均值 / 本底")),
                marks=(Points(x=_diameters(ratios), measurements=tuple(ratios)),),
                group="spheres",
            ),
            Chart(
                title=Words("Contrast", "对比度"),
                x=diameter,
                y=Axis(label=CONTRAST.words, unit="%"),
                marks=(Points(x=_diameters(contrasts), measurements=tuple(contrasts)),),
                group="spheres",
            ),
        )


def _diameters(measurements: Iterable[Measurement]) -> tuple[float, ...]:
    return tuple(float(m.where["sphere_mm"]) for m in measurements)


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume):
        return Words("not a reconstructed volume", "不是断层重建图像")
    found = find_cylinder(evidence.images)
    if isinstance(found, Words):
        return found
    if find_spheres(evidence.images, found) is None:
        return Words("a cylinder without six spheres", "圆柱模体内未见六个球")
    return None


@procedure(
    en="Tomographic contrast",
    zh="断层对比度",
    implements="IAEA HHS-6, 4.3.9",
    kinds=("nm_volume",),
    quantities=(SPHERE_TO_BACKGROUND, CONTRAST, CNR, PHANTOM_ROTATION),
    accepts=accepts,
)
def tomographic_contrast(
    evidence: Evidence,
    *,
    sphere_diameters_mm: Annotated[
        str, Words("sphere diameters in mm, largest first, or auto", "球直径（mm，从大到小），或 auto")
    ] = "auto",
) -> TomographicContrast:
    """Sphere-to-background ratios, contrasts and contrast-to-noise ratios of a Jaszczak reconstruction."""
    volume, cylinder = _phantom(evidence)
    spheres = find_spheres(volume, cylinder, _sizes(sphere_diameters_mm))
    if spheres is None:
        raise Refused(
            "spheres_not_found",
            en=f"{evidence.name}: a cylinder, but no ring of six spheres stands out of its noise; "
            "is this the uniform section only, or are there too few counts?",
            zh=f"{evidence.name}：为圆柱模体，但未在噪声之上找到呈环形排列的六个球；请确认是否仅重建了均匀段，或计数不足。",
        )
    background, background_uncertainty = _background(volume, cylinder, spheres)
    noise = _noise(volume, cylinder)
    true_ratio = evidence.facts.get("sphere_to_background")
    measurements: list[Measurement] = []
    outside = []
    for diameter_mm, centre in zip(spheres.diameters_mm, spheres.centres_mm):
        found = _of_sphere(volume, spheres, diameter_mm, centre, (background, background_uncertainty), noise, true_ratio)
        measurements += found
        outside += [] if found else [diameter_mm]
    measurements.append(_rotation(volume, spheres, noise, background))
    z_mm, _, _ = axes_mm(volume)
    plane = int(np.argmin(np.abs(z_mm - spheres.centres_mm[0, 2])))
    return TomographicContrast(
        measurements=tuple(measurements),
        remarks=tuple(_noticed(outside, noise)),
        conditions=tuple(_conditions(volume, cylinder, spheres, background)),
        spheres=spheres,
        cylinder=cylinder,
        plane=volume.values[plane].astype(np.float64),
        pixel_mm=volume.spacing_mm[1:],
        level=background,
    )


def _phantom(evidence: Evidence) -> tuple[Volume, Cylinder]:
    volume = evidence.images
    found = find_cylinder(volume) if isinstance(volume, Volume) else Words("not a reconstructed volume", "不是断层重建图像")
    if isinstance(found, Words) or not isinstance(volume, Volume):
        why = found if isinstance(found, Words) else Words("no volume", "无图像")
        raise Refused(
            "not_a_cylinder",
            en=f"{evidence.name}: {why.en}; the test needs the transaxial slices of a cylindrical phantom with spheres",
            zh=f"{evidence.name}：{why.zh}；本检测需要含球圆柱模体的横断面重建图像。",
        )
    return volume, found


def _sizes(text: str) -> tuple[tuple[float, ...], ...]:
    if text.strip() in ("", "auto"):
        return SPHERE_SETS_MM
    try:
        sizes = tuple(float(one) for one in text.replace("，", ",").split(","))
    except ValueError:
        sizes = ()
    if len(sizes) != 6 or min(sizes) <= 0:
        raise Refused(
            "sphere_diameters",
            en=f'"{text}" does not name six sphere diameters; give them in mm, for example 31.8,25.4,19.1,15.9,12.7,9.5',
            zh=f"“{text}”不是六个球的直径；请以 mm 给出，例如 31.8,25.4,19.1,15.9,12.7,9.5。",
        )
    return (tuple(sorted(sizes, reverse=True)),)


def _ball(volume: Volume, centre_mm: Floats, diameter_mm: float) -> Floats | None:
    """Values of the voxels whose centre lies in a ball; None where it reaches out of the volume."""
    axes = axes_mm(volume)
    box = [np.flatnonzero(np.abs(axis - at) <= diameter_mm / 2) for axis, at in zip(axes, centre_mm[::-1])]
    for axis, at, step in zip(axes, centre_mm[::-1], volume.spacing_mm):
        if at - diameter_mm / 2 < axis[0] - step / 2 or at + diameter_mm / 2 > axis[-1] + step / 2:
            return None
    z, y, x = (axis[part] - at for axis, part, at in zip(axes, box, centre_mm[::-1]))
    inside = z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2 <= (diameter_mm / 2) ** 2
    if not inside.any():
        return None
    return np.asarray(volume.values[np.ix_(*box)][inside], dtype=np.float64)


def _background(volume: Volume, cylinder: Cylinder, spheres: Spheres) -> tuple[float, float]:
    """Mean of the water in the slices of the spheres, away from them and the wall, and its standard uncertainty."""
    z_mm, y_mm, x_mm = axes_mm(volume)
    reach = spheres.diameters_mm[0] / 2
    chosen = np.flatnonzero(np.abs(z_mm - spheres.centres_mm[0, 2]) <= reach)
    means, sums, pixels = [], 0.0, 0
    for index in chosen:
        free = inside_radius(volume, cylinder, int(index), BACKGROUND_RADIUS)
        for diameter_mm, (x, y, z) in zip(spheres.diameters_mm, spheres.centres_mm):
            away = np.sqrt((x_mm[None, :] - x) ** 2 + (y_mm[:, None] - y) ** 2 + (z_mm[index] - z) ** 2)
            free = free & (away > diameter_mm / 2 + CLEAR_OF_SPHERES_MM[spheres.cold])
        part = volume.values[index][free].astype(np.float64)
        if len(part):
            means.append(float(part.mean()))
            sums, pixels = sums + float(part.sum()), pixels + len(part)
    spread = float(np.std(means, ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else 0.0
    return sums / pixels, spread


@dataclass(frozen=True, slots=True)
class _Noise:
    """The uniform section, each slice over its own mean, where balls show what noise alone does."""

    volume: Volume
    cylinder: Cylinder
    part: slice
    voxel_sd: float
    known: dict[float, tuple[float, float, float, float]] = field(default_factory=dict)  #: what was measured already

    def of_ball(self, diameter_mm: float) -> tuple[float, float, float, float]:
        """Spread of a ball's mean, mean departure and spread of its lowest voxel, and its number of voxels.

        A ball too large for the section is extrapolated from two that fit, as a power of the diameter.
        """
        largest_mm = (self.part.stop - self.part.start - 1) * self.volume.spacing_mm[0]
        if diameter_mm <= largest_mm:
            return self._measured(diameter_mm)
        mean, bias, sd, voxels = self._measured(largest_mm)
        smaller, _, _, _ = self._measured(0.6 * largest_mm)
        power = min(1.5, max(0.5, math.log(smaller / mean) / math.log(1 / 0.6))) if mean > 0 and smaller > 0 else 1.5
        grown = diameter_mm / largest_mm
        return mean * grown**-power, bias * (1 + 0.3 * math.log(grown)), sd, voxels * grown**3

    def _measured(self, diameter_mm: float) -> tuple[float, float, float, float]:
        if diameter_mm not in self.known:
            self.known[diameter_mm] = self._of_balls(diameter_mm)
        return self.known[diameter_mm]

    def _of_balls(self, diameter_mm: float) -> tuple[float, float, float, float]:
        balls = [one for place in self._places(diameter_mm) if (one := _ball(self.volume, place, diameter_mm)) is not None]
        if len(balls) < 3:
            return 0.0, 0.0, 0.0, 1.0
        means, lowest = np.array([one.mean() for one in balls]), np.array([one.min() for one in balls])
        voxels = float(np.mean([len(one) for one in balls]))
        return float(means.std(ddof=1)), float(1 - lowest.mean()), float(lowest.std(ddof=1)), voxels

    def _places(self, diameter_mm: float) -> Floats:
        """Centres (x, y, z) spread over the section by a fixed spiral, so that the same image always gives the same noise."""
        z_mm, _, _ = axes_mm(self.volume)
        half = max(0.0, diameter_mm / 2 - self.volume.spacing_mm[0] / 2)
        low, high = float(z_mm[self.part.start]) + half, float(z_mm[self.part.stop - 1]) - half
        low, high = (low, high) if high > low else (2 * ((low + high) / 2,))
        step = np.arange(NOISE_BALLS)
        reach = min(0.62, 0.8 - diameter_mm / 2 / self.cylinder.radius_mm)
        radius = reach * self.cylinder.radius_mm * np.sqrt((step + 0.5) / NOISE_BALLS)
        angle = math.pi * (3 - math.sqrt(5)) * step
        z = low + (step * 0.6180339887 % 1.0) * (high - low)
        x0, y0 = np.array([self.cylinder.axis_at(float(one)) for one in z]).T
        return np.stack([x0 + radius * np.cos(angle), y0 + radius * np.sin(angle), z], axis=1)


def _noise(volume: Volume, cylinder: Cylinder) -> _Noise:
    part = uniform_slices(volume, cylinder)
    values, spreads = volume.values.copy(), []
    for index in range(part.start, part.stop):
        inside = inside_radius(volume, cylinder, index, BACKGROUND_RADIUS)
        values[index] /= values[index][inside].mean()
        spreads.append(float(values[index][inside].std(ddof=1)))
    return _Noise(replace(volume, values=values), cylinder, part, float(np.mean(spreads)))


def _of_sphere(
    volume: Volume,
    spheres: Spheres,
    diameter_mm: float,
    centre_mm: Floats,
    background: tuple[float, float],
    noise: _Noise,
    true_ratio: float | None,
) -> list[Measurement]:
    values = _ball(volume, centre_mm, diameter_mm)
    if values is None:
        return []
    level, level_u = background
    ratio = float(values.mean()) / level
    sd, bias, sd_of_extreme, _ = noise.of_ball(diameter_mm)
    grown = math.sqrt(max(ratio, 1.0))  # noise grows with the value; a cold sphere keeps that of its surroundings
    uncertainty = math.hypot(grown * sd, ratio * level_u / level, _placement(volume, diameter_mm, centre_mm) / level)
    extreme_u = math.hypot(grown * bias, grown * sd_of_extreme, ratio * level_u / level)
    measured = [
        SPHERE_TO_BACKGROUND.of(ratio, uncertainty, sphere_mm=diameter_mm, statistic="mean"),
        SPHERE_TO_BACKGROUND.of(float(values.min()) / level, extreme_u, sphere_mm=diameter_mm, statistic="min"),
        SPHERE_TO_BACKGROUND.of(float(values.max()) / level, extreme_u, sphere_mm=diameter_mm, statistic="max"),
    ]
    scale = 100.0 if spheres.cold or not true_ratio or true_ratio <= 1 else 100.0 / (true_ratio - 1)
    contrast = scale * ((1 - ratio) if spheres.cold else (ratio - 1))
    measured.append(CONTRAST.of(contrast, scale * uncertainty, sphere_mm=diameter_mm))
    if noise.voxel_sd > 0:
        cnr = abs(1 - ratio) / noise.voxel_sd
        share = 1 / math.sqrt(2 * max(_independent_voxels(noise), 2.0))
        measured.append(CNR.of(cnr, math.hypot(uncertainty / noise.voxel_sd, cnr * share), sphere_mm=diameter_mm))
    return measured


def _independent_voxels(noise: _Noise) -> float:
    """How many independent values the voxel spread rests on: from how fast the spread of a ball's mean falls with its size."""
    spread, _, _, voxels = noise.of_ball(19.1)
    correlated = max(1.0, voxels * (spread / noise.voxel_sd) ** 2)
    return NOISE_BALLS * voxels / correlated / 4


def _placement(volume: Volume, diameter_mm: float, centre_mm: Floats) -> float:
    """What misplacement by a small part of a voxel does to the mean, along each axis and in quadrature."""
    changes = []
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = PLACEMENT * volume.spacing_mm[2 - axis]
        pair = [_ball(volume, centre_mm + sign * step, diameter_mm) for sign in (1, -1)]
        if pair[0] is not None and pair[1] is not None:
            changes.append((float(pair[0].mean()) - float(pair[1].mean())) / 2)
    return math.sqrt(sum(one**2 for one in changes))


def _rotation(volume: Volume, spheres: Spheres, noise: _Noise, background: float) -> Measurement:
    """The direction of the largest sphere; a sphere's centre is found to its blurred edge's width over its signal to noise."""
    sd, _, _, _ = noise.of_ball(spheres.diameters_mm[0])
    signal = max(float(spheres.signal[0]), 0.05)
    place_mm = math.hypot(spheres.diameters_mm[0] / 2 * sd / signal, PLACEMENT * volume.spacing_mm[2])
    return PHANTOM_ROTATION.of(spheres.rotation_deg, math.degrees(place_mm / spheres.ring_radius_mm))


def _noticed(outside: list[float], noise: _Noise) -> Iterable[Remark]:
    if outside:
        names = ", ".join(f"{mm:g}" for mm in outside)
        yield remark(
            "sphere_not_measured",
            en=f"spheres of {names} mm reach out of the volume and were not measured",
            zh=f"直径 {names} mm 的球超出图像范围，未测量。",
        )
    if noise.voxel_sd > 0:
        _, bias, _, _ = noise.of_ball(19.1)
        yield remark(
            "extremes_biased",
            en=f"the lowest and highest voxels of a sphere hold noise: about {bias:.0%} of the background at 19.1 mm; "
            "their uncertainty contains it",
            zh=f"球内最小值和最大值受噪声影响（19.1 mm 处约为本底的 {bias:.0%}），其不确定度已包含该偏倚。",
        )


def _conditions(volume: Volume, cylinder: Cylinder, spheres: Spheres, background: float) -> Iterable[Condition]:
    voxel = " × ".join(f"{mm:.2f}" for mm in volume.spacing_mm) + " mm"
    yield Condition(label=Words("voxel (slice, row, column)", "体素（层、行、列）"), value=Words(voxel, voxel))
    sizes = ", ".join(f"{mm:g}" for mm in spheres.diameters_mm) + " mm"
    en, zh = ("cold", "冷") if spheres.cold else ("hot", "热")
    yield Condition(label=Words("spheres", "球"), value=Words(f"{en}: {sizes}", f"{zh}球：{sizes}"))
    seen = ("clockwise", "顺时针") if spheres.turn > 0 else ("counter-clockwise", "逆时针")
    yield Condition(
        label=Words("pose", "位置"),
        value=Words(
            f"largest sphere at {spheres.rotation_deg:.1f}° from the columns' direction, the next {seen[0]} in the "
            "image, ring radius "
            f"{spheres.ring_radius_mm:.1f} mm",
            f"最大球位于列方向起 {spheres.rotation_deg:.1f}° 处，其余在图像中{seen[1]}排列，环半径 "
            f"{spheres.ring_radius_mm:.1f} mm",
        ),
    )
    level = f"{background:.4g}"
    yield Condition(label=Words("background", "本底"), value=Words(level, level))
    radius = f"{cylinder.radius_mm:.1f} mm"
    yield Condition(label=Words("cylinder radius", "圆柱半径"), value=Words(radius, radius))
