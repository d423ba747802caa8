"""Whole-body scanning: resolution from line sources, and whether the speed is steady (NEMA NU 1-2007, 5.1; IAEA HHS-6, 3.3).

Two capillaries on the bed, one along the travel and one across it, give the widths across the travel (axis x) and along it
(axis y), each with its direction; the standard averages the detectors above and below, given as the measurements without a
detector. A source fixed to the detector during the scan gives every row the same profile; counts fall where the bed is fast.
The non-uniformity of the scan speed is 100 (max - min) / (max + min) of 10 mm steps along the travel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, PlanarImages
from photopeak.figure import Axis, Chart, Figure, Line, Picture
from photopeak.gamma_camera.line_images import (
    LineFrame,
    few_counts,
    label_of,
    measured_frames,
    pixel_of,
    planar,
    refuse_saturated,
    said,
)
from photopeak.gamma_camera.line_widths import FWHM, FWTM, line_widths
from photopeak.gamma_camera.noisy_statistic import Noisy, noise_of_range
from photopeak.gamma_camera.recognition import WORDS, pixel_or_typical, share_in_sources, sight_of, sight_of_frame
from photopeak.gamma_camera.scan_strip import Strip, strip_in
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import nuclide_named
from photopeak.procedure import Refused, Remark, Result, procedure, remark
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

NONUNIFORMITY = Quantity(
    name="scan_speed_nonuniformity", unit="%", en="non-uniformity of the scan speed", zh="扫描速度不均匀性"
)
STEP_MM, ENDS_MM = 10.0, 20.0
DIRECTIONS = {"x": "perpendicular", "y": "parallel"}
CM_PER_MIN = 6.0  # in one mm/s
LEAST_IN_LINES = 0.6  # of the counts: a patient's spine may look like a line, but the patient is round it
NOISE_LIMITED = 0.5  # of the value: noise that makes up more of it is told


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeBody(Result):
    """The first image, and curves: (title, label of x, x in mm, counts, fitted curve or None)."""

    image: npt.NDArray[Any]
    pixel_mm: tuple[float, float]
    curves: tuple[tuple[Words, Words, Floats, Floats, Floats | None], ...]

    def figures(self) -> tuple[Figure, ...]:
        columns = self.image.shape[1]
        picture = Picture(
            title=Words("Whole-body scan", "全身扫描"),
            values=self.image,
            pixel_mm=self.pixel_mm,
            left_mm=-columns * self.pixel_mm[1] / 2,
            top_mm=0.0,
            window=(0.0, float(np.quantile(self.image, 0.999)) or 1.0),
            unit=Words("counts", "计数"),
            palette="inverse",
            group="whole body",
        )
        charts = []
        for title, label, at, counts, fitted in self.curves:
            across = Axis(label=label, unit="mm")
            marks: tuple[Line, ...]
            if fitted is None:  # the speed: its variation is what there is to see
                height = Axis(label=Words("counts, share of their mean", "计数（占均值）"), unit="%")
                marks = (Line(x=at, y=100 * counts / counts.mean()),)
            else:
                height = Axis(label=Words("counts", "计数"), low=0.0)
                marks = (
                    Line(x=at, y=counts, label=Words("counts", "计数")),
                    Line(x=at, y=fitted, label=Words("fit", "拟合")),
                )
            charts.append(Chart(title=title, x=across, y=height, marks=marks, group="profiles"))
        return (picture, *charts)


def accepts(evidence: Evidence) -> Words | None:
    images = evidence.images
    if not isinstance(images, PlanarImages):
        return Words("not planar images", "不是平面图像")
    sight = sight_of(images)
    if sight != "whole_body":
        return Words(
            f"the image shows {WORDS[sight].en}; this needs a whole-body scan",
            f"图像显示为{WORDS[sight].zh}，本检测需要全身扫描",
        )
    if any(_pattern(image, pixel_or_typical(images)) for image in images.counts):
        return None
    return Words(
        "the whole-body scan shows neither line sources nor a source fixed to the detector; a patient's scan is no test",
        "全身扫描中既无线源，也无固定于探头的源；患者扫描不能用于检测",
    )


def _pattern(image: npt.NDArray[Any], pixel_mm: tuple[float, float]) -> str | None:
    """lines, strip or None."""
    if sight_of_frame(image, pixel_mm) == "lines":
        return "lines" if share_in_sources(image, pixel_mm) > LEAST_IN_LINES else None
    return "strip" if strip_in(image, pixel_mm[0]) is not None else None


@procedure(
    en="Whole-body resolution and scan speed",
    zh="全身成像分辨力与扫描速度",
    implements="NEMA NU 1-2007, 5.1; IAEA HHS-6, 3.3",
    kinds=("nm_planar",),
    quantities=(FWHM, FWTM, NONUNIFORMITY),
    accepts=accepts,
)
def whole_body(
    evidence: Evidence,
    *,
    scan_speed_cm_per_min: Annotated[float | None, Words("scan speed, cm/min", "扫描速度，cm/min")] = None,
) -> WholeBody:
    """Widths along and across the travel from line sources, or the non-uniformity of the speed from a fixed source."""
    images = planar(evidence)
    if sight_of(images) != "whole_body":
        raise Refused(
            "not_whole_body",
            en=f"{evidence.name}: the images are no whole-body scan ({images.image_type}); choose the scan made with the bed moving",
            zh=f"{evidence.name}：图像不是全身扫描（{images.image_type}），请选择移床扫描的采集。",
        )
    speed, remarks = _speed(evidence, scan_speed_cm_per_min)
    patterns = [_pattern(image, pixel_or_typical(images)) for image in images.counts]
    if "lines" in patterns:
        return _of_lines(evidence, speed, remarks)
    if "strip" in patterns:
        return _of_strips(evidence, images, speed, remarks)
    raise Refused(
        "no_test_pattern",
        en=f"{evidence.name}: the scan shows neither whole line sources nor a source fixed to the detector, so it is no test of the "
        "camera; if it is a patient's scan it does not belong here",
        zh=f"{evidence.name}：扫描中既无完整线源，也无固定于探头的源，不能用于检测；若为患者扫描，请勿作为检测材料。",
    )


def _speed(evidence: Evidence, given: float | None) -> tuple[dict[str, float], list[Remark]]:
    """{"speed": cm/min}: the option, the fact, or the header's velocity (mm/s)."""
    value = given if given is not None else evidence.facts.get("scan_speed_cm_per_min")
    velocity = evidence.header.get("scan_velocity_mm_s")
    if value is None and isinstance(velocity, (int, float)) and velocity > 0:
        value = velocity * CM_PER_MIN
    if isinstance(value, (int, float)) and value > 0:
        return {"speed": round(float(value), 1)}, []
    return {}, [
        remark(
            "speed_unknown",
            en="neither header nor facts give the scan speed (scan_speed_cm_per_min); the result cannot be compared between speeds",
            zh="头信息和补充信息均未给出扫描速度（scan_speed_cm_per_min），无法比较不同速度下的结果。",
        )
    ]


