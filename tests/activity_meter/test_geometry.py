"""Geometry dependence: a meter whose dependence on volume is known, decay between the readings, refusals."""

import math

import pytest

from photopeak.activity_meter.geometry import accepts, geometry
from photopeak.procedure import Refused

TRUTH = {1.0: 0.0, 5.0: -0.8, 10.0: -1.5, 20.0: -4.0}


def deviations(result):
    return {one.where.get("volume_ml", one.where.get("position")): one for one in result.measurements if one.unit == "%"}


def test_a_known_dependence_on_volume_is_found_also_where_the_source_decays(rows_table):
    hours = [0.0, 0.1, 0.2, 0.4]
    readings = [200 * (1 + d / 100) * 0.5 ** (t / 6.015) for d, t in zip(TRUTH.values(), hours)]
    row = {"nuclide": "Tc-99m", "volume_ml": list(TRUTH), "time_h": hours, "readings_mbq": readings, "reading_u_percent": 0.5}
    found = deviations(geometry(rows_table(row)))
    assert {volume: one.value for volume, one in found.items()} == pytest.approx(TRUTH, abs=1e-9)
    assert found[20.0].uncertainty == pytest.approx(0.5 * math.sqrt(2))
    factors = {one.where["volume_ml"]: one.value for one in geometry(rows_table(row)).measurements if one.unit == "1"}
    assert factors[20.0] == pytest.approx(1 / 0.96)


def test_positions_have_names_and_any_of_them_may_be_the_reference(rows_table):
    rows = [
        {"position": p, "reading_mbq": x, "reference": "centre"} for p, x in (("top", 97), ("centre", 100), ("bottom", 101))
    ]
    found = deviations(geometry(rows_table(*rows)))
    expected = {"top": -3.0, "centre": 0.0, "bottom": 1.0}
    assert {place: one.value for place, one in found.items()} == pytest.approx(expected)


def test_an_activity_poured_from_one_container_to_another_counts_by_its_share(rows_table):
    rows = [
        {"container": "vial", "readings_mbq": 100, "activity_share": 1},
        {"container": "syringe", "readings_mbq": 52, "activity_share": 0.5},
    ]
    assert deviations(geometry(rows_table(*rows)))["syringe"].value == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"volume_ml": [1], "readings_mbq": [5]}, "too_few_values"),
        ({"volume_ml": [1, -2], "readings_mbq": [5, 5]}, "impossible_value"),
        ({"volume_ml": [1, 2, 3], "readings_mbq": [5, 5]}, "unequal_series"),
        ({"volume_ml": [1, 2], "readings_mbq": [5, 5], "reference": 7}, "no_reference"),
        ({"volume_ml": [1, 2], "readings_mbq": [5, 5], "time_h": [0, 1]}, "nuclide_missing"),
    ],
)
def test_impossible_series_are_refused(rows_table, row, code):
    with pytest.raises(Refused) as refused:
        geometry(rows_table(row))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_a_table_of_volumes_or_positions_is_accepted(rows_table):
    assert accepts(rows_table({"volume_ml": 1, "reading_mci": 2})) is None
    assert accepts(rows_table({"readings_mbq": 2})) is not None
    assert len(geometry(rows_table({"volume_ml": [1, 2], "readings_mbq": [5, 5]})).figures()) == 1
