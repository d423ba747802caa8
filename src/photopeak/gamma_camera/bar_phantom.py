"""Quadrant bar phantom: modulation of each bar width, the FWHM it stands for, and the narrowest bars that are resolved.

Modulation by moments, sqrt(2 (variance - mean)) / mean (IAEA HHS-6, 2.3.9). `method=raw` turns it into a FWHM as if it were that
of a sine wave (no pi/4), as common programs do. `method=square_wave` solves the modulation of ideal bars: all odd harmonics with
their 4/pi, through the Gaussian and through the pixel. Real bars are not ideal (lead lets some through, edges are rounded), so
neither is the right answer on every phantom; both are given and named. Resolved: the wave at the bars' frequency stands above
noise by z > 3, after allowing for the search, and so do all wider bars.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import scipy

from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line, Outline, Picture, Points
from photopeak.gamma_camera.line_images import label_of, pixel_of, planar, refuse_saturated
from photopeak.gamma_camera.quadrants import Quadrant, quadrants_in
from photopeak.gamma_camera.recognition import WORDS, not_showing, sight_of, sight_of_frame
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import nuclide_named
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.profile import FWHM_PER_SIGMA
from photopeak.words import Words

MODULATION = Quantity(name="bar_modulation", unit="1", en="bar modulation", zh="铅栅调制度")
FWHM = Quantity(name="fwhm", unit="mm", en="full width at half maximum", zh="半高宽")
SMALLEST = Quantity(name="smallest_resolved_bar", unit="mm", en="narrowest bars resolved", zh="可分辨的最窄铅栅")
MOST_APART = 0.12  # of a bar's width: how far the measured period may lie from the stated one
CALM = (0.9, 1.1)  # noise variance / mean of plain counts
SIGNIFICANT = 4.0  # times its uncertainty: a weaker modulation gives no width
HARMONICS = range(1, 30, 2)
NO_COLLIMATOR = ("NONE", "INTR", "INTRINSIC", "无", "无准直器", "固有")


@dataclass(frozen=True, slots=True, kw_only=True)
class Barred:
    """One frame's quadrants with the width of their bars, None where it could be neither read nor was given."""

    place: dict[str, Any]
    image: npt.NDArray[Any]
    quadrants: tuple[Quadrant, ...]
    widths_mm: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarPhantom(Result):
    frames: tuple[Barred, ...]
    pixel_mm: tuple[float, float]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(figure for one in self.frames for figure in self._of(one))

    def _of(self, one: Barred) -> tuple[Figure, ...]:
        rows, columns = one.image.shape
        outlines = []
        for quadrant, width in zip(one.quadrants, one.widths_mm):
            mask = np.zeros(one.image.shape, dtype=bool)
            mask[quadrant.box[0] : quadrant.box[1], quadrant.box[2] : quadrant.box[3]] = True
            text = "?" if width is None else f"{width:g} mm"
            outlines.append(Outline(mask=mask, style="solid" if quadrant.resolved else "dashed", label=text))
        label = label_of(one.place)
        mine = [
            m
            for m in self.measurements
            if m.quantity is MODULATION and all(m.where.get(key) == value for key, value in one.place.items())
        ]
        known = [m for m in mine if isinstance(m.where["bar_width_mm"], (int, float))]
        return (
            Picture(
                title=Words(f"Bars, {label.en}", f"铅栅，{label.zh}"),
                values=one.image,
                pixel_mm=self.pixel_mm,
                left_mm=-columns * self.pixel_mm[1] / 2,
                top_mm=-rows * self.pixel_mm[0] / 2,
                window=(0.0, float(np.quantile(one.image, 0.995)) or 1.0),
                unit=Words("counts", "计数"),
                overlays=tuple(outlines),
                group="bars",
                where=one.place,
            ),
            Chart(
                title=Words(f"Modulation, {label.en}", f"调制度，{label.zh}"),
                x=Axis(label=Words("spatial frequency", "空间频率"), unit="1/mm", low=0.0),
                y=Axis(label=MODULATION.words, low=0.0, high=1.3),
                marks=(
                    Points(x=tuple(0.5 / float(m.where["bar_width_mm"]) for m in known), measurements=tuple(known)),
                    *self._curve(one),
                ),
                group="bars",
            ),
        )

    def _curve(self, one: Barred) -> tuple[Line, ...]:
        """The modulation of ideal bars behind the mean of the square-wave widths."""
        widths = [
            m.value
            for m in self.measurements
            if m.quantity is FWHM and m.where.get("method") == "square_wave" and one.place.items() <= dict(m.where).items()
        ]
        if not widths:
            return ()
        at = np.linspace(0.02, 0.3, 120)
        sigma = float(np.mean(widths)) / FWHM_PER_SIGMA
        y = np.array([ideal_modulation(0.5 / f, sigma, (0.0, 0.0)) for f in at])
        return (Line(x=at, y=y, label=Words("ideal bars", "理想铅栅")),)


