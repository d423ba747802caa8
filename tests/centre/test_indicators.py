"""National indicators: what is counted, what looks wrong, who stands out, who may see whom."""

import datetime

import pytest
from django.urls import reverse
from made_region import hospital

from cast import centre, person, signed_in
from photopeak_centre.audit.models import Detail
from photopeak_centre.checks.models import Result
from photopeak_centre.eqa_rounds.models import Round, Score
from photopeak_centre.evidence.models import Study
from photopeak_centre.half_year.periods import Period
from photopeak_centre.indicators.counts import counts_of
from photopeak_centre.indicators.drawings import Point, funnel, trend
from photopeak_centre.indicators.models import Monthly
from photopeak_centre.indicators.national import national
from photopeak_centre.indicators.quality import doubts

H1 = Period(2026, 1)


def state(owner, code, months):
    """`months`: month -> (n, N)."""
    for month, (n, of) in months.items():
        Monthly.objects.create(organisation=owner, month=datetime.date(2026, month, 1), code=code, numerator=n, denominator=of)


@pytest.fixture
def lanxi(database):
    centre()
    return hospital("岚溪医院", "Lanxi Hospital")


def kinds(found):
    return {(one.code, one.month.month, one.kind) for one in found}


def test_the_eight_indicators_are_provisional_in_both_languages():
    assert [one.code for one in national().indicators] == [f"NM-0{n}" for n in range(1, 9)]
    assert national().provisional
    for one in national().indicators:
        for words in (one.words, one.numerator, one.denominator):
            assert words.en
            assert any("\u4e00" <= letter <= "\u9fff" for letter in words.zh)


def test_counts_are_added_up_within_the_period_only(lanxi):
    state(lanxi, "NM-02", {1: (9, 10), 6: (18, 20)})
    Monthly.objects.create(organisation=lanxi, month="2025-12-01", code="NM-02", numerator=1, denominator=99)
    found = counts_of(H1)["NM-02"][lanxi.pk]
    assert (found.count, found.total, found.origin, len(found.rows)) == (27, 30, "form", 2)


def test_an_impossible_month_is_in_no_rate_and_the_report_says_so(lanxi):
    from photopeak_centre.half_year.gather import gather

    state(lanxi, "NM-01", {1: (2, 100), 2: (120, 100)})
    assert (counts_of(H1)["NM-01"][lanxi.pk].count, counts_of(H1)["NM-01"][lanxi.pk].total) == (2, 100)
    document, evidence = gather(H1, lambda name: f"/x/?of={name}")
    section = next(one for one in document["sections"] if one["key"] == "indicators")
    assert section["numbers"]["impossible"]["n"] == 1
    assert "left out" in section["sentences"][-1]["en"]
    assert evidence["indicators.impossible"]["n"] == [Monthly.objects.get(numerator=120).pk]


def test_a_reviewed_report_counts_before_a_form(lanxi):
    """NM-07: one report with every national element, one without; what the form states stands back."""
    state(lanxi, "NM-07", {1: (50, 50)})
    for statuses in (("present", "present"), ("present", "absent")):
        elements = [{"element": name, "zh": name, "en": name, "status": s, "national": True} for name, s in zip("ab", statuses)]
        study = Study.objects.create(organisation=lanxi, uid=f"1.{statuses}")
        Result.objects.create(
            organisation=lanxi, study=study, job=len(statuses[1]), procedure="report_review.audit", name_en="audit", name_zh="评审", version="1",
            evidence_sha256="0" * 64, stage="clinical", acquired=H1.moments[0], outcome="pass",
            document={"report_type": "FDG_PETCT", "elements": elements, "defects": []},
        )  # fmt: skip
    found = counts_of(H1)["NM-07"][lanxi.pk]
    assert (found.count, found.total, found.origin) == (1, 2, "reports")


def test_participation_comes_from_the_rounds_unless_the_laboratory_states_its_items(lanxi):
    other = hospital("望湖医院", "Wanghu Hospital")
    held = Round.objects.create(scheme_zh="甲", scheme_en="T", name="1", closed_on="2026-05-01", protocol_sha256="0" * 64)
    for laboratory in (lanxi, other):
        for analyte, results in (("TSH", 5), ("FT4", 0)):
            Score.objects.create(
                round=held, laboratory=laboratory, analyte=analyte, analyte_en=analyte, analyte_zh=analyte, results=results,
                acceptable=results, outcome="pass" if results else "not_assessed",
            )  # fmt: skip
    state(lanxi, "NM-03", {6: (3, 8)})
    found = counts_of(H1)["NM-03"]
    assert (found[lanxi.pk].count, found[lanxi.pk].total, found[lanxi.pk].origin) == (3, 8, "form")
    assert (found[other.pk].count, found[other.pk].total, found[other.pk].origin) == (1, 2, "eqa")


def test_more_than_the_total_a_jump_and_a_missing_month_are_asked_about(lanxi):
    state(lanxi, "NM-01", {1: (2, 100), 2: (3, 100), 3: (102, 100), 4: (2, 100), 5: (30, 100)})
    assert kinds(doubts(H1)) == {("NM-01", 3, "over"), ("NM-01", 5, "jump"), ("NM-01", 6, "missing")}


