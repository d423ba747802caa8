"""Uptake and volume of drawn lesions in a PET: SUV, SUL, peaks, metabolic tumour volume and lesion glycolysis.

Lesions come from a segmentation or structure set in the frame of reference of the PET. The volume depends on how it is cut: as drawn, at a
share of each lesion's maximum (41 % by default), or at a fixed SUV; the way is named in `threshold`, because the choice itself decides
the tumour volume. Peaks are those of the IBSI manual (1 mL, ties taken at their highest). SUL is given by both formulas where sex and height
are known. The stated uncertainty of a volume is that of cutting voxels at its edge (1/12 of a voxel each, in variance): it says nothing of
where somebody else would have drawn the edge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from photopeak.evidence import Evidence, Volume
from photopeak.figure import Figure, Outline, Picture
from photopeak.intensity_peak import intensity_peaks
from photopeak.lesions import Lesions, on_grid
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.suv.body_size import body_mass_kg
from photopeak.suv.suv_conversion import suv_conversion
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Threshold = Literal["drawn", "share_of_maximum", "fixed_suv"]

SUV = Quantity(name="lesion_suv", unit="g/mL", en="SUV of the lesion", zh="病灶 SUV", judged=False)
SUL = Quantity(name="lesion_sul", unit="g/mL", en="SUL of the lesion", zh="病灶 SUL", judged=False)
VOLUME = Quantity(name="metabolic_tumour_volume", unit="mL", en="metabolic tumour volume", zh="代谢肿瘤体积", judged=False)
GLYCOLYSIS = Quantity(name="lesion_glycolysis", unit="g", en="total lesion glycolysis", zh="病灶糖酵解总量", judged=False)
FORMULAS = {"janmahasatian": "LBMJANMA", "james": "LBMJAMES128"}
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionUptake(Result):
    """`projection[slice, column]`: largest SUV along the rows, head upwards; `drawn`: the same of the lesions."""

    projection: Floats
    drawn: Mask
    pixel_mm: tuple[float, float]

    def figures(self) -> tuple[Figure, ...]:
        return (
            Picture(
                title=Words("Largest SUV along the rows, with the lesions", "沿行方向最大 SUV 投影及病灶"),
                values=self.projection,
                pixel_mm=self.pixel_mm,
                left_mm=0.0,
                top_mm=0.0,
                window=(0.0, max(float(np.quantile(self.projection, 0.995)), 1e-6)),
                unit=Words("SUV", "SUV"),
                palette="inverse",
                overlays=(Outline(mask=self.drawn),),
                scale_bar_mm=50.0,
            ),
        )


def accepts(evidence: Evidence) -> Words | None:
    if not evidence.facts.get("lesions"):
        return Words("no segmentation or structure set belongs to it", "没有与之对应的分割或结构集")
    return None


@procedure(
    en="Uptake of lesions",
    zh="病灶摄取",
    implements="IBSI reference manual 3.2 (peaks); PERCIST 1.0 (SUL); threshold named",
    kinds=("pt_volume",),
    quantities=(SUV, SUL, VOLUME, GLYCOLYSIS),
    accepts=accepts,
)
def lesion_uptake(
    evidence: Evidence,
    *,
    threshold: Annotated[
        Threshold, Words("volume: drawn, share_of_maximum or fixed_suv", "体积界定：drawn、share_of_maximum 或 fixed_suv")
    ] = "drawn",
    share_percent: Annotated[float, Words("share of the maximum, %", "最大值的百分比，%")] = 41.0,
    fixed_suv: Annotated[float, Words("fixed SUV", "固定 SUV 阈值")] = 4.0,
) -> LesionUptake:
    """Uptake of each lesion and of all together (lesion = "all")."""
    volume = evidence.images
    drawn = tuple(evidence.facts.get("lesions", ()))
    if not isinstance(volume, Volume) or not drawn:
        raise Refused(
            "no_lesions",
            en=f"{evidence.name}: no lesions are drawn on it; add a DICOM segmentation or structure set in its frame of reference",
            zh=f"{evidence.name}：未勾画病灶；请同时提供同一参考坐标系的 DICOM 分割或结构集。",
        )
    conversion = suv_conversion(
        evidence.header, volume.units, slices=len(volume.values), facts=evidence.facts, vendor=evidence.about.manufacturer or ""
    )
    suv = volume.values.astype(np.float64) * np.asarray(conversion.factors)[:, None, None]
    named, remarks = _masks(drawn, volume)
    cut = {label: _cut(suv, mask, threshold, share_percent, fixed_suv) for label, mask in named.items()}
    remarks += [_nothing_left(label) for label, mask in cut.items() if not mask.any()]
    kept = {label: mask for label, mask in cut.items() if mask.any()}
    if not kept:
        raise Refused(
            "no_lesion_left",
            en=f"{evidence.name}: no voxel of {len(named)} lesions is above the threshold; choose another with --threshold",
            zh=f"{evidence.name}：{len(named)} 个病灶均无体素高于阈值，请用 --threshold 更换。",
        )
    masses = _lean_shares(evidence, conversion.weight_kg)
    way = {"drawn": "drawn", "share_of_maximum": f"{share_percent:g} %", "fixed_suv": f"SUV {fixed_suv:g}"}[threshold]
    measurements = tuple(_measure(suv, kept, volume, masses, way))
    together = np.any(list(kept.values()), axis=0)
    return LesionUptake(
        measurements=measurements,
        remarks=(*conversion.remarks, *remarks),
        conditions=(Condition(label=Words("threshold of the volume", "体积阈值"), value=Words(way, way)),),
        projection=suv.max(axis=1)[::-1],
        drawn=together.max(axis=1)[::-1],
        pixel_mm=(volume.spacing_mm[0], volume.spacing_mm[2]),
    )


def _masks(drawn: Iterable[Evidence], volume: Volume) -> tuple[dict[str, Mask], list[Remark]]:
    """The lesions on the grid of the PET, by label; a label that comes twice is numbered."""
    found: dict[str, Mask] = {}
    remarks = []
    for one in drawn:
        lesions = one.images
        if not isinstance(lesions, Lesions):
            continue
        for region in lesions.regions:
            label = region.label
            if label in found:
                label = f"{label} ({sum(name.startswith(region.label) for name in found) + 1})"
            try:
                mask = on_grid(region, volume)
            except ValueError as error:
                remarks.append(_not_on_grid(label, str(error)))
                continue
            if mask.any():
                found[label] = mask
            else:
                remarks.append(_not_on_grid(label, "it lies outside the image"))
    return found, remarks


def _not_on_grid(label: str, why: str) -> Remark:
    return remark(
        "lesion_not_measured",
        en=f"{label} was not measured: {why}",
        zh=f"{label} 未测量：不在图像层面或范围内",
    )


def _nothing_left(label: str) -> Remark:
    return remark("lesion_below_threshold", en=f"{label}: no voxel is above the threshold", zh=f"{label}：没有体素高于阈值")


def _cut(suv: Floats, mask: Mask, threshold: Threshold, share_percent: float, fixed_suv: float) -> Mask:
    if threshold == "drawn":
        return mask
    limit = fixed_suv if threshold == "fixed_suv" else share_percent / 100 * float(suv[mask].max())
    return np.asarray(mask & (suv >= limit))


def _lean_shares(evidence: Evidence, weight_kg: float | None) -> dict[str, float]:
    """Lean body mass over weight by each formula, where sex, weight and height are known."""
    height_cm = evidence.facts.get("height_cm") or 100 * float(evidence.header.get("height_m") or 0.0)
    sex = str(evidence.header.get("sex") or "")
    weight = weight_kg or evidence.facts.get("weight_kg") or evidence.header.get("weight_kg")
    if sex not in ("M", "F") or not weight or not 50 < float(height_cm) < 260:
        return {}
    shares = {name: body_mass_kg(kind, float(weight), float(height_cm), sex) / float(weight) for name, kind in FORMULAS.items()}
    return {name: share for name, share in shares.items() if share > 0}


def _measure(suv: Floats, kept: dict[str, Mask], volume: Volume, lean: dict[str, float], way: str) -> Iterable[Measurement]:
    voxel_ml = float(np.prod(volume.spacing_mm)) / 1000
    total_ml = total_g = 0.0
    squares = 0.0
    for label, mask in kept.items():
        inside = suv[mask]
        peaks = intensity_peaks(suv, mask, volume.spacing_mm)
        statistics = {
            "max": float(inside.max()),
            "mean": float(inside.mean()),
            "peak": peaks.highest,
            "peak_at_maximum": peaks.local,
        }
        for name, value in statistics.items():
            yield SUV.of(value, lesion=label, statistic=name)
            for formula, share in lean.items():
                yield SUL.of(value * share, lesion=label, statistic=name, formula=formula)
        volume_ml, u_ml = inside.size * voxel_ml, _edge_uncertainty(mask) * voxel_ml
        yield VOLUME.of(volume_ml, u_ml, lesion=label, threshold=way)
        yield GLYCOLYSIS.of(volume_ml * statistics["mean"], lesion=label, threshold=way)
        total_ml, total_g, squares = total_ml + volume_ml, total_g + volume_ml * statistics["mean"], squares + u_ml**2
    yield VOLUME.of(total_ml, float(np.sqrt(squares)), lesion=ALL, threshold=way)
    yield GLYCOLYSIS.of(total_g, lesion=ALL, threshold=way)


def _edge_uncertainty(mask: Mask) -> float:
    """Standard uncertainty of the number of voxels: each edge voxel is cut somewhere within itself, u² = 1/12 of a voxel each."""
    edge = mask & ~ndimage.binary_erosion(mask)
    return float(np.sqrt(edge.sum() / 12))
