"""Doubt before an accusation: what stands in the text in unknown words is shown to a person, what stands nowhere is proposed as absent."""

import pytest

from photopeak.report_review.audit import audited, report_as_data
from photopeak.report_review.elements import PACKS, rules
from photopeak.report_review.exam import TYPES
from photopeak.report_review.highlighted import page
from photopeak.text import TextDocument

REPORT = """青禾市第一医院核医学科 PET/CT检查报告
姓名：闻人语　性别：男　年龄：61岁　住院号：3301827　检查号：PT-240611　申请科室：胸外科
检查日期：2024-06-11　报告日期：2024-06-12
临床诊断：右肺上叶腺癌术后2年。检查目的：评估复发。
检查方法：静脉注射18F-FDG 259MBq，60min后颅底至大腿中段显像，每床2min，uMI 780。低剂量CT平扫120kV。
影像所见：右肺术区未见异常摄取。左肺上叶结节1.1cm，SUVmax 5.2。
诊断意见：左肺上叶高代谢结节，考虑转移，建议穿刺活检。
报告医师：上官虹　审核医师：司徒明
"""


def element(text, name):
    return next(one for one in audited(TextDocument(text=text, format="txt")).elements if one.element == name)


@pytest.mark.parametrize(
    ("name", "words", "cue"),
    [
        ("glucose", "葡萄糖负荷前糖测得偏高。", "糖"),
        ("image_quality", "采集顺利，未移动。", "采集顺利"),
        ("device", "128排机器完成。", "128排"),
        ("preparation", "检查前嘱其憩歇。", "嘱"),
        ("height_weight", "BMI 23。", "BMI"),
    ],
)
def test_unknown_words_for_an_element_are_doubted_with_their_place_and_reason(name, words, cue):
    plain = REPORT.replace("，uMI 780", "") if name == "device" else REPORT
    assert element(plain, name).status == "absent"
    text = plain.replace("检查方法：", "检查方法：" + words)
    found = element(text, name)
    assert found.status == "not_assessable"
    assert found.reason is not None
    assert [quote.text for quote in found.evidence] == [cue]
    assert text[found.evidence[0].start : found.evidence[0].end] == cue
    assert cue in found.reason.zh
    assert cue in found.reason.en
    assert "须人工查看" in found.reason.zh


def test_what_another_element_has_claimed_raises_no_doubt():
    text = REPORT.replace("　检查号：PT-240611", "")
    assert element(text, "exam_no").status == "absent"  # the only number is the patient's
    text = REPORT.replace("　报告日期：2024-06-12", "")
    assert element(text, "report_date").status == "absent"  # the only date is the examination's
    text = REPORT.replace("　审核医师：司徒明", "")
    assert element(text, "reviewer").status == "absent"  # the only name is the author's


def test_the_name_stays_out_of_a_doubt():
    text = REPORT.replace("姓名：闻人语　性别：男　年龄：61岁", "系闻人先生所做，年龄：61岁")
    found = element(text, "name")
    assert found.status == "present"
    assert found.reason is not None
    assert all(len(quote.text) == 1 for quote in found.evidence)
    assert "闻人先生" not in found.reason.zh


def test_an_unasked_question_needs_no_answer_one_that_a_cue_tells_does():
    text = REPORT.replace("临床诊断：右肺上叶腺癌术后2年。检查目的：评估复发。\n", "")
    assert element(text, "indication").status == "absent"
    assert element(text, "answers_question").status == "not_applicable"
    text = text.replace("检查方法：", "检查方法：近日咳甚。")
    found = element(text, "indication")
    assert found.status == "present"
    assert found.reason.zh == "仅据字样“咳”判为有"
    assert element(text, "answers_question").status == "present"


def test_a_doubt_is_no_missing_element_and_shows_on_the_page():
    text = REPORT.replace("检查方法：", "检查方法：糖测得偏高。")
    report = audited(TextDocument(text=text, format="txt"))
    data = report_as_data(report)
    row = next(one for one in data["elements"] if one["element"] == "glucose")
    assert row["status"] == "not_assessable"
    assert set(row["reason"]) == {"en", "zh"}
    assert not any(one.code == "MISSING_REQUIRED" and "glucose" in one.en for one in report.defects)
    assert row["reason"]["zh"] in page(text, data)
    assert '<mark class="doubt"' in page(text, data)


@pytest.mark.parametrize("kind", TYPES)
def test_every_element_that_can_be_called_absent_has_weak_cues(kind):
    assert len(PACKS) == 9
    bare = [rule.id for rule in rules(kind) if rule.weak is None and not rule.silent and rule.id != "lesion_location"]
    assert bare == []
