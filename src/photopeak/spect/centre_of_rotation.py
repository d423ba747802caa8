"""Centre of rotation and alignment of every head, from the projections of point sources (NEMA NU 1-2007, clause 4, alignment).

x(t) = x0 + a sin t + b cos t is fitted to the source's column coordinate with the angles of the header, the frequency being one
turn in a turn; x0 is the offset of the axis from the matrix centre, positive to the right. Over an even full turn it equals the
standard's mean of the centroids. The row coordinate gives the axial deviation (highest minus lowest) and, with the source's
distance from the axis, the tilt. Departure from the standard: at least 12 views, where it allows 8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, PlanarImages
from photopeak.figure import Axis, Chart, Figure, Line, Points
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.spect.noise_enlarged import enlarged_by_noise, largest, peak_to_peak, root_mean_square
from photopeak.spect.point_sources import SourceLost, Track, follow_sources, not_point_sources
from photopeak.spect.rotation import HeadFrames, Sinusoid, arc_covered_deg, design, fit_sinusoid, heads_of, noise_gain
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

COR_OFFSET = Quantity(name="cor_offset", unit="mm", en="centre-of-rotation offset", zh="旋转中心偏移")
RESIDUAL_MAX = Quantity(name="cor_residual_max", unit="mm", en="largest residual from the fitted path", zh="旋转轨迹最大残差")
RESIDUAL_RMS = Quantity(
    name="cor_residual_rms", unit="mm", en="root-mean-square residual from the fitted path", zh="旋转轨迹残差均方根"
)
AXIAL_DEVIATION = Quantity(name="axial_deviation", unit="mm", en="axial deviation, peak to peak", zh="轴向偏差（峰峰值）")
DETECTOR_TILT = Quantity(name="detector_tilt", unit="deg", en="detector tilt", zh="探头倾角")
DETECTOR_DIFFERENCE = Quantity(
    name="detector_difference", unit="mm", en="largest difference between detectors", zh="探头间最大差异"
)

FEWEST_VIEWS = 12
SHORTEST_ARC_DEG = 85.0
NEAREST_FOR_TILT_MM = 20.0  # a source on the axis keeps its distance and shows no tilt


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One source seen by one head: its track, angles in degrees, [view], and the sinusoids across and along the axis."""

    place: dict[str, int]
    source: int
    angles_deg: Floats
    arc_deg: float
    track: Track
    across: Sinusoid
    along: Sinusoid

    @property
    def radius_mm(self) -> float:
        """Distance of the source from the axis of rotation."""
        return self.across.amplitude_mm


@dataclass(frozen=True, slots=True, kw_only=True)
class CentreOfRotation(Result):
    """Measurements of every head (and of every source, where there are several), with the paths behind them."""

    paths: tuple[Path, ...] = ()

    def figures(self) -> tuple[Figure, ...]:
        shown = _worst_of_each_head(self.paths)
        residuals = tuple(_lines(shown, lambda path: path.across.residual_mm))
        axial = tuple(_lines(shown, lambda path: path.track.y_mm - path.along.constant_mm))
        angle = Axis(label=Words("gantry angle", "机架角度"), unit="deg", ticks=(0.0, 90.0, 180.0, 270.0, 360.0))
        charts = [
            Chart(
                title=Words("Departure from the fitted path", "相对拟合轨迹的偏离"),
                x=angle,
                y=Axis(label=Words("residual", "残差"), unit="mm"),
                marks=residuals,
                group="paths",
            ),
            Chart(
                title=Words("Movement along the axis", "轴向移动"),
                x=angle,
                y=Axis(label=Words("from the mean", "相对均值"), unit="mm"),
                marks=axial,
                group="paths",
            ),
        ]
        offsets = [m for m in self.measurements if m.quantity is COR_OFFSET]
        along = [m for m in offsets if "source" in m.where] or offsets
        heads = list(dict.fromkeys(m.where["detector"] for m in along))
        charts.append(
            Chart(
                title=Words("Centre-of-rotation offset along the axis", "旋转中心偏移沿轴向的分布"),
                x=Axis(label=Words("row, from the matrix centre", "行位置（相对矩阵中心）"), unit="mm"),
                y=Axis(label=COR_OFFSET.words, unit="mm"),
                marks=tuple(_offsets([m for m in along if m.where["detector"] == head], self.paths) for head in heads),
            )
        )
        return tuple(charts)


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, PlanarImages):
        return Words("not the projections of a rotating head", "不是断层采集的投影数据")
    return not_point_sources(evidence.images)


