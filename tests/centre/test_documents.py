"""Documents: drafted by the centre, issued by the director alone, numbered without gaps, frozen, stored in both forms and languages."""

import datetime
import hashlib
from concurrent.futures import ThreadPoolExecutor

import pypdfium2 as pdfium
import pytest
from django.db import connection, transaction
from django.utils import timezone
from test_findings import RESPONSE, Stage

from photopeak.finding import IllegalAct
from photopeak.words import Words
from photopeak_centre.audit.models import Detail, Entry
from photopeak_centre.checks.models import Drawing
from photopeak_centre.evidence.store import keep, read
from photopeak_centre.findings.issue import compose, content_hash, draft, issue, numbered
from photopeak_centre.findings.life import raise_from
from photopeak_centre.findings.models import CalendarYear, Document, NumberSeries, Practice, TextBlock
from photopeak_centre.findings.texts import DEFAULTS, PLACEHOLDERS, fill, unknown_in

BLOBS = ("pdf_zh", "pdf_en", "docx_zh", "docx_en")


@pytest.fixture
def stage(database):
    return Stage()


def words_of(pdf):
    pages = pdfium.PdfDocument(pdf)
    return "".join(page.get_textpage().get_text_range() for page in pages).replace("\r", "").replace("\n", "")


def issued_notice(stage, at=None):
    finding = stage.raised()
    return finding, issue(draft("notice", finding.organisation, finding=finding), by=stage.director, at=at or stage.later())


