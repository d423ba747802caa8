"""Release records: completeness as they were made, the numbers by tracer and specification, refusals."""

import pytest

from photopeak.criterion import choose, shipped_criteria
from photopeak.procedure import Refused
from photopeak.radiopharmacy.kit_release import accepts, kit_release
from photopeak.verdict import judge

COMPLETE = {
    "tracer": "68Ga-PSMA-11",
    "batch": "B1",
    "prepared_at": "2026-05-04 08:00",
    "expires_at": "2026-05-04 12:00",
    "activity_mbq": 740,
    "labelled_activity_mbq": 750,
    "volume_ml": 10,
    "ph": 5.5,
    "rcp_pct": 97.2,
    "half_life_min": 68.0,
    "half_life_min_u": 1.0,
    "ge68_breakthrough_percent": 0.0002,
    "endotoxin_eu_per_ml": 5,
    "sterility": "合格",
    "filter_integrity": "yes",
    "appearance": "clear, colourless",
    "released_by": "QP",
}


def of(result, name):
    return next(one for one in result.measurements if one.quantity.name == name)


def test_a_complete_record_is_complete_and_each_absent_element_is_named(rows_table):
    assert of(kit_release(rows_table(COMPLETE)), "record_completeness").value == 100.0
    expected = {"sterility", "released_by", "half_life_min"}
    result = kit_release(rows_table({key: value for key, value in COMPLETE.items() if key not in expected}))
    assert of(result, "record_completeness").value == pytest.approx(100 * 11 / 14)
    elements = result.document_extras()["records"][0]["elements"]
    assert {one["element"] for one in elements if one["status"] == "absent"} == expected
    assert "elements_absent" in {one.code for one in result.remarks}


def test_the_numbers_are_derived_and_carry_the_tracer(rows_table):
    result = kit_release(rows_table({**COMPLETE, "tracer": "镓[68Ga]PSMA-11"}))
    assert of(result, "endotoxin_per_dose").value == pytest.approx(50.0)
    assert of(result, "labelled_activity").value == pytest.approx(100 * 740 / 750)
    assert of(result, "half_life").where["nuclide"] == "Ga-68"
    assert of(result, "ph").where["tracer"] == "68Ga-PSMA-11"


def test_the_pharmacopoeia_and_a_site_specification_are_told_apart(rows_table):
    result = kit_release(rows_table({**COMPLETE, "ph": 3.0, "rcp_pct": 89.0}))
    names = {one.quantity.name for one in result.measurements}
    rows = [row for row in shipped_criteria() if row.quantity in names]
    general = judge(result.measurements, choose(rows, stage="status"))
    site = judge(result.measurements, choose(rows, stage="status", programme="psma11-us-site"))
    outcome = {(v.criterion.standard, v.criterion.quantity): v.outcome for v in general if v.criterion and v.measurement}
    assert {out for (_, quantity), out in outcome.items() if quantity == "ph"} == {"fail"}
    assert {out for (_, quantity), out in outcome.items() if quantity == "radiochemical_purity"} == set()
    by_site = {v.criterion.quantity: v.outcome for v in site if v.criterion and v.measurement and v.criterion.programme}
    assert by_site["radiochemical_purity"] == "fail"
    assert by_site["endotoxin"] == "pass"


def test_what_is_recorded_as_failed_is_told(rows_table):
    result = kit_release(rows_table({**COMPLETE, "sterility": "不合格"}))
    assert "recorded_as_failed" in {one.code for one in result.remarks}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ph": 15}, "impossible_value"),
        ({"activity_mbq": -3}, "impossible_value"),
        ({"expires_at": "2026-05-03"}, "expired_before_prepared"),
        ({"rcp_pct": "97 %"}, "not_a_number"),
    ],
)
def test_impossible_records_are_refused(rows_table, change, code):
    with pytest.raises(Refused) as refused:
        kit_release(rows_table({**COMPLETE, **change}))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_one_record_a_row_and_other_tables_are_not_accepted(rows_table):
    result = kit_release(rows_table(COMPLETE, {**COMPLETE, "batch": "B2", "released_by": ""}))
    assert [one.where["batch"] for one in result.measurements if one.quantity.name == "record_completeness"] == ["B1", "B2"]
    assert accepts(rows_table(COMPLETE)) is None
    assert accepts(rows_table({"ph": 7})) is not None
    assert len(result.figures()) == 3