@procedure(
    en="Centre of rotation",
    zh="旋转中心",
    implements="NEMA NU 1-2007, clause 4 (alignment); IAEA HHS-6, 4.3.6",
    kinds=("nm_planar",),
    quantities=(COR_OFFSET, RESIDUAL_MAX, RESIDUAL_RMS, AXIAL_DEVIATION, DETECTOR_TILT, DETECTOR_DIFFERENCE),
    accepts=accepts,
)
def centre_of_rotation(evidence: Evidence) -> CentreOfRotation:
    """Offset, residuals, axial deviation and tilt of each head, from a TOMO acquisition of point sources along the axis."""
    images = _projections(evidence)
    paths: list[Path] = []
    remarks: list[Remark] = []
    refusals: list[tuple[str, Words]] = []
    for head in heads_of(images):
        place = head.place
        try:
            paths += _paths(images, head)
        except SourceLost as lost:
            refusals.append((lost.code, lost.words))
            remarks.append(
                remark(
                    "detector_not_measured",
                    en=f"detector {place['detector']} was not measured: {lost.words.en}",
                    zh=f"探头 {place['detector']} 未测量：{lost.words.zh}",
                )
            )
    if not paths:
        code, words = refusals[0]
        raise Refused(code, en=words.en, zh=words.zh)
    heads = _by_head(paths)
    measurements = [m for path_group in heads for m in _of_head(path_group)]
    measurements += _differences(heads)
    return CentreOfRotation(
        measurements=tuple(measurements),
        remarks=(*remarks, *_noticed(heads, measurements)),
        conditions=tuple(_conditions(evidence, images, heads)),
        paths=tuple(paths),
    )


def _projections(evidence: Evidence) -> PlanarImages:
    images = evidence.images
    reason = accepts(evidence)
    if reason is not None or not isinstance(images, PlanarImages):
        why = reason or Words("no projections", "没有投影数据")
        raise Refused(
            "not_point_sources",
            en=f"{evidence.name}: {why.en}; the test needs a tomographic acquisition of one or more point sources in air",
            zh=f"{evidence.name}：{why.zh}；本检测需要空气中点源的断层采集数据。",
        )
    if images.pixel_mm is None:
        raise Refused(
            "pixel_size_missing",
            en=f"{evidence.name} does not state its pixel size; export the acquisition again with Pixel Spacing",
            zh=f"{evidence.name} 未注明像素大小；请重新导出含 Pixel Spacing 的数据。",
        )
    return images


def _paths(images: PlanarImages, head: HeadFrames) -> list[Path]:
    angles_deg, arc_deg = _angles(images, head.index)
    assert images.pixel_mm is not None
    counts = images.counts if len(head.index) == len(images.counts) else images.counts[head.index]
    return [
        Path(
            place=head.place,
            source=number,
            angles_deg=angles_deg,
            arc_deg=arc_deg,
            track=track,
            across=fit_sinusoid(angles_deg, track.x_mm, track.x_uncertainty_mm),
            along=fit_sinusoid(angles_deg, track.y_mm, track.y_uncertainty_mm),
        )
        for number, track in enumerate(follow_sources(counts, images.pixel_mm), 1)
    ]


def _angles(images: PlanarImages, chosen: npt.NDArray[np.intp]) -> tuple[Floats, float]:
    """Angles in degrees and the arc they cover, checked to be enough."""
    angles = [images.frames[index].angle_deg for index in chosen]
    known = np.array([angle for angle in angles if angle is not None], dtype=np.float64)
    if len(known) < len(angles):
        raise SourceLost(
            "angles_missing",
            en="the header does not give the angle of every view; export the acquisition again with its rotation information",
            zh="头文件未给出每幅投影的角度；请重新导出含旋转信息的数据。",
        )
    if len(known) < FEWEST_VIEWS:
        raise SourceLost(
            "too_few_views",
            en=f"{len(known)} views found; at least {FEWEST_VIEWS} are needed to tell a faulty rotation from noise, 60 "
            "or more are usual",
            zh=f"仅有 {len(known)} 幅投影；至少需要 {FEWEST_VIEWS} 幅才能将旋转异常与噪声区分，通常为 60 幅或更多。",
        )
    arc_deg = arc_covered_deg(known)
    if arc_deg < SHORTEST_ARC_DEG:
        raise SourceLost(
            "arc_too_short",
            en=f"the views cover {arc_deg:.0f}° only; at least 90° are needed, 360° are best",
            zh=f"投影仅覆盖 {arc_deg:.0f}°；至少需要 90°，最好为 360°。",
        )
    return known, arc_deg


def _by_head(paths: Iterable[Path]) -> list[list[Path]]:
    heads: dict[tuple[int, ...], list[Path]] = {}
    for path in paths:
        heads.setdefault(tuple(path.place.values()), []).append(path)
    return list(heads.values())


