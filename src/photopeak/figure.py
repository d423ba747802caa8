"""What there is to look at, declared as plain data. A procedure says what; `photopeak.present` draws it, once for every medium.

Lengths are mm in the image plane: x grows to the right (columns), y grows downwards (rows).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy.typing as npt

from photopeak.measurement import Measurement
from photopeak.words import Words

UNNAMED = Words("", "")
Style = Literal["solid", "dashed", "background", "dotted"]
Palette = Literal["grey", "inverse", "sequential", "deviation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The boundary of `mask[row, column]`, on the grid of the picture it lies on."""

    mask: npt.NDArray[Any]
    style: Style = "solid"
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    x_mm: float
    y_mm: float
    radius_mm: float
    style: Style = "solid"
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A ring round a point, with a sign in it: − lowest, + highest."""

    x_mm: float
    y_mm: float
    sign: str


Overlay = Outline | Circle | Spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image `values[row, column]` with its window, colour bar and overlays. NaN is drawn as nothing.

    `left_mm`, `top_mm`: the outer edge of the first pixel; `pixel_mm` as (row, column) spacing.
    `group`: pictures of one group are drawn side by side. `where`: which detector it shows, as a measurement says it.
    """

    title: Words
    values: npt.NDArray[Any]
    pixel_mm: tuple[float, float]
    left_mm: float
    top_mm: float
    window: tuple[float, float]
    unit: Words
    palette: Palette = "grey"
    overlays: tuple[Overlay, ...] = ()
    scale_bar_mm: float = 100.0
    group: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    label: Words
    unit: str = ""
    log: bool = False
    ticks: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A curve; NaN breaks it. Series are styled in their order."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    label: Words = UNNAMED


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Measurements against x, each with ±U (k = 2) and its verdict's sign; the limits that judged them become the band.

    `joined`: a curve through them; False where their order means nothing (cases, hospitals).
    """

    x: tuple[float, ...]
    measurements: tuple[Measurement, ...]
    label: Words = UNNAMED
    joined: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Dots:
    """Single values (tubes, runs); `names` stand at their dots, an empty one is left out. `joined`: a line in their order."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    names: tuple[Words, ...] = ()
    label: Words = UNNAMED
    joined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A thin line across the chart at `y`, its name at the right: a mean, a control limit."""

    y: float
    name: Words = UNNAMED
    style: Style = "solid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A dotted upright at `x` with a word: a new lot, a service."""

    x: float
    name: Words


Mark = Line | Points | Dots | Level | Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Curves and measurements on one pair of axes. `group`: charts of one group are drawn side by side."""

    title: Words
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    group: str = ""


Figure = Picture | Chart
