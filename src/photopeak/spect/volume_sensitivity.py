"""Volume sensitivity of the whole camera for a uniform cylinder, and the difference between its heads.

NEMA NU 1-2007, clause 4 (system volume sensitivity; detector-detector sensitivity variation): counts of all heads over the
elapsed time, over the concentration at mid-scan; per axial centimetre, over the length of the cylinder. The difference between
heads is taken from the sums over all views: 100 (largest - smallest) / largest. The elapsed time, motion included, is the fact
`elapsed_s`; without it the views of one head are summed, the motion between them stays out, and a remark says so.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from photopeak.evidence import Evidence, PlanarImages
from photopeak.figure import Axis, Chart, Figure, Line, Outline, Picture
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import Nuclide, nuclide_named, seconds_between
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.spect.point_sources import at_storage_limit
from photopeak.spect.rotation import HeadFrames, heads_of
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

VOLUME_SENSITIVITY = Quantity(name="volume_sensitivity", unit="{counts}/s/(MBq/mL)", en="volume sensitivity", zh="体积灵敏度")
PER_CM = Quantity(
    name="volume_sensitivity_per_axial_cm",
    unit="{counts}/s/(MBq/mL)/cm",
    en="volume sensitivity per axial centimetre",
    zh="每厘米轴向长度体积灵敏度",
)
DIFFERENCE = Quantity(
    name="detector_sensitivity_difference", unit="%", en="sensitivity difference between detectors", zh="探头间灵敏度差异"
)

SMALLEST_AREA_MM2 = 12_000.0
LEAST_RECTANGULAR = 0.8  # share of its bounding box that the bright area fills
MOST_UNEVEN = 0.25  # between views, about the mean
FEWEST_VIEWS = 30
MOST_HALF_LIVES = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSensitivity(Result):
    """`sums[head][view]`: counts of every view; `image`: mean of all views; `inside`: the cylinder in it."""

    sums: tuple[Floats, ...]
    image: Floats
    inside: npt.NDArray[np.bool_]
    pixel_mm: tuple[float, float]

    def figures(self) -> tuple[Figure, ...]:
        rows, columns = self.image.shape
        picture = Picture(
            title=Words("Mean of all views", "全部投影的平均"),
            values=self.image,
            pixel_mm=self.pixel_mm,
            left_mm=-columns * self.pixel_mm[1] / 2,
            top_mm=-rows * self.pixel_mm[0] / 2,
            window=(0.0, float(self.image.max())),
            unit=Words("counts", "计数"),
            palette="inverse",
            overlays=(Outline(mask=self.inside),),
        )
        chart = Chart(
            title=Words("Counts of every view", "各投影计数"),
            x=Axis(label=Words("view", "投影序号")),
            y=Axis(label=Words("counts", "计数"), low=0.0),
            marks=tuple(
                Line(x=np.arange(1, len(one) + 1), y=one, label=Words(f"detector {n}", f"探头 {n}"))
                for n, one in enumerate(self.sums, 1)
            ),
        )
        return (picture, chart)


def accepts(evidence: Evidence) -> Words | None:
    images = evidence.images
    if not isinstance(images, PlanarImages) or images.image_type != "TOMO":
        return Words("not the projections of a rotating head", "不是断层采集的投影数据")
    return _not_a_cylinder(images)


def _not_a_cylinder(images: PlanarImages) -> Words | None:
    some = images.counts[:: max(1, len(images.counts) // 24)]
    inside = _inside(some.mean(axis=0, dtype=np.float64))
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return Words("the projections are empty", "投影无计数")
    pixel = images.pixel_mm or (1.0, 1.0)
    area_mm2 = float(inside.sum()) * pixel[0] * pixel[1]
    filled = inside.sum() / ((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1))
    totals = some.sum(axis=(1, 2), dtype=np.float64)
    uneven = float(np.abs(totals / totals.mean() - 1).max()) if totals.mean() > 0 else math.inf
    if area_mm2 < SMALLEST_AREA_MM2 or filled < LEAST_RECTANGULAR or uneven > MOST_UNEVEN:
        return Words(
            f"a bright area of {area_mm2:.0f} mm² that fills {filled:.0%} of its box, views uneven by {uneven:.0%}: no "
            "cylinder",
            f"高计数区面积 {area_mm2:.0f} mm²，占外接矩形 {filled:.0%}，各投影计数相差 {uneven:.0%}：不是均匀圆柱",
        )
    return None


def _inside(image: Floats) -> npt.NDArray[np.bool_]:
    smooth = uniform_filter(image, 3)
    return np.asarray(smooth > 0.4 * np.percentile(smooth, 99), dtype=np.bool_)


@procedure(
    en="Volume sensitivity",
    zh="体积灵敏度",
    implements="NEMA NU 1-2007, clause 4 (system volume sensitivity, detector-detector variation)",
    kinds=("nm_planar",),
    quantities=(VOLUME_SENSITIVITY, PER_CM, DIFFERENCE),
    accepts=accepts,
)
def volume_sensitivity(
    evidence: Evidence,
    *,
    activity_uncertainty_percent: Annotated[
        float, Words("standard uncertainty of the activity, %", "活度的标准不确定度，%")
    ] = 2.5,
) -> VolumeSensitivity:
    """Counts per second over the concentration of a uniform cylinder, and the heads compared."""
    images = _cylinder(evidence)
    heads = heads_of(images)
    sums = [images.counts[head.index].sum(axis=(1, 2), dtype=np.float64) for head in heads]
    measurements = list(_difference(images, heads, sums))
    sensitivity, remarks = _sensitivity(evidence, images, heads, sums, activity_uncertainty_percent / 100)
    measurements += sensitivity
    if not measurements:
        raise Refused(
            "facts_missing",
            en=f"{evidence.name}: one head and no activity_mbq and volume_ml in the facts, so nothing can be measured; "
            "give both",
            zh=f"{evidence.name}：仅有一个探头，且补充信息中无 activity_mbq 与 volume_ml，无法测量；请补充这两项。",
        )
    image = images.counts.mean(axis=0, dtype=np.float64)
    return VolumeSensitivity(
        measurements=tuple(measurements),
        remarks=tuple(remarks),
        conditions=tuple(_conditions(images, heads, sums)),
        sums=tuple(sums),
        image=image,
        inside=_inside(image),
        pixel_mm=images.pixel_mm or (1.0, 1.0),
    )


def _cylinder(evidence: Evidence) -> PlanarImages:
    images, why = evidence.images, accepts(evidence)
    if why is not None or not isinstance(images, PlanarImages):
        why = why or Words("no projections", "没有投影数据")
        raise Refused(
            "not_a_cylinder",
            en=f"{evidence.name}: {why.en}; the test needs a tomographic acquisition of a uniform cylinder",
            zh=f"{evidence.name}：{why.zh}；本检测需要均匀圆柱的断层采集数据。",
        )
    fewest = min(len(head.index) for head in heads_of(images))
    if fewest < FEWEST_VIEWS:
        raise Refused(
            "too_few_views",
            en=f"{evidence.name}: {fewest} views of a head; at least {FEWEST_VIEWS} are needed (steps of 12° or less)",
            zh=f"{evidence.name}：单个探头仅 {fewest} 幅投影；至少需要 {FEWEST_VIEWS} 幅（步长不超过 12°）。",
        )
    if at_storage_limit(images.counts):
        raise Refused(
            "saturated",
            en=f"{evidence.name}: many pixels hold {images.counts.max():g}, the largest that can be stored: counts are missing; "
            "use less activity or a shorter view",
            zh=f"{evidence.name}：大量像素达到可存储的最大值 {images.counts.max():g}，计数有丢失；"
            "请减少活度或缩短每幅采集时间。",
        )
    inside = _inside(images.counts.mean(axis=0, dtype=np.float64))
    if inside[0].any() or inside[-1].any() or inside[:, 0].any() or inside[:, -1].any():
        raise Refused(
            "clipped",
            en=f"{evidence.name}: the cylinder reaches the edge of the matrix, so counts are missing; centre it, or acquire "
            "without zoom",
            zh=f"{evidence.name}：圆柱延伸至矩阵边缘，计数不完整；请居中放置或取消放大后重新采集。",
        )
    return images


def _seconds(images: PlanarImages, head: HeadFrames) -> float | None:
    durations = [images.frames[index].duration_s for index in head.index]
    return None if any(one is None or one <= 0 for one in durations) else float(sum(one or 0.0 for one in durations))


def _difference(images: PlanarImages, heads: list[HeadFrames], sums: list[Floats]) -> Iterable[Measurement]:
    """100 (largest - smallest) / largest of the heads' tomographic rates."""
    if len(heads) < 2:
        return
    seconds = [_seconds(images, head) or float(len(head.index)) for head in heads]
    rates = [float(one.sum()) / s for one, s in zip(sums, seconds)]
    most, least = int(np.argmax(rates)), int(np.argmin(rates))
    ratio = rates[least] / rates[most]
    uncertainty = 100 * ratio * math.sqrt(1 / max(sums[most].sum(), 1) + 1 / max(sums[least].sum(), 1))
    yield DIFFERENCE.of(100 * (1 - ratio), uncertainty)


