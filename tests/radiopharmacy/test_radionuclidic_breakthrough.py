"""Breakthrough: the examples of 99Mo and 68Ge, strontium, expiry against a decay chain, coverage, refusals."""

import numpy as np
import pytest

from photopeak.procedure import Refused
from photopeak.radiopharmacy.radionuclidic_breakthrough import accepts, radionuclidic_breakthrough


def of(result, name):
    return next(one for one in result.measurements if one.quantity.name == name)


def test_molybdenum_and_expiry_as_in_the_example_and_nearer_to_the_decay_chain(therapy_example, rows_table):
    for case in therapy_example("mo99_breakthrough")["cases"]:
        inputs, expected = case["inputs"], case["expected"]
        result = radionuclidic_breakthrough(rows_table(inputs))
        if "kBq_per_MBq" in expected:
            found = of(result, "mo99_breakthrough")
            assert found.value == pytest.approx(expected["kBq_per_MBq"], abs=case["tolerance"])
            assert found.value == pytest.approx(case["radioactivedecay"], abs=2e-7)
            assert found.where["hours"] == inputs["hours"]
        else:
            assert of(result, "expiry_time").value == pytest.approx(expected["expiry_h"], abs=case["tolerance"])


def test_germanium_as_in_the_example(therapy_example, rows_table):
    for case in therapy_example("ge68_breakthrough")["cases"]:
        result = radionuclidic_breakthrough(rows_table(case["inputs"]))
        expected = case["expected"]
        assert of(result, "ge68_activity").value == pytest.approx(expected["ge68_Bq_at_elution"], abs=case["tolerance"])
        assert of(result, "ge68_breakthrough").value == pytest.approx(expected["pct"], abs=case["tolerance"])


def test_at_the_expiry_the_ratio_is_the_limit(rows_table):
    expiry = of(radionuclidic_breakthrough(rows_table({"r0": 0.02, "limit": 0.15})), "expiry_time").value
    found = of(radionuclidic_breakthrough(rows_table({"r0": 0.02, "hours": expiry})), "mo99_breakthrough")
    assert found.value == pytest.approx(0.15, abs=1e-9)


def test_strontium_from_separate_activities_and_from_one_reading(rows_table):
    separate = radionuclidic_breakthrough(rows_table({"sr82_kbq": 6, "sr85_kbq": 12, "rb82_mbq": 1000}))
    assert of(separate, "sr82_breakthrough").value == pytest.approx(0.006)
    assert of(separate, "sr85_breakthrough").value == pytest.approx(0.012)
    reading = 6 + 0.4 * 12  # 82Sr, and 85Sr with a response of 0.4
    row = {"strontium_reading_kbq": reading, "sr85_to_sr82": 2, "sr85_response": 0.4, "rb82_mbq": 1000}
    together = radionuclidic_breakthrough(rows_table(row))
    assert of(together, "sr82_breakthrough").value == pytest.approx(0.006)
    assert of(together, "sr85_breakthrough").value == pytest.approx(0.012)


@pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.full)])
def test_the_true_ratio_lies_within_two_uncertainties_in_about_95_percent(rows_table, draws):
    rng, inside = np.random.default_rng(11), 0
    truth = of(
        radionuclidic_breakthrough(rows_table({"mo99_mbq": 1.85, "tc99m_mbq": 37000, "hours": 6})), "mo99_breakthrough"
    ).value
    for _ in range(draws):
        mo, tc = 1.85 * (1 + rng.normal(0, 0.03)), 37000 * (1 + rng.normal(0, 0.01))
        row = {"mo99_mbq": mo, "mo99_mbq_u": 0.03 * mo, "tc99m_mbq": tc, "tc99m_mbq_u": 0.01 * tc, "hours": 6}
        found = of(radionuclidic_breakthrough(rows_table(row)), "mo99_breakthrough")
        inside += abs(found.value - truth) <= 2 * found.uncertainty
    assert 0.93 <= inside / draws <= 0.98


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"mo99_mbq": 1, "tc99m_mbq": 0}, "impossible_value"),
        ({"mo99_mbq": 1, "tc99m_mbq": 1000, "hours": -1}, "impossible_value"),
        ({"eluate_mbq": 740, "ge68_reading_bq": 5000, "delay_h": 5}, "too_early"),
        ({"eluate_mbq": 740, "ge68_reading_bq": 5000}, "input_missing"),
        ({"r0": 0.2, "limit": 0.15}, "over_limit_at_elution"),
        ({"mo99_mbq": 1, "mo99_kbq": 1000, "tc99m_mbq": 10}, "units_mixed"),
        ({"rb82_mbq": 100}, "input_missing"),
    ],
)
def test_impossible_eluates_are_refused(rows_table, row, code):
    with pytest.raises(Refused) as refused:
        radionuclidic_breakthrough(rows_table(row))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_the_nuclear_data_and_a_figure_come_with_the_result(rows_table):
    row = {"mo99_mbq": 1.85, "tc99m_mbq": 37000}
    result = radionuclidic_breakthrough(rows_table(row))
    assert all("ICRP 107" in one.value.en for one in result.conditions)
    assert len(result.figures()) == 2
    ddep = radionuclidic_breakthrough(rows_table(row), nuclear_data="ddep")
    assert any("DDEP" in one.value.en for one in ddep.conditions)
    assert accepts(rows_table(row)) is None
    assert accepts(rows_table({"hours": 1})) is not None
