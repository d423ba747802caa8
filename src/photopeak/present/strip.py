"""The strip: one result against its limit in 132 × 18 units. Upright = limit, hatching = beyond it, whisker = ±U (k = 2)."""

from __future__ import annotations

from collections.abc import Callable

from photopeak.present.colours import HATCH, INK, LINE, PAPER, TONES
from photopeak.present.marks import sign
from photopeak.present.numbers import COVERAGE
from photopeak.present.svg import drawing, element, number, path
from photopeak.verdict import OUTCOME_WORDS, Verdict
from photopeak.words import Language

WIDTH, HEIGHT, MIDDLE = 132.0, 18.0, 9.0
UPPER_AT, LOWER_AT = 92.0, 40.0  #: where the only limit of a one-sided strip stands, by its kind
BOTH_AT = (36.0, 96.0)


def strip(verdict: Verdict, language: Language) -> str:
    """The strip of a verdict as an SVG document; without a limit there is only the base line."""
    row, measured = verdict.criterion, verdict.measurement
    body = path(f"M0 9H{number(WIDTH)}", LINE, 1)
    if row is not None and row.has_limit:
        body += _beyond(row.lower, row.upper, row.provisional)
        if measured is not None and measured.unit == row.unit:
            body += _result(verdict, _scale(row.lower, row.upper))
    return drawing(WIDTH, HEIGHT, body, OUTCOME_WORDS[verdict.outcome].say(language), language)


def _scale(lower: float | None, upper: float | None) -> Callable[[float], float]:
    """Value to x. One-sided: zero and the limit stand at fixed places; two-sided: both limits do."""
    if lower is not None and upper is not None:
        span = (upper - lower) or abs(upper) or 1.0
        return lambda value: BOTH_AT[0] + (BOTH_AT[1] - BOTH_AT[0]) * (value - lower) / span
    only = upper if upper is not None else lower
    assert only is not None
    at = UPPER_AT if upper is not None else LOWER_AT
    return lambda value: at + UPPER_AT * (value - only) / (abs(only) or 1.0)


def _beyond(lower: float | None, upper: float | None, provisional: bool) -> str:
    two = lower is not None and upper is not None
    parts = []
    if lower is not None:
        at = BOTH_AT[0] if two else LOWER_AT
        parts += [_hatched(0, at), _upright(at, provisional)]
    if upper is not None:
        at = BOTH_AT[1] if two else UPPER_AT
        parts += [_hatched(at, WIDTH), _upright(at, provisional)]
    return "".join(parts)


def _upright(x: float, provisional: bool) -> str:
    colour, dash = (TONES["provisional"].mark, "4 2.5") if provisional else (INK, "")
    return path(f"M{number(x)} 1V17", colour, 1.25, dash=dash)


def _hatched(left: float, right: float, top: float = 3, bottom: float = 15) -> str:
    """Strokes at 45°, cut at the edges of the rectangle, so that no pattern or clipping is needed."""
    strokes, height = [], bottom - top
    start = left - height
    while start < right:
        x0, x1 = max(start, left), min(start + height, right)
        if x1 > x0:
            strokes.append(f"M{number(x0)} {number(bottom - (x0 - start))}L{number(x1)} {number(bottom - (x1 - start))}")
        start += 6
    return path("".join(strokes), HATCH, 1)


def _result(verdict: Verdict, scale: Callable[[float], float]) -> str:
    measured = verdict.measurement
    assert measured is not None
    tone = TONES[verdict.outcome]
    x = scale(measured.value)
    if not 4 <= x <= WIDTH - 4:
        return _arrow(x > WIDTH / 2, tone.mark, tone.text)
    body = ""
    if measured.uncertainty is not None:
        left = scale(measured.value - COVERAGE * measured.uncertainty)
        right = scale(measured.value + COVERAGE * measured.uncertainty)
        body = path(_whisker(left, right), tone.text, 1.6)
    return body + sign(verdict.outcome, x, MIDDLE)


def _whisker(left: float, right: float) -> str:
    a, b = max(left, 0.8), min(right, WIDTH - 0.8)
    d = f"M{number(a)} 9H{number(b)}"
    d += f"M{number(a)} 5.5V12.5" if left >= 0.8 else ""
    return d + (f"M{number(b)} 5.5V12.5" if right <= WIDTH - 0.8 else "")


def _arrow(to_the_right: bool, colour: str, edge: str) -> str:
    """The value lies off the scale: an arrowhead at that end, over a little paper."""
    end, back = (WIDTH - 1, WIDTH - 11) if to_the_right else (1.0, 11.0)
    paper = element("rect", x=min(end, back) - 2, y=2, width=14, height=14, fill=PAPER)
    d = f"M{number(end)} 9L{number(back)} 3.5V14.5Z"
    return paper + element("path", d=d, fill=colour, stroke=edge, stroke_width=1)
