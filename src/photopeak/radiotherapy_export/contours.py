"""Lesion volumes as contours hold them: masks traced along the edges of their pixels, structure sets as they were drawn.

An outline through the centres of pixels loses 14 to 41 % of a sphere's volume at nuclear-medicine voxel sizes and a lesion of one or two
voxels altogether. Traced along the edges, holes joined by a channel, the outline has exactly the pixels' area. For a segmentation the
difference between traced and voxel volume is stated; a structure set's own volume is the area of its contours times their distance. A contour
without area is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence
from photopeak.figure import Figure, Outline, Picture
from photopeak.lesions import Contoured, Lesions, Segment, contoured_volume_ml
from photopeak.measurement import Measurement, Quantity
from photopeak.polygon import outlines
from photopeak.procedure import Refused, Remark, Result, procedure, remark
from photopeak.words import Words

VOLUME = Quantity(name="contour_volume", unit="mL", en="volume within the contours", zh="轮廓内体积", judged=False)
MASK_VOLUME = Quantity(name="mask_volume", unit="mL", en="volume of the voxels", zh="体素体积", judged=False)
DIFFERENCE = Quantity(name="contour_volume_difference", unit="%", en="contours against voxels", zh="轮廓与体素体积之差")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contours(Result):
    """`contoured`: each lesion as it would be exported. `shown[row, column]`: the lesions of a segmentation, one behind the other."""

    contoured: tuple[Contoured, ...]
    shown: npt.NDArray[np.float64] | None
    pixel_mm: tuple[float, float]

    def figures(self) -> tuple[Figure, ...]:
        if self.shown is None:
            return ()
        return (
            Picture(
                title=Words("Slices that each lesion covers", "各处被病灶覆盖的层数"),
                values=self.shown,
                pixel_mm=self.pixel_mm,
                left_mm=0.0,
                top_mm=0.0,
                window=(0.0, max(float(self.shown.max()), 1.0)),
                unit=Words("slices", "层"),
                overlays=(Outline(mask=self.shown > 0),),
                scale_bar_mm=50.0,
            ),
        )


def accepts(evidence: Evidence) -> Words | None:
    return None if isinstance(evidence.images, Lesions) else Words("holds no lesions", "不含病灶")


@procedure(
    en="Lesion contours",
    zh="病灶轮廓",
    implements="tracing along pixel edges; DICOM PS3.3 C.8.8.6 (ROI contours)",
    kinds=("lesions",),
    quantities=(VOLUME, MASK_VOLUME, DIFFERENCE),
    accepts=accepts,
)
def contours(evidence: Evidence) -> Contours:
    """The volume of each lesion by its contours, and against its voxels."""
    lesions = evidence.images
    if not isinstance(lesions, Lesions):
        raise Refused(
            "no_lesions",
            en=f"{evidence.name} holds no lesions; a DICOM segmentation or structure set is needed",
            zh=f"{evidence.name} 不含病灶；需要 DICOM 分割或结构集。",
        )
    measurements: list[Measurement] = []
    remarks: list[Remark] = []
    kept: list[Contoured] = []
    for region in lesions.regions:
        try:
            traced = traced_contours(region) if isinstance(region, Segment) else region
            volume = _segment_volume(region, traced) if isinstance(region, Segment) else contoured_volume_ml(region)
        except ValueError as error:
            remarks.append(_refused(region.label, str(error)))
            continue
        kept.append(traced)
        measurements.append(VOLUME.of(volume, lesion=region.label))
        if isinstance(region, Segment):
            measurements.append(MASK_VOLUME.of(region.volume_ml, lesion=region.label))
            measurements.append(DIFFERENCE.of(100 * (volume / region.volume_ml - 1), lesion=region.label))
    if not kept:
        raise Refused("no_contour", en=remarks[0].words.en, zh=remarks[0].words.zh)
    shown, pixel_mm = _shown(lesions)
    return Contours(
        measurements=tuple(measurements), remarks=tuple(remarks), contoured=tuple(kept), shown=shown, pixel_mm=pixel_mm
    )


def traced_contours(segment: Segment) -> Contoured:
    """The outlines of a mask in patient coordinates, slice by slice. ValueError: an empty mask."""
    normal, down, right = (np.asarray(one) for one in segment.directions)
    dz, dy, dx = segment.spacing_mm
    found = []
    for k in np.flatnonzero(segment.mask.any(axis=(1, 2))):
        corner = np.asarray(segment.origin_mm) + k * dz * normal
        found += [corner + points[:, :1] * dy * down + points[:, 1:] * dx * right for points in outlines(segment.mask[k])]
    if not found:
        raise ValueError("the mask is empty")
    return Contoured(label=segment.label, contours=tuple(found))


def _segment_volume(segment: Segment, traced: Contoured) -> float:
    """Of the traced contours, with the slice distance of the mask."""
    down, right = (np.asarray(one) for one in segment.directions[1:])
    area = 0.0
    for contour in traced.contours:
        x, y = contour @ right, contour @ down
        area += 0.5 * float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
    return area * segment.spacing_mm[0] / 1000


def _refused(label: str, why: str) -> Remark:
    return remark(
        "contour_refused",
        en=f"{label}: {why}; radiotherapy would see nothing of it, draw it again",
        zh=f"{label}：轮廓没有面积或只有一层，放疗系统将无法得到其体积，请重新勾画",
    )


def _shown(lesions: Lesions) -> tuple[npt.NDArray[np.float64] | None, tuple[float, float]]:
    segments = [one for one in lesions.regions if isinstance(one, Segment)]
    same = [one for one in segments if one.mask.shape[1:] == segments[0].mask.shape[1:]]
    if not same:
        return None, (1.0, 1.0)
    return np.sum([one.mask.sum(axis=0) for one in same], axis=0).astype(np.float64), same[0].spacing_mm[1:]
