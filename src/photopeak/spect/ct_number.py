"""CT number, noise and uniformity of water, of the CT part of a SPECT/CT.

A round water phantom is found in every slice; of the slices that show it whole, the middle half is measured. Regions: the
centre, and four at 12, 3, 6 and 9 o'clock, a tenth of the diameter wide and 10 mm inside the wall. Uniformity is the largest
difference between a region at the edge and the centre; noise is the standard deviation within the central region of a slice
(40 % of the diameter).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy
from scipy.ndimage import binary_fill_holes, label

from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Circle, Figure, Line, Picture
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Result, procedure
from photopeak.slice_correlation import correlation_gain
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

CT_NUMBER = Quantity(name="ct_number", unit="[hnsf'U]", en="CT number of water", zh="水的 CT 值")
CT_NOISE = Quantity(name="ct_noise", unit="[hnsf'U]", en="CT noise", zh="CT 噪声")
CT_UNIFORMITY = Quantity(name="ct_uniformity", unit="[hnsf'U]", en="CT uniformity", zh="CT 均匀性")

AIR_BELOW_HU = -300.0
WATER_WITHIN_HU = 150.0  # what is further from 0 is no water
RADII_MM = (60.0, 260.0)
ROUNDNESS = 0.95
SOLID = 0.95  # share of the disc that is close to its own median: nothing is built into water
WALL_MM = 10.0
COVERED_BY_TWO = 0.97725  # of a normal distribution, below two standard deviations
CLOCK = {"12": (0.0, -1.0), "3": (1.0, 0.0), "6": (0.0, 1.0), "9": (-1.0, 0.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Disc:
    """The phantom in a slice: centre and radius in mm from the centre of the image."""

    x_mm: float
    y_mm: float
    radius_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CtNumber(Result):
    """`plane[row, column]`: mean of the measured slices; `regions` by name; `profile` across the middle."""

    plane: Floats
    pixel_mm: tuple[float, float]
    regions: dict[str, Disc]
    along_mm: Floats
    profile: Floats

    def figures(self) -> tuple[Figure, ...]:
        rows, columns = self.plane.shape
        middle = next(m.value for m in self.measurements if m.quantity is CT_NUMBER)
        picture = Picture(
            title=Words("Mean of the measured slices", "所测各层平均图像"),
            values=self.plane,
            pixel_mm=self.pixel_mm,
            left_mm=-columns * self.pixel_mm[1] / 2,
            top_mm=-rows * self.pixel_mm[0] / 2,
            window=(middle - 50.0, middle + 50.0),
            unit=Words("HU", "HU"),
            overlays=tuple(
                Circle(x_mm=one.x_mm, y_mm=one.y_mm, radius_mm=one.radius_mm, label=name) for name, one in self.regions.items()
            ),
        )
        chart = Chart(
            title=Words("Profile through the centre", "过中心剖面"),
            x=Axis(label=Words("column position", "列位置"), unit="mm"),
            y=Axis(label=CT_NUMBER.words, unit="[hnsf'U]"),
            marks=(Line(x=self.along_mm, y=self.profile),),
        )
        return (picture, chart)


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume):
        return Words("not a CT series", "不是 CT 图像")
    found = _find(evidence.images)
    return found if isinstance(found, Words) else None


@procedure(
    en="CT number of water",
    zh="CT 值（水）",
    implements="IAEA HHS-6 (SPECT/CT); IEC 61223-3-5 (CT numbers, noise, uniformity)",
    kinds=("ct_volume",),
    quantities=(CT_NUMBER, CT_NOISE, CT_UNIFORMITY),
    accepts=accepts,
)
def ct_number(evidence: Evidence) -> CtNumber:
    """Mean CT number at the centre and edge of a water phantom, noise and uniformity."""
    volume = evidence.images
    found = _find(volume) if isinstance(volume, Volume) else Words("not a CT series", "不是 CT 图像")
    if isinstance(found, Words) or not isinstance(volume, Volume):
        why = found if isinstance(found, Words) else Words("no CT", "无 CT 图像")
        raise Refused(
            "not_water",
            en=f"{evidence.name}: {why.en}; the test needs a CT of a round water phantom without inserts",
            zh=f"{evidence.name}：{why.zh}；本检测需要无插件的圆形水模体 CT 图像。",
        )
    disc, part = found
    slices = volume.values[part].astype(np.float64)
    regions = _regions(disc)
    measurements = list(_measure(slices, volume, regions))
    plane = slices.mean(axis=0)
    _, x = _axes(volume)
    row = round(disc.y_mm / volume.spacing_mm[1] + (plane.shape[0] - 1) / 2)
    return CtNumber(
        measurements=tuple(measurements),
        conditions=tuple(_conditions(evidence, volume, disc, part)),
        plane=plane,
        pixel_mm=volume.spacing_mm[1:],
        regions=regions,
        along_mm=x,
        profile=plane[row],
    )


def _axes(volume: Volume) -> tuple[Floats, Floats]:
    y, x = (
        np.asarray(mm * (np.arange(n) - (n - 1) / 2), dtype=np.float64)
        for mm, n in zip(volume.spacing_mm[1:], volume.values.shape[1:])
    )
    return y, x


def _find(volume: Volume) -> tuple[Disc, slice] | Words:
    """The phantom and the slices to measure, or why there are none."""
    discs = [_disc(volume, plane) for plane in volume.values]
    good = [index for index, one in enumerate(discs) if one is not None]
    if not good:
        return Words("no slice shows a round object of water", "各层均未见圆形水模体")
    radius = float(np.median([one.radius_mm for one in discs if one is not None]))
    whole = [i for i in good if (one := discs[i]) is not None and abs(one.radius_mm / radius - 1) < 0.05]
    first, last = whole[0], whole[-1]
    quarter = (last - first + 1) // 4
    part = slice(first + quarter, max(last + 1 - quarter, first + quarter + 1))
    chosen = [one for i in range(part.start, part.stop) if (one := discs[i]) is not None]
    if not chosen:
        return Words("no slice shows a round object of water", "各层均未见圆形水模体")
    x, y = float(np.mean([one.x_mm for one in chosen])), float(np.mean([one.y_mm for one in chosen]))
    return Disc(x_mm=x, y_mm=y, radius_mm=radius), part


def _disc(volume: Volume, plane: npt.NDArray[np.float32]) -> Disc | None:
    marked, number = label(plane > AIR_BELOW_HU)
    if not number:
        return None
    largest = 1 + int(np.argmax(np.bincount(marked.ravel())[1:]))
    mask = binary_fill_holes(marked == largest)
    y, x = _axes(volume)
    pixels = int(mask.sum())
    radius = math.sqrt(pixels * volume.spacing_mm[1] * volume.spacing_mm[2] / math.pi)
    if not RADII_MM[0] <= radius <= RADII_MM[1]:
        return None
    x0, y0 = float(mask.sum(axis=0) @ x) / pixels, float(mask.sum(axis=1) @ y) / pixels
    away = np.hypot(x[None, :] - x0, y[:, None] - y0)
    circle = away <= radius
    inner = plane[away <= radius - WALL_MM]
    middle = float(np.median(inner))
    spread = 1.4826 * float(np.median(np.abs(inner - middle)))
    same = float((np.abs(inner - middle) < max(5 * spread, 40.0)).mean())
    round_enough = (circle & mask).sum() / (circle | mask).sum() > ROUNDNESS
    if not round_enough or abs(middle) > WATER_WITHIN_HU or same < SOLID:
        return None
    return Disc(x_mm=x0, y_mm=y0, radius_mm=radius)


def _regions(disc: Disc) -> dict[str, Disc]:
    small = 0.1 * disc.radius_mm
    away = disc.radius_mm - WALL_MM - small
    regions = {"centre": Disc(x_mm=disc.x_mm, y_mm=disc.y_mm, radius_mm=small)}
    for name, (x, y) in CLOCK.items():
        regions[name] = Disc(x_mm=disc.x_mm + x * away, y_mm=disc.y_mm + y * away, radius_mm=small)
    regions["noise"] = Disc(x_mm=disc.x_mm, y_mm=disc.y_mm, radius_mm=0.4 * disc.radius_mm)
    return regions


def _measure(slices: Floats, volume: Volume, regions: dict[str, Disc]) -> Iterable[Measurement]:
    """Every region by slice: the spread between slices says how certain their mean is."""
    y, x = _axes(volume)
    masks = {name: np.hypot(x[None, :] - one.x_mm, y[:, None] - one.y_mm) <= one.radius_mm for name, one in regions.items()}
    means = {name: slices[:, mask].mean(axis=1) for name, mask in masks.items()}
    spread = slices[:, masks["noise"]]
    gain = correlation_gain(spread)
    for name in ("centre", *CLOCK):
        yield CT_NUMBER.of(float(means[name].mean()), _error(means[name], gain, spread, masks[name]), roi=name)
    noise = spread.std(axis=1, ddof=1)
    yield CT_NOISE.of(float(noise.mean()), _error(noise, gain, spread, masks["noise"]), roi="centre")
    differences = {name: means[name] - means["centre"] for name in CLOCK}
    worst = max(differences, key=lambda name: abs(float(differences[name].mean())))
    value = abs(float(differences[worst].mean()))
    errors = [_error(one, gain, spread, masks[worst]) for one in differences.values()]
    # The largest of four differences: where all are small, noise alone makes it more than a standard error.
    noise_only = float(np.mean(errors))
    enlarged = 1.2 * noise_only * math.exp(-((value / (4 * noise_only)) ** 2)) if noise_only > 0 else 0.0
    yield CT_UNIFORMITY.of(value, math.hypot(noise_only, enlarged))


def _error(by_slice: Floats, gain: float, spread: Floats, mask: npt.NDArray[np.bool_]) -> float:
    """Standard error of the mean over slices; of one slice, from its pixels as if a tenth of them were independent."""
    if len(by_slice) > 1:
        few = float(scipy.stats.t.ppf(COVERED_BY_TWO, len(by_slice) - 1)) / 2
        return few * gain * float(by_slice.std(ddof=1)) / math.sqrt(len(by_slice))
    return float(spread.std(ddof=1)) / math.sqrt(max(int(mask.sum()) / 10, 1.0))


def _conditions(evidence: Evidence, volume: Volume, disc: Disc, part: slice) -> Iterable[Condition]:
    yield Condition(
        label=Words("slices measured", "测量层面"),
        value=Words(
            f"{part.start + 1} to {part.stop} of {len(volume.values)}",
            f"第 {part.start + 1} 至 {part.stop} 层，共 {len(volume.values)} 层",
        ),
    )
    diameter = f"{2 * disc.radius_mm:.1f} mm"
    yield Condition(label=Words("diameter of the phantom", "模体直径"), value=Words(diameter, diameter))
    for key, words in (("kvp", Words("tube voltage, kV", "管电压，kV")), ("convolution_kernel", Words("kernel", "重建核"))):
        if (value := evidence.header.get(key)) is not None:
            yield Condition(label=words, value=Words(str(value), str(value)))
