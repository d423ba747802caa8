"""Tomographic contrast: truth from a voxelised Jaszczak phantom of any pose."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from photopeak.evidence import Volume
from photopeak.phantom.jaszczak import LARGE_SPHERES_MM, SOLID_SPHERES_MM, Jaszczak, jaszczak, sphere_ratio
from photopeak.phantom.spect_projections import evidence_of
from photopeak.phantom.spect_sources import BlurredSource, reconstructed_sources
from photopeak.procedure import Refused
from photopeak.spect.tomographic_contrast import accepts, tomographic_contrast

pydicom = pytest.importorskip("pydicom")

POSES = [
    {},
    {"rotation_deg": 30},
    {"rotation_deg": 20, "mirrored": True},
    {"rotation_deg": 137.3, "mirrored": True, "shift_mm": (1.0, 2.0, 3.0)},
    {"rotation_deg": -50, "upside_down": True, "shift_mm": (-8.0, 6.0, 2.0)},
    {"spheres_mm": SOLID_SPHERES_MM, "rotation_deg": 77, "shift_mm": (11.0, -7.0, 3.0)},
]


def as_evidence(volume, **facts):
    return evidence_of(volume, kind="nm_volume", facts=facts)


def ratios(result, statistic="mean"):
    return {
        m.where["sphere_mm"]: m
        for m in result.measurements
        if m.quantity.name == "sphere_to_background" and m.where["statistic"] == statistic
    }


def named(result, name):
    return {m.where.get("sphere_mm"): m for m in result.measurements if m.quantity.name == name}


def noisy(volume, share, seed, voxels=0.0):
    """With noise of `share` of 1000, correlated over `voxels`."""
    noise = np.random.default_rng(seed).normal(size=volume.values.shape)
    noise = gaussian_filter(noise, voxels) if voxels else noise
    noise *= share * 1000 / noise.std()
    return dataclasses.replace(volume, values=(volume.values + noise).astype(np.float32))


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("fwhm_mm", [4.0, 8.0, 12.0])
def test_every_ratio_is_the_phantoms_at_any_rotation_shift_and_mirroring(pose, fwhm_mm):
    phantom = Jaszczak(**pose)
    volume = jaszczak(phantom, fwhm_mm=fwhm_mm)
    result = tomographic_contrast(as_evidence(volume))
    found = ratios(result)
    for index, mm in enumerate(phantom.spheres_mm):
        truth = sphere_ratio(phantom, volume, index)
        assert found[mm].value == pytest.approx(truth, abs=0.02)
        assert named(result, "contrast")[mm].value == pytest.approx(100 * (1 - truth), abs=2.0)
    assert result.level == pytest.approx(1000, rel=0.01)
    turned = (named(result, "phantom_rotation")[None].value - phantom.rotation_deg + 180) % 360 - 180
    assert turned == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("pose", POSES)
def test_without_any_blur_at_most_one_voxel_on_the_surface_of_a_sphere_is_told_differently(pose):
    phantom = Jaszczak(**pose)
    volume = jaszczak(phantom)
    found = ratios(tomographic_contrast(as_evidence(volume)))
    for index, mm in enumerate(phantom.spheres_mm):
        voxels = math.pi / 6 * mm**3 / 4.0**3
        assert found[mm].value == pytest.approx(sphere_ratio(phantom, volume, index), abs=max(0.01, 1.0 / voxels))


def test_hot_spheres_are_told_from_cold_ones_and_their_recovery_needs_the_true_ratio():
    phantom = Jaszczak(sphere_value=8000.0, rotation_deg=200)
    volume = jaszczak(phantom, fwhm_mm=10)
    result = tomographic_contrast(as_evidence(volume, sphere_to_background=8.0))
    for index, mm in enumerate(phantom.spheres_mm):
        truth = sphere_ratio(phantom, volume, index)
        assert ratios(result)[mm].value == pytest.approx(truth, rel=0.01)
        assert named(result, "contrast")[mm].value == pytest.approx(100 * (truth - 1) / 7, rel=0.01)
    assert not result.spheres.cold


def test_noise_moves_the_ratios_by_no_more_than_they_say():
    phantom = Jaszczak(rotation_deg=20, shift_mm=(3.0, -5.0, 4.0))
    clean = jaszczak(phantom, fwhm_mm=11)
    found = tomographic_contrast(as_evidence(noisy(clean, 0.10, seed=1)))
    for index, mm in enumerate(phantom.spheres_mm):
        m = ratios(found)[mm]
        assert abs(m.value - sphere_ratio(phantom, clean, index)) < 3.5 * m.uncertainty
    assert named(found, "cnr")[38.0].value == pytest.approx((1 - ratios(found)[38.0].value) / 0.10, rel=0.1)
    assert "extremes_biased" in {one.code for one in found.remarks}


def test_scale_and_flips_change_nothing():
    phantom = Jaszczak(rotation_deg=47)
    volume = noisy(jaszczak(phantom, fwhm_mm=11), 0.03, seed=2)
    straight = ratios(tomographic_contrast(as_evidence(volume)))
    for values in (volume.values * 7.5, volume.values[::-1], volume.values.transpose(0, 2, 1)):
        other = dataclasses.replace(volume, values=np.ascontiguousarray(values))
        for mm, m in ratios(tomographic_contrast(as_evidence(other))).items():
            assert m.value == pytest.approx(straight[mm].value, abs=0.02)
    assert tomographic_contrast(as_evidence(volume)).measurements == tomographic_contrast(as_evidence(volume)).measurements


def test_sphere_sizes_can_be_given():
    volume = jaszczak(Jaszczak(), fwhm_mm=8)
    given = ",".join(str(mm) for mm in LARGE_SPHERES_MM)
    found = tomographic_contrast(as_evidence(volume), sphere_diameters_mm=given)
    assert set(ratios(found)) == set(LARGE_SPHERES_MM)
    with pytest.raises(Refused):
        tomographic_contrast(as_evidence(volume), sphere_diameters_mm="large")


def told_of(result):
    """Every measurement by name, sphere and statistic."""
    return {(m.quantity.name, m.where.get("sphere_mm"), m.where.get("statistic")): m for m in result.measurements}


def coverage(draws):
    """Share of draws whose ±2 u holds the truth, of every quantity; extremes and noise have no truth but the noiseless image's."""
    phantom = Jaszczak(rotation_deg=20, shift_mm=(3.0, -5.0, 4.0))
    clean = jaszczak(phantom, shape=(44, 56, 56), spacing_mm=(4.8, 4.8, 4.8), fwhm_mm=11)
    truth = {key: m.value for key, m in told_of(tomographic_contrast(as_evidence(clean))).items()}
    for n, mm in enumerate(phantom.spheres_mm):
        ratio = sphere_ratio(phantom, clean, n)
        truth |= {
            ("sphere_to_background", mm, "mean"): ratio,
            ("contrast", mm, None): 100 * (1 - ratio),
            ("cnr", mm, None): (1 - ratio) / 0.05,
        }
    truth["phantom_rotation", None, None] = phantom.rotation_deg
    held = dict.fromkeys(truth, 0)
    for seed in range(draws):
        found = told_of(tomographic_contrast(as_evidence(noisy(clean, 0.05, seed=seed, voxels=0.8))))
        for key in truth:
            held[key] += key in found and abs(found[key].value - truth[key]) <= 2 * found[key].uncertainty
    return {key: n / draws for key, n in held.items()}


