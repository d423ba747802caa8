"""Uniformity of a planar flood: NEMA NU 1-2007 clause 2.4 (intrinsic flood field uniformity), any detector and energy window.

The counts are binned by a whole factor to the pixel nearest to 6.4 mm within 30 % (4.48 to 8.32 mm), a block edge at the centre
of the field. Outer pixels of the useful field (UFOV) below 75 % of the mean of the central field (CFOV, linear dimensions
x 0.75) are left out, and then their four neighbours, once; the rest is filtered once by 1 2 1 / 2 4 2 / 1 2 1 over the UFOV
with renormalised weights, and only then is the CFOV cut. Integral uniformity is 100 (max - min) / (max + min) of the filtered
pixels, differential uniformity the greatest of the same over five contiguous pixels of a row or a column.

Departures and choices, each told in the result:

- An area without counts inside the field keeps its zeros and reads 100 % (`dead_area`). To the letter, the standard analyses
  only what is not zero, so that a dead photomultiplier would be invisible.
- The pixels of the UFOV are those with at least half their area inside. Where the imaged field ends within an outer pixel
  (cameras that mask the image at the UFOV), its few counts say nothing of the camera: it is left out (`partial_edge_pixels`).
- Where no whole factor gives 4.48 to 8.32 mm (pixels of 4.16 to 4.48 mm, and those above 8.32 mm), the image's own pixel is
  analysed and told (`pixel_outside_range`).

Why the pixel size and the phase of the blocks change the number: integral uniformity is an extreme of thousands of filtered
pixels. A larger pixel holds more counts, hence less noise, and dilutes a defect; another phase shares out the same counts
differently. On a real flood of 16 million counts the nine phases of 3 x 3 blocks (6.2 mm) give 2.9 to 3.3 % in the CFOV, the
sixteen of 4 x 4 blocks (8.3 mm, as programs that only halve the matrix use) 2.2 to 2.5 %. So the pixel analysed stands beside
every result, and `bin_factor` repeats what another program did.

Uncertainties (k = 1) are those of counting, see `uniformity_noise`: the measurand of integral and differential uniformity is
their mean over repetitions at this level of counts, noise included.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, Frame, PlanarImages
from photopeak.figure import Figure
from photopeak.gamma_camera.field_of_view import see, stated_field
from photopeak.gamma_camera.flood_analysis import FEWEST_COUNTS, DetectorFlood, Estimate, Plan, analyse
from photopeak.gamma_camera.flood_figures import flood_figures
from photopeak.gamma_camera.flood_recognition import (
    barred,
    not_filled,
    not_finite,
    not_steady,
    not_still,
    shows_bars,
    shows_plates,
    shows_sources,
)
from photopeak.gamma_camera.flood_remarks import CENTRE_COUNTS, conditions_of, name_of, remarks_on
from photopeak.gamma_camera.uniformity_map import TARGET_MM
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Refused, Remark, Result, procedure, remark
from photopeak.words import Words

INTEGRAL = Quantity(name="integral_uniformity", unit="%", en="integral uniformity", zh="积分均匀性")
DIFFERENTIAL = Quantity(name="differential_uniformity", unit="%", en="differential uniformity", zh="微分均匀性")
BY_AXIS = Quantity(
    name="differential_uniformity_by_axis", unit="%", en="differential uniformity by axis", zh="各方向微分均匀性", judged=False
)
INTEGRAL_FLOOR = Quantity(
    name="integral_uniformity_noise_floor",
    unit="%",
    en="integral uniformity, noise floor",
    zh="积分均匀性噪声下限",
    judged=False,
)
DIFFERENTIAL_FLOOR = Quantity(
    name="differential_uniformity_noise_floor",
    unit="%",
    en="differential uniformity, noise floor",
    zh="微分均匀性噪声下限",
    judged=False,
)
INTEGRAL_CORRECTED = Quantity(
    name="integral_uniformity_noise_corrected",
    unit="%",
    en="integral uniformity, noise-corrected",
    zh="积分均匀性（扣除噪声）",
    judged=False,
)
DIFFERENTIAL_CORRECTED = Quantity(
    name="differential_uniformity_noise_corrected",
    unit="%",
    en="differential uniformity, noise-corrected",
    zh="微分均匀性（扣除噪声）",
    judged=False,
)
PIXEL = Quantity(name="pixel_size_analysed", unit="mm", en="pixel size analysed", zh="分析像素大小", judged=False)
CENTRE = Quantity(name="centre_pixel_counts", unit="{counts}", en="counts in the centre pixel", zh="中心像素计数", judged=False)
DEFECT = Quantity(
    name="defect_contrast", unit="%", en="depth of a photomultiplier-scale defect", zh="光电倍增管尺度缺陷深度", judged=False
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodUniformity(Result):
    """`detectors`: what was found on each detector and energy window that could be measured, maps and places included."""

    detectors: tuple[DetectorFlood, ...]

    def figures(self) -> tuple[Figure, ...]:
        return flood_figures(self.detectors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The frames of one detector and energy window, summed when they are asked for."""

    detector: int
    energy_window: int
    images: PlanarImages
    numbers: tuple[int, ...]

    @property
    def image(self) -> npt.NDArray[Any]:
        if len(self.numbers) == 1:
            return np.asarray(self.images.counts[self.numbers[0]])
        picked = self.images.counts if len(self.numbers) == len(self.images.frames) else self.images.counts[list(self.numbers)]
        return np.asarray(picked.sum(axis=0, dtype=np.float64))

    @property
    def frames(self) -> tuple[Frame, ...]:
        return tuple(self.images.frames[number] for number in self.numbers)

    @property
    def unsteady(self) -> Words | None:
        if len(self.numbers) < 2:
            return None
        return not_steady([float(self.images.counts[number].sum(dtype=np.float64)) for number in self.numbers], self.frames)


