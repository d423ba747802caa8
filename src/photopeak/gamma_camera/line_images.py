"""Every line of an acquisition, frame by frame: shared by the tests made with line sources and with slits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, Frame, PlanarImages
from photopeak.gamma_camera.line_strips import FWHM_OF_OUTLINE, LONGEST_STRIP_MM, LineLost, MeasuredLine, measure_line
from photopeak.gamma_camera.recognition import WORDS, Sight, Source, saturated, sight_of, sight_of_frame, sources_in
from photopeak.procedure import Condition, Refused, Remark, remark
from photopeak.words import Words

FEWEST_PEAK_COUNTS = 1000  # NEMA NU 1-2007: in the peak of each strip
SHORTEST_STRIP_MM = 5.0
SLIT_ENDS_MM = 0.0  # none left out at the ends where only places matter: the blur of an end moves none across


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFrame:
    """One frame and the lines measured in it; `place` is its part of `where`."""

    frame: Frame
    place: dict[str, Any]
    image: npt.NDArray[Any]
    lines: tuple[MeasuredLine, ...]

    def of_axis(self, axis: str) -> tuple[MeasuredLine, ...]:
        """The lines that show `axis`, in the order in which they lie across."""
        found = [line for line in self.lines if line.axis == axis]
        middle = float(np.mean([np.mean(line.along_mm) for line in found])) if found else 0.0
        return tuple(sorted(found, key=lambda line: line.at(middle)))


def planar(evidence: Evidence) -> PlanarImages:
    """The images of the evidence, or a refusal."""
    if isinstance(evidence.images, PlanarImages):
        return evidence.images
    raise Refused(
        "not_planar",
        en=f"{evidence.name} holds no planar images; give the planar acquisition",
        zh=f"{evidence.name} 不含平面图像，请提供平面采集数据。",
    )


def pixel_of(evidence: Evidence, spacing_mm: float | None) -> tuple[float, float]:
    """Pixel size in mm, (rows, columns); 1 where only a known spacing can give it."""
    images = planar(evidence)
    if images.pixel_mm is not None:
        return images.pixel_mm
    if spacing_mm is not None:
        return 1.0, 1.0
    raise Refused(
        "no_pixel_size",
        en=f"{evidence.name}: the header has no pixel size; give the distance of the lines (line_separation_mm or "
        "slit_spacing_mm) among the facts, and it will be measured",
        zh=f"{evidence.name}：头信息中没有像素大小。请在补充信息中给出线源间距（line_separation_mm）"
        "或狭缝间距（slit_spacing_mm），即可测得像素大小。",
    )


def measured_frames(
    evidence: Evidence, wanted: Sequence[Sight], pixel_mm: tuple[float, float], *, strip_counts: int | None = None
) -> tuple[tuple[LineFrame, ...], tuple[Remark, ...]]:
    """The frames with their lines, and remarks on frames that could not be measured. Refused where none could.

    Strips are 30 mm long, or, where `strip_counts` is given, as short as still have that many counts in the peak (5 mm at least) and
    nearer to the ends.
    """
    images = planar(evidence)
    whole = sight_of(images)
    if whole in ("tomo", "dynamic", "whole_body") and whole not in wanted:
        raise _not_this(evidence.name, whole, wanted)
    several = len({frame.energy_window for frame in images.frames}) > 1
    found, lost = [], []
    for frame, image in zip(images.frames, images.counts):
        place = {"detector": frame.detector} | ({"energy_window": frame.energy_window} if several else {})
        try:
            lines = _lines(image, wanted, pixel_mm, strip_counts)
            found.append(LineFrame(frame=frame, place=place, image=image, lines=lines))
        except LineLost as error:
            lost.append((frame.detector, error.code, error.words))
        except Refused as refusal:
            lost.append((frame.detector, refusal.code, refusal.words))
    if not found:
        _, code, words = lost[0]
        raise Refused(code, en=f"{evidence.name}: {words.en}", zh=f"{evidence.name}：{words.zh}")
    return tuple(found), tuple(
        remark(
            "detector_not_measured",
            en=f"detector {detector} was not measured: {words.en}",
            zh=f"探头 {detector} 未测量：{words.zh}",
        )
        for detector, _, words in lost
    )


def _lines(
    image: npt.NDArray[Any], wanted: Sequence[Sight], pixel_mm: tuple[float, float], strip_counts: int | None
) -> tuple[MeasuredLine, ...]:
    refuse_saturated(image)
    # Without a pixel size everything is measured in pixels; shapes are then judged as if the matrix were a typical field.
    scale = pixel_mm if pixel_mm != (1.0, 1.0) else (540.0 / max(image.shape),) * 2
    sight = sight_of_frame(image, scale)
    if sight not in wanted:
        raise _not_this("", sight, wanted)
    back = pixel_mm[0] / scale[0]
    sources = [_rescaled(one, back) for one in sources_in(image, scale) if one.shape == "line"]
    for source in sources:
        _refuse_cut(source, image.shape)
    longest, ends = LONGEST_STRIP_MM, None
    if strip_counts is not None:
        longest, ends = _strip_of(image, pixel_mm, sources, strip_counts), SLIT_ENDS_MM
    return tuple(
        measure_line(image, pixel_mm, source, free_mm=_free(source, sources), strip_mm=longest, ends_mm=ends)
        for source in sources
    )


def _strip_of(image: npt.NDArray[Any], pixel_mm: tuple[float, float], sources: Sequence[Source], strip_counts: int) -> float:
    """The length along a typical line in which its peak pixel collects `strip_counts`, between 5 and 30 mm."""
    per_mm = []
    for source in sources:
        first_row, last_row, first_column, last_column = source.box
        counts = float(image[first_row:last_row, first_column:last_column].sum(dtype=np.float64))
        across = pixel_mm[1] if source.shows == "x" else pixel_mm[0]
        # a Gaussian's area is 1.06 times its height times its FWHM
        per_mm.append(counts / source.length_mm * across / (1.06 * FWHM_OF_OUTLINE * source.width_mm))
    return min(LONGEST_STRIP_MM, max(SHORTEST_STRIP_MM, strip_counts / max(float(np.median(per_mm)), 1e-9)))


def _not_this(name: str, sight: Sight, wanted: Sequence[Sight]) -> Refused:
    en, zh = (f"{name}: ", f"{name}：") if name else ("", "")
    return Refused(
        "no_line_source",
        en=f"{en}the image shows {WORDS[sight].en}, where {' or '.join(WORDS[one].en for one in wanted)} are needed; "
        "choose the acquisition of that phantom",
        zh=f"{zh}图像显示为{WORDS[sight].zh}，本检测需要{'或'.join(WORDS[one].zh for one in wanted)}，请选择相应模体的采集。",
    )


def refuse_saturated(image: npt.NDArray[Any]) -> None:
    top = saturated(image)
    if top is not None:
        raise Refused(
            "saturated",
            en=f"several pixels stopped counting at {top}: the peak is cut off; repeat with fewer counts or store 32 bits",
            zh=f"多个像素计数停在 {top}，峰顶被截平。请减少计数重新采集，或以 32 位存储。",
        )


def _rescaled(source: Source, factor: float) -> Source:
    if factor == 1.0:
        return source
    return replace(
        source,
        x_mm=source.x_mm * factor,
        y_mm=source.y_mm * factor,
        length_mm=source.length_mm * factor,
        width_mm=source.width_mm * factor,
    )


def _refuse_cut(source: Source, shape: tuple[int, ...]) -> None:
    """A line whose side, not whose end, lies at the border of the matrix is not whole."""
    first_row, last_row, first_column, last_column = source.box
    along_border = (
        (first_column == 0 or last_column >= shape[1]) if source.shows == "x" else (first_row == 0 or last_row >= shape[0])
    )
    if along_border and abs(math.sin(math.radians(2 * source.angle_deg))) < 0.2:
        raise Refused(
            "clipped",
            en="a line source lies across the border of the image; move it inside and repeat",
            zh="线源位于图像边界上，未完整成像。请将其移入视野内后重新采集。",
        )


def _free(source: Source, sources: Sequence[Source]) -> float:
    """Distance across to the nearest line that runs the same way beside this one."""
    nearest = math.inf
    for other in sources:
        if other is source or other.shows != source.shows:
            continue
        along = abs(other.y_mm - source.y_mm) if source.shows == "x" else abs(other.x_mm - source.x_mm)
        across = abs(other.x_mm - source.x_mm) if source.shows == "x" else abs(other.y_mm - source.y_mm)
        if along < (source.length_mm + other.length_mm) / 2 and across > source.width_mm:
            nearest = min(nearest, across)
    return nearest


def spacing_of(evidence: Evidence, given: float | None, fact: str) -> float | None:
    """The true distance of neighbouring lines: the option, else the fact."""
    value = given if given is not None else evidence.facts.get(fact)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or not 1 <= value <= 1000:
        raise Refused(
            "facts_unusable",
            en=f"{fact} is {value!r}; it is a distance in mm",
            zh=f"{fact} 的值为 {value!r}，应为以 mm 表示的距离。",
        )
    return float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """True mm per mm of the header's pixel, along one axis, with its standard uncertainty."""

    factor: float
    u: float


