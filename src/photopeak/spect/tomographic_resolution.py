"""Tomographic spatial resolution from reconstructed point or line sources, in air or in a scattering cylinder.

NEMA NU 1-2007, clause 4 (SPECT resolution without and with scatter) asks for points in air and lines in water, summed over
slabs (130 mm of transverse, 180 of sagittal, 30 of coronal slices), and five results: central transaxial and axial; peripheral
radial, tangential and axial, means over the two peripheral sources (here `position` = peripheral, beside each source's own).
Departure: each source is summed over its own box (two and a half widths to each side), which is the standard's slab without the
other sources and their streaks, and lets the sources stand anywhere. What of a source lies further out is not in its width.
Lines are measured in three slices of 10 mm at 0 and ±40 mm, averaged. `gaussian`: an oblique Gaussian on a constant background;
`nema`: the rule of half heights, above that background, which reads high where pixels are coarse, by as much as is stated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Circle, Figure, Line, Picture
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.profile import FWHM_PER_SIGMA, FWTM_PER_SIGMA, GaussianFit
from photopeak.spect.reconstructed_sources import PlaneFit, Source, find_sources, fit_plane
from photopeak.spect.reconstructed_widths import by_the_rule, ruled, sampling_bias, scaled_fit
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

FWHM = Quantity(name="fwhm", unit="mm", en="full width at half maximum", zh="半高宽")
FWTM = Quantity(name="fwtm", unit="mm", en="full width at tenth maximum", zh="十分之一高宽")

OFF_CENTRE_MM = 20.0  # further from the axis, a width is radial or tangential
LINE_SLABS_MM = (-40.0, 0.0, 40.0)
LINE_SLAB_THICKNESS_MM = 10.0
EDGE_WIDTHS = 1.0  # a source nearer than this to the edge of the volume is cut
EQUAL_BY_SYMMETRY = 4
PERIPHERAL = "peripheral"  #: `position` of a mean over the sources away from the axis
TENTH = FWTM_PER_SIGMA / FWHM_PER_SIGMA


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One direction of one source: `axis` as in `where`, samples and the fitted curve, for the figure."""

    source: int
    axis: str
    at_mm: Floats
    values: Floats
    fitted: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class TomographicResolution(Result):
    """Widths of every source, its profiles, and the plane of maxima with the sources' places (mm from the centre)."""

    profiles: tuple[Profile, ...] = ()
    plane: Floats | None = None
    pixel_mm: tuple[float, float] = (1.0, 1.0)
    places_mm: tuple[tuple[float, float], ...] = ()

    def figures(self) -> tuple[Figure, ...]:
        charts = [
            Chart(
                title=Words(f"Source {number}", f"源 {number}"),
                x=Axis(label=Words("from the source", "距源中心"), unit="mm"),
                y=Axis(label=Words("share of the peak", "相对峰值")),
                marks=tuple(_curves([one for one in self.profiles if one.source == number])),
                group="profiles",
            )
            for number in sorted({one.source for one in self.profiles})
        ]
        if self.plane is None:
            return tuple(charts)
        rows, columns = self.plane.shape
        picture = Picture(
            title=Words("Largest value along the axis", "沿轴向最大值投影"),
            values=self.plane,
            pixel_mm=self.pixel_mm,
            left_mm=-columns * self.pixel_mm[1] / 2,
            top_mm=-rows * self.pixel_mm[0] / 2,
            window=(0.0, float(self.plane.max())),
            unit=Words("counts", "计数"),
            palette="inverse",
            overlays=tuple(
                Circle(x_mm=x, y_mm=y, radius_mm=12.0, label=str(number)) for number, (x, y) in enumerate(self.places_mm, 1)
            ),
        )
        return (picture, *charts)


def _curves(profiles: Iterable[Profile]) -> Iterable[Line]:
    names = {"x": Words("x", "x"), "y": Words("y", "y"), "axial": Words("axial", "轴向")}
    for one in profiles:
        top = float(one.fitted.max())
        yield Line(x=one.at_mm, y=one.values / top, label=names[one.axis])
        yield Line(x=one.at_mm, y=one.fitted / top, label=Words("fit", "拟合"))


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume):
        return Words("not a reconstructed volume", "不是断层重建图像")
    found = find_sources(evidence.images)
    return found if isinstance(found, Words) else None