def test_issuing_a_notice_numbers_freezes_stores_and_notifies(stage):
    result = stage.result(6.2, "fail")
    svg = keep(b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 10 6'><rect width='10' height='6' fill='#888'/></svg>")
    Drawing.objects.create(result=result, number=1, title_en="deviation", title_zh="偏差图", en=svg, zh=svg, pixels=svg)
    from photopeak_centre.findings.life import raise_for_result

    finding = raise_for_result(result, stage.inspector, at=stage.later())
    document = issue(draft("notice", finding.organisation, finding=finding), by=stage.director, at=stage.later())
    finding.refresh_from_db()
    assert finding.state == "notified"
    assert document.number == f"核质控〔{document.issued.year}〕1号"
    assert finding.acts.get(act="notify").document == document
    assert finding.due.isoformat() == document.content["due"]
    zh = words_of(read(document.pdf_zh_id))
    for needed in (
        "质控整改通知书",
        document.number,
        "岚溪医院：",
        "6.20±0.20%",
        "限值≤5.0%",
        "EX 1",
        "异议",
        "10个工作日",
        "偏差图",
        "签收",
    ):
        assert needed in zh
    assert "罚" not in zh
    en = words_of(read(document.pdf_en_id))
    assert "Courtesy translation" in en
    assert "6.20 ± 0.20 %" in en
    assert read(document.docx_zh_id)[:2] == b"PK"
    entry = Entry.objects.get(act="document issued")
    content = Detail.objects.get(entry=entry).content
    assert content["content_sha256"] == content_hash(document.content)
    assert content["files"] == {name: getattr(document, f"{name}_id") for name in BLOBS}
    assert all(hashlib.sha256(read(sha)).hexdigest() == sha for sha in content["files"].values())


def test_only_the_director_issues(stage):
    finding = stage.raised()
    made = draft("notice", finding.organisation, finding=finding)
    for by in (stage.secretary, stage.inspector, stage.physicist):
        with pytest.raises(IllegalAct, match="director"):
            issue(made, by=by)
    assert not NumberSeries.objects.exists()


def test_an_issued_document_never_changes(stage):
    _, document = issued_notice(stage)
    document.content = {}
    with pytest.raises(TypeError):
        document.save()
    with pytest.raises(TypeError):
        document.delete()
    with pytest.raises(IllegalAct, match="already"):
        issue(document, by=stage.director)


def test_changing_the_hospital_or_the_text_later_changes_nothing_that_was_sent(stage):
    _, document = issued_notice(stage)
    before = read(document.pdf_zh_id)
    stage.hospital.name_zh = "改名医院"
    stage.hospital.save()
    TextBlock.objects.create(kind="notice", place="demand", zh="另一句话", en="another")
    from photopeak_centre.findings.issue import composed_of, made

    assert made(composed_of(Document.objects.get(pk=document.pk)), "zh", "pdf") == before


def test_a_refused_issue_uses_no_number(stage):
    finding = stage.raised()
    made = draft("notice", finding.organisation, finding=finding)
    stage.do(finding, "withdraw", words="误报")
    with pytest.raises(IllegalAct, match="moved on"), transaction.atomic():
        issue(made, by=stage.director)
    _, document = issued_notice(stage)
    assert document.number.endswith("〕1号")


def test_each_kind_and_year_has_its_own_series_and_the_prefix_is_the_centres(stage):
    Practice.objects.create(pk=1, number_prefix="云核质控")
    assert numbered("notice", 2026) == "云核质控〔2026〕1号"
    assert numbered("notice", 2026) == "云核质控〔2026〕2号"
    assert numbered("reinspection_opinion", 2026) == "云核质控复〔2026〕1号"
    assert numbered("notice", 2027) == "云核质控〔2027〕1号"


def test_numbers_are_unique_and_without_gaps_under_concurrency(committed):
    def take(n):
        try:
            with transaction.atomic():
                number = numbered("notice", 2026)
                if n % 3 == 0:
                    raise RuntimeError("the issue fails after its number was taken")
                return number
        except RuntimeError:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        given = [number for number in pool.map(take, range(30)) if number]
    assert sorted(given) == sorted(f"核质控〔2026〕{n}号" for n in range(1, 21))


def test_undecided_is_listed_and_never_called_a_failure(stage):
    result = stage.result(6.2, "fail")
    from photopeak_centre.checks.models import Judgement, Measurement
    from photopeak_centre.findings.life import raise_for_result

    other = Measurement.objects.create(
        result=result, device=stage.device, acquired=result.acquired, quantity="differential_uniformity", place="{}", where={}, value=3.1,
        unit="%", uncertainty=0.15,
    )  # fmt: skip
    criterion = {**result.judgements.get().criterion, "quantity": "differential_uniformity", "upper": 3.0}
    Judgement.objects.create(result=result, measurement=other, outcome="undecided", criterion=criterion)
    finding = raise_for_result(result, stage.inspector)
    paper = compose(draft("notice", finding.organisation, finding=finding)).zh
    rows = paper.annexes[0].tables[0].rows
    assert [row[-1] for row in rows] == ["不合格", "未定"]
    assert any("不作为不合格" in note for note in paper.annexes[0].notes)
    body = "".join(one.text for one in paper.paragraphs)
    assert "微分均匀性" not in body


@pytest.mark.parametrize(("value", "decision", "state"), [(2.0, "accept", "closed"), (9.0, "reject", "notified"), (9.0, "escalate", "escalated")])  # fmt: skip
def test_the_opinion_on_reinspection_decides(stage, value, decision, state):
    finding, notice = issued_notice(stage)
    stage.do(finding, "receive")
    stage.do(finding, "respond", detail=RESPONSE)
    stage.do(finding, "reinspect", result=stage.result(value, "pass" if value < 5 else "fail"), detail={"on": "site"})
    opinion = draft("reinspection_opinion", finding.organisation, finding=finding)
    assert opinion.content["decision"] == ("accept" if decision == "accept" else "reject")
    opinion.content["decision"] = decision
    opinion.save()
    issue(opinion, by=stage.director, at=stage.later())
    finding.refresh_from_db()
    assert finding.state == state
    text = words_of(read(opinion.pdf_zh_id))
    assert notice.number in text
    assert ("同意销号" in text) == (decision == "accept")
    assert "复〔" in opinion.number
    assert (finding.due is not None) == (decision == "reject")


def test_an_opinion_cannot_accept_what_did_not_pass(stage):
    finding, _ = issued_notice(stage)
    stage.do(finding, "receive")
    stage.do(finding, "respond", detail=RESPONSE)
    stage.do(finding, "reinspect", result=stage.result(9.0, "fail"))
    opinion = draft("reinspection_opinion", finding.organisation, finding=finding)
    opinion.content["decision"] = "accept"
    opinion.save()
    with pytest.raises(IllegalAct, match="did not pass"):
        issue(opinion, by=stage.director, at=stage.later())
    opinion.refresh_from_db()
    assert opinion.number == ""
    assert NumberSeries.objects.get(prefix="核质控复").last == 0 if NumberSeries.objects.filter(prefix="核质控复") else True


def test_a_letter_counts_what_was_handed_in(stage):
    for value, outcome in ((6.2, "fail"), (2.0, "pass"), (2.1, "pass")):
        stage.result(value, outcome, at=timezone.now() - datetime.timedelta(days=3))
    day = timezone.localdate()
    made = draft("feedback_letter", stage.hospital, **{"from": str(day - datetime.timedelta(days=30)), "until": str(day)})
    text = "".join(one.text for one in compose(made).zh.paragraphs)
    assert "共检测3项次：合格2，不合格1，未定0" in text
    assert "函〔" in issue(made, by=stage.director).number


def test_a_certificate_names_what_passed(stage):
    result = stage.result(2.0, "pass")
    made = issue(draft("certificate", stage.hospital, result=result.pk), by=stage.director)
    text = words_of(read(made.pdf_zh_id))
    assert "质控检测合格证书" in text
    assert "2.00±0.20%" in text
    assert "*" in text  # the limit is provisional, and the paper says so


def test_what_a_checklist_found_goes_into_a_notice_and_a_record(stage):
    item = {
        "outcome": "fail", "name": {"en": "Leak test of sources", "zh": "密封源泄漏检验"}, "quantity": "item_3", "where": {}, "value": None,
        "unit": "", "uncertainty": None, "criterion": {"standard": "示例检查表", "edition": "2026", "clause": "3.2"}, "judgement": None,
    }  # fmt: skip
    finding = raise_from(
        organisation=stage.hospital, source="visit", procedure="visit.devices", words=Words("Site visit", "现场检查发现问题"),
        verdicts=[item], by=stage.inspector, at=stage.later(),
    )  # fmt: skip
    paper = compose(draft("notice", stage.hospital, finding=finding))
    text = "".join(one.text for one in paper.zh.paragraphs)
    assert "密封源泄漏检验：不合格（示例检查表 2026，第3.2条）" in text
    assert "Leak test of sources: fail" in "".join(one.text for one in paper.en.paragraphs)


def test_texts_are_filled_from_the_fixed_list_and_never_evaluated():
    assert fill("{hospital}至{due}", {"hospital": "{due}", "due": "今日"}) == "{due}至今日"
    evil = "{hospital.__class__} {{ 7*7 }} {% load x %} {0} %s #panic() {unknown}"
    assert fill(evil, {"hospital": "x"}) == evil
    assert unknown_in("{hospital} {unknown}") == ["unknown"]
    for kind, places in DEFAULTS.items():
        for place, words in places.items():
            assert unknown_in(words.en + words.zh) == [], (kind, place)
            assert set(PLACEHOLDERS) >= {*()}
            assert "罚" not in words.zh


def test_the_deadline_of_a_notice_follows_the_entered_calendar(stage):
    CalendarYear.objects.create(year=2026, source="示例", off={}, work=[])
    Practice.objects.create(pk=1, days_to_respond=2)
    finding = stage.raised()
    from photopeak_centre.findings.papers import due_of

    made = draft("notice", finding.organisation, finding=finding)
    assert due_of(made, datetime.date(2026, 9, 30)) == datetime.date(2026, 10, 2)
    made.content["due"] = "2026-12-01"
    assert due_of(made, datetime.date(2026, 9, 30)) == datetime.date(2026, 12, 1)


def test_a_hospital_sees_no_draft_and_no_finding_before_its_notice(stage):
    from photopeak_centre.findings.models import Finding

    finding = stage.raised()
    made = draft("notice", finding.organisation, finding=finding)
    assert not Document.objects.visible_to(stage.physicist).exists()
    assert not Finding.objects.visible_to(stage.physicist).exists()
    issue(made, by=stage.director, at=stage.later())
    assert Document.objects.visible_to(stage.physicist).get() == made
    assert Finding.objects.visible_to(stage.physicist).get() == finding


def test_a_device_s_own_limit_is_named_in_the_language_of_the_paper(stage):
    result = stage.result(6.2, "fail")
    result.judgements.update(
        criterion={**result.judgements.get().criterion, "standard": "Meridian 3.1", "edition": "厂家指标", "clause": ""}
    )
    from photopeak_centre.findings.life import raise_for_result

    finding = raise_for_result(result, stage.inspector)
    paper = compose(draft("notice", finding.organisation, finding=finding))
    assert "（Meridian 3.1 厂家指标）" in "".join(one.text for one in paper.zh.paragraphs)
    assert "(Meridian 3.1 manufacturer's specification)" in "".join(one.text for one in paper.en.paragraphs)
