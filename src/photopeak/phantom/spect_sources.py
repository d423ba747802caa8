"""Reconstructed point and line sources in closed form: a Gaussian integrated over each voxel, on a constant background."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from photopeak.evidence import Volume
from photopeak.phantom.as_dicom import write_volume
from photopeak.profile import FWHM_PER_SIGMA
from photopeak.words import Words

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlurredSource:
    """A point (or a line of `length_mm` along the axis) and its widths; mm from the centre of the volume.

    The transaxial widths lie along `turned_deg` from x and across it; pixels average an oblique one over 5 x 5 points.
    """

    x_mm: float = 0.0
    y_mm: float = 0.0
    z_mm: float = 0.0
    fwhm_mm: tuple[float, float, float] = (10.0, 10.0, 10.0)  #: along turned_deg, across it, axial
    turned_deg: float = 0.0
    length_mm: float = 0.0
    peak: float = 10_000.0


def reconstructed_sources(
    sources: Sequence[BlurredSource],
    *,
    shape: tuple[int, int, int] = (64, 128, 128),
    spacing_mm: tuple[float, float, float] = (2.4, 2.4, 2.4),
    background: float = 0.0,
    seed: int | None = None,
) -> Volume:
    """values[slice, row, column] of the sources; Poisson in every voxel where a `seed` is given."""
    z_mm, y_mm, x_mm = (_centred(n, mm) for mm, n in zip(spacing_mm, shape))
    values = np.full(shape, float(background))
    for source in sources:
        plane = _plane(source, x_mm, y_mm, spacing_mm[1:])
        values = values + source.peak * _along(source, z_mm, spacing_mm[0])[:, None, None] * plane
    if seed is not None:
        values = np.random.default_rng(seed).poisson(values).astype(np.float64)
    return Volume(values=values.astype(np.float32), spacing_mm=spacing_mm, units="CNTS")


def _centred(size: int, mm: float) -> Floats:
    return np.asarray(mm * (np.arange(size) - (size - 1) / 2), dtype=np.float64)


def _share(from_centre_mm: Floats, mm: float, sigma_mm: float) -> Floats:
    """Mean over each pixel of a Gaussian of unit height."""
    area = sigma_mm * math.sqrt(2 * math.pi)
    upper, lower = (from_centre_mm + mm / 2) / sigma_mm, (from_centre_mm - mm / 2) / sigma_mm
    share: Floats = area / mm * (ndtr(upper) - ndtr(lower))
    return share


def _plane(source: BlurredSource, x_mm: Floats, y_mm: Floats, pixel_mm: tuple[float, float]) -> Floats:
    sigma_u, sigma_w = (width / FWHM_PER_SIGMA for width in source.fwhm_mm[:2])
    if source.turned_deg % 90 == 0:
        if source.turned_deg % 180:
            sigma_u, sigma_w = sigma_w, sigma_u
        rows, columns = _share(y_mm - source.y_mm, pixel_mm[0], sigma_w), _share(x_mm - source.x_mm, pixel_mm[1], sigma_u)
        return np.outer(rows, columns)
    cosine, sine = math.cos(math.radians(source.turned_deg)), math.sin(math.radians(source.turned_deg))
    parts, weights = np.polynomial.legendre.leggauss(5)
    plane = np.zeros((len(y_mm), len(x_mm)))
    for part_y, weight_y in zip(parts / 2, weights / 2):
        for part_x, weight_x in zip(parts / 2, weights / 2):
            dx = (x_mm + part_x * pixel_mm[1] - source.x_mm)[None, :]
            dy = (y_mm + part_y * pixel_mm[0] - source.y_mm)[:, None]
            u, w = dx * cosine + dy * sine, dy * cosine - dx * sine
            plane += weight_x * weight_y * np.exp(-0.5 * ((u / sigma_u) ** 2 + (w / sigma_w) ** 2))
    return plane


def _along(source: BlurredSource, z_mm: Floats, mm: float) -> Floats:
    sigma = source.fwhm_mm[2] / FWHM_PER_SIGMA
    if source.length_mm <= 0:
        return _share(z_mm - source.z_mm, mm, sigma)
    upper, lower = (z_mm - source.z_mm + source.length_mm / 2) / sigma, (z_mm - source.z_mm - source.length_mm / 2) / sigma
    found: Floats = ndtr(upper) - ndtr(lower)
    return found


def reconstructed_sources_files(
    out: Path,
    *,
    seed: int = 0,
    fwhm_mm: Annotated[float, Words("central transaxial FWHM, mm", "中心横断面半高宽，mm")] = 9.0,
    background: Annotated[float, Words("background per voxel, peak 10 000", "每体素本底（峰值 10 000）")] = 20.0,
) -> tuple[Path, ...]:
    """Three reconstructed point sources, one central and two 75 mm away, as one NM file, with truth.json beside it."""
    sources = (
        BlurredSource(fwhm_mm=(fwhm_mm, fwhm_mm, fwhm_mm + 0.5)),
        BlurredSource(x_mm=75.0, z_mm=40.0, fwhm_mm=(fwhm_mm + 1.0, fwhm_mm - 1.5, fwhm_mm)),
        BlurredSource(y_mm=75.0, z_mm=-40.0, fwhm_mm=(fwhm_mm - 1.5, fwhm_mm + 1.0, fwhm_mm)),
    )
    volume = reconstructed_sources(sources, background=background, seed=seed)
    files = write_volume(
        out,
        volume.values.astype(np.float64),
        spacing_mm=volume.spacing_mm,
        modality="NM",
        series_description="Reconstructed point sources",
        seed=seed,
    )
    truth = out / "truth.json"
    told = {"procedure": "spect.tomographic_resolution", "sources": [asdict(source) for source in sources]}
    truth.write_text(json.dumps(told, indent=1), "utf-8")
    return (*files, truth)
