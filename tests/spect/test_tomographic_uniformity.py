"""Tomographic uniformity: truth from cylinders with a built-in cup, ring or gradient."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import convolve

from photopeak.evidence import Volume
from photopeak.phantom.jaszczak import Jaszczak, jaszczak
from photopeak.phantom.spect_projections import evidence_of
from photopeak.phantom.spect_sources import BlurredSource, reconstructed_sources
from photopeak.procedure import Refused
from photopeak.spect.tomographic_uniformity import accepts, tomographic_uniformity

pydicom = pytest.importorskip("pydicom")

UNIFORM = jaszczak(Jaszczak(spheres_mm=(), rods_mm=()), fwhm_mm=6)
Y, X = np.meshgrid(4.0 * (np.arange(128) - 63.5), 4.0 * (np.arange(128) - 63.5), indexing="ij")
R = np.hypot(X, Y)


def shaped(factor, share=0.0, seed=0):
    """The uniform cylinder times factor[row, column], with noise of `share` of its level."""
    noise = share * 1000 * np.random.default_rng(seed).normal(size=UNIFORM.values.shape)
    return dataclasses.replace(UNIFORM, values=(UNIFORM.values * factor + noise).astype(np.float32))


def found_in(volume):
    result = tomographic_uniformity(evidence_of(volume, kind="nm_volume"))
    return {m.quantity.name: m for m in result.measurements}, result


def test_a_perfect_cylinder_is_perfect():
    found, _ = found_in(UNIFORM)
    truth = {"integral_uniformity": 0, "ring_amplitude": 0, "centre_to_edge_ratio": 1, "coefficient_of_variation": 0}
    assert {name: m.value for name, m in found.items()} == pytest.approx(truth, abs=0.01)


@pytest.mark.parametrize("truth", [0.02, 0.10, 0.25])
def test_a_cup_is_measured_as_it_was_built(truth):
    factor = 1 - truth * (1 - (R / 108) ** 2)
    found, _ = found_in(shaped(factor))
    centre, edge = (R <= 27), (R <= 86.4) & (R > 64.8)
    expected = factor[centre].mean() / factor[edge].mean()
    assert found["centre_to_edge_ratio"].value == pytest.approx(expected, abs=0.002)
    assert found["ring_amplitude"].value < 0.05
    weights = np.outer([1, 2, 1], [1, 2, 1])
    inside = R <= 86.4
    smooth = (
        convolve(factor * inside, weights, mode="constant")[inside] / convolve(1.0 * inside, weights, mode="constant")[inside]
    )
    assert found["integral_uniformity"].value == pytest.approx(
        100 * (smooth.max() - smooth.min()) / (smooth.max() + smooth.min()), abs=0.3
    )


def test_a_ring_about_the_axis_is_found_with_its_size():
    factor = np.where((R > 36) & (R < 40.5), 1.05, 1.0)
    found, result = found_in(shaped(factor))
    assert found["ring_amplitude"].value == pytest.approx(5.0, abs=0.8)
    assert result.ring_mm[np.argmax(np.abs(result.ring_mean - result.ring_curve))] == pytest.approx(38, abs=3)
    assert len(result.figures()) == 2


def test_noise_alone_is_not_taken_for_a_fault():
    found, result = found_in(shaped(1.0, share=0.05))
    for name in ("integral_uniformity", "ring_amplitude"):
        m = found[name]
        assert m.value <= 2.2 * m.uncertainty
        assert m.noise_corrected.value < 0.5 * m.value
    assert found["coefficient_of_variation"].value == pytest.approx(5.0, abs=0.05)
    assert "noise_limited" in {one.code for one in result.remarks}


def test_the_uniform_section_of_a_jaszczak_phantom_is_found_among_spheres_and_rods():
    volume = jaszczak(Jaszczak(rotation_deg=40, shift_mm=(5.0, -6.0, 4.0)), fwhm_mm=10)
    found, result = found_in(volume)
    assert found["integral_uniformity"].value < 0.5
    assert result.slab[result.inside].mean() == pytest.approx(1000, rel=0.01)


def test_scale_and_flips_change_nothing():
    volume = shaped(1 - 0.1 * (1 - (R / 108) ** 2) + 0.0005 * X, share=0.02, seed=3)
    straight, _ = found_in(volume)
    for values in (volume.values * 3.3, volume.values[:, ::-1], volume.values.transpose(0, 2, 1)):
        other, _ = found_in(dataclasses.replace(volume, values=np.ascontiguousarray(values)))
        for name, m in other.items():
            assert m.value == pytest.approx(straight[name].value, rel=1e-4), name
    again, _ = found_in(volume)
    assert again == straight


def coverage(draws):
    factor = 1 - 0.05 * (1 - (R / 108) ** 2) + 0.0003 * X
    small = {"shape": (24, 64, 64), "spacing_mm": (8.0, 8.0, 8.0)}
    base = jaszczak(Jaszczak(spheres_mm=(), rods_mm=()), fwhm_mm=6, **small)
    clean = dataclasses.replace(base, values=(base.values * factor[::2, ::2]).astype(np.float32))
    truth, _ = found_in(clean)
    inside = found_in(clean)[1].inside
    truth = {name: m.value for name, m in truth.items()}
    spread = clean.values[12][inside].astype(np.float64)
    truth["coefficient_of_variation"] = 100 * float(np.hypot(spread.std(ddof=1), 40)) / float(spread.mean())
    held = dict.fromkeys(truth, 0)
    generator = np.random.default_rng(5)
    for _ in range(draws):
        noise = 40 * generator.normal(size=clean.values.shape)
        found, _ = found_in(dataclasses.replace(clean, values=(clean.values + noise).astype(np.float32)))
        for name in held:
            held[name] += abs(found[name].value - truth[name]) <= 2 * found[name].uncertainty
    return {name: n / draws for name, n in held.items()}


def test_the_stated_uncertainties_hold_the_truth():
    found = coverage(20)
    assert min(found.values()) >= 0.75, found


@pytest.mark.full
def test_the_stated_uncertainties_hold_the_truth_in_two_thousand_draws():
    found = coverage(2000)
    assert min(found.values()) >= 0.93, found
    assert found["centre_to_edge_ratio"] <= 0.97, found


def test_what_is_no_cylinder_is_refused():
    cut_off = shaped(40.0, share=0.05)
    np.minimum(cut_off.values, 32767, out=cut_off.values)
    for volume in (
        cut_off,
        reconstructed_sources([BlurredSource()]),
        Volume(values=np.zeros((16, 64, 64), np.float32), spacing_mm=(4, 4, 4)),
        Volume(values=np.random.default_rng(0).poisson(3, (16, 64, 64)).astype(np.float32), spacing_mm=(4, 4, 4)),
    ):
        assert accepts(evidence_of(volume, kind="nm_volume")) is not None
        with pytest.raises(Refused) as error:
            found_in(volume)
        assert error.value.words.zh


def test_the_real_phantom_has_the_background_that_others_found(shared):
    values = pydicom.dcmread(shared / "data/spect/mediso_jaszczak_128x45.dcm").pixel_array.astype(np.float32)
    found, result = found_in(Volume(values=values, spacing_mm=(4.13, 4.13, 4.13)))
    assert result.slab[result.inside].mean() == pytest.approx(1331, abs=12)
    assert 12.8 <= found["integral_uniformity"].value <= 20.6
    assert found["centre_to_edge_ratio"].value == pytest.approx(1.04, abs=0.02)
