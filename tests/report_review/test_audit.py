"""The audit of a report: what stands in the text is found, what was taken out is missed, contradictions planted are seen."""

import json
import pickle
import re
from pathlib import Path

import pytest

from photopeak.evidence import Evidence, EvidenceFile
from photopeak.procedure import Refused
from photopeak.report_review.audit import accepts, audit, audited
from photopeak.table import read_table
from photopeak.text import TextDocument, read_text

REPORTS = sorted((Path(__file__).parent / "reports").glob("*.txt"))
MARKED = re.compile(r"⟦([a-z_]+)\|([^⟧]*)⟧")
DERIVED = {"lesion_location", "lesion_size", "lesion_intensity", "impression", "answers_question"}


def evidence(text: str) -> Evidence:
    return Evidence(
        kind="text",
        files=(EvidenceFile(path="report.txt", sha256="0"),),
        sha256="0",
        images=TextDocument(text=text, format="txt"),
    )


def plain(marked: str, without: str = "") -> str:
    """The report without its marks; `without` names the element whose words are taken out."""
    return MARKED.sub(lambda one: "" if one.group(1) == without else one.group(2), marked)


def statuses(text: str) -> dict[str, str]:
    return {one.element: one.status for one in audit(evidence(text)).elements}


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_what_is_marked_in_a_report_is_not_called_absent(path):
    """The marks are the truth: every marked element is there; a wrong accusation is the worst fault."""
    marked = path.read_text("utf-8")
    found = statuses(plain(marked))
    wrong = [name for name, _ in MARKED.findall(marked) if found.get(name) == "absent"]
    assert wrong == []


def test_an_element_taken_out_of_a_report_is_missed():
    taken, missed, doubted = 0, 0, 0
    for path in REPORTS:
        marked = path.read_text("utf-8")
        for name in sorted({name for name, _ in MARKED.findall(marked)} - DERIVED):
            before, after = statuses(plain(marked)).get(name), statuses(plain(marked, name)).get(name)
            if before in ("present", "partial") and after is not None:
                taken += 1
                missed += after in ("absent", "partial", "not_applicable", "not_assessable")
                doubted += after == "not_assessable"
    assert taken > 100
    assert missed / taken >= 0.8
    assert doubted / taken <= 0.08  # a doubt is for what stands there in other words, not for every gap


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_every_span_quotes_the_text_as_read(path):
    text = plain(path.read_text("utf-8"))
    document = audit(evidence(text)).document_extras()
    spans = [span for part in ("elements", "defects") for one in document[part] for span in one["evidence"]]
    assert spans
    assert [span for span in spans if text[span["start"] : span["end"]] != span["text"]] == []


def test_the_labelled_reports_are_read_as_their_labels_say(shared):
    absent = {"right": 0, "wrong": 0, "overlooked": 0}
    for path in sorted((shared / "examples" / "reports").glob("[0-9]*.txt")):
        labels = json.loads(path.with_suffix(".json").read_text("utf-8"))
        found = statuses(path.read_text("utf-8"))
        for name, label in labels["elements"].items():
            if found.get(name, "absent") == "absent":
                absent["right" if label["status"] == "absent" else "wrong"] += 1
            elif label["status"] == "absent":
                absent["overlooked"] += 1
    assert absent["right"] / (absent["right"] + absent["wrong"]) >= 0.95
    assert absent["right"] / (absent["right"] + absent["overlooked"]) >= 0.90


def test_a_side_that_changes_between_findings_and_impression_is_a_defect():
    text = (
        "18F-FDG PET/CT检查报告\n检查所见：右肺上叶见一结节，大小约2.1×1.8cm，SUVmax 8.5，余未见异常。\n"
        "检查意见：左肺上叶结节，代谢增高，考虑恶性。\n"
    )
    assert "LATERALITY_MISMATCH" in {one.code for one in audit(evidence(text)).defects}
    same = text.replace("意见：左肺", "意见：右肺")
    assert "LATERALITY_MISMATCH" not in {one.code for one in audit(evidence(same)).defects}


