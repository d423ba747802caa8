"""Uniformity of a tomographic slice through a uniform cylinder, or through the uniform section of a Jaszczak phantom.

IAEA HHS-6, 4.3.3. The slices without inserts are found and averaged, the end slices left out. Within 80 % of the radius:
integral uniformity of the averaged slice after one nine-point filter (weights 1-2-1, as for a planar flood); the largest
departure of a ring about the axis of rotation (the centre of the matrix) from a smooth radial curve; mean of the inner quarter
of the radius over the mean between 60 and 80 %; spread of the voxels of single slices. Noise enlarges the first two: the slices
are drawn again with replacement, and what that adds is stated in the uncertainty and taken off in the companion value.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import convolve

from photopeak.cylinder import Cylinder, axes_mm, crop_round, find_cylinder, inside_radius, uniform_slices
from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Circle, Figure, Line, Picture
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.slice_correlation import correlation_gain
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

INTEGRAL = Quantity(name="integral_uniformity", unit="%", en="integral uniformity", zh="积分均匀性")
RING = Quantity(name="ring_amplitude", unit="%", en="ring amplitude", zh="环状伪影幅度")
COV = Quantity(name="coefficient_of_variation", unit="%", en="coefficient of variation", zh="变异系数")
CENTRE_TO_EDGE = Quantity(name="centre_to_edge_ratio", unit="1", en="centre to edge", zh="中心与边缘之比")

MEASURED_RADIUS = 0.8
CENTRE_RADIUS, EDGE_RADII = 0.25, (0.6, 0.8)
FEWEST_SLICES = 3
RING_MM = 4.5  # a ring is a pixel wide, and no narrower than this
FEWEST_IN_RING = 8
DRAWS = 200
NINE_POINTS = np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 1.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class TomographicUniformity(Result):
    """`slab[row, column]`: mean of the uniform slices; `inside`: what was measured; rings: radii in mm, means and curve."""

    slab: Floats
    inside: npt.NDArray[np.bool_]
    pixel_mm: tuple[float, float]
    cylinder: Cylinder
    ring_mm: Floats
    ring_mean: Floats
    ring_curve: Floats

    def figures(self) -> tuple[Figure, ...]:
        crop = crop_round(self.cylinder, self.slab.shape, self.pixel_mm)
        level = float(self.slab[self.inside].mean())
        x, y = self.cylinder.axis_at(0.0)
        picture = Picture(
            title=Words("Mean of the uniform slices", "均匀层平均图像"),
            values=self.slab[crop.rows, crop.columns],
            pixel_mm=self.pixel_mm,
            left_mm=crop.left_mm,
            top_mm=crop.top_mm,
            window=(0.7 * level, 1.3 * level),
            unit=Words("counts", "计数"),
            overlays=(
                Circle(x_mm=x, y_mm=y, radius_mm=self.cylinder.radius_mm, style="dashed"),
                Circle(x_mm=x, y_mm=y, radius_mm=MEASURED_RADIUS * self.cylinder.radius_mm),
            ),
        )
        rings = Chart(
            title=Words("Rings about the axis of rotation", "以旋转轴为中心的环形均值"),
            x=Axis(label=Words("radius", "半径"), unit="mm", low=0.0),
            y=Axis(label=Words("mean of the ring", "环内均值")),
            marks=(
                Line(x=self.ring_mm, y=self.ring_mean, label=Words("measured", "测得")),
                Line(x=self.ring_mm, y=self.ring_curve, label=Words("smooth curve", "平滑曲线")),
            ),
        )
        return (picture, rings)


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume):
        return Words("not a reconstructed volume", "不是断层重建图像")
    found = find_cylinder(evidence.images)
    return found if isinstance(found, Words) else None


@procedure(
    en="Tomographic uniformity",
    zh="断层均匀性",
    implements="IAEA HHS-6, 4.3.3",
    kinds=("nm_volume",),
    quantities=(INTEGRAL, RING, COV, CENTRE_TO_EDGE),
    accepts=accepts,
)
def tomographic_uniformity(evidence: Evidence) -> TomographicUniformity:
    """Integral uniformity, rings, cupping and noise of the uniform slices of a cylindrical phantom."""
    volume, cylinder = _phantom(evidence)
    part = uniform_slices(volume, cylinder)
    if part.stop - part.start < FEWEST_SLICES:
        raise Refused(
            "no_uniform_section",
            en=f"{evidence.name}: {part.stop - part.start} slices without inserts; at least {FEWEST_SLICES} are needed",
            zh=f"{evidence.name}：无插件的均匀层仅 {part.stop - part.start} 层；至少需要 {FEWEST_SLICES} 层。",
        )
    slices = volume.values[part].astype(np.float64)
    field = _Field.of(volume, cylinder, part)
    measurements = _measure(slices, field)
    slab = slices.mean(axis=0)
    ring_mean, ring_curve = field.rings(slab[None])
    return TomographicUniformity(
        measurements=tuple(measurements),
        remarks=tuple(_noticed(measurements)),
        conditions=tuple(_conditions(volume, cylinder, part, slices, field)),
        slab=slab,
        inside=field.inside,
        pixel_mm=volume.spacing_mm[1:],
        cylinder=cylinder,
        ring_mm=field.ring_mm,
        ring_mean=ring_mean[0],
        ring_curve=ring_curve[0],
    )


def _phantom(evidence: Evidence) -> tuple[Volume, Cylinder]:
    volume = evidence.images
    found = find_cylinder(volume) if isinstance(volume, Volume) else Words("not a reconstructed volume", "不是断层重建图像")
    if isinstance(found, Words) or not isinstance(volume, Volume):
        why = found if isinstance(found, Words) else Words("no volume", "无图像")
        raise Refused(
            "not_a_cylinder",
            en=f"{evidence.name}: {why.en}; the test needs the transaxial slices of a uniform cylindrical phantom",
            zh=f"{evidence.name}：{why.zh}；本检测需要均匀圆柱模体的横断面重建图像。",
        )
    return volume, found


@dataclass(frozen=True, slots=True)
class _Field:
    """Where a slice is measured, and the rings about the centre of the matrix that lie in it."""

    inside: npt.NDArray[np.bool_]
    centre: npt.NDArray[np.bool_]
    edge: npt.NDArray[np.bool_]
    ring_of_pixel: npt.NDArray[np.intp]  #: of the pixels inside; -1 for a ring with too few
    ring_mm: Floats
    ring_pixels: Floats

    @classmethod
    def of(cls, volume: Volume, cylinder: Cylinder, part: slice) -> _Field:
        middle = (part.start + part.stop - 1) // 2
        inside = inside_radius(volume, cylinder, middle, MEASURED_RADIUS)
        _, y_mm, x_mm = axes_mm(volume)
        from_axis = np.hypot(x_mm[None, :], y_mm[:, None])[inside]
        width = max(RING_MM, volume.spacing_mm[1])
        number = (from_axis / width).astype(np.intp)
        pixels = np.bincount(number).astype(np.float64)
        mean_radius = np.bincount(number, from_axis) / np.maximum(pixels, 1)
        kept = np.flatnonzero(pixels >= FEWEST_IN_RING)
        order = np.full(len(pixels), -1, dtype=np.intp)
        order[kept] = np.arange(len(kept))
        inner = inside_radius(volume, cylinder, middle, EDGE_RADII[0])
        return cls(
            inside=inside,
            centre=inside_radius(volume, cylinder, middle, CENTRE_RADIUS),
            edge=inside_radius(volume, cylinder, middle, EDGE_RADII[1]) & ~inner,
            ring_of_pixel=order[number],
            ring_mm=mean_radius[kept],
            ring_pixels=pixels[kept],
        )

    def rings(self, images: Floats) -> tuple[Floats, Floats]:
        """Mean of every ring [image, ring], and the smooth curve a + b r² + c r⁴ through them."""
        used = self.ring_of_pixel >= 0
        matrix = np.zeros((len(self.ring_mm), int(used.sum())))
        matrix[self.ring_of_pixel[used], np.arange(int(used.sum()))] = 1.0
        means = images[:, self.inside][:, used] @ (matrix / self.ring_pixels[:, None]).T
        scaled = self.ring_mm / self.ring_mm.max()
        powers = np.stack([np.ones_like(scaled), scaled**2, scaled**4], axis=1)
        weight = np.sqrt(self.ring_pixels)[:, None]
        fit = np.linalg.pinv(powers * weight) * weight.T
        return means, means @ fit.T @ powers.T


def _measure(slices: Floats, field: _Field) -> list[Measurement]:
    """The slab's numbers, with the slices drawn again for their uncertainty."""
    number = len(slices)
    seed = int.from_bytes(hashlib.sha256(np.ascontiguousarray(slices).tobytes()).digest()[:8], "big")
    drawn = np.random.default_rng(seed).integers(0, number, size=(DRAWS, number))
    shares = np.stack([np.bincount(one, minlength=number) for one in drawn]) / number
    slab = slices.mean(axis=0)
    # Drawing n of n slices again spreads the mean by (n - 1) / n too little, and knows nothing of filters along the axis.
    gain = correlation_gain(slices[:, field.inside]) * math.sqrt(number / (number - 1))
    noise = gain * (np.tensordot(shares, slices, axes=1) - slab)
    base = _beyond_noise(slab, noise, field)
    measured = [_enlarged(quantity, of, slab, base, noise, field) for quantity, of in ((INTEGRAL, _integral), (RING, _rings))]
    ratios = _centre_to_edge(slab + noise, field)
    measured.append(CENTRE_TO_EDGE.of(float(_centre_to_edge(slab[None], field)[0]), float(ratios.std(ddof=1))))
    return [*measured, _spread(slices, field)]


