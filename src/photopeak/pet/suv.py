"""SUV of a PET series from its header: can it be computed, by which way, and what would make it wrong.

SUV by body weight, by the rules of the IBSI manual on SUV computation. BQML: weight / activity decayed to the moment that the
image is corrected to. CNTS: the manufacturer's factors. GML and CM2ML: from the body measure that SUV Type names. The moment of
decay correction is found by every route of the header (series time, manufacturer's scan time, frame reference time, decay
factor); a spread of more than 1 % of SUV is remarked. Slopes are applied slice by slice. Statistics are those of the voxels above
2 % of the maximum. Refused: other units, missing or contradictory corrections, activity, weight or times; derived images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, Volume
from photopeak.figure import Figure, Picture
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Result, procedure
from photopeak.suv.scan_times import Reference
from photopeak.suv.suv_conversion import Conversion, suv_conversion
from photopeak.words import Words

Floats = npt.NDArray[np.float32]

SUV = Quantity(name="suv", unit="g/mL", en="SUV by body weight", zh="体重 SUV", judged=False)
FACTOR = Quantity(name="suv_factor", unit="g/Bq", en="factor from Bq/mL to SUV", zh="Bq/mL 到 SUV 的换算因子", judged=False)
SPREAD = Quantity(
    name="reference_time_spread", unit="s", en="spread of the reference times", zh="各参考时刻的差异", judged=False
)
AIR = 0.02  # of the maximum: below, voxels are air

PATHS = {
    "bqml": Words("activity, weight and decay (BQML)", "活度、体重与衰变（BQML）"),
    "philips_suv": Words("manufacturer's SUV factor (7053,1000)", "厂家 SUV 因子 (7053,1000)"),
    "philips_activity": Words("manufacturer's activity factor (7053,1009)", "厂家活度因子 (7053,1009)"),
    "gml": Words("stored as SUV (GML)", "以 SUV 存储（GML）"),
    "cm2ml": Words("stored as SUV by body surface (CM2ML)", "以体表面积 SUV 存储（CM2ML）"),
}
ROUTES = {
    "decay_correction_datetime": Words("decay correction time", "衰减校正时间"),
    "series_time": Words("series time", "序列时间"),
    "ge_scan_time": Words("scan time (0009,100D)", "扫描时间 (0009,100D)"),
    "frame_reference_time": Words("frame reference time", "帧参考时间"),
    "siemens_decay_time": Words("decay time (0071,1022)", "衰减时间 (0071,1022)"),
    "decay_factor": Words("decay factor", "衰减因子"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suv(Result):
    """`projection[slice, column]`: largest SUV along the rows, head upwards; `pixel_mm` as (slice, column)."""

    projection: Floats
    pixel_mm: tuple[float, float]

    def figures(self) -> tuple[Figure, ...]:
        top = float(self.projection.max())
        return (
            Picture(
                title=Words("Largest SUV from front to back", "前后方向最大 SUV 投影"),
                values=self.projection,
                pixel_mm=self.pixel_mm,
                left_mm=-self.projection.shape[1] * self.pixel_mm[1] / 2,
                top_mm=-self.projection.shape[0] * self.pixel_mm[0] / 2,
                window=(0.0, min(top, 10.0) if top > 0 else 1.0),
                unit=Words("g/mL", "g/mL"),
                palette="inverse",
            ),
        )


def accepts(evidence: Evidence) -> Words | None:
    if isinstance(evidence.images, Volume) and evidence.images.values.ndim == 3:
        return None
    return Words("a stack of PET slices is needed", "需要一组 PET 断层图像")


@procedure(
    en="SUV and its header",
    zh="SUV 及其文件头",
    implements="IBSI SUV computation manual; QIBA FDG-PET/CT, appendix G",
    kinds=("pt_volume",),
    quantities=(SUV, FACTOR, SPREAD),
    accepts=accepts,
)
def suv(evidence: Evidence) -> Suv:
    """SUV of the voxels above 2 % of the maximum. The facts activity_mbq with assayed_at, weight_kg, height_cm and nuclide go
    before the header."""
    volume = evidence.images
    if not isinstance(volume, Volume) or volume.values.ndim != 3:
        raise Refused(
            "not_a_volume",
            en=f"{evidence.name} holds no stack of PET slices. Give the folder of the reconstructed series.",
            zh=f"{evidence.name} 中没有 PET 断层图像序列。请提供重建后的整个序列。",
        )
    conversion = conversion_of(evidence, volume)
    values = suv_values(volume.values, conversion)
    inside = values[values > AIR * float(values.max())]
    if not inside.size:
        raise Refused(
            "empty",
            en=f"{evidence.name}: every voxel is zero or less. Is this the right series?",
            zh=f"{evidence.name}：所有体素均不大于零。请确认所选序列是否正确。",
        )
    return Suv(
        measurements=tuple(_measurements(inside, conversion)),
        remarks=conversion.remarks,
        conditions=tuple(_conditions(conversion)),
        projection=_projection(values, volume),
        pixel_mm=(volume.spacing_mm[0], volume.spacing_mm[2]),
    )


def conversion_of(evidence: Evidence, volume: Volume) -> Conversion:
    """The conversion to SUV of a PET series."""
    return suv_conversion(
        evidence.header,
        volume.units,
        slices=len(volume.values),
        facts=evidence.facts,
        vendor=evidence.about.manufacturer or "",
    )


def suv_values(values: npt.NDArray[np.float32], conversion: Conversion) -> Floats:
    """SUV[slice, row, column]."""
    factors = np.asarray(conversion.factors, dtype=np.float64)[:, None, None]
    scaled: Floats = np.multiply(values, factors, dtype=np.float32, casting="same_kind")
    return scaled


def _measurements(inside: Floats, conversion: Conversion) -> Iterator[Measurement]:
    found = {
        "min": float(inside.min()),
        "median": float(np.median(inside)),
        "mean": float(inside.mean(dtype=np.float64)),
        "max": float(inside.max()),
    }
    for statistic, value in found.items():
        yield SUV.of(value, statistic=statistic)
    if conversion.per_becquerel:
        each = np.array(conversion.factors) / np.array(conversion.counts_to_bq)
        yield FACTOR.of(float(np.median(each)))
    if conversion.reference is not None:
        yield SPREAD.of(conversion.reference.spread_s)


def _projection(values: Floats, volume: Volume) -> Floats:
    """Seen from the front, head upwards where the slices say which way they run."""
    seen: Floats = values.max(axis=1)
    return seen[::-1] if volume.directions[0][2] >= 0 else seen


def _conditions(conversion: Conversion) -> Iterable[Condition]:
    yield Condition(label=Words("way to SUV", "换算途径"), value=PATHS[conversion.path])
    yield Condition(
        label=Words("statistics over", "统计范围"), value=Words("voxels above 2 % of the maximum", "高于最大值 2% 的体素")
    )
    plain = {
        Words("administered activity", "注射活度"): (conversion.activity_bq, 1e-6, "MBq", ".4g"),
        Words("weight", "体重"): (conversion.weight_kg, 1.0, "kg", ".4g"),
        Words("half-life", "半衰期"): (conversion.half_life_s, 1.0, "s", ".6g"),
    }
    for label, (value, scale, unit, form) in plain.items():
        if value is not None:
            text = f"{scale * value:{form}} {unit}"
            yield Condition(label=label, value=Words(text, text))
    if conversion.injected is not None:
        text = f"{conversion.injected:%H:%M:%S}"
        yield Condition(label=Words("administered at", "注射时刻"), value=Words(text, text))
    if len(set(conversion.factors)) > 1:
        text = f"{min(conversion.factors):.6g}–{max(conversion.factors):.6g}"
        yield Condition(label=Words("factor by slice", "各层换算因子"), value=Words(text, text))
    yield from _routes(conversion.reference)


def _routes(reference: Reference | None) -> Iterator[Condition]:
    if reference is None:
        return
    for name, moment in reference.routes.items():
        text = f"{moment:%H:%M:%S}"
        chosen = name == reference.route
        said = Words(f"{text} (taken)", f"{text}（采用）") if chosen else Words(text, text)
        label = Words(f"reference time: {ROUTES[name].en}", f"参考时刻：{ROUTES[name].zh}")
        yield Condition(label=label, value=said)
