"""A flood is recognised as one, and nothing else is, with the reason said."""

from dataclasses import replace

import numpy as np
import pytest

from photopeak.dicom.gather import gather
from photopeak.evidence import Frame
from photopeak.gamma_camera.flood_uniformity import accepts, flood_uniformity
from photopeak.phantom.flood import Camera, Tube, flood
from photopeak.procedure import Refused

FLOODS = ("mediso_flood_256.dcm", "UNIFORMIDAD_rectangle.mhd")
OTHERS = {
    "mediso_four_line_512.dcm": "counts in",
    "siemens_line_sources_256.dcm": "counts in",
    "siemens_i131_sensitivity/PetriDish": "counts in",
    "siemens_i131_sensitivity/Background": "too few",
    "mediso_quadrant_bar_512.dcm": "bars",
    "siemens_bar_co57_256.dcm": "bars",
    "siemens_lead_edge_512.dcm": "plates",
    "mediso_max_count_rate.dcm": "count rate",
}


def read(shared, name):
    return gather([shared / "data" / "gamma_camera" / name]).evidence[0]


@pytest.mark.parametrize("name", FLOODS)
def test_a_real_flood_is_accepted(shared, name):
    assert accepts(read(shared, name)) is None


@pytest.mark.parametrize("name", OTHERS)
def test_another_real_image_is_answered_no_with_its_reason(shared, name):
    reason = accepts(read(shared, name))
    assert OTHERS[name] in reason.en
    assert reason.zh


@pytest.mark.parametrize("name", ["mediso_four_line_512.dcm", "siemens_bar_co57_256.dcm", "siemens_i131_sensitivity/PetriDish"])
def test_what_is_no_flood_is_refused_even_when_the_procedure_is_named(shared, name):
    with pytest.raises(Refused) as refused:
        flood_uniformity(read(shared, name))
    assert refused.value.code == "not_a_flood"


@pytest.mark.parametrize(
    "faults",
    [
        {},
        {"tubes": (Tube(depth=1.0),)},
        {"tubes": tuple(Tube(depth=0.5, x_mm=x, y_mm=y) for x, y in ((-150, -90), (0, 80), (140, -60), (60, 120), (-90, 60)))},
        {"gradient_percent": (0.0, 40.0)},
        {"pattern_percent": 15.0},
        {"tube_gain_percent": 8.0},
        {"edge_packing_percent": 30.0},
        {"dome_mm": 800.0},
        {"shape": "round", "field_mm": (400.0, 400.0)},
        {"shape": "hexagonal", "field_mm": (500.0, 500.0)},
        {"offset_mm": (30.0, 20.0)},
    ],
    ids=[
        "good",
        "dead tube",
        "five bad tubes",
        "gradient",
        "pattern",
        "gains",
        "edge",
        "dome",
        "round",
        "hexagonal",
        "off centre",
    ],
)
@pytest.mark.parametrize("counts", [2e6, 50e6])
@pytest.mark.parametrize("matrix", [64, 256, 1024])
def test_a_bad_flood_is_still_a_flood(faults, counts, matrix):
    phantom = flood(Camera(matrix=matrix, pixel_mm=613.8 / matrix, **faults), counts=counts, with_truth=False)
    assert accepts(phantom.evidence()) is None
    assert accepts(phantom.evidence(with_field=False)) is None


def test_one_good_detector_is_enough():
    phantom = flood(Camera(), counts=5e6, detectors=2, dead=(1,), with_truth=False)
    assert accepts(phantom.evidence()) is None
    assert accepts(flood(Camera(), counts=5e6, dead=(1,), with_truth=False).evidence()) is not None


def test_bars_of_any_width_and_direction_are_seen():
    rows, columns = np.mgrid[:512, :512] * 1.1988
    for width, along in ((2.5, rows), (4.0, columns), (3.2, rows + 0.1 * columns)):
        expected = flood(Camera(matrix=512, pixel_mm=1.1988), counts=5e6, noise=False, with_truth=False)
        bars = expected.counts * (1 + 0.4 * np.sign(np.sin(np.pi * along / width)))
        counts = np.random.default_rng(1).poisson(bars)
        evidence = expected.evidence()
        reason = accepts(replace(evidence, images=replace(evidence.images, counts=counts)))
        assert "bars" in reason.en


def test_a_dynamic_flood_is_accepted_and_a_changing_rate_is_not():
    plane = flood(Camera(matrix=128, pixel_mm=4.8), counts=2e6, noise=False, with_truth=False)
    frames = tuple(Frame(detector=1, time_slot=number, duration_s=10.0) for number in range(1, 9))

    def dynamic(weights):
        images = replace(plane.evidence().images, counts=plane.counts * np.array(weights)[:, None, None], frames=frames)
        return replace(plane.evidence(), images=replace(images, image_type="DYNAMIC"))

    assert accepts(dynamic([1, 1, 1, 1, 1, 1, 1, 0.3])) is None
    assert "count rate" in accepts(dynamic([1, 1.2, 1.5, 1.9, 2.4, 2.0, 1.0, 0.5])).en


def test_rotations_and_whole_body_scans_are_answered_no():
    evidence = flood(Camera(matrix=64, pixel_mm=9.6), counts=5e6, with_truth=False).evidence()
    for image_type in ("TOMO", "WHOLE BODY", "GATED TOMO"):
        assert image_type in accepts(replace(evidence, images=replace(evidence.images, image_type=image_type))).en