def test_the_stated_uncertainties_hold_the_truth():
    found = coverage(8)
    assert np.mean(list(found.values())) >= 0.85, found


@pytest.mark.full
def test_the_stated_uncertainties_hold_the_truth_in_two_thousand_draws():
    found = coverage(2000)
    assert min(found.values()) >= 0.93, found
    assert all(share <= 0.97 for (name, _, statistic), share in found.items() if statistic == "mean" or name == "contrast"), (
        found
    )


def refused(volume):
    with pytest.raises(Refused) as error:
        tomographic_contrast(as_evidence(volume))
    assert error.value.words.en
    assert error.value.words.zh
    return error.value.code


def test_phantoms_without_spheres_and_no_phantoms_are_refused():
    uniform = jaszczak(Jaszczak(spheres_mm=(), rods_mm=()), fwhm_mm=8)
    rods_only = jaszczak(Jaszczak(spheres_mm=()), fwhm_mm=8)
    for volume in (uniform, rods_only, noisy(uniform, 0.10, seed=3)):
        assert accepts(as_evidence(volume)) is not None
        assert refused(volume) == "spheres_not_found"
    assert refused(reconstructed_sources([BlurredSource()])) == "not_a_cylinder"
    assert refused(Volume(values=np.zeros((9, 64, 64), np.float32), spacing_mm=(4, 4, 4))) == "not_a_cylinder"


def test_the_real_phantom_has_falling_contrasts_and_the_background_others_found(shared):
    values = pydicom.dcmread(shared / "data/spect/mediso_jaszczak_128x45.dcm").pixel_array.astype(np.float32)
    result = tomographic_contrast(as_evidence(Volume(values=values, spacing_mm=(4.13, 4.13, 4.13))))
    contrasts = [m.value for m in named(result, "contrast").values()]
    assert contrasts[:3] == sorted(contrasts[:3], reverse=True)
    assert min(contrasts[:3]) > max(contrasts[3:]) > 20
    assert result.spheres.cold
    assert result.spheres.ring_radius_mm == pytest.approx(57, abs=3)
    assert len(result.figures()) == 3