def _groups(images: PlanarImages) -> Iterator[Group]:
    keys = sorted({(frame.detector, frame.energy_window) for frame in images.frames})
    for detector, window in keys:
        numbers = tuple(
            number for number, frame in enumerate(images.frames) if (frame.detector, frame.energy_window) == (detector, window)
        )
        yield Group(detector=detector, energy_window=window, images=images, numbers=numbers)


def accepts(evidence: Evidence) -> Words | None:
    """None when at least one detector shows a flood, else the reason of the first."""
    images = evidence.images
    if not isinstance(images, PlanarImages) or not len(images.frames):
        return Words("it holds no planar frames", "其中没有平面图像帧")
    reason = not_still(images)
    if reason is not None or images.pixel_mm is None or not _usable(images.pixel_mm):
        return reason or Words("no usable pixel size", "缺少可用的像素大小")
    reasons = [_against(evidence, group, images.pixel_mm) for group in _groups(images)]
    return None if None in reasons else reasons[0]


def _against(evidence: Evidence, group: Group, pixel_mm: tuple[float, float]) -> Words | None:
    image = group.image
    reason = not_finite(image) or group.unsteady
    if reason is not None:
        return reason
    seen = see(image, pixel_mm)
    try:
        stated = stated_field(evidence, group.detector)
    except Refused:  # unusable facts are told by the procedure itself
        stated = None
    reason = not_filled(seen, stated, (image.shape[0] * pixel_mm[0], image.shape[1] * pixel_mm[1]))
    if reason is not None or seen is None:
        return reason
    mean = float(seen.overview[seen.mask].mean()) / (seen.pixel_mm[0] * seen.pixel_mm[1])
    if mean * TARGET_MM**2 < FEWEST_COUNTS:
        return Words(
            f"{mean * TARGET_MM**2:.2g} counts per 6.4 mm pixel are too few for a flood",
            f"每个 6.4 mm 像素仅 {mean * TARGET_MM**2:.2g} 个计数，不足以作为泛源",
        )
    share, modulation = barred(image, pixel_mm, seen)
    return shows_bars(share, modulation) or shows_plates(seen, share) or shows_sources(seen)


