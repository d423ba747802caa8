"""Outlines along pixel edges: exact area, lossless round trip, holes, corners."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from photopeak.polygon import filled, outlines, signed_area


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_any_mask_comes_back_and_its_outlines_have_its_area(mask):
    drawn = outlines(mask)
    assert sum(signed_area(one) for one in drawn) == pytest.approx(mask.sum())
    assert (filled(drawn, mask.shape) == mask).all()


def test_one_pixel_is_a_square_about_its_centre():
    mask = np.zeros((3, 3), bool)
    mask[1, 2] = True
    (square,) = outlines(mask)
    assert {tuple(point) for point in square} == {(0.5, 1.5), (0.5, 2.5), (1.5, 2.5), (1.5, 1.5)}


def test_a_ring_is_one_outline_with_its_hole_joined_to_it():
    mask = np.ones((7, 7), bool)
    mask[2:5, 2:5] = False
    (ring,) = outlines(mask)
    assert signed_area(ring) == pytest.approx(49 - 9)


def test_pixels_that_touch_by_a_corner_are_two_outlines():
    assert len(outlines(np.eye(2, dtype=bool))) == 2


def test_an_island_in_a_hole_is_an_outline_of_its_own():
    mask = np.ones((9, 9), bool)
    mask[1:8, 1:8] = False
    mask[4, 4] = True
    drawn = outlines(mask)
    assert sorted(signed_area(one) for one in drawn) == pytest.approx([1, 81 - 49])