def accepts(evidence: Evidence) -> Words | None:
    return not_showing(evidence.images, ("bars",))


@procedure(
    en="Quadrant bar phantom",
    zh="四象限铅栅",
    implements="IAEA HHS-6, 2.3.9",
    kinds=("nm_planar",),
    quantities=(MODULATION, FWHM, SMALLEST),
    accepts=accepts,
)
def bar_phantom(
    evidence: Evidence,
    *,
    bar_widths_mm: Annotated[
        list[float] | None, Words("widths of the bars, mm, in any order", "铅栅宽度，mm，顺序不限")
    ] = None,
) -> BarPhantom:
    """Modulation, equivalent FWHM and the narrowest resolved bars of each detector, quadrants in any order."""
    pixel = pixel_of(evidence, None)
    given = _given_widths(evidence, bar_widths_mm)
    frames, remarks = _frames(evidence, pixel, given)
    measurements: list[Measurement] = []
    for one in frames:
        for quadrant, width in zip(one.quadrants, one.widths_mm):
            if width is not None:
                measurements += _of_quadrant(quadrant, {**one.place, "bar_width_mm": width}, pixel)
        measurements += _smallest(one, {**one.place, **_test_of(evidence, one)}, measured=given is None)
    return BarPhantom(
        measurements=tuple(measurements),
        remarks=(*remarks, *_remarks(frames, given), _rule()),
        conditions=_conditions(frames, pixel),
        frames=tuple(frames),
        pixel_mm=pixel,
    )


def _given_widths(evidence: Evidence, option: Sequence[float] | None) -> tuple[float, ...] | None:
    value = option if option is not None else evidence.facts.get("bar_widths_mm")
    if value is None:
        return None
    if not all(isinstance(one, (int, float)) and 0.5 <= one <= 20 for one in value) or len(value) != 4:
        raise Refused(
            "facts_unusable",
            en=f"{evidence.name}: bar_widths_mm is {value!r}; it lists the four widths in mm, for example [2.0, 2.5, 3.0, 3.5]",
            zh=f"{evidence.name}：bar_widths_mm 的值为 {value!r}，应列出四个宽度（mm），例如 [2.0, 2.5, 3.0, 3.5]。",
        )
    return tuple(sorted(float(one) for one in value))


def _frames(
    evidence: Evidence, pixel: tuple[float, float], given: tuple[float, ...] | None
) -> tuple[list[Barred], list[Remark]]:
    images = planar(evidence)
    whole = sight_of(images)
    several = len({frame.energy_window for frame in images.frames}) > 1
    frames, remarks, first = [], [], None
    for frame, image in zip(images.frames, images.counts):
        try:
            if whole in ("tomo", "dynamic", "whole_body"):
                raise _no_bars(WORDS[whole])
            refuse_saturated(image)
            quadrants = _quadrants(image, pixel)
        except Refused as refusal:
            first = first or refusal
            remarks.append(
                remark(
                    "detector_not_measured",
                    en=f"detector {frame.detector} was not measured: {refusal.words.en}",
                    zh=f"探头 {frame.detector} 未测量：{refusal.words.zh}",
                )
            )
            continue
        place = {"detector": frame.detector} | ({"energy_window": frame.energy_window} if several else {})
        frames.append(Barred(place=place, image=image, quadrants=quadrants, widths_mm=_assign(quadrants, given)))
    if not frames and first is not None:
        raise Refused(first.code, en=f"{evidence.name}: {first.words.en}", zh=f"{evidence.name}：{first.words.zh}")
    return frames, remarks


