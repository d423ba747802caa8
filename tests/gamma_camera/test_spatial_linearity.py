"""Spatial linearity: slits displaced by a known distortion."""

import dataclasses

import numpy as np
import pytest

from photopeak.gamma_camera.spatial_linearity import accepts, spatial_linearity
from photopeak.gamma_camera.spatial_resolution import accepts as resolution_accepts
from photopeak.phantom.bars import QuadrantBars
from photopeak.phantom.catalogue import CATALOGUE
from photopeak.phantom.flood import Camera, flood
from photopeak.phantom.lines import four_lines
from photopeak.phantom.planar_image import planar_evidence
from photopeak.phantom.slits import Slits, Wave
from photopeak.procedure import Refused

WAVES = {
    "none": None,
    "same on every slit": Wave(amplitude_mm=0.3),
    "different from slit to slit": Wave(amplitude_mm=0.5, pitch_mm=240.0),
    "short": Wave(amplitude_mm=0.2, period_mm=110.0, pitch_mm=170.0),
}

PIXEL = 0.75  # of the small phantom


def slits(wave=None, **how):
    return Slits(
        **{"matrix": 480, "pixel_mm": 0.9, "field_mm": (300.0, 400.0), "peak": 2500.0, **how},
        **({} if wave is None else {"distortion": wave}),
    )


def small(**how):
    return slits(
        Wave(amplitude_mm=0.15, period_mm=120.0), matrix=320, pixel_mm=PIXEL, field_mm=(180.0, 220.0), peak=60.0, **how
    )


def of(result):
    return {(m.quantity.name, m.where["axis"], m.where["fov"]): m for m in result.measurements}


def codes(result):
    return {one.code for one in result.remarks}


@pytest.mark.parametrize("wave", WAVES.values(), ids=WAVES)
@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_known_distortion_is_found_over_both_fields(axis, wave):
    """Against the truth known at every mm; the issue asks for 0.02 mm."""
    made = slits(wave, axis=axis)
    found = of(spatial_linearity(made.evidence(), slit_spacing_mm=30.0))
    for fov, share in (("UFOV", 1.0), ("CFOV", 0.75)):
        truth = made.linearity(share)
        assert found["differential_linearity", axis, fov].value == pytest.approx(truth[0], abs=0.012)
        assert found["absolute_linearity", axis, fov].value == pytest.approx(truth[1], abs=0.02)


@pytest.mark.parametrize("pixel_mm", [0.7, 1.2])
def test_pixels_do_not_show_as_distortion(pixel_mm):
    made = slits(first_mm=0.37, matrix=int(430 / pixel_mm), pixel_mm=pixel_mm)
    found = of(spatial_linearity(made.evidence(), slit_spacing_mm=30.0))
    assert max(m.value for m in found.values()) < 0.02


def test_differential_linearity_is_the_scatter_about_each_slits_own_line_not_of_the_distances_between_slits():
    """All slits waver together, so that their distances never change: the scatter of distances would be nothing."""
    made = slits(Wave(amplitude_mm=0.4))
    found = of(spatial_linearity(made.evidence(), slit_spacing_mm=30.0))
    assert found["differential_linearity", "x", "UFOV"].value == pytest.approx(made.linearity()[0], abs=0.01)
    assert made.linearity()[0] > 0.2


def bowed(place_mm, along_mm):
    """Slits that are straight but not equally spaced: their own lines see nothing of it."""
    return np.full_like(along_mm, 0.6 * np.cos(2 * np.pi * place_mm / 300.0))


def test_unequal_distances_show_in_absolute_linearity_alone():
    made = slits(bowed)
    found = of(spatial_linearity(made.evidence(), slit_spacing_mm=30.0))
    truth = made.linearity()
    assert found["differential_linearity", "x", "UFOV"].value < 0.005
    assert found["absolute_linearity", "x", "UFOV"].value == pytest.approx(truth[1], abs=0.02)
    assert truth[1] > 0.4


@pytest.mark.parametrize("stated_mm", [PIXEL, 0.7])
def test_millimetres_come_from_the_distance_of_the_slits(stated_mm):
    made = small()
    truth = of(spatial_linearity(made.evidence(), slit_spacing_mm=30.0))
    evidence = made.evidence()
    wrong = dataclasses.replace(evidence.images, pixel_mm=(stated_mm, stated_mm), field_of_view={})
    found = of(spatial_linearity(dataclasses.replace(evidence, images=wrong, facts={"slit_spacing_mm": 30.0})))
    key = ("differential_linearity", "x", "UFOV")
    assert found[key].value == pytest.approx(truth[key].value, rel=0.06)


def test_without_the_distance_the_header_is_used_and_said():
    assert "pixel_size_of_header" in codes(spatial_linearity(small().evidence()))
    assert "pixel_size_of_header" not in codes(spatial_linearity(small().evidence(facts={"slit_spacing_mm": 30.0})))


