"""No name, number or place of a generated report is left, one person keeps one pseudonym, and the rest is listed for a person."""

import datetime
import re

import pytest

from photopeak.phantom.report_text import KINDS, STYLES, _read, report_text
from photopeak.report_review.deidentify import card_is_valid, deidentified

KEY = b"0123456789abcdef"


def test_generated_reports_keep_no_name_number_or_hospital():
    left = []
    content = _read("content.toml")
    for number in range(72):
        style, kind = STYLES[number % 9], KINDS[(number // 9) % 4]
        text, _ = report_text(seed=number, style=style, kind=kind)
        made = deidentified(text, key=KEY, staff=[name for one in content.values() for name in one["doctors"]])
        for one in content.values():
            left += [(style, word) for word in (*one["names"], *one["doctors"]) if word in made.text]
        left += [(style, word) for word in re.findall(r"\d{6,7}", text) if word in made.text]
    assert left == []


def test_a_person_keeps_one_pseudonym_under_one_key_alone():
    text = "姓名：郁青梧 性别：男 住院号：882711\n病史：郁青梧因咳嗽就诊，青梧先生要求复查。检查日期：2025-03-04。外院2025-02-01 CT。"
    one, other = deidentified(text, key=KEY), deidentified(text, key=b"another key, sixteen")
    tag = re.search(r"患者[0-9A-F]{6}", one.text).group()
    assert one.text.count(tag) == 2
    assert "青梧" not in one.text
    assert tag not in other.text


def test_dates_move_together_and_stay_dates():
    text = "姓名：郁青梧 检查日期：2025-03-04 报告日期：2025-03-06\n所见：与2024-12-04比较。"
    days = [datetime.date.fromisoformat(one) for one in re.findall(r"\d{4}-\d{2}-\d{2}", deidentified(text, key=KEY).text)]
    assert [(days[1] - days[0]).days, (days[0] - days[2]).days] == [2, 90]
    assert days[0] != datetime.date(2025, 3, 4)


def test_identity_cards_by_their_check_digit_and_phones():
    assert card_is_valid("11010519491231002X")
    assert not card_is_valid("110105194912310021")
    made = deidentified(
        "姓名：郁青梧 身份证 11010519491231002X 电话 13812345678 住址：某市某路8号\n所见：叶尖段结节。", key=KEY
    ).text
    assert "11010519491231002X" not in made
    assert "13812345678" not in made
    assert "某路" not in made
    assert "叶尖段结节" in made


def test_what_may_be_a_name_is_listed_for_the_last_look():
    made = deidentified("姓名：郁青梧\n所见：与 王小明 片比，编码 99887766。", key=KEY)
    assert {"王小明", "99887766"} <= {words for _, _, words in made.look}
    assert all(made.text[start:end] == words for start, end, words in made.look)


def test_no_key_no_pseudonyms():
    with pytest.raises(ValueError, match="key"):
        deidentified("姓名：郁青梧", key=b"")