def _beyond_noise(slab: Floats, noise: Floats, field: _Field) -> Floats:
    """The slab's paraboloid, with the slab itself where it departs from that by more than four standard deviations."""
    rows, columns = np.nonzero(field.inside)
    y, x = rows / len(slab) - 0.5, columns / slab.shape[1] - 0.5
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    values = slab[field.inside]
    curve = terms @ np.linalg.lstsq(terms, values, rcond=None)[0]
    base = slab.copy()
    base[field.inside] = np.where(np.abs(values - curve) > 4 * noise[:, field.inside].std(axis=0), values, curve)
    return base


def _enlarged(
    quantity: Quantity, statistic: Callable[[Floats, _Field], Floats], slab: Floats, base: Floats, noise: Floats, field: _Field
) -> Measurement:
    value = float(statistic(slab[None], field)[0])
    draws = statistic(base + noise, field)
    bias, sd = max(0.0, float(draws.mean()) - float(statistic(base[None], field)[0])), float(draws.std(ddof=1))
    companion = quantity.of(max(0.0, value - bias), sd)
    return quantity.of(value, math.hypot(bias, sd), noise_corrected=companion)


def _integral(images: Floats, field: _Field) -> Floats:
    weight = convolve(field.inside.astype(np.float64), NINE_POINTS, mode="constant")
    kernel = NINE_POINTS[None]
    smooth = convolve(np.where(field.inside, images, 0.0), kernel, mode="constant")[:, field.inside] / weight[field.inside]
    high, low = smooth.max(axis=1), smooth.min(axis=1)
    return np.asarray(100 * (high - low) / (high + low), dtype=np.float64)


