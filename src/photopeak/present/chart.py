"""Drawing a `Chart`: axes with units, curves by series, measurements with ±U (k = 2), their verdict's sign, and their limits."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from photopeak.criterion import Criterion
from photopeak.figure import Axis, Chart, Dots, Event, Level, Line, Mark, Points
from photopeak.measurement import Measurement
from photopeak.present.axes import Scale, scale_for
from photopeak.present.colours import BAND, BAND_EDGE, HATCH, INK, INK_3, LINE_2, PAPER, SERIES, TONES, Series
from photopeak.present.marks import marker, sign
from photopeak.present.numbers import COVERAGE
from photopeak.present.svg import NORMAL, drawing, element, measure, number, path, words
from photopeak.verdict import Verdict
from photopeak.words import Language, Words

CROWDED = 60  #: dots beyond which they are drawn small
HALF = 340.0  #: up to this width a chart is drawn as one of two
LIMIT = Words("limit", "限值")
BAND_OF = Words("{} band", "{} 范围")
LIMIT_OF = Words("{} limit", "{} 限值")


@dataclass(frozen=True, slots=True)
class Edge:
    """The limits of one source along x, in order: what the band or the line is drawn from."""

    name: str
    x: tuple[float, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    provisional: bool


@dataclass(frozen=True, slots=True)
class Plot:
    """The plotting area in units and its two scales."""

    left: float
    top: float
    right: float
    bottom: float
    x: Scale
    y: Scale


def draw_chart(chart: Chart, language: Language, width: float, verdicts: Sequence[Verdict] = ()) -> str:
    """The chart as an SVG document; `verdicts` are those of the result that the chart belongs to."""
    judged = _judged(verdicts)
    edges = _edges(chart, judged, language)
    series = [one for one in chart.marks if isinstance(one, (Line, Points, Dots))]
    legend = [(n, one.label.say(language)) for n, one in enumerate(series) if one.label.say(language)]
    rows = _legend_rows(legend, width, _title(chart.y, language))
    plot = _plot(chart, edges, width, top=20.0 + 15.0 * (rows if legend else 0) - (15.0 if rows == 1 and legend else 0))
    body = _grid(plot) + "".join(_limits(edge, plot) for edge in edges) + _frame(plot, chart, language)
    body += "".join(_reference(one, plot, language) for one in chart.marks if isinstance(one, (Level, Event)))
    body += "".join(_mark(one, _series(n), plot, judged, language) for n, one in enumerate(series))
    body += "".join(_edge_name(edge, plot) for edge in edges)
    body += _legend(series, legend, width, rows)
    return drawing(width, plot.bottom + 36, body, chart.title.say(language), language)


def _series(n: int) -> Series:
    """How the nth curve is drawn: beyond the fourth, a colour comes again with the next one's dashes."""
    around, again = SERIES[n % len(SERIES)], SERIES[(n + n // len(SERIES)) % len(SERIES)]
    return around._replace(dash=again.dash, marker=again.marker)


def _title(axis: Axis, language: Language) -> str:
    name = axis.label.say(language)
    return f"{name} / {axis.unit}" if axis.unit and name else name or axis.unit


def _plot(chart: Chart, edges: Iterable[Edge], width: float, top: float) -> Plot:
    xs = [value for one in chart.marks if not isinstance(one, (Level, Event)) for value in map(float, one.x)]
    ys = [value for one in chart.marks for value in _reach(one)]
    ys += [bound for edge in edges for bound in (*edge.lower, *edge.upper) if bound is not None]
    points = any(isinstance(one, (Points, Dots)) for one in chart.marks)
    x = scale_for(chart.x, xs, about=6, across=True, padded=points)
    y = scale_for(chart.y, ys, about=5 if width <= HALF else 4)
    left = 10 + max([measure(label) for _, label in y.ticks], default=10.0)
    height = 148.0 if width <= HALF else 104.0
    right = width - 8
    return Plot(left, top, right, top + height, x.placed(left, right), y.placed(top + height, top))


def _reach(one: Mark) -> list[float]:
    if isinstance(one, Level):
        return [one.y]
    if isinstance(one, Event):
        return []
    if isinstance(one, (Line, Dots)):
        return [float(value) for value in np.asarray(one.y, float) if math.isfinite(value)]
    return [m.value + side * COVERAGE * (m.uncertainty or 0.0) for m in one.measurements for side in (-1, 1)]


def _grid(plot: Plot) -> str:
    body = ""
    for value, label in plot.y.ticks:
        y = plot.y(value)
        if plot.top - 0.5 <= y <= plot.bottom + 0.5:
            body += path(f"M{number(plot.left)} {number(y)}H{number(plot.right)}", LINE_2, 1)
            body += words(plot.left - 6, y + 3.8, label, anchor="end")
    return body


def _frame(plot: Plot, chart: Chart, language: Language) -> str:
    body = path(f"M{number(plot.left)} {number(plot.bottom)}H{number(plot.right)}", INK_3, 1)
    free = -math.inf
    for value, label in plot.x.ticks:
        x, half = plot.x(value), measure(label) / 2
        if plot.left - 0.5 <= x <= plot.right + 0.5 and x - half > free + 3:
            body += path(f"M{number(x)} {number(plot.bottom)}v4", INK_3, 1)
            body += words(min(x, plot.right + 6 - half), plot.bottom + 15, label, anchor="middle")
            free = x + half
    body += words(plot.right, plot.bottom + 30, _title(chart.x, language), anchor="end")
    return body + words(0, 11, _title(chart.y, language))


# curves and points


def _mark(one: Line | Points | Dots, series: Series, plot: Plot, judged: dict[_Key, list[Verdict]], language: Language) -> str:
    if isinstance(one, Dots):
        return _dots(one, series, plot, language)
    return _curve(one, series, plot) if isinstance(one, Line) else _points(one, series, plot, judged)


def _dots(dots: Dots, series: Series, plot: Plot, language: Language) -> str:
    """Markers, smaller where there are many; what stands at one is written above it, or below it where the frame is near."""
    pairs = zip(np.asarray(dots.x, float).tolist(), np.asarray(dots.y, float).tolist(), strict=True)
    at = [(n, plot.x(x), _inside(plot.y(y), plot)) for n, (x, y) in enumerate(pairs) if math.isfinite(x) and math.isfinite(y)]
    body = path(_opened([(x, y) for _, x, y in at]), series.colour, 1.0) if dots.joined and len(at) > 1 else ""
    many = len(at) > CROWDED
    for _, x, y in at:
        small = element("circle", cx=x, cy=y, r=2.0, fill=PAPER, stroke=series.colour, stroke_width=1.2)
        body += small if many else marker(series.marker, x, y, series.colour)
    for n, x, y in at:
        name = dots.names[n].say(language) if n < len(dots.names) else ""
        if name:
            below = y - 7 < plot.top + 8
            anchor = "end" if x + measure(name) / 2 > plot.right else "middle"
            body += words(x, y + 15 if below else y - 6, name, size=NORMAL, anchor=anchor, halo=PAPER, fill=INK)
    return body


def _reference(one: Level | Event, plot: Plot, language: Language) -> str:
    """A level across the chart or a dotted upright, each with its name."""
    if isinstance(one, Event):
        x = plot.x(one.x)
        line = path(f"M{number(x)} {number(plot.top)}V{number(plot.bottom)}", INK_3, 1, dash="1 3")
        return line + words(x + 3, plot.top + 9, one.name.say(language), size=NORMAL, halo=PAPER)
    y = _inside(plot.y(one.y), plot)
    dash = {"solid": "", "dashed": "5 3", "background": "4 2", "dotted": "1 3"}[one.style]
    line = path(f"M{number(plot.left)} {number(y)}H{number(plot.right)}", INK_3, 1, dash=dash)
    return line + words(plot.right, y - 3, one.name.say(language), size=NORMAL, anchor="end", halo=PAPER)


def _curve(line: Line, series: Series, plot: Plot) -> str:
    xs, ys = np.asarray(line.x, float), np.asarray(line.y, float)
    pieces, pen_down = [], False
    for x, y in zip(xs, ys, strict=True):
        if not (math.isfinite(x) and math.isfinite(y)):
            pen_down = False
            continue
        pieces.append(f"{'L' if pen_down else 'M'}{number(plot.x(x))} {number(_inside(plot.y(y), plot))}")
        pen_down = True
    return element(
        "path", d="".join(pieces), fill="none", stroke=series.colour, stroke_width=1.5,
        stroke_dasharray=series.dash or None, stroke_linejoin="round",
    )  # fmt: skip


def _inside(y: float, plot: Plot) -> float:
    return min(max(y, plot.top), plot.bottom)


def _points(points: Points, series: Series, plot: Plot, judged: dict[_Key, list[Verdict]]) -> str:
    ordered = sorted(zip(points.x, points.measurements, strict=True), key=lambda pair: pair[0])
    joined = "L".join(f"{number(plot.x(x))} {number(_inside(plot.y(m.value), plot))}" for x, m in ordered)
    body = path("M" + joined, series.colour, 1.3, dash=series.dash) if points.joined and len(ordered) > 1 else ""
    for x, m in ordered:
        at_x, at_y = plot.x(x), _inside(plot.y(m.value), plot)
        if m.uncertainty is not None:
            body += _whisker(at_x, [_inside(plot.y(m.value + side * COVERAGE * m.uncertainty), plot) for side in (-1, 1)])
        outcomes = [v.outcome for v in judged.get(_key(m), ()) if v.criterion is not None and v.criterion.has_limit]
        worst = next((name for name in ("fail", "undecided", "not_assessed", "pass") if name in outcomes), None)
        body += sign(worst, at_x, at_y, 1.1) if worst else marker(series.marker, at_x, at_y, series.colour)
    return body


def _whisker(x: float, ends: Sequence[float]) -> str:
    low, high = ends
    caps = "".join(f"M{number(x - 3)} {number(y)}h6" for y in ends)
    return path(f"M{number(x)} {number(low)}V{number(high)}{caps}", INK, 1.2)


# the limits that judged the points

_Key = tuple[str, tuple[tuple[str, str], ...], float]


def _key(m: Measurement) -> _Key:
    return m.quantity.name, tuple(sorted((key, str(value)) for key, value in m.where.items())), m.value


def _judged(verdicts: Iterable[Verdict]) -> dict[_Key, list[Verdict]]:
    found: dict[_Key, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.measurement is not None:
            found.setdefault(_key(verdict.measurement), []).append(verdict)
    return found


def _edges(chart: Chart, judged: dict[_Key, list[Verdict]], language: Language) -> list[Edge]:
    """The limits of every series of points, one edge for each standard that judged it."""
    edges = []
    for points in (one for one in chart.marks if isinstance(one, Points)):
        by_source: dict[tuple[str, str | None], dict[float, Criterion]] = {}
        for x, m in zip(points.x, points.measurements, strict=True):
            for verdict in judged.get(_key(m), ()):
                row = verdict.criterion
                if row is not None and row.has_limit and row.unit == m.unit:
                    by_source.setdefault((row.standard, row.programme), {})[x] = row
        edges += [_edge(rows, language) for rows in by_source.values()]
    return list(dict.fromkeys(edges))


def _edge(rows: dict[float, Criterion], language: Language) -> Edge:
    xs = sorted(rows)
    some = rows[xs[0]]
    band = all(rows[x].lower is not None and rows[x].upper is not None for x in xs)
    pattern = BAND_OF if band else LIMIT_OF
    name = pattern.say(language).format(some.programme.upper()) if some.programme else LIMIT.say(language)
    provisional = any(rows[x].provisional for x in xs)
    lower, upper = (tuple(rows[x].lower for x in xs), tuple(rows[x].upper for x in xs))
    return Edge(name, tuple(xs), lower, upper, provisional)


def _limits(edge: Edge, plot: Plot) -> str:
    lower, upper = _polyline(edge, edge.lower, plot), _polyline(edge, edge.upper, plot)
    colour = TONES["provisional"].mark if edge.provisional else (BAND_EDGE if lower and upper else INK)
    dash = "5 3" if edge.provisional else ""
    body = ""
    if lower and upper:
        body += element("path", d=_closed([*upper, *reversed(lower)]), fill=BAND, opacity=0.85)
    elif upper:
        body += _hatched([*upper, (upper[-1][0], plot.top), (upper[0][0], plot.top)], plot)
    elif lower:
        body += _hatched([*lower, (lower[-1][0], plot.bottom), (lower[0][0], plot.bottom)], plot)
    for line in (lower, upper):
        if line:
            body += path(_opened(line), colour, 1.0 if lower and upper else 1.25, dash=dash)
    return body


def _polyline(edge: Edge, bounds: Sequence[float | None], plot: Plot) -> list[tuple[float, float]]:
    """An edge in units; a limit that is the same everywhere runs from side to side, a single one is a short bar."""
    known = [(plot.x(x), _inside(plot.y(bound), plot)) for x, bound in zip(edge.x, bounds, strict=True) if bound is not None]
    if known and len({y for _, y in known}) == 1:
        return [(plot.left, known[0][1]), (plot.right, known[0][1])]
    return known


def _opened(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def _closed(points: Sequence[tuple[float, float]]) -> str:
    return _opened(points) + "Z"


def _hatched(points: Sequence[tuple[float, float]], plot: Plot) -> str:
    outline = _closed(points)
    name = "beyond-" + hashlib.sha256(outline.encode()).hexdigest()[:12]
    clip = element("clipPath", element("path", d=outline), id=name)
    height = plot.bottom - plot.top
    starts = np.arange(plot.left - height, plot.right, 6.0)
    strokes = "".join(f"M{number(float(x))} {number(plot.bottom)}l{number(height)} -{number(height)}" for x in starts)
    return clip + element("path", d=strokes, fill="none", stroke=HATCH, stroke_width=0.8, clip_path=f"url(#{name})")


def _edge_name(edge: Edge, plot: Plot) -> str:
    """The name of a band above its upper edge near the right, or of a limit beside its line."""
    upper = _polyline(edge, edge.upper, plot) or _polyline(edge, edge.lower, plot)
    if not upper:
        return ""
    x, y = upper[-1] if len(upper) == 2 else upper[len(upper) * 3 // 5]
    below = y - 6 < plot.top + 8
    anchor, at = ("end", x - 2) if len(upper) == 2 else ("middle", x)
    colour = TONES["provisional"].text if edge.provisional else INK
    return words(at, y + 13 if below else y - 5, edge.name, size=NORMAL, anchor=anchor, halo=PAPER, fill=colour)


# legend

SWATCH, BETWEEN = 26.0, 14.0


def _legend_rows(legend: Sequence[tuple[int, str]], width: float, title: str) -> int:
    """0 without a legend, 1 where it fits beside the title, 2 where it stands below it."""
    if not legend:
        return 0
    return 1 if measure(title) + 24 + _legend_width(legend) <= width else 2


def _legend_width(legend: Sequence[tuple[int, str]]) -> float:
    return sum(SWATCH + measure(label) + BETWEEN for _, label in legend) - BETWEEN


def _legend(marks: Sequence[Line | Points | Dots], legend: Sequence[tuple[int, str]], width: float, rows: int) -> str:
    x, y = width - 8 - _legend_width(legend) if rows == 1 else 0.0, 11.0 if rows == 1 else 26.0
    body = ""
    for n, label in legend:
        series = _series(n)
        if not isinstance(marks[n], Dots):
            body += path(f"M{number(x)} {number(y - 4)}h20", series.colour, 1.5, dash=series.dash)
        if isinstance(marks[n], (Points, Dots)):
            body += marker(series.marker, x + 10, y - 4, series.colour)
        body += words(x + SWATCH, y, label)
        x += SWATCH + measure(label) + BETWEEN
    return body
