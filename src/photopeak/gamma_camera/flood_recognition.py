"""Whether an image shows a flood: a field filled with counts, without bars, plates, lines or a lone source in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Frame, PlanarImages
from photopeak.gamma_camera.field_of_view import Seen, Stated
from photopeak.words import Words

STILL = ("STATIC", "DYNAMIC", "")
LEAST_FILLED = 0.70  #: of the field of view, of its outline: a flood may have dead tubes, not a third of it dead
LEAST_OF_MATRIX = 0.15
WINDOW_MM = 32.0  #: windows in which bars show as a likeness of neighbouring pixels
LARGEST_WINDOW = 28  #: pixels
BAR_MODULATION = 0.08
BARRED_WINDOWS = 0.20  #: one of four quadrants resolved
PLATE_AREA, PLATE_DEPTH, PLATE_EDGES = 0.10, 0.85, 0.08
PLATE_COUNTS = 200  #: in a pixel of the overview: below it, noise alone reaches that deep
SOURCE_HEIGHT, SOURCE_SHARE = (
    3.0,
    0.15,
)  #: of the median, and of all counts: a hot spot is a fault of a flood, sources are no flood
STEADY = 0.20  #: frames of a dynamic flood stay within this of their median rate


def not_still(images: PlanarImages) -> Words | None:
    """The reason why frames of this type cannot be a flood, or None."""
    kind = images.image_type.upper()
    if kind not in STILL:
        return Words(
            f"the image type is {kind}; a flood is a static (or dynamic) image",
            f"图像类型为 {kind}，泛源应为静态（或动态）图像",
        )
    if any(frame.angle_deg is not None and frame.view is not None for frame in images.frames) and len(images.frames) > 8:
        return Words("the frames are views of a rotation, not floods", "各帧为旋转采集的投影，不是泛源")
    return None


def not_finite(image: npt.NDArray[Any]) -> Words | None:
    """The reason why these values cannot be counts, or None."""
    if image.dtype.kind != "f" or np.isfinite(image.sum(dtype=np.float64)):
        return None
    return Words("some pixel values are not numbers; export the image again", "部分像素值不是有效数字，请重新导出图像")


def not_steady(totals: Sequence[float], frames: Sequence[Frame]) -> Words | None:
    """The reason why frames of one detector and window cannot be summed into one flood: their count rate changes."""
    if len(totals) < 2:
        return None
    rates = [total / (frame.duration_s or 1.0) for total, frame in zip(totals, frames)]
    middle = float(np.median(rates))
    early = rates[:-1] if len(rates) > 2 else rates
    if middle > 0 and all(abs(rate - middle) <= STEADY * middle for rate in early):
        return None
    return Words(
        f"the count rate changes from frame to frame (from {min(rates):.3g} to {max(rates):.3g}); this is a count-rate "
        "measurement, a flood is taken at a steady rate",
        f"各帧计数率不恒定（{min(rates):.3g} 至 {max(rates):.3g}），属于计数率测量；泛源须在恒定计数率下采集",
    )


def not_filled(seen: Seen | None, stated: Stated | None, matrix_mm: tuple[float, float]) -> Words | None:
    """The reason why what is seen does not fill a field of view, or None."""
    if seen is None:
        return Words("no field with counts was found", "未见有计数的视野")
    least = f"{LEAST_FILLED:.0%}"
    if stated is not None:
        visible = [min(stated.size_mm[axis], matrix_mm[axis]) for axis in (0, 1)]
        whole = visible[0] * visible[1] * {"ROUND": np.pi / 4, "HEXAGONAL": 0.65}.get(stated.shape, 1.0)
        share = min(1.0, seen.area_mm2 / whole)
        if share < LEAST_FILLED:
            return Words(
                f"counts in {share:.0%} of the field of view, a flood needs {least}; was the source centred, and is this the "
                "uniformity acquisition?",
                f"视野内仅 {share:.0%} 有计数，泛源须 {least} 以上；点源是否居中？这是均匀性采集吗？",
            )
    share = seen.area_mm2 / (matrix_mm[0] * matrix_mm[1])
    if share < LEAST_OF_MATRIX:
        return Words(
            f"counts in {share:.0%} of the image only; a flood fills the field of view",
            f"图像中仅 {share:.0%} 的面积有计数，泛源应充满视野",
        )
    if seen.filled < LEAST_FILLED:
        return Words(
            f"counts in {seen.filled:.0%} of the outline of what is seen, a flood needs {least}",
            f"所见轮廓内仅 {seen.filled:.0%} 有计数，泛源须 {least} 以上",
        )
    return None


def barred(image: npt.NDArray[Any], pixel_mm: tuple[float, float], seen: Seen) -> tuple[float, float]:
    """The share of windows (up to 32 mm) in which neighbouring pixels vary together by more than 8 %; the median modulation.

    Counting noise does not make neighbours alike, whatever its strength; bars do, at least along their length. (0, 0) where
    pixels are too large to show bars.
    """
    number = [min(LARGEST_WINDOW, int(WINDOW_MM / length)) for length in pixel_mm]
    if min(number) < 8:
        return 0.0, 0.0
    starts = []
    for axis in (0, 1):
        first, last = (edge / pixel_mm[axis] for edge in seen.extent_mm[axis])
        space = max(0.0, last - first - number[axis] - 8)
        starts.append((first + 4 + np.linspace(0, space, 8)).astype(int))
    rows = np.minimum(starts[0][:, None] + np.arange(number[0]), image.shape[0] - 1)
    columns = np.minimum(starts[1][:, None] + np.arange(number[1]), image.shape[1] - 1)
    windows = image[rows[:, None, :, None], columns[None, :, None, :]].astype(np.float32)
    means = windows.mean(axis=(2, 3))
    inside = _within(seen, rows[:, [0, -1]] * pixel_mm[0], columns[:, [0, -1]] * pixel_mm[1])
    if inside.sum() < 8:
        return 0.0, 0.0
    windows -= means[:, :, None, None]
    alike = np.maximum(
        (windows[..., 1:] * windows[..., :-1]).mean(axis=(2, 3)), (windows[..., 1:, :] * windows[..., :-1, :]).mean(axis=(2, 3))
    )
    noise = (windows**2).mean(axis=(2, 3)) * 4 / np.sqrt(number[0] * number[1])
    modulation = np.sqrt(np.maximum(alike - noise, 0)) / np.maximum(means, 1e-9)
    return float((modulation[inside] > BAR_MODULATION).mean()), float(np.median(modulation[inside]))


def _within(seen: Seen, y_mm: npt.NDArray[Any], x_mm: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which windows have all four corners in the field, at least 4 mm from its border: `[window along rows, along columns]`."""
    hits = []
    for margin_y, at_y in ((-4.0, y_mm[:, 0]), (4.0, y_mm[:, 1])):
        for margin_x, at_x in ((-4.0, x_mm[:, 0]), (4.0, x_mm[:, 1])):
            row = ((at_y + margin_y) / seen.pixel_mm[0]).astype(int)
            column = ((at_x + margin_x) / seen.pixel_mm[1]).astype(int)
            known = (row >= 0) & (row < seen.mask.shape[0]), (column >= 0) & (column < seen.mask.shape[1])
            picked = seen.mask[np.clip(row, 0, seen.mask.shape[0] - 1)][:, np.clip(column, 0, seen.mask.shape[1] - 1)]
            hits.append(picked & known[0][:, None] & known[1])
    return np.asarray(np.logical_and.reduce(hits))