def test_a_total_four_times_the_others_is_asked_about(lanxi):
    state(lanxi, "NM-02", {1: (9, 10), 2: (9, 10), 3: (9, 10), 4: (45, 50), 5: (9, 10), 6: (9, 10)})
    assert kinds(doubts(H1)) == {("NM-02", 4, "total")}


def test_steady_months_raise_no_doubt_and_the_future_is_not_missing(lanxi):
    state(lanxi, "NM-01", {1: (2, 100), 2: (3, 104), 3: (1, 96)})
    assert doubts(H1, until=datetime.date(2026, 3, 31)) == []


def test_a_funnel_names_only_who_stands_apart_and_draws_every_point():
    points = [
        Point(count=90, total=100, name="A"),
        Point(count=40, total=100, name="B", apart=True),
        Point(count=0, total=0, name="C"),
    ]
    svg = funnel(points, 0.9, "en")
    assert ">B<" in svg
    assert ">A<" not in svg
    assert svg.count("<circle") == 1
    assert "99.8 %" in svg
    assert "&lt;" in funnel([Point(count=1, total=2, name="<script>", own=True)], 0.5, "zh")


def test_a_month_without_a_count_leaves_a_gap():
    months = [("26-01", 9, 10), ("26-02", 0, 0), ("26-03", 8, 10)]
    assert trend(months, "en").count("<circle") == 2


class TestPages:
    @pytest.fixture
    def people(self, lanxi):
        other = hospital("望湖医院", "Wanghu Hospital")
        for n in range(6):
            state(hospital(f"第{n}医院", f"Hospital {n}"), "NM-01", {1: (2, 100)})
        state(lanxi, "NM-01", {1: (2, 100), 2: (5, 100)})
        state(other, "NM-01", {1: (40, 100)})
        place = person("secretary", lanxi.__class__.objects.get(kind="centre"))
        return {"physicist": person("hospital_physicist", lanxi), "secretary": place, "other": other, "own": lanxi}

    def test_the_centre_sees_who_stands_out(self, people):
        page = signed_in(people["secretary"]).get(reverse("indicator") + "?code=NM-01&period=2026H1").content.decode()
        assert "Wanghu Hospital" in page
        assert page.count("stands out</td>") == 1
        assert "rovisional" in page

    def test_a_hospital_sees_its_own_and_the_regions_rate_alone(self, people):
        client = signed_in(people["physicist"])
        page = client.get(reverse("indicators") + "?period=2026H1").content.decode()
        assert "7 / 200" in page
        assert "Wanghu" not in page
        assert f"{100 * 59 / 900:.1f}" in page  # the region: 2 x 6 + 7 + 40 of 900
        page = client.get(reverse("indicator") + "?code=NM-01&period=2026H1").content.decode()
        assert "Wanghu" not in page
        assert "Hospital 3" not in page

    def test_a_month_is_stated_corrected_and_taken_back_with_a_record(self, people):
        client, address = signed_in(people["physicist"]), reverse("indicator_form", args=[people["own"].pk])
        assert client.post(address, {"month": "2026-03", "NM-01-n": "3", "NM-01-of": "90"}).status_code == 302
        assert client.post(address, {"month": "2026-03", "NM-01-n": "4", "NM-01-of": "90"}).status_code == 302
        row = Monthly.objects.get(organisation=people["own"], month="2026-03-01")
        assert (row.numerator, row.by) == (4, people["physicist"])
        client.post(address, {"month": "2026-03"})
        assert not Monthly.objects.filter(organisation=people["own"], month="2026-03-01").exists()
        stated = [d.content["counts"]["NM-01"] for d in Detail.objects.filter(entry__act="indicators stated").order_by("entry")]
        assert stated == [{"was": None, "now": [3, 90]}, {"was": [3, 90], "now": [4, 90]}, {"was": [4, 90], "now": None}]

    @pytest.mark.parametrize(
        "given",
        [
            {"month": "2026-03", "NM-01-n": "3"},
            {"month": "2026-03", "NM-01-n": "-1", "NM-01-of": "5"},
            {"month": "2199-01"},
            {"month": "x"},
        ],
    )
    def test_a_wrong_month_or_half_a_pair_is_refused(self, people, given):
        client = signed_in(people["physicist"])
        before = Monthly.objects.count()
        answer = client.post(reverse("indicator_form", args=[people["own"].pk]), given)
        assert answer.status_code == 200
        assert 'class="wrong"' in answer.content.decode()
        assert Monthly.objects.count() == before

    def test_a_form_that_says_more_than_the_total_is_kept_and_asked_about(self, people):
        client, address = signed_in(people["physicist"]), reverse("indicator_form", args=[people["own"].pk])
        answer = client.post(address, {"month": "2026-03", "NM-01-n": "9", "NM-01-of": "5"}, follow=True).content.decode()
        assert "the numerator 9 is more than the denominator 5" in answer

    def test_the_neighbours_form_does_not_exist(self, people):
        client = signed_in(people["physicist"])
        assert client.get(reverse("indicator_form", args=[people["other"].pk])).status_code == 404
