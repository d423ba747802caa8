"""Spatial resolution of a PET scanner from point sources in air (NEMA NU 2-2018, spatial resolution).

Each source is summed over two FWHM in the two other directions; peak by a parabola, half and tenth height by linear interpolation
(`nema`), above the fitted background; a Gaussian integrated over pixels beside it (`gaussian`). Sources at 1, 10 and 20 cm from the
axis of the field are named so; radial is the direction from the axis, tangential across it, for sources on a line of the matrix
within 15 degrees (others: row and column). Several sources of one distance are averaged. The rule reads a Gaussian too wide where
pixels are coarse; by how much is stated, and where a pixel exceeds a third of the FWHM the rule's width is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Figure, Line
from photopeak.measurement import Measurement, Quantity
from photopeak.pet.point_sources import (
    NEMA_SAMPLING,
    AxisProfile,
    PointSource,
    axis_profile,
    by_the_rule,
    find_point_sources,
    sampling_bias_percent,
)
from photopeak.pet.published_figures import published
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.profile import FWHM_PER_SIGMA, FWTM_PER_SIGMA
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

FWHM = Quantity(name="fwhm", unit="mm", en="full width at half maximum", zh="半高宽")
FWTM = Quantity(name="fwtm", unit="mm", en="full width at tenth maximum", zh="十分之一高宽")
POSITIONS_MM = {"1 cm": (0.0, 25.0), "10 cm": (90.0, 110.0), "20 cm": (190.0, 210.0)}
ALIGNED_DEG = 15.0
ON_AXIS_MM = 3.0  #: nearer to the axis, radial and tangential mean nothing
PUBLISHED = {
    f"fwhm_{place}_{axis}": Words(f"FWHM {place} {en}, mm", f"半高宽 {place} {zh}，mm")
    for place in ("1cm", "10cm", "20cm")
    for axis, en, zh in (("radial", "radial", "径向"), ("tangential", "tangential", "切向"), ("axial", "axial", "轴向"))
} | {f"fwhm_{place}": Words(f"FWHM {place}, mm", f"半高宽 {place}，mm") for place in ("1cm", "10cm", "20cm")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One direction of one source: where it counts, its profile, and the widths by both methods (mm, u)."""

    position: str
    axis: str
    profile: AxisProfile
    widths: dict[tuple[str, str], tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialResolution(Result):
    """Every direction of every source, for the figures."""

    measured: tuple[Measured, ...]

    def figures(self) -> tuple[Figure, ...]:
        charts = []
        for position in dict.fromkeys(one.position for one in self.measured):
            shown: dict[str, Measured] = {}
            for one in self.measured:
                if one.position == position:
                    shown.setdefault(one.axis, one)
            charts.append(
                Chart(
                    title=Words(f"Point source at {position}", f"{position} 处点源"),
                    x=Axis(label=Words("from the source", "距源中心"), unit="mm"),
                    y=Axis(label=Words("share of the peak", "相对峰值")),
                    marks=tuple(_curve(one) for one in shown.values()),
                    group="sources",
                )
            )
        return tuple(charts)


AXES = {
    "radial": Words("radial", "径向"),
    "tangential": Words("tangential", "切向"),
    "axial": Words("axial", "轴向"),
    "row": Words("row axis", "行方向"),
    "column": Words("column axis", "列方向"),
}


def _curve(one: Measured) -> Line:
    fit = one.profile.fit
    values = (one.profile.values - fit.background) / max(float(one.profile.values.max() - fit.background), 1e-30)
    return Line(x=one.profile.at_mm - fit.centre_mm, y=values, label=AXES[one.axis])


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume) or evidence.images.values.ndim != 3:
        return Words("a stack of PET slices is needed", "需要一组 PET 断层图像")
    found = find_point_sources(evidence.images)
    return found if isinstance(found, Words) else None


@procedure(
    en="PET spatial resolution",
    zh="PET 空间分辨力",
    implements="NEMA NU 2-2018, spatial resolution",
    kinds=("pt_volume",),
    quantities=(FWHM, FWTM),
    accepts=accepts,
)
def spatial_resolution(evidence: Evidence) -> SpatialResolution:
    """FWHM and FWTM of every point source, by distance from the axis of the field. Refused: no point sources."""
    volume = evidence.images
    found = find_point_sources(volume) if isinstance(volume, Volume) else Words("no volume", "无图像")
    if isinstance(found, Words) or not isinstance(volume, Volume):
        why = found if isinstance(found, Words) else Words("no volume", "无图像")
        raise Refused(
            "not_point_sources",
            en=f"{evidence.name}: {why.en}; the test needs point sources in air, reconstructed without a filter",
            zh=f"{evidence.name}：{why.zh}；本检测需要空气中的点源，且重建时不加滤波。",
        )
    notes: list[Remark] = []
    measured = [one for source in found for one in _of_source(volume, source, notes)]
    if not measured:
        raise Refused(
            "not_measurable",
            en=f"{evidence.name}: no source has a width that can be measured; they are cut off or too coarse. Reconstruct smaller "
            "pixels, with the sources inside the field.",
            zh=f"{evidence.name}：没有可测量宽度的点源，点源被截断或像素过大。请用更小像素重建，并将点源置于视野内。",
        )
    coarse = [one for one in measured if one.profile.pixels_per_fwhm < NEMA_SAMPLING]
    if coarse:
        worst = min(one.profile.pixels_per_fwhm for one in coarse)
        notes.append(
            remark(
                "sampling_too_coarse",
                en=f"Pixels are up to 1/{worst:.1f} of the FWHM; the rule needs 1/3 or finer. Only the Gaussian width is given in "
                "those directions. Reconstruct smaller pixels.",
                zh=f"像素达半高宽的 1/{worst:.1f}，而 NEMA 法要求不大于 1/3；这些方向仅给出高斯宽度。请用更小像素重建。",
            )
        )
    return SpatialResolution(
        measurements=tuple(_averaged(measured)),
        remarks=tuple(notes),
        conditions=(*_conditions(volume, measured), *published(evidence.about.model, PUBLISHED)),
        measured=tuple(measured),
    )


