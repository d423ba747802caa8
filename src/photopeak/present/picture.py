"""Drawing a `Picture`: the image with sharp pixels, colour bar and unit at its right, scale bar below, overlays with a halo."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from photopeak.figure import Circle, Outline, Overlay, Picture, Spot, Style
from photopeak.present.colours import INK, INK_3, PAPER, ROI
from photopeak.present.numbers import MINUS, significant, to_place
from photopeak.present.outline import trace
from photopeak.present.svg import NORMAL, SMALL, drawing, element, image, measure, number, path, words
from photopeak.words import Language

BAR, GAP, TALLEST = 9.0, 8.0, 300.0
DASHES: dict[Style, str] = {"solid": "", "dashed": "5 3", "background": "4 2", "dotted": "1.5 2.5"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the image stands (units), and how mm of the picture become units."""

    width: float
    height: float
    total: float
    to_x: Callable[[float], float]
    to_y: Callable[[float], float]
    per_mm: float


@dataclass(frozen=True, slots=True)
class Pens:
    """Colours of overlay lines on one palette: `line` over `halo`."""

    solid: str
    background: str
    halo: str
    label: str
    box: str | None  #: ground of an outline's label, or None for a halo


_ON_DARK = Pens(solid=ROI, background=ROI, halo="#000000", label=ROI, box="#10181f")
_ON_PAPER = Pens(solid=INK, background=INK, halo=PAPER, label=INK, box=None)
_ON_INVERSE = Pens(solid="#b3232b", background="#2c6ca0", halo=PAPER, label=INK, box=None)
PENS = {"grey": _ON_DARK, "sequential": _ON_DARK, "deviation": _ON_PAPER, "inverse": _ON_INVERSE}


def draw_picture(picture: Picture, language: Language, width: float) -> str:
    """The picture as an SVG document of that width."""
    layout = _layout(picture, width, language)
    values = np.asarray(picture.values, np.float64)
    ground = element("rect", width=layout.width, height=layout.height, fill="#000000") if picture.palette == "grey" else ""
    body = ground + image(values, picture.window, picture.palette, 0, 0, layout.width, layout.height)
    body += _overlays(picture, layout)
    body += _colour_bar(picture, layout, language) + _scale_bar(picture, layout)
    return drawing(width, layout.total, body, picture.title.say(language), language)


def _layout(picture: Picture, width: float, language: Language) -> Layout:
    rows, columns = picture.values.shape
    extent_y, extent_x = rows * picture.pixel_mm[0], columns * picture.pixel_mm[1]
    labels = [*_ticks(picture).values(), picture.unit.say(language)]
    room = width - GAP - max(BAR + 4 + max(measure(label, SMALL) for label in labels[:-1]), measure(labels[-1], SMALL))
    per_mm = min(room / extent_x, TALLEST / extent_y)
    return Layout(
        width=extent_x * per_mm,
        height=extent_y * per_mm,
        total=extent_y * per_mm + 20,
        to_x=lambda x_mm: (x_mm - picture.left_mm) * per_mm,
        to_y=lambda y_mm: (y_mm - picture.top_mm) * per_mm,
        per_mm=per_mm,
    )


def _ticks(picture: Picture) -> dict[float, str]:
    """Fraction of the colour bar (0 = low) to label; a deviation has its sign written."""
    low, high = picture.window
    signed = picture.palette == "deviation"
    fractions = (0.0, 0.25, 0.5, 0.75, 1.0) if signed else (0.0, 0.5, 1.0)
    values = {fraction: low + fraction * (high - low) for fraction in fractions}
    span = max(abs(low), abs(high)) or 1.0
    whole = all(abs(value - round(value)) < 1e-6 * span for value in values.values())
    place = 0 if whole else math.floor(math.log10(span)) - 2
    labels = {fraction: to_place(value, min(place, 0)) for fraction, value in values.items()}
    return {f: text if not signed or text.startswith((MINUS, "0")) else "+" + text for f, text in labels.items()}


def _colour_bar(picture: Picture, layout: Layout, language: Language) -> str:
    x, top, height = layout.width + GAP, 5.0, layout.height - 10
    steps = np.linspace(1, 0, 64)[:, None]
    body = image(steps, (0.0, 1.0), picture.palette, x, top, BAR, height)
    body += element("rect", x=x, y=top, width=BAR, height=height, fill="none", stroke=INK_3, stroke_width=0.6)
    for fraction, label in _ticks(picture).items():
        y = top + height * (1 - fraction)
        body += path(f"M{number(x + BAR)} {number(y)}h2.5", INK_3, 0.6)
        body += words(x + BAR + 4, y + 3.6, label, size=SMALL)
    return body + words(x, layout.height + 13, picture.unit.say(language), size=SMALL)


def _scale_bar(picture: Picture, layout: Layout) -> str:
    lengths = (picture.scale_bar_mm, 100.0, 50.0, 20.0, 10.0, 5.0, 1.0)
    length = next((mm for mm in lengths if mm * layout.per_mm <= 0.6 * layout.width), lengths[-1])
    right, y = layout.width, layout.height + 10
    left = right - length * layout.per_mm
    ends = f"M{number(left)} {number(y)}H{number(right)}m0 -3v6M{number(left)} {number(y - 3)}v6"
    return path(ends, INK, 1.3) + words(left - 5, y + 3.7, f"{significant(length)} mm", anchor="end", size=NORMAL)


