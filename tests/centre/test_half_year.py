"""The half-year report: every number counted by hand on a small region, frozen, released once, the same in every file."""

import io
import json
import re

import pypdfium2
import pytest
from django.urls import reverse
from docx import Document
from made_region import at, device, finding, hospital, result

from cast import centre, person, signed_in
from photopeak_centre.campaigns.models import Campaign, Target
from photopeak_centre.checks.models import Result
from photopeak_centre.devices.models import Device
from photopeak_centre.eqa_rounds.models import Round, Score
from photopeak_centre.findings.models import Finding
from photopeak_centre.half_year import keeping
from photopeak_centre.half_year.models import HalfYear, Immutable
from photopeak_centre.half_year.numbers import numbers_in
from photopeak_centre.half_year.paper import WrongPlace, runs, typed_numbers
from photopeak_centre.half_year.periods import NotAPeriod, Period, period
from photopeak_centre.indicators.models import Monthly

H1 = Period(2026, 1)


@pytest.fixture
def staff(database):
    place = centre()
    return {role: person(role, place) for role in ("director", "secretary", "health_authority", "inspector")}


@pytest.fixture
def region(staff):
    """Three hospitals whose half-year was written down by hand; the comments are the truth."""
    lanxi, wanghu, shiqiao = (
        hospital("岚溪医院", "Lanxi Hospital"),
        hospital("望湖医院", "Wanghu Hospital"),
        hospital("石桥医院", "Shiqiao Hospital"),
    )
    a, b = device(lanxi, "spect", "A"), device(lanxi, "spect_ct", "B")
    c, d, e = device(wanghu, "spect", "C"), device(wanghu, "spect", "D"), device(wanghu, "spect_ct", "E")
    f = device(shiqiao, "pet_ct", "F")
    Device.objects.create(
        organisation=shiqiao, kind="spect", manufacturer="Old", model="X", in_use=False
    )  # not in use: counts nowhere
    # A: flood passes, centre of rotation fails: the device fails
    result(a, "2026-03-02", "flood_uniformity", "pass")
    result(a, "2026-03-02", "centre_of_rotation", "fail", "cor_offset", 7.0)
    # B: undecided
    result(b, "2026-04-02", "flood_uniformity", "undecided", value=5.0)
    # C: failed in January and passed in May: the last one stands
    result(c, "2026-01-10", "flood_uniformity", "fail", value=9.0)
    result(c, "2026-05-10", "flood_uniformity", "pass")
    # ... and what does not stand: rejected, superseded, refused, another stage, the day before and the day after the period
    result(c, "2026-06-01", "flood_uniformity", "fail", review="rejected")
    old = result(c, "2026-06-02", "flood_uniformity", "fail")
    Result.objects.filter(pk=old.pk).update(superseded_by=Result.objects.exclude(pk=old.pk).first())
    result(c, "2026-06-03", "flood_uniformity", "refused")
    result(c, "2026-06-04", "flood_uniformity", "fail", stage="constancy")
    result(d, "2025-12-31T23:59", "flood_uniformity", "pass")
    result(d, "2026-07-01T00:00", "flood_uniformity", "pass")
    # E: tested in the last minute
    result(e, "2026-06-30T23:59", "flood_uniformity", "pass")
    now = Campaign.objects.create(
        name_zh="上半年", name_en="First half", kind="devices", begins="2026-01-05", ends="2026-06-20"
    )
    Target.objects.create(campaign=now, organisation=wanghu, device=d, untested="停机待修 / out of service")
    coming = Campaign.objects.create(
        name_zh="PET/CT 检查", name_en="PET/CT inspection", kind="devices", begins="2026-09-01", ends="2026-11-30"
    )
    Target.objects.create(campaign=coming, organisation=shiqiao, device=f)
    # findings: one re-inspected and closed, one re-inspected and sent back, one raised in June, one after the period
    closed = [
        ("2025-11-20", "notify", "notified"),
        ("2025-11-25", "receive", "received"),
        ("2025-12-20", "respond", "responded"),
    ]
    finding(a, "2025-11-10", [*closed, ("2026-02-03", "reinspect", "reinspected"), ("2026-02-04", "accept", "closed")])
    again = [
        ("2025-12-01", "notify", "notified"),
        ("2026-01-25", "respond", "responded"),
        ("2026-03-03", "reinspect", "reinspected"),
    ]
    sent_back = finding(c, "2025-11-28", [*again, ("2026-03-04", "reject", "notified")])
    Finding.objects.filter(pk=sent_back.pk).update(due="2026-05-01")
    finding(a, "2026-06-10", [])
    finding(b, "2026-07-02", [])
    round_ = Round.objects.create(
        scheme_zh="甲状腺", scheme_en="Thyroid", name="2026-1", closed_on="2026-05-20", protocol_sha256="0" * 64
    )
    for laboratory, analyte, results, acceptable, outcome in (
        (lanxi, "TSH", 5, 5, "pass"), (wanghu, "TSH", 5, 3, "fail"), (lanxi, "FT4", 5, 4, "pass"), (shiqiao, "TSH", 0, 0, "not_assessed"),
    ):  # fmt: skip
        Score.objects.create(
            round=round_, laboratory=laboratory, analyte=analyte, analyte_en=analyte, analyte_zh=f"{analyte} 项目", results=results,
            acceptable=acceptable, score_percent=100 * acceptable / results if results else None, outcome=outcome,
        )  # fmt: skip
    for month, n, of in (("2026-01-01", 2, 100), ("2026-02-01", 1, 120), ("2025-12-01", 50, 60), ("2026-07-01", 50, 60)):
        Monthly.objects.create(organisation=lanxi, month=month, code="NM-01", numerator=n, denominator=of)
    Monthly.objects.create(organisation=wanghu, month="2026-01-01", code="NM-01", numerator=4, denominator=80)
    return {"lanxi": lanxi, "wanghu": wanghu, "a": a, "c": c}


