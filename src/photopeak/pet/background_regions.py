"""Twelve background regions, placed by one rule (NEMA NU 2, image quality).

The regions follow the wall of the body. Their edges keep the same margin from the wall, from every sphere and from the lung
insert; it starts at 15 mm and shrinks until twelve 37 mm regions do not overlap, never under 6 mm. Twelve equal steps along
the wall then use the whole room.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from photopeak.pet.iec_body_pose import INSERT_RADIUS_MM, SPHERES_MM, Floats

COUNT = 12
DIAMETER_MM = 37.0
WIDEST_MM, NARROWEST_MM, STEP_MM = 15.0, 6.0, 0.5
CLOSEST_MM = 28.0  #: nearer regions share so much that sixty of them are not sixty draws
_DIRECTIONS = 360


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundPlacement:
    """Centres[region, (row, column)] in mm, the margin that was reached and the smallest distance between two centres."""

    centres_mm: Floats
    margin_mm: float
    spacing_mm: float

    def places(self) -> list[tuple[float, float]]:
        return [(float(row), float(column)) for row, column in self.centres_mm]


def place_background(
    depth: Floats,
    pixel_mm: tuple[float, float],
    spheres_mm: Floats,
    insert_mm: tuple[float, float],
    start_deg: float = 0.0,
    hand: int = 1,
) -> BackgroundPlacement | None:
    """Place the regions where `depth[row, column]` says how far inside the wall each pixel lies, mm; None where twelve have
    no room.

    `spheres_mm[sphere, (row, column)]` in the order of SPHERES_MM. The track is walked from the direction `start_deg` in the sense
    `hand` (+1 counter-clockwise), those of the ring: a turned or mirrored image gets the same regions, turned or mirrored.
    """
    rays, deep = _rays(depth, pixel_mm, insert_mm, start_deg, hand)
    best: BackgroundPlacement | None = None
    for margin in np.arange(WIDEST_MM, NARROWEST_MM - STEP_MM / 2, -STEP_MM):
        track, allowed = _along_the_wall(rays, deep, spheres_mm, insert_mm, float(margin))
        placed = _spread(track, allowed, CLOSEST_MM if best is None else best.spacing_mm)
        if placed is None:
            continue
        centres, spacing = placed
        best = BackgroundPlacement(centres_mm=centres, margin_mm=float(margin), spacing_mm=spacing)
        if spacing >= DIAMETER_MM:
            return best
    return best


def _rays(
    depth: Floats, pixel_mm: tuple[float, float], insert_mm: tuple[float, float], start_deg: float, hand: int
) -> tuple[Floats, Floats]:
    """Points [direction, step, (row, column)] on rays from the insert outwards, and how deep inside the wall they are."""
    angles = np.radians(start_deg) + hand * np.linspace(0, 2 * np.pi, _DIRECTIONS, endpoint=False)
    radii = np.arange(40.0, 180.0, 0.5)
    y = insert_mm[0] - np.outer(np.sin(angles), radii)
    x = insert_mm[1] + np.outer(np.cos(angles), radii)
    deep = ndimage.map_coordinates(depth, [y / pixel_mm[0], x / pixel_mm[1]], order=1, mode="constant", cval=-1.0)
    return np.stack([y, x], axis=-1), deep


def _along_the_wall(
    rays: Floats, deep: Floats, spheres_mm: Floats, insert_mm: tuple[float, float], margin_mm: float
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Points [direction, (row, column)] whose region just keeps the margin from the wall; which also keep it from the rest."""
    enough = deep >= DIAMETER_MM / 2 + margin_mm
    outermost = np.where(enough.any(axis=1), enough.shape[1] - 1 - np.argmax(enough[:, ::-1], axis=1), -1)
    track = rays[np.arange(_DIRECTIONS), outermost]
    allowed = outermost >= 0
    for centre, diameter in zip(spheres_mm, SPHERES_MM):
        allowed &= np.hypot(*(track - centre).T) >= diameter / 2 + DIAMETER_MM / 2 + margin_mm
    allowed &= np.hypot(*(track - np.array(insert_mm)).T) >= INSERT_RADIUS_MM + DIAMETER_MM / 2 + margin_mm
    return track, allowed


def _spread(track: Floats, allowed: npt.NDArray[np.bool_], least_mm: float) -> tuple[Floats, float] | None:
    """Twelve allowed points of the closed track, as far apart as possible but no nearer than `least_mm`."""
    points = track[allowed]
    if len(points) < COUNT:
        return None
    apart = np.hypot(points[:, None, 0] - points[None, :, 0], points[:, None, 1] - points[None, :, 1])
    low, high, best = least_mm, 80.0, None
    while high - low > 0.1 or best is None:
        spacing = low if best is None else (low + high) / 2
        chosen = _walk(apart, spacing)
        if chosen is not None:
            best, low = chosen, spacing
        elif best is None:
            return None
        else:
            high = spacing
    chosen_apart = apart[np.ix_(best, best)] + np.diag(np.full(COUNT, np.inf))
    return points[best], float(chosen_apart.min())


def _walk(apart: Floats, spacing_mm: float) -> list[int] | None:
    """Go round once from some start, each time to the next point at least `spacing_mm` from all chosen before.

    Any of the twelve may be the first, so starts in the first fifth of the track are all that is needed.
    """
    far = apart >= spacing_mm
    count = len(apart)
    for start in range(0, count // 5, 2):
        chosen, free = [start], far[start]
        for step in range(1, count):
            point = (start + step) % count
            if free[point]:
                chosen.append(point)
                if len(chosen) == COUNT:
                    return chosen
                free = free & far[point]
    return None
