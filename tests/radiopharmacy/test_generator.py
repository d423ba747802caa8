"""Generators: growth and yield against a decay chain computed elsewhere, coverage, refusals."""

import numpy as np
import pytest

from photopeak.procedure import Refused
from photopeak.radiopharmacy.generator import accepts, generator


def of(result, name):
    return next(one for one in result.measurements if one.quantity.name == name)


def test_what_has_grown_is_what_a_decay_chain_says(rows_table):
    expected = 1690.96  # radioactivedecay 0.6.1, ICRP 107: 68Ga 4 h after the elution of 1850 MBq 68Ge
    result = generator(rows_table({"ge68_mbq": 1850, "since_elution_h": 4, "eluted_mbq": 1200}))
    assert of(result, "available_activity").value == pytest.approx(expected, abs=0.01)
    assert of(result, "elution_efficiency").value == pytest.approx(100 * 1200 / expected, abs=0.001)


def test_the_time_of_most_technetium(rows_table):
    result = generator(rows_table({"parent": "钼-99", "parent_activity_gbq": 10, "since_elution_h": 24}))
    assert of(result, "time_of_most").value == pytest.approx(22.86, abs=0.005)  # the same source


def test_the_parent_decays_from_its_reference_to_the_elution(rows_table):
    row = {
        "mo99_mbq": 10000,
        "calibrated_at": "2026-05-04 08:00",
        "previous_elution_at": "2026-05-06 08:00",
        "eluted_at": "2026-05-07 08:00",
    }
    dated = generator(rows_table(row))
    plain = generator(rows_table({"mo99_mbq": 10000 * 0.5 ** (48 / 65.94), "since_elution_h": 24}))
    assert of(dated, "available_activity").value == pytest.approx(of(plain, "available_activity").value, rel=1e-9)
    assert of(dated, "parent_activity").value == pytest.approx(10000 * 0.5 ** (72 / 65.94), rel=1e-9)


def test_what_an_incomplete_elution_left_is_still_there(rows_table):
    full = generator(rows_table({"ge68_mbq": 1000, "since_elution_h": 0}))
    half = generator(rows_table({"ge68_mbq": 1000, "since_elution_h": 0, "previous_efficiency_percent": 60}))
    assert of(full, "available_activity").value == pytest.approx(0.0)
    assert of(half, "available_activity").value == pytest.approx(400, rel=1e-3)


@pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.full)])
def test_the_true_efficiency_lies_within_two_uncertainties_in_about_95_percent(rows_table, draws):
    rng, inside, truth = np.random.default_rng(12), 0, 70.0
    available = of(generator(rows_table({"ge68_mbq": 1850, "since_elution_h": 4})), "available_activity").value
    for _ in range(draws):
        ge, eluted = 1850 * (1 + rng.normal(0, 0.05)), available * truth / 100 * (1 + rng.normal(0, 0.02))
        row = {"ge68_mbq": ge, "ge68_mbq_u": 92.5, "since_elution_h": 4, "eluted_mbq": eluted, "eluted_mbq_u": 0.02 * eluted}
        found = of(generator(rows_table(row)), "elution_efficiency")
        inside += abs(found.value - truth) <= 2 * found.uncertainty
    assert 0.92 <= inside / draws <= 0.98


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"parent": "Tc-99m", "parent_activity_mbq": 1, "since_elution_h": 1}, "no_generator"),
        ({"parent": "Zz-1", "parent_activity_mbq": 1, "since_elution_h": 1}, "unknown_nuclide"),
        ({"ge68_mbq": 0, "since_elution_h": 1}, "impossible_value"),
        ({"ge68_mbq": 5, "since_elution_h": -1}, "impossible_value"),
        ({"ge68_mbq": 5, "since_elution_h": 0, "eluted_mbq": 3}, "no_growth"),
        ({"ge68_mbq": 5, "previous_elution_at": "2026-05-04", "eluted_at": "2026-05-03"}, "before_assay"),
    ],
)
def test_impossible_elutions_are_refused(rows_table, row, code):
    with pytest.raises(Refused) as refused:
        generator(rows_table(row))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_a_generator_is_accepted_and_its_growth_is_drawn(rows_table):
    row = {"ge68_mbq": 1850, "since_elution_h": 4, "eluted_mbq": 1200}
    assert accepts(rows_table(row)) is None
    assert accepts(rows_table({"eluted_mbq": 4})) is not None
    assert len(generator(rows_table(row)).figures()) == 2


def test_the_time_of_most_needs_no_activity(rows_table):
    result = generator(rows_table({"parent": "Mo-99"}))
    assert [one.quantity.name for one in result.measurements] == ["time_of_most"]
    assert result.measurements[0].value == pytest.approx(22.86, abs=0.005)
