"""A measurement is a finite number with a unit; anything else is left out, not written down."""

import pickle

import pytest

from photopeak.measurement import Quantity

WIDTH = Quantity(name="fwhm", unit="mm", en="full width at half maximum", zh="半高宽")


def test_a_quantity_makes_measurements_that_know_their_unit_and_place():
    found = WIDTH.of(3.5, 0.1, detector=1, axis="x")
    assert (found.value, found.unit, found.uncertainty, dict(found.where)) == (3.5, "mm", 0.1, {"detector": 1, "axis": "x"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_not_a_number_is_no_measurement(value):
    with pytest.raises(ValueError, match="not a measurement"):
        WIDTH.of(value)


@pytest.mark.parametrize("uncertainty", [-0.1, float("nan")])
def test_an_impossible_uncertainty_is_refused(uncertainty):
    with pytest.raises(ValueError, match="not a standard uncertainty"):
        WIDTH.of(1.0, uncertainty)


def test_a_measurement_travels_between_processes_unchanged():
    found = WIDTH.of(3.5, 0.1, detector=1)
    assert pickle.loads(pickle.dumps(found)) == found
