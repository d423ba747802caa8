"""The pages of findings and documents: each act by its form, refusals said in place, evidence told by its bytes, calendars as entered."""

import datetime
import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from test_findings import RESPONSE, Stage

from cast import person, signed_in
from photopeak.words import Words
from photopeak_centre.audit.models import Entry
from photopeak_centre.findings.forms import kind_of
from photopeak_centre.findings.life import act, raise_for_result, raise_from
from photopeak_centre.findings.models import Attachment, CalendarYear, Document, Finding, Practice, TextBlock
from photopeak_centre.findings.overdue import counts_for
from photopeak_centre.findings.working_days import is_working_day
from photopeak_centre.hospitals.models import Organisation

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture
def stage(database):
    return Stage()


def page(who, name, *args, language="en", **query):
    return signed_in(who, language).get(reverse(name, args=args), query).content.decode()


def send(who, name, *args, language="en", **data):
    return signed_in(who, language).post(reverse(name, args=args), data)


def notified(stage):
    finding = stage.raised()
    stage.do(finding, "notify")
    return finding


def item(number, outcome="fail"):
    """An item of a checklist as a signed visit raises it."""
    return {
        "outcome": outcome, "name": {"en": f"Item {number}", "zh": f"第{number}项"}, "quantity": "checklist_points", "where": {"item": number},
        "value": 0.0, "unit": "1", "uncertainty": None, "judgement": None,
        "criterion": {"standard": "检查表 / Checklist", "edition": "2026", "clause": number, "quantity": "checklist_points", "unit": "1",
                      "lower": 3.0, "coverage": 0.0, "where": {"item": number}, "stage": "status"},
    }  # fmt: skip


def visit_of(stage):
    from photopeak_centre.campaigns.models import Campaign, Visit

    day = timezone.localdate()
    campaign = Campaign.objects.create(name_zh="上半年检查", kind="devices", begins=day, ends=day)
    return Visit.objects.create(campaign=campaign, organisation=stage.hospital, day=day, state="signed")


def test_a_reviewer_accepts_a_failing_result_and_raises_its_finding_in_one_go(stage):
    result = stage.result(6.2, "fail")
    assert "Accept and raise a finding" in page(stage.inspector, "result", result.pk)
    assert "Accept and raise" not in page(stage.physicist, "result", result.pk)
    answer = send(stage.inspector, "result_review", result.pk, decision="raise")
    finding = Finding.objects.get()
    assert answer["Location"] == reverse("finding", args=[finding.pk])
    result.refresh_from_db()
    assert result.review == "accepted"
    assert result.reviews.get().decision == "accept"
    assert "Accept and raise" not in page(stage.inspector, "result", result.pk)


def test_what_did_not_fail_offers_no_finding_and_raising_it_changes_nothing(stage):
    result = stage.result(2.0, "pass")
    assert "raise a finding" not in page(stage.inspector, "result", result.pk)
    send(stage.inspector, "result_review", result.pk, decision="raise")
    result.refresh_from_db()
    assert result.review == "open"
    assert not Finding.objects.exists()


def test_nothing_is_raised_by_accepting_alone(stage):
    result = stage.result(6.2, "fail")
    send(stage.inspector, "result_review", result.pk, decision="accept")
    assert not Finding.objects.exists()


def test_each_role_sees_the_acts_that_are_its_own(stage):
    finding = notified(stage)
    assert "Confirm receipt" in page(stage.physicist, "finding", finding.pk)
    assert "Withdraw" not in page(stage.physicist, "finding", finding.pk)
    assert "Withdraw" in page(stage.director, "finding", finding.pk)
    expert = person("expert", stage.director.organisation)
    assert "What can be done now" not in page(expert, "finding", finding.pk)


def test_a_refused_act_is_said_in_place_and_changes_nothing(stage):
    finding = notified(stage)
    for data in ({"act": "withdraw", "words": "x"}, {"act": "accept"}, {"act": "reinspect"}, {"act": "nonsense"}, {}):
        answer = send(stage.physicist, "finding_act", finding.pk, language="zh-hans", **data)
        assert answer.status_code == 409, data
        assert "未办理" in answer.content.decode()
    finding.refresh_from_db()
    assert finding.state == "notified"


def test_a_decision_on_a_page_that_has_grown_old_is_refused(stage):
    finding = notified(stage)
    act(finding, "receive", by=stage.physicist)
    answer = send(stage.director, "finding_act", finding.pk, act="withdraw", words="x", before="notified")
    assert answer.status_code == 409
    assert "meanwhile" in answer.content.decode()