def _quadrants(image: npt.NDArray[Any], pixel: tuple[float, float]) -> tuple[Quadrant, ...]:
    sight = sight_of_frame(image, pixel)
    if sight != "bars":
        raise _no_bars(WORDS[sight])
    quadrants = quadrants_in(image, pixel)
    if not any(quadrant.resolved for quadrant in quadrants):
        raise Refused(
            "no_bars_resolved",
            en="no quadrant shows bars above the noise; collect more counts, or use wider bars",
            zh="各象限均未见高于噪声的铅栅条纹。请增加计数，或使用更宽的铅栅。",
        )
    return quadrants


def _no_bars(found: Words) -> Refused:
    return Refused(
        "no_bars",
        en=f"the image shows {found.en}, where a bar phantom is needed; choose the acquisition of the bars",
        zh=f"图像显示为{found.zh}，本检测需要铅栅模体，请选择铅栅采集。",
    )


def _assign(quadrants: Sequence[Quadrant], given: tuple[float, ...] | None) -> tuple[float | None, ...]:
    """The width of each quadrant's bars: the stated one nearest to its period, else half its period."""
    if given is None:
        return tuple(round(one.wave.bar_mm, 2) if one.resolved else None for one in quadrants)
    apart = np.zeros((len(quadrants), len(given)))
    for row, quadrant in enumerate(quadrants):
        for column, width in enumerate(given):
            # What is not resolved goes to the narrow end, without a say against what is.
            apart[row, column] = abs(math.log(quadrant.wave.bar_mm / width)) * 100 if quadrant.resolved else width * 1e-3
    rows, columns = scipy.optimize.linear_sum_assignment(apart)
    found: list[float | None] = [None] * len(quadrants)
    for row, column in zip(rows, columns):
        found[row] = given[column]
    return tuple(found)


def _of_quadrant(quadrant: Quadrant, where: dict[str, Any], pixel: tuple[float, float]) -> list[Measurement]:
    found = [MODULATION.of(quadrant.modulation.value, quadrant.modulation.u, **where)]
    if not quadrant.resolved or quadrant.modulation.value <= SIGNIFICANT * quadrant.modulation.u:
        return found
    width, value, u = float(where["bar_width_mm"]), quadrant.modulation.value, quadrant.modulation.u
    for method in ("raw", "square_wave"):
        fwhm = _fwhm(quadrant, width, value, pixel, method)
        if fwhm is None:
            continue
        sides = [_fwhm(quadrant, width, value + sign * u, pixel, method) for sign in (-1, 1)]
        apart = [abs(one - fwhm) for one in sides if one is not None]
        found.append(FWHM.of(fwhm, max(apart) if apart else None, **where, method=method))
    return found


def _fwhm(quadrant: Quadrant, width_mm: float, modulation: float, pixel: tuple[float, float], method: str) -> float | None:
    """The FWHM of the Gaussian that leaves this modulation of bars of this width; None where no Gaussian does."""
    if modulation <= 0:
        return None
    if method == "raw":
        return FWHM_PER_SIGMA * 2 * width_mm / math.pi * math.sqrt(-0.5 * math.log(modulation)) if modulation < 1 else None
    length = math.hypot(quadrant.wave.right, quadrant.wave.down)
    aperture = (pixel[1] * quadrant.wave.right / length, pixel[0] * quadrant.wave.down / length)

    def apart(sigma: float) -> float:
        return ideal_modulation(width_mm, sigma, aperture) - modulation

    low, high = 1e-3 * width_mm, 3.0 * width_mm
    if apart(low) <= 0 or apart(high) >= 0:
        return None
    return FWHM_PER_SIGMA * float(scipy.optimize.brentq(apart, low, high, xtol=1e-9))


def ideal_modulation(width_mm: float, sigma_mm: float, aperture_mm: tuple[float, float]) -> float:
    """sqrt(2 variance) / mean of ideal bars of full and no transmission behind a Gaussian, averaged over pixels.

    `aperture_mm`: the sides of the pixel as projected on the direction across the bars.
    """
    total = 0.0
    for k in HARMONICS:
        cycles = k / (2 * width_mm)
        damped = 4 / (math.pi * k) * math.exp(-2 * (math.pi * sigma_mm * cycles) ** 2)
        damped *= float(np.sinc(cycles * aperture_mm[0]) * np.sinc(cycles * aperture_mm[1]))
        total += damped**2
    return math.sqrt(total)


