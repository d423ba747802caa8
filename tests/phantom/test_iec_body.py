"""The IEC body phantom is its own truth only if its voxels are: they are held against plain numerical convolution."""

import json

import numpy as np
import pytest
from scipy import ndimage

from photopeak.pet.iec_body_pose import RING_RADIUS_MM, SIGMA_PER_FWHM, SPHERES_MM, Pose
from photopeak.phantom.iec_body import IecBody, correlated_noise, iec_body_files, noisy

FINE_MM = 0.5


def phantom(**changes):
    told = {
        "shape": (17, 90, 90),
        "spacing_mm": (4.5, 4.5, 4.5),
        "pose": Pose(centre_mm=(36.9, 201.3, 198.7), angle_deg=31.0, hand=1),
    }
    return IecBody(**(told | changes))


def fine_grid(body, centre, half_mm):
    """Object * PSF * voxel box round `centre` by brute force on a grid of FINE_MM; its axes and values."""
    steps = np.arange(-half_mm, half_mm + FINE_MM / 2, FINE_MM)
    axes = [c + steps for c in centre]
    z, y, x = np.ix_(*axes)
    values = np.full((steps.size,) * 3, body.background_bq_per_ml)
    inner = np.zeros_like(values)
    offsets = (np.arange(4) - 1.5) / 4 * FINE_MM
    for ball, diameter in zip(body.pose.spheres_mm(), SPHERES_MM):
        if np.abs(np.array(centre) - ball).max() > half_mm:
            continue
        for a in offsets:
            for b in offsets:
                for c in offsets:
                    near = (z + a - ball[0]) ** 2 + (y + b - ball[1]) ** 2 + (x + c - ball[2]) ** 2
                    inner += (near <= (diameter / 2) ** 2) / 64
        values += inner * (body.filled_with(diameter) - body.background_bq_per_ml)
    values = ndimage.gaussian_filter(values, body.sigma_mm / FINE_MM, truncate=6)
    box = [round(step / FINE_MM) for step in body.spacing_mm]
    assert all(n % 2 for n in box)
    return axes, ndimage.uniform_filter(values, box)


@pytest.mark.parametrize("diameter", [10, 13, 22])
def test_a_voxel_of_a_sphere_is_the_numerical_convolution_of_the_object(diameter):
    body = phantom()
    centre = body.pose.spheres_mm()[SPHERES_MM.index(diameter)]
    axes, expected = fine_grid(body, centre, diameter / 2 + 16)
    image = body.image()
    middle = np.rint(centre / np.array(body.spacing_mm)).astype(int)
    for shift in ((0, 0, 0), (1, 0, 0), (0, 1, 1), (0, -1, 0), (-1, 0, 1)):
        voxel = middle + np.array(shift)
        where = [(v * s - axis[0]) / FINE_MM for v, s, axis in zip(voxel, body.spacing_mm, axes)]
        truth = ndimage.map_coordinates(expected, np.array(where)[:, None], order=3)[0]
        assert image[tuple(voxel)] == pytest.approx(truth, abs=4e-4 * body.sphere_bq_per_ml)


@pytest.mark.parametrize("diameter", [10, 22])
def test_the_disc_mean_is_that_of_the_numerical_convolution(diameter):
    body = phantom()
    centre = body.pose.spheres_mm()[SPHERES_MM.index(diameter)]
    _, expected = fine_grid(body, centre, diameter / 2 + 16)
    middle = expected.shape[0] // 2
    y, x = np.mgrid[-20:20:0.05, -20:20:0.05]
    inside = y**2 + x**2 <= (diameter / 2) ** 2
    where = [y[inside] / FINE_MM + middle, x[inside] / FINE_MM + middle]
    truth = ndimage.map_coordinates(expected[middle], where, order=3).mean()
    assert body.disc_mean(diameter) == pytest.approx(truth, rel=5e-4)


def test_the_outline_is_the_numerical_convolution_of_arch_and_rounded_box():
    body = phantom(ratio=1.0)
    plane = body.image()[8]
    axis, expected = np.arange(0.0, 402.0, FINE_MM), 0.0
    for shift in np.stack(np.meshgrid(*[(np.arange(10) - 4.5) / 10 * FINE_MM] * 2), axis=-1).reshape(-1, 2):
        down, across = np.ix_(axis + shift[0] - body.pose.centre_mm[1], axis + shift[1] - body.pose.centre_mm[2])
        arch = (down <= 35) & ((down - 35) ** 2 + across**2 <= 147**2)
        box = (down > 35) & ((down - 35) ** 2 + np.maximum(np.abs(across) - 70, 0) ** 2 <= 77**2)
        expected = expected + ((arch | box) & (down**2 + across**2 > 25**2)) / 100
    expected = ndimage.uniform_filter(ndimage.gaussian_filter(expected, body.sigma_mm / FINE_MM, truncate=6), 9)
    chosen = np.arange(0, 89) * 9
    difference = plane[:89, :89] / body.background_bq_per_ml - expected[np.ix_(chosen, chosen)]
    assert np.abs(difference).max() < 3e-3


