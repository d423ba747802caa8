"""What a planar image shows: which sources lie in it, told from their shapes; so each test is claimed by its own procedure.

A source stands out of the median of the image at least threefold. A filled field (flood, bars, plates) has none; it is told
apart by `flood_recognition`. Names, descriptions and folders are never asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects, gaussian_filter, label

from photopeak.evidence import PlanarImages
from photopeak.gamma_camera.field_of_view import see
from photopeak.gamma_camera.flood_recognition import barred, shows_bars, shows_plates
from photopeak.words import Words

Shape = Literal["line", "disc", "point", "other"]
Sight = Literal["empty", "tomo", "dynamic", "whole_body", "bars", "edge", "field", "slits", "lines", "disc", "points", "other"]

FEWEST_COUNTS = 500
OUTSTANDING = 3.0  # of the median
MOST_COVERED = 0.5  # of what is lit: the outlines of slits without background cover 0.37 of it
LEAST_LIT_BY_A_GROUND = 0.15  # of the matrix: less is the sources themselves
HEIGHT_OF_OUTLINE = 0.35
TYPICAL_FIELD_MM = 540.0
MOST_SLIT_FREE_LINES = 4
SLIT_LINES = 5
LONGEST_POINT_MM = 45.0
NEAR_SOURCE_MM = 30.0
LEAST_FILLED_WITH_BARS, LARGEST_DETECTOR_MM = 0.85, 750.0

WORDS: dict[Sight, Words] = {
    "empty": Words("an image almost without counts", "几乎没有计数的图像"),
    "tomo": Words("the projections of a rotating head", "断层采集的投影"),
    "dynamic": Words("a dynamic series", "动态序列"),
    "whole_body": Words("a whole-body scan", "全身扫描"),
    "bars": Words("a bar phantom", "铅栅模体"),
    "edge": Words("plates with straight edges", "带直边的铅板"),
    "field": Words("a filled field without structure", "充满计数且无结构的视野"),
    "slits": Words("parallel slits", "平行狭缝"),
    "lines": Words("line sources", "线源"),
    "disc": Words("one round, extended source", "单个圆形面源"),
    "points": Words("point sources", "点源"),
    "other": Words("no known test pattern", "不属于已知的检测图案"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One connected source: its middle (mm from the outer corner of the first pixel), direction and dimensions.

    `angle_deg` of the long axis from x (rightwards) towards y (downwards), 0 to 180; `length_mm` and `width_mm` of the uniform
    rectangle with the same second moments. `box` is (first row, last row + 1, first column, last column + 1).
    """

    shape: Shape
    x_mm: float
    y_mm: float
    angle_deg: float
    length_mm: float
    width_mm: float
    box: tuple[int, int, int, int]
    cut: bool  #: the outline touches the border of the matrix

    @property
    def shows(self) -> str:
        """The axis in which the width of this line is seen: x for one that runs down the columns."""
        return "x" if 45 <= self.angle_deg < 135 else "y"


def not_showing(images: Any, wanted: Sequence[Sight]) -> Words | None:
    """None where the images show one of the `wanted` patterns, else what they show instead."""
    if not isinstance(images, PlanarImages):
        return Words("not planar images", "不是平面图像")
    found = sight_of(images)
    if found in wanted:
        return None
    needed_en = " or ".join(WORDS[one].en for one in wanted)
    needed_zh = "或".join(WORDS[one].zh for one in wanted)
    return Words(
        f"the image shows {WORDS[found].en}; this needs {needed_en}",
        f"图像显示为{WORDS[found].zh}，本检测需要{needed_zh}",
    )


def sight_of(images: PlanarImages) -> Sight:
    """What the images show, judged from their type and from the frame with most counts."""
    kind = images.image_type.upper()
    if "TOMO" in kind or "GATED" in kind:
        return "tomo"
    if "WHOLE" in kind:
        return "whole_body"
    if len(images.counts) > 1 and (kind == "DYNAMIC" or any((frame.time_slot or 1) > 1 for frame in images.frames)):
        return "dynamic"
    totals = images.counts.sum(axis=(1, 2), dtype=np.float64)
    return sight_of_frame(images.counts[int(np.argmax(totals))], pixel_or_typical(images))