@procedure(
    en="Tomographic resolution",
    zh="断层空间分辨力",
    implements="NEMA NU 1-2007, clause 4 (SPECT resolution); IAEA HHS-6, 4.3.4",
    kinds=("nm_volume",),
    quantities=(FWHM, FWTM),
    accepts=accepts,
)
def tomographic_resolution(evidence: Evidence) -> TomographicResolution:
    """Widths of one to several point sources, or line sources along the axis, anywhere in a reconstructed volume."""
    volume, sources = _sources(evidence)
    measurements: list[Measurement] = []
    profiles: list[Profile] = []
    remarks: list[Remark] = []
    places: list[tuple[float, float]] = []
    refusals: list[tuple[str, Words]] = []
    for number, source in enumerate(sources, 1):
        why = _cut(volume, source) or _flat(volume, source)
        found = None if why else _of_source(volume, source, number)
        if found is None:
            code, words = why or ("not_a_point", Words("no upright peak fits it", "无法用单峰拟合"))
            refusals.append((code, words))
            remarks.append(
                remark(
                    "source_not_measured",
                    en=f"source {number} was not measured: {words.en}",
                    zh=f"源 {number} 未测量：{words.zh}",
                )
            )
            continue
        measurements += found[0]
        profiles += found[1]
        places.append(found[2])
    if not measurements:
        code, words = refusals[0]
        raise Refused(
            code,
            en=f"{evidence.name}: {words.en}; place the sources inside the reconstructed field, reconstruct it whole and export "
            "it without a limit to its values",
            zh=f"{evidence.name}：{words.zh}；请将源置于重建视野内并完整重建，导出时不限制像素值。",
        )
    measurements += _peripheral(measurements)
    return TomographicResolution(
        measurements=tuple(measurements),
        remarks=tuple(remarks),
        conditions=tuple(_conditions(evidence, volume, sources, measurements)),
        profiles=tuple(profiles),
        plane=np.asarray(volume.values.max(axis=0), dtype=np.float64),
        pixel_mm=volume.spacing_mm[1:],
        places_mm=tuple(places),
    )


def _sources(evidence: Evidence) -> tuple[Volume, tuple[Source, ...]]:
    volume = evidence.images
    if not isinstance(volume, Volume):
        raise Refused(
            "not_a_volume",
            en=f"{evidence.name} is not a reconstructed volume; reconstruct the acquisition and send its transaxial slices",
            zh=f"{evidence.name} 不是断层重建图像；请先重建，再提交横断面图像。",
        )
    if not np.isfinite(volume.values).all():
        raise Refused(
            "not_finite",
            en=f"{evidence.name} has values that are not numbers; reconstruct it again",
            zh=f"{evidence.name} 含有非数值像素；请重新重建。",
        )
    found = find_sources(volume)
    if isinstance(found, Words):
        raise Refused(
            "not_point_sources",
            en=f"{evidence.name}: {found.en}; the test needs point sources, or line sources along the axis",
            zh=f"{evidence.name}：{found.zh}；本检测需要点源或沿轴向的线源。",
        )
    return volume, found


def _cut(volume: Volume, source: Source) -> tuple[str, Words] | None:
    axes = (1, 2) if source.kind == "line" else (0, 1, 2)
    for axis in axes:
        size, mm = volume.values.shape[axis], volume.spacing_mm[axis]
        left_mm = min(source.centre[axis] + 0.5, size - 0.5 - source.centre[axis]) * mm
        if left_mm < EDGE_WIDTHS * source.width_mm:
            words = Words(f"it lies {left_mm:.0f} mm from the edge of the volume", f"源距重建图像边缘仅 {left_mm:.0f} mm")
            return "clipped", words
    return None


def _flat(volume: Volume, source: Source) -> tuple[str, Words] | None:
    """A top that is cut off: pixels of one slice share its maximum, more than the four that symmetry can make equal."""
    box = _box(volume, source)
    plane = volume.values[round(source.centre[0]), box[1], box[2]]
    shared = int((plane == plane.max()).sum())
    if shared <= EQUAL_BY_SYMMETRY:
        return None
    return "saturated", Words(
        f"{shared} of its pixels share the largest value ({plane.max():g}), so its top is cut off",
        f"源中有 {shared} 个像素同为最大值（{plane.max():g}），峰顶被截断",
    )


