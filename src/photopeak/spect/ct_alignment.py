"""Alignment of SPECT and CT: point sources seen by SPECT against their markers in the CT of the same frame of reference.

Every source is placed by Gaussian fits in the SPECT volume, its marker by the weighted centre of what is brightest within 30 mm
in the CT; both in patient coordinates. Reported: the distance of each pair, the largest, and with three or more sources that
are not in line the rotation of the best rigid fit. The CT comes as the companion of the SPECT evidence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import label

from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Figure, Points
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.spect.reconstructed_sources import Source, find_sources
from photopeak.spect.reconstructed_widths import scaled_fit
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

ALIGNMENT_ERROR = Quantity(name="alignment_error", unit="mm", en="alignment error", zh="配准误差")
LARGEST = Quantity(name="alignment_error_max", unit="mm", en="largest alignment error", zh="最大配准误差")
ROTATION = Quantity(name="rotation_error", unit="deg", en="rotation error", zh="旋转误差")

REACH_MM = 30.0
LEAST_CONTRAST_HU = 80.0
SIGNIFICANT = 6.0  # standard deviations of the surroundings
SHORTEST_ARM_MM = 20.0  # sources nearer to one line than this say nothing of a rotation


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
    if _companion(evidence) is None:
        return Words("no CT of the same frame of reference beside it", "没有同一坐标系的 CT 图像")
    found = find_sources(evidence.images)
    return found if isinstance(found, Words) else None


def _companion(evidence: Evidence) -> Volume | None:
    companion = evidence.facts.get("companion")
    if isinstance(companion, Evidence) and companion.kind == "ct_volume" and isinstance(companion.images, Volume):
        return companion.images
    return None


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
    placed: list[tuple[int, tuple[Floats, Floats], tuple[Floats, Floats]]] = []
    remarks: list[Remark] = []
    for number, source in enumerate(sources, 1):
        spect = _by_spect(volume, source)
        marker = None if spect is None else _by_ct(ct, spect[0])
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
    found = [_distance(number, spect, marker) for number, spect, marker in placed]
    measurements = [*found, _largest(found), *_rotation(placed)]
    return CtAlignment(
        measurements=tuple(measurements),
        remarks=tuple(remarks),
        conditions=tuple(_conditions(volume, ct, placed)),
        spect_mm=np.array([spect[0] for _, spect, _ in placed]),
        ct_mm=np.array([marker[0] for _, _, marker in placed]),
    )


def _pair(evidence: Evidence) -> tuple[Volume, Volume, tuple[Source, ...]]:
    volume, ct = evidence.images, _companion(evidence)
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


def _position_mm(volume: Volume, index: Floats) -> Floats:
    """Patient coordinates of a voxel index (slice, row, column)."""
    steps = np.asarray(index) * np.asarray(volume.spacing_mm)
    return np.asarray(np.asarray(volume.origin_mm) + steps @ np.asarray(volume.directions), dtype=np.float64)


def _index(volume: Volume, position_mm: Floats) -> Floats:
    from_origin = np.asarray(position_mm) - np.asarray(volume.origin_mm)
    return np.asarray(np.linalg.solve(np.asarray(volume.directions).T, from_origin) / np.asarray(volume.spacing_mm))


def _box(volume: Volume, index: Floats, reach_mm: float) -> tuple[slice, ...] | None:
    low = [max(0, math.ceil(i - reach_mm / mm)) for i, mm in zip(index, volume.spacing_mm)]
    high = [min(n, math.floor(i + reach_mm / mm) + 1) for i, mm, n in zip(index, volume.spacing_mm, volume.values.shape)]
    return tuple(slice(a, b) for a, b in zip(low, high)) if all(b - a >= 3 for a, b in zip(low, high)) else None


def _by_spect(volume: Volume, source: Source) -> tuple[Floats, Floats] | None:
    """Patient position and standard uncertainty along slice, row and column, mm, from Gaussian fits to the sums of a box."""
    box = _box(volume, np.array(source.centre), source.reach_mm)
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
    return _position_mm(volume, index), uncertainty


def _by_ct(ct: Volume, near_mm: Floats) -> tuple[Floats, Floats] | None:
    """Patient position and standard uncertainty of the brightest small thing within reach; None where nothing stands out."""
    box = _box(ct, _index(ct, near_mm), REACH_MM)
    if box is None:
        return None
    part = ct.values[box].astype(np.float64)
    level = float(np.median(part))
    noise = max(1.4826 * float(np.median(np.abs(part - level))), 1e-3)
    excess = part - level
    top = float(excess.max())
    if top < max(LEAST_CONTRAST_HU, SIGNIFICANT * noise):
        return None
    labelled: Any = label(excess > max(0.1 * top, 4 * noise), structure=np.ones((3, 3, 3)))
    marked: npt.NDArray[np.int32] = labelled[0]
    brightest = np.unravel_index(int(np.argmax(excess)), excess.shape)
    own = np.asarray(marked == np.asarray(marked)[brightest], dtype=np.bool_)
    weight = np.where(own, excess, 0.0)
    total = float(weight.sum())
    grids = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in part.shape), indexing="ij")
    centre = np.array([float((weight * grid).sum()) / total for grid in grids])
    away = [(grid[own] - c) * mm for grid, c, mm in zip(grids, centre, ct.spacing_mm)]
    # Noise of the voxels, and about a hundredth of a voxel for where the marker is cut off.
    uncertainty = np.array(
        [math.hypot(noise * math.sqrt(float((a**2).sum())) / total, 0.012 * mm) for a, mm in zip(away, ct.spacing_mm)]
    )
    start = np.array([part_.start for part_ in box])
    return _position_mm(ct, centre + start), uncertainty


def _distance(number: int, spect: tuple[Floats, Floats], marker: tuple[Floats, Floats]) -> Measurement:
    """Length of the difference; noise only enlarges a small one, and that part is in the uncertainty too."""
    difference = spect[0] - marker[0]
    value = float(np.linalg.norm(difference))
    variance = float((spect[1] ** 2).sum() + (marker[1] ** 2).sum())
    enlarged = value - math.sqrt(max(0.0, value**2 - variance))
    return ALIGNMENT_ERROR.of(
        value,
        math.hypot(math.sqrt(variance / 3), enlarged),
        noise_corrected=ALIGNMENT_ERROR.of(value - enlarged, math.sqrt(variance / 3), source=number),
        source=number,
    )


def _largest(found: list[Measurement]) -> Measurement:
    worst = max(found, key=lambda m: m.value)
    return LARGEST.of(worst.value, worst.uncertainty)


def _rotation(placed: list[tuple[int, tuple[Floats, Floats], tuple[Floats, Floats]]]) -> Iterable[Measurement]:
    """Angle of the rotation that best carries the CT places onto the SPECT places."""
    if len(placed) < 3:
        return
    spect, ct = np.array([one[0] for _, one, _ in placed]), np.array([one[0] for _, _, one in placed])
    spect, ct = spect - spect.mean(axis=0), ct - ct.mean(axis=0)
    left, sizes, right = np.linalg.svd(ct.T @ spect)
    arm_mm = math.sqrt(float(sizes[1]) / len(placed))
    if arm_mm < SHORTEST_ARM_MM:
        return
    sign = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(left @ right)))])
    turned = left @ sign @ right
    degrees = math.degrees(math.acos(min(1.0, max(-1.0, (float(np.trace(turned)) - 1) / 2))))
    variance = float(np.mean([(a[1] ** 2).sum() + (b[1] ** 2).sum() for _, a, b in placed])) / 3
    uncertainty = math.degrees(math.sqrt(variance / len(placed)) / arm_mm)
    enlarged = degrees - math.sqrt(max(0.0, degrees**2 - 3 * uncertainty**2))
    yield ROTATION.of(degrees, math.hypot(uncertainty, enlarged), noise_corrected=ROTATION.of(degrees - enlarged, uncertainty))


def _conditions(
    volume: Volume, ct: Volume, placed: list[tuple[int, tuple[Floats, Floats], tuple[Floats, Floats]]]
) -> Iterable[Condition]:
    for name, one in (("SPECT", volume), ("CT", ct)):
        voxel = " × ".join(f"{mm:.2f}" for mm in one.spacing_mm) + " mm"
        yield Condition(
            label=Words(f"{name} voxel (slice, row, column)", f"{name} 体素（层、行、列）"), value=Words(voxel, voxel)
        )
    for number, spect, marker in placed:
        text = ", ".join(f"{part:+.2f}" for part in spect[0] - marker[0]) + " mm"
        yield Condition(
            label=Words(f"source {number}: SPECT minus CT (x, y, z)", f"源 {number}：SPECT 减 CT（x, y, z）"),
            value=Words(text, text),
        )