# Line sources ----------------------------------------------------------------------------------------------------------------


def _of_lines(evidence: Evidence, speed: dict[str, float], remarks: list[Remark]) -> WholeBody:
    pixel = pixel_of(evidence, None)
    frames, lost = measured_frames(evidence, ("whole_body", "lines"), pixel)
    frames = tuple(one for one in frames if one.lines)
    measurements: list[Measurement] = []
    curves: list[tuple[Words, Words, Floats, Floats, Floats | None]] = []
    for one in frames:
        for axis in ("x", "y"):
            lines = one.of_axis(axis)
            if lines:
                where: dict[str, Any] = {**one.place, "axis": axis, "direction": DIRECTIONS[axis], **speed}
                every = [np.ones(len(line.along_mm), dtype=bool) for line in lines]
                measurements += line_widths(lines, every, where, None)
                curves.append(_profile(one, axis))
    return WholeBody(
        measurements=(*measurements, *_over_detectors(measurements)),
        remarks=(*remarks, *lost, *few_counts(frames), *_one_direction(measurements)),
        conditions=said(evidence),
        image=np.asarray(frames[0].image),
        pixel_mm=pixel,
        curves=tuple(curves),
    )


def _profile(one: LineFrame, axis: str) -> tuple[Words, Words, Floats, Floats, Floats | None]:
    example = one.of_axis(axis)[0].example
    label = label_of(one.place)
    title = Words(f"Profile in {axis}, {label.en}", f"{axis} 方向剖面，{label.zh}")
    return title, Words("across", "横向位置"), example.positions_mm, example.counts, example.fitted


