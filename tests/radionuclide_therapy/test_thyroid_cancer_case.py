"""Audit of 131I records: completeness and indicator as the records were made, contradictions, refractory evidence, refusals."""

import pytest

from photopeak.criterion import choose, shipped_criteria
from photopeak.procedure import Refused
from photopeak.radionuclide_therapy.thyroid_cancer_case import accepts, thyroid_cancer_case
from photopeak.verdict import judge

COMPLETE = {
    "case": "A",
    "patient": "P1",
    "sex": "女",
    "age": 41,
    "stimulation": "停药",
    "withdrawal_from": "2026-03-10",
    "tsh": 85.2,
    "tsh_at": "2026-04-06",
    "diagnostic_scan_at": "2026-04-05",
    "low_iodine_from": "2026-03-20",
    "pregnancy_test": "阴性",
    "intended_mbq": 3700,
    "administered_mbq": 3780,
    "administered_at": "2026-04-07",
    "course": 1,
    "cumulative_mbq": 3780,
    "post_therapy_scan_at": "2026-04-12",
    "discharge_at": "2026-04-10",
    "discharge_activity_mbq": 320,
    "discharge_dose_rate_usv_h": 18,
    "written_advice": "有",
}


def of(result, name):
    return next((one for one in result.measurements if one.quantity.name == name), None)


def record(**changes):
    return {key: value for key, value in {**COMPLETE, **changes}.items() if value != ""}


def codes(result):
    return {one.code for one in result.remarks}


def test_a_complete_record_is_complete_and_its_numbers_are_the_records(rows_table):
    result = thyroid_cancer_case(rows_table(record()))
    expected = {
        "record_completeness": 100.0,
        "tsh": 85.2,
        "tsh_attainment": 100.0,
        "complete_records_share": 100.0,
        "administered_activity_deviation": 100 * 80 / 3700,
        "cumulative_activity": 3780.0,
        "post_therapy_scan_interval": 5.0,
        "withdrawal_time": 28.0,
        "low_iodine_time": 18.0,
        "discharge_ratio": 18 / 25,
    }
    assert {one.quantity.name: one.value for one in result.measurements} == pytest.approx(expected)
    assert result.remarks == ()


@pytest.mark.parametrize("absent", ["tsh", "post_therapy_scan_at", "pregnancy_test", "written_advice", "withdrawal_from"])
def test_each_absent_element_is_found_and_named(rows_table, absent):
    result = thyroid_cancer_case(rows_table(record(**{absent: ""}), record(case="B")))
    truth = 100 * 15 / 16
    assert of(result, "record_completeness").value == pytest.approx(truth)
    name = "tsh_miu_l" if absent == "tsh" else absent
    elements = result.document_extras()["records"][0]["elements"]
    assert [one["element"] for one in elements if one["status"] == "absent"] == [name]
    assert "elements_absent" in codes(result)


def test_a_man_needs_no_pregnancy_test_and_rhtsh_needs_its_own_dates(rows_table):
    man = thyroid_cancer_case(rows_table(record(sex="男", pregnancy_test="")))
    assert of(man, "record_completeness").value == 100.0
    recombinant = record(stimulation="rhTSH", withdrawal_from="", rhtsh_first_at="2026-04-05", rhtsh_second_at="2026-04-06")
    result = thyroid_cancer_case(rows_table(recombinant))
    assert of(result, "record_completeness").value == 100.0
    assert of(result, "time_after_rhtsh").value == 1.0
    assert of(result, "tsh").where["stimulation"] == "rhtsh"
    lacking_dates = thyroid_cancer_case(rows_table(record(stimulation="rhTSH", withdrawal_from="")))
    assert of(lacking_dates, "record_completeness").value == pytest.approx(100 * 15 / 17)


def test_the_indicator_counts_every_record_and_thirty_exactly_does_not_attain(rows_table):
    values = (31, 30, 85, "", 29)
    rows = [record(case=n, tsh=value) for n, value in enumerate(values)]
    late = record(case="late", tsh=90, tsh_at="2026-04-09")
    found = of(thyroid_cancer_case(rows_table(*rows, late)), "tsh_attainment")
    assert (found.value, found.where) == (pytest.approx(100 * 2 / 6), {"records": 6})