def _box(volume: Volume, source: Source) -> list[slice]:
    """Voxels within reach of the source, along each axis."""
    return [
        slice(max(0, math.ceil(c - source.reach_mm / mm)), min(n, math.floor(c + source.reach_mm / mm) + 1))
        for c, mm, n in zip(source.centre, volume.spacing_mm, volume.values.shape)
    ]


def _positions(part: slice, size: int, mm: float) -> Floats:
    return np.asarray(mm * (np.arange(part.start, part.stop) - (size - 1) / 2), dtype=np.float64)


Found = tuple[list[Measurement], list[Profile], tuple[float, float]]


def _of_source(volume: Volume, source: Source, number: int) -> Found | None:
    """Measurements, profiles and place of one source, or None where it cannot be fitted."""
    box = _box(volume, source)
    z_mm, y_mm, x_mm = (_positions(part, n, mm) for part, n, mm in zip(box, volume.values.shape, volume.spacing_mm))
    slabs = _slabs(volume, source) if source.kind == "line" else [box[0]]
    planes = [volume.values[slab, box[1], box[2]].sum(axis=0, dtype=np.float64) for slab in slabs]
    fits = [fit_plane(plane, x_mm, y_mm) for plane in planes]
    kept = [(plane, fit) for plane, fit in zip(planes, fits) if fit is not None]
    if not kept:
        return None
    place = (float(np.mean([fit.x_mm for _, fit in kept])), float(np.mean([fit.y_mm for _, fit in kept])))
    measured = _transaxial(kept, x_mm, y_mm, place, number)
    first = kept[len(kept) // 2]
    profiles = list(_plane_profiles(first[0], x_mm, y_mm, number))
    if source.kind == "point":
        along = volume.values[:, box[1], box[2]].sum(axis=(1, 2), dtype=np.float64)[box[0]]
        fit = scaled_fit(z_mm, along)
        if fit is not None:
            for axis in ("z", "axial"):
                measured += _both(fit, z_mm, along, {"source": number, "axis": axis})
            profiles.append(_profile(number, "axial", z_mm, along, fit))
    return measured, profiles, place


def _slabs(volume: Volume, source: Source) -> list[slice]:
    """Slices of 10 mm at the line's middle and 40 mm to each side, where the line reaches that far."""
    mm, size = volume.spacing_mm[0], volume.values.shape[0]
    thick = max(1, round(LINE_SLAB_THICKNESS_MM / mm))
    slabs = []
    for at_mm in LINE_SLABS_MM:
        if abs(at_mm) + LINE_SLAB_THICKNESS_MM > source.length_mm / 2:
            continue
        first = round(source.centre[0] + at_mm / mm - (thick - 1) / 2)
        if first >= 0 and first + thick <= size:
            slabs.append(slice(first, first + thick))
    return slabs or [slice(round(source.centre[0]), round(source.centre[0]) + 1)]


def _transaxial(
    kept: list[tuple[Floats, PlaneFit]], x_mm: Floats, y_mm: Floats, place: tuple[float, float], number: int
) -> list[Measurement]:
    """Widths in the plane, averaged over the slabs of a line: x and y, and their mean or the radial and tangential ones."""
    angles = {"x": 0.0, "y": math.pi / 2}
    central = math.hypot(*place) < OFF_CENTRE_MM
    if not central:
        outward = math.atan2(place[1], place[0])
        angles |= {"radial": outward, "tangential": outward + math.pi / 2}
    measured = []
    for axis, angle in angles.items():
        where: dict[str, Any] = {"source": number, "axis": axis}
        widths = [fit.fwhm_mm(angle) for _, fit in kept]
        measured += _pair(*_mean(widths), where, "gaussian")
        for quantity, fraction in ((FWHM, 0.5), (FWTM, 0.1)):
            by_rule = [one for plane, fit in kept if (one := ruled(plane, fit, x_mm, y_mm, angle, fraction)) is not None]
            if by_rule:
                measured.append(quantity.of(*_mean(by_rule), **where, method="nema"))
    if central:
        measured += [
            _mean_of_axes(measured, quantity, method, number)
            for quantity in (FWHM, FWTM)
            for method in _methods(measured, quantity)
        ]
    return measured


def _peripheral(measured: list[Measurement]) -> list[Measurement]:
    """Means over the peripheral sources, as the standard reports them: radial, tangential and axial; none of a single source."""
    away = {m.where["source"] for m in measured if m.where["axis"] == "radial"}
    if len(away) < 2:
        return []
    groups: dict[tuple[Any, ...], list[Measurement]] = {}
    for m in measured:
        if m.where["source"] in away and m.where["axis"] in ("radial", "tangential", "axial"):
            groups.setdefault((m.quantity.name, m.where["axis"], m.where["method"]), []).append(m)
    return [
        group[0].quantity.of(
            *_mean([(m.value, m.uncertainty or 0.0) for m in group]), position=PERIPHERAL, axis=axis, method=method
        )
        for (_, axis, method), group in groups.items()
        if len(group) == len(away)
    ]


def _methods(measured: list[Measurement], quantity: Quantity) -> list[str]:
    found = [m.where["method"] for m in measured if m.quantity is quantity]
    return [method for method in ("gaussian", "nema") if found.count(method) == 2]


def _mean_of_axes(measured: list[Measurement], quantity: Quantity, method: str, number: int) -> Measurement:
    pair = [(m.value, m.uncertainty or 0.0) for m in measured if m.quantity is quantity and m.where["method"] == method]
    return quantity.of(*_mean(pair), source=number, axis="transaxial", method=method)


def _mean(widths: list[tuple[float, float]]) -> tuple[float, float]:
    value = float(np.mean([width for width, _ in widths]))
    return value, math.sqrt(sum(u * u for _, u in widths)) / len(widths)


def _pair(fwhm_mm: float, uncertainty_mm: float, where: dict[str, Any], method: str) -> list[Measurement]:
    return [
        FWHM.of(fwhm_mm, uncertainty_mm, **where, method=method),
        FWTM.of(TENTH * fwhm_mm, TENTH * uncertainty_mm, **where, method=method),
    ]


def _both(fit: GaussianFit, at_mm: Floats, values: Floats, where: dict[str, Any]) -> list[Measurement]:
    measured = _pair(fit.fwhm_mm, fit.fwhm_uncertainty_mm, where, "gaussian")
    for quantity, fraction in ((FWHM, 0.5), (FWTM, 0.1)):
        width = by_the_rule(at_mm, values, fraction)
        if width is not None:
            measured.append(quantity.of(*width, **where, method="nema"))
    return measured


def _plane_profiles(plane: Floats, x_mm: Floats, y_mm: Floats, number: int) -> Iterable[Profile]:
    for axis, at_mm, values in (("x", x_mm, plane.sum(axis=0)), ("y", y_mm, plane.sum(axis=1))):
        fit = scaled_fit(at_mm, values)
        if fit is not None:
            yield _profile(number, axis, at_mm, values, fit)


def _profile(number: int, axis: str, at_mm: Floats, values: Floats, fit: GaussianFit) -> Profile:
    return Profile(source=number, axis=axis, at_mm=at_mm - fit.centre_mm, values=values, fitted=fit.expected(at_mm))


def _conditions(
    evidence: Evidence, volume: Volume, sources: tuple[Source, ...], measurements: list[Measurement]
) -> Iterable[Condition]:
    voxel = " × ".join(f"{mm:.2f}" for mm in volume.spacing_mm) + " mm"
    yield Condition(label=Words("voxel (slice, row, column)", "体素（层、行、列）"), value=Words(voxel, voxel))
    points = sum(source.kind == "point" for source in sources)
    yield Condition(
        label=Words("sources", "源"),
        value=Words(f"{points} points, {len(sources) - points} lines", f"点源 {points} 个，线源 {len(sources) - points} 个"),
    )
    narrowest = min(m.value for m in measurements if m.quantity is FWHM and m.where["method"] == "gaussian")
    share = max(volume.spacing_mm[1:]) / narrowest
    bias = sampling_bias(share)
    yield Condition(
        label=Words("sampling", "采样"),
        value=Words(
            f"pixel {share:.2f} of the width; at that sampling the rule of half heights reads {bias:+.1f} %",
            f"像素为半高宽的 {share:.2f} 倍；在此采样下按半高法读数偏差约 {bias:+.1f} %",
        ),
    )
    for key, label in (("reconstruction", Words("reconstruction", "重建")), ("filter_type", Words("filter", "滤波"))):
        if value := evidence.header.get(key):
            yield Condition(label=label, value=Words(str(value), str(value)))
