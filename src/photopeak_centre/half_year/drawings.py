"""The report's figures as SVG, from the frozen numbers: the same drawing in the page, the PDF and the Word file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from photopeak.present.colours import INK, INK_2, INK_3, LINE, LINE_2, PAPER, SERIES, TONES
from photopeak.present.marks import sign
from photopeak.present.numbers import significant, to_place
from photopeak.present.svg import drawing, element, measure, path, words
from photopeak.verdict import OUTCOME_WORDS
from photopeak.words import Language, Words

WIDTH = 658.0
NAME_WIDTH = 190.0
ROW = 24.0
MANY_SIGNS = 400
UNTESTED = Words("not tested", "未检测")
ORDER = ("pass", "fail", "undecided", "not_assessed")


def draw(figure: Mapping[str, Any], numbers: Mapping[str, Any], language: Language) -> str:
    """One declared figure. Raises KeyError for a kind nobody draws."""
    return {"signs": signs, "bars": bars, "dots": dots}[figure["kind"]](figure, numbers, language)


def signs(figure: Mapping[str, Any], numbers: Mapping[str, Any], language: Language) -> str:
    """A row a kind of device, one sign a device; very many devices become a bar."""
    body, y, across = "", 8.0, 36
    step = (WIDTH - 130 - 80) / across
    for row in figure["rows"]:
        counts = [(one["outcome"], numbers[one["name"]]["n"]) for one in row["signs"]]
        untested = numbers[row["rest"]]["n"]
        total = sum(n for _, n in counts) + untested
        body += words(0, y + 11, row["label"][language], size=12, fill=INK, bold=True)
        body += words(118, y + 11, significant(total, 9), size=12, fill=INK, anchor="end", bold=True)
        if total > MANY_SIGNS:
            body += _bar(130, y + 1, WIDTH - 130, 14, [*counts, ("untested", untested)], total)
            y += ROW + 4
            continue
        listed = [outcome for outcome, n in counts for _ in range(n)] + ["untested"] * untested
        for n, outcome in enumerate(listed):
            line, column = divmod(n, across)
            body += _sign(outcome, 137 + column * step, y + 7 + line * 14)
        y += ROW + 14 * max(0, (len(listed) - 1) // across)
    return drawing(WIDTH, y + 22, body + _legend(y + 8, language, untested=True), figure["caption"][language], language)


def _sign(outcome: str, x: float, y: float) -> str:
    if outcome == "untested":
        return element("circle", cx=x, cy=y, r=3.4, fill=PAPER, stroke=LINE, stroke_width=1.2)
    return sign(outcome, x, y, 1.15)


def bars(figure: Mapping[str, Any], numbers: Mapping[str, Any], language: Language) -> str:
    """A bar a procedure within a dashed frame of all devices, its counts at the right."""
    rows = figure["rows"]
    left, right = NAME_WIDTH, WIDTH - 180.0
    body, y = "", 4.0
    heads = [OUTCOME_WORDS["fail"], OUTCOME_WORDS["undecided"]]
    for n, head in enumerate((Words("tested", "已测"), *heads)):
        body += words(right + 52 + 62 * n, y + 8, head.say(language), size=10, fill=INK_3, anchor="end")
    y += 16
    for row in rows:
        counts = [(outcome, numbers[row["parts"][outcome]]["n"]) for outcome in ORDER]
        of = numbers[row["all"]]["n"] or 1
        body += words(0, y + 12, _short(row["label"][language], NAME_WIDTH - 8), size=11, fill=INK)
        body += _bar(left, y + 2, right - left, 13, counts, of)
        body += path(f"M{left} {y + 2}H{right}V{y + 15}H{left}Z", INK_3, 0.8, dash="3 2")
        by = dict(counts)
        for n, value in enumerate((sum(by.values()), by["fail"], by["undecided"])):
            alarming = n == 1 and value > 0
            body += words(
                right + 52 + 62 * n,
                y + 12,
                significant(value, 9),
                size=11,
                fill=TONES["fail"].text if alarming else INK,
                anchor="end",
                bold=alarming,
            )
        y += ROW
    return drawing(WIDTH, y + 20, body + _legend(y + 6, language, untested=False), figure["caption"][language], language)


def _bar(x: float, y: float, width: float, height: float, counts: list[tuple[str, int]], of: int) -> str:
    """Parts of a bar: pass light, fail dark and hatched so that a copier keeps it, undecided amber with an outline."""
    body, at = "", x
    for outcome, n in counts:
        if not n:
            continue
        w = width * n / of
        if outcome == "pass":
            body += element("rect", x=at, y=y, width=w, height=height, fill="#9fcac3")
        elif outcome == "fail":
            body += element("rect", x=at, y=y, width=w, height=height, fill=TONES["fail"].mark)
            step = at + 2
            while step < at + w - 1:
                body += path(f"M{step:.1f} {y + height:.1f}L{min(step + 4, at + w):.1f} {y:.1f}", PAPER, 0.9)
                step += 5
        elif outcome == "undecided":
            body += element(
                "rect",
                x=at,
                y=y,
                width=w,
                height=height,
                fill=TONES["undecided"].mark,
                stroke=TONES["undecided"].text,
                stroke_width=0.8,
            )
        else:
            body += element(
                "rect", x=at, y=y, width=w, height=height, fill=PAPER, stroke=INK_3, stroke_width=0.8, stroke_dasharray="2 1.4"
            )
        at += w
    return body


def dots(figure: Mapping[str, Any], numbers: Mapping[str, Any], language: Language) -> str:
    """A rate a row: a dot on 0 to 100 % with its Wilson interval, n / N at the right."""
    rows = figure["rows"]
    longest = max((measure(row["label"][language], 11) for row in rows), default=0.0)
    left, right = min(max(longest + 16, 70.0), 300.0), WIDTH - 130.0
    body, y = "", 14.0
    for tick in (0, 25, 50, 75, 100):
        x = left + (right - left) * tick / 100
        body += path(f"M{x:.1f} {y - 2}V{y + ROW * len(rows)}", LINE_2, 0.8)
        body += words(
            x,
            y - 5,
            f"{tick}{'%' if language == 'zh' else ' %'}" if tick in (0, 100) else str(tick),
            size=10,
            fill=INK_3,
            anchor="middle",
        )
    for row in rows:
        number = numbers[row["number"]]
        middle = y + ROW / 2
        body += words(0, middle + 4, _short(row["label"][language], left - 8), size=11, fill=INK)
        body += path(f"M{left} {middle}H{right}", LINE_2, 0.8)
        if number["percent"] is not None:
            low, at, high = (left + (right - left) * number[key] / 100 for key in ("lower", "percent", "upper"))
            body += path(f"M{low:.1f} {middle}H{high:.1f}", SERIES[0].colour, 2.4)
            body += element("circle", cx=at, cy=middle, r=4, fill=PAPER, stroke=SERIES[0].colour, stroke_width=2)
            body += words(right + 42, middle + 4, to_place(number["percent"], -1), size=11, fill=INK, anchor="end", bold=True)
        body += words(
            WIDTH,
            middle + 4,
            f"{significant(number['n'], 9)} / {significant(number['of'], 9)}",
            size=11,
            fill=INK_2,
            anchor="end",
        )
        y += ROW
    return drawing(WIDTH, y + 4, body, figure["caption"][language], language)


def _legend(y: float, language: Language, *, untested: bool) -> str:
    body, x = "", 0.0
    for outcome in (*ORDER, *(("untested",) if untested else ())):
        word = (UNTESTED if outcome == "untested" else OUTCOME_WORDS[outcome]).say(language)  # type: ignore[index]
        body += _sign(outcome, x + 5, y + 5) + words(x + 14, y + 9, word, size=10, fill=INK_2)
        x += 30 + measure(word, 10)
    return body


def _short(text: str, width: float) -> str:
    """A name that fits, its end replaced by an ellipsis where it would not."""
    if measure(text, 11) <= width:
        return text
    while text and measure(text + "…", 11) > width:
        text = text[:-1]
    return text.rstrip() + "…"
