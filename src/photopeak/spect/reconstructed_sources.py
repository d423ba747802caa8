"""Point and line sources in a reconstructed volume: where they are, whether they are points, and how wide.

Positions are mm from the centre of the volume: x along columns, y along rows, z along slices, the axis of rotation being z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy
from scipy.ndimage import find_objects, gaussian_filter, label

from photopeak.evidence import Volume
from photopeak.profile import FWHM_PER_SIGMA
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

BRIGHT = 0.3  # of the brightest voxel: what stands out at this height is a source
MOST_SOURCES = 8
WIDEST_MM = 45.0  # a source is narrower than this at half height, a sphere or cylinder is not
SHORTEST_LINE_MM = 60.0
REACH = 2.5  # widths to each side that are fitted
REACH_OF_NEIGHBOUR = 0.45  # of the distance to the next source


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A bright spot: `centre` as voxel indices (slice, row, column), rough width in the plane and extent along the axis, mm."""

    centre: tuple[float, float, float]
    width_mm: float
    length_mm: float
    kind: Literal["point", "line"]
    reach_mm: float  #: half the size of the box that is analysed


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneFit:
    """An oblique Gaussian on a constant background, fitted to an image; lengths in mm from the volume's centre.

    `spread` is its covariance (x, y) in mm², the blur of the pixel itself taken off; `uncertainty` the covariance (k = 1) of
    (height, x, y, xx, yy, xy, background).
    """

    x_mm: float
    y_mm: float
    spread: Floats
    uncertainty: Floats

    def fwhm_mm(self, angle_rad: float) -> tuple[float, float]:
        """Full width at half maximum of the image summed onto the direction at `angle_rad` from x, and its uncertainty."""
        cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
        gradient = np.array([cosine**2, sine**2, 2 * cosine * sine])
        variance = float(gradient @ [self.spread[0, 0], self.spread[1, 1], self.spread[0, 1]])
        sd_of_variance = math.sqrt(float(gradient @ self.uncertainty[3:6, 3:6] @ gradient))
        sigma = math.sqrt(variance)
        return FWHM_PER_SIGMA * sigma, FWHM_PER_SIGMA * sd_of_variance / (2 * sigma)