def received(stage):
    finding = notified(stage)
    stage.do(finding, "receive")
    return finding


ANSWER = {"cause": "aged tube", "measure": "replaced", "person": "Lu Yuning", "date": "2026-03-20"}


def test_a_response_keeps_its_files_and_only_its_hospital_reads_them(stage):
    finding = received(stage)
    files = [SimpleUploadedFile("slip.pdf", b"%PDF-1.4 x"), SimpleUploadedFile("photo.jpg", PNG)]
    answer = send(stage.physicist, "finding_respond", finding.pk, **ANSWER, files=files)
    assert answer.status_code == 302
    finding.refresh_from_db()
    assert finding.state == "responded"
    pdf, png = Attachment.objects.order_by("id")
    assert (pdf.kind, png.kind) == ("PDF", "PNG")  # by its bytes, not by its name
    got = signed_in(stage.physicist).get(reverse("attachment", args=[png.pk]))
    assert got.content == PNG
    assert got["X-Content-Type-Options"] == "nosniff"
    assert got["Content-Disposition"].startswith("attachment")
    stranger = person("hospital_physicist", Organisation.objects.create(kind="hospital", name_zh="望湖医院"))
    assert signed_in(stranger).get(reverse("attachment", args=[png.pk])).status_code == 404


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.pdf", b"MZ program"), ("a.html", b"<script>alert(1)</script>"), ("a.svg", b"<svg onload='x'/>"), ("a.docx", b"PK\x03\x04 broken"), ("a.pdf", b"")],
)  # fmt: skip
def test_a_file_that_is_not_what_is_taken_refuses_the_response(stage, name, content):
    finding = received(stage)
    answer = send(stage.physicist, "finding_respond", finding.pk, **ANSWER, files=[SimpleUploadedFile(name, content)])
    assert answer.status_code == 200
    assert "wrong" in answer.content.decode()
    finding.refresh_from_db()
    assert finding.state == "received"


def test_office_files_are_known_and_macros_are_not_taken():
    def archive(*names):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as file:
            for name in names:
                file.writestr(name, "x")
        return out.getvalue()

    assert kind_of(archive("[Content_Types].xml", "word/document.xml")) == "DOCX"
    assert kind_of(archive("[Content_Types].xml", "xl/workbook.xml")) == "XLSX"
    assert kind_of(archive("[Content_Types].xml", "word/vbaProject.bin")) is None
    assert kind_of(archive("x.txt")) is None


@pytest.mark.parametrize("missing", list(ANSWER))
def test_a_response_without_a_part_is_asked_for_it(stage, missing):
    finding = received(stage)
    send(stage.physicist, "finding_respond", finding.pk, **{**ANSWER, missing: ""})
    finding.refresh_from_db()
    assert finding.state == "received"


def test_reinspection_offers_only_results_that_would_count(stage):
    early = stage.result(2.0, "pass")
    finding = received(stage)
    stage.do(finding, "respond", detail=RESPONSE)
    good, other = stage.result(2.0, "pass"), stage.result(2.0, "pass", procedure="gamma_camera.bar_pattern")
    shown = page(stage.inspector, "finding_reinspect", finding.pk)
    assert f'value="{good.pk}"' in shown
    assert f'value="{other.pk}"' not in shown
    assert f'value="{early.pk}"' not in shown
    for wrong in (early.pk, other.pk, "x", ""):
        assert send(stage.inspector, "finding_reinspect", finding.pk, result=wrong).status_code == 409
    assert send(stage.inspector, "finding_reinspect", finding.pk, result=good.pk, on="paper").status_code == 302
    assert finding.acts.get(act="reinspect").detail["on"] == "paper"
    assert signed_in(stage.physicist).get(reverse("finding_reinspect", args=[finding.pk])).status_code == 404


