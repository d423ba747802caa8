"""The demonstration's half-year has the counts of the story it retells, told without its images."""

import datetime

import pytest
from made_region import results_of

from photopeak_centre.committee.models import Meeting
from photopeak_centre.courses.models import Course
from photopeak_centre.findings.models import Document, Finding
from photopeak_centre.half_year import demo
from photopeak_centre.half_year.models import HalfYear
from photopeak_centre.half_year.periods import Period
from photopeak_centre.region import make_region

YEAR = 2026


@pytest.fixture(scope="module")
def told(_databases):
    from django.db import transaction

    with transaction.atomic():
        _, tests = make_region(YEAR)
        results_of(tests)
        demo.tell(YEAR, lambda step, done, of: None)
        yield HalfYear.objects.get(period_name=f"{YEAR}H1")
        transaction.set_rollback(True)


def numbers(half_year, key):
    return next(one for one in half_year.numbers["sections"] if one["key"] == key)["numbers"]


def test_two_findings_were_reinspected_after_notices_and_closed(told):
    found = numbers(told, "reinspections")
    assert (found["reinspected"]["n"], found["hospitals"]["n"], found["accepted"]["n"]) == (2, 2, 2)
    closed = Finding.objects.filter(state="closed")
    assert {one.raised.year for one in closed} == {YEAR - 1}
    assert [a.act for a in closed.first().acts.order_by("at")] == [
        "raise",
        "notify",
        "receive",
        "respond",
        "reinspect",
        "accept",
    ]


def test_each_notice_and_opinion_is_a_numbered_document_and_the_report_names_it(told):
    issued = Document.objects.exclude(number="")
    assert sorted(issued.values_list("kind", flat=True)) == ["notice"] * 5 + ["reinspection_opinion"] * 2
    reinspections = next(one for one in told.numbers["sections"] if one["key"] == "reinspections")
    notices = [row[2]["zh"] for row in reinspections["tables"][0]["rows"]]
    assert all(f"〔{YEAR - 1}〕" in one for one in notices)


def test_26_spect_and_25_spect_ct_were_tested_and_the_rest_has_a_reason(told):
    found = numbers(told, "cameras")
    assert (found["spect.tested"]["n"], found["spect_ct.tested"]["n"]) == (26, 25)
    assert (found["spect.registered"]["n"], found["spect_ct.registered"]["n"]) == (28, 26)
    (table,) = [
        t
        for one in told.numbers["sections"]
        if one["key"] == "cameras"
        for t in one["tables"]
        if t["caption"]["en"] == "Not tested"
    ]
    assert len(table["rows"]) == 3
    assert all(row[2]["zh"] != "未记录原因" for row in table["rows"])


def test_18_laboratories_took_part_and_three_were_unsatisfactory(told):
    found = numbers(told, "eqa")
    assert (found["laboratories"]["n"], found["unsatisfactory"]["n"], found["results"]["of"]) == (18, 3, 18 * 6 * 3)


def test_the_committee_met_on_the_sixth_and_the_course_was_on_the_eighth_of_june(told):
    meeting = Meeting.objects.get()
    assert meeting.held.astimezone().date() == datetime.date(YEAR, 6, 6)
    assert numbers(told, "committee")["decisions"]["n"] == 2
    course = Course.objects.get()
    assert course.begins == datetime.date(YEAR, 6, 8)
    assert numbers(told, "training")["attended"]["n"] > 200


def test_the_second_half_years_plan_names_pet_ct_images_reports_and_therapy(told):
    plan = next(one for one in told.numbers["sections"] if one["key"] == "plan")
    kinds = [row[1]["en"] for row in plan["tables"][0]["rows"]]
    assert sorted(kinds) == ["devices", "image quality", "radionuclide therapy", "report elements"]


def test_the_faults_are_named_as_the_field_names_them(told):
    cameras = next(one for one in told.numbers["sections"] if one["key"] == "cameras")
    (table,) = [t for t in cameras["tables"] if t["caption"]["en"] == "The commonest faults"]
    assert {row[0]["zh"] for row in table["rows"]} == {"积分均匀性", "旋转中心偏移"}


def test_what_was_not_done_is_not_available(told):
    absent = {one["key"] for one in told.numbers["sections"] if not one["available"]}
    assert absent == {"pet", "reports", "therapy"}


def test_the_paper_before_the_committee_is_the_draft_of_the_report(told):
    (paper,) = Meeting.objects.get().papers.all()
    assert paper.blob.size > 50_000


@pytest.mark.parametrize(
    ("today", "year"), [("2026-11-26", 2026), ("2026-07-01", 2026), ("2026-06-30", 2025), ("2027-01-02", 2026)]
)
def test_the_story_is_of_the_last_first_half_that_is_over(today, year):
    assert demo.story_year(datetime.date.fromisoformat(today)) == year
    assert Period(year, 1).ends < datetime.date.fromisoformat(today)