def pixel_or_typical(images: PlanarImages) -> tuple[float, float]:
    """The pixel size, or one that makes the matrix a typical field where the header has none."""
    if images.pixel_mm is not None:
        return images.pixel_mm
    size = TYPICAL_FIELD_MM / max(images.counts.shape[1:])
    return size, size


def sight_of_frame(image: npt.NDArray[Any], pixel_mm: tuple[float, float]) -> Sight:
    """What one frame[row, column] shows."""
    if float(image.sum(dtype=np.float64)) < FEWEST_COUNTS or float(image.max()) <= 0:
        return "empty"
    sources = sources_in(image, pixel_mm)
    if sources:
        return _sight_of_sources(sources)
    seen = see(image, pixel_mm)
    if seen is None:
        return "empty" if float(image.max()) < 10 else "other"
    share, modulation = barred(image, pixel_mm, seen)
    # Plates show their own edges as fine structure in some windows only; bars show it in most of a quadrant.
    if shows_plates(seen, share) is not None and modulation < 0.05:
        return "edge"
    if shows_bars(share, modulation) is not None:
        # bars lie on the filled field of one detector; a patient is as finely structured, but fills no outline, or is taller
        return "other" if seen.filled < LEAST_FILLED_WITH_BARS or max(seen.size_mm) > LARGEST_DETECTOR_MM else "bars"
    return "field"


def _sight_of_sources(sources: Sequence[Source]) -> Sight:
    shapes = [source.shape for source in sources]
    lines = shapes.count("line")
    if lines >= SLIT_LINES and lines >= 0.7 * len(shapes):
        return "slits"
    if 1 <= lines <= MOST_SLIT_FREE_LINES and "disc" not in shapes and "other" not in shapes:
        return "lines"
    if shapes == ["disc"]:
        return "disc"
    return "points" if set(shapes) == {"point"} else "other"


def sources_in(image: npt.NDArray[Any], pixel_mm: tuple[float, float]) -> tuple[Source, ...]:
    """The sources that stand out of the median of `image[row, column]`, largest first; none in a filled field."""
    step = max(1, min(int(1.25 / length) for length in pixel_mm))
    coarse = _binned(image, step)
    scale = (pixel_mm[0] * step, pixel_mm[1] * step)
    blur = [max(1.5 / length, 0.6) for length in scale]
    smooth = gaussian_filter(coarse, blur)
    lit = smooth > 1e-3 * float(smooth.max())
    ground = float(np.median(smooth[lit])) if float(lit.mean()) > LEAST_LIT_BY_A_GROUND else 0.0
    noise = math.sqrt(ground / (4 * math.pi * blur[0] * blur[1]))
    above = np.maximum(smooth - ground - 5 * noise, 0.0)
    typical = _typical_height(above)
    if typical <= 0 or typical < (OUTSTANDING - 1) * ground:
        return ()
    mask = above > HEIGHT_OF_OUTLINE * typical
    if float(mask.mean()) > MOST_COVERED * max(0.25, float(lit.mean())):
        return ()
    named, _ = label(mask, structure=np.ones((3, 3)))
    found = [
        source
        for number, where in enumerate(find_objects(named), start=1)
        if (source := _source(above, named, number, where, scale, step, mask.shape)) is not None
    ]
    return tuple(sorted(found, key=lambda source: -source.length_mm))


