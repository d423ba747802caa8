"""Spatial resolution from slits, line sources (one, two or four) or lead edges (NEMA NU 1-2007, 2.1 and 3.1; IAEA HHS-6, 2.3.9).

`method=nema` is the standard's rule, uncorrected for background, slit width and sampling; `method=gaussian` a pixel-integrated
Gaussian on a background. Widths are perpendicular to the line, whatever its angle. Where the distance of parallel lines is known,
it gives the pixel size (mm per channel) that every width uses; else the header's pixel size is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, PlanarImages
from photopeak.figure import Axis, Chart, Figure, Line, Picture
from photopeak.gamma_camera.edges import EdgeFrame, edge_frames
from photopeak.gamma_camera.line_images import (
    LineFrame,
    few_counts,
    label_of,
    measured_frames,
    pixel_of,
    said,
    scale_of,
    spacing_of,
)
from photopeak.gamma_camera.line_strips import MeasuredLine, Profile
from photopeak.gamma_camera.line_widths import FWHM, FWTM, line_widths, mean_of
from photopeak.gamma_camera.recognition import not_showing, sight_of
from photopeak.gamma_camera.slit_field import strips_in_fields
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Remark, Result, procedure, remark
from photopeak.profile import FWHM_PER_SIGMA, FWTM_PER_SIGMA
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

PIXEL_SIZE = Quantity(
    name="pixel_size_measured", unit="mm", en="pixel size from the known distance", zh="由已知间距测得的像素大小", judged=False
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialResolution(Result):
    """Widths, with one example profile per axis (positions, counts, fitted curve) and the first image."""

    image: npt.NDArray[Any]
    pixel_mm: tuple[float, float]
    profiles: tuple[tuple[Words, Profile], ...]

    def figures(self) -> tuple[Figure, ...]:
        rows, columns = self.image.shape
        top = float(np.quantile(self.image, 0.999)) or 1.0
        picture = Picture(
            title=Words("Image", "图像"),
            values=self.image,
            pixel_mm=self.pixel_mm,
            left_mm=-columns * self.pixel_mm[1] / 2,
            top_mm=-rows * self.pixel_mm[0] / 2,
            window=(0.0, top),
            unit=Words("counts", "计数"),
            group="resolution",
        )
        charts = tuple(
            Chart(
                title=title,
                x=Axis(label=Words("across", "横向位置"), unit="mm"),
                y=Axis(label=Words("counts", "计数")),
                marks=(
                    Line(x=one.positions_mm, y=one.counts, label=Words("counts", "计数")),
                    Line(x=one.positions_mm, y=one.fitted, label=Words("fit", "拟合")),
                ),
                group="profiles",
            )
            for title, one in self.profiles
        )
        return (picture, *charts)


def accepts(evidence: Evidence) -> Words | None:
    return not_showing(evidence.images, ("lines", "slits", "edge"))


@procedure(
    en="Spatial resolution",
    zh="空间分辨力",
    implements="NEMA NU 1-2007, 2.1 and 3.1; IAEA HHS-6, 2.3.9",
    kinds=("nm_planar",),
    quantities=(FWHM, FWTM, PIXEL_SIZE),
    accepts=accepts,
)
def spatial_resolution(
    evidence: Evidence,
    *,
    line_separation_mm: Annotated[float | None, Words("distance of parallel line sources, mm", "平行线源间距，mm")] = None,
    slit_spacing_mm: Annotated[float | None, Words("distance of the slits, mm", "狭缝间距，mm")] = None,
) -> SpatialResolution:
    """FWHM and FWTM per detector and axis; also over the UFOV and CFOV where slits are imaged."""
    if isinstance(evidence.images, PlanarImages) and sight_of(evidence.images) == "edge":
        return _of_edges(evidence)
    slits = isinstance(evidence.images, PlanarImages) and sight_of(evidence.images) == "slits"
    spacing = (
        spacing_of(evidence, slit_spacing_mm, "slit_spacing_mm")
        if slits
        else spacing_of(evidence, line_separation_mm, "line_separation_mm")
    )
    pixel = pixel_of(evidence, spacing)
    frames, remarks = measured_frames(evidence, ("slits",) if slits else ("lines",), pixel)
    measurements: list[Measurement] = []
    profiles: list[tuple[Words, Profile]] = []
    scaled = False
    for one in frames:
        for axis in ("x", "y"):
            lines = one.of_axis(axis)
            if not lines:
                continue
            scale = scale_of(lines, spacing) if spacing is not None else None
            scaled = scaled or scale is not None
            own_pixel = pixel[1] if axis == "x" else pixel[0]
            if scale is not None:
                measurements.append(PIXEL_SIZE.of(own_pixel * scale.factor, own_pixel * scale.u, **one.place, axis=axis))
            for place, chosen in _fields(evidence, one, lines, axis, slits=slits):
                measurements += line_widths(lines, chosen, {**one.place, "axis": axis, **place}, scale)
            profiles.append((_title(one, axis), lines[len(lines) // 2].example))
    return SpatialResolution(
        measurements=tuple(measurements),
        remarks=(*remarks, *few_counts(frames), *_steep(frames), *_own_pixel(spacing, scaled)),
        conditions=_conditions(evidence, frames, pixel),
        image=np.asarray(frames[0].image),
        pixel_mm=pixel,
        profiles=tuple(profiles),
    )


def _fields(
    evidence: Evidence, one: LineFrame, lines: Sequence[MeasuredLine], axis: str, *, slits: bool
) -> list[tuple[dict[str, str], list[npt.NDArray[np.bool_]]]]:
    """Which strips of each line count: all of them, or those in the UFOV and in the CFOV."""
    if not slits:
        return [({}, [np.ones(len(line.along_mm), dtype=bool) for line in lines])]
    return [({"fov": name}, list(chosen)) for name, chosen in strips_in_fields(evidence, one, lines, axis).items()]


def _title(one: LineFrame, axis: str) -> Words:
    label = label_of(one.place)
    return Words(f"Profile in {axis}, {label.en}", f"{axis} 方向剖面，{label.zh}")


def _steep(frames: Sequence[LineFrame]) -> tuple[Remark, ...]:
    steepest = max(abs(line.tilt_deg) for one in frames for line in one.lines)
    if steepest < 3.0:
        return ()
    return (
        remark(
            "tilted_lines",
            en=f"the lines are up to {steepest:.1f} degrees off the pixels; widths are given perpendicular to the line (times its "
            "cosine), which the rule of the standard, for lines along the pixels, does not foresee",
            zh=f"线源与像素方向最大偏斜 {steepest:.1f}°；给出的宽度垂直于线源（已乘以余弦），标准的规则以线源平行于像素为前提。",
        ),
    )


def _own_pixel(spacing: float | None, scaled: bool) -> tuple[Remark, ...]:
    if scaled:
        return ()
    why_en = "no two parallel lines are seen" if spacing is not None else "the distance of the lines was not given"
    why_zh = "未见平行的两条线" if spacing is not None else "未给出线间距"
    return (
        remark(
            "pixel_size_of_header",
            en=f"{why_en}, so the pixel size is that of the header",
            zh=f"{why_zh}，像素大小取自头信息。",
        ),
    )


def _conditions(evidence: Evidence, frames: Sequence[LineFrame], pixel: tuple[float, float]) -> tuple[Condition, ...]:
    lines, strips = sum(len(one.lines) for one in frames), [line.strip_mm for one in frames for line in one.lines]
    found = [
        Condition(label=Words("lines measured", "测量的线数"), value=Words(f"{lines}", f"{lines}")),
        Condition(
            label=Words("length of the strips", "条带长度"),
            value=Words(f"{min(strips):.1f}-{max(strips):.1f} mm", f"{min(strips):.1f}～{max(strips):.1f} mm"),
        ),
        Condition(
            label=Words("pixel size of the header", "头信息中的像素大小"),
            value=Words(f"{pixel[0]:.4g} x {pixel[1]:.4g} mm", f"{pixel[0]:.4g} × {pixel[1]:.4g} mm"),
        ),
    ]
    return (*found, *said(evidence))


def _of_edges(evidence: Evidence) -> SpatialResolution:
    frames, remarks = edge_frames(evidence)
    measurements: list[Measurement] = []
    for one in frames:
        for axis in ("x", "y"):
            edges = [edge for edge in one.edges if edge.axis == axis]
            value, u = mean_of(np.array([e.sigma_mm for e in edges]), np.array([e.sigma_u_mm for e in edges]))
            if value is None:
                continue
            for quantity, factor in ((FWHM, FWHM_PER_SIGMA), (FWTM, FWTM_PER_SIGMA)):
                measurements.append(quantity.of(value * factor, u * factor, **one.place, axis=axis, method="gaussian"))
    return SpatialResolution(
        measurements=tuple(measurements),
        remarks=(
            *remarks,
            remark(
                "edge_method",
                en="an error function was fitted across each edge: the widths are those of its Gaussian, tails are not seen; this is "
                "not the method of NEMA NU 1",
                zh="对每条边缘拟合误差函数，所得宽度为相应高斯函数的宽度，不反映拖尾；此法不是 NEMA NU 1 的方法。",
            ),
        ),
        conditions=(_edges_seen(frames), *said(evidence)),
        image=np.asarray(frames[0].image),
        pixel_mm=frames[0].pixel_mm,
        profiles=tuple((Words(f"Edge in {edge.axis}", f"{edge.axis} 方向边缘"), edge.profile) for edge in frames[0].edges[:2]),
    )


def _edges_seen(frames: Sequence[EdgeFrame]) -> Condition:
    number = sum(len(one.edges) for one in frames)
    return Condition(label=Words("edges measured", "测量的边缘数"), value=Words(f"{number}", f"{number}"))
