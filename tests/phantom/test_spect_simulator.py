"""The simulator, checked against closed forms and against itself."""

import numpy as np
import pytest

from photopeak.evidence import Volume
from photopeak.phantom.jaszczak import Jaszczak, jaszczak, sphere_ratio
from photopeak.phantom.spect_projections import Blur, Head, PointSource, evidence_of, point_source_projections, turn
from photopeak.phantom.spect_simulator import Camera, Scatter, filtered_back_projection, osem
from photopeak.spect.tomographic_contrast import tomographic_contrast
from photopeak.spect.tomographic_resolution import tomographic_resolution

SMALL = {"shape": (8, 32, 32), "spacing_mm": (6.0, 6.0, 6.0)}


def blob(shape=(8, 32, 32), place=(3, 14, 20), width=1.6):
    grids = np.indices(shape)
    return 1000 * np.exp(-sum((g - p) ** 2 for g, p in zip(grids, place)) / (2 * width**2))


def test_back_projection_is_the_adjoint_of_projection():
    mu = np.where(np.hypot(*(np.indices((32, 32)) - 15.5)) < 11, 0.0154, 0.0) * np.ones((8, 1, 1))
    camera = Camera(angles_deg=turn(7), attenuation_per_mm=mu, **SMALL)
    generator = np.random.default_rng(0)
    volume, projections = generator.random(SMALL["shape"]), generator.random((7, 8, 32))
    assert (camera.project(volume) * projections).sum() == pytest.approx((volume * camera.back_project(projections)).sum())


def test_a_point_is_as_wide_as_the_response_at_its_depth_at_right_angles():
    volume = np.zeros((33, 65, 65))
    volume[16, 32, 44] = 1e5
    camera = Camera(shape=volume.shape, spacing_mm=(4.0, 4.0, 4.0), angles_deg=(0.0, 90.0, 270.0), blur=Blur())
    positions = 4.0 * (np.arange(65) - 32)
    for view, nearer_mm in zip(camera.project(volume), (0.0, -48.0, 48.0)):
        assert view.sum() == pytest.approx(1e5, rel=1e-3)
        profile = view.sum(axis=0)
        mean = (profile * positions).sum() / profile.sum()
        spread = (profile * (positions - mean) ** 2).sum() / profile.sum() - 4.0**2 / 12
        assert np.sqrt(spread) == pytest.approx(float(Blur().sigma_mm(nearer_mm)), rel=0.005)


def test_the_column_of_a_source_follows_the_closed_form():
    source, place = PointSource(x_mm=30.0, y_mm=-24.0), (3, 11, 20)
    camera = Camera(angles_deg=turn(12), blur=None, **SMALL)
    across = 6.0 * (np.arange(32) - 15.5)
    x, y = 6.0 * (place[2] - 15.5), 6.0 * (place[1] - 15.5)
    for view, angle in zip(camera.project(blob(place=place)), np.deg2rad(turn(12))):
        centre = (view.sum(axis=0) * across).sum() / view.sum()
        assert centre == pytest.approx(x * np.cos(angle) + y * np.sin(angle), abs=0.1)
    images = point_source_projections([source], [Head(angles_deg=turn(12))])
    columns = 4.795 * (np.arange(128) - 63.5)
    for view, angle in zip(images.counts, np.deg2rad(turn(12))):
        centre = (view.sum(axis=0) * columns).sum() / view.sum()
        assert centre == pytest.approx(30 * np.cos(angle) - 24 * np.sin(angle), abs=1e-6)


def test_attenuation_and_scatter_have_the_size_they_were_given():
    volume = np.zeros((8, 33, 33))
    volume[4, 16, 16] = 1.0
    mu = np.where(np.hypot(*(np.indices((33, 33)) - 16)) <= 12, 0.015, 0.0) * np.ones((8, 1, 1))
    plain = Camera(shape=volume.shape, spacing_mm=(6.0, 6.0, 6.0), angles_deg=turn(4), blur=None)
    through = Camera(shape=volume.shape, spacing_mm=(6.0, 6.0, 6.0), angles_deg=turn(4), blur=None, attenuation_per_mm=mu)
    share = through.project(volume).sum(axis=(1, 2)) / plain.project(volume).sum(axis=(1, 2))
    assert share == pytest.approx(np.exp(-0.015 * 12.5 * 6.0), rel=1e-6)
    wide = {"shape": (33, 65, 65), "spacing_mm": (6.0, 6.0, 6.0), "angles_deg": (0.0,), "blur": None}
    bright = np.zeros((33, 65, 65))
    bright[16, 32, 32] = 1.0
    scattered = Camera(scatter=Scatter(share=0.4, fwhm_mm=40), **wide).project(bright)
    assert scattered.sum() == pytest.approx(1.4, rel=0.01)


