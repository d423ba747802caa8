"""Point sources in the views of a rotating head: how many there are, and where each lies in every view.

Positions are mm from the centre of the matrix, (N - 1) / 2 counted from 0: x to the right, y downwards. Each is the centre of a
pixel-integrated Gaussian on a constant background, fitted to the counts summed over two widths across it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy
from scipy.ndimage import uniform_filter

from photopeak.evidence import PlanarImages
from photopeak.profile import FWHM_PER_SIGMA, gaussian_fits
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[Any]

BRIGHT = 0.25  # of the brightest pixel: what stands out at this height is source
LARGEST_BRIGHT_AREA_MM2 = 4000.0  # a few sources 25 mm wide; a 200 mm cylinder shows over 20 000 mm2
LARGEST_SPREAD = 0.25  # share of the counts that may lie far from what is bright
FAINTEST_SOURCE = 0.15  # of the brightest, in the sum over all views
FAINTEST_VIEW = 0.05  # of the median view: below it the source was not seen
FLAT_TOP_PIXELS, FLAT_TOP_COUNTS = 5, 50
SHARE_CUT_OFF = 0.1  # of the views
DETECTOR_LIMITS = (255.0, 4095.0, 16383.0, 32767.0, 65535.0)


class SourceLost(Exception):
    """A source that cannot be followed through every view; `code` and words say why."""

    def __init__(self, code: str, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.code = code
        self.words = Words(en, zh)


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One source through all views: positions and their counting uncertainties (k = 1) in mm, [view]."""

    x_mm: Floats
    y_mm: Floats
    x_uncertainty_mm: Floats
    y_uncertainty_mm: Floats
    fwhm_mm: float
    counts_per_view: float


def not_point_sources(images: PlanarImages) -> Words | None:
    """Why these projections do not show point sources, or None where they do. Looks at eight views."""
    if images.image_type != "TOMO":
        return Words(
            f"an image of type {images.image_type}, not the projections of a rotating head",
            f"图像类型为 {images.image_type}，不是断层采集的投影数据",
        )
    area_mm2, spread = concentration(images.counts, images.pixel_mm or (1.0, 1.0))
    if area_mm2 > LARGEST_BRIGHT_AREA_MM2 or spread > LARGEST_SPREAD:
        return Words(
            f"the bright area is {area_mm2:.0f} mm² and {spread:.0%} of the counts lie outside it: not point sources",
            f"高计数区面积为 {area_mm2:.0f} mm²，{spread:.0%} 的计数在其外，不是点源图像",
        )
    return None