def _of_head(paths: list[Path]) -> list[Measurement]:
    """What one head shows: its sources together (mean offset and tilt, worst of the rest), and each of several."""
    each = [_of_path(path) for path in paths]
    measured = [
        together([one[name] for one in each if name in one], paths[0].place)
        for name, together in (
            (COR_OFFSET.name, _mean),
            (RESIDUAL_MAX.name, _worst),
            (RESIDUAL_RMS.name, _worst),
            (AXIAL_DEVIATION.name, _worst),
            (DETECTOR_TILT.name, _mean),
        )
        if any(name in one for one in each)
    ]
    if len(paths) > 1:
        measured += [
            replace(one[name], where={**path.place, "source": path.source})
            for path, one in zip(paths, each)
            for name in (COR_OFFSET.name, AXIAL_DEVIATION.name, DETECTOR_TILT.name)
            if name in one
        ]
    return measured


def _mean(found: list[Measurement], place: dict[str, Any]) -> Measurement:
    uncertainty = math.sqrt(sum((m.uncertainty or 0.0) ** 2 for m in found)) / len(found)
    companions = [m.noise_corrected for m in found if m.noise_corrected is not None]
    corrected = _mean(companions, place) if companions else None
    return found[0].quantity.of(float(np.mean([m.value for m in found])), uncertainty, noise_corrected=corrected, **place)


def _worst(found: list[Measurement], place: dict[str, Any]) -> Measurement:
    return max(found, key=lambda m: m.value)


def _of_path(path: Path) -> dict[str, Measurement]:
    place: dict[str, Any] = path.place
    residual, noise = path.across.residual_mm, path.track.x_uncertainty_mm
    columns = design(path.angles_deg)
    free = np.eye(len(residual)) - columns @ np.linalg.pinv(columns)
    found = {
        COR_OFFSET.name: COR_OFFSET.of(path.across.constant_mm, path.across.constant_uncertainty_mm, **place),
        RESIDUAL_MAX.name: enlarged_by_noise(RESIDUAL_MAX, largest, residual, noise, place, free),
        RESIDUAL_RMS.name: enlarged_by_noise(RESIDUAL_RMS, root_mean_square, residual, noise, place, free),
        AXIAL_DEVIATION.name: enlarged_by_noise(
            AXIAL_DEVIATION, peak_to_peak, path.track.y_mm, path.track.y_uncertainty_mm, place
        ),
    }
    if path.radius_mm >= NEAREST_FOR_TILT_MM:
        found[DETECTOR_TILT.name] = _tilt(path, place)
    return found


def _tilt(path: Path, place: dict[str, Any]) -> Measurement:
    """Amplitude of the movement along the axis over the source's distance from it, as an angle."""
    amplitude, covariance = path.along.amplitude_mm, path.along.covariance
    spread = float(covariance[1, 1] + covariance[2, 2])
    # A length is never negative, so noise enlarges a small one: that part is in the uncertainty too.
    enlarged = amplitude - math.sqrt(max(0.0, amplitude**2 - spread))
    uncertainty = math.hypot(math.sqrt(spread / 2), enlarged)
    companion = DETECTOR_TILT.of(
        _angle(amplitude - enlarged, path.radius_mm), _angle(math.sqrt(spread / 2), path.radius_mm), **place
    )
    return DETECTOR_TILT.of(
        _angle(amplitude, path.radius_mm), _angle(uncertainty, path.radius_mm), noise_corrected=companion, **place
    )


def _angle(along_mm: float, away_mm: float) -> float:
    return math.degrees(math.atan2(along_mm, away_mm))


def _differences(heads: list[list[Path]]) -> list[Measurement]:
    """The largest difference between two heads, across (x) and along (y) the axis, over the sources that both see."""
    found: dict[str, list[Measurement]] = {"x": [], "y": []}
    for first, second in combinations(heads, 2):
        if first[0].place["detector"] == second[0].place["detector"] or len(first) != len(second):
            continue
        for one, other in zip(first, second):
            found["x"].append(_difference(one.across, other.across, "x"))
            found["y"].append(_difference(one.along, other.along, "y"))
    return [max(values, key=lambda m: m.value) for values in found.values() if values]


def _difference(one: Sinusoid, other: Sinusoid, axis: str) -> Measurement:
    uncertainty = math.hypot(one.constant_uncertainty_mm, other.constant_uncertainty_mm)
    return DETECTOR_DIFFERENCE.of(abs(one.constant_mm - other.constant_mm), uncertainty, axis=axis)