def test_osem_and_fbp_return_what_was_projected():
    volume = gaussian_disc()
    camera = Camera(shape=volume.shape, spacing_mm=(6.0, 6.0, 6.0), angles_deg=turn(48), blur=None)
    projections = camera.project(volume)
    for found in (osem(projections, camera, iterations=6, subsets=8), filtered_back_projection(projections, turn(48), 6.0)):
        inner = volume > 0.9 * volume.max()
        assert found[inner].mean() == pytest.approx(volume[inner].mean(), rel=0.03)


def gaussian_disc():
    rows, columns = np.indices((48, 48)) - 23.5
    return np.broadcast_to(50 / (1 + np.exp((np.hypot(rows, columns) - 14) / 1.2)), (4, 48, 48)).copy()


def test_a_point_projected_in_closed_form_and_filtered_back_has_the_projected_width():
    source = PointSource(x_mm=50.0, y_mm=20.0, z_mm=0.0, counts=1e6)
    images = point_source_projections([source], [Head(angles_deg=turn(120))], shape=(24, 128), pixel_mm=2.4, fwhm_mm=10.0)
    values = filtered_back_projection(images.counts, turn(120), 2.4)
    evidence = evidence_of(Volume(values=values.astype(np.float32), spacing_mm=(2.4, 2.4, 2.4)), kind="nm_volume")
    found = {
        m.where["axis"]: m.value
        for m in tomographic_resolution(evidence).measurements
        if m.quantity.name == "fwhm" and m.where["method"] == "gaussian"
    }
    # The back-projection interpolates linearly, which adds a sixth of a pixel squared to the variance, once.
    truth = 2.3548 * np.sqrt((10 / 2.3548) ** 2 + 2.4**2 / 6)
    assert found["radial"] == pytest.approx(truth, rel=0.01)
    assert found["tangential"] == pytest.approx(truth, rel=0.01)
    assert found["axial"] == pytest.approx(10.0, rel=0.005)


def test_a_jaszczak_phantom_reconstructed_by_osem_gives_the_ratios_its_own_voxels_have():
    phantom = Jaszczak(rotation_deg=20, rods_mm=(), shift_mm=(3.0, -5.0, 0.0))
    shape, spacing = (26, 56, 56), (6.0, 4.8, 4.8)
    activity = jaszczak(
        Jaszczak(rotation_deg=20, rods_mm=(), shift_mm=(3.0, -5.0, 0.0), height_mm=140.0, sphere_height_mm=80.0),
        shape=shape,
        spacing_mm=spacing,
    )
    camera = Camera(shape=shape, spacing_mm=spacing, angles_deg=turn(48), blur=Blur(radius_mm=230))
    projections = camera.project(activity.values.astype(np.float64) * 8e-3)
    counts = np.random.default_rng(1).poisson(projections).astype(np.float64)
    values = osem(counts, camera, iterations=3, subsets=8)
    volume = Volume(values=values.astype(np.float32), spacing_mm=spacing)
    result = tomographic_contrast(evidence_of(volume, kind="nm_volume"))
    placed = Jaszczak(rotation_deg=20, shift_mm=(3.0, -5.0, 0.0), height_mm=140.0, sphere_height_mm=80.0)
    found = [m for m in result.measurements if m.quantity.name == "sphere_to_background" and m.where["statistic"] == "mean"]
    for index, m in enumerate(found[:4]):
        assert m.value == pytest.approx(sphere_ratio(placed, volume, index, result.level), abs=0.02)
    assert phantom.spheres_mm == tuple(m.where["sphere_mm"] for m in found)
