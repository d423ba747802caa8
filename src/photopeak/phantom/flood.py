"""Floods of known truth: expectation map, counts and noiseless uniformity of a gamma camera with the faults one asks for.

Lengths are mm from the centre of the field, x to the right, y down. Edges are shared out over pixels by their distance to the
edge, which is exact for straight edges along the matrix.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, EvidenceFile, FieldOfView, Frame, PlanarImages, Subject
from photopeak.phantom.as_dicom import write_planar
from photopeak.phantom.flood_truth import nema_uniformity
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
Shape = Literal["rectangle", "round", "hexagonal"]

MATRIX_MM = 613.8  #: side of the matrix, unless a pixel size is given: 2.398 mm at 256
TUBE_PITCH_MM = 60.0
UFOV_SHARE = 0.95  #: of the field that is imaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """A photomultiplier gone wrong: a disc whose sensitivity is lower by `depth` (1: dead; negative: hot)."""

    x_mm: float = 60.0
    y_mm: float = -45.0
    diameter_mm: float = 60.0
    depth: float = 0.10
    detector: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A gamma camera and its faults. Percentages are of the mean sensitivity.

    `field_mm`: what is imaged, (rows, columns); of a round or hexagonal field the diameter (of the circumscribed circle)
    stands in both. `pattern_percent`: amplitude of a pattern repeating with the photomultipliers. `tube_gain_percent`: standard
    deviation of the photomultipliers' own sensitivities. `gradient_percent`: rise from the centre to the edge along (rows,
    columns). `edge_packing_percent`: rise of the last `edge_mm` of the field. `dome_mm`: distance of the point source, None if
    it is far away.
    """

    matrix: int = 256
    pixel_mm: float = MATRIX_MM / 256
    field_mm: tuple[float, float] = (400.0, 540.0)
    shape: Shape = "rectangle"
    offset_mm: tuple[float, float] = (0.0, 0.0)  #: of the field from the centre of the matrix, (rows, columns)
    pattern_percent: float = 0.0
    tube_gain_percent: float = 0.0
    gradient_percent: tuple[float, float] = (0.0, 0.0)
    edge_packing_percent: float = 0.0
    edge_mm: float = 10.0
    dome_mm: float | None = None
    tubes: tuple[Tube, ...] = ()
    seed: int = 0  #: of the photomultipliers' own sensitivities

    def expectation(self, detector: int = 1) -> Floats:
        """Expected counts[row, column] of one detector, mean 1 over the field."""
        y, x = (self._axis(axis) for axis in (0, 1))
        inside, depth_mm = self._inside(y[:, None], x[None, :])
        values = np.ones_like(inside)
        values += self.pattern_percent / 100 * _hexagonal_pattern(y[:, None], x[None, :])
        if self.tube_gain_percent:
            values += self.tube_gain_percent / 100 * self._tube_gains(y, x, detector)
        for axis, along in ((0, y[:, None]), (1, x[None, :])):
            values += self.gradient_percent[axis] / 100 * along / (self.field_mm[axis] / 2)
        rim = np.clip((self.edge_mm - depth_mm) / self.pixel_mm + 0.5, 0, 1)
        values *= 1 + self.edge_packing_percent / 100 * rim
        for tube in self.tubes:
            if tube.detector == detector:
                away = np.hypot(y[:, None] - tube.y_mm, x[None, :] - tube.x_mm)
                values *= 1 - tube.depth * np.clip((tube.diameter_mm / 2 - away) / self.pixel_mm + 0.5, 0, 1)
        if self.dome_mm is not None:
            values *= (1 + (y[:, None] ** 2 + x[None, :] ** 2) / self.dome_mm**2) ** -1.5
        values = np.maximum(values, 0) * inside
        return np.asarray(values * inside.sum() / values.sum())

    def _axis(self, axis: int) -> Floats:
        centres: Floats = (np.arange(self.matrix, dtype=np.float64) + 0.5 - self.matrix / 2) * self.pixel_mm - self.offset_mm[
            axis
        ]
        return centres

    def _inside(self, y: Floats, x: Floats) -> tuple[Floats, Floats]:
        """The share of each pixel in the field, and how deep its centre lies in it (mm)."""
        across, along = self.field_mm[0] / 2, self.field_mm[1] / 2
        if self.shape == "rectangle":
            depths = across - np.abs(y), along - np.abs(x)
            share = np.clip(depths[0] / self.pixel_mm + 0.5, 0, 1) * np.clip(depths[1] / self.pixel_mm + 0.5, 0, 1)
            return share, np.minimum(*depths)
        if self.shape == "round":
            depth = along - np.hypot(y, x)
        else:
            flat = along * np.sqrt(0.75)
            depth = np.minimum(flat - np.abs(y), flat - 0.5 * np.abs(y) - np.sqrt(0.75) * np.abs(x))
        return np.clip(depth / self.pixel_mm + 0.5, 0, 1), depth

    def _tube_gains(self, y: Floats, x: Floats, detector: int) -> Floats:
        """Photomultipliers on a hexagonal grid, each with its own sensitivity, blending over about half their pitch."""
        generator = np.random.default_rng((self.seed, detector))
        gains = np.zeros((len(y), len(x)))
        for row in range(-7, 8):
            for column in range(-9, 10):
                at_y, at_x = row * TUBE_PITCH_MM * np.sqrt(0.75), (column + 0.5 * (row % 2)) * TUBE_PITCH_MM
                bump = np.outer(np.exp(-0.5 * ((y - at_y) / 22) ** 2), np.exp(-0.5 * ((x - at_x) / 22) ** 2))
                gains += float(generator.standard_normal()) * bump
        return gains