def shows_bars(share: float, modulation: float) -> Words | None:
    """The reason to see a bar phantom in those numbers, or None."""
    if share < BARRED_WINDOWS:
        return None
    return Words(
        f"fine structure (bars or slits) in {share:.0%} of the field, median modulation {modulation:.0%}; a flood has none",
        f"视野内 {share:.0%} 的面积有细密结构（铅栅或狭缝），调制度中位数 {modulation:.0%}，泛源不应有",
    )


def shows_plates(seen: Seen, share: float) -> Words | None:
    """The reason to see plates lying on the detector: a large part much below the rest, with sharp borders."""
    inside = seen.overview[seen.mask]
    middle = float(np.median(inside))
    low = float((inside < PLATE_DEPTH * middle).mean()) if middle > PLATE_COUNTS else 0.0
    if low < PLATE_AREA or share < PLATE_EDGES:
        return None
    return Words(
        f"{low:.0%} of the field lies more than {1 - PLATE_DEPTH:.0%} below the rest, with sharp borders, as under plates; if "
        "nothing lay on the detector, run the flood procedure by name",
        f"视野内 {low:.0%} 的面积比其余部分低 {1 - PLATE_DEPTH:.0%} 以上且边界锐利，疑有铅板；"
        "若探头上无遮挡物，请指定名称运行泛源均匀性检测",
    )


def shows_sources(seen: Seen) -> Words | None:
    """The reason to see sources on a filled background: much of the counts lies far above the rest."""
    middle = float(np.median(seen.overview[seen.mask]))
    bright = seen.overview > SOURCE_HEIGHT * middle + 5 * np.sqrt(middle)
    total = float(seen.overview.sum(dtype=np.float64))
    share = float(seen.overview[bright].sum(dtype=np.float64)) / total if total > 0 else 0.0
    if share < SOURCE_SHARE:
        return None
    return Words(
        f"{share:.0%} of the counts lie in sources that stand out of the background; a flood has none",
        f"{share:.0%} 的计数集中在明显高出本底的源内，泛源不应有",
    )