def _sensitivity(
    evidence: Evidence, images: PlanarImages, heads: list[HeadFrames], sums: list[Floats], activity_share: float
) -> tuple[list[Measurement], list[Remark]]:
    missing = [name for name in ("activity_mbq", "volume_ml") if name not in evidence.facts]
    elapsed_s, remarks = _elapsed_s(evidence, images, heads)
    if missing or elapsed_s is None or images.pixel_mm is None:
        names = ", ".join(missing) or "ActualFrameDuration (elapsed_s), PixelSpacing"
        return [], [
            remark(
                "facts_missing",
                en=f"the sensitivity was not measured: {names} missing",
                zh=f"未测量体积灵敏度：缺少 {names}。",
            )
        ]
    activity_mbq, more = _activity_at_middle(evidence, elapsed_s)
    volume_ml = float(evidence.facts["volume_ml"])
    if activity_mbq <= 0 or volume_ml <= 0:
        raise Refused(
            "facts_unusable",
            en=f"{evidence.name}: {activity_mbq:.3g} MBq at mid-scan in {volume_ml:g} mL; check activity_mbq, residual_mbq, their "
            "times and volume_ml",
            zh=f"{evidence.name}：采集中点活度 {activity_mbq:.3g} MBq，体积 {volume_ml:g} mL；请核对 activity_mbq、residual_mbq、"
            "其时间及 volume_ml。",
        )
    counts = sum(float(one.sum()) for one in sums)
    value = counts / elapsed_s / (activity_mbq / volume_ml)
    share = math.hypot(1 / math.sqrt(max(counts, 1.0)), activity_share)
    length_cm, length_u = _length_cm(images)
    measured = [
        VOLUME_SENSITIVITY.of(value, value * share),
        PER_CM.of(value / length_cm, value / length_cm * math.hypot(share, length_u / length_cm)),
    ]
    return measured, [*remarks, *more]


