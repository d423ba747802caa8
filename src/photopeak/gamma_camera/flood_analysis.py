"""One detector's flood, from counts to uniformities with their uncertainties."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.gamma_camera.dome import Dome, dome_of
from photopeak.gamma_camera.field_of_view import CENTRAL_FRACTION, Field, Seen, Stated, place, see, share_inside, share_of_mask
from photopeak.gamma_camera.flood_recognition import barred, not_filled, not_finite, shows_bars, shows_sources
from photopeak.gamma_camera.tube_defects import Defect, described
from photopeak.gamma_camera.uniformity_map import (
    Grid,
    Mask,
    after_edge_rule,
    bin_factor_for,
    block_sums,
    grid_for,
    logarithm,
    outer_pixels,
    percent,
    run_range,
    smoothed,
    whole_runs,
    with_a_spare,
)
from photopeak.gamma_camera.uniformity_noise import CORRECTION_DOUBT, Noise, noise_of
from photopeak.procedure import Refused
from photopeak.words import Words

Values = npt.NDArray[np.float64]

FEWEST_COUNTS = 20.0  #: in an analysed pixel: below it, noise is no longer told from structure
LEAST_PIXELS = 100
DEAD_SHARE = 0.02  #: of the mean: an analysed pixel with less is dead
NAMES = ("UFOV", "CFOV")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme:
    """One analysed pixel: mm from the centre of the field (x right, y down), filtered counts, deviation from the CFOV mean."""

    x_mm: float
    y_mm: float
    counts: float
    deviation_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The five pixels of the greatest differential uniformity: their middle, mm from the centre of the field, and the value."""

    axis: str  #: x: five pixels of a row; y: of a column
    x_mm: float
    y_mm: float
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value in % with its standard uncertainty."""

    value: float
    uncertainty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldUniformity:
    """What was found in one field (`name` UFOV or CFOV)."""

    name: str
    integral: Estimate
    differential: Estimate
    by_axis: dict[str, Estimate]
    integral_floor: Estimate
    differential_floor: Estimate
    integral_corrected: Estimate
    differential_corrected: Estimate
    lowest: Extreme
    highest: Extreme
    windows: tuple[Window, ...]
    pixels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorFlood:
    """One detector and energy window. Maps lie on the analysed grid: `smooth[row, column]` filtered counts, NaN outside the
    UFOV; `left_mm`, `top_mm`: its outer edge from the centre of the field. `overview`: the image on pixels of about 2 mm, with
    its own edge.
    """

    detector: int
    energy_window: int
    counts: float
    centre_counts: float
    grid: Grid
    field: Field
    fields: tuple[FieldUniformity, ...]
    defects: tuple[Defect, ...]
    dome: Dome | None
    smooth: Values
    ufov: Mask
    cfov: Mask
    left_mm: float
    top_mm: float
    mean: float
    overview: npt.NDArray[np.float32]
    overview_pixel_mm: tuple[float, float]
    overview_left_mm: float
    overview_top_mm: float
    dispersion: float
    excluded: int  #: pixels that the 75 % rule took away
    partial: int  #: outer pixels only partly inside the imaged field
    dead: int  #: analysed pixels without counts
    notched: bool
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How every detector of an evidence is analysed."""

    pixel_mm: tuple[float, float]
    bin_factor: int | None
    dome_correction: bool


def analyse(image: npt.NDArray[Any], stated: Stated | None, plan: Plan, detector: int, energy_window: int) -> DetectorFlood:
    """Measure `image[row, column]`. Refused: not a flood, clipped, or too few counts or pixels."""
    _not_clipped(image)
    matrix_mm = (image.shape[0] * plan.pixel_mm[0], image.shape[1] * plan.pixel_mm[1])
    seen = _seen_as_flood(image, stated, plan.pixel_mm, matrix_mm)
    field = place(stated, seen, matrix_mm)
    factor = [plan.bin_factor or bin_factor_for(length) for length in plan.pixel_mm]
    grid = grid_for((image.shape[0], image.shape[1]), plan.pixel_mm, (factor[0], factor[1]), field.centre_mm)
    ufov, cfov, partial = _fields(field, grid, seen)
    counts = np.maximum(block_sums(image, grid), 0)
    box = _box(ufov)
    grid = _part(grid, box)
    counts, ufov, cfov = counts[box], ufov[box], cfov[box]
    _enough(counts, cfov)
    centre_counts = _centre(counts, grid, field)
    y_mm, x_mm = ((edges[:-1] + edges[1:]) / 2 - middle for edges, middle in zip(_edges(grid), field.centre_mm))
    dome, gain = dome_of(counts, ufov, y_mm, x_mm) if plan.dome_correction else (None, np.ones_like(counts))
    counts = counts * gain
    kept = after_edge_rule(counts, ufov, cfov)
    measured = _measured(counts, gain, kept, cfov & kept, grid, y_mm, x_mm)
    return DetectorFlood(
        detector=detector,
        energy_window=energy_window,
        counts=float(image.sum(dtype=np.float64 if image.dtype.kind == "f" else np.int64)),
        centre_counts=centre_counts,
        grid=grid,
        field=field,
        dome=dome,
        overview=seen.overview,
        overview_pixel_mm=seen.pixel_mm,
        overview_left_mm=-field.centre_mm[1],
        overview_top_mm=-field.centre_mm[0],
        left_mm=float(grid.edges_mm(1)[0]) - field.centre_mm[1],
        top_mm=float(grid.edges_mm(0)[0]) - field.centre_mm[0],
        excluded=int((ufov & ~kept).sum()),
        partial=partial,
        dead=int((ufov & (counts < DEAD_SHARE * counts[cfov].mean())).sum()),
        notched=seen.notched and field.source == "detected",
        cut=any(seen.cut),
        **measured,
    )


