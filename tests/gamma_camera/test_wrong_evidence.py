"""Every gamma-camera procedure is shown what is not its own: an image of another test, a patient, nothing, too much.

It must refuse in a readable sentence, in both languages, and must not have accepted it either.
"""

import dataclasses
import re

import numpy as np
import pytest

from photopeak.dicom.gather import gather
from photopeak.evidence import Evidence, EvidenceFile, Frame, PlanarImages
from photopeak.phantom.bars import QuadrantBars
from photopeak.phantom.flood import Camera, flood
from photopeak.phantom.lines import Lines, Segment, four_lines
from photopeak.phantom.planar_image import planar_evidence
from photopeak.phantom.planar_sources import Plates, dish, points
from photopeak.phantom.registration import Registration
from photopeak.phantom.slits import Slits
from photopeak.phantom.whole_body import FixedSource, ScannedLines
from photopeak.procedure import Refused, roll
from photopeak.table import read_table

PROCEDURES = {name: entry for name, entry in roll().items() if entry.discipline == "gamma_camera"}
FACTS = {"activity_mbq": 40.0, "nuclide": "Tc-99m", "slit_spacing_mm": 30.0, "line_separation_mm": 100.0}
IMAGES = {
    "flood": (flood(Camera(matrix=256, pixel_mm=2.4), counts=8e6, with_truth=False).counts, 2.4),
    "bars": (QuadrantBars(matrix=384, pixel_mm=1.4).expected(), 1.4),
    "slits": (Slits(matrix=640, pixel_mm=0.9, peak=300.0).expected(), 0.9),
    "lines": (four_lines(matrix=256, pixel_mm=2.2).expected(), 2.2),
    "plates": (Plates(matrix=512, pixel_mm=1.2).expected(), 1.2),
    "dish": (dish(counts=2e6), 4.8),
    "points": (points([(0.0, 0.0), (80.0, 40.0)], counts=1e5), 2.4),
}
#: which still images each procedure is for; all others are wrong evidence
OWN = {
    "gamma_camera.flood_uniformity": {"flood"},
    "gamma_camera.bar_phantom": {"bars"},
    "gamma_camera.spatial_resolution": {"slits", "lines", "plates"},
    "gamma_camera.spatial_linearity": {"slits"},
    "gamma_camera.planar_sensitivity": {"dish"},
}
STILL = [name for name in PROCEDURES if "nm_planar" in PROCEDURES[name].kinds]


def refused(name, evidence):
    """The refusal of this procedure, asked by name as `photopeak run` does; readable in both languages."""
    entry = PROCEDURES[name]
    assert entry.accepts(evidence) is not None, f"{name} accepts it"
    with pytest.raises(Refused) as refusal:
        entry.run(evidence)
    words = refusal.value.words
    assert len(words.en) > 25
    assert re.search(r"[\u4e00-\u9fff]", words.zh)
    assert not re.search(r"Traceback|Error\b|nan|None\b|array\(", words.en), words.en
    return words


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("name", STILL)
def test_the_image_of_another_test_is_refused(name, kind):
    if kind in OWN.get(name, set()):
        pytest.skip("its own evidence")
    counts, pixel_mm = IMAGES[kind]
    evidence = planar_evidence(counts, pixel_mm, facts=FACTS)
    if (name, kind) == ("gamma_camera.flood_uniformity", "plates"):
        assert "plates" in PROCEDURES[name].accepts(evidence).en  # by name it is measured: a bad camera may look like this
    else:
        refused(name, evidence)


@pytest.mark.parametrize("name", STILL)
def test_an_empty_frame_is_refused(name):
    refused(name, planar_evidence(np.zeros((128, 128)), 4.8, facts=FACTS))


@pytest.mark.parametrize("kind", ["WHOLE BODY", "STATIC"])
@pytest.mark.parametrize("name", STILL)
def test_a_patients_bone_scan_is_refused_even_if_its_header_hides_what_it_is(name, kind, shared):
    evidence = next(one for one in gather([shared / "data" / "whole_body"]).evidence if isinstance(one.images, PlanarImages))
    images = dataclasses.replace(evidence.images, image_type=kind)
    refused(name, dataclasses.replace(evidence, images=images, facts=FACTS))


@pytest.mark.parametrize("kind", ["lines", "slits", "dish", "points"])
@pytest.mark.parametrize("name", STILL)
def test_saturated_pixels_are_refused(name, kind):
    counts, pixel_mm = IMAGES[kind]
    full = np.minimum(counts * (200_000 / counts.max()), 65_535).round()
    evidence = planar_evidence(full, pixel_mm, facts=FACTS)
    with pytest.raises(Refused) as refusal:
        PROCEDURES[name].run(evidence)
    assert all(refusal.value.words)


CLIPPED = {
    "lines": Lines(
        segments=(Segment(x_mm=-279.0, y_mm=0.0, length_mm=150.0, angle_deg=90.0),), matrix=256, pixel_mm=2.2
    ).expected(),
    "dish": dish(counts=2e6, centre_mm=(-280.0, 0.0), matrix=256, pixel_mm=2.2),
    "points": points([(-279.0, 0.0)], counts=1e5, pixel_mm=2.2),
}


@pytest.mark.parametrize("kind", CLIPPED)
@pytest.mark.parametrize("name", STILL)
def test_a_clipped_source_is_refused(name, kind):
    evidence = planar_evidence(CLIPPED[kind], 2.2, facts=FACTS)
    if name == "gamma_camera.window_registration":
        both = np.stack([CLIPPED[kind]] * 2)
        frames = [Frame(detector=1, energy_window=w, duration_s=60.0) for w in (1, 2)]
        evidence = planar_evidence(both, 2.2, facts=FACTS, frames=frames)
    with pytest.raises(Refused) as refusal:
        PROCEDURES[name].run(evidence)
    assert all(refusal.value.words)


@pytest.mark.parametrize(
    "made", [ScannedLines(rows=240, columns=128), FixedSource(), Registration(background=2.0)], ids=lambda m: type(m).__name__
)
@pytest.mark.parametrize("name", STILL)
def test_scans_and_several_windows_are_left_to_their_own_procedures(name, made):
    own = "gamma_camera.window_registration" if isinstance(made, Registration) else "gamma_camera.whole_body"
    if name != own:
        refused(name, made.evidence(facts=FACTS))


def table(text):
    return Evidence(
        kind="table", files=(EvidenceFile(path="t.csv", sha256="0"),), sha256="0", images=read_table(text.encode(), "t.csv")
    )


SPECTRUM = "energy_kev,counts\n" + "\n".join(f"{e},{1000 * np.exp(-(((e - 140) / 6) ** 2)):.0f}" for e in range(60, 200)) + "\n"
TABLES = {
    "gamma_camera.count_rate": "source,counts,seconds\n1,50000,1\n2,50000,1\n12,80000,1\n",
    "gamma_camera.energy_resolution": SPECTRUM,
    "gamma_camera.shield_leakage": "position,counts,seconds\nreference,90000,10\nleft,30,10\n",
}
OTHERS = {**TABLES, "results": "laboratory,analyte,value\nA,TSH,3.1\nB,TSH,3.4\n", "wells": "well,counts\n1,3\n2,5\n"}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("name", TABLES)
def test_the_table_of_another_test_is_refused(name, other):
    if name != other:
        refused(name, table(OTHERS[other]))


def test_every_procedure_of_the_discipline_was_asked():
    assert set(STILL) | set(TABLES) == set(PROCEDURES)
