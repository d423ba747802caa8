"""Spatial linearity from parallel slits (NEMA NU 1-2007, 2.2).

A slit's place is the midpoint of its two half-height points, strip by strip: strips are 30 mm long, or
shorter (5 mm at least) where 10 000 counts remain in the peak, for a strip averages the distortion along it. Differential linearity is the
standard deviation of these places along each slit about its own best-fit line, pooled over the slits (n - 1 of each); absolute
linearity is the largest distance of a place from the best-fit set of equally spaced parallel lines. UFOV and CFOV are fitted
apart, x and y as well; `axis=mean` of the differential linearity is the average of x and y, which the standard reports. Neither
value is corrected for noise, which makes both larger: the shift that counting noise causes is part of the stated uncertainty.
Where pixels are larger than the 0.2 FWHM that the standard allows, linear interpolation alone moves the midpoint by up to 0.02 mm;
there the centre of a pixel-integrated Gaussian stands for it, and the result says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence
from photopeak.figure import Figure, Picture
from photopeak.gamma_camera.line_images import (
    LineFrame,
    few_counts,
    label_of,
    measured_frames,
    pixel_of,
    scale_of,
    spacing_of,
)
from photopeak.gamma_camera.line_strips import MeasuredLine
from photopeak.gamma_camera.noisy_statistic import Floats, Noisy, largest, noise_in, noise_of_largest
from photopeak.gamma_camera.recognition import not_showing
from photopeak.gamma_camera.slit_field import Inside, strips_in_fields
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.profile import FINEST_SAMPLING_FOR_PARABOLA as COARSEST_PIXEL
from photopeak.words import Words

DIFFERENTIAL = Quantity(name="differential_linearity", unit="mm", en="differential linearity", zh="微分线性")
ABSOLUTE = Quantity(name="absolute_linearity", unit="mm", en="absolute linearity", zh="绝对线性")
FEWEST_SLITS, FEWEST_STRIPS = 3, 3
STRIP_COUNTS = 10_000  # in the peak: more, and the strips are made shorter
SAME_SLIT = 0.25  # of the spacing: pieces nearer than this lie on one slit


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the slits of one axis were found: one entry a strip, true mm. `number` counts the slits from 0."""

    along_mm: Floats
    across_mm: Floats
    noise_mm: Floats
    number: npt.NDArray[np.intp]
    cos: float

    def chosen(self, inside: Inside) -> Places:
        return Places(
            along_mm=self.along_mm[inside],
            across_mm=self.across_mm[inside],
            noise_mm=self.noise_mm[inside],
            number=self.number[inside],
            cos=self.cos,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacements:
    """Distances of one axis' slits from equally spaced parallel lines over the UFOV, for the figure."""

    title: Words
    across_axis: str
    along_mm: Floats
    number: npt.NDArray[np.intp]
    off_mm: Floats
    spacing_mm: float
    strip_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialLinearity(Result):
    displacements: tuple[Displacements, ...]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(_map(one) for one in self.displacements)


def accepts(evidence: Evidence) -> Words | None:
    return not_showing(evidence.images, ("slits",))


@procedure(
    en="Spatial linearity",
    zh="空间线性",
    implements="NEMA NU 1-2007, 2.2",
    kinds=("nm_planar",),
    quantities=(DIFFERENTIAL, ABSOLUTE),
    accepts=accepts,
)
def spatial_linearity(
    evidence: Evidence,
    *,
    slit_spacing_mm: Annotated[float | None, Words("distance of the slits, mm", "狭缝间距，mm")] = None,
) -> SpatialLinearity:
    """Differential and absolute linearity per detector, axis and field."""
    spacing = spacing_of(evidence, slit_spacing_mm, "slit_spacing_mm")
    frames, remarks = measured_frames(evidence, ("slits",), pixel_of(evidence, spacing), strip_counts=STRIP_COUNTS)
    measurements: list[Measurement] = []
    maps: list[Displacements] = []
    for one in frames:
        for axis in ("x", "y"):
            lines = one.of_axis(axis)
            if len(lines) >= FEWEST_SLITS:
                found, drawn = _of_axis(evidence, one, lines, axis, spacing)
                measurements += found
                maps += drawn
    if not measurements:
        raise Refused(
            "too_few_slits",
            en=f"{evidence.name}: fewer than {FEWEST_SLITS} slits with {FEWEST_STRIPS} places each were measured; image the whole "
            "slit phantom",
            zh=f"{evidence.name}：可测量的狭缝不足 {FEWEST_SLITS} 条（每条至少 {FEWEST_STRIPS} 个位置）。请对整个狭缝模体成像。",
        )
    return SpatialLinearity(
        measurements=(*measurements, *_averages(measurements)),
        remarks=(*remarks, *few_counts(frames), *_header_scale(spacing), *_coarse(frames), *_one_axis(measurements)),
        conditions=_conditions(frames),
        displacements=tuple(maps),
    )


def _of_axis(
    evidence: Evidence, one: LineFrame, lines: Sequence[MeasuredLine], axis: str, spacing_mm: float | None
) -> tuple[list[Measurement], list[Displacements]]:
    scale = scale_of(lines, spacing_mm) if spacing_mm is not None else None
    places = places_of(lines, scale.factor if scale else 1.0)
    found, drawn = [], []
    for fov, strips in strips_in_fields(evidence, one, lines, axis).items():
        inside = np.concatenate(strips) & np.isfinite(places.across_mm)
        here = _whole_slits(places.chosen(inside))
        if len(set(here.number.tolist())) < FEWEST_SLITS:
            continue
        where = {**one.place, "fov": fov, "axis": axis}
        value, noise = differential(here)
        found.append(DIFFERENTIAL.of(value, noise.uncertainty, **where))
        value, noise, off = absolute(here)
        found.append(ABSOLUTE.of(value, noise.uncertainty, **where))
        if fov == "UFOV":
            drawn.append(_displacements(one, axis, here, off, lines[0].strip_mm))
    return found, drawn


def places_of(lines: Sequence[MeasuredLine], factor: float) -> Places:
    """The places of all strips of parallel `lines`, in true mm (`factor` true mm per mm of the header's pixel)."""
    coarse = coarsely_sampled(lines)
    at = [line.centre_mm if coarse else line.middle_mm for line in lines]
    noise = [line.centre_u_mm if coarse else np.full(len(line.along_mm), _noise_of(line)) for line in lines]
    return Places(
        along_mm=np.concatenate([line.along_mm for line in lines]) * factor,
        across_mm=np.concatenate(at) * factor,
        noise_mm=np.concatenate(noise) * factor,
        number=np.concatenate([np.full(len(line.along_mm), n) for line, n in zip(lines, _numbers(lines))]),
        cos=math.cos(math.atan(float(np.mean([line.slope for line in lines])))),
    )


def coarsely_sampled(lines: Sequence[MeasuredLine]) -> bool:
    """Whether the pixels across are larger than the standard's share of the FWHM."""
    pixel = float(np.median(np.diff(lines[0].example.positions_mm)))
    return pixel > COARSEST_PIXEL * float(np.nanmedian(np.concatenate([line.fwhm_mm for line in lines])))


def _noise_of(line: MeasuredLine) -> float:
    """What counting does to the midpoint of one strip."""
    if line.fwhm_spread is not None:
        return line.fwhm_spread.middle_sd_mm
    return float(np.nanmedian(line.centre_u_mm))


def _numbers(lines: Sequence[MeasuredLine]) -> list[int]:
    """Which slit each line is a piece of, counted across from 0."""
    middle = float(np.mean([np.mean(line.along_mm) for line in lines]))
    at = np.array([line.at(middle) for line in lines])
    gaps = np.diff(np.sort(at))
    typical = float(np.median(gaps[gaps > SAME_SLIT * gaps.max()]))
    numbers: list[int] = np.round((at - at.min()) / typical).astype(int).tolist()
    return numbers


def _whole_slits(places: Places) -> Places:
    """Without slits of which too few places are known for a line through them."""
    many = {n for n in set(places.number.tolist()) if int((places.number == n).sum()) >= FEWEST_STRIPS}
    return places.chosen(np.isin(places.number, list(many)))


def differential(places: Places) -> tuple[float, Noisy]:
    """Standard deviation of the places along each slit about its best-fit line, pooled; and what noise does to it, in mm."""
    slits = sorted(set(places.number.tolist()))
    design = np.zeros((len(places.number), 2 * len(slits)))
    for index, n in enumerate(slits):
        own = places.number == n
        design[own, 2 * index] = 1.0
        design[own, 2 * index + 1] = places.along_mm[own] - places.along_mm[own].mean()
    freedom = len(places.number) - len(slits)

    def pooled(off: Floats) -> Floats:
        return np.asarray(np.sqrt((off**2).sum(axis=-1) / freedom))

    off = _residuals(places, design)
    return float(pooled(off[np.newaxis])[0]), noise_in(pooled, off, places.noise_mm * places.cos, design)


def absolute(places: Places) -> tuple[float, Noisy, Floats]:
    """Largest distance from equally spaced parallel lines, what noise does to it, and every place's distance, in mm."""
    number = places.number - places.number.mean()
    along = places.along_mm - places.along_mm.mean()
    design = np.stack([np.ones(len(number)), along, number], axis=1)
    off = _residuals(places, design)
    return float(largest(off[np.newaxis])[0]), noise_of_largest(off, places.noise_mm * places.cos, design), off


def _residuals(places: Places, design: Floats) -> Floats:
    """Distances, perpendicular to the slits, of the places from the best fit of this matrix."""
    parameters, *_ = np.linalg.lstsq(design, places.across_mm, rcond=None)
    return np.asarray((places.across_mm - design @ parameters) * places.cos)


def _averages(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Differential linearity averaged over x and y, as the standard reports it."""
    found: list[Measurement] = []
    for first in measurements:
        if first.quantity is not DIFFERENTIAL or first.where["axis"] != "x":
            continue
        other: dict[str, Any] = {**first.where, "axis": "y"}
        both: dict[str, Any] = {**first.where, "axis": "mean"}
        second = next((m for m in measurements if m.quantity is DIFFERENTIAL and dict(m.where) == other), None)
        if second is not None:
            u = math.hypot(first.uncertainty or 0.0, second.uncertainty or 0.0) / 2
            found.append(DIFFERENTIAL.of((first.value + second.value) / 2, u, **both))
    return found


def _header_scale(spacing_mm: float | None) -> tuple[Remark, ...]:
    if spacing_mm is not None:
        return ()
    return (
        remark(
            "pixel_size_of_header",
            en="the distance of the slits was not given, so the pixel size is that of the header; the standard takes mm per "
            "channel from the slits (slit_spacing_mm, 30 mm for its phantom)",
            zh="未给出狭缝间距，像素大小取自头信息；标准以狭缝间距（slit_spacing_mm，标准模体为 30 mm）确定每道毫米数。",
        ),
    )


def _coarse(frames: Sequence[LineFrame]) -> tuple[Remark, ...]:
    if not any(coarsely_sampled(lines) for one in frames for axis in ("x", "y") if (lines := one.of_axis(axis))):
        return ()
    return (
        remark(
            "pixels_too_large",
            en=f"the pixels are larger than the {COARSEST_PIXEL:g} FWHM that the standard allows; the slits were placed by a Gaussian "
            "fit instead of the midpoint of the half heights",
            zh=f"像素大于标准允许的 {COARSEST_PIXEL:g} 倍半高宽；狭缝位置改由高斯拟合确定，而非半高点中点。",
        ),
    )


def _one_axis(measurements: Sequence[Measurement]) -> tuple[Remark, ...]:
    axes = {str(one.where["axis"]) for one in measurements}
    if len(axes) > 1:
        return ()
    seen, other = ("x", "y") if "x" in axes else ("y", "x")
    return (
        remark(
            "one_axis_only",
            en=f"the slits show {seen} only; the standard also asks for {other}: turn the phantom by 90 degrees and image it again",
            zh=f"狭缝仅反映 {seen} 方向，标准还要求 {other} 方向：请将模体旋转 90° 后再次成像。",
        ),
    )


def _conditions(frames: Sequence[LineFrame]) -> tuple[Condition, ...]:
    lines = [line for one in frames for line in one.lines]
    longest = max(line.strip_mm for line in lines)
    number = sum(int(np.isfinite(line.middle_mm).sum()) for line in lines)
    return (
        Condition(label=Words("slits", "狭缝数"), value=Words(f"{len(lines)}", f"{len(lines)}")),
        Condition(label=Words("places measured", "测量位置数"), value=Words(f"{number}", f"{number}")),
        Condition(label=Words("length of the strips", "条带长度"), value=Words(f"{longest:.1f} mm", f"{longest:.1f} mm")),
    )


def _displacements(one: LineFrame, axis: str, places: Places, off: Floats, strip_mm: float) -> Displacements:
    label = label_of(one.place)
    gaps = np.diff([places.across_mm[places.number == n].mean() for n in sorted(set(places.number.tolist()))])
    return Displacements(
        title=Words(f"Displacement in {axis}, {label.en}", f"{axis} 方向位移，{label.zh}"),
        across_axis=axis,
        along_mm=places.along_mm,
        number=places.number,
        off_mm=off,
        spacing_mm=float(np.median(gaps)),
        strip_mm=strip_mm,
    )


def _map(one: Displacements) -> Picture:
    """One cell a place: slits across, strips along, coloured by the distance from the best-fit set of lines."""
    step = max(one.strip_mm, 1e-6)
    row = np.round((one.along_mm - one.along_mm.min()) / step).astype(int)
    column = one.number - one.number.min()
    values: npt.NDArray[Any] = np.full((int(row.max()) + 1, int(column.max()) + 1), np.nan)
    values[row, column] = one.off_mm
    if one.across_axis == "y":
        values = values.T
    pixel = (step, one.spacing_mm) if one.across_axis == "x" else (one.spacing_mm, step)
    reach = max(float(np.abs(one.off_mm).max()), 1e-3)
    return Picture(
        title=one.title,
        values=values,
        pixel_mm=pixel,
        left_mm=-values.shape[1] * pixel[1] / 2,
        top_mm=-values.shape[0] * pixel[0] / 2,
        window=(-reach, reach),
        unit=Words("mm", "mm"),
        palette="deviation",
        group="linearity",
    )