def _seen_as_flood(
    image: npt.NDArray[Any], stated: Stated | None, pixel_mm: tuple[float, float], matrix_mm: tuple[float, float]
) -> Seen:
    reason = not_finite(image)
    seen = None if reason else see(image, pixel_mm)
    reason = reason or not_filled(seen, stated, matrix_mm)
    if reason is None and seen is not None:
        reason = shows_bars(*barred(image, pixel_mm, seen)) or shows_sources(seen)
        if reason is None:
            return seen
    raise _not_a_flood(reason or Words("no field was found", "未见视野"))


def _not_a_flood(reason: Words) -> Refused:
    return Refused("not_a_flood", en=reason.en, zh=reason.zh)


def _not_clipped(image: npt.NDArray[Any]) -> None:
    highest = float(image.max(initial=0))
    if highest in (127, 255, 1023, 4095, 16383, 32767, 65535):
        share = float((image == highest).mean())
        if 0.0005 < share < 0.999 and (image > 0).mean() > share:
            raise Refused(
                "clipped",
                en=f"{share:.1%} of the pixels hold {highest:.0f}, the largest number that fits: the counts were clipped; "
                "export the image with 16 bits, or acquire fewer counts per pixel",
                zh=f"{share:.1%} 的像素值为 {highest:.0f}（可存的最大值），计数已被截断。"
                "请以 16 位导出图像，或减少每像素计数。",
            )


def _fields(field: Field, grid: Grid, seen: Seen) -> tuple[Mask, Mask, int]:
    """UFOV, CFOV and the number of outer pixels left out because only part of them lies in the imaged field.

    A stated field takes pixels with at least half their area in it; those of its outer rows and columns that the edge of the
    image cuts hold too few counts for their size and are left out. A detected field takes wholly covered pixels only.
    """
    share = share_inside(field, grid, seen)
    central = share_inside(field, grid, seen, CENTRAL_FRACTION) >= 0.5 - 1e-9
    if field.shape == "DETECTED":
        ufov = share > 1 - 1e-6
        return ufov, central & ufov, 0
    stated = share >= 0.5 - 1e-9
    imaged = share_of_mask(seen.mask, seen.pixel_mm, _edges(grid), field.centre_mm)
    cut = outer_pixels(stated) & (imaged < 0.999) & (imaged > 0.001)
    ufov = stated & ~cut
    return ufov, central & ufov, int(cut.sum())


def _edges(grid: Grid) -> tuple[Values, Values]:
    return grid.edges_mm(0), grid.edges_mm(1)