def _noticed(heads: list[list[Path]], measurements: list[Measurement]) -> list[Remark]:
    notices = []
    seen = {paths[0].place["detector"]: len(paths) for paths in heads}
    if len(set(seen.values())) > 1:
        notices.append(
            remark(
                "detectors_see_different_sources",
                en="the detectors were not compared where they see different numbers of sources: "
                + ", ".join(f"detector {name} sees {number}" for name, number in seen.items()),
                zh="各探头所见源数不同，未作探头间比较："
                + "，".join(f"探头 {name} 见 {number} 个" for name, number in seen.items()),
            )
        )
    for paths in heads:
        path, name = paths[0], paths[0].place["detector"]
        if path.arc_deg < 350.0:
            gain = noise_gain(path.angles_deg)
            notices.append(
                remark(
                    "partial_arc",
                    en=f"detector {name} covered {path.arc_deg:.0f}°: noise makes the offset {gain:.1f} times less "
                    "certain than over a "
                    "full turn, and a wobble of the gantry can pass for an offset",
                    zh=f"探头 {name} 仅覆盖 {path.arc_deg:.0f}°：由噪声引起的偏移不确定度为整圈采集的 {gain:.1f} 倍，"
                    "且机架晃动可能表现为偏移。",
                )
            )
    enlarged = [
        m for m in measurements if m.noise_corrected is not None and m.value > 0 and m.noise_corrected.value < 0.5 * m.value
    ]
    if enlarged:
        notices.append(
            remark(
                "noise_limited",
                en="residuals, axial deviation or tilt are no larger than counting noise makes them; their uncertainty "
                "contains that bias",
                zh="残差、轴向偏差或倾角的大小可由计数噪声解释，其不确定度已包含该偏倚。",
            )
        )
    return notices


def _conditions(evidence: Evidence, images: PlanarImages, heads: list[list[Path]]) -> Iterable[Condition]:
    assert images.pixel_mm is not None
    pixel = f"{images.pixel_mm[1]:.3f} × {images.pixel_mm[0]:.3f} mm"
    yield Condition(label=Words("pixel size", "像素大小"), value=Words(pixel, pixel))
    for paths in heads:
        name = paths[0].place["detector"]
        away = ", ".join(f"{path.radius_mm:.0f}" for path in paths)
        counts = min(path.track.counts_per_view for path in paths)
        views, arc, width = len(paths[0].angles_deg), paths[0].arc_deg, paths[0].track.fwhm_mm
        yield Condition(
            label=Words(f"detector {name}", f"探头 {name}"),
            value=Words(
                f"{views} views over {arc:.0f}°, {len(paths)} source(s) {away} mm from the axis, "
                f"{counts:.0f} counts a view, FWHM {width:.1f} mm",
                f"{views} 幅投影，覆盖 {arc:.0f}°；{len(paths)} 个源，距旋转轴 {away} mm；"
                f"每幅计数 {counts:.0f}；半高宽 {width:.1f} mm",
            ),
        )
    if radius_mm := evidence.header.get("radius_mm"):
        yield Condition(label=Words("radius of rotation", "旋转半径"), value=Words(*(2 * (f"{float(radius_mm):.0f} mm",))))
    yield Condition(
        label=Words("centroid", "质心"),
        value=Words(
            "pixel-integrated Gaussian with background, two widths to each side",
            "按像素积分的高斯拟合（含本底），两侧各取两倍半高宽",
        ),
    )


def _worst_of_each_head(paths: Iterable[Path]) -> list[Path]:
    """Of every head, the source that strays furthest: three sources of two heads are too many curves to tell apart."""
    return [max(group, key=lambda path: float(np.abs(path.across.residual_mm).max())) for group in _by_head(paths)]


def _offsets(measurements: list[Measurement], paths: Iterable[Path]) -> Points:
    head = measurements[0].where["detector"]
    return Points(
        x=tuple(_place_on_axis(m, paths) for m in measurements),
        measurements=tuple(measurements),
        label=Words(f"detector {head}", f"探头 {head}"),
    )


def _lines(paths: Iterable[Path], value: Callable[[Path], Floats]) -> Iterable[Line]:
    for path in paths:
        order = np.argsort(path.angles_deg)
        detector = path.place["detector"]
        yield Line(
            x=path.angles_deg[order],
            y=value(path)[order],
            label=Words(f"detector {detector}, source {path.source}", f"探头 {detector}，源 {path.source}"),
        )


def _place_on_axis(measurement: Measurement, paths: Iterable[Path]) -> float:
    source = measurement.where.get("source", 1)
    detector = measurement.where["detector"]
    return next(path.along.constant_mm for path in paths if path.source == source and path.place["detector"] == detector)