def _elapsed_s(evidence: Evidence, images: PlanarImages, heads: list[HeadFrames]) -> tuple[float | None, list[Remark]]:
    """From the first view's start to the last one's end, motion included where the facts give it."""
    seconds = [_seconds(images, head) for head in heads]
    viewed = None if any(one is None for one in seconds) else max(one or 0.0 for one in seconds)
    told = evidence.facts.get("elapsed_s")
    if told is None:
        unsaid = remark(
            "motion_not_counted",
            en="the elapsed time is the sum of the views; motion between steps is not in it, so the value reads high by "
            "that share; give elapsed_s among the facts",
            zh="时间为各投影采集时间之和，未含步进运动时间，结果因此偏高相应比例；可在补充信息中填写 elapsed_s。",
        )
        return viewed, [unsaid]
    if float(told) <= 0 or (viewed is not None and float(told) < 0.99 * viewed):
        raise Refused(
            "facts_unusable",
            en=f"{evidence.name}: elapsed_s is {float(told):g} s, but the views of one head alone took {viewed or 0:g} s; check it",
            zh=f"{evidence.name}：elapsed_s 为 {float(told):g} s，但单个探头的各投影共 {viewed or 0:g} s，请核对。",
        )
    return float(told), []


def _activity_at_middle(evidence: Evidence, elapsed_s: float) -> tuple[float, list[Remark]]:
    """Activity in MBq in the cylinder at mid-scan, less the residual in the syringe."""
    facts = evidence.facts
    activity, residual = float(facts["activity_mbq"]), float(facts.get("residual_mbq", 0.0))
    nuclide = nuclide_named(facts.get("nuclide", evidence.header.get("nuclide")))
    assayed = facts.get("assayed_at")
    if nuclide is None or evidence.acquired is None or assayed is None:
        unsaid = remark(
            "decay_not_corrected",
            en="assay time, acquisition time or nuclide unknown: the activity is taken as that at mid-scan",
            zh="测量时刻、采集时刻或核素未知：按采集中点时刻的活度计算。",
        )
        return activity - residual, [unsaid]
    middle = evidence.acquired + datetime.timedelta(seconds=elapsed_s / 2)
    left = activity * _share_left(evidence, nuclide, assayed, middle)
    return left - residual * _share_left(evidence, nuclide, facts.get("residual_at", assayed), middle), []


