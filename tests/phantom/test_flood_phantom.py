"""The flood phantom: what it promises is in its counts, in its files and in its truth."""

import json

import numpy as np
import pytest

from photopeak.dicom.gather import gather
from photopeak.phantom.flood import Camera, Tube, flood, flood_files, write
from photopeak.phantom.flood_truth import nema_uniformity


def truth_of(phantom, fov="UFOV", detector=1):
    return next(one for one in phantom.truth["noiseless"] if one["fov"] == fov and one["detector"] == detector)


def test_the_counts_asked_for_are_expected_on_each_detector():
    phantom = flood(Camera(pattern_percent=2), counts=1e6, detectors=2, noise=False, with_truth=False)
    assert phantom.expectation.sum(axis=(1, 2)) == pytest.approx([1e6, 1e6])


def test_the_same_seed_gives_the_same_counts_and_another_seed_others():
    first, again, other = (flood(Camera(matrix=64), counts=1e6, seed=seed, with_truth=False).counts for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_counting_noise_is_poisson():
    phantom = flood(Camera(matrix=128), counts=1e7, with_truth=False)
    inside = phantom.expectation[0] > 0.99 * phantom.expectation.max()
    ratio = ((phantom.counts[0] - phantom.expectation[0])[inside] ** 2).mean() / phantom.expectation[0][inside].mean()
    assert ratio == pytest.approx(1, abs=0.05)


def test_a_flat_camera_is_uniform_in_truth():
    assert truth_of(flood(Camera(), noise=False))["integral_uniformity"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("depth", "expected"), [(0.35, 100 * 0.35 / 1.65), (0.5, 100 * 0.5 / 1.5), (1.0, 100.0)])
def test_a_bad_tube_has_the_integral_uniformity_of_its_depth(depth, expected):
    phantom = flood(Camera(tubes=(Tube(depth=depth),)), noise=False)
    assert truth_of(phantom)["integral_uniformity"] == pytest.approx(expected, abs=1e-6)


def test_a_tube_spoils_only_its_own_detector():
    phantom = flood(Camera(tubes=(Tube(depth=0.5, detector=2),)), detectors=2, noise=False)
    assert truth_of(phantom, detector=1)["integral_uniformity"] == pytest.approx(0, abs=1e-9)
    assert truth_of(phantom, detector=2)["integral_uniformity"] > 30


def test_a_gradient_reaches_the_edge_with_its_percentage():
    camera = Camera(gradient_percent=(0.0, 5.0))
    row = camera.expectation()[camera.matrix // 2]
    inside = row[row > 0.85 * row.max()]
    assert inside.max() / np.median(inside) == pytest.approx(1.05, abs=0.001)


def test_edge_packing_brightens_the_last_millimetres_only():
    camera = Camera(edge_packing_percent=15, edge_mm=10)
    column = camera.expectation()[:, camera.matrix // 2]
    middle = column[camera.matrix // 2]
    edge = int(camera.matrix / 2 + 196 / camera.pixel_mm)
    assert column[edge] / middle == pytest.approx(1.15, abs=1e-6)
    assert column[edge - 8] / middle == pytest.approx(1.0, abs=1e-6)


def test_a_near_source_makes_a_dome():
    camera = Camera(dome_mm=2000.0)
    values = camera.expectation()
    middle, at = camera.matrix // 2, int(camera.matrix / 2 + 200 / camera.pixel_mm)
    away = (at + 0.5 - camera.matrix / 2) * camera.pixel_mm
    centre = 2 * (0.5 * camera.pixel_mm) ** 2
    expected = ((2000.0**2 + away**2 + centre / 2) / (2000.0**2 + centre)) ** -1.5
    assert values[middle, at] / values[middle, middle] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("shape", ["round", "hexagonal"])
def test_fields_of_other_shapes_have_their_area(shape):
    camera = Camera(shape=shape, field_mm=(400.0, 400.0))
    area = (camera.expectation() > 0).sum() * camera.pixel_mm**2
    expected = np.pi / 4 * 400**2 if shape == "round" else 1.5 * np.sqrt(3) * 200**2
    assert area == pytest.approx(expected, rel=0.02)


def test_the_truth_of_a_checked_map_is_right_by_hand():
    expectation = np.full((64, 64), 100.0)
    expectation[30, 30] = 116.0
    found = nema_uniformity(expectation, 6.4, (320.0, 320.0))
    high = 100 + 16 * 4 / 16
    assert found[0]["integral_uniformity"] == pytest.approx(100 * (high - 100) / (high + 100))
    assert found[0]["pixels"] == 50 * 50


def test_files_hold_the_counts_the_field_of_view_and_the_truth(tmp_path):
    camera = Camera(matrix=128, pixel_mm=4.8)
    phantom = flood(camera, counts=5e6, detectors=2, seed=7)
    image, truth = write(tmp_path, phantom, seed=7)
    (evidence,) = gather([image]).evidence
    assert np.array_equal(evidence.images.counts, phantom.counts)
    assert [frame.detector for frame in evidence.images.frames] == [1, 2]
    assert evidence.images.field_of_view[2].dimensions_mm == phantom.ufov_mm == (380.0, 513.0)
    assert evidence.images.pixel_mm == pytest.approx((4.8, 4.8))
    told = json.loads(truth.read_text("utf-8"))
    assert told["counts_per_detector"] == 5e6
    assert {one["fov"] for one in told["noiseless"]} == {"UFOV", "CFOV"}


def test_the_command_writes_the_same_files_for_the_same_seed(tmp_path):
    made = [flood_files(tmp_path / name, seed=3, matrix=64, counts=1e6, tube_depth_percent=20) for name in ("a", "b")]
    assert [path.read_bytes() for path in made[0]] == [path.read_bytes() for path in made[1]]


def test_a_dead_detector_records_nothing_and_has_no_truth(tmp_path):
    image, truth = flood_files(tmp_path, matrix=64, counts=1e6, dead_detector=2)
    (evidence,) = gather([image]).evidence
    assert evidence.images.counts[1].sum() == 0
    assert {one["detector"] for one in json.loads(truth.read_text("utf-8"))["noiseless"]} == {1}
