"""Where the six spheres of a Jaszczak phantom are, at any rotation, shift and mirroring: one pose is fitted for all six.

The sphere inserts sit 60 degrees apart on a ring. For every size the volume is filtered by a ball minus the shell around it;
the pose is the one whose six filtered values, weighted by the balls' volumes, sum to the most. Nothing is searched for sphere
by sphere: a search for the darkest place reads every cold sphere too dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter

from photopeak.cylinder import Cylinder, axes_mm
from photopeak.evidence import Volume

Floats = npt.NDArray[np.float64]

SPHERE_SETS_MM = ((38.0, 31.8, 25.4, 19.1, 15.9, 12.7), (31.8, 25.4, 19.1, 15.9, 12.7, 9.5))
RING_RADII_MM = (46.0, 68.0)
SHELL_MM = 10.0
CLEAREST = 3  # the spheres that must stand out, from the largest
SMALLEST_SIGNAL = 0.05
SIGNAL_TO_NOISE = 5.0
FARTHEST_FROM_AXIS_MM = 6.0  # of the ring's centre
FARTHEST_FROM_PLANE_MM = 12.0  # of the best slice, when the pose is refined
SPLINE_MARGIN = 8  # planes beyond which a cubic spline's edge is not felt
WIDE_BALL_MM = 28.0  # holds the largest sphere and its blur, and none of the next
MOST_MISSING = 1.15  # of a cold sphere's own content


@dataclass(frozen=True, slots=True, kw_only=True)
class Spheres:
    """The six spheres, largest first: centres (x, y, z) in mm from the centre of the volume, and the pose.

    `rotation_deg` is the direction of the largest from x towards y; `turn` is +1 where the next ones follow towards y, else -1.
    `signal[sphere]` is the ball's departure from its shell relative to the background, cold positive.
    """

    diameters_mm: tuple[float, ...]
    centres_mm: Floats
    rotation_deg: float
    turn: int
    ring_radius_mm: float
    cold: bool
    signal: Floats


@dataclass(frozen=True, slots=True)
class _Pose:
    """Parameters of the fit: direction and size of the ring, its centre, and its plane; mm and radians."""

    rotation: float
    radius_mm: float
    x_mm: float
    y_mm: float
    z_mm: float

    def centres_mm(self, turn: int, number: int) -> Floats:
        angle = self.rotation + turn * math.pi / 3 * np.arange(number)
        return np.stack(
            [
                self.x_mm + self.radius_mm * np.cos(angle),
                self.y_mm + self.radius_mm * np.sin(angle),
                np.full(number, self.z_mm),
            ],
            axis=1,
        )


@dataclass(frozen=True, slots=True)
class _Maps:
    """Filtered values by sphere diameter, of the part of the volume round the cylinder; `first` is its first voxel."""

    values: dict[float, Floats]
    first: tuple[int, int, int]
    shape: tuple[int, int, int]  #: of the whole volume
    spacing_mm: tuple[float, float, float]

    def index(self, axis: int, at_mm: Floats | float) -> Floats:
        """Index in the maps of a position along slices (0), rows (1) or columns (2)."""
        whole = np.asarray(at_mm, dtype=np.float64) / self.spacing_mm[axis] + (self.shape[axis] - 1) / 2
        return np.asarray(whole - self.first[axis], dtype=np.float64)


def find_spheres(volume: Volume, cylinder: Cylinder, sets_mm: Sequence[tuple[float, ...]] = SPHERE_SETS_MM) -> Spheres | None:
    """The spheres of the set that fits best, cold or hot; None where the largest three do not stand out."""
    maps = _filtered(volume, cylinder, sorted({mm for sizes in sets_mm for mm in sizes}))
    found = [one for sizes in sets_mm if (one := _of_set(volume, cylinder, maps, sizes)) is not None]
    return min(found, key=lambda one: _misfit_of_volumes(volume, cylinder, one), default=None)


def _misfit_of_volumes(volume: Volume, cylinder: Cylinder, spheres: Spheres) -> float:
    """How badly these sizes explain what is missing (or extra) round each centre, which no blur changes: sum over a wide ball.

    The four largest must have amounts in proportion to their volumes, and a cold sphere cannot lack more than it holds.
    """
    amounts = []
    for centre in spheres.centres_mm[:4]:
        part, away = _around(volume, centre, WIDE_BALL_MM + 6.0)
        level = float(np.median(part[(away > WIDE_BALL_MM) & (away < WIDE_BALL_MM + 6.0)]))
        missing = 1 - part[away <= WIDE_BALL_MM] / max(level, 1e-30)
        amounts.append(float(missing.sum()) * math.prod(volume.spacing_mm))
    signed = np.array(amounts) * (1 if spheres.cold else -1)
    if (signed <= 0).any():
        return math.inf
    logs = np.log(signed / (math.pi / 6 * np.asarray(spheres.diameters_mm[:4]) ** 3))
    share = float(np.average(logs, weights=[4, 3, 2, 1]))
    misfit = float(np.average((logs - share) ** 2, weights=[4, 3, 2, 1]))
    return misfit + (max(0.0, share - math.log(MOST_MISSING)) ** 2 if spheres.cold else 0.0)


def _around(volume: Volume, centre_mm: Floats, reach_mm: float) -> tuple[Floats, Floats]:
    """Values of the box round a place (x, y, z), and the distance of each voxel from it."""
    axes, box = axes_mm(volume), []
    for axis, at in zip(axes, centre_mm[::-1]):
        near = np.flatnonzero(np.abs(axis - at) <= reach_mm)
        box.append(slice(int(near[0]), int(near[-1]) + 1) if len(near) else slice(0, 1))
    z, y, x = (axis[part] - at for axis, part, at in zip(axes, box, centre_mm[::-1]))
    away: Floats = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    return volume.values[box[0], box[1], box[2]].astype(np.float64), away


def _of_set(volume: Volume, cylinder: Cylinder, maps: _Maps, diameters_mm: tuple[float, ...]) -> Spheres | None:
    weight = np.asarray(diameters_mm) ** 3 / sum(mm**3 for mm in diameters_mm)
    ends = _planes(volume, cylinder, diameters_mm[0])
    if len(ends) == 0:
        return None
    sign, turn, start = _coarse(volume, cylinder, maps, diameters_mm, weight, ends)
    near = (max(ends[0], start[4] - FARTHEST_FROM_PLANE_MM), min(ends[-1], start[4] + FARTHEST_FROM_PLANE_MM))
    lowest = np.array([-9.0, RING_RADII_MM[0], -FARTHEST_FROM_AXIS_MM, -FARTHEST_FROM_AXIS_MM, near[0]])
    highest = np.array([99.0, RING_RADII_MM[1], FARTHEST_FROM_AXIS_MM, FARTHEST_FROM_AXIS_MM, near[1]])
    cubic = _Cubic.of(maps, diameters_mm, near)

    def pose_of(p: Floats) -> _Pose:
        x, y = cylinder.axis_at(float(p[4]))
        return _Pose(float(p[0]), float(p[1]), x + float(p[2]), y + float(p[3]), float(p[4]))

    def loss(p: Floats) -> float:
        within = np.clip(p, lowest, highest)
        found = sign * (weight @ cubic.at(pose_of(within).centres_mm(turn, len(weight))))
        return -float(found) + 0.01 * float(np.abs(p - within).sum())

    simplex = np.vstack([start, start + np.diag([0.04, 2.0, 2.0, 2.0, 2.0])])
    options = {"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-7, "maxiter": 500}
    pose = pose_of(np.clip(scipy.optimize.minimize(loss, start, method="Nelder-Mead", options=options).x, lowest, highest))
    centres = pose.centres_mm(turn, len(weight))
    signal = sign * cubic.at(centres)
    noise = np.array([_noise(volume, cylinder, maps, mm) for mm in diameters_mm[:CLEAREST]])
    if (signal[:CLEAREST] < np.maximum(SMALLEST_SIGNAL, SIGNAL_TO_NOISE * noise)).any():
        return None
    return Spheres(
        diameters_mm=diameters_mm,
        centres_mm=centres,
        rotation_deg=math.degrees(pose.rotation) % 360.0,
        turn=turn,
        ring_radius_mm=pose.radius_mm,
        cold=sign > 0,
        signal=signal,
    )


def _planes(volume: Volume, cylinder: Cylinder, largest_mm: float) -> Floats:
    """z of the slices in which the largest sphere lies wholly between the end faces."""
    z_mm, _, _ = axes_mm(volume)
    margin = largest_mm / 2
    inside = (z_mm >= z_mm[cylinder.first] + margin) & (z_mm <= z_mm[cylinder.last] - margin)
    return np.asarray(z_mm[inside], dtype=np.float64)


def _filtered(volume: Volume, cylinder: Cylinder, diameters_mm: Sequence[float]) -> _Maps:
    """Mean of the shell minus mean of the ball round every voxel, over the level: positive where such a cold sphere is."""
    z_mm, _, _ = axes_mm(volume)
    middle = float(z_mm[(cylinder.first + cylinder.last) // 2])
    centre = (middle, *cylinder.axis_at(middle)[::-1])
    half = ((cylinder.last - cylinder.first) / 2 * volume.spacing_mm[0] + 8.0, *(2 * (cylinder.radius_mm + 8.0,)))
    whole = volume.values.shape
    parts = [
        slice(max(0, math.floor((c - h) / mm + (n - 1) / 2)), min(n, math.ceil((c + h) / mm + (n - 1) / 2) + 1))
        for c, h, mm, n in zip(centre, half, volume.spacing_mm, whole)
    ]
    crop = volume.values[parts[0], parts[1], parts[2]] / np.float32(cylinder.level)
    return _Maps(
        values=_convolved(crop, {mm: _kernel(volume, mm) for mm in diameters_mm}),
        first=(parts[0].start, parts[1].start, parts[2].start),
        shape=(whole[0], whole[1], whole[2]),
        spacing_mm=volume.spacing_mm,
    )


def _convolved(crop: npt.NDArray[np.float32], kernels: dict[float, npt.NDArray[np.float32]]) -> dict[float, Floats]:
    """The crop, transformed once, under every kernel; what reaches beyond it is nothing."""
    largest = np.max([kernel.shape for kernel in kernels.values()], axis=0)
    size = [scipy.fft.next_fast_len(int(n + k - 1), real=True) for n, k in zip(crop.shape, largest)]
    transformed = scipy.fft.rfftn(crop, size)
    found = {}
    for mm, kernel in kernels.items():
        full = scipy.fft.irfftn(transformed * scipy.fft.rfftn(kernel, size), size)
        same = tuple(slice(k // 2, k // 2 + n) for n, k in zip(crop.shape, kernel.shape))
        found[mm] = np.asarray(full[same], dtype=np.float64)
    return found


def _kernel(volume: Volume, diameter_mm: float) -> npt.NDArray[np.float32]:
    reach = diameter_mm / 2 + SHELL_MM
    half = [math.ceil(reach / mm) + 3 for mm in volume.spacing_mm]
    grids = [mm * np.arange(-n, n + 1) for n, mm in zip(half, volume.spacing_mm)]
    away = np.sqrt(sum(g**2 for g in np.meshgrid(*grids, indexing="ij")))
    edge = float(np.mean(volume.spacing_mm))
    ball = np.clip(0.5 + (diameter_mm / 2 - away) / edge, 0, 1)
    shell = np.clip(0.5 + (reach - away) / edge, 0, 1) - ball
    # Overlapping balls peak in a cone, which interpolation misplaces; a voxel of blur makes it a parabola.
    return np.asarray(gaussian_filter(shell / shell.sum() - ball / ball.sum(), 1.0), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Cubic:
    """Cubic splines of the maps of some sizes, of the slices near the spheres' plane only; `first` is their first slice."""

    maps: _Maps
    splines: tuple[Floats, ...]
    first: int

    @classmethod
    def of(cls, maps: _Maps, diameters_mm: Sequence[float], planes_mm: tuple[float, float]) -> _Cubic:
        low, high = (float(maps.index(0, at)) for at in planes_mm)
        first = max(0, math.floor(low) - SPLINE_MARGIN)
        last = math.ceil(high) + SPLINE_MARGIN
        splines = tuple(np.asarray(spline_filter(maps.values[mm][first : last + 1]), dtype=np.float64) for mm in diameters_mm)
        return cls(maps, splines, first)

    def at(self, centres_mm: Floats) -> Floats:
        """Value of each size's map at its own centre."""
        values = []
        for spline, (x, y, z) in zip(self.splines, centres_mm):
            index = [[float(self.maps.index(axis, at))] for axis, at in enumerate((z, y, x))]
            index[0][0] -= self.first
            values.append(float(map_coordinates(spline, index, order=3, mode="mirror", prefilter=False)[0]))
        return np.array(values)