def test_one_axis_asks_for_the_other_and_two_are_averaged():
    assert "one_axis_only" in codes(spatial_linearity(small().evidence()))
    both = np.stack([small().expected(), small().expected().T])
    result = spatial_linearity(planar_evidence(both, PIXEL, frames=_frames(2), ufov_mm=(180.0, 180.0)))
    found = of(result)
    assert "one_axis_only" not in codes(result)
    mean = found["differential_linearity", "mean", "UFOV"].value
    parts = [found["differential_linearity", axis, "UFOV"].value for axis in ("x", "y")]
    assert mean == pytest.approx(sum(parts) / 2)
    assert ("absolute_linearity", "mean", "UFOV") not in found


def _frames(number):
    from photopeak.evidence import Frame

    return [Frame(detector=1, duration_s=300.0) for _ in range(number)]


@pytest.mark.parametrize("turn", ["mirrored", "upside down", "transposed"])
def test_mirroring_and_turning_the_phantom_changes_nothing(turn):
    counts = small().expected()
    moved = {"mirrored": counts[:, ::-1], "upside down": counts[::-1], "transposed": counts.T}[turn]
    axis = "y" if turn == "transposed" else "x"
    plain = of(spatial_linearity(planar_evidence(counts, PIXEL, ufov_mm=(180.0, 180.0))))
    found = of(spatial_linearity(planar_evidence(np.ascontiguousarray(moved), PIXEL, ufov_mm=(180.0, 180.0))))
    for quantity in ("differential_linearity", "absolute_linearity"):
        assert found[quantity, axis, "UFOV"].value == pytest.approx(plain[quantity, "x", "UFOV"].value, abs=2e-3)


def coverage(draws, peak=60.0):
    """Share of draws whose stated interval holds the noiseless value, by quantity; and the mean shift of each."""
    made = dataclasses.replace(small(), peak=peak)
    expected = made.expected()
    quiet = {key: m.value for key, m in of(spatial_linearity(planar_evidence(expected, PIXEL, ufov_mm=(180.0, 220.0)))).items()}
    hits, shifts = {}, {}
    for seed in range(draws):
        drawn = np.random.default_rng(seed).poisson(expected)
        for key, m in of(spatial_linearity(planar_evidence(drawn, PIXEL, ufov_mm=(180.0, 220.0)))).items():
            hits.setdefault(key, []).append(abs(m.value - quiet[key]) <= 2 * m.uncertainty)
            shifts.setdefault(key, []).append(m.value - quiet[key])
    return {key: float(np.mean(one)) for key, one in hits.items()}, {k: float(np.mean(v)) for k, v in shifts.items()}


def test_the_stated_uncertainty_holds_the_truth_in_a_sample_of_draws():
    found, _ = coverage(20)
    assert min(found.values()) >= 0.8
    assert np.mean(list(found.values())) >= 0.9


@pytest.mark.full
@pytest.mark.parametrize("peak", [60.0, 600.0])
def test_the_stated_uncertainty_holds_the_truth_as_often_as_it_says(peak):
    found, shifts = coverage(2000, peak)
    print(peak, found, shifts)  # shown by -rP
    assert min(found.values()) >= 0.93, (found, shifts)


def test_a_detector_without_slits_does_not_hide_the_other():
    counts = small().expected()
    result = spatial_linearity(planar_evidence(np.stack([np.zeros_like(counts), counts]), PIXEL))
    assert {m.where["detector"] for m in result.measurements} == {2}
    assert "detector_not_measured" in codes(result)


def test_two_procedures_share_the_image_of_the_slits():
    assert accepts(small().evidence()) is None
    assert resolution_accepts(small().evidence()) is None


@pytest.mark.parametrize(
    "evidence",
    [
        flood(Camera(), counts=5e6, with_truth=False).evidence(),
        QuadrantBars(matrix=256, pixel_mm=2.0).evidence(),
        four_lines(matrix=128).evidence(),
        planar_evidence(np.zeros((128, 128)), 4.8),
        planar_evidence(np.minimum(small(background=200.0).expected() * 3000, 65535).round(), PIXEL),
    ],
    ids=["flood", "bars", "four lines", "empty", "saturated"],
)
def test_what_is_not_a_slit_image_is_refused_in_words(evidence):
    with pytest.raises(Refused) as refusal:
        spatial_linearity(evidence)
    assert all(refusal.value.words)


def test_the_figure_maps_the_displacement():
    result = spatial_linearity(small().evidence())
    (picture,) = result.figures()
    assert picture.palette == "deviation"
    assert np.nanmax(np.abs(picture.values)) == pytest.approx(of(result)["absolute_linearity", "x", "UFOV"].value)


def test_the_written_phantom_says_its_linearity(tmp_path):
    import json

    from photopeak.dicom.gather import gather

    made = CATALOGUE["slits"](tmp_path, noise=False, peak=2500.0, matrix=640, pixel_mm=0.9, wave_mm=0.3)
    truth = json.loads(made[1].read_text("utf-8"))["linearity_mm"]
    (evidence,) = gather([made[0]]).evidence
    found = of(spatial_linearity(evidence, slit_spacing_mm=30.0))
    for axis in ("x", "y"):
        for fov in ("UFOV", "CFOV"):
            for quantity in ("differential_linearity", "absolute_linearity"):
                assert found[quantity, axis, fov].value == pytest.approx(truth[f"{axis} {fov}"][quantity], abs=0.02)