def scale_of(lines: Sequence[MeasuredLine], spacing_mm: float) -> Scale | None:
    """From parallel lines `spacing_mm` apart (perpendicular to them): a straight line through places against numbers."""
    if len(lines) < 2:
        return None
    middle = float(np.mean([np.mean(line.along_mm) for line in lines]))
    places = np.array([line.at(middle) for line in lines])
    noise = np.array([_u_of_place(line) for line in lines])
    gap = float(np.median(np.diff(places)))
    numbers = np.round((places - places[0]) / gap)
    if len(set(numbers.tolist())) < len(numbers) or gap <= 0:
        return None
    centred = numbers - numbers.mean()
    slope = float((centred * places).sum() / (centred**2).sum())
    u_slope = float(np.sqrt((centred**2 * noise**2).sum()) / (centred**2).sum())
    cos = math.cos(math.atan(float(np.mean([line.slope for line in lines]))))
    factor = spacing_mm / (slope * cos)
    return Scale(factor=factor, u=factor * u_slope / slope)


def _u_of_place(line: MeasuredLine) -> float:
    u = line.centre_u_mm[np.isfinite(line.centre_u_mm)]
    return float(np.sqrt((u**2).sum()) / len(u)) if len(u) else 0.0


def few_counts(frames: Sequence[LineFrame]) -> tuple[Remark, ...]:
    """A remark where the peak of a strip has fewer counts than the standard asks for."""
    lowest = min(float(np.median(line.peak_counts)) for one in frames for line in one.lines)
    if lowest >= FEWEST_PEAK_COUNTS:
        return ()
    return (
        remark(
            "few_counts",
            en=f"{lowest:.0f} counts in the peak of a strip; the standard asks for {FEWEST_PEAK_COUNTS}. The stated uncertainties "
            "carry the noise",
            zh=f"条带剖面峰值计数为 {lowest:.0f}，标准要求不少于 {FEWEST_PEAK_COUNTS}；给出的不确定度已计入噪声。",
        ),
    )


def label_of(place: dict[str, Any]) -> Words:
    """ "detector 1", with the energy window where there are several."""
    window = place.get("energy_window")
    return Words(
        f"detector {place['detector']}" + (f", window {window}" if window else ""),
        f"探头 {place['detector']}" + (f"，能窗 {window}" if window else ""),
    )


def said(evidence: Evidence) -> tuple[Condition, ...]:
    """What facts and headers say of collimator, distance and nuclide."""
    found = []
    collimator = evidence.facts.get("collimator") or ", ".join(evidence.header.get("collimators", ()) or ())
    if collimator:
        found.append(Condition(label=Words("collimator", "准直器"), value=Words(str(collimator), str(collimator))))
    if "distance_mm" in evidence.facts:
        text = f"{evidence.facts['distance_mm']:g} mm"
        found.append(Condition(label=Words("distance", "距离"), value=Words(text, text)))
    return tuple(found)