def _binned(image: npt.NDArray[Any], step: int) -> npt.NDArray[np.float64]:
    rows, columns = (length // step * step for length in image.shape)
    cut = image[:rows, :columns].astype(np.float64)
    return cut if step == 1 else cut.reshape(rows // step, step, columns // step, step).sum(axis=(1, 3))


def _typical_height(above: npt.NDArray[np.float64]) -> float:
    """The height above which half of the counts lie: a fair height of a source, whatever its shape, and deaf to hot spots."""
    heights = np.sort(above[above > 0])
    if not len(heights):
        return 0.0
    counts = np.cumsum(heights)
    return float(heights[int(np.searchsorted(counts, counts[-1] / 2))])


def _source(
    above: npt.NDArray[np.float64],
    named: npt.NDArray[np.int32],
    number: int,
    where: tuple[slice, slice],
    pixel_mm: tuple[float, float],
    step: int,
    shape: tuple[int, ...],
) -> Source | None:
    own = named[where] == number
    area = float(own.sum()) * pixel_mm[0] * pixel_mm[1]
    if own.sum() < 4 or area < 12.0:
        return None
    weight = np.where(own, np.minimum(above[where], np.median(above[where][own])), 0.0)
    y = (np.arange(where[0].start, where[0].stop) + 0.5)[:, np.newaxis] * pixel_mm[0]
    x = (np.arange(where[1].start, where[1].stop) + 0.5)[np.newaxis, :] * pixel_mm[1]
    total = float(weight.sum())
    mean_x, mean_y = float((weight * x).sum() / total), float((weight * y).sum() / total)
    xx = float((weight * (x - mean_x) ** 2).sum() / total)
    yy = float((weight * (y - mean_y) ** 2).sum() / total)
    xy = float((weight * (x - mean_x) * (y - mean_y)).sum() / total)
    spread = math.hypot((xx - yy) / 2, xy)
    large, small = (xx + yy) / 2 + spread, max((xx + yy) / 2 - spread, 1e-9)
    length, width = math.sqrt(12 * large), math.sqrt(12 * small)
    box = (where[0].start * step, where[0].stop * step, where[1].start * step, where[1].stop * step)
    return Source(
        shape=_shape(length, width, area),
        x_mm=mean_x,
        y_mm=mean_y,
        angle_deg=math.degrees(0.5 * math.atan2(2 * xy, xx - yy)) % 180,
        length_mm=length,
        width_mm=width,
        box=box,
        cut=where[0].start == 0 or where[1].start == 0 or where[0].stop == shape[0] or where[1].stop == shape[1],
    )


def _shape(length_mm: float, width_mm: float, area_mm2: float) -> Shape:
    if length_mm > 25 and length_mm > 2.5 * width_mm and width_mm < 35 and area_mm2 > 0.6 * length_mm * width_mm:
        return "line"
    if length_mm > 1.8 * width_mm or area_mm2 < 0.7 * length_mm * width_mm:
        return "other"
    return "point" if length_mm < LONGEST_POINT_MM else "disc"


def share_in_sources(image: npt.NDArray[Any], pixel_mm: tuple[float, float]) -> float:
    """The share of the counts, less an even background, within 30 mm of a source: high for a test object, low for a patient."""
    near = np.zeros(image.shape, dtype=bool)
    reach = [math.ceil(NEAR_SOURCE_MM / length) for length in pixel_mm]
    for source in sources_in(image, pixel_mm):
        top, bottom, left, right = source.box
        near[max(top - reach[0], 0) : bottom + reach[0], max(left - reach[1], 0) : right + reach[1]] = True
    ground = float(np.median(image))
    total = float(image.sum(dtype=np.float64)) - ground * image.size
    return (float(image[near].sum(dtype=np.float64)) - ground * float(near.sum())) / total if total > 0 else 0.0


def saturated(image: npt.NDArray[Any]) -> int | None:
    """The count at which pixels stopped counting, or None: several pixels at one maximum that fills 8, 12, 14, 15 or 16 bits."""
    top = float(image.max())
    if top not in (255, 4095, 16383, 32767, 65535):
        return None
    return int(top) if int((image == top).sum()) >= 3 else None
