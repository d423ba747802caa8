"""Projections of point and line sources in closed form: a Gaussian integrated over each pixel, so truth is exact at any angle.

Gantry coordinates in mm: z along the axis of rotation, growing with the row index; at gantry angle 0 x grows with the column
index and y towards the detector. At angle t the source lies at column coordinate x cos t + y sin t and is nearer to the
detector by y cos t - x sin t.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from photopeak.evidence import Evidence, EvidenceFile, Frame, PlanarImages, Subject
from photopeak.phantom.as_dicom import write_planar
from photopeak.profile import FWHM_PER_SIGMA
from photopeak.words import Words

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSource:
    """A point source: where it is, and how many counts each view collects from it."""

    x_mm: float = 0.0
    y_mm: float = 0.0
    z_mm: float = 0.0
    counts: float = 20_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A detector and its faults. `offset_mm`: its axis of rotation is projected to the right of the matrix centre by this much.

    `tilt_deg` tips its holes along the axis, so nearer sources move by tan(tilt) times their nearness; `wander_mm[view]` and
    `axial_wander_mm[view]` move single views.
    """

    angles_deg: tuple[float, ...]
    detector: int = 1
    rotation: int = 1
    offset_mm: float = 0.0
    axial_offset_mm: float = 0.0
    tilt_deg: float = 0.0
    wander_mm: tuple[float, ...] = ()
    axial_wander_mm: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """Width of the response at `depth_mm` from the detector: intrinsic and collimator parts in quadrature."""

    intrinsic_fwhm_mm: float = 3.8
    collimator_fwhm_mm: float = 1.5  #: at the collimator's face
    collimator_fwhm_per_mm: float = 0.043
    radius_mm: float = 150.0  #: of the detector's orbit

    def sigma_mm(self, nearer_mm: Floats | float) -> Floats:
        away = self.radius_mm - np.asarray(nearer_mm, dtype=np.float64)
        collimator = self.collimator_fwhm_mm + self.collimator_fwhm_per_mm * away
        width: Floats = np.hypot(self.intrinsic_fwhm_mm, collimator) / FWHM_PER_SIGMA
        return width


def turn(views: int, *, arc_deg: float = 360.0, start_deg: float = 0.0, clockwise: bool = False) -> tuple[float, ...]:
    """Evenly spaced gantry angles in degrees: `views` over `arc_deg`, the end of the arc not repeated."""
    sign = -1.0 if clockwise else 1.0
    return tuple((start_deg + sign * arc_deg * view / views) % 360.0 for view in range(views))


def point_source_projections(
    sources: Sequence[PointSource],
    heads: Sequence[Head],
    *,
    shape: tuple[int, int] = (128, 128),
    pixel_mm: float = 4.795,
    fwhm_mm: float | Blur = 10.0,
    background: float = 0.0,
    seed: int | None = None,
) -> PlanarImages:
    """Expected counts[frame, row, column] of `sources` in every view of `heads`, Poisson where a `seed` is given.

    `fwhm_mm` is one width for every depth, or a `Blur`; `background` is counts per pixel.
    """
    rows_mm, columns_mm = (np.asarray(pixel_mm * (np.arange(n) - (n - 1) / 2), dtype=np.float64) for n in shape)
    images, frames = [], []
    for head in heads:
        for view, angle_deg in enumerate(head.angles_deg):
            image = np.full(shape, float(background))
            for source in sources:
                u_mm, v_mm, nearer_mm = projected(source, head, view)
                sigma_mm = fwhm_mm.sigma_mm(nearer_mm) if isinstance(fwhm_mm, Blur) else np.float64(fwhm_mm / FWHM_PER_SIGMA)
                across = _integrated(columns_mm - u_mm, pixel_mm, float(sigma_mm))
                along = _integrated(rows_mm - v_mm, pixel_mm, float(sigma_mm))
                image += source.counts * np.outer(along, across)
            images.append(image)
            frames.append(Frame(detector=head.detector, rotation=head.rotation, view=view + 1, angle_deg=angle_deg))
    counts: npt.NDArray[Any] = np.stack(images)
    if seed is not None:
        counts = np.random.default_rng(seed).poisson(counts).astype(np.int32)
    return PlanarImages(counts=counts, pixel_mm=(pixel_mm, pixel_mm), frames=tuple(frames), image_type="TOMO")


