"""The useful field of view of a detector: where it was stated, or where the image shows it, and which pixels lie in it.

Order of trust: facts given by a person, the header at zoom 1, the table of models, the image itself. Lengths are mm from the
outer edge of the image's first pixel, as (rows, columns).
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, PlanarImages, Subject
from photopeak.gamma_camera.uniformity_map import Grid, Mask, block_sums, median_of, without_neighbours_outside
from photopeak.procedure import Refused

CENTRAL_FRACTION = 0.75  #: linear dimensions of the central field in those of the useful field (NEMA NU 1)
SHAPES = ("RECTANGLE", "ROUND", "HEXAGONAL")
OVERVIEW_MM = 2.0  #: the field is looked for on pixels of at least this size
BLUR_MM = 5.0
MOVED_MM, FARTHEST_OFF_MM = 5.0, 15.0  #: a detected field this far off centre is told, and not measured
SAMPLES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A field of view that somebody stated: `size_mm` as (rows, columns), `source` facts, header or model."""

    shape: str
    size_mm: tuple[float, float]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The field as the image shows it, on an overview of pixels of about 2 mm.

    `mask`: the part with more than half the median counts, dead areas inside it filled (`notched` when there were any).
    `filled`: the share of the field's outline that has counts. `cut`: the field runs to the border of the matrix.
    """

    overview: npt.NDArray[np.float32]
    pixel_mm: tuple[float, float]
    mask: Mask
    extent_mm: tuple[tuple[float, float], tuple[float, float]]  #: (first, last) along rows and along columns
    area_mm2: float  #: with counts
    filled: float
    notched: bool
    cut: tuple[bool, bool]  #: along rows, along columns

    @property
    def centre_mm(self) -> tuple[float, float]:
        (top, bottom), (left, right) = self.extent_mm
        return (top + bottom) / 2, (left + right) / 2

    @property
    def size_mm(self) -> tuple[float, float]:
        (top, bottom), (left, right) = self.extent_mm
        return bottom - top, right - left


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """The useful field of view that is analysed. `shape` DETECTED: whatever outline the image shows."""

    shape: str
    size_mm: tuple[float, float]
    centre_mm: tuple[float, float]
    source: str
    moved: bool = False  #: centred on the field that the image shows, not on the matrix
    turned: bool = False  #: a hexagon with its corners at the top and the bottom


def stated_field(evidence: Evidence, detector: int, shape: str | None = None) -> Stated | None:
    """The field that facts, the header at zoom 1 or the table of models state for `detector`; `shape` overrides theirs."""
    images = evidence.images
    header = images.field_of_view.get(detector) if isinstance(images, PlanarImages) else None
    given = evidence.facts.get("ufov_mm")
    found: Stated | None = None
    if given is not None:
        known = header.shape if header else "RECTANGLE"
        found = Stated(shape=known if known in SHAPES else "RECTANGLE", size_mm=_two_lengths(given), source="facts")
    elif header is not None and abs(header.zoom - 1) < 1e-3 and header.shape in SHAPES and min(header.dimensions_mm) > 0:
        found = Stated(shape=header.shape, size_mm=header.dimensions_mm, source="header")
    else:
        found = _of_model(evidence.about)
    if found is not None and shape is not None:
        return Stated(shape=shape, size_mm=found.size_mm, source=found.source)
    return found


def _two_lengths(given: Any) -> tuple[float, float]:
    lengths = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else (given, given)
    if len(lengths) == 2 and all(isinstance(one, (int, float)) and 20 <= one <= 3000 for one in lengths):
        return float(lengths[0]), float(lengths[1])
    raise Refused(
        "facts_unusable",
        en=f"the fact ufov_mm is {given!r}; the useful field of view is given as [rows, columns] in mm, for example [386, 532]",
        zh=f"ufov_mm 的值为 {given!r}。有效视野须写成 [行方向, 列方向]，单位 mm，例如 [386, 532]。",
    )


def _of_model(about: Subject) -> Stated | None:
    for row in _models():
        if about.software and row["software"] in about.software:
            return Stated(shape=row["shape"], size_mm=(float(row["ufov_mm"][0]), float(row["ufov_mm"][1])), source="model")
    return None


@cache
def _models() -> tuple[dict[str, Any], ...]:
    text = (resources.files("photopeak.gamma_camera") / "field_of_view.toml").read_text("utf-8")
    return tuple(tomllib.loads(text)["model"])


def see(image: npt.NDArray[Any], pixel_mm: tuple[float, float]) -> Seen | None:
    """Find the field in `image[row, column]`; None where there is nothing like one.

    The overview is smoothed (2 pixels, not more than 5 mm); what exceeds half the median of the part with counts is the field.
    """
    overview, scale = _overview(image, pixel_mm)
    blurred = _blurred(overview, [min(2.0, BLUR_MM / scale[axis]) for axis in (0, 1)])
    sample = blurred[:: max(1, len(blurred) // 128), :: max(1, blurred.shape[1] // 128)]  # enough for two quantiles
    bright = float(np.partition(sample, int(0.98 * sample.size), axis=None)[int(0.98 * sample.size)])
    if bright <= 0:
        return None
    mask = _main_part(blurred > 0.5 * median_of(sample[sample > 0.1 * bright]))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) < 4 or len(columns) < 4:
        return None
    outline = _convex(mask)
    missing = outline & ~mask
    notched = bool(without_neighbours_outside(without_neighbours_outside(missing)).any())
    return Seen(
        overview=overview,
        pixel_mm=scale,
        mask=outline if notched else mask,
        extent_mm=(
            (float(rows[0] * scale[0]), float((rows[-1] + 1) * scale[0])),
            (float(columns[0] * scale[1]), float((columns[-1] + 1) * scale[1])),
        ),
        area_mm2=float(mask.sum()) * scale[0] * scale[1],
        filled=float(mask.sum() / max(1, outline.sum())),
        notched=notched,
        cut=(bool(mask[0].any() or mask[-1].any()), bool(mask[:, 0].any() or mask[:, -1].any())),
    )


def _overview(image: npt.NDArray[Any], pixel_mm: tuple[float, float]) -> tuple[npt.NDArray[np.float32], tuple[float, float]]:
    factor = [max(1, int(np.ceil(OVERVIEW_MM / length - 1e-6))) for length in pixel_mm]
    scale = (factor[0] * pixel_mm[0], factor[1] * pixel_mm[1])
    if factor == [1, 1]:
        return image.astype(np.float32), scale
    number = (image.shape[0] // factor[0], image.shape[1] // factor[1])
    grid = Grid(factor=(factor[0], factor[1]), first=(0, 0), number=number, pixel_mm=pixel_mm)
    return block_sums(image, grid).astype(np.float32), scale


def _blurred(image: npt.NDArray[np.float32], sigma: Sequence[float]) -> npt.NDArray[np.float32]:
    """Gaussian of these standard deviations (pixels) along both axes, cut at four of them, mirrored at the border."""
    for axis in (0, 1):
        length = image.shape[axis]
        reach = min(int(4 * sigma[axis] + 0.5), length)
        weights = np.exp(-0.5 * (np.arange(reach + 1) / max(sigma[axis], 1e-6)) ** 2)
        weights /= 2 * weights.sum() - weights[0]
        mirrored = np.flip(image, axis)
        before, after = (mirrored[-reach:], mirrored[:reach]) if axis == 0 else (mirrored[:, -reach:], mirrored[:, :reach])
        wide = np.concatenate([before, image, after], axis=axis) if reach else image
        lines = [
            wide[start : start + length] if axis == 0 else wide[:, start : start + length] for start in range(2 * reach + 1)
        ]
        image = lines[reach] * np.float32(weights[0])
        both = np.empty_like(image)
        for away in range(1, reach + 1):
            np.add(lines[reach - away], lines[reach + away], out=both)
            both *= np.float32(weights[away])
            image += both
    return image


def _main_part(mask: Mask) -> Mask:
    """`mask` without what is not connected, on blocks of eight pixels, to the block that holds most of it."""
    rows, columns = -(-mask.shape[0] // 8), -(-mask.shape[1] // 8)
    padded = np.zeros((rows * 8, columns * 8), dtype=bool)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    counts = padded.reshape(rows, 8, columns, 8).sum(axis=(1, 3))
    blocks = counts > 0
    along = (
        np.cumsum(~blocks, axis=1) + np.arange(rows)[:, None] * (columns + 1),
        np.cumsum(~blocks, axis=0) + np.arange(columns) * (rows + 1),
    )
    heavy = np.argwhere(counts == counts.max())
    part = np.zeros_like(blocks)
    part[tuple(heavy[len(heavy) // 2])] = True
    size = 0
    while part.sum() != size:
        size = int(part.sum())
        for runs in along:  # what lies in one run of blocks with a part of the field belongs to it
            reached = np.zeros(rows * (columns + 1) + columns * (rows + 1), dtype=bool)
            reached[runs[part]] = True
            part = reached[runs] & blocks
    inside = np.repeat(np.repeat(part, 8, axis=0), 8, axis=1)
    kept: Mask = mask & inside[: mask.shape[0], : mask.shape[1]]
    return kept


def _convex(mask: Mask) -> Mask:
    """The pixels whose centre lies in the convex hull of the centres of `mask`."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    left = _lower_hull(rows, first)
    right = _lower_hull(rows, -last)
    at = np.arange(mask.shape[0])
    from_column = np.interp(at, left[0], left[1]) - 1e-6
    to_column = -np.interp(at, right[0], right[1]) + 1e-6
    column = np.arange(mask.shape[1])
    outline: Mask = (column >= from_column[:, None]) & (column <= to_column[:, None])
    outline[: rows[0]] = False
    outline[rows[-1] + 1 :] = False
    return outline