def _share_left(evidence: Evidence, nuclide: Nuclide, assayed: datetime.datetime, middle: datetime.datetime) -> float:
    seconds = seconds_between(assayed, middle)
    if abs(seconds) > MOST_HALF_LIVES * nuclide.half_life_s:
        raise Refused(
            "facts_unusable",
            en=f"{evidence.name}: the assay lies {abs(seconds) / 3600:.0f} h from the acquisition, more than "
            f"{MOST_HALF_LIVES:.0f} half-lives of {nuclide.name}; check the date",
            zh=f"{evidence.name}：活度测定与采集相差 {abs(seconds) / 3600:.0f} 小时，超过 {nuclide.name} 的 "
            f"{MOST_HALF_LIVES:.0f} 个半衰期，请核对日期。",
        )
    return nuclide.share_left(seconds)


def _length_cm(images: PlanarImages) -> tuple[float, float]:
    """Axial length at half height of the mean projection, with a tenth of a pixel at either end as uncertainty."""
    assert images.pixel_mm is not None
    image = images.counts.mean(axis=0, dtype=np.float64)
    profile = image[:, _inside(image).any(axis=0)].sum(axis=1)
    half = 0.5 * float(np.median(profile[profile > 0.5 * profile.max()]))
    above = np.flatnonzero(profile > half)
    first, last = int(above[0]), int(above[-1])
    low = first - (profile[first] - half) / (profile[first] - profile[first - 1]) if first else -0.5
    high = (
        last + (profile[last] - half) / (profile[last] - profile[last + 1]) if last + 1 < len(profile) else len(profile) - 0.5
    )
    return float(high - low) * images.pixel_mm[0] / 10, 0.15 * images.pixel_mm[0] / 10


def _conditions(images: PlanarImages, heads: list[HeadFrames], sums: list[Floats]) -> Iterable[Condition]:
    for head, one in zip(heads, sums):
        name = head.place["detector"]
        yield Condition(
            label=Words(f"detector {name}", f"探头 {name}"),
            value=Words(
                f"{len(one)} views, {one.sum():.0f} counts, {one.mean():.0f} a view",
                f"{len(one)} 幅投影，共 {one.sum():.0f} 计数，每幅 {one.mean():.0f}",
            ),
        )
