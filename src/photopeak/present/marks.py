"""The five marks of a verdict, each a shape before it is a colour, and the small signs that stand on strips and charts."""

from __future__ import annotations

from typing import Any

from photopeak.present.colours import PAPER, TONES
from photopeak.present.svg import element, number, path

MARKS = ("pass", "fail", "undecided", "not_assessed", "provisional")


def mark(name: str) -> str:
    """One mark as an SVG document of 16 × 16 units. It stands beside its word, so it says nothing to a screen reader."""
    return element("svg", _SHAPES[name], xmlns="http://www.w3.org/2000/svg", viewBox="-0.4 -0.4 16.8 16.8", aria_hidden="true")


def _tick() -> str:
    return element("circle", cx=8, cy=8, r=7.2, fill=TONES["pass"].mark) + path("M4.6 8.3 7 10.7 11.5 5.6", PAPER, 1.9)


def _cross() -> str:
    square = element("rect", x=1, y=1, width=14, height=14, fill=TONES["fail"].mark)
    return square + path("M4.8 4.8 11.2 11.2M11.2 4.8 4.8 11.2", PAPER, 2)


def _straddle() -> str:
    text, colour = TONES["undecided"].text, TONES["undecided"].mark
    half = element("path", d="M8 .8 15.2 8 8 15.2Z", fill=colour)
    return half + path("M8 .8 15.2 8 8 15.2 .8 8Z", text, 1.4) + path("M8 .8V15.2", text, 1.2)


def _open_ring() -> str:
    tone = TONES["not_assessed"]
    ring = element("circle", cx=8, cy=8, r=6.6, fill=PAPER, stroke=tone.mark, stroke_width=1.5, stroke_dasharray="2.6 1.6")
    return ring + path("M5 8h6", tone.text, 1.7)


def _pennant() -> str:
    colour = TONES["provisional"].mark
    return path("M3.5 1v14.5", colour, 1.6) + path("M3.5 2h10l-3 3.3 3 3.2h-10", colour, 1.4, dash="2.4 1.3", fill=PAPER)


_SHAPES = {
    "pass": _tick(),
    "fail": _cross(),
    "undecided": _straddle(),
    "not_assessed": _open_ring(),
    "provisional": _pennant(),
}


def sign(outcome: str, x: float, y: float, size: float = 1.0) -> str:
    """The shape of a verdict at a point: disc, square, diamond, dashed ring."""
    tone = TONES[outcome]
    if outcome == "pass":
        return element("circle", cx=x, cy=y, r=3.6 * size, fill=tone.mark)
    if outcome == "fail":
        side = 7 * size
        return element("rect", x=x - side / 2, y=y - side / 2, width=side, height=side, fill=tone.mark)
    if outcome == "undecided":
        return element("path", d=diamond(x, y, 4.8 * size), fill=tone.mark, stroke=tone.text, stroke_width=1)
    return element(
        "circle", cx=x, cy=y, r=3.2 * size, fill=PAPER, stroke=tone.text, stroke_width=1.2, stroke_dasharray="2 1.4"
    )  # fmt: skip


def diamond(x: float, y: float, half: float) -> str:
    h = number(half)
    return f"M{number(x)} {number(y - half)}l{h} {h}-{h} {h}-{h}-{h}Z"


def marker(shape: str, x: float, y: float, colour: str) -> str:
    """The marker of a chart series whose points no limit judges."""
    outline: dict[str, Any] = {"fill": PAPER, "stroke": colour, "stroke_width": 1.5}
    if shape == "circle":
        return element("circle", cx=x, cy=y, r=3.2, **outline)
    if shape == "square":
        return element("rect", x=x - 3, y=y - 3, width=6, height=6, **outline)
    if shape == "triangle":
        return element("path", d=f"M{number(x)} {number(y - 3.8)}l3.8 6.6h-7.6Z", **outline)
    return element("path", d=diamond(x, y, 4.2), **outline)