def test_the_verdicts_are_provisional_and_those_of_the_record(rows_table):
    row = record(tsh=30, administered_mbq=4200, cumulative_mbq=4200, discharge_activity_mbq=500, discharge_dose_rate_usv_h=30)
    result = thyroid_cancer_case(rows_table(row))
    names = {one.quantity.name for one in result.measurements}
    rows = choose([one for one in shipped_criteria() if one.quantity in names], stage="status")
    by = {}
    for verdict in judge(result.measurements, rows):
        if verdict.criterion is not None and verdict.measurement is not None:
            by.setdefault(verdict.measurement.quantity.name, set()).add(verdict.outcome)
    assert by == {"tsh": {"fail"}, "administered_activity_deviation": {"pass", "fail"}, "discharge_ratio": {"fail"}}


def test_dates_and_activities_that_contradict_each_other_are_told(rows_table):
    result = thyroid_cancer_case(
        rows_table(
            record(case="scan before therapy", post_therapy_scan_at="2026-04-01"),
            record(case="sum", cumulative_mbq=1000),
            record(case="pregnant", pregnancy_test="阳性"),
        )
    )
    assert {"dates_contradict", "cumulative_below_course", "pregnancy_positive"} <= codes(result)
    assert not [one for one in result.measurements if one.quantity.name.endswith("interval") and one.value < 0]


def test_cumulative_activity_must_follow_from_the_courses(rows_table):
    first = record(case="1", course=1)
    second = record(case="2", course=2, administered_mbq=5550, intended_mbq=5550, cumulative_mbq=9330)
    assert "cumulative_contradicts" not in codes(thyroid_cancer_case(rows_table(first, second)))
    wrong = {**second, "cumulative_mbq": 7000}
    assert "cumulative_contradicts" in codes(thyroid_cancer_case(rows_table(first, wrong)))


def test_refractory_disease_is_never_said_only_how_complete_its_evidence_is(rows_table):
    much = record(cumulative_mbq=40000, course=7)
    assert of(thyroid_cancer_case(rows_table(much)), "rair_evidence_completeness") is None
    stated = record(rair_stated="是", rair_iodine_uptake="无摄取", rair_imaging_at="2026-04-12")
    assert of(thyroid_cancer_case(rows_table(stated)), "rair_evidence_completeness").value == pytest.approx(40.0)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"administered_mbq": -5}, "impossible_value"),
        ({"tsh": "高"}, "not_a_number"),
        ({"stimulation": "cold"}, "unknown_stimulation"),
        ({"administered_at": "soon"}, "not_a_time"),
        ({"age": 200}, "impossible_value"),
    ],
)
def test_impossible_records_are_refused_and_hide_no_other(rows_table, change, code):
    with pytest.raises(Refused) as refused:
        thyroid_cancer_case(rows_table(record(**change)))
    assert refused.value.code == code
    assert refused.value.words.zh
    result = thyroid_cancer_case(rows_table(record(), record(case="B", **change)))
    assert "case_refused" in codes(result)
    assert of(result, "record_completeness").value == 100.0


def test_only_a_table_of_records_is_accepted(rows_table):
    assert accepts(rows_table(record())) is None
    assert accepts(rows_table({"tsh": 5})) is not None
    assert len(thyroid_cancer_case(rows_table(record())).figures()) == 3


def test_a_table_with_the_chinese_names_of_the_template_is_understood(tmp_path):
    from photopeak.check import check

    header = "病历号,性别,年龄（岁）,TSH刺激方式,停药开始日期,治疗前TSH（mIU/L）,TSH检测日期,诊断性扫描日期,低碘饮食开始日期,妊娠试验"
    header += ",计划活度（MBq）,给药活度（MBq）,给药日期,疗程序号,累积活度（MBq）,治疗后扫描日期,出院日期,出院时体内活度（MBq）,出院书面建议"
    cells = "A,女,41,停药,2026年3月10日,85.2,2026/4/6,2026/4/5,2026/3/20,阴性,3700,3780,2026-04-07,1,3780,2026-04-12,2026-04-10,320,有"
    path = tmp_path / "记录.csv"
    path.write_bytes(f"{header}\n{cells}\n".encode("gb18030"))
    (examined,) = check([path]).examined
    assert examined.procedure.name == "radionuclide_therapy.thyroid_cancer_case"
    assert of(examined.result, "record_completeness").value == 100.0