def test_a_lymph_node_station_is_read_in_either_case():
    for station in ("4R", "4r"):
        text = f"18F-FDG PET/CT\n检查所见：纵隔{station}区见淋巴结，短径1.2cm，SUVmax 5.1。\n印象：纵隔淋巴结代谢增高。\n"
        assert statuses(text)["lesion_location"] == "present"


@pytest.mark.parametrize("text", ["", "会议纪要：下周一讨论采购。", "PET"])
def test_a_text_that_is_no_report_is_not_accepted_or_refused_in_words(text):
    if accepts(evidence(text)) is None:
        with pytest.raises(Refused):
            audit(evidence(text))
    else:
        assert accepts(evidence(text)).zh


def test_a_report_with_its_examination_is_accepted_and_the_result_travels():
    text = plain(REPORTS[0].read_text("utf-8"))
    assert accepts(evidence(text)) is None
    result = audit(evidence(text))
    assert pickle.loads(pickle.dumps(result)).document_extras() == result.document_extras()


def test_a_table_with_one_report_a_row_gives_a_result_for_each():
    rows = "\n".join(f'{n},"18F-FDG PET/CT。所见：右肺结节，SUVmax {n}.5。印象：右肺结节。"' for n in (3, 4))
    table = read_table(f"检查号,报告\n{rows}\n".encode(), "ris.csv")
    one = Evidence(kind="table", files=(EvidenceFile(path="ris.csv", sha256="0"),), sha256="0", images=table)
    if accepts(one) is not None:
        assert "报告" in accepts(one).zh or "列" in accepts(one).zh
    else:
        assert len(audit(one).reports) == 2


def test_a_page_without_text_is_never_called_absent():
    text = plain(REPORTS[0].read_text("utf-8"), "glucose")
    scanned = Evidence(
        kind="text",
        files=(EvidenceFile(path="scan.pdf", sha256="0"),),
        sha256="0",
        images=TextDocument(text=text, format="pdf", pages_without_text=(2,)),
    )
    assert "absent" not in {one.status for one in audit(scanned).elements}


def test_read_text_reads_both_encodings_alike():
    text = "全身骨显像\n所见：未见异常。\n印象：未见骨转移。\n"
    assert read_text(text.encode("gb18030"), "a.txt").text == read_text(text.encode("utf-8"), "a.txt").text


def _codes(text):
    return {one.code for one in audited(TextDocument(text=text, format="txt")).defects if one.severity == "critical"}


BONES = (
    "全身骨显像报告\n姓名:庾某 性别:男 年龄:66岁\n检查日期:2025-02-19\n临床诊断:肺癌化疗后\n检查方法:静脉注射99mTc-MDP 925 MBq,4小时后全身前后位采集。\n"
    "所见:{}\n诊断:{}\n报告医师:甲某 审核医师:乙某\n"
)


def test_a_skeleton_without_a_focus_has_no_metastases_in_the_impression():
    even = "颅骨、脊柱、骨盆及四肢骨显影清楚,全身各骨均未见异常浓聚。双肾显影。"
    assert "NEGATION_CONTRADICTION" in _codes(BONES.format(even, "全身多发骨转移瘤。"))
    assert "NEGATION_CONTRADICTION" not in _codes(BONES.format(even, "未见骨转移征象。"))
    assert "NEGATION_CONTRADICTION" not in _codes(BONES.format("L3椎体见浓聚灶,余全身骨骼未见异常。", "L3骨转移。"))


def test_a_change_of_suv_in_per_cent_is_no_suv():
    found = "右颈淋巴结SUVmax 1.5,较前ΔSUVmax 92.5%。肝脏SUVmax 2.6。"
    text = f"18F-FDG PET/CT报告\n姓名:甘某 性别:女 年龄:34岁\n方法:静脉注射18F-FDG 222 MBq,60分钟后采集。\n所见:{found}\n结论:完全代谢缓解。\n"
    assert "SUV_IMPLAUSIBLE" not in _codes(text)
    assert "SUV_IMPLAUSIBLE" in _codes(text.replace("92.5%", "925"))
