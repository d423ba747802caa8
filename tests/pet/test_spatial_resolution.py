"""Point sources of known width: NEMA's rule with its sampling bias, the Gaussian within half a per cent."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from photopeak.dicom.gather import gather
from photopeak.pet.point_sources import sampling_bias_percent
from photopeak.pet.spatial_resolution import accepts, spatial_resolution
from photopeak.phantom.pet_points import PetPoints, pet_points_files
from photopeak.procedure import Refused
from photopeak.profile import FWHM_PER_SIGMA, FWTM_PER_SIGMA

SPACING = (1.2, 1.2, 1.2)
WIDTHS = {"axial": 4.8, "radial": 4.6, "tangential": 4.3}
PLACES = ((0.3, 10.2, 0.1), (0.3, 100.4, 0.2), (-0.2, 200.1, -0.4))
PHANTOM = PetPoints(
    shape=(48, 380, 60), spacing_mm=SPACING, places_mm=PLACES, fwhm_mm=(WIDTHS["axial"], WIDTHS["radial"], WIDTHS["tangential"])
)


def test_every_source_has_the_width_it_was_built_with(evidence_of, table_of):
    found = table_of(spatial_resolution(evidence_of(PHANTOM.image(), SPACING)))
    for position in ("1 cm", "10 cm", "20 cm"):
        for axis, truth in WIDTHS.items():
            assert found["fwhm", position, axis, "gaussian"][0] == pytest.approx(truth, rel=0.005)
            assert found["fwtm", position, axis, "gaussian"][0] == pytest.approx(
                truth * FWTM_PER_SIGMA / FWHM_PER_SIGMA, rel=0.005
            )
            bias = sampling_bias_percent(truth / 1.2)
            assert found["fwhm", position, axis, "nema"][0] == pytest.approx(truth * (1 + bias / 100), rel=0.012)


@pytest.mark.parametrize(("pixels", "expected"), [(3.0, 5.6), (4.0, 3.0), (5.0, 1.7)])
def test_the_rules_sampling_bias_is_that_of_a_gaussian_and_its_pixel(pixels, expected):
    """Expected: the pixel adds (pixel²/12) to the variance; the straight lines between samples add the rest."""
    pixel_alone = 100 * (np.sqrt(1 + (1 / pixels) ** 2 * FWHM_PER_SIGMA**2 / 12) - 1)
    assert pixel_alone < sampling_bias_percent(pixels) < pixel_alone + 3
    assert sampling_bias_percent(pixels) == pytest.approx(expected, abs=1.5)


def test_along_columns_radial_and_tangential_change_places(evidence_of, table_of):
    turned = replace(PHANTOM, shape=(48, 60, 380), places_mm=tuple((z, x, y) for z, y, x in PLACES), fwhm_mm=(4.8, 4.3, 4.6))
    found = table_of(spatial_resolution(evidence_of(turned.image(), SPACING)))
    assert found["fwhm", "20 cm", "radial", "gaussian"][0] == pytest.approx(4.6, rel=0.005)


def test_coarse_pixels_leave_only_the_gaussian(evidence_of):
    phantom = replace(PHANTOM, shape=(24, 230, 40), spacing_mm=(2.0, 2.0, 2.0))
    result = spatial_resolution(evidence_of(phantom.image(), (2.0, 2.0, 2.0)))
    assert {m.where["method"] for m in result.measurements} == {"gaussian"}
    assert "sampling_too_coarse" in [one.code for one in result.remarks]
    (value,) = (
        m.value
        for m in result.measurements
        if (m.quantity.name, m.where["axis"], m.where["position"]) == ("fwhm", "radial", "10 cm")
    )
    assert value == pytest.approx(4.6, rel=0.01)


@cache
def held(draws, evidence_of, table_of):
    """By place, axis and method: whether 2u held the noiseless value. White noise of 1 % of the peak."""
    small = replace(PHANTOM, shape=(40, 60, 60), places_mm=((0.3, 10.2, 0.1),))
    image, found = small.image(), {}
    clean = table_of(spatial_resolution(evidence_of(image, SPACING)))
    for draw in range(draws):
        noise = np.random.default_rng((21, draw)).standard_normal(image.shape)
        for key, (value, u) in table_of(
            spatial_resolution(evidence_of(image + (1000 * noise).astype(np.float32), SPACING))
        ).items():
            found.setdefault(key, []).append(abs(value - clean[key][0]) <= 2 * u)
    return {key: float(np.mean(one)) for key, one in found.items() if key[0] in ("fwhm", "fwtm")}


def test_the_stated_uncertainty_holds_the_truth(evidence_of, table_of):
    shares = held(30, evidence_of, table_of)
    for method in ("nema", "gaussian"):
        assert np.mean([share for key, share in shares.items() if key[3] == method]) >= 0.88, method


@pytest.mark.full
def test_two_thousand_draws_are_covered_as_often_as_stated(evidence_of, table_of):
    for key, share in held(2000, evidence_of, table_of).items():
        assert 0.93 <= share <= 0.97, (key, share)


def test_a_series_on_disk_is_measured(tmp_path, table_of):
    pet_points_files(tmp_path)
    evidence = next(one for one in gather([tmp_path]).evidence if one.kind == "pt_volume")
    assert accepts(evidence) is None
    result = spatial_resolution(evidence)
    assert table_of(result)["fwhm", "10 cm", "radial", "gaussian"][0] == pytest.approx(4.6, rel=0.02)
    assert len(result.figures()) == 3


def test_a_large_object_is_refused(evidence_of):
    values = np.zeros((30, 60, 60))
    values[10:20, 20:40, 20:40] = 1.0
    assert accepts(evidence_of(values, (2, 2, 2)))
    with pytest.raises(Refused):
        spatial_resolution(evidence_of(values, (2, 2, 2)))
