"""What there is to look at after a flood: counts and deviation of each detector, and profiles through the worst row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from photopeak.figure import Axis, Chart, Figure, Line, Outline, Overlay, Picture, Spot
from photopeak.gamma_camera.flood_analysis import DetectorFlood
from photopeak.gamma_camera.uniformity_map import Mask
from photopeak.words import Words

MARGIN_MM = 12.0  #: shown round the field
DEVIATION = 10.0  #: per cent, the window of the deviation map
PROFILE_ROWS = 4
LINES = 4  #: profiles in one chart; more become small multiples


def flood_figures(detectors: Sequence[DetectorFlood]) -> tuple[Figure, ...]:
    """Count images (one window for all), deviation maps, profiles."""
    several = len({flood.energy_window for flood in detectors}) > 1
    top = max(float(np.nanmax(_cropped(flood)[0])) for flood in detectors)
    counts = [_counts(flood, _name(flood, several), top) for flood in detectors]
    deviations = [_deviation(flood, _name(flood, several)) for flood in detectors]
    charts = [_profiles(detectors[first : first + LINES], several) for first in range(0, len(detectors), LINES)]
    return (*counts, *deviations, *charts)


def _name(flood: DetectorFlood, several: bool) -> Words:
    en, zh = f"Detector {flood.detector}", f"探头 {flood.detector}"
    return Words(f"{en}, window {flood.energy_window}", f"{zh}，能窗 {flood.energy_window}") if several else Words(en, zh)


def _cropped(flood: DetectorFlood) -> tuple[npt.NDArray[np.float32], tuple[int, int]]:
    """The overview round the field, and the (row, column) it begins at."""
    starts, ends = [], []
    for axis, offset in enumerate((flood.overview_top_mm, flood.overview_left_mm)):
        half, pixel = flood.field.size_mm[axis] / 2 + MARGIN_MM, flood.overview_pixel_mm[axis]
        starts.append(max(0, int((-half - offset) / pixel)))
        ends.append(min(flood.overview.shape[axis], int(np.ceil((half - offset) / pixel))))
    return flood.overview[starts[0] : ends[0], starts[1] : ends[1]], (starts[0], starts[1])


def _place(flood: DetectorFlood) -> dict[str, int]:
    return {"detector": flood.detector, "energy_window": flood.energy_window}


def _counts(flood: DetectorFlood, name: Words, top: float) -> Picture:
    values, first = _cropped(flood)
    pixel = flood.overview_pixel_mm
    left, above = flood.overview_left_mm + first[1] * pixel[1], flood.overview_top_mm + first[0] * pixel[0]
    y = above + (np.arange(values.shape[0], dtype=np.float64) + 0.5) * pixel[0]
    x = left + (np.arange(values.shape[1], dtype=np.float64) + 0.5) * pixel[1]
    return Picture(
        title=Words(f"{name.en}: counts", f"{name.zh}：计数"),
        values=values,
        pixel_mm=pixel,
        left_mm=left,
        top_mm=above,
        window=(0.0, top),
        unit=Words("counts", "计数"),
        palette="grey",
        overlays=_overlays(flood, _seen_on(flood, flood.ufov, y, x), _seen_on(flood, flood.cfov, y, x)),
        group="counts",
        where=_place(flood),
    )


def _seen_on(flood: DetectorFlood, mask: Mask, y_mm: npt.NDArray[np.float64], x_mm: npt.NDArray[np.float64]) -> Mask:
    """`mask` of the analysed grid, on pixels with these centres."""
    index, known = [], []
    for at, start, size, number in zip((y_mm, x_mm), (flood.top_mm, flood.left_mm), flood.grid.bin_mm, mask.shape):
        place = np.floor((at - start) / size).astype(int)
        known.append((place >= 0) & (place < number))
        index.append(np.clip(place, 0, number - 1))
    seen: Mask = mask[index[0]][:, index[1]] & known[0][:, None] & known[1][None, :]
    return seen


def _overlays(flood: DetectorFlood, ufov: Mask, cfov: Mask) -> tuple[Overlay, ...]:
    field = flood.fields[0]
    return (
        Outline(mask=ufov, style="solid", label="UFOV"),
        Outline(mask=cfov, style="dashed", label="CFOV"),
        Spot(x_mm=field.lowest.x_mm, y_mm=field.lowest.y_mm, sign="−"),
        Spot(x_mm=field.highest.x_mm, y_mm=field.highest.y_mm, sign="+"),
    )


def _deviation(flood: DetectorFlood, name: Words) -> Picture:
    return Picture(
        title=Words(
            f"{name.en}: deviation from the CFOV mean, after the nine-point filter",
            f"{name.zh}：相对 CFOV 均值的偏差（九点滤波后）",
        ),
        values=100 * (flood.smooth / flood.mean - 1),
        pixel_mm=flood.grid.bin_mm,
        left_mm=flood.left_mm,
        top_mm=flood.top_mm,
        window=(-DEVIATION, DEVIATION),
        unit=Words("%", "%"),
        palette="deviation",
        overlays=_overlays(flood, flood.ufov, flood.cfov),
        where=_place(flood),
        group="deviation",
    )


def _profiles(detectors: Sequence[DetectorFlood], several: bool) -> Chart:
    lines = []
    for flood in detectors:
        x, y, row = _profile(flood)
        name = _name(flood, several)
        lines.append(Line(x=x, y=y, label=Words(f"{name.en}, y = {row:.0f} mm", f"{name.zh}，y = {row:.0f} mm")))
    return Chart(
        title=Words(
            f"Deviation along x, mean of {PROFILE_ROWS} rows through the worst pixel",
            f"沿 x 方向的偏差（经最差像素的 {PROFILE_ROWS} 行平均）",
        ),
        x=Axis(label=Words("x", "x"), unit="mm"),
        y=Axis(label=Words("deviation from the CFOV mean", "相对 CFOV 均值的偏差"), unit="%"),
        marks=tuple(lines),
        group="profiles",
    )


def _profile(flood: DetectorFlood) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """x in mm, mean deviation in % (NaN outside the UFOV), and the mean y in mm of the rows."""
    worst = max((flood.fields[0].lowest, flood.fields[0].highest), key=lambda one: abs(one.deviation_percent))
    rows, columns = flood.smooth.shape
    step_y, step_x = flood.grid.bin_mm
    at = round((worst.y_mm - flood.top_mm) / step_y - 0.5)
    first = int(np.clip(at - PROFILE_ROWS // 2, 0, max(0, rows - PROFILE_ROWS)))
    part = flood.smooth[first : first + PROFILE_ROWS]
    number = np.isfinite(part).sum(axis=0)
    mean = np.where(number > 0, np.nansum(part, axis=0) / np.maximum(number, 1), np.nan)
    x = flood.left_mm + (np.arange(columns, dtype=np.float64) + 0.5) * step_x
    return x, 100 * (mean / flood.mean - 1), flood.top_mm + (first + len(part) / 2) * step_y
