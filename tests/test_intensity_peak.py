"""Intensity peaks: the published digital phantom, ties, image borders, invariances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photopeak.intensity_peak import RADIUS_MM, intensity_peaks

# IBSI digital phantom (IBSI reference manual, figure of the digital phantom; voxels of 2 mm), [slice][row][column]; 0: outside the region.
REGION = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [0, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ],
    dtype=float,
)
MASK = REGION > 0
IMAGE = np.where(MASK, REGION, 1.0)
IMAGE[2, 2, 2] = 9.0  # the one voxel outside the region that is not 1
SPACING = (2.0, 2.0, 2.0)


def test_the_phantom_is_the_published_one():
    """Its 74 voxels have the published mean 2.15."""
    assert MASK.sum() == 74
    assert IMAGE[MASK].mean() == pytest.approx(2.1486486, abs=1e-6)


def test_the_published_peaks_come_back():
    found = intensity_peaks(IMAGE, MASK, SPACING)
    assert found.local == pytest.approx(2.60, abs=0.005)
    assert found.highest == pytest.approx(3.103, abs=0.005)


def test_of_tied_hottest_voxels_the_highest_peak_is_taken():
    """Seven voxels share the maximum 6; the first of them alone would give 2.39."""
    found = intensity_peaks(IMAGE, MASK, SPACING)
    assert found.tied == 7
    first = np.zeros_like(MASK)
    first[tuple(np.argwhere(MASK & (IMAGE == 6))[0])] = True
    assert intensity_peaks(IMAGE, first, SPACING).local == pytest.approx(2.39, abs=0.005)


def test_a_uniform_image_has_its_own_value_to_the_border():
    found = intensity_peaks(np.full((6, 7, 8), 3.5), np.ones((6, 7, 8), bool), (3.0, 2.0, 2.0))
    assert (found.local, found.highest) == pytest.approx((3.5, 3.5))


def test_the_sphere_holds_a_millilitre():
    assert 4 / 3 * np.pi * RADIUS_MM**3 == pytest.approx(1000)


@given(scale=st.floats(1e-3, 1e6), axis=st.sampled_from([0, 1, 2]))
def test_scaling_and_flipping_do_not_matter(scale, axis):
    once = intensity_peaks(IMAGE, MASK, SPACING)
    other = intensity_peaks(np.flip(scale * IMAGE, axis), np.flip(MASK, axis), SPACING)
    assert other.local == pytest.approx(scale * once.local, rel=1e-9)
    assert other.highest == pytest.approx(scale * once.highest, rel=1e-9)


def test_a_lesion_without_voxels_is_an_error():
    with pytest.raises(ValueError, match="no voxel"):
        intensity_peaks(IMAGE, np.zeros_like(MASK), SPACING)
