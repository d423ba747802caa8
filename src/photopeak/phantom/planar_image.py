"""Planar images of known truth: exact pixel integrals of smooth patterns, and the evidence or the file made of them.

A pattern is a function of (x_mm, y_mm) from the centre of the matrix, x to the right, y downwards, in counts per mm².
"""

from __future__ import annotations

import datetime
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from photopeak.evidence import Evidence, EvidenceFile, FieldOfView, Frame, PlanarImages, Subject
from photopeak.phantom.as_dicom import ACQUIRED, write_planar

Floats = npt.NDArray[np.float64]
Pattern = Callable[[Floats, Floats], Floats]

PER_SIGMA = 2 * math.sqrt(2 * math.log(2))
CAMERA = Subject(manufacturer="Photopeak", model="Planar phantom", station="PHANTOM", serial="0")


def pixel_integrals(
    pattern: Pattern, shape: tuple[int, int], pixel_mm: float | tuple[float, float], *, order: int = 5
) -> Floats:
    """Integrals[row, column] of `pattern` over the pixels, by Gauss-Legendre quadrature of `order` points a side.

    Exact to 1e-6 of the peak for patterns whose blur has a sigma of at least 0.8 pixel; `order_for` says how few points will do.
    """
    tall, wide = (pixel_mm, pixel_mm) if isinstance(pixel_mm, (int, float)) else pixel_mm
    nodes, weights = ([float(value) for value in one] for one in np.polynomial.legendre.leggauss(order))
    y: Floats = centres_mm(shape[0], tall)
    x: Floats = centres_mm(shape[1], wide)
    total = np.zeros(shape)
    for node_y, weight_y in zip(nodes, weights):
        for node_x, weight_x in zip(nodes, weights):
            at_x, at_y = x + node_x * wide / 2, y + node_y * tall / 2
            total += weight_x * weight_y / 4 * pattern(at_x[np.newaxis, :], at_y[:, np.newaxis])
    return np.asarray(total * (tall * wide))


def order_for(sigma_mm: float, pixel_mm: float) -> int:
    """Points a side that integrate a pattern of this blur to 1e-6 of its peak."""
    ratio = sigma_mm / pixel_mm
    return 2 if ratio > 5 else 3 if ratio > 2 else 5


def centres_mm(number: int, pixel_mm: float) -> Floats:
    """Centres of `number` pixels, from the centre of the matrix."""
    return np.asarray((np.arange(number) - (number - 1) / 2) * pixel_mm, dtype=np.float64)


def gaussian(distance_mm: Floats, sigma_mm: float) -> Floats:
    """Line spread: the density of a Gaussian at this distance, per mm."""
    found: Floats = np.exp(-0.5 * (distance_mm / sigma_mm) ** 2) / (sigma_mm * math.sqrt(2 * math.pi))
    return found


def box(distance_mm: Floats, half_mm: float, sigma_mm: float) -> Floats:
    """1 inside +-`half_mm`, 0 outside, blurred by a Gaussian."""
    found: Floats = ndtr((distance_mm + half_mm) / sigma_mm) - ndtr((distance_mm - half_mm) / sigma_mm)
    return found


def turned(x: Floats, y: Floats, centre_mm: tuple[float, float], angle_deg: float) -> tuple[Floats, Floats]:
    """Coordinates (along, across) of a frame at `centre_mm` (x, y) whose first axis points `angle_deg` from x towards y."""
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    dx, dy = x - centre_mm[0], y - centre_mm[1]
    return dx * cos + dy * sin, dy * cos - dx * sin


def planar_evidence(
    counts: npt.NDArray[Any],
    pixel_mm: float | tuple[float, float] | None,
    *,
    frames: Sequence[Frame] | None = None,
    image_type: str = "STATIC",
    duration_s: float = 300.0,
    facts: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    ufov_mm: tuple[float, float] | None = None,
    energy_windows: Mapping[int, str] | None = None,
    acquired: datetime.datetime = ACQUIRED,
    name: str = "planar.dcm",
) -> Evidence:
    """Evidence of `counts[frame, row, column]` (or of one frame, seen by detector 1) as the reader would give it."""
    stack = counts[np.newaxis] if counts.ndim == 2 else counts
    frames = frames or [Frame(detector=index + 1, duration_s=duration_s) for index in range(len(stack))]
    field = {} if ufov_mm is None else {f.detector: FieldOfView(shape="RECTANGLE", dimensions_mm=ufov_mm) for f in frames}
    digest = hashlib.sha256(np.ascontiguousarray(stack).tobytes()).hexdigest()
    return Evidence(
        kind="nm_planar",
        files=(EvidenceFile(path=name, sha256=digest),),
        sha256=digest,
        about=CAMERA,
        acquired=acquired,
        facts=dict(facts or {}),
        header=dict(header or {}),
        images=PlanarImages(
            counts=stack,
            pixel_mm=(pixel_mm, pixel_mm) if isinstance(pixel_mm, (int, float)) else pixel_mm,
            frames=tuple(frames),
            image_type=image_type,
            field_of_view=field,
            energy_windows=dict(energy_windows or {}),
        ),
    )


def write_phantom(
    out: Path, name: str, counts: npt.NDArray[Any], pixel_mm: float, truth: Mapping[str, Any], *, seed: int, **header: Any
) -> tuple[Path, ...]:
    """Write `name`.dcm and truth.json into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    image, said = out / f"{name}.dcm", out / "truth.json"
    title = f"{name.replace('_', ' ').capitalize()} phantom"
    write_planar(image, counts, pixel_mm=(pixel_mm, pixel_mm), about=CAMERA, series_description=title, seed=seed, **header)
    text = json.dumps({"phantom": name, "seed": seed, **truth}, indent=1, ensure_ascii=False)
    said.write_text(text + "\n", encoding="utf-8")
    return image, said


def drawn(expected: Floats, *, seed: int, noise: bool) -> npt.NDArray[Any]:
    """Poisson counts of these expectations, or the expectations themselves."""
    return np.asarray(np.random.default_rng((seed, 1)).poisson(expected)) if noise else expected