def _rings(images: Floats, field: _Field) -> Floats:
    means, curve = field.rings(images)
    return np.asarray(100 * np.abs(means - curve).max(axis=1) / means.mean(axis=1), dtype=np.float64)


def _centre_to_edge(images: Floats, field: _Field) -> Floats:
    return np.asarray(images[:, field.centre].mean(axis=1) / images[:, field.edge].mean(axis=1), dtype=np.float64)


def _spread(slices: Floats, field: _Field) -> Measurement:
    """Spread of the voxels of a slice over its mean: mean of the slices, and its standard error."""
    values = slices[:, field.inside]
    shares = 100 * values.std(axis=1, ddof=1) / values.mean(axis=1)
    gain = correlation_gain(shares[:, None])
    return COV.of(float(shares.mean()), gain * float(shares.std(ddof=1)) / math.sqrt(len(shares)))


def _noticed(measurements: list[Measurement]) -> Iterable[Remark]:
    enlarged = [m for m in measurements if m.noise_corrected and m.noise_corrected.value < 0.7 * m.value]
    if enlarged:
        yield remark(
            "noise_limited",
            en="much of the integral uniformity or of the rings is noise; average more slices or collect more counts",
            zh="积分均匀性或环状伪影幅度中噪声占比较大；请平均更多层面或增加计数。",
        )


def _conditions(volume: Volume, cylinder: Cylinder, part: slice, slices: Floats, field: _Field) -> Iterable[Condition]:
    millimetres = len(slices) * volume.spacing_mm[0]
    yield Condition(
        label=Words("slices averaged", "平均层面"),
        value=Words(
            f"{part.start + 1} to {part.stop} of {len(volume.values)} ({millimetres:.0f} mm)",
            f"第 {part.start + 1} 至 {part.stop} 层，共 {len(volume.values)} 层（{millimetres:.0f} mm）",
        ),
    )
    radius = f"{cylinder.radius_mm:.1f} mm"
    yield Condition(label=Words("cylinder radius", "圆柱半径"), value=Words(radius, radius))
    level = f"{slices[:, field.inside].mean():.4g}"
    yield Condition(label=Words("mean value", "均值"), value=Words(level, level))