def _overlays(picture: Picture, layout: Layout) -> str:
    pens = PENS[picture.palette]
    taken = [_box(one, layout) for one in picture.overlays if not isinstance(one, Outline)]
    lines = "".join(_line(one, picture, layout, pens) for one in picture.overlays)
    labels = "".join(_label(one, picture, layout, pens, taken) for one in picture.overlays)
    return lines + labels


def _line(one: Overlay, picture: Picture, layout: Layout, pens: Pens) -> str:
    if isinstance(one, Spot):
        return _spot(one, layout)
    if isinstance(one, Circle):
        shape: dict[str, Any] = {"cx": layout.to_x(one.x_mm), "cy": layout.to_y(one.y_mm), "r": one.radius_mm * layout.per_mm}
        halo = element("circle", fill="none", stroke=pens.halo, stroke_width=2.6, opacity=0.55, **shape)
        return halo + element(
            "circle", fill="none", stroke=_pen(one.style, pens), stroke_width=1.2,
            stroke_dasharray=DASHES[one.style] or None, **shape,
        )  # fmt: skip
    d = _outline_path(one, picture, layout)
    return path(d, pens.halo, 2.6, opacity=0.55) + path(d, _pen(one.style, pens), 1.2, dash=DASHES[one.style])


def _pen(style: Style, pens: Pens) -> str:
    if style == "dotted":
        return pens.label
    return pens.background if style == "background" else pens.solid


def _outline_path(one: Outline, picture: Picture, layout: Layout) -> str:
    step_y, step_x = (layout.height / one.mask.shape[0], layout.width / one.mask.shape[1])
    loops = [[(column * step_x, row * step_y) for row, column in loop] for loop in trace(np.asarray(one.mask, bool))]
    return "".join("M" + "L".join(f"{number(x)} {number(y)}" for x, y in loop) + "Z" for loop in loops)


def _spot(one: Spot, layout: Layout) -> str:
    """A ring with its sign, drawn white and then dark: it reads on any ground."""
    x, y = _held(one, layout)
    d = f"M{number(x - 3)} {number(y)}h6" + (f"M{number(x)} {number(y - 3)}v6" if one.sign.strip() == "+" else "")
    return "".join(
        element("circle", cx=x, cy=y, r=6, fill="none", stroke=colour, stroke_width=width) + path(d, colour, width)
        for colour, width in ((PAPER, 3.2), (INK, 1.4))
    )


Box = tuple[float, float, float, float]  #: left, top, right, bottom


def _held(one: Spot, layout: Layout) -> tuple[float, float]:
    """The place of a spot, drawn in by its own radius where it lies on the edge of the image."""
    x, y = layout.to_x(one.x_mm), layout.to_y(one.y_mm)
    return min(max(x, 7.5), layout.width - 7.5), min(max(y, 7.5), layout.height - 7.5)


def _box(one: Circle | Spot, layout: Layout) -> Box:
    if isinstance(one, Spot):
        x, y, r = *_held(one, layout), 7.5
    else:
        x, y, r = layout.to_x(one.x_mm), layout.to_y(one.y_mm), one.radius_mm * layout.per_mm
    return (x - r, y - r, x + r, y + r)


def _label(one: Overlay, picture: Picture, layout: Layout, pens: Pens, taken: list[Box]) -> str:
    if isinstance(one, Spot) or not one.label:
        return ""
    if isinstance(one, Circle):
        return _circle_label(one, layout, pens, taken)
    corners = [corner for loop in trace(np.asarray(one.mask, bool)) for corner in loop]
    if not corners:
        return ""
    row, column = min(corners, key=lambda corner: (corner[0] + corner[1], corner[0]))
    x, y = column * layout.width / one.mask.shape[1], row * layout.height / one.mask.shape[0]
    box: Box = (x + 1, y + 1, x + 7 + measure(one.label, SMALL), y + 14)
    while any(_overlap(box, other) for other in taken):
        box = (box[0], box[1] + 13, box[2], box[3] + 13)
    taken.append(box)
    if pens.box is None:
        return words(box[0] + 3, box[3] - 3.4, one.label, size=SMALL, fill=pens.label, halo=pens.halo)
    ground = element("rect", x=box[0], y=box[1], width=box[2] - box[0], height=13, fill=pens.box, opacity=0.82)
    return ground + words(box[0] + 3, box[3] - 3.4, one.label, size=SMALL, fill=pens.label)


def _circle_label(one: Circle, layout: Layout, pens: Pens, taken: list[Box]) -> str:
    """Inside a circle that is large and not filled with signal, else beside it where nothing else stands."""
    x, y, r = layout.to_x(one.x_mm), layout.to_y(one.y_mm), one.radius_mm * layout.per_mm
    half = measure(one.label, SMALL) / 2
    if one.style in ("background", "dotted") and r > half + 3:
        return words(x, y + 3.6, one.label, size=SMALL, fill=pens.label, anchor="middle", halo=pens.halo)
    away = r + 3
    places = [(x, y + away + 5), (x + away + half, y), (x - away - half, y), (x, y - away - 5)]
    boxes: list[Box] = [(cx - half, cy - 5, cx + half, cy + 5) for cx, cy in places]
    inside = [box for box in boxes if box[0] >= 0 and box[1] >= 0 and box[2] <= layout.width and box[3] <= layout.height]
    free = [box for box in inside if not any(_overlap(box, other) for other in taken)]
    box = (free or inside or boxes)[0]
    taken.append(box)
    return words((box[0] + box[2]) / 2, box[3] - 1.4, one.label, size=SMALL, fill=pens.label, anchor="middle", halo=pens.halo)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