@procedure(
    en="Flood uniformity",
    zh="泛源均匀性",
    implements="NEMA NU 1-2007 2.4",
    kinds=("nm_planar",),
    quantities=(
        INTEGRAL,
        DIFFERENTIAL,
        BY_AXIS,
        INTEGRAL_FLOOR,
        DIFFERENTIAL_FLOOR,
        INTEGRAL_CORRECTED,
        DIFFERENTIAL_CORRECTED,
        PIXEL,
        CENTRE,
        DEFECT,
    ),
    accepts=accepts,
)
def flood_uniformity(
    evidence: Evidence,
    *,
    bin_factor: Annotated[
        int | None, Words("pixels per analysed pixel (default: nearest to 6.4 mm)", "合并像素数（默认最接近 6.4 mm）")
    ] = None,
    dome_correction: Annotated[bool, Words("remove the dome of a near point source", "扣除近距点源的穹形分布")] = False,
    field_shape: Annotated[
        Literal["auto", "rectangle", "round", "hexagonal"], Words("shape of the field of view", "视野形状")
    ] = "auto",
) -> FloodUniformity:
    """Integral and differential uniformity of every detector and energy window, in the UFOV and the CFOV.

    A detector that cannot be measured is told by the remark `detector_not_measured`; Refused only where none can.
    """
    images = evidence.images
    if not isinstance(images, PlanarImages) or not len(images.frames):
        raise Refused(
            "wrong_evidence",
            en=f"{evidence.name} holds no planar gamma-camera frames; give the flood acquisition",
            zh=f"{evidence.name} 中没有伽玛照相机平面图像帧。请提供泛源采集图像。",
        )
    plan = _plan(evidence, images, bin_factor, dome_correction)
    shape = None if field_shape == "auto" else field_shape.upper()
    found: list[DetectorFlood] = []
    missed: list[tuple[Group, Refused]] = []
    groups = tuple(_groups(images))
    for group in groups:
        try:
            stated = stated_field(evidence, group.detector, shape)
            found.append(analyse(group.image, stated, plan, group.detector, group.energy_window))
        except Refused as refused:
            missed.append((group, refused))
    if not found:
        raise _none_measured(evidence, missed)
    several = len({flood.energy_window for flood in found}) > 1
    return FloodUniformity(
        measurements=tuple(one for flood in found for one in _measurements(flood)),
        remarks=(
            *_missed(missed),
            *_of_frames(groups),
            *(one for flood in found for one in remarks_on(flood, several)),
        ),
        conditions=tuple(one for flood in found for one in conditions_of(flood, several)),
        detectors=tuple(found),
    )


def _usable(pixel_mm: tuple[float, float]) -> bool:
    return all(0.05 <= length <= 50 for length in pixel_mm)


def _plan(evidence: Evidence, images: PlanarImages, bin_factor: int | None, dome_correction: bool) -> Plan:
    reason = not_still(images)
    if reason is not None:
        raise Refused("not_a_flood", en=f"{evidence.name}: {reason.en}", zh=f"{evidence.name}：{reason.zh}。")
    if images.pixel_mm is None or not _usable(images.pixel_mm):
        raise Refused(
            "no_pixel_size",
            en=f"{evidence.name} states no usable pixel size ({images.pixel_mm}), which is needed to make 6.4 mm pixels; "
            "export the image with PixelSpacing",
            zh=f"{evidence.name} 未给出可用的像素大小（{images.pixel_mm}），无法合并为 6.4 mm 像素。"
            "请导出含 PixelSpacing 的图像。",
        )
    if bin_factor is not None and not 1 <= bin_factor <= 64:
        raise Refused(
            "option_unusable",
            en=f"--bin-factor is {bin_factor}; it is a whole number from 1 to 64",
            zh=f"--bin-factor 为 {bin_factor}，应为 1 至 64 的整数。",
        )
    return Plan(pixel_mm=images.pixel_mm, bin_factor=bin_factor, dome_correction=dome_correction)


