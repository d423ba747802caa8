"""Delivery: administered against prescribed, decay between assay, administration and residual, coverage, verdicts, refusals."""

import numpy as np
import pytest

from photopeak.criterion import choose, shipped_criteria
from photopeak.procedure import Refused
from photopeak.radionuclide_therapy.delivery import accepts, delivery
from photopeak.verdict import judge

ASSAY = {
    "nuclide": "I-131",
    "prescribed_mbq": 3700,
    "assayed_mbq": 4000,
    "assayed_at": "2026-05-04 08:00",
    "administered_at": "2026-05-05 08:00",
    "residual_mbq": 20,
    "residual_at": "2026-05-05 20:00",
}


def of(result, name):
    return next(one for one in result.measurements if one.quantity.name == name)


@pytest.mark.parametrize(
    ("given", "truth", "outcomes"),
    [
        (3700, 0.0, {"pass"}),
        (4144, 12.0, {"pass", "fail"}),
        (2590, -30.0, {"fail"}),
    ],
)
def test_the_deviation_is_that_of_the_record_and_each_regulation_says_its_own(rows_table, given, truth, outcomes):
    found = of(delivery(rows_table({"prescribed_mbq": 3700, "administered_mbq": given})), "administered_activity_deviation")
    assert found.value == pytest.approx(truth)
    rows = [row for row in shipped_criteria() if row.quantity == "administered_activity_deviation"]
    assert {one.outcome for one in judge([found], choose(rows, stage="status"))} == outcomes


def test_assay_and_residual_are_decayed_to_the_administration(rows_table):
    half_life_h = 8.0207 * 24
    truth = 4000 * 0.5 ** (24 / half_life_h) - 20 * 2 ** (12 / half_life_h)
    result = delivery(rows_table(ASSAY))
    assert of(result, "administered_activity").value == pytest.approx(truth)
    assert of(result, "administered_activity_deviation").value == pytest.approx(100 * (truth / 3700 - 1))
    assert "ICRP 107" in result.conditions[0].value.en


@pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.full)])
def test_the_true_deviation_lies_within_two_uncertainties_in_about_95_percent(rows_table, draws):
    rng, inside = np.random.default_rng(13), 0
    truth = of(delivery(rows_table(ASSAY)), "administered_activity_deviation").value
    for _ in range(draws):
        row = {**ASSAY, "assayed_mbq": 4000 * (1 + rng.normal(0, 0.02)), "assayed_mbq_u": 80}
        row |= {"residual_mbq": 20 + rng.normal(0, 2), "residual_mbq_u": 2}
        found = of(delivery(rows_table(row)), "administered_activity_deviation")
        inside += abs(found.value - truth) <= 2 * found.uncertainty
    assert 0.93 <= inside / draws <= 0.98


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"administered_at": "2026-05-03"}, "before_assay"),
        ({"residual_at": "2026-05-05 07:00"}, "before_assay"),
        ({"prescribed_mbq": 0}, "impossible_value"),
        ({"residual_mbq": 5000}, "residual_exceeds_assay"),
        ({"nuclide": "I-130x"}, "unknown_nuclide"),
        ({"assayed_mci": 100}, "units_mixed"),
    ],
)
def test_impossible_records_are_refused(rows_table, change, code):
    with pytest.raises(Refused) as refused:
        delivery(rows_table({**ASSAY, **change}))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_a_record_of_a_delivery_is_accepted(rows_table):
    assert accepts(rows_table(ASSAY)) is None
    assert accepts(rows_table({"prescribed_mbq": 1})) is not None
    assert len(delivery(rows_table(ASSAY)).figures()) == 1


def test_hours_from_assay_to_administration_do_as_well_as_times(rows_table):
    row = {"nuclide": "I-131", "prescribed_mbq": 3700, "assay_mbq": 4000, "delay_h": 24}
    truth = 4000 * 0.5 ** (24 / (8.0207 * 24))
    assert of(delivery(rows_table(row)), "administered_activity").value == pytest.approx(truth)


def test_a_nuclide_that_does_not_exist_is_refused_even_where_nothing_decays(rows_table):
    with pytest.raises(Refused) as refused:
        delivery(rows_table({"prescribed_mbq": 100, "administered_mbq": 100, "nuclide": "Xx-12"}))
    assert refused.value.code == "unknown_nuclide"