def _lower_hull(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> tuple[list[int], list[int]]:
    corner = np.ones(len(y), dtype=bool)  # a point between two as far as itself is no corner
    corner[1:-1] = (y[1:-1] != y[:-2]) | (y[1:-1] != y[2:])
    hull: list[tuple[int, int]] = []
    for one in zip(x[corner].tolist(), y[corner].tolist()):
        while len(hull) > 1:
            (ax, ay), (bx, by) = hull[-2:]
            if (bx - ax) * (one[1] - ay) - (by - ay) * (one[0] - ax) > 0:
                break
            hull.pop()
        hull.append(one)
    return [point[0] for point in hull], [point[1] for point in hull]


def place(stated: Stated | None, seen: Seen, matrix_mm: tuple[float, float]) -> Field:
    """Where the useful field lies: a stated one about the centre of the matrix, a detected one where it was seen.

    A stated field that would stick out of the seen one only because the image is off centre is centred on the seen one.
    Refused: nobody stated a field, and the seen one lies so far off centre that part of the detector may be dead.
    """
    middle = (matrix_mm[0] / 2, matrix_mm[1] / 2)
    if stated is None:
        off_mm = max(abs(seen.centre_mm[axis] - middle[axis]) for axis in (0, 1))
        if off_mm > FARTHEST_OFF_MM:
            raise _one_sided(off_mm)
        return Field(
            shape="DETECTED", size_mm=seen.size_mm, centre_mm=seen.centre_mm, source="detected", moved=off_mm > MOVED_MM
        )
    centre = tuple(_along(stated.size_mm[axis], seen, axis, middle[axis]) for axis in (0, 1))
    field = Field(
        shape=stated.shape,
        size_mm=stated.size_mm,
        centre_mm=(centre[0], centre[1]),
        source=stated.source,
        moved=centre != middle,
    )
    if stated.shape == "HEXAGONAL":
        return _better_turned(field, seen)
    return field


def _one_sided(off_mm: float) -> Refused:
    return Refused(
        "field_not_stated",
        en=f"the imaged field lies {off_mm:.0f} mm off the centre of the image, as it does where part of the detector is dead; state "
        "the useful field (ufov_mm = [rows, columns] in mm), so that a missing part can be told",
        zh=f"成像视野偏离图像中心 {off_mm:.0f} mm，可能有部分探头失效。请给出有效视野 ufov_mm = [行, 列]（mm），以判断是否有缺失。",
    )


def _along(size_mm: float, seen: Seen, axis: int, middle_mm: float) -> float:
    first, last = seen.extent_mm[axis]
    fits = last - first >= size_mm - 2 * seen.pixel_mm[axis]
    out = max(first - (middle_mm - size_mm / 2), middle_mm + size_mm / 2 - last)
    return (first + last) / 2 if fits and not seen.cut[axis] and out > 2.0 else middle_mm


def _better_turned(field: Field, seen: Seen) -> Field:
    """Of the two ways a hexagon can lie, the one that leaves fewer of its pixels outside the seen field."""
    turned = Field(
        shape=field.shape,
        size_mm=field.size_mm,
        centre_mm=field.centre_mm,
        source=field.source,
        moved=field.moved,
        turned=True,
    )
    y = (np.arange(seen.mask.shape[0])[:, None] + 0.5) * seen.pixel_mm[0]
    x = (np.arange(seen.mask.shape[1])[None, :] + 0.5) * seen.pixel_mm[1]
    outside = [int((_inside(one, y, x, 1.0) & ~seen.mask).sum()) for one in (field, turned)]
    return turned if outside[1] < outside[0] else field


def _inside(field: Field, y_mm: npt.NDArray[Any], x_mm: npt.NDArray[Any], scale: float) -> Mask:
    """Whether points lie in the field, its linear dimensions times `scale`. A hexagon is given by its circumscribed circle."""
    v = (y_mm - field.centre_mm[0]) / (field.size_mm[0] / 2 * scale)
    u = (x_mm - field.centre_mm[1]) / (field.size_mm[1] / 2 * scale)
    if field.shape == "ROUND":
        return np.asarray(v * v + u * u <= 1)
    if field.shape == "HEXAGONAL":
        along, across = (v, u) if field.turned else (u, v)
        if abs(field.size_mm[0] - field.size_mm[1]) < 1e-6:
            across = across / np.sqrt(0.75)
        return np.asarray((np.abs(across) <= 1) & (np.abs(along) + 0.5 * np.abs(across) <= 1))
    return np.asarray((np.abs(v) <= 1) & (np.abs(u) <= 1))


def share_inside(field: Field, grid: Grid, seen: Seen, scale: float = 1.0) -> npt.NDArray[np.float64]:
    """The share of each analysed pixel that lies in the field, its linear dimensions times `scale` about its centre."""
    edges = (grid.edges_mm(0), grid.edges_mm(1))
    if field.shape == "DETECTED":
        eroded = without_neighbours_outside(seen.mask)
        return share_of_mask(eroded, seen.pixel_mm, edges, field.centre_mm, scale)
    if field.shape == "RECTANGLE":
        shares = []
        for axis in (0, 1):
            low, high = (field.centre_mm[axis] + sign * field.size_mm[axis] / 2 * scale for sign in (-1, 1))
            overlap = np.minimum(edges[axis][1:], high) - np.maximum(edges[axis][:-1], low)
            shares.append(np.clip(overlap / grid.bin_mm[axis], 0, 1))
        return np.outer(shares[0], shares[1])
    corners = _inside(field, edges[0][:, None], edges[1][None, :], scale)
    inside = corners[:-1, :-1].astype(int) + corners[1:, :-1] + corners[:-1, 1:] + corners[1:, 1:]
    share = inside / 4.0
    mixed = np.argwhere((inside > 0) & (inside < 4))
    steps = (np.arange(SAMPLES) + 0.5) / SAMPLES
    y = (edges[0][mixed[:, 0], None] + steps * grid.bin_mm[0])[:, :, None]
    x = (edges[1][mixed[:, 1], None] + steps * grid.bin_mm[1])[:, None, :]
    share[mixed[:, 0], mixed[:, 1]] = _inside(field, y, x, scale).mean(axis=(1, 2))
    return share


def share_of_mask(
    mask: Mask,
    pixel_mm: tuple[float, float],
    edges: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    centre_mm: tuple[float, float],
    scale: float = 1.0,
) -> npt.NDArray[np.float64]:
    """The share of each cell between `edges` that lies in `mask` enlarged by `scale` about `centre_mm`."""
    picked, known, number = [], [], []
    for axis in (0, 1):
        bins = len(edges[axis]) - 1
        samples = max(3, int(np.ceil((edges[axis][1] - edges[axis][0]) / pixel_mm[axis] - 1e-6)))
        at = edges[axis][0] + (np.arange(bins * samples) + 0.5) / samples * (edges[axis][1] - edges[axis][0])
        index = np.floor((centre_mm[axis] + (at - centre_mm[axis]) / scale) / pixel_mm[axis] + 1e-9).astype(int)
        known.append((index >= 0) & (index < mask.shape[axis]))
        picked.append(np.clip(index, 0, mask.shape[axis] - 1))
        number.append((bins, samples))
    hit = mask[picked[0]][:, picked[1]] & known[0][:, None] & known[1][None, :]
    shaped = hit.reshape(number[0][0], number[0][1], number[1][0], number[1][1])
    share: npt.NDArray[np.float64] = shaped.mean(axis=(1, 3))
    return share
