"""Flood uniformity: truth first, then real floods, then what must not matter, then what must be refused."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photopeak.dicom.gather import gather
from photopeak.evidence import Evidence, EvidenceFile, FieldOfView, Frame, PlanarImages
from photopeak.figure import Chart, Outline, Picture, Spot
from photopeak.gamma_camera.flood_uniformity import flood_uniformity
from photopeak.phantom.flood import MATRIX_MM, Camera, Tube, flood, write
from photopeak.procedure import Refused, roll


def found(result, quantity, **where):
    (one,) = [
        m
        for m in result.measurements
        if m.quantity.name == quantity and all(m.where.get(key) == value for key, value in where.items())
    ]
    return one


def codes(result):
    return [one.code for one in result.remarks]


def with_counts(phantom, counts, **changes):
    evidence = phantom.evidence()
    return replace(evidence, images=replace(evidence.images, counts=counts, **changes))


# --- truth -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("matrix", [64, 128, 256, 512, 1024])
@pytest.mark.parametrize(
    "faults",
    [
        {"pattern_percent": 3.0, "gradient_percent": (1.0, 2.0)},
        {"edge_packing_percent": 15.0, "edge_mm": 14.0},
        {"tube_gain_percent": 2.0, "tubes": (Tube(depth=0.1, x_mm=-120, y_mm=80),)},
    ],
    ids=["pattern", "edge packing", "tubes"],
)
def test_a_noiseless_flood_has_the_uniformity_it_was_built_with(matrix, faults):
    phantom = flood(Camera(matrix=matrix, pixel_mm=MATRIX_MM / matrix, **faults), noise=False)
    result = flood_uniformity(phantom.evidence())
    for truth in phantom.truth["noiseless"]:
        for quantity in ("integral_uniformity", "differential_uniformity"):
            assert found(result, quantity, fov=truth["fov"]).value == pytest.approx(truth[quantity], abs=0.05)
    assert found(result, "pixel_size_analysed").value == pytest.approx(truth["pixel_size_analysed"])


@pytest.mark.parametrize(("depth", "expected"), [(0.35, 21.2), (0.5, 33.3), (1.0, 100.0)])
@pytest.mark.parametrize("noise", [False, True])
def test_the_worse_the_tube_the_worse_the_result(depth, expected, noise):
    phantom = flood(Camera(tubes=(Tube(depth=depth),)), counts=1e9, noise=noise)
    result = flood_uniformity(phantom.evidence())
    for fov in ("UFOV", "CFOV"):
        assert found(result, "integral_uniformity", fov=fov).value == pytest.approx(expected, abs=0.5 if noise else 0.1)


def test_a_dead_tube_is_told_and_reads_hundred_per_cent():
    result = flood_uniformity(flood(Camera(tubes=(Tube(depth=1.0),)), counts=30e6).evidence())
    assert "dead_area" in codes(result)
    assert found(result, "integral_uniformity", fov="UFOV").value == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize(
    ("place", "with_field"),
    [((0, -180), True), ((250, 0), True), ((240, 175), True), ((0, -180), False), ((250, 0), False)],
    ids=["top", "right", "corner", "top, field detected", "right, field detected"],
)
def test_a_dead_tube_at_the_edge_does_not_hide(place, with_field):
    camera = Camera(tubes=(Tube(depth=1.0, x_mm=place[0], y_mm=place[1], diameter_mm=80),))
    result = flood_uniformity(flood(camera, counts=30e6, with_truth=False).evidence(with_field=with_field))
    assert found(result, "integral_uniformity", fov="UFOV").value > 90


@pytest.mark.parametrize(("shape", "field_mm"), [("round", (400.0, 400.0)), ("hexagonal", (540.0, 540.0))])
def test_round_and_hexagonal_fields_have_their_truth(shape, field_mm):
    phantom = flood(Camera(shape=shape, field_mm=field_mm, pattern_percent=3), noise=False)
    result = flood_uniformity(phantom.evidence())
    for truth in phantom.truth["noiseless"]:
        flooded = result.detectors[0].fields[("UFOV", "CFOV").index(truth["fov"])]
        assert flooded.pixels == pytest.approx(truth["pixels"], rel=0.01)
        assert found(result, "integral_uniformity", fov=truth["fov"]).value == pytest.approx(
            truth["integral_uniformity"], abs=0.05
        )


def test_a_hexagon_is_turned_as_it_lies_in_the_image():
    phantom = flood(Camera(shape="hexagonal", field_mm=(540.0, 540.0)), counts=30e6, with_truth=False)
    turned = with_counts(phantom, np.swapaxes(phantom.counts, 1, 2))
    values = [flood_uniformity(one).detectors[0] for one in (phantom.evidence(), turned)]
    assert [one.field.turned for one in values] == [False, True]
    assert values[0].fields[0].integral.value == pytest.approx(values[1].fields[0].integral.value)


def test_the_dome_of_a_near_source_is_removed():
    flat, domed = (flood(Camera(dome_mm=dome), noise=False, counts=1e8) for dome in (None, 1500.0))
    plain = found(flood_uniformity(domed.evidence()), "integral_uniformity", fov="UFOV").value
    result = flood_uniformity(domed.evidence(), dome_correction=True)
    assert plain > 1.5
    assert found(result, "integral_uniformity", fov="UFOV").value == pytest.approx(0, abs=0.05)
    assert result.detectors[0].dome.distance_mm == pytest.approx(1500, rel=0.01)
    assert "dome_corrected" in codes(result)
    assert found(flood_uniformity(flat.evidence(), dome_correction=True), "integral_uniformity", fov="UFOV").value < 0.05


def test_the_dome_correction_leaves_a_bad_tube_in_place():
    phantom = flood(Camera(dome_mm=2000.0, tubes=(Tube(depth=0.35),)), noise=False)
    result = flood_uniformity(phantom.evidence(), dome_correction=True)
    assert found(result, "integral_uniformity", fov="UFOV").value == pytest.approx(21.2, abs=0.3)


def test_a_hot_pixel_is_found_where_it_is():
    phantom = flood(Camera(), counts=30e6, with_truth=False)
    counts = phantom.counts.copy()
    counts[0, 100, 180] += 20 * int(counts.max())
    high = flood_uniformity(with_counts(phantom, counts)).detectors[0].fields[0].highest
    expected = (100.5 - 128) * phantom.camera.pixel_mm, (180.5 - 128) * phantom.camera.pixel_mm
    assert (high.y_mm, high.x_mm) == pytest.approx(expected, abs=7.2)


@pytest.mark.parametrize("depth", [0.1, 0.35])
def test_a_bad_tube_is_told_with_place_size_and_depth(depth):
    phantom = flood(Camera(tubes=(Tube(depth=depth, x_mm=-100, y_mm=70, detector=2),)), counts=15e6, detectors=2, seed=1)
    result = flood_uniformity(phantom.evidence())
    defect = found(result, "defect_contrast")
    assert defect.where["detector"] == 2
    assert (defect.where["x_mm"], defect.where["y_mm"]) == pytest.approx((-100, 70), abs=4)
    assert defect.where["diameter_mm"] == pytest.approx(60, abs=8)
    assert abs(defect.value - 100 * depth) < 3 * defect.uncertainty
    assert not defect.quantity.judged


def test_the_worst_window_names_its_axis_and_place():
    phantom = flood(Camera(tubes=(Tube(depth=0.2, x_mm=90, y_mm=-40, diameter_mm=70),)), noise=False)
    windows = {window.axis: window for window in flood_uniformity(phantom.evidence()).detectors[0].fields[0].windows}
    assert abs(windows["x"].x_mm - 90) == pytest.approx(35, abs=16)
    assert abs(windows["y"].y_mm + 40) == pytest.approx(35, abs=16)
    assert abs(windows["x"].y_mm + 40) < 35


# --- pixel size and bins ---------------------------------------------------------------------------------------------------------


def test_pixels_that_no_whole_factor_brings_into_range_are_analysed_as_they_are_and_told():
    phantom = flood(Camera(matrix=128, pixel_mm=4.418), counts=30e6, with_truth=False)
    result = flood_uniformity(phantom.evidence())
    assert found(result, "pixel_size_analysed").value == pytest.approx(4.418)
    assert "pixel_outside_range" in codes(result)


@pytest.mark.parametrize(
    ("pixel_mm", "expected"),
    [(0.5994, 6.593), (1.105, 6.63), (2.209, 6.627), (2.3976, 7.193), (3.3, 6.6), (4.795, 4.795), (6.4, 6.4)],
)
def test_the_analysed_pixel_is_the_nearest_to_six_point_four_mm(pixel_mm, expected):
    matrix = int(614 / pixel_mm / 2) * 2
    phantom = flood(Camera(matrix=matrix, pixel_mm=pixel_mm), counts=30e6, with_truth=False)
    result = flood_uniformity(phantom.evidence())
    assert found(result, "pixel_size_analysed").value == pytest.approx(expected, abs=0.001)
    assert "pixel_outside_range" not in codes(result)


def test_the_centre_pixel_is_the_mean_of_the_four_round_the_centre():
    phantom = flood(Camera(matrix=128, pixel_mm=6.4, field_mm=(600, 600)), counts=1e7, with_truth=False)
    result = flood_uniformity(phantom.evidence())
    assert found(result, "centre_pixel_counts").value == pytest.approx(phantom.counts[0, 63:65, 63:65].mean())


# --- real floods -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared):
    return gather([shared / "data" / "gamma_camera" / "mediso_flood_256.dcm"]).evidence[0]


def test_the_real_flood_has_the_values_rehearsed_on_it(real):
    result = flood_uniformity(real)
    expected = {("integral_uniformity", "CFOV"): (3.08, 0.03), ("integral_uniformity", "UFOV"): (4.30, 0.05)}
    expected |= {("differential_uniformity", "UFOV"): (3.07, 0.02)}
    for (quantity, fov), (value, tolerance) in expected.items():
        assert found(result, quantity, fov=fov).value == pytest.approx(value, abs=tolerance)
    assert result.detectors[0].fields[0].pixels == 4995
    assert found(result, "pixel_size_analysed").value == pytest.approx(6.195, abs=0.001)
    for fov, value in (("UFOV", 2.55), ("CFOV", 2.34)):
        floor = found(result, "integral_uniformity_noise_floor", fov=fov)
        assert abs(floor.value - value) < max(0.06, 3 * floor.uncertainty)
    assert {"ufov_detected", "field_cut", "noise_limited"} <= set(codes(result))


def test_the_real_flood_at_four_by_four_has_the_value_of_the_toolkits(real):
    result = flood_uniformity(real, bin_factor=4)
    assert found(result, "integral_uniformity", fov="CFOV").value == pytest.approx(2.378, abs=0.02)
    assert found(result, "differential_uniformity", fov="CFOV").value == pytest.approx(1.73, abs=0.02)


def test_the_real_flood_scatters_more_than_counting_and_says_so(real):
    result = flood_uniformity(real)
    assert "noise_not_poisson" in codes(result)
    assert result.detectors[0].dispersion == pytest.approx(1.5, abs=0.15)


def test_the_rectangular_flood_is_measured(shared):
    (evidence,) = gather([shared / "data" / "gamma_camera" / "UNIFORMIDAD_rectangle.mhd"]).evidence
    result = flood_uniformity(evidence)
    assert 2 < found(result, "integral_uniformity", fov="UFOV").value < 4
    assert result.detectors[0].field.size_mm == pytest.approx((291, 425), abs=3)


# --- what must not matter --------------------------------------------------------------------------------------------------------

BASE = flood(Camera(matrix=128, pixel_mm=4.8, tube_gain_percent=2.0), counts=1e7, noise=False, with_truth=False)
VALUES = ("integral_uniformity", "differential_uniformity")


def values_of(evidence, **options):
    result = flood_uniformity(evidence, **options)
    return {(m.quantity.name, m.where["fov"]): m.value for m in result.measurements if m.quantity.name in VALUES}


@settings(max_examples=12, deadline=None)
@given(scale=st.floats(0.3, 1e4))
def test_counting_longer_does_not_change_noiseless_uniformity(scale):
    assert values_of(with_counts(BASE, BASE.counts * scale)) == pytest.approx(values_of(BASE.evidence()), rel=1e-4)


@settings(max_examples=8, deadline=None)
@given(upside_down=st.booleans(), mirrored=st.booleans(), transposed=st.booleans())
def test_flips_and_transposition_change_nothing(upside_down, mirrored, transposed):
    counts = BASE.counts[:, :: -1 if upside_down else 1, :: -1 if mirrored else 1]
    evidence = with_counts(BASE, counts)
    if transposed:
        rows, columns = BASE.ufov_mm
        field = FieldOfView(shape="RECTANGLE", dimensions_mm=(columns, rows))
        evidence = with_counts(BASE, np.swapaxes(counts, 1, 2), field_of_view={1: field})
    assert values_of(evidence) == pytest.approx(values_of(BASE.evidence()), rel=1e-9)


def test_the_order_of_frames_changes_nothing():
    phantom = flood(Camera(tubes=(Tube(depth=0.2, detector=2),)), counts=5e6, detectors=2, with_truth=False)
    evidence = phantom.evidence()
    turned = replace(evidence.images, counts=phantom.counts[::-1], frames=evidence.images.frames[::-1])
    first, second = flood_uniformity(evidence), flood_uniformity(replace(evidence, images=turned))
    assert first.measurements == second.measurements


def test_frames_of_one_detector_are_summed():
    phantom = flood(Camera(), counts=4e6, with_truth=False)
    parts = np.random.default_rng(0).multinomial(phantom.counts[0], [0.25] * 4).transpose(2, 0, 1)
    frames = tuple(Frame(detector=1, time_slot=number) for number in range(1, 5))
    split = with_counts(phantom, parts, frames=frames, image_type="DYNAMIC")
    result = flood_uniformity(split)
    assert values_of(split) == pytest.approx(values_of(phantom.evidence()))
    assert "frames_summed" in codes(result)


def test_the_numbers_are_the_same_on_every_run_and_after_pickling():
    evidence = flood(Camera(pattern_percent=1), counts=5e6, with_truth=False).evidence()
    first = flood_uniformity(evidence).measurements
    assert flood_uniformity(evidence).measurements == first
    assert flood_uniformity(pickle.loads(pickle.dumps(evidence))).measurements == first


def test_a_rescaled_file_gives_the_uniformity_of_the_rescaled_counts(tmp_path):
    import pydicom

    phantom = flood(Camera(gradient_percent=(0.0, 3.0)), counts=60e6, noise=False)
    image, _ = write(tmp_path, phantom)
    dataset = pydicom.dcmread(image)
    dataset.PixelData = (dataset.pixel_array + 1000).astype("<u2").tobytes()
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1000
    dataset.save_as(image)
    (evidence,) = gather([image]).evidence
    truth = phantom.truth["noiseless"][0]["integral_uniformity"]
    assert found(flood_uniformity(evidence), "integral_uniformity", fov="UFOV").value == pytest.approx(truth, abs=0.05)


# --- bad detectors, bad evidence -------------------------------------------------------------------------------------------------


def test_one_dead_detector_leaves_the_other_measured():
    phantom = flood(Camera(), counts=10e6, detectors=2, dead=(1,), with_truth=False)
    result = flood_uniformity(phantom.evidence())
    assert {m.where["detector"] for m in result.measurements} == {2}
    (told,) = [one for one in result.remarks if one.code == "detector_not_measured"]
    assert "detector 1" in told.words.en
    assert "探头 1" in told.words.zh


def test_two_dead_detectors_are_refused_each_with_its_reason():
    phantom = flood(Camera(), counts=10e6, detectors=2, dead=(1, 2), with_truth=False)
    with pytest.raises(Refused) as refused:
        flood_uniformity(phantom.evidence())
    assert "detector 1" in refused.value.words.en
    assert "detector 2" in refused.value.words.en


def refusal(evidence, **options):
    with pytest.raises(Refused) as refused:
        flood_uniformity(evidence, **options)
    assert refused.value.words.en
    assert refused.value.words.zh
    return refused.value.code


def test_evidence_without_planar_frames_is_refused():
    empty = PlanarImages(counts=np.zeros((0, 8, 8)), pixel_mm=(4.8, 4.8), frames=())
    for images in (None, empty):
        evidence = Evidence(kind="nm_planar", files=(EvidenceFile(path="x.dcm", sha256="0"),), sha256="0", images=images)
        assert refusal(evidence) == "wrong_evidence"


def test_rotations_and_whole_body_scans_are_refused():
    for image_type in ("TOMO", "WHOLE BODY", "GATED"):
        assert refusal(with_counts(BASE, BASE.counts, image_type=image_type)) == "not_a_flood"


def test_a_missing_pixel_size_is_refused():
    assert refusal(with_counts(BASE, BASE.counts, pixel_mm=None)) == "no_pixel_size"


def test_a_clipped_flood_is_refused():
    phantom = flood(Camera(matrix=128, pixel_mm=4.8), counts=30e6, with_truth=False)
    middle = np.median(phantom.counts[phantom.counts > 0])
    counts = np.minimum(np.rint(phantom.counts * (255 / middle)), 255).astype(np.uint16)
    assert refusal(with_counts(phantom, counts)) == "clipped"


def test_too_few_counts_are_refused_with_what_is_needed():
    assert refusal(flood(Camera(), counts=3e4, with_truth=False).evidence()) == "too_few_counts"


def test_values_that_are_not_numbers_are_refused():
    counts = BASE.counts.copy()
    counts[0, 60, 60] = np.nan
    assert refusal(with_counts(BASE, counts)) == "not_a_flood"


def test_a_dead_half_of_a_detector_is_not_taken_for_a_small_field():
    phantom = flood(Camera(), counts=30e6, with_truth=False)
    counts = phantom.counts.copy()
    counts[0, :, :128] = 0
    unstated = replace(
        phantom.evidence(with_field=False), images=replace(phantom.evidence(with_field=False).images, counts=counts)
    )
    assert refusal(unstated) == "field_not_stated"
    stated = replace(unstated, facts={"ufov_mm": [380, 513]})
    assert refusal(stated) == "not_a_flood"


def test_an_unusable_bin_factor_or_field_is_refused():
    assert refusal(BASE.evidence(), bin_factor=0) == "option_unusable"
    assert refusal(BASE.evidence(), bin_factor=30) == "field_too_small"
    assert refusal(BASE.evidence(facts={"ufov_mm": "large"})) == "facts_unusable"


# --- what is shown ---------------------------------------------------------------------------------------------------------------


def test_noise_limited_measurements_carry_a_companion_and_say_how_many_counts_are_needed():
    poor, rich = (flood_uniformity(flood(Camera(), counts=counts, with_truth=False).evidence()) for counts in (5e6, 80e6))
    assert all(found(poor, name, fov=fov).noise_corrected is not None for name in VALUES for fov in ("UFOV", "CFOV"))
    assert all(found(rich, name, fov=fov).noise_corrected is None for name in VALUES for fov in ("UFOV", "CFOV"))
    (told,) = [one for one in poor.remarks if one.code == "noise_limited"]
    assert "42 million" in told.words.en
    assert "noise_limited" not in codes(rich)


def test_every_quantity_is_declared_and_only_uniformities_are_judged():
    entry = roll()["gamma_camera.flood_uniformity"]
    phantom = flood(Camera(tubes=(Tube(depth=0.3),)), counts=5e6, with_truth=False)
    measured = {m.quantity for m in flood_uniformity(phantom.evidence()).measurements}
    assert measured == set(entry.quantities)
    assert {quantity.name for quantity in measured if quantity.judged} == set(VALUES)


@pytest.mark.parametrize("detectors", [1, 2, 5])
def test_the_figures_show_every_detector(detectors):
    phantom = flood(Camera(), counts=5e6, detectors=detectors, with_truth=False)
    figures = flood_uniformity(phantom.evidence()).figures()
    pictures = [one for one in figures if isinstance(one, Picture)]
    counts = [one for one in pictures if one.group == "counts"]
    deviations = [one for one in pictures if one.group == "deviation"]
    assert len(counts) == len(deviations) == detectors
    assert {one.window for one in counts} == {(0.0, max(float(one.values.max()) for one in counts))}
    assert {one.window for one in deviations} == {(-10.0, 10.0)}
    for one in pictures:
        outlines = {overlay.label: overlay.style for overlay in one.overlays if isinstance(overlay, Outline)}
        assert outlines == {"UFOV": "solid", "CFOV": "dashed"}
        assert [overlay.sign for overlay in one.overlays if isinstance(overlay, Spot)] == ["−", "+"]
        assert all(overlay.mask.shape == one.values.shape for overlay in one.overlays if isinstance(overlay, Outline))
    charts = [one for one in figures if isinstance(one, Chart)]
    assert sum(len(one.marks) for one in charts) == detectors
    assert all(one.x.unit == "mm" and one.y.unit == "%" for one in charts)
