"""Faults measured in other programs on images of known truth, one test each: they must not be found here.

The figures in the docstrings are what those programs report for the same images.
"""

import datetime
import time
from dataclasses import replace

import numpy as np
import pytest

from photopeak.dicom.gather import gather
from photopeak.evidence import Frame
from photopeak.gamma_camera.bar_phantom import bar_phantom
from photopeak.gamma_camera.count_rate import count_rate
from photopeak.gamma_camera.flood_uniformity import flood_uniformity
from photopeak.gamma_camera.planar_sensitivity import planar_sensitivity
from photopeak.gamma_camera.spatial_resolution import spatial_resolution
from photopeak.nuclide import NUCLIDES
from photopeak.phantom.as_dicom import write_planar
from photopeak.phantom.bars import QuadrantBars
from photopeak.phantom.flood import MATRIX_MM, Camera, Tube, flood
from photopeak.phantom.lines import four_lines
from photopeak.phantom.planar_image import planar_evidence
from photopeak.phantom.planar_sources import dish
from photopeak.procedure import Refused

pydicom = pytest.importorskip("pydicom")


def value(result, quantity, **where):
    found = [m for m in result.measurements if m.quantity.name == quantity and where.items() <= dict(m.where).items()]
    assert len(found) == 1, [dict(m.where) for m in found]
    return found[0].value


def uniformity(camera, *, counts=1e9, noise=False, **how):
    return flood_uniformity(flood(camera, counts=counts, noise=noise, with_truth=False, **how).evidence())


# Uniformity ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("depth", "truth"), [(0.10, 5.26), (0.24, 13.64), (0.35, 21.2), (0.50, 33.3), (1.0, 100.0)])
@pytest.mark.parametrize("fov", ["UFOV", "CFOV"])
def test_a_worse_tube_never_scores_better(depth, truth, fov):
    """35, 50, 100 % deep: 1.18, 0.22, 0.04 % in the UFOV and 0 in the CFOV."""
    result = uniformity(Camera(tubes=(Tube(depth=depth),)))
    assert value(result, "integral_uniformity", fov=fov) == pytest.approx(truth, abs=0.1)


@pytest.mark.parametrize(
    ("pixel_mm", "analysed"), [(4.795, 4.795), (2.209, 6.627), (1.105, 6.63), (1.2, 6.0), (2.4, 7.2), (0.6, 6.6)]
)
def test_pixels_are_joined_to_the_nearest_of_six_point_four_mm(pixel_mm, analysed):
    """Powers of two only: 2.209 and 1.105 become 8.84 mm; a typing error made 9.59 of 4.795."""
    camera = Camera(matrix=int(560 / pixel_mm), pixel_mm=pixel_mm)
    result = uniformity(camera)
    assert value(result, "pixel_size_analysed") == pytest.approx(analysed)
    assert 4.48 <= analysed <= 8.32


def test_pixels_in_the_hole_of_the_standards_range_are_told():
    """4.418 mm: alone it is below 4.48, doubled above 8.32. 8.84 mm was used without a word."""
    result = uniformity(Camera(matrix=128, pixel_mm=4.418))
    assert value(result, "pixel_size_analysed") == pytest.approx(4.418)
    assert any("pixel" in one.code for one in result.remarks)


def test_noise_alone_is_reported_as_such_and_is_not_enlarged_by_the_binning():
    """At 5 Mcounts a perfect camera reads 6.6 / 6.3 % where pixels are doubled; nobody says that it is noise."""
    result = uniformity(Camera(), counts=5e6, noise=True)
    for fov in ("UFOV", "CFOV"):
        floor = value(result, "integral_uniformity_noise_floor", fov=fov)
        assert 3.0 < floor < 4.6
        assert value(result, "integral_uniformity", fov=fov) == pytest.approx(floor, abs=1.0)
        assert value(result, "integral_uniformity_noise_corrected", fov=fov) < 0.5 * floor


def test_the_central_field_reaches_into_its_corners():
    """The same width taken off all sides, with round corners, reads 2.5-2.7 % where the rectangle reads 2.84-2.98 %."""
    corner = Tube(x_mm=0.75 * 256 - 22, y_mm=0.75 * 190 - 22, depth=0.06, diameter_mm=36.0)
    result = uniformity(Camera(tubes=(corner,)))
    assert value(result, "integral_uniformity", fov="CFOV") == pytest.approx(
        value(result, "integral_uniformity", fov="UFOV"), abs=0.01
    )
    assert value(result, "integral_uniformity", fov="CFOV") > 2.7