@pytest.fixture
def made(region, staff):
    return keeping.draft(H1, staff["secretary"])


def section(half_year, key):
    return next(one for one in half_year.numbers["sections"] if one["key"] == key)


def counted(half_year, key):
    """Name -> n, or (n, N)."""
    found = section(half_year, key)["numbers"]
    return {name: (x["n"], x["of"]) if "of" in x else x["n"] for name, x in found.items() if "n" in x}


TRUTH = {
    "reinspections": {"hospitals": 2, "reinspected": 2, "accepted": (1, 2), "again": 1, "raised": 1, "notices": 0, "closed": 1, "open": 2,
                      "overdue": 1, "state.raised": 1, "state.notified": 1, "state.closed": 1},
    "cameras": {"spect.registered": 3, "spect.tested": (2, 3), "spect.untested": 1, "spect.pass": (1, 2), "spect.fail": 1,
                "spect.undecided": 0, "spect.not_assessed": 0, "spect_ct.registered": 2, "spect_ct.tested": (2, 2), "spect_ct.pass": (1, 2),
                "spect_ct.fail": 0, "spect_ct.undecided": 1, "cameras.fault.cor_offset": (1, 1), "cameras.all": 5,
                "cameras.gamma_camera.flood_uniformity.tested": 4, "cameras.gamma_camera.flood_uniformity.pass": (3, 4),
                "cameras.gamma_camera.flood_uniformity.fail": 0, "cameras.gamma_camera.flood_uniformity.undecided": 1,
                "cameras.gamma_camera.centre_of_rotation.pass": (0, 1), "cameras.gamma_camera.centre_of_rotation.fail": 1,
                "cameras.untested.0": 1},
    "eqa": {"rounds": 1, "laboratories": (2, 3), "results": (12, 15), "unsatisfactory": 1, "analyte.TSH.satisfactory": (1, 2),
            "analyte.TSH.results": (8, 10), "analyte.FT4.satisfactory": (1, 1), "analyte.FT4.results": (4, 5)},
    "indicators": {"NM-01": (7, 300), "NM-01.hospitals": 2, "NM-03": (3, 4), "NM-03.hospitals": 3},
    "plan": {"campaigns": 1},
    "summary": {"tally.pass": 2, "tally.fail": 1, "tally.undecided": 1, "tally.not_assessed": 0, "tally.untested": 2},
}  # fmt: skip


