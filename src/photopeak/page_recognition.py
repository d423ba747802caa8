"""Recognition of a scanned page, where the extra `ocr` is installed (rapidocr, Apache-2.0, models in its wheel; nothing is fetched).

What was recognised is read like any text, yet its page still counts as one without text: an element not found on it is not assessable,
never absent, since recognition loses whole blocks of a noisy page.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

DPI = 200
LONGEST_SIDE_PX = 4000
_one_at_a_time = threading.Lock()  # the engine keeps state between calls


def is_available() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("rapidocr") is not None


@cache
def _engine() -> Any:
    return importlib.import_module("rapidocr").RapidOCR()


def recognised(image: npt.NDArray[np.uint8]) -> str:
    """The lines on a page, from top to bottom; pieces at one height are joined by spaces. `image[row, column, rgb]`."""
    with _one_at_a_time:
        found = _engine()(image)
    texts = list(getattr(found, "txts", None) or ())
    boxes = getattr(found, "boxes", None)
    if not texts or boxes is None:
        return "\n".join(texts)
    pieces = sorted(
        (
            (float(np.mean(box[:, 1])), float(np.min(box[:, 0])), float(np.ptp(box[:, 1])), words)
            for box, words in zip(np.asarray(boxes), texts, strict=True)
        ),
    )
    lines: list[list[tuple[float, float, float, str]]] = []
    for piece in pieces:
        if lines and abs(piece[0] - lines[-1][0][0]) < 0.5 * piece[2]:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    return "\n".join("  ".join(words for _, _, _, words in sorted(line, key=lambda one: one[1])) for line in lines)