def test_a_bright_rim_counts_where_it_lies_in_the_stated_field():
    """A field guessed as 95 % of what is lit takes a bright rim away before it is judged."""
    camera = Camera(edge_packing_percent=15.0, edge_mm=20.0)
    evidence = flood(camera, counts=1e9, noise=False, with_truth=False).evidence()
    narrow = flood_uniformity(replace(evidence, facts={"ufov_mm": [340.0, 480.0]}))
    wide = flood_uniformity(replace(evidence, facts={"ufov_mm": [390.0, 530.0]}))
    assert value(narrow, "integral_uniformity", fov="UFOV") < 0.2
    assert value(wide, "integral_uniformity", fov="UFOV") > 4.0


def test_few_counts_are_refused_in_a_sentence():
    """50 000 counts ended in a ValueError."""
    with pytest.raises(Refused) as refusal:
        uniformity(Camera(), counts=5e4, noise=True)
    assert all(refusal.value.words)


def test_one_dead_detector_does_not_take_the_other_with_it():
    """No result for either."""
    result = uniformity(Camera(), counts=2e7, noise=True, detectors=2, dead=(2,))
    assert {m.where["detector"] for m in result.measurements} == {1}


def test_a_hot_pixel_is_located():
    """37 %, but not where."""
    phantom = flood(Camera(), counts=2e7, with_truth=False)
    counts = phantom.counts.copy()
    counts[0, 150, 90] *= 20
    evidence = phantom.evidence()
    result = flood_uniformity(replace(evidence, images=replace(evidence.images, counts=counts)))
    (found,) = [m for m in result.measurements if m.quantity.name == "integral_uniformity" and m.where["fov"] == "UFOV"]
    assert found.value > 20
    pictures = [one for one in result.figures() if hasattr(one, "overlays")]
    highest = next(spot for picture in pictures for spot in picture.overlays if getattr(spot, "sign", "") == "+")
    pixel = MATRIX_MM / 256
    assert (highest.x_mm, highest.y_mm) == pytest.approx(((90.5 - 128) * pixel, (150.5 - 128) * pixel), abs=8.0)


@pytest.fixture
def two_heads(tmp_path):
    """A flood of two detectors as one file, and what it measures."""
    counts = flood(Camera(matrix=128, pixel_mm=MATRIX_MM / 128), counts=2e7, detectors=2, with_truth=False).counts
    path = tmp_path / "two.dcm"
    write_planar(path, counts, pixel_mm=(MATRIX_MM / 128,) * 2, detectors=[1, 2])
    return path, flood_uniformity(gather([path]).evidence[0])


def test_the_intercept_of_the_header_is_applied(two_heads):
    """Raw values that hold 1000 more than the counts: 4.67 instead of 6.93 %."""
    path, plain = two_heads
    dataset = pydicom.dcmread(path)
    dataset.PixelData = (dataset.pixel_array + 1000).astype("<u2").tobytes()
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1000
    dataset.save_as(path)
    (evidence,) = gather([path]).evidence
    assert [m.value for m in flood_uniformity(evidence).measurements] == pytest.approx([m.value for m in plain.measurements])


def test_a_file_without_a_number_of_frames_is_read(tmp_path):
    """AttributeError."""
    counts = flood(Camera(matrix=128, pixel_mm=MATRIX_MM / 128), counts=2e7, with_truth=False).counts
    path = tmp_path / "one.dcm"
    write_planar(path, counts, pixel_mm=(MATRIX_MM / 128,) * 2)
    plain = flood_uniformity(gather([path]).evidence[0])
    dataset = pydicom.dcmread(path)
    del dataset.NumberOfFrames
    dataset.save_as(path)
    assert flood_uniformity(gather([path]).evidence[0]).measurements == plain.measurements


def test_a_series_of_single_frames_is_the_same_as_one_file_of_several(two_heads, tmp_path):
    """Series of single frames could not be given at all."""
    path, plain = two_heads
    whole = pydicom.dcmread(path)
    pixels = whole.pixel_array
    folder = tmp_path / "singles"
    folder.mkdir()
    for index in range(2):
        one = pydicom.dcmread(path)
        one.NumberOfFrames = 1
        one.DetectorVector, one.EnergyWindowVector = [index + 1], [1]
        one.PixelData = pixels[index].tobytes()
        one.SOPInstanceUID = f"{whole.SOPInstanceUID[:50]}.{index + 1}"
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.InstanceNumber = index + 1
        one.save_as(folder / f"{index}.dcm")
    (evidence,) = gather([folder]).evidence
    found = {(m.quantity.name, str(sorted(m.where.items()))): m.value for m in flood_uniformity(evidence).measurements}
    assert found == {(m.quantity.name, str(sorted(m.where.items()))): m.value for m in plain.measurements}


