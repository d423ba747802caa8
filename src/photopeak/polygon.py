"""Outlines of pixel masks along the pixels' edges, and masks from outlines: a round trip loses nothing.

Points are (row, column) in pixels: pixel (i, j) covers i - 0.5 to i + 0.5 and j - 0.5 to j + 0.5. An outline along the edges has exactly
the area of its pixels, which one through the pixels' centres has not (a sphere of 10 mm radius on 4 mm pixels loses 40 % of its volume).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Vertex = tuple[int, int]


def outlines(mask: Mask) -> list[Points]:
    """The closed outlines of `mask[row, column]`, each hole joined to its surrounding by a channel of no width.

    Neighbours by an edge belong together, by a corner they do not. The last point is not the first again.
    """
    loops = _loops(mask)
    outer = [loop for loop in loops if signed_area(loop) > 0]
    holes = [loop for loop in loops if signed_area(loop) < 0]
    joined = [[loop] for loop in outer]
    for hole in holes:
        around = [k for k, loop in enumerate(outer) if _contains(loop, hole[0] + _inward(hole))]
        smallest = min(around, key=lambda k: signed_area(outer[k]))
        joined[smallest].append(hole)
    return [_with_holes(parts[0], parts[1:]) for parts in joined]


def signed_area(points: Points) -> float:
    """Area in pixels; positive for an outline, negative for a hole as `outlines` walks it."""
    row, column = points[:, 0], points[:, 1]
    return float(0.5 * (column * np.roll(row, -1) - np.roll(column, -1) * row).sum())


def filled(contours: Sequence[Points], shape: tuple[int, int]) -> Mask:
    """bool[row, column]: pixels whose centre lies within an odd number of the contours."""
    toggles = np.zeros((shape[0], shape[1] + 1), dtype=np.int64)
    for contour in contours:
        start, end = contour, np.roll(contour, -1, axis=0)
        low, high = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
        first = np.maximum(np.ceil(low), 0).astype(int)
        last = np.minimum(np.ceil(high), shape[0]).astype(int)  # half open: a vertex on a row counts once
        for k in np.flatnonzero(last > first):
            rows = np.arange(first[k], last[k])
            share = (rows - start[k, 0]) / (end[k, 0] - start[k, 0])
            across = start[k, 1] + share * (end[k, 1] - start[k, 1])
            np.add.at(toggles, (rows, np.clip(np.ceil(across), 0, shape[1]).astype(int)), 1)
    return np.asarray(np.cumsum(toggles, axis=1)[:, :-1] % 2 == 1)


def _loops(mask: Mask) -> list[Points]:
    """Closed walks along the edges with the mask on one side, corners only."""
    padded = np.pad(mask, 1)
    following = _edges(padded)
    loops = []
    while following:
        start = next(iter(following))
        walk, place, came = [start], start, (0, 0)
        while True:
            ways = following[place]
            step = _turn(came, ways)
            ways.remove(step)
            if not ways:
                del following[place]
            place = (place[0] + step[0], place[1] + step[1])
            came = step
            if place == start:
                break
            walk.append(place)
        loops.append(_corners(np.array(walk, dtype=np.float64)) - 1.5)
    return loops


#: step along an edge, where the neighbour beyond it lies, and which corner of the pixel the step starts from
_SIDES = (
    ((0, 1), (-1, 0), (0, 0)),  # nothing above: right along the top edge
    ((1, 0), (0, 1), (0, 1)),  # nothing to the right: down along the right edge
    ((0, -1), (1, 0), (1, 1)),  # nothing below: left along the bottom edge
    ((-1, 0), (0, -1), (1, 0)),  # nothing to the left: up along the left edge
)


def _edges(padded: Mask) -> dict[Vertex, list[Vertex]]:
    """From each corner of the grid the steps along edges that keep the mask on the right."""
    following: dict[Vertex, list[Vertex]] = {}
    for step, beyond, corner in _SIDES:
        neighbour = np.roll(padded, (-beyond[0], -beyond[1]), axis=(0, 1))
        for row, column in np.argwhere(padded & ~neighbour):
            following.setdefault((int(row) + corner[0], int(column) + corner[1]), []).append(step)
    return following


def _turn(came: Vertex, ways: list[Vertex]) -> Vertex:
    """Where two pixels touch by a corner the walk stays with its own pixel: it turns right."""
    if len(ways) == 1:
        return ways[0]
    right = (came[1], -came[0])
    return right if right in ways else ways[0]


def _corners(walk: Points) -> Points:
    before, after = walk - np.roll(walk, 1, axis=0), np.roll(walk, -1, axis=0) - walk
    return np.asarray(walk[(before != after).any(axis=1)])


def _inward(loop: Points) -> Points:
    """A step from the first corner of a hole into the mask around it."""
    step = np.sign(loop[1] - loop[0])
    return np.asarray(0.25 * np.array([-step[1], step[0]]) * -1 + 0.25 * step)


def _contains(loop: Points, point: Points) -> bool:
    start, end = loop, np.roll(loop, -1, axis=0)
    crosses = (start[:, 0] <= point[0]) != (end[:, 0] <= point[0])
    share = (point[0] - start[crosses, 0]) / (end[crosses, 0] - start[crosses, 0])
    return bool((start[crosses, 1] + share * (end[crosses, 1] - start[crosses, 1]) > point[1]).sum() % 2)


def _with_holes(outer: Points, holes: Sequence[Points]) -> Points:
    """One closed outline: each hole is reached and left by the same straight channel between the nearest corners."""
    joined = outer
    for hole in sorted(holes, key=lambda one: float(one[:, 1].min())):
        distance = np.linalg.norm(joined[:, None] - hole[None], axis=2)
        at, into = np.unravel_index(int(np.argmin(distance)), distance.shape)
        turned = np.roll(hole, -int(into), axis=0)
        joined = np.concatenate([joined[: at + 1], turned, turned[:1], joined[at:]])
    return joined