def test_spheres_lie_on_their_ring_in_any_pose():
    pose = Pose(centre_mm=(50.0, 200.0, 190.0), angle_deg=70.0, hand=-1, tilt=(0.05, -0.03))
    spheres = pose.spheres_mm()
    assert np.linalg.norm(spheres - np.array(pose.centre_mm), axis=1) == pytest.approx(np.full(6, RING_RADIUS_MM))
    assert np.linalg.norm(np.diff(spheres, axis=0), axis=1) == pytest.approx(np.full(5, RING_RADIUS_MM))
    flat = Pose(centre_mm=pose.centre_mm, angle_deg=70.0, hand=-1).spheres_mm()
    assert flat[0] == pytest.approx([50.0, 200 - 57.2 * np.sin(np.radians(70)), 190 + 57.2 * np.cos(np.radians(70))])
    assert flat[1, 2] > flat[0, 2]  # clockwise as displayed: from 70 degrees towards 10
    assert spheres[0, 0] - 50 == pytest.approx(0.05 * 53.75 - 0.03 * 19.56, abs=0.01)


def test_a_missing_sphere_holds_background_and_a_cold_one_nothing():
    body = phantom(missing=(10,), cold=(37,))
    assert body.disc_mean(10) == pytest.approx(body.background_bq_per_ml, rel=2e-3)
    assert body.disc_mean(37) < 0.15 * body.background_bq_per_ml
    assert body.truth()["sphere_bq_per_ml"]["10"] == body.background_bq_per_ml


def test_a_cold_wall_lowers_a_small_sphere():
    assert phantom(wall_mm=1.0).disc_mean(10) < 0.97 * phantom().disc_mean(10)


def test_the_lung_insert_holds_the_fraction_it_was_built_with():
    body = phantom(lung_fraction=0.2)
    row, column = round(201.3 / 4.5), round(198.7 / 4.5)
    assert body.image()[8, row, column] == pytest.approx(0.2 * body.background_bq_per_ml, rel=2e-3)


def test_a_wrong_calibration_multiplies_every_voxel():
    np.testing.assert_allclose(phantom(calibration=1.2).image(), 1.2 * phantom().image(), rtol=1e-6)


def test_noise_has_the_stated_size_and_correlation():
    spacing, shape = (2.0, 2.0, 2.0), (64, 96, 96)
    flat = np.full(shape, 1000.0, dtype=np.float32)
    relative = noisy(flat, spacing, noise_percent=8.0, seed=4) / 1000 - 1
    assert relative.std() == pytest.approx(0.08, rel=0.02)
    field = correlated_noise(shape, spacing, np.random.default_rng(4))
    sigma = 6.0 * SIGMA_PER_FWHM
    expected = np.exp(-(6.0**2) / (4 * sigma**2))
    assert (field[:, :, 3:] * field[:, :, :-3]).mean() == pytest.approx(expected, abs=0.02)


def test_the_files_hold_the_phantom_and_its_truth(tmp_path):
    gather = pytest.importorskip("photopeak.dicom.gather").gather
    files = iec_body_files(tmp_path, seed=3, voxel_mm=4.0, slice_mm=4.0, matrix=96, slices=18, missing="10", noise_percent=5.0)
    truth = json.loads(files[-1].read_text("utf-8"))
    evidence = gather([tmp_path]).evidence
    assert len(files) == 19
    assert truth["missing"] == [10]
    series = next(one for one in evidence if one.kind == "pt_volume")
    assert series.images.values.shape == (18, 96, 96)
    assert series.images.spacing_mm == pytest.approx((4.0, 4.0, 4.0))
    assert series.images.units == "BQML"
    column = [round(c / 4.0) for c in truth["sphere_centres_mm"]["37"]]
    assert series.images.values[tuple(column)] == pytest.approx(4 * 5300, rel=0.3)


def test_an_unknown_sphere_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no sphere of"):
        iec_body_files(tmp_path, missing="11")