def _over_detectors(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Means over the detectors, as the standard reports them; without a detector in their place."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for one in measurements:
        place = {key: value for key, value in one.where.items() if key != "detector"}
        groups.setdefault((one.quantity.name, repr(place)), []).append(one)
    found = []
    for mine in groups.values():
        if len(mine) > 1:
            u = [one.uncertainty or 0.0 for one in mine]
            # the shift that noise gives to the rule's width is the same on every detector, and no mean takes it away
            total = float(np.mean(u)) if mine[0].where["method"] == "nema" else math.hypot(*u) / len(u)
            where: dict[str, Any] = {key: value for key, value in mine[0].where.items() if key != "detector"}
            found.append(mine[0].quantity.of(float(np.mean([one.value for one in mine])), total, **where))
    return found


def _one_direction(measurements: Sequence[Measurement]) -> tuple[Remark, ...]:
    axes = {str(one.where["axis"]) for one in measurements}
    if len(axes) > 1:
        return ()
    missing = "across the travel" if axes == {"x"} else "along the travel"
    missing_zh = "与扫描方向垂直" if axes == {"x"} else "与扫描方向平行"
    return (
        remark(
            "one_direction_only",
            en=f"one direction only; the standard also asks for a line source {missing}",
            zh=f"仅测得一个方向；标准还要求{missing_zh}放置的线源。",
        ),
    )


# A source fixed to the detector ----------------------------------------------------------------------------------------------


def _of_strips(evidence: Evidence, images: PlanarImages, speed: dict[str, float], remarks: list[Remark]) -> WholeBody:
    pixel = pixel_of(evidence, None)
    several = len({frame.energy_window for frame in images.frames}) > 1
    measurements: list[Measurement] = []
    curves: list[tuple[Words, Words, Floats, Floats, Floats | None]] = []
    for frame, image in zip(images.frames, images.counts):
        refuse_saturated(image)
        strip = strip_in(image, pixel[0])
        place: dict[str, Any] = {"detector": frame.detector}
        if several:
            place["energy_window"] = frame.energy_window
        where: dict[str, Any] = {**place, **speed}
        if strip is None:
            remarks.append(_without_strip(frame.detector))
            continue
        at, counts = steps_of(strip, pixel[0])
        value, noise = nonuniformity(counts)
        measurements.append(NONUNIFORMITY.of(value, noise.uncertainty, **where))
        if noise.bias > NOISE_LIMITED * value:
            remarks.append(_noise_limited(value, noise.bias))
        label = label_of(place)
        title = Words(f"Counts along the travel, {label.en}", f"沿扫描方向的计数，{label.zh}")
        curves.append((title, Words("along the travel", "扫描方向位置"), at, counts, None))
    remarks += _decay(evidence, images, speed, pixel[0])
    return WholeBody(
        measurements=tuple(measurements),
        remarks=tuple(remarks),
        conditions=said(evidence),
        image=np.asarray(images.counts[0]),
        pixel_mm=pixel,
        curves=tuple(curves),
    )


def steps_of(strip: Strip, row_mm: float) -> tuple[Floats, Floats]:
    """(middle in mm from the first row of the image, counts) of steps of 10 mm, without 20 mm at each end."""
    rows = max(1, round(STEP_MM / row_mm))
    ends = max(1, math.ceil(ENDS_MM / row_mm))
    inner = strip.counts[ends : len(strip.counts) - ends]
    number = len(inner) // rows
    counts = inner[: number * rows].reshape(number, rows).sum(axis=1)
    at = (strip.first + ends + rows * (np.arange(number) + 0.5)) * row_mm
    return np.asarray(at, dtype=np.float64), np.asarray(counts)


def nonuniformity(counts: Floats) -> tuple[float, Noisy]:
    """100 (max - min) / (max + min) of the steps, and what counting noise does to it."""
    mean = float(counts.mean())
    value = 100 * float(counts.max() - counts.min()) / float(counts.max() + counts.min())
    return value, noise_of_range(counts / mean - 1, np.sqrt(np.maximum(counts, 1.0)) / mean)


def _without_strip(detector: int) -> Remark:
    return remark(
        "detector_not_measured",
        en=f"detector {detector} was not measured: its rows differ in more than their counts, so no fixed source is seen",
        zh=f"探头 {detector} 未测量：各行剖面形状不同，未见固定于探头的源。",
    )


def _noise_limited(value: float, bias: float) -> Remark:
    return remark(
        "noise_limited",
        en=f"counting noise alone makes up about {min(bias, value):.2f} of the {value:.2f} %; use a stronger source or a slower scan",
        zh=f"{value:.2f} % 中约 {min(bias, value):.2f} 个百分点仅由计数噪声造成；请使用更强的源或更慢的扫描。",
    )


def _decay(evidence: Evidence, images: PlanarImages, speed: dict[str, float], row_mm: float) -> list[Remark]:
    """What the source lost by decay during the scan looks like a slowly changing speed; it is told, not corrected."""
    nuclide = nuclide_named(evidence.facts.get("nuclide") or evidence.header.get("nuclide"))
    if nuclide is None or "speed" not in speed:
        return []
    minutes = images.counts.shape[1] * row_mm / 10 / speed["speed"]
    lost = 100 * (1 - nuclide.share_left(60 * minutes))
    if lost < 0.5:
        return []
    return [
        remark(
            "decay_during_scan",
            en=f"{nuclide.name} loses {lost:.1f} % during the {minutes:.0f} min of the scan, which alone adds {lost / 2:.1f} % to the "
            "non-uniformity; it is not corrected, for the header does not say from which end the bed moved",
            zh=f"扫描 {minutes:.0f} 分钟内 {nuclide.name} 衰变 {lost:.1f} %，仅此即使不均匀性增加 {lost / 2:.1f} 个百分点；"
            "头信息未说明移床方向，故未作校正。",
        )
    ]
