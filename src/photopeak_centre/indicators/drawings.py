"""A funnel of hospitals and a trend of months, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from photopeak.present.colours import INK, INK_2, INK_3, LINE_2, PAPER, SERIES, TONES
from photopeak.present.numbers import significant
from photopeak.present.svg import drawing, element, number, path, words
from photopeak.proportion import funnel_limits, rate
from photopeak.words import Language, Words

WIDTH, HEIGHT = 658.0, 320.0
LEFT, TOP, RIGHT, BOTTOM = 44.0, 14.0, 108.0, 40.0
Z_95, Z_998 = 1.959964, 3.090232


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One hospital: `name` stands at it where it is not empty; `apart`: it stands out; `own`: whose page this is."""

    count: int
    total: int
    name: str = ""
    apart: bool = False
    own: bool = False


def funnel(points: Sequence[Point], target: float, language: Language) -> str:
    """Each hospital's share against its total, with the limits that 95 and 99.8 % lie within by chance. `target`: a share."""
    most = max([point.total for point in points] + [10]) * 1.06
    shares = [point.count / point.total for point in points if point.total] + [target]
    low, high = _range(shares, target, most)

    def x(total: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * total / most

    def y(share: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (min(max(share, low), high) - low) / (high - low))

    body = _frame(x, y, most, low, high, language)
    sizes = [max(1.0, most * (k / 80) ** 2) for k in range(4, 81)]
    for z, dash, name in ((Z_95, "", "95%"), (Z_998, "5 3", "99.8%")):
        for side in (0, 1):
            line = [(x(size), y(funnel_limits(target, max(1, round(size)), z)[side])) for size in sizes]
            body += path("M" + "L".join(f"{number(a)} {number(b)}" for a, b in line), INK_3, 1, dash=dash)
            if side:
                body += words(
                    WIDTH - RIGHT + 4,
                    line[-1][1] + 4,
                    name if language == "zh" else name.replace("%", " %"),
                    size=10,
                    fill=INK_3,
                )
    body += path(f"M{LEFT} {number(y(target))}H{WIDTH - RIGHT}", SERIES[0].colour, 1.2)
    region = Words("region", "区域").say(language)
    body += words(WIDTH - RIGHT + 4, y(target) + 4, f"{region} {_percent(target, language)}", size=10, fill=SERIES[0].colour)
    for point in sorted(points, key=lambda one: (one.apart, one.own)):
        if not point.total:
            continue
        at, up = x(point.total), y(point.count / point.total)
        if point.apart:
            body += element(
                "rect", x=at - 4, y=up - 4, width=8, height=8, fill=TONES["undecided"].mark, stroke=TONES["undecided"].text
            )
        else:
            body += element(
                "circle",
                cx=at,
                cy=up,
                r=5 if point.own else 3.4,
                fill=SERIES[0].colour if point.own else "#9fadb9",
                stroke=PAPER,
                stroke_width=0.8,
            )
        if point.name and (point.apart or point.own):
            body += words(at + 8, up + 4, point.name, size=10, fill=INK, halo=PAPER)
    label = Words("share against total, with funnel limits", "各单位指标率与分母的漏斗图").say(language)
    return drawing(WIDTH, HEIGHT, body, label, language)


def trend(months: Sequence[tuple[str, int, int]], language: Language) -> str:
    """(name of the month, n, N) from left to right with Wilson 95 % intervals; a month without a count leaves a gap."""
    height = 200.0
    known = [(k, name, rate(n, of)) for k, (name, n, of) in enumerate(months) if of and n <= of]
    lows = [one.lower / 100 for _, _, one in known if one.lower is not None]
    highs = [one.upper / 100 for _, _, one in known if one.upper is not None]
    low, high = _range([*lows, *highs, 0.5] if not lows else [*lows, *highs], 0.5 if not lows else lows[0], 0)
    step = (WIDTH - LEFT - RIGHT) / max(1, len(months))

    def y(share: float) -> float:
        return TOP + (height - TOP - BOTTOM) * (1 - (share - low) / (high - low))

    body = ""
    for tick in _ticks(low, high):
        body += path(f"M{LEFT} {number(y(tick))}H{WIDTH - RIGHT}", LINE_2, 0.8)
        body += words(LEFT - 6, y(tick) + 4, _percent(tick, language), size=10, fill=INK_3, anchor="end")
    for k, (name, _, _) in enumerate(months):
        body += words(LEFT + step * (k + 0.5), height - 22, name, size=10, fill=INK_3, anchor="middle")
    previous: tuple[int, float, float] | None = None
    for k, _, one in known:
        assert one.percent is not None
        assert one.lower is not None
        assert one.upper is not None
        at, up = LEFT + step * (k + 0.5), y(one.percent / 100)
        if previous is not None and previous[0] == k - 1:
            body += path(f"M{number(previous[1])} {number(previous[2])}L{number(at)} {number(up)}", SERIES[0].colour, 1.2)
        body += path(f"M{number(at)} {number(y(one.lower / 100))}V{number(y(one.upper / 100))}", SERIES[0].colour, 2)
        body += element("circle", cx=at, cy=up, r=3.6, fill=PAPER, stroke=SERIES[0].colour, stroke_width=1.6)
        previous = (k, at, up)
    label = Words("rate by month with its interval", "各月指标率及区间").say(language)
    return drawing(WIDTH, height, body, label, language)


def _range(shares: Sequence[float], target: float, most: float) -> tuple[float, float]:
    """Of the shares with some air, within 0 and 1."""
    spread = 3 * math.sqrt(target * (1 - target) / max(most / 6, 1)) if most else 0.0
    low, high = min([*shares, target - spread]), max([*shares, target + spread])
    air = max(0.02, 0.08 * (high - low))
    return max(0.0, low - air), min(1.0, high + air)


def _ticks(low: float, high: float) -> list[float]:
    step = next(s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5) if (high - low) / s <= 6)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _frame(x, y, most: float, low: float, high: float, language: Language) -> str:  # type: ignore[no-untyped-def]
    body = ""
    for tick in _ticks(low, high):
        body += path(f"M{LEFT} {number(y(tick))}H{WIDTH - RIGHT}", LINE_2, 0.8)
        body += words(LEFT - 6, y(tick) + 4, _percent(tick, language), size=10, fill=INK_3, anchor="end")
    step = 10 ** math.floor(math.log10(most / 2))
    step = next(step * k for k in (1, 2, 5, 10) if most / (step * k) <= 6)
    for k in range(0, int(most // step) + 1):
        body += words(x(k * step), HEIGHT - 24, significant(k * step, 9), size=10, fill=INK_3, anchor="middle")
    total = Words("total (denominator)", "分母").say(language)
    return body + words((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, total, size=10, fill=INK_2, anchor="middle")


def _percent(share: float, language: Language) -> str:
    return f"{significant(100 * share, 3)}{'%' if language == 'zh' else ' %'}"
