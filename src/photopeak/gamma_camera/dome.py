"""The dome of a point source at a finite distance: counts fall as 1 / (r² + d²)^1.5 from the foot of the source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.gamma_camera.uniformity_map import Mask

Values = npt.NDArray[np.float64]
TURNS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Dome:
    """Distance of the source from the detector, and its foot in mm from the centre of the field, x right, y down.

    `fall_percent`: how much less the dome gives at the farthest corner of the field than at its highest point.
    """

    distance_mm: float
    x_mm: float
    y_mm: float
    fall_percent: float


def dome_of(counts: Values, field: Mask, y_mm: Values, x_mm: Values) -> tuple[Dome, Values]:
    """Fit the dome to `counts` in `field` and return it with the factor that removes it (mean 1 over `field`).

    Least squares by Gauss-Newton in the height, 1 / d² and the foot; pixels far from the fit (defects) are pulled in each turn.
    """
    y, x = (np.broadcast_to(axis, counts.shape)[field] for axis in (y_mm[:, None], x_mm[None, :]))
    values = counts[field]
    height, curvature, foot_y, foot_x = float(values.mean()), 1e-7, 0.0, 0.0
    reach = float(np.hypot(y, x).max())
    for _ in range(TURNS):
        square = (y - foot_y) ** 2 + (x - foot_x) ** 2
        inner = 1 + curvature * square
        shape = inner**-1.5
        misfit = values - height * shape
        limit = 3 * max(1.4826 * float(np.median(np.abs(misfit))), 1e-9)
        misfit = np.clip(misfit, -limit, limit)
        slope = -1.5 * height * shape / inner
        design = np.stack(
            [shape, slope * square, slope * curvature * -2 * (y - foot_y), slope * curvature * -2 * (x - foot_x)], axis=1
        )
        scale = np.array([height, reach**-2, reach, reach])
        normal = (design * scale).T @ (design * scale)
        normal += 1e-6 * float(np.trace(normal)) * np.eye(4)
        step = scale * np.linalg.solve(normal, (design * scale).T @ misfit)
        height += float(step[0])
        curvature = float(np.clip(curvature + step[1], 1e-9, reach**-2))
        foot_y = float(np.clip(foot_y + step[2], -reach, reach))
        foot_x = float(np.clip(foot_x + step[3], -reach, reach))
    inner = 1 + curvature * ((y_mm[:, None] - foot_y) ** 2 + (x_mm[None, :] - foot_x) ** 2)
    shape = inner**-1.5
    inside = shape[field]
    dome = Dome(
        distance_mm=curvature**-0.5,
        x_mm=foot_x,
        y_mm=foot_y,
        fall_percent=100 * float(1 - inside.min() / inside.max()),
    )
    return dome, float(inside.mean()) / shape
