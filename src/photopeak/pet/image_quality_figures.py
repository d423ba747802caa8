"""What there is to look at: the sphere slice with its regions, recovery or contrast, background variability."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from photopeak.figure import Axis, Chart, Circle, Figure, Picture, Points
from photopeak.measurement import Measurement
from photopeak.pet.background_regions import DIAMETER_MM, BackgroundPlacement
from photopeak.pet.iec_body_fit import RingFit
from photopeak.pet.iec_body_pose import SPHERES_MM
from photopeak.pet.sphere_discs import LUNG_DISC_MM
from photopeak.words import Words

TICKS = tuple(float(diameter) for diameter in sorted(SPHERES_MM))
SHOWN_MM = 175.0  #: half side of the picture, from the centre of the ring
DIAMETER = Axis(label=Words("sphere diameter", "球内径"), unit="mm", log=True, ticks=TICKS, low=8.5, high=43.0)
STATISTICS = {"a50": Words("A50", "A50"), "max": Words("maximum", "最大值"), "peak": Words("1 mL peak", "1 mL 峰值")}


def draw(
    measurements: tuple[Measurement, ...],
    slice_values: npt.NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    fit: RingFit,
    placement: BackgroundPlacement,
    background: float,
    *,
    in_bq_per_ml: bool,
) -> tuple[Figure, ...]:
    picture = _sphere_slice(slice_values, spacing_mm, fit, placement, background, in_bq_per_ml)
    return (picture, *_sphere_charts(measurements), _variability_chart(measurements))


def _sphere_slice(
    values: npt.NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    fit: RingFit,
    placement: BackgroundPlacement,
    background: float,
    in_bq_per_ml: bool,
) -> Picture:
    _, dy, dx = spacing_mm
    _, row, column = fit.pose.centre_mm
    rows = slice(max(round((row - SHOWN_MM) / dy), 0), min(round((row + SHOWN_MM) / dy), values.shape[0] - 1) + 1)
    columns = slice(max(round((column - SHOWN_MM) / dx), 0), min(round((column + SHOWN_MM) / dx), values.shape[1] - 1) + 1)
    scale = 1e-3 if in_bq_per_ml and background >= 100 else 1.0
    top = max(float(np.percentile(values[rows, columns], 99.8)), background) * scale
    spheres = [
        Circle(x_mm=float(c[2]), y_mm=float(c[1]), radius_mm=d / 2, label=str(d)) for c, d in zip(fit.spheres_mm, SPHERES_MM)
    ]
    regions = [
        Circle(x_mm=float(x), y_mm=float(y), radius_mm=DIAMETER_MM / 2, style="background") for y, x in placement.centres_mm
    ]
    insert = Circle(x_mm=column, y_mm=row, radius_mm=LUNG_DISC_MM / 2, style="dotted")
    unit = (
        Words("kBq/mL", "kBq/mL") if scale != 1.0 else Words("Bq/mL", "Bq/mL") if in_bq_per_ml else Words("as stored", "原始值")
    )
    return Picture(
        title=Words("Slice of the spheres and its regions", "热球层面与感兴趣区"),
        values=values[rows, columns] * np.float32(scale),
        pixel_mm=(dy, dx),
        left_mm=(columns.start - 0.5) * dx,
        top_mm=(rows.start - 0.5) * dy,
        window=(0.0, top),
        unit=unit,
        palette="inverse",
        overlays=(*spheres, *regions, insert),
        scale_bar_mm=50.0,
        group="image",
    )


def _sphere_charts(measurements: tuple[Measurement, ...]) -> tuple[Chart, ...]:
    """Recovery by each statistic; without a known truth percent contrast, without a known ratio the plain ratio."""
    charts = []
    for statistic, name in STATISTICS.items():
        found = _by_diameter(measurements, "recovery", "statistic", statistic)
        if found:
            title = Words(f"Recovery, {name.en}", f"恢复系数（{name.zh}）")
            y = Axis(label=Words("recovery coefficient", "恢复系数"), low=0.0)
            charts.append(Chart(title=title, x=DIAMETER, y=y, marks=(_points(found),), group="recovery"))
    if charts:
        return tuple(charts)
    contrast = _by_diameter(measurements, "percent_contrast", "method", "plane")
    if contrast:
        y = Axis(label=Words("percent contrast", "百分对比度"), unit="%", low=0.0)
        return (
            Chart(title=Words("Percent contrast", "百分对比度"), x=DIAMETER, y=y, marks=(_points(contrast),), group="spheres"),
        )
    ratio = _by_diameter(measurements, "contrast_ratio", "method", "plane")
    y = Axis(label=Words("sphere mean over background mean", "热球均值与本底均值之比"), low=0.0)
    return (
        Chart(
            title=Words("Sphere over background", "热球与本底之比"), x=DIAMETER, y=y, marks=(_points(ratio),), group="spheres"
        ),
    )


def _variability_chart(measurements: tuple[Measurement, ...]) -> Chart:
    found = _by_diameter(measurements, "background_variability", "method", "nema")
    y = Axis(label=Words("background variability", "本底变异"), unit="%", low=0.0)
    title = Words("Background variability", "本底变异")
    group = "recovery" if any(m.quantity.name == "recovery" for m in measurements) else "spheres"
    return Chart(title=title, x=DIAMETER, y=y, marks=(_points(found),), group=group)


def _by_diameter(measurements: tuple[Measurement, ...], quantity: str, key: str, wanted: str) -> list[Measurement]:
    chosen = [m for m in measurements if m.quantity.name == quantity and m.where.get(key) == wanted]
    return sorted(chosen, key=lambda m: float(m.where["sphere_mm"]))


def _points(found: list[Measurement]) -> Points:
    return Points(x=tuple(float(m.where["sphere_mm"]) for m in found), measurements=tuple(found))