@pytest.mark.parametrize("key", TRUTH)
def test_every_number_is_the_one_counted_by_hand(made, key):
    found = counted(made, key)
    assert {name: found.get(name) for name in TRUTH[key]} == TRUTH[key]


def test_the_annex_has_one_row_a_hospital_with_its_own_counts(made, region):
    found = counted(made, "annex")
    lanxi, wanghu = region["lanxi"].pk, region["wanghu"].pk
    assert found["hospitals"] == 3 == len(section(made, "annex")["tables"][0]["rows"])
    assert (found[f"{lanxi}.tested"], found[f"{lanxi}.fail"], found[f"{lanxi}.undecided"]) == ((2, 2), 1, 1)
    assert (found[f"{wanghu}.tested"], found[f"{wanghu}.pass"], found[f"{wanghu}.eqa"]) == ((2, 3), 2, (3, 5))
    assert (found[f"{lanxi}.findings"], found[f"{wanghu}.findings"]) == (1, 1)


def test_wilson_intervals_are_the_known_ones(made):
    share = section(made, "eqa")["numbers"]["results"]
    assert share["percent"] == pytest.approx(80.0)
    assert (share["lower"], share["upper"]) == pytest.approx((54.81, 92.95), abs=0.01)  # 12 of 15


def test_a_section_without_data_says_not_available_and_why(made):
    for key in ("pet", "reports", "therapy", "training", "committee"):
        one = section(made, key)
        assert not one["available"]
        assert one["missing"]["zh"]
        assert one["missing"]["en"]
    assert counted(made, "pet") == {"registered": 1}
    assert section(made, "summary")["sentences"][-1]["en"].startswith("Not available for this period: PET/CT; Report elements;")


def test_what_was_not_tested_stands_with_its_reason(made):
    (table,) = [t for t in section(made, "cameras")["tables"] if t["caption"]["en"] == "Not tested"]
    assert [[cell["en"] for cell in row] for row in table["rows"]] == [
        ["Wanghu Hospital", "Meridian NM · SN D", "out of service"]
    ]


def test_every_number_has_a_link_and_its_evidence_adds_up_to_it(made, staff):
    """Nothing in the document is a number without a link; and the evidence, counted again, gives the number."""
    seen = 0
    client = signed_in(staff["inspector"])
    for number in numbers_in(made.numbers):
        name = made.evidence and number["link"].split("of=")[1]
        from urllib.parse import unquote_plus

        kept = made.evidence[unquote_plus(name)]
        if "value" in number:
            continue
        if kept["kind"] == "rows":
            n, of = sum(row[2] for row in kept["rows"]), sum(row[3] or 0 for row in kept["rows"])
        else:
            n, of = len(kept["n"]), len(kept.get("of", ()))
        assert n == number["n"]
        assert of == number.get("of", of)
        if seen % 7 == 0:
            answer = client.get(number["link"])
            assert answer.status_code == 200
            assert answer.content.decode().count("<tr>") == 1 + len(kept.get("of", kept.get("n", ())) or kept.get("rows", ()))
        seen += 1
    assert seen > 90
    bare = re.findall(r"[:\[,]\s*(-?\d+\.?\d*)(?=[,\]}])", json.dumps([_without_numbers(s) for s in made.numbers["sections"]]))
    assert bare == []


def _without_numbers(one):
    """A section without its numbers and the widths of its tables."""
    tables = [{**table, "widths": []} for table in one["tables"]]
    return {**one, "numbers": {}, "tables": tables}