def _none_measured(evidence: Evidence, missed: list[tuple[Group, Refused]]) -> Refused:
    if len(missed) == 1:
        code, words = missed[0][1].code, missed[0][1].words
        return Refused(code, en=f"{evidence.name}: {words.en}", zh=f"{evidence.name}：{words.zh}")
    en = "; ".join(f"detector {group.detector}: {refused.words.en}" for group, refused in missed)
    zh = "；".join(f"探头 {group.detector}：{refused.words.zh.rstrip('。')}" for group, refused in missed)
    return Refused(
        "not_a_flood",
        en=f"{evidence.name}: no detector could be measured ({en})",
        zh=f"{evidence.name}：没有可测量的探头（{zh}）。",
    )


def _measurements(flood: DetectorFlood) -> Iterator[Measurement]:
    place: dict[str, Any] = {"detector": flood.detector, "energy_window": flood.energy_window}
    few = flood.centre_counts < CENTRE_COUNTS
    for field in flood.fields:
        where = {**place, "fov": field.name}
        for quantity, corrected, value, less in (
            (INTEGRAL, INTEGRAL_CORRECTED, field.integral, field.integral_corrected),
            (DIFFERENTIAL, DIFFERENTIAL_CORRECTED, field.differential, field.differential_corrected),
        ):
            companion = _of(corrected, less, where)
            yield quantity.of(value.value, value.uncertainty, noise_corrected=companion if few else None, **where)
    for field in flood.fields:
        where = {**place, "fov": field.name}
        yield from (_of(BY_AXIS, value, {**where, "axis": axis}) for axis, value in sorted(field.by_axis.items()))
        yield _of(INTEGRAL_FLOOR, field.integral_floor, where)
        yield _of(DIFFERENTIAL_FLOOR, field.differential_floor, where)
        yield _of(INTEGRAL_CORRECTED, field.integral_corrected, where)
        yield _of(DIFFERENTIAL_CORRECTED, field.differential_corrected, where)
    rows, columns = flood.grid.bin_mm
    yield PIXEL.of((rows + columns) / 2, **place)
    yield CENTRE.of(flood.centre_counts, (flood.centre_counts / 4) ** 0.5, **place)
    for number, defect in enumerate(flood.defects, 1):
        yield DEFECT.of(
            defect.depth_percent,
            defect.uncertainty,
            **place,
            defect=number,
            x_mm=round(defect.x_mm),
            y_mm=round(defect.y_mm),
            diameter_mm=round(defect.diameter_mm),
        )


def _of(quantity: Quantity, estimate: Estimate, where: dict[str, Any]) -> Measurement:
    return quantity.of(estimate.value, estimate.uncertainty, **where)


def _missed(missed: list[tuple[Group, Refused]]) -> Iterator[Remark]:
    several = len({group.energy_window for group, _ in missed}) > 1
    for group, refused in missed:
        name = name_of(group.detector, group.energy_window, several)
        yield remark(
            "detector_not_measured",
            en=f"{name.en} was not measured: {refused.words.en}. The others are not affected",
            zh=f"{name.zh}未测量：{refused.words.zh.rstrip('。')}。其他探头不受影响。",
        )


def _of_frames(groups: tuple[Group, ...]) -> Iterator[Remark]:
    most = max(len(group.numbers) for group in groups)
    if most > 1:
        yield remark("frames_summed", en=f"{most} frames of each detector were summed", zh=f"每个探头的 {most} 帧已相加。")
    unsteady = next((reason for group in groups if (reason := group.unsteady) is not None), None)
    if unsteady is not None:
        yield remark("rate_not_steady", en=unsteady.en, zh=unsteady.zh + "。")
