"""Alignment of PET and CT: point sources that both see, at several places of the field (NEMA NU 2-2018, PET/CT co-registration).

Every source is placed by Gaussian fits along the three directions of the PET volume, its marker by the weighted centre of what is
brightest within 30 mm in the CT; both in patient coordinates. Reported: the distance of each pair, the largest, and with three or
more sources that are not in line the rotation of the best rigid fit. Both series must name one frame of reference; if they do not,
the scanner does not claim that they are aligned, and nothing is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.ct_markers import (
    ALIGNMENT_ERROR,
    LARGEST,
    REACH_MM,
    ROTATION,
    Placed,
    along_patient_axes,
    companion_ct,
    distance,
    largest,
    marker_in_ct,
    rotation,
)
from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Figure, Points
from photopeak.pet.point_sources import PointSource, axis_profile, find_point_sources, position_mm
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
Pair = tuple[int, Placed, Placed]  #: number; place in PET; place in CT


@dataclass(frozen=True, slots=True, kw_only=True)
class CtAlignment(Result):
    """Places in patient coordinates, mm, [source, (x, y, z)]: where PET and CT see each source."""

    pet_mm: Floats
    ct_mm: Floats

    def figures(self) -> tuple[Figure, ...]:
        found = [m for m in self.measurements if m.quantity is ALIGNMENT_ERROR]
        numbers = tuple(float(m.where["source"]) for m in found)
        return (
            Chart(
                title=Words("Distance between PET and CT", "PET 与 CT 位置之差"),
                x=Axis(label=Words("source", "源"), ticks=numbers),
                y=Axis(label=ALIGNMENT_ERROR.words, unit="mm", low=0.0),
                marks=(Points(x=numbers, measurements=tuple(found)),),
            ),
        )


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume):
        return Words("a stack of PET slices is needed", "需要一组 PET 断层图像")
    if companion_ct(evidence) is None and not evidence.facts.get("ct_in_another_frame"):
        return Words("no CT of the same study beside it", "没有同一检查的 CT 图像")
    found = find_point_sources(evidence.images)
    return found if isinstance(found, Words) else None


@procedure(
    en="PET/CT alignment",
    zh="PET/CT 配准",
    implements="NEMA NU 2-2018, PET/CT co-registration",
    kinds=("pt_volume",),
    quantities=(ALIGNMENT_ERROR, LARGEST, ROTATION),
    accepts=accepts,
)
def ct_alignment(evidence: Evidence) -> CtAlignment:
    """Distance between PET and CT places of point sources, and the rotation between the two."""
    volume, ct, sources = _pair(evidence)
    placed: list[Pair] = []
    notes: list[Remark] = []
    for number, source in enumerate(sources, 1):
        pet = _place(volume, source)
        marker = None if pet is None else marker_in_ct(ct, pet[0])
        if pet is None or marker is None:
            notes.append(
                remark(
                    "source_not_measured",
                    en=f"source {number} has no clear marker within {REACH_MM:.0f} mm in the CT, or is cut off in the PET",
                    zh=f"源 {number} 在 CT 中 {REACH_MM:.0f} mm 范围内无清晰标记，或在 PET 中被截断",
                )
            )
        else:
            placed.append((number, pet, marker))
    if not placed:
        raise Refused(
            "no_markers",
            en=f"{evidence.name}: none of {len(sources)} sources has a marker within {REACH_MM:.0f} mm in the CT; use sources that "
            "the CT shows",
            zh=f"{evidence.name}：{len(sources)} 个源在 CT 中 {REACH_MM:.0f} mm 范围内均无标记；请使用 CT 可见的源。",
        )
    found = [distance(number, pet, marker) for number, pet, marker in placed]
    return CtAlignment(
        measurements=(*found, largest(found), *rotation(placed)),
        remarks=tuple(notes),
        conditions=tuple(_conditions(volume, ct, placed)),
        pet_mm=np.array([pet[0] for _, pet, _ in placed]),
        ct_mm=np.array([marker[0] for _, _, marker in placed]),
    )


def _pair(evidence: Evidence) -> tuple[Volume, Volume, tuple[PointSource, ...]]:
    volume, ct = evidence.images, companion_ct(evidence)
    if evidence.facts.get("ct_in_another_frame"):
        raise Refused(
            "frame_of_reference_differs",
            en=f"{evidence.name}: the CT of this study is in another frame of reference, so its places cannot be compared with those "
            "of the PET. Acquire both in one examination without moving the phantom.",
            zh=f"{evidence.name}：本次检查的 CT 与 PET 不在同一参考坐标系，位置无法比较。请在同一次检查中采集且不移动模体。",
        )
    if not isinstance(volume, Volume) or ct is None:
        raise Refused(
            "no_companion",
            en=f"{evidence.name}: no CT of the same study beside the PET; put both series into one folder",
            zh=f"{evidence.name}：未找到同一检查的 CT 图像；请将两组图像放入同一文件夹。",
        )
    found = find_point_sources(volume)
    if isinstance(found, Words):
        raise Refused(
            "not_point_sources",
            en=f"{evidence.name}: {found.en}; the test needs point sources that the CT shows as well",
            zh=f"{evidence.name}：{found.zh}；本检测需要 CT 也可见的点源。",
        )
    return volume, ct, found


def _place(volume: Volume, source: PointSource) -> Placed | None:
    """Patient position and standard uncertainty, mm."""
    index, uncertainty = [], []
    for axis in range(3):
        profile = axis_profile(volume, source, axis)
        if profile is None:
            return None
        index.append(profile.fit.centre_mm / volume.spacing_mm[axis])
        uncertainty.append(math.sqrt(float(profile.fit.covariance[0, 0])))
    return position_mm(volume, (index[0], index[1], index[2])), along_patient_axes(volume, np.array(uncertainty))


def _conditions(volume: Volume, ct: Volume, placed: list[Pair]) -> Iterable[Condition]:
    for name, one in (("PET", volume), ("CT", ct)):
        voxel = " × ".join(f"{mm:.2f}" for mm in one.spacing_mm) + " mm"
        yield Condition(
            label=Words(f"{name} voxel (slice, row, column)", f"{name} 体素（层、行、列）"), value=Words(voxel, voxel)
        )
    for number, pet, marker in placed:
        text = ", ".join(f"{round(float(part), 2) + 0.0:+.2f}" for part in pet[0] - marker[0]) + " mm (x, y, z)"
        yield Condition(
            label=Words(f"source {number}: PET minus CT", f"源 {number}：PET 减 CT"),
            value=Words(text.replace("-", "−"), text.replace("-", "−")),
        )
