"""Quality of a patient's PET study without a phantom: protocol, liver, counts, coverage, plausibility of the header.

Uptake time, activity per weight and activity times bed time come from the header (times are written to the minute: ± 0.3 min). The
liver is found by itself, the largest evenly warm region of the patient's right side, and a 30 mm sphere lies in its upper half as
deep inside as it can; confirm it on the figure. SNR = mean/SD of its voxels. Noise-equivalent counts (1 − SF)²(P − D)²/P of the bed
positions, over the length and the volume of the body, where the header has prompts, delayed counts and scatter fraction. Remarked:
body at the edge of the field, a CT in another frame of reference, uptake of the whole body that no right dose and weight give. Only
published limits judge; the rest is a value. For follow-up studies the options baseline_* state the earlier one.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, Volume
from photopeak.figure import Circle, Figure, Picture
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import Nuclide
from photopeak.pet.liver import VOI_RADIUS_MM, Body, Liver, find_body, find_liver, sphere
from photopeak.pet.noise import estimate_noise
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.suv.body_size import body_mass_kg
from photopeak.suv.scan_times import injection, scan_times
from photopeak.suv.suv_conversion import Conversion, suv_conversion
from photopeak.suv.suv_dose import nuclide_of, positive
from photopeak.words import Words

UPTAKE = Quantity(name="uptake_time", unit="min", en="uptake time", zh="摄取时间")
PER_WEIGHT = Quantity(name="activity_per_weight", unit="MBq/kg", en="activity per weight", zh="单位体重注射活度", judged=False)
PRODUCT = Quantity(name="activity_time_product", unit="MBq.min/kg", en="activity times bed time", zh="活度时间积", judged=False)
GLUCOSE = Quantity(name="glucose", unit="mmol/L", en="blood glucose", zh="血糖", judged=False)
LIVER_MEAN = Quantity(name="liver_suv_mean", unit="g/mL", en="liver SUV, mean", zh="肝脏 SUV 平均值")
LIVER_SNR = Quantity(name="liver_snr", unit="1", en="liver signal to noise", zh="肝脏信噪比", judged=False)
LIVER_COV = Quantity(name="liver_cov", unit="%", en="liver coefficient of variation", zh="肝脏变异系数", judged=False)
NEC_LENGTH = Quantity(
    name="nec_per_length", unit="{counts}/m", en="noise-equivalent counts per length", zh="单位长度噪声等效计数", judged=False
)
NEC_DENSITY = Quantity(
    name="nec_density", unit="{counts}/cm3", en="noise-equivalent count density", zh="噪声等效计数密度", judged=False
)
BODY_SUV = Quantity(name="body_suv_mean", unit="g/mL", en="mean SUV of the body", zh="全身平均 SUV", judged=False)
UPTAKE_DIFFERENCE = Quantity(
    name="uptake_time_difference", unit="min", en="uptake time from that of the earlier study", zh="与前次检查摄取时间之差"
)
LIVER_SUL = Quantity(
    name="liver_sul",
    unit="g/mL",
    en="liver SUL (lean body mass by Janmahasatian)",
    zh="肝脏 SUL（Janmahasatian 瘦体重）",
    judged=False,
)
LIVER_DIFFERENCE = Quantity(
    name="liver_sul_difference", unit="%", en="liver SUL from that of the earlier study", zh="与前次检查肝脏 SUL 之差"
)
ACTIVITY_DIFFERENCE = Quantity(
    name="injected_activity_difference", unit="%", en="activity from that of the earlier study", zh="与前次检查注射活度之差"
)

WHOLE_BODY_MM = 350.0  #: shorter objects are phantoms or single beds
MINUTE_U = 0.3  # of a time written to the minute
NOISE_FROM_EDGE_MM, NOISE_RADIUS_MM = 8.0, 40.0
LONG_FIELD_MM = 800.0  #: most of the body, from head to thigh
POSSIBLE_SHARE = (0.3, 1.1)  #: of the activity given in the image; of the weight in the body seen
POSSIBLE_BODY_SUV = (0.25, 2.5)  # mean of the body: 1 if all activity is in view; excretion and parts out of view lower it
FDG_WORDS = ("fdg", "fluorodeoxyglucose", "氟代脱氧葡萄糖", "氟[18f]脱氧葡糖")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientQuality(Result):
    """Planes through the liver sphere as the patient faces the reader, head up; None where no liver was found. mm from the middle."""

    coronal: npt.NDArray[np.float32] | None
    axial: npt.NDArray[np.float32] | None
    spacing_mm: tuple[float, float, float]
    at_mm: tuple[float, float, float]  #: sphere in the pictures: down the coronal one, down the axial one, across both

    def figures(self) -> tuple[Figure, ...]:
        if self.coronal is None or self.axial is None:
            return ()
        z, y, x = self.at_mm
        planes = (
            (Words("Coronal plane through the liver sphere: confirm", "肝脏感兴趣球冠状面：请确认"), self.coronal, 0, z),
            (Words("Transverse plane through the liver sphere: confirm", "肝脏感兴趣球横断面：请确认"), self.axial, 1, y),
        )
        return tuple(
            Picture(
                title=title,
                values=plane,
                pixel_mm=(self.spacing_mm[down], self.spacing_mm[2]),
                left_mm=-plane.shape[1] * self.spacing_mm[2] / 2,
                top_mm=-plane.shape[0] * self.spacing_mm[down] / 2,
                window=(0.0, 5.0),
                unit=Words("SUV", "SUV"),
                palette="inverse",
                overlays=(Circle(x_mm=x, y_mm=at, radius_mm=VOI_RADIUS_MM),),
                group="liver",
            )
            for title, plane, down, at in planes
        )


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume) or evidence.images.values.ndim != 3:
        return Words("a stack of PET slices is needed", "需要一组 PET 断层图像")
    volume = evidence.images
    if len(volume.values) * volume.spacing_mm[0] < WHOLE_BODY_MM:
        return Words("too short for a patient's study", "轴向范围过短，不是患者检查")
    body = find_body(volume)
    if body is None or body.extent_mm < WHOLE_BODY_MM:
        return Words("no body of a patient in it", "图像中没有患者躯体")
    return None


@procedure(
    en="Patient PET study",
    zh="患者 PET 检查质量",
    implements="EANM FDG PET/CT guideline 2.0; QIBA FDG-PET/CT; noise-equivalent counts as Fukukita 2014",
    kinds=("pt_volume",),
    quantities=(
        UPTAKE,
        PER_WEIGHT,
        PRODUCT,
        GLUCOSE,
        LIVER_MEAN,
        LIVER_SNR,
        LIVER_COV,
        LIVER_SUL,
        NEC_LENGTH,
        NEC_DENSITY,
        BODY_SUV,
        UPTAKE_DIFFERENCE,
        LIVER_DIFFERENCE,
        ACTIVITY_DIFFERENCE,
    ),
    accepts=accepts,
)
def patient_quality(
    evidence: Evidence,
    *,
    baseline_uptake_min: Annotated[
        float | None, Words("uptake time of the earlier study, min", "前次检查摄取时间，min")
    ] = None,
    baseline_liver_sul: Annotated[float | None, Words("liver SUL of the earlier study", "前次检查肝脏 SUL")] = None,
    baseline_activity_mbq: Annotated[float | None, Words("activity of the earlier study, MBq", "前次检查注射活度，MBq")] = None,
) -> PatientQuality:
    """Protocol, liver, counts and coverage of one study. Refused: no body in the image, or a header that allows no SUV."""
    volume = evidence.images
    body = find_body(volume) if isinstance(volume, Volume) else None
    if body is None or not isinstance(volume, Volume):
        raise Refused(
            "no_body",
            en=f"{evidence.name}: no body of a patient was found. Give the reconstructed PET series of a patient.",
            zh=f"{evidence.name}：未找到患者躯体。请提供患者的 PET 重建图像序列。",
        )
    conversion = suv_conversion(
        evidence.header,
        volume.units,
        slices=len(volume.values),
        facts=evidence.facts,
        vendor=evidence.about.manufacturer or "",
    )
    factor = _slice_factors(conversion, volume)
    liver = find_liver(volume, body)
    measured = [
        *_protocol(evidence, conversion),
        *(_liver(volume, liver, factor) if liver is not None else ()),
        *_counts(evidence, body, volume),
        BODY_SUV.of(_body_suv(volume, body, factor)),
    ]
    measured += _lean(measured, evidence)
    earlier = {"uptake": baseline_uptake_min, "liver": baseline_liver_sul, "activity": baseline_activity_mbq}
    measured += _differences(measured, conversion, earlier)
    coronal, axial, at = _planes(volume, liver, factor)
    return PatientQuality(
        measurements=tuple(measured),
        remarks=tuple(
            [
                *conversion.remarks,
                *_noticed(evidence, volume, body, liver, measured),
                *_out_of_proportion(body, measured, conversion.weight_kg),
            ]
        ),
        conditions=tuple(_conditions(evidence, volume, liver, conversion)),
        coronal=coronal,
        axial=axial,
        spacing_mm=volume.spacing_mm,
        at_mm=at,
    )


def _slice_factors(conversion: Conversion, volume: Volume) -> npt.NDArray[np.float64]:
    factors = np.asarray(conversion.factors, dtype=np.float64)
    return np.broadcast_to(factors, (len(volume.values),)).copy()


def _tracer(evidence: Evidence) -> str:
    named = str(evidence.header.get("radiopharmaceutical", "")).lower()
    code = str(evidence.header.get("radiopharmaceutical_code", ""))
    return "18F-FDG" if code == "C-B1031" or any(word in named for word in FDG_WORDS) else "other"


def _protocol(evidence: Evidence, conversion: Conversion) -> Iterator[Measurement]:
    times = scan_times(evidence.header)
    start = times.earliest or times.series
    given = _given(evidence, conversion)
    if given is not None and start is not None:
        minutes = (start - given).total_seconds() / 60
        yield UPTAKE.of(minutes, MINUTE_U, tracer=_tracer(evidence))
    if conversion.activity_bq is not None and conversion.weight_kg is not None:
        per_weight = conversion.activity_bq / 1e6 / conversion.weight_kg
        yield PER_WEIGHT.of(per_weight)
        if times.durations_s:
            yield PRODUCT.of(per_weight * float(np.median(times.durations_s)) / 60)
    if (glucose := positive(evidence.facts.get("glucose_mmol_l"))) is not None:
        yield GLUCOSE.of(glucose)


def _given(evidence: Evidence, conversion: Conversion) -> datetime.datetime | None:
    """When the tracer was given; the conversion itself does not need it for images corrected to the administration."""
    if conversion.injected is not None:
        return conversion.injected
    times = scan_times(evidence.header)
    start = times.earliest or times.series
    found = injection(evidence.header, times, start) if start is not None else None
    return None if found is None else found[0]


def _liver(volume: Volume, liver: Liver, factor: npt.NDArray[np.float64]) -> Iterator[Measurement]:
    """Noise of the sphere, and how many of its voxels are independent, from the correlation in a wider sphere."""
    box, inside = sphere(volume, liver, VOI_RADIUS_MM)
    scale = factor[box[0]][:, None, None]
    values = (volume.values[box] * scale)[inside]
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    wide, clear = sphere(volume, liver, min(liver.depth_mm - NOISE_FROM_EDGE_MM, NOISE_RADIUS_MM))
    noise = estimate_noise((volume.values[wide] * factor[wide[0]][:, None, None]).astype(np.float32), volume.spacing_mm, clear)
    if noise is None or noise.relative == 0 or sd == 0:
        yield LIVER_MEAN.of(mean)
        return
    weights = inside / inside.sum()
    u = math.sqrt(noise.variance(weights, np.full(weights.shape, mean)))
    # The mean of the sphere takes its own noise out of the voxels' spread: it is put back.
    spread = math.sqrt(sd**2 * (1 - 1 / values.size) + u**2)
    share = math.sqrt(noise.variance_of_spread(inside)) / 2 * (sd / spread) ** 2
    yield LIVER_MEAN.of(mean, u)
    yield LIVER_SNR.of(mean / spread, mean / spread * math.hypot(share, u / mean))
    yield LIVER_COV.of(100 * spread / mean, 100 * spread / mean * math.hypot(share, u / mean))


def _counts(evidence: Evidence, body: Body, volume: Volume) -> Iterator[Measurement]:
    """Noise-equivalent counts of the bed positions: slices of one bed repeat its counts."""
    header = evidence.header
    prompts, delayed = header.get("prompts_counts", ()), header.get("delayed_counts", ())
    scatter = header.get("scatter_fractions", ())
    if not prompts or not (len(prompts) == len(delayed) == len(scatter)) or min(prompts) <= 0:
        return
    starts = header.get("acquisition_times", ("",) * len(prompts))
    beds = {(start, p, d): s for start, p, d, s in zip(starts, prompts, delayed, scatter)}
    total = sum((1 - s) ** 2 * max(p - d, 0.0) ** 2 / p for (_, p, d), s in beds.items())
    yield NEC_LENGTH.of(total / (len(volume.values) * volume.spacing_mm[0] / 1000))
    yield NEC_DENSITY.of(total / body.volume_ml)


def _body_suv(volume: Volume, body: Body, factor: npt.NDArray[np.float64]) -> float:
    step = body.factors[0]
    by_block = factor[: len(body.coarse) * step].reshape(-1, step).mean(axis=1)
    scaled = body.coarse * by_block[:, None, None]
    return float(scaled[body.inside].mean())


def _lean(measured: Iterable[Measurement], evidence: Evidence) -> list[Measurement]:
    """SUL, where height and sex are known."""
    liver = next((m for m in measured if m.quantity is LIVER_MEAN), None)
    weight = positive(evidence.facts.get("weight_kg")) or positive(evidence.header.get("weight_kg"))
    height = positive(evidence.facts.get("height_cm")) or 100 * (positive(evidence.header.get("height_m")) or 0.0)
    sex = evidence.header.get("sex")
    if liver is None or weight is None or not height or sex not in ("M", "F"):
        return []
    share = body_mass_kg("LBMJANMA", weight, height, sex) / weight
    return [LIVER_SUL.of(liver.value * share, None if liver.uncertainty is None else liver.uncertainty * share)]


def _differences(
    measured: Iterable[Measurement], conversion: Conversion, earlier: Mapping[str, float | None]
) -> list[Measurement]:
    found = {m.quantity.name: m for m in measured}
    differences = []
    uptake, liver = found.get("uptake_time"), found.get("liver_sul")
    if earlier["uptake"] is not None and uptake is not None:
        later, tracer = uptake.value - earlier["uptake"], uptake.where["tracer"]
        differences.append(UPTAKE_DIFFERENCE.of(later, math.sqrt(2) * MINUTE_U, tracer=tracer, pair="follow_up"))
    if earlier["liver"] and liver is not None:
        larger = max(liver.value, earlier["liver"])
        share = 100 * abs(liver.value - earlier["liver"]) / larger
        u = None if liver.uncertainty is None else 100 * liver.uncertainty / larger
        differences.append(LIVER_DIFFERENCE.of(share, u, pair="follow_up"))
    if earlier["activity"] and conversion.activity_bq is not None:
        share = 100 * abs(conversion.activity_bq / 1e6 / earlier["activity"] - 1)
        differences.append(ACTIVITY_DIFFERENCE.of(share, pair="follow_up"))
    return differences


def _noticed(
    evidence: Evidence, volume: Volume, body: Body, liver: Liver | None, measured: Iterable[Measurement]
) -> Iterator[Remark]:
    if liver is None:
        yield remark(
            "liver_not_found",
            en="No large, evenly warm region was found on the patient's right side; liver SUV and noise are not measured. Is the "
            "liver in the field, and is the tracer one that the liver takes up?",
            zh="在患者右侧未找到足够大且均匀的摄取区，未测肝脏 SUV 和噪声。请确认视野包含肝脏，且所用示踪剂在肝脏有摄取。",
        )
    edge_mm = body.touches_edge_mm()
    if edge_mm > 0:
        yield remark(
            "body_at_edge",
            en=f"The body reaches the edge of the PET field along {edge_mm:.0f} mm; attenuation and scatter correction are "
            "uncertain there. Arms up, or a larger field of view.",
            zh=f"躯体在轴向 {edge_mm:.0f} mm 范围内触及 PET 视野边缘，该处衰减与散射校正不可靠。请上举双臂或采用更大视野。",
        )
    yield from _computed(evidence)
    whole = next((m.value for m in measured if m.quantity.name == "body_suv_mean"), 1.0)
    if not POSSIBLE_BODY_SUV[0] <= whole <= POSSIBLE_BODY_SUV[1]:
        yield remark(
            "suv_implausible",
            en=f"The mean SUV of the body is {whole:.2f}; with the right activity, time and weight it lies near 1. Check the "
            "administered activity, its time and the weight in the header.",
            zh=f"全身平均 SUV 为 {whole:.2f}；活度、时间和体重正确时应接近 1。请核对文件头中的注射活度、时间和体重。",
        )


def _out_of_proportion(body: Body, measured: Iterable[Measurement], weight_kg: float | None) -> Iterator[Remark]:
    """The body seen against the weight stated, and the activity seen against that given: neither needs a normal patient."""
    if weight_kg is None:
        return
    low, high = POSSIBLE_SHARE
    low = low if body.extent_mm >= LONG_FIELD_MM else 0.0
    litres, whole = body.volume_ml / 1000, next(m.value for m in measured if m.quantity is BODY_SUV)
    if not low <= litres / weight_kg <= high:
        yield remark(
            "weight_does_not_fit_body",
            en=f"The body in the image has about {litres:.0f} L, which does not fit a weight of {weight_kg:.4g} kg. Check the weight in "
            "the header.",
            zh=f"图像中躯体体积约 {litres:.0f} L，与体重 {weight_kg:.4g} kg 不符，请核对文件头中的体重。",
        )
    share = whole * litres / weight_kg
    if not low <= share <= high:
        yield remark(
            "activity_does_not_fit",
            en=f"The image holds {100 * share:.0f} % of the activity stated as given, decay counted: "
            + ("more than there can be. " if share > high else "hardly so little where most of the body is in view. ")
            + "Check the administered activity, its time and the scanner's calibration.",
            zh=f"按衰变计算，图像内活度为所填注射活度的 {100 * share:.0f}%，"
            + ("超出可能范围。" if share > high else "视野已含大部分躯体，不应如此之低。")
            + "请核对注射活度、时间及设备校准。",
        )


def _computed(evidence: Evidence) -> Iterator[Remark]:
    """What the CT of the study tells: cut off by its field of view, or in another frame of reference."""
    companion = evidence.facts.get("companion")
    if evidence.facts.get("ct_in_another_frame"):
        yield remark(
            "frame_of_reference_differs",
            en="The CT of this study is in another frame of reference: the patient was moved between CT and PET, or a series was "
            "processed. Attenuation correction and fusion may be displaced.",
            zh="本次检查的 CT 与 PET 不在同一参考坐标系：两者之间患者可能移动过，或序列经过后处理。衰减校正和融合可能错位。",
        )
    if not isinstance(companion, Evidence) or not isinstance(companion.images, Volume):
        return
    values = companion.images.values
    border = np.concatenate([values[:, [0, -1], :].reshape(len(values), -1), values[:, :, [0, -1]].reshape(len(values), -1)], 1)
    cut = ((border > -300).mean(axis=1) > 0.02).sum() * companion.images.spacing_mm[0]
    if cut > 0:
        yield remark(
            "ct_truncated",
            en=f"The body reaches the edge of the CT field along {cut:.0f} mm; SUV near the edge reads low unless the CT was "
            "extended.",
            zh=f"躯体在轴向 {cut:.0f} mm 范围内超出 CT 视野；若未作扩展重建，边缘附近 SUV 偏低。",
        )


def _planes(
    volume: Volume, liver: Liver | None, factor: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float32] | None, npt.NDArray[np.float32] | None, tuple[float, float, float]]:
    if liver is None:
        return None, None, (0.0, 0.0, 0.0)
    k, j = round(liver.centre[0]), round(liver.centre[1])
    coronal = (volume.values[:, j, :] * factor[:, None]).astype(np.float32)
    axial = (volume.values[k] * factor[k]).astype(np.float32)
    z, y, x = ((c - (n - 1) / 2) * mm for c, n, mm in zip(liver.centre, volume.values.shape, volume.spacing_mm))
    if volume.directions[0][2] >= 0:
        coronal, z = coronal[::-1], -z
    return coronal, axial, (z, y, x)


def _conditions(evidence: Evidence, volume: Volume, liver: Liver | None, conversion: Conversion) -> Iterator[Condition]:
    nuclide: Nuclide | None = nuclide_of(evidence.header, evidence.facts)
    tracer = str(evidence.header.get("radiopharmaceutical") or (nuclide.name if nuclide else "–"))
    rows: dict[Words, Any] = {Words("tracer", "示踪剂"): tracer}
    if (given := _given(evidence, conversion)) is not None:
        rows[Words("administered at", "注射时刻")] = f"{given:%H:%M}"
    if evidence.header.get("reconstruction"):
        rows[Words("reconstruction", "重建方法")] = str(evidence.header["reconstruction"])
    if evidence.header.get("last_calibration_dates"):
        rows[Words("last calibration", "最近校准日期")] = str(evidence.header["last_calibration_dates"][0])
    if liver is not None:
        rows[Words("liver region found", "识别的肝脏区域")] = f"{liver.region_ml:.0f} mL"
        slice_, row, column = (round(c) + 1 for c in liver.centre)
        rows[Words("sphere at slice, row, column", "感兴趣球所在层、行、列")] = f"{slice_}, {row}, {column}"
    for label, value in rows.items():
        yield Condition(label=label, value=Words(str(value), str(value)))