def test_the_sentences_are_whole_in_both_languages(made):
    for language, say in (("en", "2 hospitals that had received rectification notices were re-inspected. Of 2 findings, 1 passed by the same procedure and was closed; 1 has to be rectified again."),
                          ("zh", "对 2 家曾收到整改通知的医院进行了复查，共复查 2 项，其中 1 项按原检测项目复查合格并销号，1 项须再次整改。")):  # fmt: skip
        paper = keeping.paper_of(made, language)
        text = "".join(run["text"] for one in paper["sections"] for part in one["paragraphs"] for run in part)
        assert say in text
        assert "{" not in text
        assert "None" not in text


def test_numbers_stay_as_they_were_gathered(made, region):
    before = counted(made, "cameras")
    result(region["a"], "2026-06-15", "centre_of_rotation", "pass", "cor_offset", 1.0)
    made.refresh_from_db()
    assert counted(made, "cameras") == before
    keeping.gather_again(made)
    assert counted(made, "cameras")["spect.fail"] == 0


def test_words_are_edited_and_numbers_are_not(made, staff):
    client = signed_in(staff["secretary"])
    address = reverse("half_year_edit", args=[made.pk])
    client.post(
        address,
        {"section": "eqa", "zh": "本期 {laboratories} 个实验室参加。", "en": "This half-year {laboratories} laboratories."},
    )
    made.refresh_from_db()
    paper = keeping.paper_of(made, "en")
    eqa = next(one for one in paper["sections"] if one["key"] == "eqa")
    assert "".join(run["text"] for run in eqa["paragraphs"][0]) == "This half-year 2 laboratories."
    answer = client.post(address, {"section": "eqa", "en": "{invented} laboratories"})
    assert "There is no number {invented}" in answer.content.decode()
    made.refresh_from_db()
    assert made.texts["eqa"]["en"] == "This half-year {laboratories} laboratories."


def test_a_text_cannot_reach_beyond_the_numbers_of_its_section(made):
    numbers = section(made, "eqa")["numbers"]
    for hostile in (
        "{laboratories.__class__}",
        "{0}",
        "{laboratories:upper}",
        "{laboratories:n!r}",
        "{% include 'x' %}",
        "{{ x }}",
    ):
        with pytest.raises(WrongPlace):
            runs(hostile, numbers, "en")
    assert runs("<script>", {}, "en") == [{"text": "<script>", "href": ""}]  # escaped where it is shown
    assert typed_numbers("{laboratories} of 18 in 2026") == ["18", "2026"]


def test_a_released_report_is_immutable_and_carries_the_hash_of_the_chain(made, staff, region):
    released = keeping.release(made, staff["director"])
    stored = HalfYear.objects.get(pk=released.pk)
    assert stored.is_released
    assert keeping.verify(stored).all
    from photopeak_centre.audit.models import Entry

    assert Entry.objects.get(pk=stored.chain_number).hash == stored.chain_hash
    for act in (
        lambda: stored.save(),
        lambda: stored.delete(),
        lambda: keeping.gather_again(stored),
        lambda: keeping.edit(stored, "eqa", {"en": "x"}, staff["secretary"]),
        lambda: keeping.release(stored, staff["director"]),
        lambda: HalfYear.objects.filter(pk=stored.pk).update(texts={}),
        lambda: HalfYear.objects.all().delete(),
    ):
        with pytest.raises(Immutable):
            act()
    files = keeping.files(stored)
    result(region["a"], "2026-06-15", "centre_of_rotation", "pass", "cor_offset", 1.0)
    assert keeping.files(HalfYear.objects.get(pk=stored.pk)) == files
    for name, data in files.items():
        text = text_of(name, data)
        assert stored.sha256[:16] in text, name
        assert stored.chain_hash[:16] in text, name


def text_of(name, data):
    if name.endswith(".pdf"):
        document = pypdfium2.PdfDocument(data)
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    if name.endswith(".docx"):
        document = Document(io.BytesIO(data))
        cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
        return "\n".join([*(p.text for p in document.paragraphs), *cells])
    return data.decode()


