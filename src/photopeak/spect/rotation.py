"""The frames of each head of a rotating camera, the arc they cover, and the path that a point takes through them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.evidence import PlanarImages

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadFrames:
    """Which frames are one head's, in order of view; `place` says it as a measurement's `where` does."""

    place: dict[str, int]
    index: npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sinusoid:
    """position = constant + sine sin t + cosine cos t, fitted over the views; `covariance[3, 3]` in mm² (k = 1)."""

    constant_mm: float
    sine_mm: float
    cosine_mm: float
    covariance: Floats
    fitted_mm: Floats
    residual_mm: Floats

    @property
    def amplitude_mm(self) -> float:
        return float(np.hypot(self.sine_mm, self.cosine_mm))

    @property
    def constant_uncertainty_mm(self) -> float:
        return float(np.sqrt(self.covariance[0, 0]))


def heads_of(images: PlanarImages) -> list[HeadFrames]:
    """The frames of each head: by detector, and by rotation where a detector has several.

    Of several energy windows, the one with the most counts.
    """
    totals: dict[int, float] = {}
    for index, frame in enumerate(images.frames):
        totals[frame.energy_window] = totals.get(frame.energy_window, 0.0) + float(images.counts[index].sum(dtype=np.float64))
    window = max(totals, key=lambda key: totals[key])
    groups: dict[tuple[int, int], list[int]] = {}
    for index, frame in enumerate(images.frames):
        if frame.energy_window == window:
            groups.setdefault((frame.detector, frame.rotation or 1), []).append(index)
    detectors = [detector for detector, _ in groups]
    return [
        HeadFrames(
            place={"detector": detector} if detectors.count(detector) == 1 else {"detector": detector, "rotation": rotation},
            index=np.array(sorted(chosen, key=lambda index: (images.frames[index].view or 0, index))),
        )
        for (detector, rotation), chosen in sorted(groups.items())
    ]


def arc_covered_deg(angles_deg: Floats) -> float:
    """The part of the circle that the views stand for, the largest gap beyond a step left out."""
    at = np.sort(np.unique(np.round(angles_deg % 360.0, 3)))
    gaps = np.diff(np.append(at, at[0] + 360.0))
    return min(360.0, 360.0 - float(gaps.max()) + float(np.median(gaps)))


def design(angles_deg: Floats) -> Floats:
    """Columns 1, sin t, cos t."""
    angle = np.deg2rad(angles_deg)
    return np.stack([np.ones_like(angle), np.sin(angle), np.cos(angle)], axis=1)


def noise_gain(angles_deg: Floats) -> float:
    """How many times less certain the constant is over these angles than over as many views of a full turn."""
    columns = design(angles_deg)
    return float(np.sqrt(np.linalg.inv(columns.T @ columns)[0, 0] * len(columns)))


def fit_sinusoid(angles_deg: Floats, position_mm: Floats, uncertainty_mm: Floats) -> Sinusoid:
    """Least squares at one turn in a turn. The variance is the scatter about the path, or counting's where that is larger."""
    columns = design(angles_deg)
    found, *_ = np.linalg.lstsq(columns, position_mm, rcond=None)
    fitted = columns @ found
    residual = position_mm - fitted
    variance = max(float((residual**2).sum() / (len(residual) - 3)), float((uncertainty_mm**2).mean()))
    constant, sine, cosine = (float(value) for value in found)
    return Sinusoid(
        constant_mm=constant,
        sine_mm=sine,
        cosine_mm=cosine,
        covariance=np.asarray(variance * np.linalg.inv(columns.T @ columns), dtype=np.float64),
        fitted_mm=fitted,
        residual_mm=residual,
    )