def _coarse(
    volume: Volume, cylinder: Cylinder, maps: _Maps, diameters_mm: Sequence[float], weight: Floats, planes_mm: Floats
) -> tuple[int, int, Floats]:
    """The best sign (cold +1), turn and pose on a grid of slices, ring radii and rotations about the cylinder's axis.

    The ring is sampled once for every size; another rank in the ring is another place in that sample.
    """
    radii = np.arange(RING_RADII_MM[0], RING_RADII_MM[1] + 0.1, 2.0)
    angles = np.deg2rad(np.arange(0.0, 360.0, 3.0))
    sixth = len(angles) // 6
    x0, y0 = (np.array(at) for at in zip(*(cylinder.axis_at(float(z)) for z in planes_mm)))
    z = np.broadcast_to(maps.index(0, planes_mm)[:, None, None], (len(planes_mm), len(radii), len(angles)))
    x = maps.index(2, x0[:, None, None] + radii[:, None] * np.cos(angles))
    y = maps.index(1, y0[:, None, None] + radii[:, None] * np.sin(angles))
    rings = {mm: map_coordinates(maps.values[mm], [z, y, x], order=1, mode="nearest") for mm in diameters_mm}
    best: tuple[float, int, int, Floats] = (-math.inf, 1, 1, np.zeros(5))
    for turn in (1, -1):
        score = sum(
            share * np.roll(rings[mm], -turn * sixth * rank, axis=2)
            for rank, (mm, share) in enumerate(zip(diameters_mm, weight))
        )
        for sign in (1, -1):
            plane, ring, angle = np.unravel_index(int(np.argmax(sign * score)), score.shape)
            value = float(sign * score[plane, ring, angle])
            if value > best[0]:
                best = value, sign, turn, np.array([angles[angle], radii[ring], 0.0, 0.0, planes_mm[plane]])
    return best[1], best[2], best[3]


def _noise(volume: Volume, cylinder: Cylinder, maps: _Maps, diameter_mm: float) -> float:
    """How far the filtered value strays in the whole cylinder, robustly: only a fraction of it is spheres and rods."""
    _, y_mm, x_mm = axes_mm(volume)
    one = maps.values[diameter_mm]
    x, y = cylinder.axis_at(0.0)
    near = np.hypot(x_mm[None, :] - x, y_mm[:, None] - y) < 0.75 * cylinder.radius_mm
    first = maps.first
    near = near[first[1] : first[1] + one.shape[1], first[2] : first[2] + one.shape[2]]
    part = one[cylinder.first - first[0] : cylinder.last + 1 - first[0]][:, near]
    return float(1.4826 * np.median(np.abs(part - np.median(part))))