def _hexagonal_pattern(y: Floats, x: Floats) -> Floats:
    """Three plane waves 60 degrees apart: highest (1) on each photomultiplier, lowest (-0.5) between three of them."""
    number = 4 * np.pi / np.sqrt(3) / TUBE_PITCH_MM
    waves = [np.cos(number * (y * np.cos(angle) + x * np.sin(angle))) for angle in np.pi / 3 * np.arange(3)]
    return np.asarray(sum(waves) / 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodPhantom:
    """`expectation` and `counts` `[detector, row, column]`, and what is true of them."""

    camera: Camera
    expectation: Floats
    counts: npt.NDArray[Any]
    truth: dict[str, Any] = field(default_factory=dict)

    @property
    def ufov_mm(self) -> tuple[float, float]:
        return useful_field(self.camera)

    def evidence(self, *, facts: Mapping[str, Any] | None = None, with_field: bool = True) -> Evidence:
        """The flood as the reader would hand it over; without `with_field`, as from a header that names no field of view."""
        numbers = range(1, len(self.counts) + 1)
        stated = FieldOfView(shape=self.camera.shape.upper(), dimensions_mm=self.ufov_mm)
        sha256 = hashlib.sha256(np.ascontiguousarray(self.counts).tobytes()).hexdigest()
        return Evidence(
            kind="nm_planar",
            files=(EvidenceFile(path="flood.dcm", sha256=sha256),),
            sha256=sha256,
            facts=facts or {},
            images=PlanarImages(
                counts=self.counts,
                pixel_mm=(self.camera.pixel_mm, self.camera.pixel_mm),
                frames=tuple(Frame(detector=number) for number in numbers),
                field_of_view={number: stated for number in numbers} if with_field else {},
            ),
        )


def useful_field(camera: Camera) -> tuple[float, float]:
    """(rows, columns) in whole mm: 95 % of the imaged field."""
    return float(round(UFOV_SHARE * camera.field_mm[0])), float(round(UFOV_SHARE * camera.field_mm[1]))


def flood(
    camera: Camera,
    *,
    counts: float = 30e6,
    detectors: int = 1,
    dead: Sequence[int] = (),
    seed: int = 0,
    noise: bool = True,
    with_truth: bool = True,
) -> FloodPhantom:
    """A flood of `counts` on each of `detectors`; those numbered in `dead` record nothing. Without `noise`: the expectation."""
    expectation = np.stack([camera.expectation(number + 1) for number in range(detectors)])
    expectation *= counts / expectation.sum(axis=(1, 2), keepdims=True)
    for number in dead:
        expectation[number - 1] = 0
    generator = np.random.default_rng((seed, 1))
    drawn = generator.poisson(expectation) if noise else expectation
    return FloodPhantom(
        camera=camera,
        expectation=expectation,
        counts=drawn,
        truth=_truth(camera, expectation, counts, dead, seed) if with_truth else {},
    )


def _truth(camera: Camera, expectation: Floats, counts: float, dead: Sequence[int], seed: int) -> dict[str, Any]:
    """What is true: the camera, and the noiseless uniformity of each detector by the NEMA definition."""
    shape = camera.shape.upper()
    measured = [
        {"detector": number, **one}
        for number, plane in enumerate(expectation, 1)
        if number not in dead
        for one in nema_uniformity(plane, camera.pixel_mm, useful_field(camera), shape=shape, offset_mm=camera.offset_mm)
    ]
    return {
        "phantom": "flood",
        "seed": seed,
        "counts_per_detector": counts,
        "detectors": len(expectation),
        "dead_detectors": list(dead),
        "ufov_mm": list(useful_field(camera)),
        "noiseless": measured,
        "camera": asdict(camera),
    }


def write(folder: Path, phantom: FloodPhantom, about: Subject | None = None, *, seed: int = 0) -> tuple[Path, Path]:
    """Write flood.dcm of the device `about` (one frame a detector; a rectangular UFOV stands in the header) and truth.json."""
    folder.mkdir(parents=True, exist_ok=True)
    camera = phantom.camera
    image, truth = folder / "flood.dcm", folder / "truth.json"
    write_planar(
        image,
        phantom.counts,
        pixel_mm=(camera.pixel_mm, camera.pixel_mm),
        detectors=list(range(1, len(phantom.counts) + 1)),
        field_of_view_mm=phantom.ufov_mm if camera.shape == "rectangle" else None,
        about=about or Subject(manufacturer="Photopeak", model="Flood phantom", station="PHANTOM", serial=str(seed)),
        series_description="Flood phantom",
        seed=seed,
    )
    truth.write_text(json.dumps(phantom.truth, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return image, truth


def flood_files(
    out: Path,
    about: Subject | None = None,
    *,
    seed: int = 0,
    matrix: Annotated[int, Words("rows and columns", "矩阵大小")] = 256,
    pixel_mm: Annotated[float | None, Words("pixel, mm (default 613.8 / matrix)", "像素大小，mm（默认 613.8/矩阵）")] = None,
    field_rows_mm: Annotated[float, Words("imaged field along rows axis, mm", "成像视野（行方向），mm")] = 400.0,
    field_columns_mm: Annotated[float, Words("imaged field along columns axis, mm", "成像视野（列方向），mm")] = 540.0,
    shape: Annotated[Shape, Words("shape of the field", "视野形状")] = "rectangle",
    counts: Annotated[float, Words("counts per detector", "每个探头的计数")] = 30e6,
    detectors: Annotated[int, Words("detectors", "探头数")] = 2,
    dead_detector: Annotated[int | None, Words("a detector without counts", "无计数的探头")] = None,
    pattern_percent: Annotated[float, Words("photomultiplier pattern, %", "光电倍增管花纹幅度，%")] = 0.5,
    tube_gain_percent: Annotated[float, Words("spread of photomultiplier gains, %", "光电倍增管增益离散，%")] = 0.0,
    gradient_percent: Annotated[
        float, Words("gradient along columns, centre to edge, %", "沿列方向梯度（中心至边缘），%")
    ] = 0.0,
    edge_packing_percent: Annotated[float, Words("bright rim, %", "边缘亮带，%")] = 0.0,
    dome_mm: Annotated[float | None, Words("distance of the point source, mm", "点源距离，mm")] = None,
    tube_depth_percent: Annotated[float, Words("depth of one bad photomultiplier, %", "一支异常光电倍增管的深度，%")] = 0.0,
    tube_diameter_mm: Annotated[float, Words("its diameter, mm", "其直径，mm")] = 60.0,
    tube_x_mm: Annotated[float, Words("its place, right of the centre, mm", "其位置（中心以右），mm")] = 60.0,
    tube_y_mm: Annotated[float, Words("its place, below the centre, mm", "其位置（中心以下），mm")] = -45.0,
    tube_detector: Annotated[int, Words("the detector that has it", "所在探头")] = 1,
    noise: Annotated[bool, Words("counting noise", "计数噪声")] = True,
) -> tuple[Path, ...]:
    """Write the flood as one NM file with truth.json beside it."""
    bad = Tube(
        x_mm=tube_x_mm, y_mm=tube_y_mm, diameter_mm=tube_diameter_mm, depth=tube_depth_percent / 100, detector=tube_detector
    )
    camera = Camera(
        matrix=matrix,
        pixel_mm=pixel_mm or MATRIX_MM / matrix,
        field_mm=(field_columns_mm, field_columns_mm) if shape != "rectangle" else (field_rows_mm, field_columns_mm),
        shape=shape,
        pattern_percent=pattern_percent,
        tube_gain_percent=tube_gain_percent,
        gradient_percent=(0.0, gradient_percent),
        edge_packing_percent=edge_packing_percent,
        dome_mm=dome_mm,
        tubes=(bad,) if tube_depth_percent else (),
        seed=seed,
    )
    dead = () if dead_detector is None else (dead_detector,)
    return write(out, flood(camera, counts=counts, detectors=detectors, dead=dead, seed=seed, noise=noise), about, seed=seed)