def _test_of(evidence: Evidence, one: Barred) -> dict[str, str]:
    """Whether the image is intrinsic or of the system, and its nuclide, as published criteria ask; what is not known is left out."""
    found = {}
    named = evidence.header.get("collimators") or ()
    index = int(one.place["detector"]) - 1
    of_header = named[index] if index < len(named) else ""
    collimator = str(evidence.facts.get("collimator") or of_header).strip().upper()
    if collimator and not collimator.startswith("@"):  # some headers name the part, not its kind
        found["test"] = "intrinsic" if collimator in NO_COLLIMATOR else "system"
    nuclide = nuclide_named(evidence.facts.get("nuclide") or evidence.header.get("nuclide"))
    if nuclide is not None:
        found["nuclide"] = nuclide.name
    return found


def _smallest(one: Barred, where: dict[str, Any], *, measured: bool) -> list[Measurement]:
    """The narrowest bars such that they and all wider ones are resolved; of bars whose width is known."""
    known = sorted(
        ((width, quadrant.resolved) for quadrant, width in zip(one.quadrants, one.widths_mm) if width is not None), reverse=True
    )
    smallest = None
    for width, resolved in known:
        if not resolved:
            break
        smallest = width
    if smallest is None:
        return []
    return [SMALLEST.of(smallest, 0.01 * smallest if measured else 0.0, **where)]


def _remarks(frames: Sequence[Barred], given: tuple[float, ...] | None) -> list[Remark]:
    found = []
    hidden = sum(not quadrant.resolved for one in frames for quadrant in one.quadrants)
    if given is None:
        found.append(
            remark(
                "bar_widths_measured",
                en="the widths of the bars were not given; they were read from the period of the pattern with the pixel size of "
                "the header" + (f", and {hidden} quadrant(s) without visible bars are left out" if hidden else ""),
                zh="未给出铅栅宽度，由图案周期和头信息的像素大小推算"
                + (f"；{hidden} 个不可见条纹的象限未列入。" if hidden else "。"),
            )
        )
    noisiest = max((quadrant.modulation.dispersion for one in frames for quadrant in one.quadrants), default=1.0)
    if not CALM[0] < noisiest < CALM[1]:
        found.append(
            remark(
                "noise_not_poisson",
                en=f"the noise between neighbours along the bars is up to {noisiest:.2f} times that of counts: the image was "
                "corrected, resampled or scaled, and modulations of narrow bars are uncertain beyond what is stated",
                zh=f"沿铅栅方向相邻像素的噪声达计数噪声的 {noisiest:.2f} 倍，图像可能经过校正、重采样或缩放，"
                "窄铅栅的调制度误差可能超出给出的不确定度。",
            )
        )
    for one in frames:
        for quadrant, width in zip(one.quadrants, one.widths_mm):
            if given is not None and width is not None and quadrant.resolved:
                measured = quadrant.wave.bar_mm
                if abs(measured / width - 1) > MOST_APART:
                    found.append(
                        remark(
                            "bar_widths_disagree",
                            en=f"bars of {measured:.2f} mm were seen where {width:g} mm is the nearest width given; check "
                            "bar_widths_mm and the pixel size",
                            zh=f"测得铅栅宽度 {measured:.2f} mm，与给出的最接近宽度 {width:g} mm 不符，请核对 bar_widths_mm 和像素大小。",
                        )
                    )
    return found


def _rule() -> Remark:
    return remark(
        "resolved_rule",
        en="bars count as resolved when the wave at their frequency stands above noise by z > 3 after allowing for the search, and "
        "all wider bars do so as well; an observer's judgement may differ",
        zh="铅栅可分辨的判据：该频率的波高出噪声（计入搜索后 z > 3），且所有更宽的铅栅同样满足；观察者目视判断可能不同。",
    )


def _conditions(frames: Sequence[Barred], pixel: tuple[float, float]) -> tuple[Condition, ...]:
    mean = min(quadrant.mean for one in frames for quadrant in one.quadrants)
    return (
        Condition(
            label=Words("lowest mean counts in a quadrant", "象限内最低平均计数"),
            value=Words(f"{mean:.1f} per pixel", f"每像素 {mean:.1f}"),
        ),
        Condition(
            label=Words("pixel size of the header", "头信息中的像素大小"),
            value=Words(f"{pixel[0]:.4g} x {pixel[1]:.4g} mm", f"{pixel[0]:.4g} × {pixel[1]:.4g} mm"),
        ),
    )
