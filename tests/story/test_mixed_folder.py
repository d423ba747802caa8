"""One folder with the tests of two cameras, mixed, under names that say nothing: each finds its procedure, none a wrong one."""

import random
import shutil

import numpy as np
import pytest

from photopeak.check import check
from photopeak.evidence import Frame, Subject
from photopeak.facts import Facts
from photopeak.phantom.as_dicom import write_planar, write_volume
from photopeak.phantom.bars import QuadrantBars
from photopeak.phantom.counter_tables import count_rate_files, leakage_files, spectrum_files
from photopeak.phantom.flood import Camera, flood
from photopeak.phantom.jaszczak import Jaszczak, jaszczak
from photopeak.phantom.lines import four_lines
from photopeak.phantom.planar_sources import Plates, dish
from photopeak.phantom.registration import GALLIUM_KEV, Registration
from photopeak.phantom.slits import Slits
from photopeak.phantom.spect_projections import Head, PointSource, point_source_projections, turn
from photopeak.phantom.spect_sources import BlurredSource, reconstructed_sources
from photopeak.phantom.whole_body import FixedSource, ScannedLines

CAMERAS = {
    "A": Subject(manufacturer="Maker", model="Camera A", station="NM1", serial="101"),
    "B": Subject(manufacturer="Other maker", model="Camera B", station="NM2", serial="202"),
}
#: what is handed in of each camera, and which procedures it is for
EXPECTED = {
    "flood": {"gamma_camera.flood_uniformity"},
    "bars": {"gamma_camera.bar_phantom"},
    "slits": {"gamma_camera.spatial_resolution", "gamma_camera.spatial_linearity"},
    "four lines": {"gamma_camera.spatial_resolution"},
    "plates": {"gamma_camera.spatial_resolution"},
    "dish": {"gamma_camera.planar_sensitivity"},
    "rates": {"gamma_camera.count_rate"},
    "windows": {"gamma_camera.window_registration"},
    "scanned lines": {"gamma_camera.whole_body"},
    "scanned source": {"gamma_camera.whole_body"},
    "rotation": {"spect.centre_of_rotation"},
    "points": {"spect.tomographic_resolution"},
    "jaszczak": {"spect.tomographic_contrast", "spect.tomographic_uniformity", "spect.rods"},
    "water": {"spect.ct_number"},
}
TABLES = {
    "spectrum": ({"gamma_camera.energy_resolution"}, spectrum_files, {}),
    "leakage": ({"gamma_camera.shield_leakage"}, leakage_files, {}),
    "two sources": ({"gamma_camera.count_rate"}, count_rate_files, {}),
    "decay": ({"gamma_camera.count_rate"}, count_rate_files, {"method": "decay"}),
}


def drawn(expected, seed):
    return np.random.default_rng(seed).poisson(expected)


def planar(kind, seed):
    """(counts, pixel in mm, what the header says besides) of one planar test."""
    if kind == "flood":
        return flood(Camera(matrix=256, pixel_mm=2.4), counts=20e6, seed=seed, with_truth=False).counts, 2.4, {}
    if kind == "bars":
        return drawn(QuadrantBars(matrix=512, pixel_mm=1.1).expected(), seed), 1.1, {}
    if kind == "slits":
        made = Slits(matrix=640, pixel_mm=0.9, peak=120.0)
        return drawn(made.expected(), seed), 0.9, {"field_of_view_mm": made.field_mm}
    if kind == "four lines":
        return drawn(four_lines(matrix=512, pixel_mm=1.1, peak=400, angle_deg=1.0, background=1.0).expected(), seed), 1.1, {}
    if kind == "plates":
        return drawn(Plates(open_counts=600.0).expected(), seed), 1.2, {}
    if kind == "dish":
        return drawn(dish(counts=2e6), seed), 4.8, {"duration_s": 600.0}
    if kind == "rates":
        rates = np.array([2e3, 2e4, 8e4, 1.6e5, 1.2e5])
        frames = [Frame(detector=1, phase=1, time_slot=k + 1, duration_s=1.0) for k in range(len(rates))]
        counts = np.outer(rates, np.full(64 * 64, 1 / 64**2)).reshape(-1, 64, 64)
        return drawn(counts, seed), 8.26, {"frames": frames, "image_type": "DYNAMIC", "duration_s": 1.0}
    if kind == "windows":
        more = {"detectors": [1, 1, 1], "energy_windows": [1, 2, 3], "windows_kev": GALLIUM_KEV, "nuclide": "^67^Gallium"}
        return drawn(Registration(background=2.0).expected(), seed), 2.2, more
    if kind == "scanned lines":
        return drawn(ScannedLines().expected(), seed), 2.4, {"image_type": "WHOLE BODY", "duration_s": 1000.0}
    if kind == "scanned source":
        return drawn(FixedSource().expected(), seed), 2.4, {"image_type": "WHOLE BODY", "duration_s": 1000.0}
    sources = [PointSource(x_mm=x, y_mm=y, z_mm=z) for x, y, z in ((60.0, 0.0, -90.0), (0.0, 60.0, 0.0), (-60.0, 20.0, 90.0))]
    found = point_source_projections(sources, [Head(angles_deg=turn(32), offset_mm=1.5)], background=0.2, seed=seed)
    return found.counts, 4.795, {"frames": list(found.frames), "image_type": "TOMO", "duration_s": 15.0}