def test_the_findings_of_a_visit_go_out_in_one_notice_and_are_reinspected_item_by_item(stage):
    visit = visit_of(stage)
    found = [
        raise_from(
            organisation=stage.hospital, source="visit", procedure="checklist.devices", words=Words(f"{n} x", f"{n} 某"), verdicts=[item(n)],
            by=stage.inspector, visit=visit, at=stage.later(),
        )
        for n in ("1.1", "1.2", "2.1")
    ]  # fmt: skip
    send(stage.inspector, "finding_prepare", found[1].pk)
    draft = Document.objects.get()
    assert f"/documents/{draft.pk}/" in page(stage.director, "finding", found[0].pk)
    shown = page(stage.director, "document", draft.pk, language="zh-hans")
    assert all(f"第{n}项" in shown for n in ("1.1", "1.2", "2.1"))
    assert "检查表 2026" in shown
    assert "Checklist" not in shown
    assert "Checklist 2026" in page(stage.director, "document", draft.pk)
    assert send(stage.director, "document_issue", draft.pk).status_code == 302
    assert set(Finding.objects.values_list("state", flat=True)) == {"notified"}
    draft.refresh_from_db()
    assert draft.number in page(stage.physicist, "finding", found[0].pk)
    for one in found[:2]:
        act(one, "receive", by=stage.physicist)
        act(one, "respond", by=stage.physicist, detail=RESPONSE)
    shown = page(stage.inspector, "finding_reinspect", found[0].pk)
    assert "Item 1.1" in shown
    send(stage.inspector, "finding_reinspect", found[0].pk, on="site", item_0="pass")
    send(stage.inspector, "finding_reinspect", found[1].pk, on="site", item_0="fail")
    assert [one.acts.get(act="reinspect").detail["passed"] for one in found[:2]] == [True, False]
    send(stage.inspector, "finding_prepare", found[0].pk)
    opinion = Document.objects.get(kind="reinspection_opinion")
    assert opinion.content["with"] == []  # what came out otherwise is not closed with it
    send(stage.director, "document_issue", opinion.pk)
    assert [Finding.objects.get(pk=one.pk).state for one in found] == ["closed", "reinspected", "notified"]


def test_an_item_that_nobody_answered_is_not_assessed_and_closes_nothing(stage):
    finding = raise_from(
        organisation=stage.hospital, source="visit", procedure="checklist.devices", words=Words("x", "某"), verdicts=[item("1")],
        by=stage.inspector, at=stage.later(),
    )  # fmt: skip
    for name in ("notify", "receive"):
        stage.do(finding, name)
    stage.do(finding, "respond", detail=RESPONSE)
    send(stage.inspector, "finding_reinspect", finding.pk, on="site")
    assert finding.acts.get(act="reinspect").detail["passed"] is False


def test_a_draft_is_edited_as_plain_text_and_a_slip_in_a_placeholder_is_said(stage):
    finding = stage.raised()
    send(stage.secretary, "finding_prepare", finding.pk)
    draft = Document.objects.get()
    given = {f"{place}_{code}": draft.content["texts"][place][code] for place in ("opening", "demand", "reinspection", "objection") for code in ("zh", "en")}  # fmt: skip
    wrong = send(stage.secretary, "document", draft.pk, **{**given, "demand_zh": "于{due_date}前"})
    assert "{due_date} stands for nothing" in wrong.content.decode()
    evil = "{{ 7*7 }} {% load x %} <script>alert(1)</script> {hospital}"
    send(stage.secretary, "document", draft.pk, **{**given, "demand_zh": evil, "due": "2099-01-04"})
    shown = page(stage.secretary, "document", draft.pk, language="zh-hans")
    assert "&lt;script&gt;" in shown
    assert "<script>alert" not in shown
    assert "{{ 7*7 }}" in shown
    assert "49" not in shown.split("整改要求")[1].split("三、")[0]
    assert "calendar of 2099 missing" in page(stage.secretary, "document", draft.pk)
    assert signed_in(stage.secretary).post(reverse("document_issue", args=[draft.pk])).status_code == 404
    past = send(stage.secretary, "document", draft.pk, **given, due="2020-01-01")
    assert "not after today" in past.content.decode()


def test_an_issued_document_is_neither_edited_nor_discarded(stage):
    finding = stage.raised()
    send(stage.secretary, "finding_prepare", finding.pk)
    draft = Document.objects.get()
    assert send(stage.director, "document_issue", draft.pk).status_code == 302
    before = Document.objects.get().content
    assert send(stage.secretary, "document", draft.pk, demand_zh="x").status_code == 409
    assert send(stage.secretary, "document_discard", draft.pk).status_code == 409
    assert send(stage.director, "document_issue", draft.pk).status_code == 409
    assert Document.objects.get().content == before


