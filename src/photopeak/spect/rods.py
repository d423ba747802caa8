"""Rods of a Jaszczak phantom: how much of each sector's pattern the image keeps, and the smallest rods that are resolved.

Cold rods of diameter d stand on a triangular lattice of pitch 2 d in six sectors of 60 degrees. In each sector the three
lattice waves (period d times the square root of 3) are fitted with free phase; their mean amplitude over that of ideal cold
rods of the same mean is the modulation: 1 for a perfect image, the transfer function at that frequency for a blurred one. The
orientation of the six sectors is fitted first. Rule for "resolved": the modulation exceeds three times its noise, and at least
three quarters of the sector's rods are darker than the water around them (ACR phantom criteria, revised 2024-08-02).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.cylinder import Cylinder, crop_round, find_cylinder, inserted_slices
from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Circle, Figure, Outline, Picture, Points
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.rods import MODULATION, RODS_MM, SMALLEST, Sector, rod_section, smallest_resolved
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

FEWEST_SLICES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rods(Result):
    """`slab[row, column]`: mean of the slices through the rods; `wedges[sector]` are masks, largest rods first."""

    slab: Floats
    pixel_mm: tuple[float, float]
    cylinder: Cylinder
    wedges: tuple[npt.NDArray[np.bool_], ...]
    rods_mm: tuple[float, ...]
    rotation_deg: float
    turn: int

    def figures(self) -> tuple[Figure, ...]:
        crop = crop_round(self.cylinder, self.slab.shape, self.pixel_mm)
        x, y = self.cylinder.axis_at(0.0)
        found = [m for m in self.measurements if m.quantity is MODULATION]
        picture = Picture(
            title=Words("Mean of the slices through the rods", "棒区各层平均图像"),
            values=self.slab[crop.rows, crop.columns],
            pixel_mm=self.pixel_mm,
            left_mm=crop.left_mm,
            top_mm=crop.top_mm,
            window=(0.0, float(np.percentile(self.slab, 99.8))),
            unit=Words("counts", "计数"),
            overlays=(
                *(
                    Outline(mask=wedge[crop.rows, crop.columns], label=f"{mm:g}")
                    for wedge, mm in zip(self.wedges, self.rods_mm)
                ),
                Circle(x_mm=x, y_mm=y, radius_mm=self.cylinder.radius_mm, style="dashed"),
            ),
        )
        chart = Chart(
            title=MODULATION.words,
            x=Axis(label=Words("rod diameter", "棒直径"), unit="mm"),
            y=Axis(label=MODULATION.words),
            marks=(Points(x=tuple(float(m.where["rod_mm"]) for m in found), measurements=tuple(found)),),
        )
        return (picture, chart)


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume):
        return Words("not a reconstructed volume", "不是断层重建图像")
    found = find_cylinder(evidence.images)
    if isinstance(found, Words):
        return found
    part = inserted_slices(evidence.images, found)
    if part.stop - part.start < FEWEST_SLICES:
        return Words("a cylinder without a section of rods", "圆柱模体内未见棒区")
    return None


@procedure(
    en="Rods",
    zh="断层棒区分辨",
    implements="ACR phantom criteria, revised 2024-08-02 (rule of 75 %)",
    kinds=("nm_volume",),
    quantities=(MODULATION, SMALLEST),
    accepts=accepts,
)
def rods(
    evidence: Evidence,
    *,
    rod_diameters_mm: Annotated[str, Words("rod diameters in mm, or auto", "棒直径（mm），或 auto")] = "auto",
) -> Rods:
    """Modulation of each of six sectors of cold rods, and the smallest rods resolved."""
    volume, cylinder, part = _section(evidence)
    sizes = _sizes(evidence, rod_diameters_mm)
    section = rod_section(volume, cylinder, part, sizes)
    sectors, rotation, turn = section.sectors, section.rotation, section.turn
    if not any(one.resolved for one in sectors[:2]):
        raise Refused(
            "rods_not_found",
            en=f"{evidence.name}: a section with inserts, but neither of the two largest sectors of rods ({sizes[0]:g} and "
            f"{sizes[1]:g} mm) stands out of its noise; check the rod diameters (rod_widths_mm) and the counts",
            zh=f"{evidence.name}：存在插件区，但最大的两个扇区（{sizes[0]:g} 和 {sizes[1]:g} mm）的棒均未高于噪声；"
            "请核对棒直径（rod_widths_mm）与计数。",
        )
    return Rods(
        measurements=section.measurements(),
        remarks=tuple(_noticed(sectors)),
        conditions=tuple(_conditions(part, volume, rotation, turn, sectors)),
        slab=section.slab,
        pixel_mm=volume.spacing_mm[1:],
        cylinder=cylinder,
        wedges=tuple(one.wedge for one in sectors),
        rods_mm=sizes,
        rotation_deg=math.degrees(rotation) % 360.0,
        turn=turn,
    )


def _section(evidence: Evidence) -> tuple[Volume, Cylinder, slice]:
    volume = evidence.images
    found = find_cylinder(volume) if isinstance(volume, Volume) else Words("not a reconstructed volume", "不是断层重建图像")
    if isinstance(found, Words) or not isinstance(volume, Volume):
        why = found if isinstance(found, Words) else Words("no volume", "无图像")
        raise Refused(
            "not_a_cylinder",
            en=f"{evidence.name}: {why.en}; the test needs the transaxial slices of a cylindrical phantom with rods",
            zh=f"{evidence.name}：{why.zh}；本检测需要含棒圆柱模体的横断面重建图像。",
        )
    part = inserted_slices(volume, found)
    dark = max(0, part.stop - part.start)
    if dark < FEWEST_SLICES:
        raise Refused(
            "no_rods",
            en=f"{evidence.name}: {dark} slices are darker than the uniform ones, a section "
            "of rods needs "
            f"{FEWEST_SLICES}; is this a uniform phantom?",
            zh=f"{evidence.name}：低于均匀层的层面仅 {dark} 层，棒区至少需要 {FEWEST_SLICES} 层；请确认是否为均匀模体。",
        )
    return volume, found, part


def _sizes(evidence: Evidence, text: str) -> tuple[float, ...]:
    given = evidence.facts.get("rod_widths_mm", RODS_MM) if text.strip() in ("", "auto") else text.replace("，", ",").split(",")
    try:
        sizes = tuple(sorted((float(one) for one in given), reverse=True))
    except ValueError:
        sizes = ()
    if len(sizes) != 6 or min(sizes) <= 0:
        raise Refused(
            "rod_diameters",
            en=f"six rod diameters in mm are needed, one a sector, for example 12.7,11.1,9.5,7.9,6.4,4.8; found {text!r}",
            zh=f"需要六个扇区的棒直径（mm），例如 12.7,11.1,9.5,7.9,6.4,4.8；当前为 {text!r}。",
        )
    return sizes


def _noticed(sectors: list[Sector]) -> Iterable[Remark]:
    smallest = smallest_resolved(sectors)
    if smallest == sectors[-1].rod_mm:
        yield remark(
            "all_resolved",
            en="even the smallest rods are resolved: the true limit lies below",
            zh="最小的棒也可分辨：实际分辨极限更小。",
        )


def _conditions(part: slice, volume: Volume, rotation: float, turn: int, sectors: list[Sector]) -> Iterable[Condition]:
    millimetres = (part.stop - part.start) * volume.spacing_mm[0]
    yield Condition(
        label=Words("slices averaged", "平均层面"),
        value=Words(
            f"{part.start + 1} to {part.stop} ({millimetres:.0f} mm)",
            f"第 {part.start + 1} 至 {part.stop} 层（{millimetres:.0f} mm）",
        ),
    )
    seen = ("clockwise", "顺时针") if turn > 0 else ("counter-clockwise", "逆时针")
    degrees = math.degrees(rotation) % 360
    yield Condition(
        label=Words("orientation", "方位"),
        value=Words(
            f"largest rods at {degrees:.1f}°, the next {seen[0]} in the image",
            f"最粗的棒位于 {degrees:.1f}° 处，其余{seen[1]}排列",
        ),
    )
    yield Condition(
        label=Words("rods seen", "可见棒比例"),
        value=Words(*(2 * (", ".join(f"{one.rod_mm:g} mm: {one.seen:.0%} (z {min(one.z, 999.0):.0f})" for one in sectors),))),
    )
