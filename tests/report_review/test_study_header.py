"""A report against the header of its study: agreement is silent, each value that differs is told, with the header's value."""

import pytest

from photopeak.check import check
from photopeak.dicom.study_header import study_headers
from photopeak.phantom.patient import patient_files
from photopeak.report_review.audit import audited
from photopeak.report_review.exam import ligand_in, nuclide_in
from photopeak.text import TextDocument

REPORT = """海安医院核医学科 18F-FDG PET/CT检查报告
姓名：郑西园　性别：男　年龄：61岁　住院号：20115　检查号：PT2025　申请科室：胸外科
检查日期：2025-03-04　报告日期：2025-03-05
病史：右肺上叶结节，性质待查。
方法：空腹8h，血糖5.4mmol/L，体重{weight}kg，静脉注射18F-FDG {activity}MBq，{wait}min后采集，颅底至大腿中段，CT 120kV平扫。
所见：右肺上叶结节1.2cm，SUVmax 3.4。余未见异常。
诊断：右肺上叶结节，轻度代谢增高，建议3个月复查。
报告医师：沈括　审核医师：宋应星
"""
AGREEING = {"weight": 70, "activity": 250, "wait": 60}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    patient_files(folder, slices=12, matrix=48, voxel_mm=12.0, activity_mbq=250.0, weight_kg=70.0, uptake_min=60.0)
    return folder


def codes(**other):
    stated = {
        "activity_mbq": "250",
        "weight_kg": "70",
        "injected_at": "09:00",
        "scanned_at": "10:00",
        "study_tracer": "FDG -- fluorodeoxyglucose",
    }
    document = TextDocument(text=REPORT.format(**{**AGREEING, **other}), format="txt")
    report = audited(document, facts=stated)
    return {one.code for one in report.defects if one.citation == "DICOM header of the study"}


def test_the_header_of_a_study_states_what_was_given(study):
    (found,) = study_headers([study])
    assert float(found.stated["activity_mbq"]) == pytest.approx(250)
    assert float(found.stated["weight_kg"]) == pytest.approx(70)
    hours, minutes = zip(*(map(int, found.stated[name].split(":")) for name in ("injected_at", "scanned_at")), strict=True)
    assert (hours[1] - hours[0]) * 60 + minutes[1] - minutes[0] == pytest.approx(60, abs=1)


def test_agreement_is_silent():
    assert codes() == set()


@pytest.mark.parametrize(
    ("other", "code"),
    [({"weight": 50}, "VALUE_MISMATCH"), ({"activity": 350}, "VALUE_MISMATCH"), ({"wait": 95}, "TIME_ARITHMETIC")],
)
def test_each_value_that_differs_is_told(other, code):
    assert codes(**other) == {code}


def test_another_tracer_than_the_header_names_is_told():
    document = TextDocument(text=REPORT.format(**AGREEING), format="txt")
    found = audited(document, facts={"study_tracer": "PSMA-11"}).defects
    assert [one.code for one in found if one.citation == "DICOM header of the study"] == ["TRACER_EXAM_MISMATCH"]


def test_names_of_tracers_and_nuclides_in_headers():
    assert ligand_in("Fluorodeoxyglucose F^18^") == "FDG"
    assert ligand_in("Solution") == ""
    assert {nuclide_in(words) for words in ("^18^Fluorine", "F-18", "18F", "Fluorine 18")} == {"18F"}
    assert nuclide_in("^99m^Technetium") == nuclide_in("Tc-99m") == "99mTc"


def test_a_folder_with_a_study_and_its_report_is_compared_by_check(study, tmp_path):
    report = tmp_path / "report.txt"
    report.write_text(REPORT.format(**{**AGREEING, "weight": 50}), "utf-8")
    (examined,) = [one for one in check([study, report]).examined if one.procedure.name == "report_review.audit"]
    assert "VALUE_MISMATCH" in {one.code for one in examined.result.defects}
