"""Planar sensitivity of each detector from a dish of known activity (NEMA NU 1-2007, 3.3; IAEA HHS-6, 2.3.8).

S = net counts / integral of the activity over the acquisition. The activity is followed from its assay, less the residual in the
syringe, to the start and through the frame. Background is that of the same head, scaled by time. All counts of the image count.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, Frame, PlanarImages
from photopeak.figure import Circle, Figure, Picture
from photopeak.gamma_camera.line_images import label_of, planar, refuse_saturated
from photopeak.gamma_camera.recognition import WORDS, Source, not_showing, pixel_or_typical, sight_of_frame, sources_in
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import Nuclide, nuclide_named, seconds_between
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.words import Words

SENSITIVITY = Quantity(name="planar_sensitivity", unit="{counts}/s/MBq", en="planar sensitivity", zh="系统平面灵敏度")
DIFFERENCE = Quantity(
    name="planar_sensitivity_difference",
    unit="%",
    en="planar sensitivity difference between detectors",
    zh="探头间平面灵敏度差异",
)
MOST_CPS, FEWEST_COUNTS = 30_000, 4_000_000  # acquisition conditions of NEMA NU 1-2007, 3.3
MOST_HALF_LIVES = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Activity in the dish at the start of the acquisition, and the parts of its relative standard uncertainty."""

    nuclide: Nuclide
    at_start_mbq: float
    u_assay: float
    u_clock: float
    u_half_life: float

    @property
    def u(self) -> float:
        return math.sqrt(self.u_assay**2 + self.u_clock**2 + self.u_half_life**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One measured frame: gross and background counts over `seconds`, and the rate's relative counting uncertainty."""

    place: dict[str, Any]
    image: npt.NDArray[Any]
    dish: Source
    seconds: float
    gross: float
    background: float
    background_variance: float

    @property
    def net(self) -> float:
        return self.gross - self.background

    @property
    def u_counting(self) -> float:
        return math.sqrt(self.gross + self.background_variance) / self.net


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanarSensitivity(Result):
    """Sensitivity per detector; the images with the dish that was found, for the figures."""

    heads: tuple[Head, ...]
    pixel_mm: tuple[float, float]

    def figures(self) -> tuple[Figure, ...]:
        pictures = []
        for head in self.heads:
            rows, columns = head.image.shape
            height, width = rows * self.pixel_mm[0], columns * self.pixel_mm[1]
            radius = math.sqrt(head.dish.length_mm * head.dish.width_mm / math.pi)
            label = label_of(head.place)
            pictures.append(
                Picture(
                    title=Words(f"Dish, {label.en}", f"平皿源，{label.zh}"),
                    values=head.image,
                    pixel_mm=self.pixel_mm,
                    left_mm=-width / 2,
                    top_mm=-height / 2,
                    window=(0.0, float(np.quantile(head.image, 0.999)) or 1.0),
                    unit=Words("counts", "计数"),
                    palette="inverse",
                    overlays=(Circle(x_mm=head.dish.x_mm - width / 2, y_mm=head.dish.y_mm - height / 2, radius_mm=radius),),
                    group="dish",
                    where=head.place,
                )
            )
        return tuple(pictures)


def accepts(evidence: Evidence) -> Words | None:
    return not_showing(evidence.images, ("disc",))


@procedure(
    en="Planar sensitivity",
    zh="系统平面灵敏度",
    implements="NEMA NU 1-2007, 3.3; IAEA HHS-6, 2.3.8",
    kinds=("nm_planar",),
    quantities=(SENSITIVITY, DIFFERENCE),
    accepts=accepts,
)
def planar_sensitivity(
    evidence: Evidence,
    *,
    activity_uncertainty_percent: Annotated[
        float, Words("standard uncertainty of the assayed activity, %", "测定活度的标准不确定度，%")
    ] = 2.5,
    clock_uncertainty_s: Annotated[float, Words("standard uncertainty of the clocks, s", "时钟的标准不确定度，s")] = 30.0,
) -> PlanarSensitivity:
    """Counts per second and MBq of each detector, with the budget of its uncertainty."""
    images = planar(evidence)
    activity, remarks = activity_at_start(evidence, activity_uncertainty_percent / 100, clock_uncertainty_s)
    heads, more = _heads(evidence, images)
    measured = []
    for head in heads:
        exposure = activity.at_start_mbq * activity.nuclide.mean_over(head.seconds) * head.seconds
        value = head.net / exposure
        measured.append(SENSITIVITY.of(value, value * math.hypot(head.u_counting, activity.u), **head.place))
    difference = _difference(heads, measured)
    if difference:
        more.append(
            remark(
                "difference_is_planar",
                en="the difference between detectors is that of the planar dish; the standard takes it from tomographic sums",
                zh="探头间差异由平面采集的平皿源得出，标准以断层采集的投影总计数计算该差异。",
            )
        )
    return PlanarSensitivity(
        measurements=(*measured, *difference),
        remarks=(*remarks, *more, *_conditions_not_met(heads)),
        conditions=_budget(activity, heads),
        heads=tuple(heads),
        pixel_mm=pixel_or_typical(images),
    )


def activity_at_start(evidence: Evidence, u_assay: float, u_clock_s: float) -> tuple[Activity, list[Remark]]:
    """The activity in the dish when the acquisition began, from the facts."""
    facts, remarks = evidence.facts, []
    nuclide = _nuclide(evidence)
    assayed = _positive(evidence, "activity_mbq")
    if assayed is None:
        raise Refused(
            "facts_missing",
            en=f"{evidence.name}: counts {_counts(evidence):.0f} in all, but the activity in the dish is not known; give "
            "activity_mbq and assayed_at (and residual_mbq, residual_at) among the facts",
            zh=f"{evidence.name}：总计数 {_counts(evidence):.0f}，但未给出平皿中的活度。请在补充信息中填写 activity_mbq 和 "
            "assayed_at（以及 residual_mbq、residual_at）。",
        )
    residual = _positive(evidence, "residual_mbq") or 0.0
    since = _since(evidence, "assayed_at", nuclide)
    if since is None:
        remarks.append(
            remark(
                "activity_taken_at_start",
                en="the time of the assay was not given, so the activity was taken as that at the start of the acquisition",
                zh="未给出活度测定时间，按采集开始时的活度计算。",
            )
        )
    since_residual = _since(evidence, "residual_at", nuclide) if residual else None
    if residual and since_residual is None:
        since_residual = since
        remarks.append(
            remark(
                "residual_taken_at_assay",
                en="the time at which the residual was assayed was not given, so that of the activity was used",
                zh="未给出残余活度的测定时间，采用活度测定时间。",
            )
        )
    full, left = assayed * nuclide.share_left(since or 0.0), residual * nuclide.share_left(since_residual or 0.0)
    if full <= left:
        raise Refused(
            "facts_unusable",
            en=f"{evidence.name}: the residual ({left:.3g} MBq at the start) is not less than the activity ({full:.3g} MBq); "
            "check activity_mbq, residual_mbq and their times",
            zh=f"{evidence.name}：采集开始时残余活度（{left:.3g} MBq）不小于测定活度（{full:.3g} MBq），"
            "请核对 activity_mbq、residual_mbq 及其时间。",
        )
    moved = math.hypot(full, left) / (full - left) if "assayed_at" in facts else 0.0
    activity = Activity(
        nuclide=nuclide,
        at_start_mbq=full - left,
        u_assay=u_assay * math.hypot(full, left) / (full - left),
        u_clock=nuclide.decay_constant * u_clock_s * moved,
        u_half_life=nuclide.decay_constant * abs(since or 0.0) * nuclide.half_life_u_s / nuclide.half_life_s,
    )
    return activity, remarks


def _nuclide(evidence: Evidence) -> Nuclide:
    said = evidence.facts.get("nuclide", evidence.header.get("nuclide"))
    nuclide = nuclide_named(said)
    if nuclide is None:
        raise Refused(
            "facts_missing",
            en=f"{evidence.name}: the nuclide is {said!r}, whose decay is not known here; give nuclide (for example Tc-99m) among "
            "the facts",
            zh=f"{evidence.name}：核素为 {said!r}，无法确定其衰变。请在补充信息中填写 nuclide（例如 Tc-99m）。",
        )
    return nuclide


def _positive(evidence: Evidence, fact: str) -> float | None:
    value = evidence.facts.get(fact)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or not (value > 0 or (fact != "activity_mbq" and value == 0)):
        raise Refused(
            "facts_unusable",
            en=f"{evidence.name}: {fact} is {value!r}; it is an activity in MBq",
            zh=f"{evidence.name}：{fact} 的值为 {value!r}，应为以 MBq 表示的活度。",
        )
    return float(value)


def _since(evidence: Evidence, fact: str, nuclide: Nuclide) -> float | None:
    """Seconds from the moment of a fact to the start of the acquisition; None where that moment was not given."""
    moment = evidence.facts.get(fact)
    if not isinstance(moment, datetime.datetime):
        return None
    if evidence.acquired is None:
        raise Refused(
            "no_acquisition_time",
            en=f"{evidence.name}: the header does not say when the acquisition began, so the activity cannot be followed from "
            f"{fact}; give the activity at the start and leave {fact} out",
            zh=f"{evidence.name}：头信息中没有采集开始时间，无法从 {fact} 推算活度。请给出采集开始时的活度，并去掉 {fact}。",
        )
    seconds = seconds_between(moment, evidence.acquired)
    if abs(seconds) > MOST_HALF_LIVES * nuclide.half_life_s:
        raise Refused(
            "facts_unusable",
            en=f"{evidence.name}: {fact} lies {abs(seconds) / 3600:.0f} h from the acquisition, more than {MOST_HALF_LIVES:.0f} "
            f"half-lives of {nuclide.name}; check the date",
            zh=f"{evidence.name}：{fact} 与采集相差 {abs(seconds) / 3600:.0f} 小时，超过 {nuclide.name} 的 {MOST_HALF_LIVES:.0f} "
            "个半衰期，请核对日期。",
        )
    return seconds


def _counts(evidence: Evidence) -> float:
    return float(planar(evidence).counts.sum(dtype=np.float64))


def _heads(evidence: Evidence, images: PlanarImages) -> tuple[list[Head], list[Remark]]:
    """Every frame that shows a dish, with the background of the same head."""
    background = evidence.facts.get("background")
    several = len({frame.energy_window for frame in images.frames}) > 1
    heads, remarks, reasons = [], [], []
    for frame, image in zip(images.frames, images.counts):
        try:
            dish = _dish(image, pixel_or_typical(images))
            seconds = _seconds(frame)
        except Refused as refusal:
            reasons.append(refusal)
            remarks.append(_not_measured(frame, refusal.words))
            continue
        number, counts, variance, noticed = _background_for(evidence, background, frame, seconds)
        remarks += noticed
        gross = float(image.sum(dtype=np.float64))
        if gross <= counts:
            words = Words("the background has as many counts as the dish", "本底计数不低于平皿计数")
            reasons.append(Refused("no_net_counts", en=words.en, zh=words.zh))
            remarks.append(_not_measured(frame, words))
            continue
        place = {"detector": number} | ({"energy_window": frame.energy_window} if several else {})
        heads.append(
            Head(
                place=place,
                image=image,
                dish=dish,
                seconds=seconds,
                gross=gross,
                background=counts,
                background_variance=variance,
            )
        )
    if not heads:
        first = reasons[0]
        raise Refused(first.code, en=f"{evidence.name}: {first.words.en}", zh=f"{evidence.name}：{first.words.zh}")
    return heads, list(dict.fromkeys(remarks))


def _not_measured(frame: Frame, words: Words) -> Remark:
    return remark(
        "detector_not_measured",
        en=f"detector {frame.detector} was not measured: {words.en}",
        zh=f"探头 {frame.detector} 未测量：{words.zh}",
    )


def _dish(image: npt.NDArray[Any], pixel_mm: tuple[float, float]) -> Source:
    refuse_saturated(image)
    sight = sight_of_frame(image, pixel_mm)
    if sight != "disc":
        raise Refused(
            "no_dish",
            en=f"the image shows {WORDS[sight].en}, where one dish is needed; choose the sensitivity acquisition",
            zh=f"图像显示为{WORDS[sight].zh}，本检测需要单个平皿源，请选择灵敏度采集。",
        )
    (dish,) = sources_in(image, pixel_mm)
    if dish.cut:
        raise Refused(
            "clipped",
            en="the dish touches the border of the image, so counts are missing; centre it and repeat",
            zh="平皿源触及图像边界，计数不完整。请居中放置后重新采集。",
        )
    return dish


def _seconds(frame: Frame) -> float:
    if frame.duration_s is None or frame.duration_s <= 0:
        raise Refused(
            "no_duration",
            en="the header does not say how long the frame was acquired; export it again with its duration",
            zh="头信息中没有帧的采集时间，请重新导出含采集时间的文件。",
        )
    return frame.duration_s


def _background_for(
    evidence: Evidence, background: Any, frame: Frame, seconds: float
) -> tuple[int, float, float, list[Remark]]:
    """(detector number, counts, their variance, remarks) of the background of the same head over `seconds`."""
    if not isinstance(background, Evidence) or not isinstance(background.images, PlanarImages):
        without = remark(
            "no_background",
            en="no background was subtracted; take one of the same head and name this file in its fact background_of",
            zh="未扣除本底。请采集同一探头的本底，并在其补充信息 background_of 中填写本文件名。",
        )
        return _number(evidence, frame), 0.0, 0.0, [without]
    number, noticed = _same_head(evidence, background, frame)
    same = [
        (one.duration_s, float(image.sum(dtype=np.float64)))
        for one, image in zip(background.images.frames, background.images.counts)
        if one.detector == number and one.energy_window == frame.energy_window and one.duration_s
    ]
    if not same:
        without = remark(
            "no_background",
            en=f"{background.name} holds no timed background of detector {number}, so none was subtracted",
            zh=f"{background.name} 中没有探头 {number} 的带采集时间的本底，故未扣除。",
        )
        return number, 0.0, 0.0, [*noticed, without]
    counts, time = sum(total for _, total in same), sum(duration or 0.0 for duration, _ in same)
    return number, counts * seconds / time, counts * (seconds / time) ** 2, noticed


def _number(evidence: Evidence, frame: Frame) -> int:
    given = evidence.facts.get("detector")
    return int(given) if isinstance(given, (int, float)) else frame.detector


def _same_head(evidence: Evidence, background: Evidence, frame: Frame) -> tuple[int, list[Remark]]:
    """The head of the dish as the background numbers it: the fact, else the collimator's identity, else the same number."""
    if "detector" in evidence.facts:
        return _number(evidence, frame), []
    own, others = evidence.header.get("collimators") or (), background.header.get("collimators") or ()
    index = frame.detector - 1
    if index < len(own) and own[index] and list(others).count(own[index]) == 1:
        number = list(others).index(own[index]) + 1
        if number != frame.detector:
            return number, [
                remark(
                    "head_by_collimator",
                    en=f"the header numbers this head {frame.detector}, but its collimator is that of head {number} in the "
                    f"background; it is taken as head {number}",
                    zh=f"头信息将该探头编号为 {frame.detector}，但其准直器与本底文件中探头 {number} 相同，故按探头 {number} 处理。",
                )
            ]
        return number, []
    return frame.detector, []


def _difference(heads: list[Head], measured: list[Measurement]) -> list[Measurement]:
    """100 (largest - smallest) / largest; the activity is common to all heads, so only counting is uncertain."""
    if len({head.place["detector"] for head in heads}) < 2 or any("energy_window" in head.place for head in heads):
        return []
    rates = [one.value for one in measured]
    most, least = int(np.argmax(rates)), int(np.argmin(rates))
    ratio = rates[least] / rates[most]
    u = 100 * ratio * math.hypot(heads[most].u_counting, heads[least].u_counting)
    return [DIFFERENCE.of(100 * (1 - ratio), u)]


def _conditions_not_met(heads: list[Head]) -> list[Remark]:
    found = []
    fastest, fewest = max(head.gross / head.seconds for head in heads), min(head.net for head in heads)
    if fastest > MOST_CPS:
        found.append(
            remark(
                "count_rate_high",
                en=f"{fastest:.0f} counts/s, where the standard asks for less than {MOST_CPS}: counts may be lost",
                zh=f"计数率为 {fastest:.0f} 计数/s，标准要求低于 {MOST_CPS}，可能存在计数丢失。",
            )
        )
    if fewest < FEWEST_COUNTS:
        found.append(
            remark(
                "few_counts",
                en=f"{fewest:.0f} counts, where the standard asks for {FEWEST_COUNTS}; the stated uncertainty carries the noise",
                zh=f"计数为 {fewest:.0f}，标准要求不少于 {FEWEST_COUNTS}；给出的不确定度已计入噪声。",
            )
        )
    return found


def _budget(activity: Activity, heads: list[Head]) -> tuple[Condition, ...]:
    text = f"{activity.at_start_mbq:.4g} MBq"
    parts = [
        (Words("assay of the activity", "活度测定"), activity.u_assay),
        (Words("clocks", "时钟"), activity.u_clock),
        (Words("half-life", "半衰期"), activity.u_half_life),
        (Words("counting", "计数"), max(head.u_counting for head in heads)),
    ]
    return (
        Condition(label=Words("nuclide", "核素"), value=Words(activity.nuclide.name, activity.nuclide.name)),
        Condition(label=Words("activity at the start", "采集开始时活度"), value=Words(text, text)),
        *(
            Condition(
                label=Words(f"uncertainty, {label.en} (k = 1)", f"不确定度分量：{label.zh}（k = 1）"),
                value=Words(f"{100 * part:.3f} %", f"{100 * part:.3f} %"),
            )
            for label, part in parts
        ),
    )
