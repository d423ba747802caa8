"""Straight edges of lead plates on a flooded detector, and the Gaussian that blurs each of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, label
from scipy.special import ndtr

from photopeak.evidence import Evidence, Frame
from photopeak.gamma_camera.field_of_view import see
from photopeak.gamma_camera.line_images import pixel_of, planar, refuse_saturated
from photopeak.gamma_camera.line_strips import Profile
from photopeak.procedure import Refused, Remark, remark

Floats = npt.NDArray[np.float64]

DERIVATIVE_MM = 2.5  # sigma of the Gaussian whose derivative finds edges
SHORTEST_MM = 30.0
CENTRAL_SHARE = 0.7  # of an edge's length: its ends are corners
REACH_MM = 12.0  # to each side of an edge
FROM_FIELD_EDGE_MM = 20.0
SAME_WAY_DEG = 20.0
_ROUNDS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One edge: the axis nearest to its normal, the sigma of its blur (pixel removed), and its profile."""

    axis: str
    sigma_mm: float
    sigma_u_mm: float
    angle_deg: float  #: of its normal, from x towards y
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeFrame:
    frame: Frame
    place: dict[str, Any]
    image: npt.NDArray[Any]
    pixel_mm: tuple[float, float]
    edges: tuple[Edge, ...]


def edge_frames(evidence: Evidence) -> tuple[tuple[EdgeFrame, ...], tuple[Remark, ...]]:
    """The edges of every frame; frames without any become remarks, or a refusal where none has any."""
    images, pixel = planar(evidence), pixel_of(evidence, None)
    found, remarks = [], []
    for frame, image in zip(images.frames, images.counts):
        refuse_saturated(image)
        edges = edges_in(image.astype(np.float64), pixel)
        if edges:
            place = {"detector": frame.detector}
            found.append(EdgeFrame(frame=frame, place=place, image=image, pixel_mm=pixel, edges=edges))
        else:
            remarks.append(
                remark(
                    "detector_not_measured",
                    en=f"detector {frame.detector} was not measured: no straight edge of at least {SHORTEST_MM:.0f} mm was found",
                    zh=f"探头 {frame.detector} 未测量：未找到长度不小于 {SHORTEST_MM:.0f} mm 的直边。",
                )
            )
    if not found:
        raise Refused(
            "no_edge",
            en=f"{evidence.name}: no straight edge of at least {SHORTEST_MM:.0f} mm was found inside the field; lay lead plates on "
            "the flooded detector and repeat",
            zh=f"{evidence.name}：视野内未找到长度不小于 {SHORTEST_MM:.0f} mm 的直边。请在受均匀照射的探头上放置铅板后重新采集。",
        )
    return tuple(found), tuple(remarks)


def edges_in(image: Floats, pixel_mm: tuple[float, float]) -> tuple[Edge, ...]:
    """The straight edges inside the field of `image[row, column]`."""
    seen = see(image, pixel_mm)
    if seen is None:
        return ()
    blur = [DERIVATIVE_MM / length for length in pixel_mm]
    down = gaussian_filter(image, blur, order=(1, 0)) / pixel_mm[0]
    right = gaussian_filter(image, blur, order=(0, 1)) / pixel_mm[1]
    strength, way = np.hypot(down, right), np.arctan2(down, right)
    (top, bottom), (left, far) = seen.extent_mm
    y = (np.arange(image.shape[0]) + 0.5)[:, np.newaxis] * pixel_mm[0]
    x = (np.arange(image.shape[1]) + 0.5)[np.newaxis, :] * pixel_mm[1]
    inner = (y > top + FROM_FIELD_EDGE_MM) & (y < bottom - FROM_FIELD_EDGE_MM)
    inner = inner & (x > left + FROM_FIELD_EDGE_MM) & (x < far - FROM_FIELD_EDGE_MM)
    if not inner.any():
        return ()
    strong = inner & (strength > 0.4 * float(np.quantile(strength[inner], 0.995)))
    if not strong.any():
        return ()
    turn = float(np.angle((strength[strong] ** 2 * np.exp(4j * way[strong])).sum())) / 4
    found = []
    for quarter in range(4):
        normal = turn + quarter * math.pi / 2
        apart = np.abs(np.angle(np.exp(1j * (way - normal))))
        named, number = label(strong & (apart < math.radians(SAME_WAY_DEG)), structure=np.ones((3, 3)))
        for index in range(1, number + 1):
            rows, columns = np.nonzero(named == index)
            edge = _edge(image, pixel_mm, rows, columns, normal)
            if edge is not None:
                found.append(edge)
    return tuple(found)