def volume(kind, seed):
    """(values, spacing in mm, modality) of one reconstructed test."""
    if kind == "points":
        found = reconstructed_sources(
            (BlurredSource(), BlurredSource(x_mm=75.0, z_mm=40.0), BlurredSource(y_mm=75.0, z_mm=-40.0)),
            background=20.0,
            seed=seed,
        )
        return found.values.astype(np.float64), found.spacing_mm, "NM"
    if kind == "jaszczak":
        found = jaszczak(Jaszczak(rotation_deg=23.0), fwhm_mm=11.0)
        noise = np.random.default_rng(seed).normal(size=found.values.shape) * 0.03 * found.values
        return np.maximum(found.values + noise, 0.0), found.spacing_mm, "NM"
    y, x = np.mgrid[-79.5:80, -79.5:80] * 1.6
    plane = np.where(np.hypot(x - 6, y + 9) < 100.0, 1.5, -1000.0)
    return plane + np.random.default_rng(seed).normal(size=(12, 160, 160)) * 5.0 * (plane > -500), (3.0, 1.6, 1.6), "CT"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files of both cameras in one folder, shuffled; and what each file is, for the test alone to know."""
    out, scratch = tmp_path_factory.mktemp("handed in"), tmp_path_factory.mktemp("scratch")
    made = []
    for seed, (name, about) in enumerate(CAMERAS.items()):
        for kind in EXPECTED:
            place = scratch / f"{kind} {name}"
            place.mkdir()
            if kind in ("points", "jaszczak", "water"):
                values, spacing, modality = volume(kind, seed)
                made += [
                    (path, kind, name)
                    for path in write_volume(place, values, spacing_mm=spacing, modality=modality, about=about)
                ]
            else:
                counts, pixel, more = planar(kind, seed)
                write_planar(place / "image.dcm", counts, pixel_mm=(pixel, pixel), about=about, **more)
                made.append((place / "image.dcm", kind, name))
        for kind, (_, write, options) in TABLES.items():
            table, _ = write(scratch / f"{kind} {name}", seed=seed, **options)
            made.append((table, kind, name))
    random.Random(5).shuffle(made)
    known = {}
    for number, (path, kind, name) in enumerate(made):
        target = out / f"{number % 3}" / f"IM{number:05d}{'.csv' if path.suffix == '.csv' else ''}"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
        known[str(target)] = (kind, name)
    return out, known


@pytest.fixture(scope="module")
def checked(folder):
    return check([folder[0]], facts=Facts(everywhere={"activity_mbq": 40.0, "slit_spacing_mm": 30.0}))


def found_in(checked, known):
    """{(kind, camera): procedures that measured it}."""
    found = {}
    for one in checked.examined:
        whose = {known[str(file.path)] for file in one.evidence.files}
        assert len(whose) == 1, "files of two acquisitions were joined"
        if one.result is not None:
            found.setdefault(whose.pop(), set()).add(one.procedure.name)
    return found


def test_each_acquisition_finds_its_procedures_and_no_other(folder, checked):
    wanted = {**EXPECTED, **{kind: names for kind, (names, _, _) in TABLES.items()}}
    assert found_in(checked, folder[1]) == {(kind, name): names for kind, names in wanted.items() for name in CAMERAS}


def test_nothing_is_refused_and_nothing_is_left_unread(checked):
    assert [(one.procedure.name, one.refusal.words.en) for one in checked.examined if one.refusal is not None] == []
    assert checked.unread == ()


def test_each_result_is_of_the_camera_whose_files_it_was_made_from(folder, checked):
    for one in checked.examined:
        kind, name = folder[1][str(one.evidence.files[0].path)]
        if kind not in TABLES:
            assert one.evidence.about.model == CAMERAS[name].model
            assert one.evidence.about.serial == CAMERAS[name].serial


def test_the_numbers_are_those_that_were_built_in(folder, checked):
    """One number of each kind, roughly: a procedure on the wrong evidence would not give it."""
    truth = {
        "smallest_resolved_bar": (2.5, 0.05),
        "window_displacement": (1.46, 0.1),
        "cor_offset": (1.5, 0.05),
        "dead_time": (2.0, 0.05),
        "photopeak_energy_difference": (0.8, 0.1),
        "ct_number": (1.5, 1.0),
        "scan_speed_nonuniformity": (1.0, 1.2),
    }
    for name, (value, tolerance) in truth.items():
        found = [m for one in checked.examined if one.result for m in one.result.measurements if m.quantity.name == name]
        nearest = min(found, key=lambda m: abs(m.value - value))
        assert nearest.value == pytest.approx(value, abs=tolerance), name
