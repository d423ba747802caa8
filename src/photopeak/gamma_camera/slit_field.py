"""Which part of a slit image lies in the useful and in the central field of view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence
from photopeak.gamma_camera.field_of_view import CENTRAL_FRACTION, stated_field
from photopeak.gamma_camera.line_images import LineFrame, planar
from photopeak.gamma_camera.line_strips import MeasuredLine

Floats = npt.NDArray[np.float64]
Inside = npt.NDArray[np.bool_]


def strips_in_fields(
    evidence: Evidence, one: LineFrame, lines: Sequence[MeasuredLine], axis: str
) -> dict[str, tuple[Inside, ...]]:
    """By field, UFOV and CFOV, the strips of each line that lie in it; a field without any is left out."""
    low, high = field_limits(evidence, one, axis)
    found = {}
    for name, share in (("UFOV", 1.0), ("CFOV", CENTRAL_FRACTION)):
        chosen = []
        for line in lines:
            across = np.array([line.at(float(along)) for along in line.along_mm])
            chosen.append(within(line.along_mm, low[0], high[0], share) & within(across, low[1], high[1], share))
        if any(part.any() for part in chosen):
            found[name] = tuple(chosen)
    return found


def field_limits(evidence: Evidence, one: LineFrame, axis: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """(low, high) corners of the UFOV as (along, across) the lines, in mm from the outer corner: stated, else what is lit."""
    pixel = planar(evidence).pixel_mm or (1.0, 1.0)
    size = [length * mm for length, mm in zip(one.image.shape, pixel)]
    stated = stated_field(evidence, one.frame.detector)
    if stated is not None:
        low = [(size[k] - stated.size_mm[k]) / 2 for k in (0, 1)]
        high = [(size[k] + stated.size_mm[k]) / 2 for k in (0, 1)]
    else:
        boxes = np.array([line.source.box for line in one.lines])
        low = [float(boxes[:, 2 * k].min()) * pixel[k] for k in (0, 1)]
        high = [float(boxes[:, 2 * k + 1].max()) * pixel[k] for k in (0, 1)]
    order = (0, 1) if axis == "x" else (1, 0)
    return (low[order[0]], low[order[1]]), (high[order[0]], high[order[1]])


def within(at: Floats, low: float, high: float, share: float) -> Inside:
    """Whether places lie in the central `share` of an interval."""
    middle, half = (low + high) / 2, (high - low) / 2 * share
    return np.asarray(np.abs(at - middle) <= half + 1e-6)
