"""Alignment of SPECT and CT: point sources seen by SPECT against their markers in the CT of the same frame of reference.

Every source is placed by Gaussian fits in the SPECT volume, its marker by the weighted centre of what is brightest within 30 mm
in the CT; both in patient coordinates. Reported: the distance of each pair, the largest, and with three or more sources that
are not in line the rotation of the best rigid fit. The CT comes as the companion of the SPECT evidence.
"""

from __future__ import annotations

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
    box_round,
    companion_ct,
    distance,
    largest,
    marker_in_ct,
    position_mm,
    rotation,
)
from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Figure, Points
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.spect.reconstructed_sources import Source, find_sources
from photopeak.spect.reconstructed_widths import scaled_fit
from photopeak.words import Words

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CtAlignment(Result):
    """Places in patient coordinates, mm, [source, (x, y, z)]: where SPECT and CT see each source."""

    spect_mm: Floats
    ct_mm: Floats

    def figures(self) -> tuple[Figure, ...]:
        found = [m for m in self.measurements if m.quantity is ALIGNMENT_ERROR]
        return (
            Chart(
                title=Words("Distance between SPECT and CT", "SPECT 与 CT 位置之差"),
                x=Axis(label=Words("source", "源"), ticks=tuple(float(n) for n in range(1, len(self.spect_mm) + 1))),
                y=Axis(label=ALIGNMENT_ERROR.words, unit="mm", low=0.0),
                marks=(Points(x=tuple(float(m.where["source"]) for m in found), measurements=tuple(found)),),
            ),
        )


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume):
        return Words("not a reconstructed volume", "不是断层重建图像")
    if companion_ct(evidence) is None:
        return Words("no CT of the same frame of reference beside it", "没有同一坐标系的 CT 图像")
    found = find_sources(evidence.images)
    return found if isinstance(found, Words) else None


@procedure(
    en="SPECT/CT alignment",
    zh="SPECT/CT 配准",
    implements="IAEA HHS-6 (SPECT/CT); AAPM Report 177",
    kinds=("nm_volume",),
    quantities=(ALIGNMENT_ERROR, LARGEST, ROTATION),
    accepts=accepts,
)
def ct_alignment(evidence: Evidence) -> CtAlignment:
    """Distance between SPECT and CT places of point sources, and the rotation between the two."""
    volume, ct, sources = _pair(evidence)
    placed: list[tuple[int, Placed, Placed]] = []
    remarks: list[Remark] = []
    for number, source in enumerate(sources, 1):
        spect = _by_spect(volume, source)
        marker = None if spect is None else marker_in_ct(ct, spect[0])
        if spect is None or marker is None:
            remarks.append(
                remark(
                    "source_not_measured",
                    en=f"source {number} has no clear marker within {REACH_MM:.0f} mm in the CT",
                    zh=f"源 {number} 在 CT 中 {REACH_MM:.0f} mm 范围内无清晰标记",
                )
            )
        else:
            placed.append((number, spect, marker))
    if not placed:
        raise Refused(
            "no_markers",
            en=f"{evidence.name}: none of {len(sources)} sources has a marker within {REACH_MM:.0f} mm in the CT; "
            "use sources that the CT shows, in one acquisition",
            zh=f"{evidence.name}：{len(sources)} 个源在 CT 中 {REACH_MM:.0f} mm 范围内均无标记；请使用 CT 可见的源，"
            "并在同一次采集中完成。",
        )
    found = [distance(number, spect, marker) for number, spect, marker in placed]
    measurements = [*found, largest(found), *rotation(placed)]
    return CtAlignment(
        measurements=tuple(measurements),
        remarks=tuple(remarks),
        conditions=tuple(_conditions(volume, ct, placed)),
        spect_mm=np.array([spect[0] for _, spect, _ in placed]),
        ct_mm=np.array([marker[0] for _, _, marker in placed]),
    )


def _pair(evidence: Evidence) -> tuple[Volume, Volume, tuple[Source, ...]]:
    volume, ct = evidence.images, companion_ct(evidence)
    if not isinstance(volume, Volume) or ct is None:
        raise Refused(
            "no_companion",
            en=f"{evidence.name}: no CT of the same study beside the SPECT; put both series into one folder",
            zh=f"{evidence.name}：未找到同一检查的 CT 图像；请将两组图像放入同一文件夹。",
        )
    found = find_sources(volume)
    if isinstance(found, Words):
        raise Refused(
            "not_point_sources",
            en=f"{evidence.name}: {found.en}; the test needs three or more point sources that the CT shows as well",
            zh=f"{evidence.name}：{found.zh}；本检测需要三个或更多 CT 也可见的点源。",
        )
    return volume, ct, found


def _by_spect(volume: Volume, source: Source) -> Placed | None:
    """Patient position and standard uncertainty, mm, from Gaussian fits to the sums of a box."""
    box = box_round(volume, np.array(source.centre), source.reach_mm)
    if box is None or source.kind == "line":
        return None
    part = volume.values[box].astype(np.float64)
    index, uncertainty = np.zeros(3), np.zeros(3)
    for axis in range(3):
        profile = part.sum(axis=tuple({0, 1, 2} - {axis}))
        mm = volume.spacing_mm[axis]
        fit = scaled_fit(np.asarray(mm * np.arange(len(profile)), dtype=np.float64), profile)
        if fit is None:
            return None
        index[axis], uncertainty[axis] = box[axis].start + fit.centre_mm / mm, fit.centre_uncertainty_mm
    return position_mm(volume, index), along_patient_axes(volume, uncertainty)


def _conditions(volume: Volume, ct: Volume, placed: list[tuple[int, Placed, Placed]]) -> Iterable[Condition]:
    for name, one in (("SPECT", volume), ("CT", ct)):
        voxel = " × ".join(f"{mm:.2f}" for mm in one.spacing_mm) + " mm"
        yield Condition(
            label=Words(f"{name} voxel (slice, row, column)", f"{name} 体素（层、行、列）"), value=Words(voxel, voxel)
        )
    for number, spect, marker in placed:
        text = ", ".join(f"{round(float(part), 2) + 0.0:+.2f}" for part in spect[0] - marker[0]) + " mm (x, y, z)"
        yield Condition(
            label=Words(f"source {number}: SPECT minus CT", f"源 {number}：SPECT 减 CT"),
            value=Words(text.replace("-", "−"), text.replace("-", "−")),
        )