def find_sources(volume: Volume) -> tuple[Source, ...] | Words:
    """The sources of a volume, the nearest to the axis first; or the reason why there are none."""
    spacing = volume.spacing_mm
    smooth = gaussian_filter(volume.values, 0.7)
    smooth -= np.median(smooth)
    top = float(smooth.max())
    if top <= 0:
        return Words("the volume is empty", "图像为空")
    marked, number = label(smooth > BRIGHT * top, structure=np.ones((3, 3, 3)))
    if number > MOST_SOURCES:
        return Words(
            f"{number} separate bright areas, more than the sources of a resolution test",
            f"有 {number} 处分离的高计数区，多于分辨力检测的源数",
        )
    found = []
    for index, box in enumerate(find_objects(marked), 1):
        part = np.where(marked[box] == index, smooth[box], 0.0)
        source = _source(part, box, spacing)
        if isinstance(source, Words):
            return source
        found.append(source)
    centre = [(n - 1) / 2 for n in volume.values.shape]
    found.sort(key=lambda one: (_apart(one.centre[1:], centre[1:], spacing[1:]) // 1.0, one.centre))
    return tuple(_with_reach(one, found, spacing) for one in found)


def _source(part: Floats, box: tuple[slice, ...], spacing: tuple[float, float, float]) -> Source | Words:
    bright = part > 0.5 * part.max()
    z, y, x = (np.flatnonzero(bright.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3))
    length_mm = (z[-1] - z[0] + 1) * spacing[0]
    in_plane = bright.sum(axis=(1, 2)).max() * spacing[1] * spacing[2]
    width_mm = max(2 * math.sqrt(in_plane / math.pi), spacing[2])
    across_mm = max((y[-1] - y[0] + 1) * spacing[1], (x[-1] - x[0] + 1) * spacing[2])
    if across_mm > WIDEST_MM or (WIDEST_MM < length_mm < SHORTEST_LINE_MM):
        return Words(
            f"a bright area of {across_mm:.0f} × {length_mm:.0f} mm, neither a point nor a line along the axis",
            f"存在 {across_mm:.0f} × {length_mm:.0f} mm 的高计数区，既不是点源也不是沿轴向的线源",
        )
    weight = part / part.sum()
    grid = np.indices(part.shape)
    centre = tuple(float((weight * grid[axis]).sum()) + box[axis].start for axis in range(3))
    return Source(
        centre=(centre[0], centre[1], centre[2]),
        width_mm=width_mm,
        length_mm=length_mm,
        kind="line" if length_mm >= SHORTEST_LINE_MM else "point",
        reach_mm=REACH * width_mm,
    )


def _apart(one: tuple[float, ...], other: tuple[float, ...] | list[float], spacing: tuple[float, ...]) -> float:
    return math.hypot(*((a - b) * mm for a, b, mm in zip(one, other, spacing)))


def _with_reach(one: Source, found: list[Source], spacing: tuple[float, float, float]) -> Source:
    in_plane = one.kind == "line"
    nearest = min(
        (
            _apart(one.centre[1:], other.centre[1:], spacing[1:]) if in_plane else _apart(one.centre, other.centre, spacing)
            for other in found
            if other is not one
        ),
        default=math.inf,
    )
    reach = min(one.reach_mm, REACH_OF_NEIGHBOUR * nearest)
    return Source(centre=one.centre, width_mm=one.width_mm, length_mm=one.length_mm, kind=one.kind, reach_mm=reach)


def fit_plane(image: Floats, x_mm: Floats, y_mm: Floats) -> PlaneFit | None:
    """Fit an oblique Gaussian to `image[row, column]` at these coordinates; None where no upright peak fits.

    A pixel's own blur adds a twelfth of its size squared to either variance; that is in the model. Weights and uncertainty
    suppose a variance that grows with the value, its scale taken from the residuals.
    """
    start = _start(image, x_mm, y_mm)
    pixel = (abs(x_mm[1] - x_mm[0]), abs(y_mm[1] - y_mm[0]))
    scale = np.array([start[0], pixel[0], pixel[1], start[3], start[4], math.sqrt(start[3] * start[4]), start[0]])

    def model(parameters: Floats) -> Floats:
        height, x0, y0, xx, yy, xy, floor = parameters * scale
        xx, yy = xx + pixel[0] ** 2 / 12, yy + pixel[1] ** 2 / 12
        determinant = xx * yy - xy * xy
        if determinant <= 0 or xx <= 0:
            return np.full(image.shape, np.inf)
        dx, dy = x_mm[None, :] - x0, y_mm[:, None] - y0
        found: Floats = height * np.exp(-0.5 * (yy * dx**2 - 2 * xy * dx * dy + xx * dy**2) / determinant) + floor
        return found

    weight = np.ones_like(image)
    parameters = start / scale
    for _ in range(3):
        root = np.sqrt(weight)

        def misfit(p: Floats, root: Floats = root) -> Floats:
            left = root * (model(p) - image)
            return np.where(np.isfinite(left), left, 1e12).ravel()

        solved = scipy.optimize.least_squares(misfit, parameters, method="lm", xtol=1e-10, ftol=1e-12)
        parameters = solved.x
        expected = model(parameters)
        if not np.isfinite(expected).all():
            return None
        height = parameters[0] * scale[0]
        weight = 1.0 / _variance(image - expected, expected, height)
    information = solved.jac.T @ solved.jac
    try:
        covariance = np.linalg.inv(information)
    except np.linalg.LinAlgError:
        return None
    covariance *= np.outer(scale, scale)
    height, x0, y0, xx, yy, xy, _ = parameters * scale
    inside = x_mm.min() < x0 < x_mm.max() and y_mm.min() < y0 < y_mm.max()
    if height <= 0 or xx <= 0 or yy <= 0 or not inside:
        return None
    return PlaneFit(x_mm=float(x0), y_mm=float(y0), spread=np.array([[xx, xy], [xy, yy]]), uncertainty=np.asarray(covariance))


def _variance(residual: Floats, expected: Floats, height: float) -> Floats:
    """Variance of every pixel: in proportion to the value near the source, constant far out where streaks and others remain."""
    near = expected > 0.05 * height
    # The seven parameters are spent where the source is.
    gain = float((residual[near] ** 2 / expected[near]).sum()) / max(int(near.sum()) - 6, 1)
    far = float(np.var(residual[~near])) if (~near).any() else 0.0
    return np.maximum(np.maximum(gain * expected, far), max(1e-12 * height**2, 1e-300))


def _start(image: Floats, x_mm: Floats, y_mm: Floats) -> Floats:
    floor = float(np.quantile(image, 0.2))
    above = np.maximum(image - floor - 0.3 * (image.max() - floor), 0.0)
    above = above / above.sum()
    x0, y0 = float((above.sum(axis=0) * x_mm).sum()), float((above.sum(axis=1) * y_mm).sum())
    pixel = abs(x_mm[1] - x_mm[0])
    xx = max(float((above.sum(axis=0) * (x_mm - x0) ** 2).sum()), (0.4 * pixel) ** 2) * 1.6
    yy = max(float((above.sum(axis=1) * (y_mm - y0) ** 2).sum()), (0.4 * pixel) ** 2) * 1.6
    return np.array([float(image.max()) - floor, x0, y0, xx, yy, 1e-6 * xx, floor])
