"""From the header of a PET series to the factors that turn its voxel values into SUV by body weight. No pixels are needed.

By Units: BQML through activity, weight and decay; CNTS by the manufacturer's factors; GML and CM2ML from the measure they were
normalised to. By Decay Correction: START, ADMIN, NONE. What cannot be converted is refused with the reason; what had to be
repaired or does not agree is remarked.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from photopeak.procedure import Refused, Remark, remark
from photopeak.suv.body_size import MASSES, body_mass_kg, body_surface_cm2
from photopeak.suv.scan_times import (
    Reference,
    ScanTimes,
    injection,
    injection_disagreement_s,
    mean_activity_delay_s,
    reference_time,
    scan_times,
)
from photopeak.suv.suv_dose import dose_of, half_life_of, positive, weight_of
from photopeak.words import Words

SPREAD_NOTED = 0.01  # relative effect on SUV
HALF_LIVES_NOTED, HALF_LIVES_POSSIBLE = 5.0, 12.0  #: a date wrong by a day is 13 half-lives of F-18
LIKELY_MBQ_PER_KG = (0.05, 50.0)
CLOCKS_AGREE_S = 60.0
NORMALISED = ("GML", "CM2ML")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """SUV[slice] = value * factors[slice] (one factor alone holds for all).

    `path`: bqml, philips_suv, philips_activity, gml, cm2ml. `per_becquerel`: the factors are in g/Bq (times `counts_to_bq`).
    """

    factors: tuple[float, ...]
    path: str
    per_becquerel: bool
    counts_to_bq: tuple[float, ...] = (1.0,)
    reference: Reference | None = None
    injected: datetime.datetime | None = None
    activity_bq: float | None = None
    weight_kg: float | None = None
    half_life_s: float | None = None
    remarks: tuple[Remark, ...] = ()


def suv_conversion(
    header: Mapping[str, Any], units: str | None, *, slices: int, facts: Mapping[str, Any], vendor: str = ""
) -> Conversion:
    """How the voxel values of a series become SUV. Refused: units, corrections or entries that do not allow it."""
    units = None if units is None else units.upper()
    _refuse_images_that_hold_no_activity(header)
    _refuse_uncorrected(header)
    if header.get("rescale_missing"):
        raise _no_rescale()
    if units in NORMALISED:
        return _from_normalised(header, units, facts)
    if units == "CNTS":
        suv_factors = _philips(header, "philips_suv_factor", slices)
        if suv_factors is not None:
            return Conversion(factors=suv_factors, path="philips_suv", per_becquerel=False)
        activity_factors = _philips(header, "philips_activity_factor", slices)
        if activity_factors is None:
            raise _counts_without_factor()
        return _from_activity(header, slices, facts, vendor, "philips_activity", activity_factors)
    if units == "BQML":
        return _from_activity(header, slices, facts, vendor, "bqml", (1.0,))
    raise _units(units)


def _philips(header: Mapping[str, Any], name: str, slices: int) -> tuple[float, ...] | None:
    each = header.get(f"{name}s", ())
    found = tuple(each) if len(each) == slices else (header.get(name) or 0.0,)
    if any(one <= 0 for one in found):
        return None
    return found[:1] if len(set(found)) == 1 else found


def _from_normalised(header: Mapping[str, Any], units: str, facts: Mapping[str, Any]) -> Conversion:
    if "SUVType" in header.get("disagreeing", ()):
        raise _slices_disagree([SUV_TYPE])
    kind = str(header.get("suv_type") or ("BW" if units == "GML" else "BSA")).upper()
    fits = kind in ("BW", *MASSES) if units == "GML" else kind == "BSA"
    if not fits:
        raise Refused(
            "suv_type_unknown",
            en=f"The image is in {units} with SUV Type {kind}, which do not belong together. Export the series in Bq/mL.",
            zh=f"图像单位为 {units}，SUV 类型为 {kind}，两者不相符。请以 Bq/mL 导出该序列。",
        )
    if kind == "BW":
        return Conversion(factors=(1.0,), path="gml", per_becquerel=False)
    if "PatientWeight" in header.get("disagreeing", ()) and "weight_kg" not in facts:
        raise _slices_disagree([WHOLE_SERIES["PatientWeight"][1]])
    weight_kg, notes = weight_of(header, facts)
    height_cm = _height_cm(header, facts, kind)
    if units == "CM2ML":
        factor = 1000 * weight_kg / body_surface_cm2(weight_kg, height_cm)
        return Conversion(factors=(factor,), path="cm2ml", per_becquerel=False, weight_kg=weight_kg, remarks=notes)
    sex = str(header.get("sex") or "").upper()
    factor = weight_kg / body_mass_kg(kind, weight_kg, height_cm, sex)
    if sex not in ("M", "F"):
        notes += (
            remark(
                "sex_not_stated",
                en="The sex is neither M nor F; the mean of the two formulae of body mass was taken.",
                zh="性别既非男也非女，体质量取两性公式的平均值。",
            ),
        )
    return Conversion(factors=(factor,), path="gml", per_becquerel=False, weight_kg=weight_kg, remarks=notes)


def _height_cm(header: Mapping[str, Any], facts: Mapping[str, Any], kind: str) -> float:
    told, written = positive(facts.get("height_cm")), positive(header.get("height_m"))
    height = told or (100 * written if written and written < 3 else written)
    if height is None:
        raise Refused(
            "no_height",
            en=f"The image is normalised to {kind}, which needs the patient's height to become SUV by weight; the header has "
            "none. State height_cm in the facts.",
            zh=f"图像按 {kind} 归一化，换算为体重 SUV 需要身高，而文件头未填写。请在补充信息中给出 height_cm。",
        )
    return height


def _from_activity(
    header: Mapping[str, Any],
    slices: int,
    facts: Mapping[str, Any],
    vendor: str,
    path: str,
    counts_to_bq: tuple[float, ...],
) -> Conversion:
    correction = _decay_correction(header)
    _refuse_disagreeing(header, facts, timeless=correction == "ADMIN")
    half_life_s, life_notes = _half_life(header, facts, correction)
    decay = math.log(2) / half_life_s
    dose = dose_of(header, facts, decay)
    weight_kg, weight_notes = weight_of(header, facts)
    notes = [*dose.remarks, *weight_notes, *life_notes, *_contradiction(header, correction)]
    times = scan_times(header)
    reference, injected = None, dose.given
    growth: tuple[float, ...] = (1.0,)
    if correction == "START":
        reference = reference_time(header, times, decay, vendor)
        if reference is None:
            raise _no_reference(times)
        injected, own = _injected(header, times, injected, reference.moment, half_life_s)
        notes += [*own, *_spread(reference, decay)]
        growth = (math.exp(decay * (reference.moment - injected).total_seconds()),)
    elif correction == "NONE":
        midpoints = _uncorrected_moments(header, times, decay, slices)
        injected, own = _injected(header, times, injected, min(midpoints), half_life_s)
        notes += own
        growth = tuple(math.exp(decay * (moment - injected).total_seconds()) for moment in midpoints)
    many = max(len(growth), len(counts_to_bq))
    factor = 1000 * weight_kg / dose.activity_bq
    grown = growth * many if len(growth) == 1 else growth
    scale = counts_to_bq * many if len(counts_to_bq) == 1 else counts_to_bq
    return Conversion(
        factors=tuple(factor * a * b for a, b in zip(grown, scale)),
        path=path,
        per_becquerel=True,
        counts_to_bq=scale,
        reference=reference,
        injected=injected,
        activity_bq=dose.activity_bq,
        weight_kg=weight_kg,
        half_life_s=half_life_s if math.isfinite(half_life_s) else None,
        remarks=(*notes, *(() if dose.remarks else _unlikely(dose.activity_bq, weight_kg))),
    )


def _half_life(header: Mapping[str, Any], facts: Mapping[str, Any], correction: str) -> tuple[float, tuple[Remark, ...]]:
    """Seconds; endless where an image corrected to the administration needs no half-life and none is known."""
    try:
        return half_life_of(header, facts)
    except Refused:
        if correction != "ADMIN" or positive(facts.get("residual_mbq")):
            raise
        return math.inf, ()


def _decay_correction(header: Mapping[str, Any]) -> str:
    """START, ADMIN or NONE. Refused: not stated, unknown, or claimed without DECY among the corrections."""
    stated = header.get("decay_correction")
    stated = stated.upper() if isinstance(stated, str) else stated
    if stated is None and header.get("decay_corrected") is not None:  # an enhanced object says YES or NO
        stated = "START" if header["decay_corrected"] == "YES" else "NONE"
    if stated not in ("START", "ADMIN", "NONE"):
        raise Refused(
            "decay_correction_unknown",
            en=f"The header does not say to which moment the image is decay-corrected (Decay Correction is {stated or 'absent'})."
            " Export the series again from the scanner.",
            zh=f"文件头未说明衰减校正到哪一时刻（Decay Correction {('为 ' + str(stated)) if stated else '缺失'}）。"
            "请从设备重新导出该序列。",
        )
    if stated != "NONE" and "DECY" not in header.get("corrected_image", ()):
        raise Refused(
            "not_decay_corrected",
            en=f"Decay Correction is {stated}, but DECY is not among the corrections applied (Corrected Image). The two "
            "contradict each other, and SUV would be wrong by an unknown decay.",
            zh=f"Decay Correction 为 {stated}，但已施加的校正（Corrected Image）中没有 DECY。两者矛盾，SUV 将因衰变而出错。",
        )
    return str(stated)


def _contradiction(header: Mapping[str, Any], correction: str) -> list[Remark]:
    if correction != "NONE" or "DECY" not in header.get("corrected_image", ()):
        return []
    return [
        remark(
            "decay_correction_contradicts",
            en="Decay Correction is NONE, yet DECY is among the corrections applied; the image was taken as not corrected.",
            zh="Decay Correction 为 NONE，但已施加的校正中含 DECY；已按未作衰减校正处理。",
        )
    ]


def _unlikely(activity_bq: float, weight_kg: float) -> tuple[Remark, ...]:
    each = activity_bq / 1e6 / weight_kg
    low, high = LIKELY_MBQ_PER_KG
    if low <= each <= high:
        return ()
    note = remark(
        "activity_for_weight_unlikely",
        en=f"{activity_bq / 1e6:.4g} MBq for {weight_kg:.4g} kg, {each:.3g} MBq/kg, is given to nobody: activity or weight is wrong, "
        "unless this is an animal or a phantom.",
        zh=f"注射活度 {activity_bq / 1e6:.4g} MBq、体重 {weight_kg:.4g} kg，即 {each:.3g} MBq/kg，不符合任何临床用量："
        "活度或体重有误（动物或模体除外）。",
    )
    return (note,)


def _injected(
    header: Mapping[str, Any],
    times: ScanTimes,
    told: datetime.datetime | None,
    before: datetime.datetime,
    half_life_s: float,
) -> tuple[datetime.datetime, list[Remark]]:
    notes: list[Remark] = []
    found = (told, "facts") if told is not None else injection(header, times, before)
    if found is None:
        raise Refused(
            "no_injection_time",
            en="The header does not say when the tracer was given, so its decay until the scan is unknown. State activity_mbq "
            "with assayed_at in the facts.",
            zh="文件头没有注射时间，无法计算到扫描时的衰变。请在补充信息中给出 activity_mbq 及 assayed_at。",
        )
    given, source = found
    elapsed = (before - given).total_seconds()
    rolled = source == "time" and given.date() < before.date()  # a time after the scan was taken as of the day before
    possible = HALF_LIVES_NOTED if rolled else HALF_LIVES_POSSIBLE
    if elapsed < 0 or elapsed > possible * half_life_s:
        raise Refused(
            "injection_time_impossible",
            en=f"The tracer was given at {given:%Y-%m-%d %H:%M}, the image is referred to {before:%Y-%m-%d %H:%M}: one of the two "
            "is wrong. Correct the entry, or state activity_mbq with assayed_at in the facts.",
            zh=f"注射时间为 {given:%Y-%m-%d %H:%M}，图像参考时间为 {before:%Y-%m-%d %H:%M}，其中必有一项有误。"
            "请更正，或在补充信息中给出 activity_mbq 及 assayed_at。",
        )
    if elapsed > HALF_LIVES_NOTED * half_life_s:
        notes.append(
            remark(
                "long_decay",
                en=f"{elapsed / 3600:.1f} h, {elapsed / half_life_s:.1f} half-lives, lie between administration and image; are both "
                "times right?",
                zh=f"注射与图像参考时间相隔 {elapsed / 3600:.1f} h（{elapsed / half_life_s:.1f} 个半衰期），请核对两个时间。",
            )
        )
    apart = injection_disagreement_s(header) if source != "facts" else 0.0
    if apart > CLOCKS_AGREE_S:
        notes.append(
            remark(
                "injection_times_disagree",
                en=f"The two elements for the time of administration differ by {apart / 60:.0f} min; the one with a date was taken.",
                zh=f"两个注射时间字段相差 {apart / 60:.0f} min，已采用带日期的一项。",
            )
        )
    if source == "time" and half_life_s > 86400:
        notes.append(
            remark(
                "injection_date_assumed",
                en="The time of administration has no date; the day of the scan or the one before was taken, which need not hold "
                "for so long-lived a nuclide.",
                zh="注射时间没有日期，按扫描当日或前一日处理；对长半衰期核素未必成立。",
            )
        )
    return given, notes


def _spread(reference: Reference, decay: float) -> list[Remark]:
    effect = math.expm1(decay * reference.spread_s)
    if effect <= SPREAD_NOTED:
        return []
    return [
        remark(
            "reference_times_disagree",
            en=f"The ways to find the moment of decay correction differ by {reference.spread_s:.0f} s, {100 * effect:.1f} % of SUV. "
            f"{reference.moment:%H:%M:%S} was taken; check the times written by the scanner.",
            zh=f"由不同字段得出的衰减校正时刻相差 {reference.spread_s:.0f} s，相当于 SUV 的 {100 * effect:.1f}%。"
            f"已采用 {reference.moment:%H:%M:%S}，请检查设备写入的时间。",
        )
    ]


def _uncorrected_moments(
    header: Mapping[str, Any], times: ScanTimes, decay: float, slices: int
) -> tuple[datetime.datetime, ...]:
    """When the activity equalled its mean over the frame, for each slice; an enhanced object may say so itself."""
    stated = tuple(datetime.datetime.fromisoformat(one) for one in header.get("reference_times", ()) if "T" in one)
    if len(stated) == slices:
        return stated
    acquired = times.acquired * slices if len(times.acquired) == 1 else times.acquired
    if len(acquired) != slices or len(times.durations_s) != slices:
        raise Refused(
            "no_frame_times",
            en="The image is not decay-corrected, and its slices do not all say when and how long they were acquired.",
            zh="图像未作衰减校正，而各层面未全部给出采集时间和时长。",
        )
    return tuple(
        start + datetime.timedelta(seconds=mean_activity_delay_s(decay, duration))
        for start, duration in zip(acquired, times.durations_s)
    )


def _refuse_images_that_hold_no_activity(header: Mapping[str, Any]) -> None:
    image_type = tuple(str(one).upper() for one in header.get("image_type", ()))
    series_type = tuple(str(one).upper() for one in header.get("series_type", ()))
    if "DERIVED" in image_type[:1] or "REPROJECTION" in series_type or any("MIP" in one for one in image_type):
        raise Refused(
            "derived_image",
            en="These are derived images (a projection, a sum, a resampling), not the reconstructed slices. Give the original "
            "series.",
            zh="这是派生图像（投影、求和或重采样），不是原始重建层面。请提供原始序列。",
        )
    if str(header.get("counts_source", "EMISSION")).upper() == "TRANSMISSION":
        raise Refused(
            "transmission",
            en="These are transmission images; they hold no activity. Give the emission series.",
            zh="这是透射图像，不含活度。请提供发射图像序列。",
        )


#: entries of the header that must be the same in all slices, and the fact that stands above each
WHOLE_SERIES = {
    "PatientWeight": ("weight_kg", Words("weight", "体重")),
    "RadionuclideTotalDose": ("activity_mbq", Words("administered activity", "注射活度")),
    "RadionuclideHalfLife": ("nuclide", Words("half-life", "半衰期")),
    "RadiopharmaceuticalStartDateTime": ("assayed_at", Words("time of administration", "注射时间")),
    "RadiopharmaceuticalStartTime": ("assayed_at", Words("time of administration", "注射时间")),
}
SUV_TYPE = Words("SUV Type", "SUV 类型")


def _refuse_disagreeing(header: Mapping[str, Any], facts: Mapping[str, Any], *, timeless: bool = False) -> None:
    """`timeless`: the time of administration is not needed."""
    disagreeing = header.get("disagreeing", ())
    wrong = [
        words
        for name, (fact, words) in WHOLE_SERIES.items()
        if name in disagreeing and fact not in facts and not (timeless and fact == "assayed_at")
    ]
    if wrong:
        raise _slices_disagree(wrong)
    if header.get("several_radiopharmaceuticals") and "activity_mbq" not in facts:
        raise Refused(
            "several_administrations",
            en="The header tells of more than one administration (Radiopharmaceutical Information Sequence); how much of each was in "
            "the body during the scan is not known. State activity_mbq and assayed_at in the facts.",
            zh="文件头记录了不止一次给药（Radiopharmaceutical Information Sequence），无法确定采集时各自的体内活度。"
            "请在补充信息中给出 activity_mbq 和 assayed_at。",
        )


def _slices_disagree(wrong: Iterable[Words]) -> Refused:
    told = list(dict.fromkeys(wrong))
    return Refused(
        "slices_disagree",
        en=f"The slices of this series do not agree on the {', '.join(one.en for one in told)}: which is right is not known. "
        "Export the series again, or state the value in the facts.",
        zh=f"该序列各层面的{'、'.join(one.zh for one in told)}不一致，无法判断何者正确。请重新导出该序列，或在补充信息中给出该值。",
    )


def _no_rescale() -> Refused:
    return Refused(
        "no_rescale_slope",
        en="Slices have no Rescale Slope: their stored numbers are no activity. Export the series again from the scanner.",
        zh="有层面缺少 Rescale Slope，其存储值不是活度。请从设备重新导出该序列。",
    )


def _refuse_uncorrected(header: Mapping[str, Any]) -> None:
    if "ATTN" not in header.get("corrected_image", ()):
        raise Refused(
            "not_attenuation_corrected",
            en="ATTN is not among the corrections applied (Corrected Image): without attenuation correction there is no SUV. Give "
            "the attenuation-corrected series.",
            zh="已施加的校正（Corrected Image）中没有 ATTN：未作衰减（ATTN）校正的图像没有 SUV。请提供经衰减校正的序列。",
        )


def _counts_without_factor() -> Refused:
    return Refused(
        "counts_without_factor",
        en="The image is in counts (CNTS), and the manufacturer's factors (7053,1000) and (7053,1009) are missing or zero; "
        "anonymisation often removes them. Export the series again with its private elements.",
        zh="图像单位为计数（CNTS），而厂家换算因子 (7053,1000) 和 (7053,1009) 缺失或为零，匿名化常会删去它们。"
        "请保留私有字段重新导出。",
    )


def _units(units: str | None) -> Refused:
    shown = units or "–"
    return Refused(
        "units_not_quantitative",
        en=f"The image is in {shown}; SUV needs Bq/mL (BQML), the manufacturer's counts with factors (CNTS), or SUV itself (GML, "
        "CM2ML). Reconstruct or export the series in Bq/mL.",
        zh=f"图像单位为 {shown}，而 SUV 需要 Bq/mL（BQML）、带厂家因子的计数（CNTS）或 SUV 本身（GML、CM2ML）。"
        "请以 Bq/mL 重建或导出该序列。",
    )


def _no_reference(times: ScanTimes) -> Refused:
    late = times.series is not None and times.earliest is not None and times.series > times.earliest
    return Refused(
        "no_reference_time",
        en="The moment of decay correction cannot be found: "
        + ("the series time is later than the acquisition, so the series was processed later, " if late else "no series time, ")
        + "and neither a scan time of the manufacturer nor Frame Reference Time is given. Give the original series.",
        zh="无法确定衰减校正时刻："
        + ("序列时间晚于采集时间，说明序列经过后处理，" if late else "没有序列时间，")
        + "且既无厂家扫描时间也无 Frame Reference Time。请提供原始序列。",
    )
