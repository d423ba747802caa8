"""Slices in space: their order and spacing from their positions alone, never from Slice Thickness or file names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.dicom.unusable import Unusable

Vector = tuple[float, float, float]
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

#: positions are written with a few decimals; neighbours may differ by this without being irregular
ROUNDING_MM = 0.02
IRREGULARITY = 0.01
COINCIDENT_MM = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """How slices lie: `order` sorts them along the normal; mm, and unit vectors in patient coordinates."""

    order: tuple[int, ...]
    spacing_mm: float
    origin_mm: Vector
    directions: tuple[Vector, Vector, Vector]


def normal_of(orientation: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """The unit normal, row x column, of Image Orientation (Patient). Raises Unusable where its vectors are not orthonormal."""
    along_row, along_column = np.asarray(orientation[:3]), np.asarray(orientation[3:])
    lengths = np.linalg.norm(along_row), np.linalg.norm(along_column)
    if max(abs(length - 1) for length in lengths) > 0.01 or abs(float(along_row @ along_column)) > 0.01:
        raise Unusable(
            "inconsistent_slices",
            reason_en="their orientation is impossible",
            reason_zh="层面方向的数值不合理",
        )
    normal = np.cross(along_row, along_column)
    return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)


def directions_of(orientation: tuple[float, ...], sign: float = 1.0) -> tuple[Vector, Vector, Vector]:
    """Unit vectors of increasing slice, row and column index."""
    normal = sign * normal_of(orientation)
    return _vector(normal), _vector(np.asarray(orientation[3:])), _vector(np.asarray(orientation[:3]))


def _vector(array: npt.NDArray[np.float64]) -> Vector:
    return float(array[0]) + 0.0, float(array[1]) + 0.0, float(array[2]) + 0.0


def coincide(positions: npt.NDArray[np.float64], orientation: tuple[float, ...]) -> bool:
    """Whether two of the slices lie in the same plane."""
    depths = np.sort(positions @ normal_of(orientation))
    return bool(len(depths) > 1 and np.diff(depths).min() < COINCIDENT_MM)


def stack(positions: npt.NDArray[np.float64], orientation: tuple[float, ...], lone_spacing_mm: float) -> Stack:
    """Order slices by `positions[slice, xyz]` projected on their normal; one slice alone is given `lone_spacing_mm`.

    Raises Unusable where slices coincide, are missing, lie at uneven distances, or are shifted against each other.
    """
    normal = normal_of(orientation)
    depths = positions @ normal
    order = np.argsort(depths, kind="stable")
    first = positions[order[0]]
    spacing = lone_spacing_mm
    if len(order) > 1:
        steps = np.diff(depths[order])
        spacing = float(depths[order[-1]] - depths[order[0]]) / len(steps)
        _check_steps(steps, depths[order])
        sideways = positions - first - np.outer(depths - depths[order[0]], normal)
        if float(np.abs(sideways).max()) > max(ROUNDING_MM, IRREGULARITY * spacing * len(steps)):
            raise Unusable(
                "inconsistent_slices",
                reason_en="they are shifted against each other sideways (was the gantry tilted?)",
                reason_zh="层面之间存在侧向错位（机架是否倾斜？）",
            )
    return Stack(
        order=tuple(int(index) for index in order),
        spacing_mm=spacing,
        origin_mm=_vector(first),
        directions=directions_of(orientation),
    )


def _check_steps(steps: npt.NDArray[np.float64], depths: npt.NDArray[np.float64]) -> None:
    typical = float(np.sort(steps)[(len(steps) - 1) // 2])
    if steps.min() < COINCIDENT_MM:
        where = float(depths[int(np.argmin(steps))])
        raise Unusable(
            "inconsistent_slices",
            reason_en=f"two lie at the same position ({where:.1f} mm)",
            reason_zh=f"有两个层面位于同一位置（{where:.1f} mm）",
        )
    worst = int(np.argmax(np.abs(steps - typical)))
    if abs(float(steps[worst]) - typical) <= max(ROUNDING_MM, IRREGULARITY * typical):
        return
    missing = float(steps[worst]) / typical - 1
    if missing > 0.5 and abs(missing - round(missing)) < 0.02:
        raise Unusable(
            "inconsistent_slices",
            reason_en=f"{round(missing)} missing after {depths[worst]:.1f} mm",
            reason_zh=f"在 {depths[worst]:.1f} mm 之后缺少 {round(missing)} 个层面",
        )
    raise Unusable(
        "inconsistent_slices",
        reason_en=f"their distances differ, {steps.min():.2f} to {steps.max():.2f} mm",
        reason_zh=f"层间距不一致，为 {steps.min():.2f} 至 {steps.max():.2f} mm",
    )
