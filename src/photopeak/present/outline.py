"""The boundary of a mask, traced along the edges of its pixels."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

Corner = tuple[int, int]  #: (row, column) of a pixel corner


def trace(mask: npt.NDArray[np.bool_]) -> list[list[Corner]]:
    """Closed loops of pixel corners round the true pixels of `mask[row, column]`; straight runs keep their two ends only."""
    padded = np.pad(np.asarray(mask, bool), 1)
    onward: dict[Corner, list[Corner]] = defaultdict(list)
    # every edge is directed so that the true pixel lies on its right: loops then close by themselves
    for r, c in np.argwhere(padded[1:, 1:-1] & ~padded[:-1, 1:-1]):
        onward[int(r), int(c)].append((int(r), int(c) + 1))
    for r, c in np.argwhere(~padded[1:, 1:-1] & padded[:-1, 1:-1]):
        onward[int(r), int(c) + 1].append((int(r), int(c)))
    for r, c in np.argwhere(padded[1:-1, 1:] & ~padded[1:-1, :-1]):
        onward[int(r) + 1, int(c)].append((int(r), int(c)))
    for r, c in np.argwhere(~padded[1:-1, 1:] & padded[1:-1, :-1]):
        onward[int(r), int(c)].append((int(r) + 1, int(c)))
    loops = []
    while onward:
        loops.append(_straightened(_loop(onward)))
    return loops


def _loop(onward: dict[Corner, list[Corner]]) -> list[Corner]:
    start = next(iter(onward))
    loop, here = [], start
    while True:
        loop.append(here)
        choices = onward[here]
        following = choices.pop(0 if len(choices) == 1 or len(loop) < 2 else _turn(loop[-2], here, choices))
        if not choices:
            del onward[here]
        here = following
        if here == start:
            return loop


def _turn(before: Corner, here: Corner, choices: list[Corner]) -> int:
    """Where two loops touch at a corner, turn right: pixels that meet only at a corner stay apart."""
    ahead = (here[0] - before[0], here[1] - before[1])
    right = (ahead[1], -ahead[0])
    return next((n for n, to in enumerate(choices) if (to[0] - here[0], to[1] - here[1]) == right), 0)


def _straightened(loop: list[Corner]) -> list[Corner]:
    kept = []
    for n, here in enumerate(loop):
        before, after = loop[n - 1], loop[(n + 1) % len(loop)]
        if (here[0] - before[0], here[1] - before[1]) != (after[0] - here[0], after[1] - here[1]):
            kept.append(here)
    return kept
