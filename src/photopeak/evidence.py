"""What a hospital handed in: files with their hashes, the device they came from, the images read from them, and facts."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFile:
    """One file, with the sha256 of its bytes as they were read."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The device the evidence speaks of, as its headers name it. Never a patient."""

    manufacturer: str | None = None
    model: str | None = None
    station: str | None = None
    serial: str | None = None
    software: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What one planar frame shows. `detector`, `energy_window`, `rotation`, `phase`, `time_slot` count from 1."""

    detector: int = 1
    energy_window: int = 1
    rotation: int | None = None
    phase: int | None = None
    time_slot: int | None = None
    view: int | None = None
    angle_deg: float | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOfView:
    """The field of view as the header states it: `shape` RECTANGLE, ROUND or HEXAGONAL, `dimensions_mm` as (rows, columns)."""

    shape: str
    dimensions_mm: tuple[float, float]
    zoom: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanarImages:
    """Gamma-camera frames: `counts[frame, row, column]` after rescaling, `pixel_mm` as (row spacing, column spacing).

    `image_type` is the third value of DICOM ImageType: STATIC, DYNAMIC, WHOLE BODY, TOMO, GATED ...
    """

    counts: npt.NDArray[Any]
    pixel_mm: tuple[float, float] | None
    frames: tuple[Frame, ...]
    image_type: str = "STATIC"
    field_of_view: Mapping[int, FieldOfView] = field(default_factory=dict)  #: by detector
    energy_windows: Mapping[int, str] = field(default_factory=dict)  #: by energy window: "126.5-154.6 keV"


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A stack of slices: `values[slice, row, column]` after per-slice rescaling, `spacing_mm` in the same order.

    `origin_mm` is the patient position (x, y, z) of voxel (0, 0, 0); the rows of `directions` are the unit vectors, in patient
    coordinates, of increasing slice, row and column index. `units` is DICOM Units as written
    (BQML, CNTS, PROPCNTS ...), or None.
    """

    values: npt.NDArray[np.float32]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    directions: tuple[tuple[float, float, float], ...] = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    units: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One series, table or text, read once.

    `kind` says what it is made of: nm_planar, nm_volume, pt_volume, ct_volume, lesions, table, text. `header` holds the few named header
    values that a procedure may need (plain strings and numbers, never a patient's name). `facts` is what a person added.
    """

    kind: str
    files: tuple[EvidenceFile, ...]
    sha256: str
    about: Subject = Subject()
    acquired: datetime.datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)
    images: PlanarImages | Volume | Any = None
    series_uid: str | None = None
    remarks: tuple[tuple[str, Words], ...] = ()  #: what the reader noticed, as (code, words); results repeat it

    @property
    def name(self) -> str:
        """The file's name, or the folder's when there are several: what a message calls this evidence by."""
        first = Path(self.files[0].path)
        return first.name if len(self.files) == 1 else first.parent.name or first.name
