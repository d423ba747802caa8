"""Multiple window spatial registration from collimated 67Ga sources (NEMA NU 1-2007, 2.5).

A point is imaged in every energy window; its centroids must coincide. The displacement of two windows is the distance of their
centroids, in x and y apart, and the largest over the points counts: nine in the standard, the centre and 0.4 and 0.8 of the way to
the edges. All points may lie in one image, or each frame of a window may hold another point.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, PlanarImages
from photopeak.figure import Circle, Figure, Picture
from photopeak.gamma_camera.line_images import planar, refuse_saturated
from photopeak.gamma_camera.line_strips import FWHM_OF_OUTLINE
from photopeak.gamma_camera.noisy_statistic import noise_of_largest
from photopeak.gamma_camera.point_centroids import Centroid, centroid_at
from photopeak.gamma_camera.recognition import WORDS, not_showing, pixel_or_typical, sight_of_frame, sources_in
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.profile import ProfileError
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

DISPLACEMENT = Quantity(name="window_displacement", unit="mm", en="displacement between energy windows", zh="能窗间位移")
POINTS_OF_THE_STANDARD, COARSEST_MM, FEWEST_PEAK_COUNTS = 9, 2.5, 1000  # NEMA NU 1-2007, 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One source of one detector: its centroid in each energy window that shows it."""

    detector: int
    centroids: dict[int, Centroid]

    def apart_mm(self) -> float:
        """The largest distance between two windows, in x or in y."""
        places = [(one.x_mm, one.y_mm) for one in self.centroids.values()]
        return max(max(abs(a[0] - b[0]), abs(a[1] - b[1])) for a, b in itertools.combinations(places, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRegistration(Result):
    """The points, and by detector the sum of its windows for the figure."""

    points: tuple[Point, ...]
    images: dict[int, npt.NDArray[Any]]
    pixel_mm: tuple[float, float]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(self._picture(detector, image) for detector, image in self.images.items())

    def _picture(self, detector: int, image: npt.NDArray[Any]) -> Picture:
        height, width = (length * mm for length, mm in zip(image.shape, self.pixel_mm))
        rings = []
        for one in self.points:
            if one.detector == detector:
                first = next(iter(one.centroids.values()))
                rings.append(
                    Circle(
                        x_mm=first.x_mm - width / 2,
                        y_mm=first.y_mm - height / 2,
                        radius_mm=width / 30,
                        label=f"{one.apart_mm():.2f} mm",
                    )
                )
        return Picture(
            title=Words(f"All windows, detector {detector}", f"各能窗之和，探头 {detector}"),
            values=image,
            pixel_mm=self.pixel_mm,
            left_mm=-width / 2,
            top_mm=-height / 2,
            window=(0.0, float(image.max()) or 1.0),
            unit=Words("counts", "计数"),
            palette="inverse",
            overlays=tuple(rings),
            group="windows",
            where={"detector": detector},
        )

    def document_extras(self) -> dict[str, Any]:
        return {
            "points": [
                {
                    "detector": one.detector,
                    "centroids_mm": {str(w): [round(c.x_mm, 4), round(c.y_mm, 4)] for w, c in one.centroids.items()},
                }
                for one in self.points
            ]
        }


def accepts(evidence: Evidence) -> Words | None:
    no = not_showing(evidence.images, ("points",))
    if no is None and len(_windows(evidence.images)) < 2:
        return Words("one energy window only; registration compares several", "只有一个能窗，配准需比较多个能窗")
    return no


def _windows(images: Any) -> list[int]:
    return sorted({frame.energy_window for frame in images.frames}) if isinstance(images, PlanarImages) else []


@procedure(
    en="Multiple window spatial registration",
    zh="多能窗空间配准",
    implements="NEMA NU 1-2007, 2.5",
    kinds=("nm_planar",),
    quantities=(DISPLACEMENT,),
    accepts=accepts,
)
def window_registration(evidence: Evidence) -> WindowRegistration:
    """The largest displacement between each two energy windows, in x and y, per detector."""
    images = planar(evidence)
    if len(_windows(images)) < 2:
        raise Refused(
            "one_energy_window",
            en=f"{evidence.name}: one energy window only; registration compares the images of several (67Ga: 93, 184 and 300 keV)",
            zh=f"{evidence.name}：只有一个能窗；配准需比较多个能窗的图像（67Ga：93、184、300 keV）。",
        )
    points, remarks = _points(evidence, images)
    measurements: list[Measurement] = []
    for detector in sorted({one.detector for one in points}):
        measurements += _displacements(detector, [one for one in points if one.detector == detector])
    return WindowRegistration(
        measurements=tuple(measurements),
        remarks=(*remarks, *_conditions_not_met(points, pixel_or_typical(images))),
        conditions=_conditions(images, points),
        points=tuple(points),
        images=_sums(images, {one.detector for one in points}),
        pixel_mm=pixel_or_typical(images),
    )


def _points(evidence: Evidence, images: PlanarImages) -> tuple[list[Point], list[Remark]]:
    points: list[Point] = []
    remarks: list[Remark] = []
    reasons: list[tuple[str, Words]] = []
    for detector in sorted({frame.detector for frame in images.frames}):
        for together in _together(images, detector):
            try:
                found, noticed = _points_of(detector, together, pixel_or_typical(images))
            except Refused as refusal:
                reasons.append((refusal.code, refusal.words))
                remarks.append(_lost("detector_not_measured", Words(f"detector {detector}", f"探头 {detector}"), refusal.words))
                continue
            points += found
            remarks += noticed
            reasons += [("no_common_point", one.words) for one in noticed]
    if not points:
        code, words = reasons[0] if reasons else ("no_points", Words("no frames", "没有图像帧"))
        raise Refused(code, en=f"{evidence.name}: {words.en}", zh=f"{evidence.name}：{words.zh}")
    return points, list(dict.fromkeys(remarks))


def _together(images: PlanarImages, detector: int) -> list[dict[int, npt.NDArray[Any]]]:
    """Frames by energy window that show the same: the first of each window, the second of each, and so on."""
    by_window: dict[int, list[npt.NDArray[Any]]] = {}
    for frame, image in zip(images.frames, images.counts):
        if frame.detector == detector:
            by_window.setdefault(frame.energy_window, []).append(image)
    number = min(len(found) for found in by_window.values())
    return [{window: found[k] for window, found in by_window.items()} for k in range(number)]


def _points_of(
    detector: int, together: dict[int, npt.NDArray[Any]], pixel_mm: tuple[float, float]
) -> tuple[list[Point], list[Remark]]:
    for image in together.values():
        refuse_saturated(image)
    brightest = max(together.values(), key=lambda image: float(image.sum(dtype=np.float64)))
    sight = sight_of_frame(brightest, pixel_mm)
    if sight != "points":
        raise Refused(
            "no_points",
            en=f"the image shows {WORDS[sight].en}, where point sources are needed; choose the acquisition with the collimated sources",
            zh=f"图像显示为{WORDS[sight].zh}，本检测需要点源，请选择准直点源的采集。",
        )
    points, remarks = [], []
    for source in sources_in(brightest, pixel_mm):
        found: dict[int, Centroid] = {}
        for window, image in sorted(together.items()):
            try:
                width = FWHM_OF_OUTLINE * math.sqrt(source.length_mm * source.width_mm)
                found[window] = centroid_at(image, pixel_mm, source.x_mm, source.y_mm, width)
            except ProfileError as error:
                place = Words(
                    f"detector {detector}, window {window}, point at {source.x_mm:.0f}, {source.y_mm:.0f} mm",
                    f"探头 {detector}，能窗 {window}，点源位于 {source.x_mm:.0f}，{source.y_mm:.0f} mm",
                )
                remarks.append(_lost("point_not_measured", place, error.words))
        if len(found) > 1:
            points.append(Point(detector=detector, centroids=found))
    return points, remarks


def _lost(code: str, place: Words, why: Words) -> Remark:
    return remark(code, en=f"{place.en} was not measured: {why.en}", zh=f"{place.zh} 未测量：{why.zh}")


def _displacements(detector: int, points: Sequence[Point]) -> list[Measurement]:
    windows = sorted({window for one in points for window in one.centroids})
    found = []
    for first, second in itertools.combinations(windows, 2):
        both = [one.centroids for one in points if first in one.centroids and second in one.centroids]
        if not both:
            continue
        for axis in ("x", "y"):
            apart = np.array([_place(one[second], axis) - _place(one[first], axis) for one in both])
            noise = np.array([math.hypot(_u(one[first], axis), _u(one[second], axis)) for one in both])
            u = noise_of_largest(apart, noise).uncertainty
            where: dict[str, Any] = {"detector": detector, "axis": axis, "energy_window": f"{first}-{second}"}
            found.append(DISPLACEMENT.of(float(np.abs(apart).max()), u, **where))
    return found


def _place(one: Centroid, axis: str) -> float:
    return one.x_mm if axis == "x" else one.y_mm


def _u(one: Centroid, axis: str) -> float:
    return one.u_x_mm if axis == "x" else one.u_y_mm


def _conditions_not_met(points: Sequence[Point], pixel_mm: tuple[float, float]) -> list[Remark]:
    found = []
    fewest = min(sum(one.detector == detector for one in points) for detector in {one.detector for one in points})
    if fewest < POINTS_OF_THE_STANDARD:
        found.append(
            remark(
                "few_points",
                en=f"{fewest} point(s) were measured; the standard asks for {POINTS_OF_THE_STANDARD}: the centre, and 0.4 and 0.8 of the "
                "way to each edge. The largest displacement may lie elsewhere",
                zh=f"测量了 {fewest} 个点；标准要求 {POINTS_OF_THE_STANDARD} 个：中心及中心至各边缘距离的 0.4 和 0.8 处。"
                "最大位移可能位于其他位置。",
            )
        )
    if max(pixel_mm) > COARSEST_MM:
        found.append(
            remark(
                "pixels_too_large",
                en=f"pixels of {max(pixel_mm):.2f} mm; the standard allows {COARSEST_MM} mm",
                zh=f"像素为 {max(pixel_mm):.2f} mm，标准允许 {COARSEST_MM} mm。",
            )
        )
    lowest = min(one.peak_counts for point in points for one in point.centroids.values())
    if lowest < FEWEST_PEAK_COUNTS:
        found.append(
            remark(
                "few_counts",
                en=f"{lowest:.0f} counts in the peak of a point; the standard asks for {FEWEST_PEAK_COUNTS}. The stated uncertainties "
                "carry the noise",
                zh=f"点源峰值计数为 {lowest:.0f}，标准要求不少于 {FEWEST_PEAK_COUNTS}；给出的不确定度已计入噪声。",
            )
        )
    return found


def _conditions(images: PlanarImages, points: Sequence[Point]) -> tuple[Condition, ...]:
    named = [f"{window}: {images.energy_windows[window]}" for window in _windows(images) if window in images.energy_windows]
    found = [Condition(label=Words("points measured", "测量点数"), value=Words(f"{len(points)}", f"{len(points)}"))]
    if named:
        found.append(Condition(label=Words("energy windows", "能窗"), value=Words("; ".join(named), "；".join(named))))
    return tuple(found)


def _sums(images: PlanarImages, detectors: set[int]) -> dict[int, npt.NDArray[Any]]:
    return {
        detector: np.asarray(
            sum(image.astype(np.float64) for frame, image in zip(images.frames, images.counts) if frame.detector == detector)
        )
        for detector in sorted(detectors)
    }
