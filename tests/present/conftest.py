"""A check put together by hand: a camera with one bad detector, a scanner, a refusal, an unread file, an untested limit."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import pytest

from photopeak.check import Checked, Examined
from photopeak.criterion import Criterion
from photopeak.dicom.gather import Unread
from photopeak.evidence import Evidence, EvidenceFile, Subject
from photopeak.figure import Axis, Chart, Circle, Figure, Line, Outline, Picture, Points, Spot
from photopeak.finding import raise_finding
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Procedure, Refused, Result, anything, remark
from photopeak.verdict import judge
from photopeak.words import Words

HOSTILE = '<script>alert(1)</script> "q" \'a\' & #import "x" $x^2$ \\u{41} *b* _i_ @ref [c]'

UNIFORMITY = Quantity(name="integral_uniformity", unit="%", en="integral uniformity", zh="积分均匀性")
FLOOR = Quantity(
    name="integral_uniformity_noise_floor",
    unit="%",
    en="noise floor of integral uniformity",
    zh="积分均匀性噪声下限",
    judged=False,
)
COUNTS = Quantity(name="centre_pixel_counts", unit="{counts}", en="counts in the centre pixel", zh="中心像素计数", judged=False)
RECOVERY = Quantity(name="recovery", unit="1", en="recovery coefficient", zh="恢复系数")
CONCENTRATION = Quantity(name="sphere_concentration", unit="Bq/mL", en="sphere concentration", zh="球内活度浓度", judged=False)
DETECTOR_1, MODEL = Words("Detector 1: counts", "探头 1：计数"), Words("NM-640", "NM-640")
SPHERES = (10, 13, 17, 22, 28, 37)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Result):
    """A result whose figures are given."""

    drawn: tuple[Figure, ...] = ()

    def figures(self) -> tuple[Figure, ...]:
        return self.drawn


def a_criterion(quantity: str, lower: float | None, upper: float | None, unit: str = "%", **more: object) -> Criterion:
    row: dict[str, object] = {"standard": "EX 1-2000", "edition": "2000", "clause": "Table 1", "stage": "status", **more}
    return Criterion(quantity=quantity, unit=unit, lower=lower, upper=upper, **row)  # type: ignore[arg-type]


def a_procedure(name: str, en: str, zh: str, *quantities: Quantity) -> Procedure:
    return Procedure(
        name=name, en=en, zh=zh, implements="EX 1", kinds=("nm_planar",), quantities=quantities, accepts=anything, run=print
    )


def evidence(name: str, model: str) -> Evidence:
    return Evidence(
        kind="nm_planar",
        files=(EvidenceFile(path=f"/data/{name}", sha256="9be241c7" + "0" * 52 + "0d5e"),),
        sha256="f07a" * 16,
        about=Subject(manufacturer="Meridian", model=model, serial="20417"),
        acquired=datetime.datetime(2026, 5, 14, 10, 22),
        series_uid="1.2.3",
    )


def flood_picture(title: Words = DETECTOR_1) -> Picture:
    rows, columns = np.mgrid[:24, :32]
    inside = (abs(rows - 11.5) < 10) & (abs(columns - 15.5) < 13)
    values = np.where(inside, 100 + columns + rows, 0.0)
    overlays = (
        Outline(mask=inside, label="UFOV"),
        Spot(x_mm=0, y_mm=0, sign="+"),
        Circle(x_mm=10, y_mm=10, radius_mm=20, label="10"),
    )
    return Picture(
        title=title, values=values, pixel_mm=(10.0, 10.0), left_mm=-160, top_mm=-120, window=(0, 160),
        unit=Words("counts", "计数"), overlays=overlays,
    )  # fmt: skip


def _camera(words: Words) -> Examined:
    said = {1: (2.42, 0.14), 2: (6.29, 0.14)}
    measurements: list[Measurement] = []
    for detector, (value, u) in said.items():
        for fov in ("UFOV", "CFOV"):
            where = {"detector": detector, "energy_window": 1, "fov": fov}
            measurements += [UNIFORMITY.of(value, u, **where), FLOOR.of(0.91, 0.05, **where)]
        measurements.append(COUNTS.of(23744, 77, detector=detector))
    limits = (
        a_criterion("integral_uniformity", None, 5.0, where={"fov": "UFOV"}),
        a_criterion("integral_uniformity", None, 2.5, where={"fov": "CFOV"}, provisional=True, clause="Table 2"),
    )
    verdicts = judge(measurements, limits)
    procedure = a_procedure("gamma_camera.flood_uniformity", "Flood uniformity", "泛源均匀性", UNIFORMITY, FLOOR, COUNTS)
    line = Line(x=np.linspace(-100, 100, 50), y=np.sin(np.linspace(0, 6, 50)), label=Words("detector 1", "探头 1"))
    profile = Chart(
        title=Words("Profile", "剖面"),
        x=Axis(label=Words("x", "x"), unit="mm"),
        y=Axis(label=Words("deviation", "偏差"), unit="%"),
        marks=(line,),
    )
    result = Seen(
        measurements=tuple(measurements),
        remarks=(remark("said", en=words.en, zh=words.zh),),
        conditions=(Condition(label=Words("radionuclide", "核素"), value=Words("⁹⁹ᵐTc", "⁹⁹ᵐTc")),),
        drawn=(flood_picture(words), profile),
    )
    about = evidence("flood.dcm", words.en)
    finding = raise_finding(about.about, procedure.name, procedure.words, verdicts)
    return Examined(procedure=procedure, evidence=about, result=result, verdicts=verdicts, finding=finding, seconds=0.01)


def _scanner() -> Examined:
    values = dict(zip(SPHERES, (0.621, 0.759, 0.81, 0.823, 0.937, 0.945), strict=True))
    recovery = [RECOVERY.of(value, 0.02, sphere_mm=mm, statistic="a50") for mm, value in values.items()]
    plain = [CONCENTRATION.of(21200 * value, 300, sphere_mm=mm, statistic="a50") for mm, value in values.items()]
    limits = [
        a_criterion("recovery", 0.6, 0.95, "1", where={"sphere_mm": mm, "statistic": "a50"}, programme="earl2")
        for mm in SPHERES[:4]
    ]
    verdicts = judge([*recovery, *plain], [*limits, a_criterion("lung_residual", None, 15.0)])
    chart = Chart(
        title=Words("Recovery", "恢复系数"),
        x=Axis(label=Words("sphere", "球内径"), unit="mm", log=True, ticks=tuple(map(float, SPHERES))),
        y=Axis(label=Words("recovery coefficient", "恢复系数")),
        marks=(Points(x=tuple(map(float, SPHERES)), measurements=tuple(recovery)),),
    )
    procedure = a_procedure("pet.image_quality", "PET image quality", "PET 图像质量", RECOVERY, CONCENTRATION)
    result = Seen(measurements=(*recovery, *plain), drawn=(chart,))
    return Examined(procedure=procedure, evidence=evidence("pet.dcm", "PC-128"), result=result, verdicts=verdicts, seconds=0.5)


def build(words: Words = MODEL) -> Checked:
    refused = Examined(
        procedure=a_procedure("pet.uniform_cylinder", "Uniform cylinder", "均匀圆柱"),
        evidence=evidence("cylinder.dcm", "PC-128"),
        refusal=Refused("not_this_phantom", en=f"No cylinder was found. {words.en}", zh=f"未见圆柱模体。{words.zh}"),
    )
    return Checked(
        examined=(_camera(words), _scanner(), refused),
        unread=(
            Unread(path=f"/data/IM0042 {words.en}", code="not_dicom", words=Words("It is not DICOM.", "不是 DICOM 文件。")),
        ),
        stage="status",
        programme=None,
        untested=(a_criterion("cor_offset", None, 2.0, "mm", clause="Table 4"),),
        made=datetime.datetime(2026, 5, 15, 9, 30),
    )


@pytest.fixture(scope="session")
def checked() -> Checked:
    return build()


@pytest.fixture(scope="session")
def hostile() -> Checked:
    """The same with markup of every kind wherever a file or a person may put words."""
    return build(Words(HOSTILE, HOSTILE))


@pytest.fixture(scope="session")
def picture() -> Picture:
    return flood_picture()


@pytest.fixture(scope="session")
def hostile_words() -> str:
    return HOSTILE


@pytest.fixture(scope="session")
def undecodable() -> Checked:
    """The same with a byte that is no text and a control character in names."""
    return build(Words("\udcffcamera\x07", "\udcff相机\x07"))