def projected(source: PointSource, head: Head, view: int) -> tuple[float, float, float]:
    """Column and row coordinate of a source in one view, and how much nearer than the axis it is to the detector, in mm."""
    angle = np.deg2rad(head.angles_deg[view])
    nearer_mm = float(source.y_mm * np.cos(angle) - source.x_mm * np.sin(angle))
    u_mm = float(source.x_mm * np.cos(angle) + source.y_mm * np.sin(angle)) + head.offset_mm
    v_mm = source.z_mm + head.axial_offset_mm + nearer_mm * float(np.tan(np.deg2rad(head.tilt_deg)))
    u_mm += head.wander_mm[view] if head.wander_mm else 0.0
    v_mm += head.axial_wander_mm[view] if head.axial_wander_mm else 0.0
    return u_mm, v_mm, nearer_mm


def _integrated(from_centre_mm: Floats, pixel_mm: float, sigma_mm: float) -> Floats:
    """The share of a Gaussian that falls into each pixel."""
    upper, lower = (from_centre_mm + pixel_mm / 2) / sigma_mm, (from_centre_mm - pixel_mm / 2) / sigma_mm
    share: Floats = ndtr(upper) - ndtr(lower)
    return share


def evidence_of(
    images: Any, *, kind: str = "nm_planar", header: Mapping[str, Any] | None = None, facts: Mapping[str, Any] | None = None
) -> Evidence:
    """Images as evidence without a file, hashed from their content."""
    pixels = images.counts if isinstance(images, PlanarImages) else images.values
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
    return Evidence(
        kind=kind,
        files=(EvidenceFile(path="phantom.dcm", sha256=digest),),
        sha256=digest,
        about=Subject(manufacturer="Photopeak", model="Phantom"),
        header=header or {},
        facts=facts or {},
        images=images,
    )


def centre_of_rotation_files(
    out: Path,
    *,
    seed: int = 0,
    views: Annotated[int, Words("views of each head", "每个探头的投影数")] = 60,
    heads: Annotated[int, Words("number of heads", "探头数")] = 2,
    offset_mm: Annotated[float, Words("offset of head 1, mm", "探头 1 的旋转中心偏移，mm")] = 1.5,
    tilt_deg: Annotated[float, Words("tilt of head 1, degrees", "探头 1 的倾角，度")] = 0.4,
    counts: Annotated[float, Words("counts per view and source", "每幅投影每个源的计数")] = 20_000.0,
    background: Annotated[float, Words("background counts per pixel", "每像素本底计数")] = 0.2,
) -> tuple[Path, ...]:
    """Three point sources along the axis seen by one or more heads, as one NM TOMO file, with truth.json beside it."""
    sources = tuple(
        PointSource(x_mm=x, y_mm=y, z_mm=z, counts=counts)
        for x, y, z in ((60.0, 0.0, -100.0), (0.0, 60.0, 0.0), (-60.0, 20.0, 100.0))
    )
    gantry = tuple(
        Head(
            detector=number + 1,
            rotation=number + 1,
            angles_deg=turn(views, start_deg=360.0 * number / heads),
            offset_mm=offset_mm if number == 0 else 0.0,
            tilt_deg=tilt_deg if number == 0 else 0.0,
        )
        for number in range(heads)
    )
    images = point_source_projections(sources, gantry, background=background, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    image, truth = out / "centre_of_rotation.dcm", out / "truth.json"
    write_planar(
        image,
        images.counts,
        pixel_mm=(4.795, 4.795),
        frames=images.frames,
        image_type="TOMO",
        duration_s=20.0,
        series_description="Centre of rotation",
        seed=seed,
    )
    told = {
        "procedure": "spect.centre_of_rotation",
        "cor_offset": [{"detector": head.detector, "value": head.offset_mm, "unit": "mm"} for head in gantry],
        "detector_tilt": [{"detector": head.detector, "value": abs(head.tilt_deg), "unit": "deg"} for head in gantry],
        "sources": [asdict(source) for source in sources],
    }
    truth.write_text(json.dumps(told, indent=1), "utf-8")
    return image, truth