def _box(mask: Mask) -> tuple[slice, slice]:
    """The pixels of `mask` with a row and a column to spare at the end."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if mask.sum() < LEAST_PIXELS or len(rows) < 5 or len(columns) < 5:
        raise Refused(
            "field_too_small",
            en=f"only {int(mask.sum())} analysed pixels lie in the field of view, {LEAST_PIXELS} are needed; give a smaller "
            "--bin-factor, or ufov_mm as [rows, columns] in mm",
            zh=f"视野内仅有 {int(mask.sum())} 个分析像素，至少需要 {LEAST_PIXELS} 个。"
            "请减小 --bin-factor，或以 [行, 列]（mm）给出 ufov_mm。",
        )
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _part(grid: Grid, box: tuple[slice, slice]) -> Grid:
    first = tuple(grid.first[axis] + box[axis].start * grid.factor[axis] for axis in (0, 1))
    number = tuple(box[axis].stop - box[axis].start for axis in (0, 1))
    return replace(grid, first=(first[0], first[1]), number=(number[0], number[1]))


def _enough(counts: Values, cfov: Mask) -> None:
    mean = float(counts[cfov].mean()) if cfov.any() else 0.0
    if mean < FEWEST_COUNTS:
        raise Refused(
            "too_few_counts",
            en=f"{mean:.3g} counts in an analysed pixel of the central field, at least {FEWEST_COUNTS:.0f} are needed for any "
            "statement (the standard asks for 10 000); collect more counts",
            zh=f"中心视野内每个分析像素仅 {mean:.3g} 个计数，至少需要 {FEWEST_COUNTS:.0f} 个才能分析"
            "（标准要求 10 000 个）。请增加计数。",
        )


def _centre(counts: Values, grid: Grid, field: Field) -> float:
    """Mean of the four pixels round the centre of the field, where a block edge lies."""
    picked = []
    for axis in (0, 1):
        at = round((field.centre_mm[axis] - float(grid.edges_mm(axis)[0])) / grid.bin_mm[axis])
        picked.append(slice(max(0, at - 1), at + 1))
    return float(counts[picked[0], picked[1]].mean())


def _measured(counts: Values, gain: Values, ufov: Mask, cfov: Mask, grid: Grid, y_mm: Values, x_mm: Values) -> dict[str, Any]:
    """Filtered map, uniformities of both fields, defects."""
    if cfov.sum() < 25:
        raise _not_a_flood(Words("the edge rule leaves no central field", "按边缘规则剔除后无中心视野"))
    smooth = smoothed(counts, ufov)
    mean = float(counts[cfov].mean())
    noise = noise_of(with_a_spare(counts), with_a_spare(gain, 1.0), (with_a_spare(ufov), with_a_spare(cfov)), grid.bin_mm)
    logs = logarithm(smooth, 1e-6 * mean)
    fields = tuple(
        _field(name, number, smooth, logs, mask, noise, mean, (y_mm, x_mm))
        for number, (name, mask) in enumerate(zip(NAMES, (ufov, cfov)))
    )
    return {
        "fields": fields,
        "defects": tuple(described(one, (float(y_mm[0]), float(x_mm[0])), grid.bin_mm) for one in noise.defects),
        "smooth": np.where(ufov, smooth, np.nan),
        "ufov": ufov,
        "cfov": cfov,
        "mean": mean,
        "dispersion": noise.dispersion,
    }


def _field(
    name: str, number: int, smooth: Values, logs: Values, mask: Mask, noise: Noise, mean: float, axes: tuple[Values, Values]
) -> FieldUniformity:
    y_mm, x_mm = axes
    repeated, flat, expected = noise.repeated[number], noise.flat[number], noise.expected[number]
    extremes = []
    for pick, filler in ((np.argmin, np.inf), (np.argmax, -np.inf)):
        row, column = divmod(int(pick(np.where(mask, smooth, filler))), mask.shape[1])
        value = float(smooth[row, column])
        deviation = 100 * (value / mean - 1)
        extremes.append(Extreme(x_mm=float(x_mm[column]), y_mm=float(y_mm[row]), counts=value, deviation_percent=deviation))
    integral = float(percent(logs[mask].max() - logs[mask].min()))
    windows = tuple(_window(logs, mask, axis, y_mm, x_mm) for axis in (0, 1))
    differential = max(window.percent for window in windows)
    by_axis = {
        window.axis: Estimate(value=window.percent, uncertainty=_spread(values))
        for window, values in zip(windows, repeated.by_axis)
    }
    return FieldUniformity(
        name=name,
        integral=Estimate(value=integral, uncertainty=_spread(repeated.integral)),
        differential=Estimate(value=differential, uncertainty=_spread(repeated.differential)),
        by_axis=by_axis,
        integral_floor=_floor(flat.integral),
        differential_floor=_floor(flat.differential),
        integral_corrected=_corrected(integral, repeated.integral, expected.integral),
        differential_corrected=_corrected(differential, repeated.differential, expected.differential),
        lowest=extremes[0],
        highest=extremes[1],
        windows=windows,
        pixels=int(mask.sum()),
    )


def _window(logs: Values, mask: Mask, axis: int, y_mm: Values, x_mm: Values) -> Window:
    runs = whole_runs(mask, axis)
    name = "y" if axis == 0 else "x"
    if not runs.any():
        return Window(axis=name, x_mm=0.0, y_mm=0.0, percent=0.0)
    spread = np.where(runs, run_range(logs[None], axis)[0], -1.0)
    row, column = divmod(int(np.argmax(spread)), runs.shape[1])
    middle = (row + 2 * (axis == 0), column + 2 * (axis == 1))
    value = float(percent(spread[row, column]))
    return Window(axis=name, x_mm=float(x_mm[middle[1]]), y_mm=float(y_mm[middle[0]]), percent=value)


def _spread(values: npt.NDArray[Any]) -> float:
    """Standard deviation over the repetitions, widened for their number as Student's distribution is."""
    away = values.astype(np.float64) - float(values.mean())
    return float(np.sqrt(away @ away / (len(values) - 3)))


def _floor(values: npt.NDArray[Any]) -> Estimate:
    return Estimate(value=float(values.mean()), uncertainty=_spread(values) / float(np.sqrt(len(values))))


def _corrected(value: float, repeated: npt.NDArray[Any], expected: npt.NDArray[Any]) -> Estimate:
    """`value` less what noise adds to the estimated map; its uncertainty holds a doubt about what was taken off."""
    added = max(0.0, float(repeated.mean()) - float(expected[0]))
    return Estimate(value=max(0.0, value - added), uncertainty=float(np.hypot(_spread(repeated), CORRECTION_DOUBT * added)))
