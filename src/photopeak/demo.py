"""A small sample of a region: two cameras and two PET/CTs, made up, with known faults; checked like a hospital's own folder."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path

from pydicom import dcmread

from photopeak.check import Checked, Progress, check
from photopeak.criterion import parse_criteria
from photopeak.evidence import Subject
from photopeak.facts import load_facts
from photopeak.phantom.flood import flood_files
from photopeak.phantom.iec_body import iec_body_files

RATIO, BACKGROUND_BQ_PER_ML = 10.0, 2000.0
MISCALIBRATED = 0.78


def _device(model: str, serial: str) -> Subject:
    """A made-up device."""
    maker, _, name = model.partition(" ")
    return Subject(manufacturer=maker, model=name, station="DEMO", serial=serial, software="demo")


CAMERAS = {"camera_good": _device("Meridian NM-640", "20417"), "camera_dead_tube": _device("Meridian NM-640", "20418")}
SCANNERS = {
    "pet_good": (_device("Lumen PC-128", "L8-0093"), 13, 1.0),
    "pet_wrong_calibration": (_device("Lumen PC-64", "L6-0021"), 14, MISCALIBRATED),
}

SPECIFICATION = """# A made-up manufacturer's specification, for the demonstration only.
standard = "示例厂家指标（虚构） / example specification (made up)"
edition = "demo"
clause = "1"
read_by = ["demo"]
basis = "manufacturer"
stage = "status"

[[limit]]
quantity = "integral_uniformity"
where = { fov = "UFOV" }
upper = 5.0
unit = "%"

[[limit]]
quantity = "integral_uniformity"
where = { fov = "CFOV" }
upper = 4.0
unit = "%"

[[limit]]
quantity = "differential_uniformity"
where = { fov = ["UFOV", "CFOV"] }
upper = 3.5
unit = "%"
"""


def make_sample(folder: Path, progress: Callable[[str], None] = lambda name: None) -> Path:
    """Write the sample folder: images, FACTS.toml with what headers do not hold, the made-up specification."""
    progress("camera_good")
    good, dead_tube = CAMERAS.values()
    flood_files(folder / "camera_good", good, seed=11, counts=60e6, field_rows_mm=387.0, field_columns_mm=533.0)
    progress("camera_dead_tube")
    flood_files(folder / "camera_dead_tube", dead_tube, seed=12, counts=60e6, tube_depth_percent=30.0, tube_detector=2)
    facts = []
    for name, (about, seed, calibration) in SCANNERS.items():
        progress(name)
        written = iec_body_files(
            folder / name,
            about,
            seed=seed,
            ratio=RATIO,
            background_bq_per_ml=BACKGROUND_BQ_PER_ML,
            fwhm_mm=5.5,
            noise_percent=5.0,
            lung_fraction=0.1,
            rotation_deg=10.0 * (seed - 13),
            calibration=calibration,
        )
        slices = [path for path in written if path.suffix == ".dcm"]
        uid = dcmread(slices[0], stop_before_pixels=True).SeriesInstanceUID
        facts.append(f'["series:{uid}"]\nsphere_to_background = {RATIO}\nsphere_bq_per_ml = {RATIO * BACKGROUND_BQ_PER_ML}\n')
    (folder / "FACTS.toml").write_text("\n".join(facts), encoding="utf-8")
    (folder / "example_specification.toml").write_text(SPECIFICATION, encoding="utf-8")
    return folder


def check_sample(folder: Path, progress: Progress | None = None) -> Checked:
    """Check the sample folder as `photopeak check` would, at the status stage with the EARL 2 bands."""
    return check(
        [folder],
        stage="status",
        programme="earl2",
        facts=load_facts(folder / "FACTS.toml"),
        criteria=parse_criteria((folder / "example_specification.toml").read_text("utf-8"), "example_specification.toml"),
        progress=progress,
    )


def can_show() -> bool:
    """Whether somebody sits before a screen that could show the report."""
    if os.environ.get("CI"):
        return False
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def show(report: Path) -> bool:
    """Open the report where there is a display; says whether it did."""
    return can_show() and webbrowser.open(report.resolve().as_uri())
