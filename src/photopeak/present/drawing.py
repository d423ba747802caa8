"""One object, one drawing: a declared figure as SVG, the same in the web page, in the PDF and as a file of its own."""

from __future__ import annotations

from collections.abc import Sequence

from photopeak.figure import Figure, Picture
from photopeak.present.chart import draw_chart
from photopeak.present.picture import draw_picture
from photopeak.verdict import Verdict
from photopeak.words import Language

FULL, GUTTER = 658.0, 18.0  #: 174 mm of text in CSS pixels; the gap between figures side by side


def draw(figure: Figure, language: Language, *, width: float = FULL, verdicts: Sequence[Verdict] = ()) -> str:
    """A figure as an SVG document; `verdicts` of its result give a chart its signs and limits."""
    if isinstance(figure, Picture):
        return draw_picture(figure, language, width)
    return draw_chart(figure, language, width, verdicts)


def side_by_side(figures: Sequence[Figure]) -> list[list[Figure]]:
    """Rows of figures: neighbours of one group stand together, four as two and two, otherwise at most three."""
    rows: list[list[Figure]] = []
    group: list[Figure] = []
    for figure in figures:
        if group and (not figure.group or figure.group != group[-1].group):
            rows += _rows(group)
            group = []
        group.append(figure)
    return _paired(rows + _rows(group) if group else rows)


def _paired(rows: list[list[Figure]]) -> list[list[Figure]]:
    """Two neighbouring rows of one picture each become one row: the counts and the deviation of a single detector."""
    paired: list[list[Figure]] = []
    for row in rows:
        alone = len(row) == 1 and isinstance(row[0], Picture)
        if alone and paired and len(paired[-1]) == 1 and isinstance(paired[-1][0], Picture):
            paired[-1].extend(row)
        else:
            paired.append(list(row))
    return paired


def _rows(group: list[Figure]) -> list[list[Figure]]:
    across = 2 if len(group) in (2, 4) else min(len(group), 3)
    return [group[n : n + across] for n in range(0, len(group), across)]


def width_of(row: Sequence[Figure], across: int | None = None) -> float:
    """The width of each figure of a row; a picture alone takes half the page, a chart alone all of it."""
    count = across or len(row)
    if count == 1:
        return (FULL - GUTTER) / 2 if isinstance(row[0], Picture) else FULL
    return (FULL - GUTTER * (count - 1)) / count
