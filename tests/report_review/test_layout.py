"""A report whose layout was lost reads as the report it was, and every quotation is of the text as handed in."""

import pytest

from photopeak.report_review.audit import audited
from photopeak.report_review.deidentify import deidentified
from photopeak.report_review.layout import laid_out
from photopeak.text import TextDocument

REPORT = """青崖医院核医学科
全身骨显像检查报告
姓名:毕长升 性别:男 年龄:29岁 病历号:55-8123 检查号:TB0091 申请科室:骨科
检查日期:2024-12-09 报告日期:2024-12-10
临床诊断:左股骨骨肉瘤术后,了解有无骨转移。
检查方法:静脉注射99mTc-MDP 740MBq,3小时后行全身前后位平面采集,速度15cm/min,嘱多饮水并排空膀胱,图像清晰,无既往骨显像。
检查所见:左侧第5前肋见点状放射性浓聚,胸椎下段放射性分布不均匀,第11胸椎椎体见团片状浓聚,余骨骼放射性分布均匀对称,双肾显影正常。
诊断意见:1.第11胸椎骨转移可能。2.左侧第5前肋浓聚,建议3个月后复查。
报告医师:沈括 审核医师:宋应星
"""


def read(text: str) -> dict[str, str]:
    return {one.element: one.status for one in audited(TextDocument(text=text, format="txt")).elements}


def set_wide(text: str) -> str:
    return "\n".join(" ".join(line.replace(" ", "  ")) for line in text.split("\n"))


def cut_at(columns: int, text: str) -> str:
    """Lines cut where a program of 80 columns would, whatever stands there."""
    made = []
    for line in text.split("\n"):
        row, width = "", 0
        for one in line:
            step = 1 if one.isascii() else 2
            if width + step > columns:
                made.append(row)
                row, width = "", 0
            row, width = row + one, width + step
        made.append(row)
    return "\n".join(made)


def test_plain_text_keeps_its_places():
    assert laid_out(REPORT).origin is None


@pytest.mark.parametrize("changed", [set_wide(REPORT), cut_at(48, REPORT), cut_at(76, REPORT)], ids=["wide", "48", "76"])
def test_layout_changes_no_verdict(changed):
    assert read(changed) == read(REPORT)


def test_a_row_of_labels_over_a_row_of_values_is_read_as_pairs():
    table = "姓名|性别|年龄|科别|住院号|检查号\n游子吟|男|34岁|泌尿二科|Z100288|ECT24-0911\n"
    body = REPORT.replace(REPORT.split("\n")[2] + "\n", table)
    found = read(body)
    for element in ("name", "sex", "age", "patient_id", "exam_no", "referrer"):
        assert found[element] == "present", element


@pytest.mark.parametrize("changed", [REPORT, set_wide(REPORT), cut_at(48, REPORT)], ids=["as it was", "wide", "cut"])
def test_quotations_are_of_the_text_as_read(changed):
    report = audited(TextDocument(text=changed, format="txt"))
    for one in (*report.elements, *report.defects):
        for quote in one.evidence:
            assert changed[quote.start : quote.end] == quote.text


def test_a_name_set_wide_is_replaced_as_well():
    made = deidentified(set_wide(REPORT), key=b"a key of sixteen bytes")
    assert "毕 长 升" not in made.text
    assert "沈 括" not in made.text