def test_lists_show_what_is_overdue_with_whose_turn_it_is(stage):
    finding = notified(stage)
    late = timezone.localdate() - datetime.timedelta(days=30)
    Finding.objects.filter(pk=finding.pk).update(due=late)
    assert counts_for(stage.physicist) == {"open": 1, "overdue": 1, "soon": 0, "turn": 1}
    assert counts_for(stage.director)["turn"] == 0
    assert "1 findings overdue" in page(stage.physicist, "home")
    shown = page(stage.director, "findings", due="overdue")
    assert "working days overdue, waiting for receipt" in shown
    assert "逾期" in page(stage.director, "findings", language="zh-hans", due="overdue")
    assert "Nothing yet" in page(stage.director, "findings", due="soon")
    assert "Nothing yet" in page(stage.director, "findings", state="closed")
    assert finding.words_en in page(stage.director, "findings", hospital=stage.hospital.pk)
    assert "Nothing yet" in page(stage.director, "findings", hospital=999999)


def test_the_secretary_enters_a_calendar_and_it_counts(stage):
    given = {
        "year": 2027,
        "source": "示例通知",
        "off": "2027-02-05 – 2027-02-11 春节\n2027-05-03 劳动节",
        "work": "2027-01-31\n2027-02-14",
    }
    assert send(stage.secretary, "calendars", **given).status_code == 302
    assert len(CalendarYear.objects.get(year=2027).off) == 8
    assert not is_working_day(datetime.date(2027, 2, 8))
    assert is_working_day(datetime.date(2027, 1, 31))
    assert "示例通知" in page(stage.secretary, "calendars")
    assert Entry.objects.filter(act="calendar entered").exists()
    for wrong in (
        {"off": "soon"},
        {"off": "2026-01-01 元旦"},
        {"work": "2027-02-05"},
        {"work": "31"},
        {"off": "2027-03-01 – 2027-01-01 x"},
    ):
        assert send(stage.secretary, "calendars", **{**given, **wrong}).status_code == 200, wrong
    assert signed_in(stage.inspector).get(reverse("calendars")).status_code == 404


def test_periods_and_texts_are_the_centres_own(stage):
    fields = {"days_to_respond": 15, "days_to_appeal": 5, "days_to_answer_appeal": 5, "days_to_reinspect": 10, "number_prefix": "云核质控", "copies_zh": "卫健委", "copies_en": ""}  # fmt: skip
    assert send(stage.secretary, "practice", **fields).status_code == 302
    assert Practice.of_the_centre().number_prefix == "云核质控"
    assert send(stage.secretary, "practice", **{**fields, "days_to_appeal": 0}).status_code == 200
    texts = {f"{place}_{code}": "" for place in ("opening", "closing") for code in ("zh", "en")}
    url = reverse("document_texts") + "?kind=feedback_letter"
    signed_in(stage.secretary).post(url, {**texts, "closing_zh": "谨此函告。", "closing_en": "Yours."})
    assert TextBlock.objects.get().zh == "谨此函告。"
    wrong = signed_in(stage.secretary).post(url, {**texts, "closing_zh": "{oops}"})
    assert wrong.status_code == 200
    signed_in(stage.secretary).post(url, texts)
    assert not TextBlock.objects.exists()


def test_letters_certificates_and_records_are_drafted_from_their_pages(stage):
    result = stage.result(2.0, "pass")
    assert send(stage.inspector, "certificate_new", result.pk)["Location"].endswith(
        f"/results/{result.pk}/"
    )  # not accepted yet
    send(stage.inspector, "result_review", result.pk, decision="accept")
    assert "/documents/" in send(stage.inspector, "certificate_new", result.pk)["Location"]
    day = timezone.localdate()
    answer = send(stage.inspector, "letter_new", stage.hospital.pk, first=day - datetime.timedelta(days=300), last=day)
    assert "/documents/" in answer["Location"]
    visit = visit_of(stage)
    first, again = (send(stage.inspector, "record_new", visit=visit.pk)["Location"] for _ in range(2))
    assert first == again
    record = Document.objects.get(kind="site_record")
    assert "现场检查记录" in page(stage.inspector, "document", record.pk, language="zh-hans")
    got = signed_in(stage.inspector).get(reverse("document_file", args=[record.pk]), {"form": "docx", "lang": "en"})
    assert got.content[:2] == b"PK"


def test_one_line_draws_a_second_round_as_sent_back(stage):
    finding = received(stage)
    stage.do(finding, "respond", detail=RESPONSE)
    stage.do(finding, "reinspect", result=stage.result(9.0, "fail"))
    stage.do(finding, "reject", words="仍超限")
    shown = page(stage.director, "finding", finding.pk, language="zh-hans")
    assert 'class="back' in shown
    assert "再通知" in shown
    assert raise_for_result(finding.result, stage.inspector) == finding