def _of_source(volume: Volume, source: PointSource, notes: list[Remark]) -> Iterator[Measured]:
    shape, spacing = volume.values.shape, volume.spacing_mm
    down = (source.top[1] - (shape[1] - 1) / 2) * spacing[1]
    right = (source.top[2] - (shape[2] - 1) / 2) * spacing[2]
    radius = math.hypot(down, right)
    position = next((name for name, (low, high) in POSITIONS_MM.items() if low <= radius <= high), f"{radius / 10:.0f} cm")
    names = _names(down, right, radius)
    for axis in range(3):
        profile = axis_profile(volume, source, axis)
        if profile is None:
            notes.append(
                remark(
                    "source_cut_off",
                    en=f"the source at {position} has no measurable width along its {names[axis]} direction (cut off, or no peak)",
                    zh=f"{position} 处点源的{AXES[names[axis]].zh}宽度无法测量（被截断或无峰）",
                )
            )
            continue
        yield Measured(position=position, axis=names[axis], profile=profile, widths=_widths(profile))


def _names(down: float, right: float, radius: float) -> tuple[str, str, str]:
    """What slice, row and column directions are called for a source there."""
    if radius < ON_AXIS_MM:
        return "axial", "row", "column"
    turned = math.degrees(math.atan2(abs(down), abs(right)))
    if turned >= 90 - ALIGNED_DEG:
        return "axial", "radial", "tangential"
    if turned <= ALIGNED_DEG:
        return "axial", "tangential", "radial"
    return "axial", "row", "column"


def _widths(profile: AxisProfile) -> dict[tuple[str, str], tuple[float, float]]:
    sigma, u = profile.fit.sigma_mm, math.sqrt(float(profile.fit.covariance[1, 1]))
    found = {("fwhm", "gaussian"): (FWHM_PER_SIGMA * sigma, FWHM_PER_SIGMA * u)}
    found["fwtm", "gaussian"] = FWTM_PER_SIGMA * sigma, FWTM_PER_SIGMA * u
    if profile.pixels_per_fwhm >= NEMA_SAMPLING:
        for name, fraction in (("fwhm", 0.5), ("fwtm", 0.1)):
            if (width := by_the_rule(profile, fraction)) is not None:
                found[name, "nema"] = width
    return found


def _averaged(measured: Sequence[Measured]) -> Iterator[Measurement]:
    """The mean over the sources of one distance."""
    groups: dict[tuple[str, str], list[Measured]] = {}
    for one in measured:
        groups.setdefault((one.position, one.axis), []).append(one)
    for (position, axis), ones in groups.items():
        for name, quantity in (("fwhm", FWHM), ("fwtm", FWTM)):
            for method in ("nema", "gaussian"):
                widths = [one.widths[name, method] for one in ones if (name, method) in one.widths]
                if widths:
                    mean = float(np.mean([width for width, _ in widths]))
                    u = math.sqrt(sum(u**2 for _, u in widths)) / len(widths)
                    yield quantity.of(mean, u, position=position, axis=axis, method=method)


def _conditions(volume: Volume, measured: Sequence[Measured]) -> Iterator[Condition]:
    text = " × ".join(f"{mm:.2f}" for mm in volume.spacing_mm) + " mm"
    yield Condition(label=Words("voxel (slice, row, column)", "体素（层、行、列）"), value=Words(text, text))
    finest = min(one.profile.pixels_per_fwhm for one in measured)
    text = f"{finest:.1f}"
    yield Condition(label=Words("pixels per FWHM, coarsest direction", "每半高宽像素数（最粗方向）"), value=Words(text, text))
    if finest >= NEMA_SAMPLING:
        text = f"{sampling_bias_percent(finest):+.1f} % (FWHM), {sampling_bias_percent(finest, 0.1):+.1f} % (FWTM)"
        yield Condition(
            label=Words("the rule on a Gaussian so sampled, on average", "该采样下 NEMA 法对高斯的平均偏差"),
            value=Words(text, text),
        )