def concentration(counts: Counts, pixel_mm: tuple[float, float]) -> tuple[float, float]:
    """Area (mm²) above a quarter of the brightest pixel, and the share of counts further than its size away: medians."""
    areas, spreads = [], []
    for view in counts[:: max(1, len(counts) // 8)]:
        smooth = uniform_filter(view.astype(np.float64), 3)
        smooth -= np.median(smooth)
        if smooth.max() <= 0:
            continue
        bright = smooth > BRIGHT * smooth.max()
        areas.append(bright.sum() * pixel_mm[0] * pixel_mm[1])
        reach = 2 * max(2, math.ceil(math.sqrt(bright.sum() / math.pi))) + 1
        near = uniform_filter(bright.astype(np.float64), reach) > 0.5 / reach**2
        net = view - np.median(uniform_filter(view.astype(np.float64), 5))
        spreads.append(max(0.0, float(net[~near].sum() / max(net.sum(), 1.0))))
    if not areas:
        return math.inf, 1.0
    return float(np.median(areas)), float(np.median(spreads))


def saturated(counts: Counts) -> bool:
    """Whether the tops are cut off: in a tenth of the views several pixels share the maximum, or hold what a pixel can store.

    Chance alone makes two pixels of a view equal now and then, so that one such view says nothing.
    """
    tops = counts.reshape(len(counts), -1).max(axis=1)
    shared = (counts == tops[:, None, None]).sum(axis=(1, 2))
    flat = (shared >= FLAT_TOP_PIXELS) & (tops >= FLAT_TOP_COUNTS)
    return float(flat.sum()) >= max(2.0, SHARE_CUT_OFF * len(tops)) or at_storage_limit(counts)


def at_storage_limit(counts: Counts) -> bool:
    """Whether in a tenth of the views several pixels hold the largest number that a camera can store, with nothing above it."""
    top = counts.max()
    if top not in DETECTOR_LIMITS:
        return False
    several = (counts == top).sum(axis=(1, 2)) >= 2
    return float(several.sum()) >= max(2.0, SHARE_CUT_OFF * len(several))


def follow_sources(counts: Counts, pixel_mm: tuple[float, float]) -> tuple[Track, ...]:
    """Every source of `counts[view, row, column]` through all views, in order along the axis. SourceLost where it fails."""
    dark = np.flatnonzero(counts.max(axis=(1, 2)) <= counts.min(axis=(1, 2)))
    if len(dark):
        raise SourceLost(
            "empty_view",
            en=f"view {dark[0] + 1} is empty ({len(dark)} of {len(counts)} in all); every view must show the source, "
            "repeat the acquisition",
            zh=f"第 {dark[0] + 1} 幅投影无计数（{len(counts)} 幅中共 {len(dark)} 幅）；每幅投影都须包含源，请重新采集。",
        )
    if saturated(counts):
        raise SourceLost(
            "saturated",
            en=f"the brightest pixels share one value ({counts.max():g}): the counts are cut off; use less activity or "
            "a shorter view",
            zh=f"最亮的多个像素取值相同（{counts.max():g}），计数已饱和；请减少活度或缩短每幅采集时间。",
        )
    width_mm = _rough_width(counts, pixel_mm)
    bands = _bands(counts, pixel_mm[0], width_mm)
    return tuple(_follow(counts, band, pixel_mm, width_mm) for band in bands)


def _rough_width(counts: Counts, pixel_mm: tuple[float, float]) -> float:
    """Full width at half maximum, mm, from the area above half of the maximum."""
    areas = []
    for view in counts[:: max(1, len(counts) // 16)]:
        floor = float(np.median(view))
        areas.append(((view - floor) > 0.5 * (view.max() - floor)).sum())
    area_mm2 = max(1.0, float(np.median(areas))) * pixel_mm[0] * pixel_mm[1]
    return max(2 * math.sqrt(area_mm2 / math.pi), 1.5 * max(pixel_mm))


def _bands(counts: Counts, row_mm: float, width_mm: float) -> list[tuple[int, int]]:
    """Rows [from, to) of each source: peaks of the sum over all views and columns."""
    profile = counts.sum(axis=(0, 2), dtype=np.float64)
    profile = profile - np.median(profile)
    apart = max(1, math.ceil(width_mm / row_mm))
    # A peak in the first or last row is a source too, a clipped one.
    peaks, _ = scipy.signal.find_peaks(np.pad(profile, 1), prominence=FAINTEST_SOURCE * profile.max(), distance=apart)
    peaks = peaks - 1
    nearest_mm = float(np.diff(peaks).min()) * row_mm if len(peaks) > 1 else math.inf
    if nearest_mm < 3 * width_mm:
        raise SourceLost(
            "sources_overlap",
            en=f"{len(peaks)} sources lie only {nearest_mm:.0f} mm apart along the axis; place them at least "
            f"{3 * width_mm:.0f} mm apart",
            zh=f"{len(peaks)} 个源沿轴向仅相距 {nearest_mm:.0f} mm；请使其相距至少 {3 * width_mm:.0f} mm。",
        )
    middles = (peaks[1:] + peaks[:-1] + 1) // 2
    edges = [0, *middles.tolist(), len(profile)]
    return list(pairwise(edges))


def _follow(counts: Counts, band: tuple[int, int], pixel_mm: tuple[float, float], width_mm: float) -> Track:
    inside = counts[:, band[0] : band[1]]
    reach_x, reach_y = (math.ceil(2 * width_mm / mm) for mm in (pixel_mm[1], pixel_mm[0]))
    across = uniform_filter(inside.sum(axis=1, dtype=np.float64), (0, 3))
    columns = _window(np.argmax(across, axis=1), reach_x, counts.shape[2])
    along = np.take_along_axis(inside, columns[:, None, :], axis=2).sum(axis=2, dtype=np.float64)
    rows = band[0] + _window(np.argmax(uniform_filter(along, (0, 3)), axis=1), reach_y, inside.shape[1])
    patch = counts[np.arange(len(counts))[:, None, None], rows[:, :, None], columns[:, None, :]].astype(np.float64)
    _seen(patch)
    x = _fitted(columns, patch.sum(axis=1), pixel_mm[1], counts.shape[2])
    y = _fitted(rows, patch.sum(axis=2), pixel_mm[0], counts.shape[1])
    fwhm_mm = float(np.median(FWHM_PER_SIGMA * x[0][:, 1]))
    for (parameters, _), mm, size in ((x, pixel_mm[1], counts.shape[2]), (y, pixel_mm[0], counts.shape[1])):
        _inside_the_matrix(parameters[:, 0], size * mm / 2, fwhm_mm)
    return Track(
        x_mm=x[0][:, 0],
        y_mm=y[0][:, 0],
        x_uncertainty_mm=x[1],
        y_uncertainty_mm=y[1],
        fwhm_mm=fwhm_mm,
        counts_per_view=float(np.median(x[0][:, 2] * x[0][:, 1] * math.sqrt(2 * math.pi) / pixel_mm[1])),
    )


def _window(centre: npt.NDArray[np.intp], reach: int, size: int) -> npt.NDArray[np.intp]:
    """Indices [view, 2 reach + 1] round each centre, moved inwards where they would leave the matrix."""
    width = min(2 * reach + 1, size)
    first = np.clip(centre - width // 2, 0, size - width)
    found: npt.NDArray[np.intp] = first[:, None] + np.arange(width)
    return found


def _seen(patch: Floats) -> None:
    """Every view shows the source: its net counts are neither nothing nor a small part of the others'."""
    border = np.concatenate([patch[:, 0], patch[:, -1], patch[:, :, 0], patch[:, :, -1]], axis=1)
    pixels = patch.shape[1] * patch.shape[2]
    net = patch.sum(axis=(1, 2)) - pixels * border.mean(axis=1)
    noise = np.sqrt(np.maximum(patch.sum(axis=(1, 2)), 1.0) * (1 + pixels / border.shape[1]))
    lost = np.flatnonzero((net < 5 * noise) | (net < FAINTEST_VIEW * np.median(net)))
    if len(lost):
        raise SourceLost(
            "source_not_seen",
            en=f"the source cannot be told from the background in view {lost[0] + 1} ({len(lost)} of {len(patch)} views); "
            "every view must show it, repeat the acquisition with more counts",
            zh=f"第 {lost[0] + 1} 幅投影中无法将源与本底区分（{len(patch)} 幅中共 {len(lost)} 幅）；"
            "每幅投影都须清楚显示源，请增加计数后重新采集。",
        )


def _fitted(index: npt.NDArray[np.intp], profile: Floats, mm: float, size: int) -> tuple[Floats, Floats]:
    """Gaussian parameters[view, 4] and the uncertainty of the centre[view], in mm from the matrix centre."""
    fits = gaussian_fits(np.asarray(mm * (index - (size - 1) / 2), dtype=np.float64), profile, pixel_mm=mm)
    failed = np.flatnonzero(~fits.converged)
    if len(failed):
        raise SourceLost(
            "not_a_point",
            en=f"no single peak fits view {failed[0] + 1} ({len(failed)} of {len(profile)} views): the source is "
            "clipped by the edge, "
            "doubled, or not a point; place point sources well inside the field, apart along the axis",
            zh=f"第 {failed[0] + 1} 幅投影无法用单峰拟合（{len(profile)} 幅中共 {len(failed)} 幅）：源被视野边缘截断、"
            "重叠或并非点源；"
            "请将点源置于视野内并沿轴向分开。",
        )
    return fits.parameters, np.sqrt(fits.covariance[:, 0, 0])


def _inside_the_matrix(centre_mm: Floats, half_mm: float, fwhm_mm: float) -> None:
    near = np.flatnonzero(half_mm - np.abs(centre_mm) < fwhm_mm)
    if len(near):
        left_mm = half_mm - abs(centre_mm[near[0]])
        raise SourceLost(
            "clipped",
            en=f"in view {near[0] + 1} the source is {left_mm:.1f} mm from the edge of the matrix, closer than "
            f"its width of {fwhm_mm:.1f} mm; place it nearer to the axis",
            zh=f"第 {near[0] + 1} 幅投影中源距矩阵边缘仅 {left_mm:.1f} mm，小于其半高宽 {fwhm_mm:.1f} mm；请将源移近旋转轴。",
        )