def _edge(
    image: Floats, pixel_mm: tuple[float, float], rows: npt.NDArray[Any], columns: npt.NDArray[Any], normal: float
) -> Edge | None:
    y, x = (rows + 0.5) * pixel_mm[0], (columns + 0.5) * pixel_mm[1]
    middle_x, middle_y = float(x.mean()), float(y.mean())
    cos, sin = math.cos(normal), math.sin(normal)
    along = (y - middle_y) * cos - (x - middle_x) * sin
    length = float(along.max() - along.min())
    if length < SHORTEST_MM:
        return None
    half = CENTRAL_SHARE * length / 2
    low_y, high_y = _span(middle_y, half + REACH_MM, pixel_mm[0], image.shape[0])
    low_x, high_x = _span(middle_x, half + REACH_MM, pixel_mm[1], image.shape[1])
    at_y = (np.arange(low_y, high_y) + 0.5)[:, np.newaxis] * pixel_mm[0] - middle_y
    at_x = (np.arange(low_x, high_x) + 0.5)[np.newaxis, :] * pixel_mm[1] - middle_x
    across = at_x * cos + at_y * sin
    beside = at_y * cos - at_x * sin
    chosen = (np.abs(beside) < half) & (np.abs(across) < REACH_MM)
    counts = image[low_y:high_y, low_x:high_x][chosen]
    fit = fit_edge(across[chosen], beside[chosen], counts)
    if fit is None:
        return None
    blur, u, curve = fit
    pixel = (pixel_mm[1] * cos) ** 2 / 12 + (pixel_mm[0] * sin) ** 2 / 12
    if blur**2 <= 1.5 * pixel:
        return None
    sigma = math.sqrt(blur**2 - pixel)
    order = np.argsort(across[chosen])
    return Edge(
        axis="x" if abs(cos) > abs(sin) else "y",
        sigma_mm=sigma,
        sigma_u_mm=u * blur / sigma,
        angle_deg=math.degrees(normal) % 360,
        profile=_profile(across[chosen][order], counts[order], curve[order], min(pixel_mm)),
    )


def _span(middle: float, half: float, pixel: float, number: int) -> tuple[int, int]:
    return max(0, int((middle - half) / pixel)), min(number, int((middle + half) / pixel) + 1)


def fit_edge(across: Floats, beside: Floats, counts: Floats) -> tuple[float, float, Floats] | None:
    """Sigma and its standard uncertainty of low + step x erf-edge, whose place may drift along the edge; and the fitted counts.

    Poisson scoring from data-driven starting values; None where it does not converge to an edge.
    """
    near = np.abs(across) > 0.5 * REACH_MM
    low = float(np.median(counts[near & (across < 0)]))
    high = float(np.median(counts[near & (across > 0)]))
    parameters = np.array([low, high - low, 0.0, 0.0, 2.0])
    information = np.eye(5)
    for _ in range(_ROUNDS):
        a, step, shift, drift, sigma = parameters
        u = (across - shift - drift * beside) / sigma
        bell = np.exp(-0.5 * u**2) / math.sqrt(2 * math.pi)
        expected = a + step * ndtr(u)
        slopes = np.stack(
            [np.ones_like(u), ndtr(u), -step * bell / sigma, -step * bell * beside / sigma, -step * bell * u / sigma]
        )
        weighted = slopes / np.maximum(expected, 1.0)
        information = weighted @ slopes.T
        try:
            change = np.linalg.solve(information, weighted @ (counts - expected))
        except np.linalg.LinAlgError:
            return None
        change[4] = float(np.clip(change[4], -0.4 * sigma, 0.4 * sigma))
        change[2] = float(np.clip(change[2], -sigma, sigma))
        parameters = parameters + change
        if abs(change[4]) < 1e-9 * sigma:
            break
    else:
        return None
    chi = float(((counts - expected) ** 2 / np.maximum(expected, 1.0)).mean())
    covariance = np.linalg.inv(information) * (chi if chi > 1 + 3.3 * math.sqrt(2 / len(counts)) else 1.0)
    sigma, u_sigma = float(parameters[4]), math.sqrt(float(covariance[4, 4]))
    return (sigma, u_sigma, expected) if 0.2 < sigma < REACH_MM / 2 and u_sigma < sigma else None


def _profile(across: Floats, counts: Floats, curve: Floats, step_mm: float) -> Profile:
    """Means in bins of one pixel across the edge, for the figure."""
    bins = np.floor((across - across[0]) / step_mm).astype(int)
    number = np.maximum(np.bincount(bins), 1)
    return Profile(
        along_mm=0.0,
        positions_mm=np.bincount(bins, across) / number,
        counts=np.bincount(bins, counts) / number,
        fitted=np.bincount(bins, curve) / number,
    )