# Four lines ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {"pixel_mm": 1.1, "matrix": 256, "background": 0.0},
        {"pixel_mm": 1.1, "matrix": 256, "background": 10.0},
        {"pixel_mm": 1.1, "matrix": 256, "centre_mm": (8.0, 5.0)},
        {"pixel_mm": 1.1, "matrix": 256, "angle_deg": 1.0},
        {"pixel_mm": 2.2, "matrix": 128},
        {"pixel_mm": 4.4, "matrix": 64},
        {"pixel_mm": 0.55, "matrix": 512},
    ],
    ids=["no background", "background", "off centre", "turned", "2.2 mm", "4.4 mm", "0.55 mm"],
)
def test_four_lines_keep_their_width_and_the_pixel_its_size(how):
    """Without background 5.10 / 5.85 mm for 7.5 and a pixel 29 % off; at 4.4 mm a pixel of 37 mm; at 0.55 mm 1.30 mm wide."""
    result = spatial_resolution(four_lines(**how).evidence(facts={"line_separation_mm": 100.0}))
    for axis in ("x", "y"):
        assert value(result, "fwhm", axis=axis, method="gaussian") == pytest.approx(7.5, rel=0.01)
        assert value(result, "pixel_size_measured", axis=axis) == pytest.approx(how["pixel_mm"], rel=0.002)


# Bars ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fwhm_mm", [3.8, 5.0])
def test_ideal_bars_give_their_true_width_at_every_bar_width(fwhm_mm):
    """3.24 / 3.39 / 3.52 / 3.62 for 3.8 mm, different from bar to bar."""
    result = bar_phantom(
        QuadrantBars(fwhm_mm=fwhm_mm, matrix=384, pixel_mm=1.4).evidence(facts={"bar_widths_mm": [2.5, 3.0, 3.5, 4.0]})
    )
    widths = [m.value for m in result.measurements if m.quantity.name == "fwhm" and m.where["method"] == "square_wave"]
    assert widths == pytest.approx([fwhm_mm] * len(widths), rel=0.02)
    assert len(widths) >= 3


@pytest.mark.parametrize("order", [(4.0, 3.5, 3.0, 2.5), (2.5, 4.0, 3.0, 3.5)])
def test_regions_are_in_mm_and_quadrants_in_any_order(order):
    """A radius of 70 pixels for every image: an IndexError at 256 x 2.2 mm; quadrants only in the listed order."""
    made = QuadrantBars(widths_mm=order, matrix=256, pixel_mm=2.2, fwhm_mm=3.8)
    result = bar_phantom(made.evidence(facts={"bar_widths_mm": [2.5, 3.0, 3.5, 4.0]}))
    modulation = {m.where["bar_width_mm"]: m.value for m in result.measurements if m.quantity.name == "bar_modulation"}
    assert modulation[4.0] > modulation[3.5] > modulation[3.0]


# Sensitivity and count rate --------------------------------------------------------------------------------------------------


def test_half_an_hour_of_decay_is_not_forgotten_and_heads_are_not_summed():
    """5.6 % too low after 30 min of 99mTc; 136.7 for two heads of 61 and 75; no uncertainty."""
    nuclide, start, seconds = NUCLIDES["Tc-99m"], datetime.datetime(2026, 1, 5, 9, 0), 600.0
    exposure = 40.0 * nuclide.mean_over(seconds) * seconds
    images = np.stack([dish(counts=sensitivity * exposure) for sensitivity in (61.4, 75.3)])
    frames = [Frame(detector=n, duration_s=seconds) for n in (1, 2)]
    facts = {
        "nuclide": "Tc-99m",
        "activity_mbq": 40.0 / nuclide.share_left(1800),
        "assayed_at": start - datetime.timedelta(minutes=30),
    }
    result = planar_sensitivity(planar_evidence(images, 4.8, frames=frames, facts=facts, acquired=start))
    for detector, truth in ((1, 61.4), (2, 75.3)):
        assert value(result, "planar_sensitivity", detector=detector) == pytest.approx(truth, rel=0.001)
    assert all(m.uncertainty for m in result.measurements)


def test_the_duration_of_a_frame_comes_from_the_header_and_three_hundred_frames_take_no_time(tmp_path):
    """One second was assumed; 300 frames took 1.5 s and 1.6 GB."""
    rates = 1e4 + 9e4 * np.exp(-(((np.arange(300) - 170) / 60) ** 2))
    frames = [Frame(detector=1, phase=1, time_slot=k + 1, duration_s=0.5) for k in range(300)]
    counts = np.rint(np.outer(rates * 0.5, np.full(64 * 64, 1 / 64**2))).reshape(-1, 64, 64)
    write_planar(tmp_path / "d.dcm", counts, pixel_mm=(8.26, 8.26), frames=frames, image_type="DYNAMIC", duration_s=0.5)
    (evidence,) = gather([tmp_path / "d.dcm"]).evidence
    begun = time.process_time()
    result = count_rate(evidence)
    assert time.process_time() - begun < 0.5
    assert value(result, "max_count_rate", detector=1) == pytest.approx(counts[170].sum() / 0.5)