def test_tampering_with_a_released_row_is_seen(made, staff):
    from django.db import connection

    released = keeping.release(made, staff["director"])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE half_year_halfyear SET texts = %s WHERE id = %s", [json.dumps({"eqa": {"en": "better"}}), released.pk]
        )
    assert not keeping.verify(HalfYear.objects.get(pk=released.pk)).content
    page = signed_in(staff["director"]).get(reverse("half_year", args=[released.pk])).content.decode()
    assert "not what was released" in page


def test_a_corrected_version_leaves_the_released_one(made, staff, region):
    released = keeping.release(made, staff["director"])
    result(region["a"], "2026-06-15", "centre_of_rotation", "pass", "cor_offset", 1.0)
    second = keeping.amend(released, staff["director"])
    assert (second.version, second.state) == (2, "draft")
    assert counted(second, "cameras")["spect.fail"] == 0
    assert counted(HalfYear.objects.get(pk=released.pk), "cameras")["spect.fail"] == 1
    assert keeping.amend(released, staff["director"]).pk == second.pk


@pytest.mark.parametrize("language", ["zh", "en"])
def test_page_pdf_and_word_say_the_same(made, staff, language):
    files = keeping.files(made)
    paper = keeping.paper_of(made, language)
    page = (
        signed_in(staff["director"], "zh-hans" if language == "zh" else "en")
        .get(reverse("half_year", args=[made.pk]))
        .content.decode()
    )
    plain = re.sub(r"<[^>]+>", "", page)
    pdf = re.sub(r"\s+", "", text_of("x.pdf", files[f"half_year_2026H1.{language}.pdf"]))
    word = re.sub(r"\s+", "", text_of("x.docx", files[f"half_year_2026H1.{language}.docx"]))
    for one in paper["sections"]:
        for part in one["paragraphs"]:
            sentence = re.sub(r"\s+", "", "".join(run["text"] for run in part))
            assert sentence in re.sub(r"\s+", "", plain), one["key"]
            assert sentence in pdf, one["key"]
            assert sentence in word, one["key"]
    assert ("草稿" if language == "zh" else "Draft") in pdf


def test_who_sees_summaries_only_sees_released_reports_without_names(made, staff):
    client = signed_in(staff["health_authority"])
    address = reverse("half_year", args=[made.pk])
    assert client.get(address).status_code == 404
    keeping.release(made, staff["director"])
    page = client.get(address).content.decode()
    assert "Most often outside its limit" in page or "The one quantity found outside its limit" in page
    assert "Lanxi" not in page
    assert "Wanghu" not in page
    pdf = text_of("x.pdf", client.get(reverse("half_year_file", args=[made.pk]) + "?file=pdf_en").content)
    assert "Lanxi" not in pdf
    rows = client.get(reverse("half_year_evidence", args=[made.pk]) + "?of=spect.tested").content.decode()
    assert "Meridian" not in rows


@pytest.mark.parametrize("text", ["2026", "2026H3", "H1", "26H1", "2026-H1", ""])
def test_what_is_no_half_year_is_refused(text):
    with pytest.raises(NotAPeriod):
        period(text)


def test_a_period_ends_with_its_last_moment():
    assert period("2025h2") == Period(2025, 2)
    first, after = Period(2025, 2).moments
    assert (first, after) == (at("2025-07-01"), at("2026-01-01"))
    assert Period(2025, 2).following == H1
    assert H1.before == Period(2025, 2)


def test_the_release_needs_the_director_and_the_words_the_secretary(made, staff):
    assert signed_in(staff["secretary"]).post(reverse("half_year_release", args=[made.pk])).status_code == 404
    assert signed_in(staff["inspector"]).get(reverse("half_year_edit", args=[made.pk])).status_code == 404
    assert signed_in(staff["director"]).post(reverse("half_year_release", args=[made.pk])).status_code == 302
    assert HalfYear.objects.get(pk=made.pk).is_released
