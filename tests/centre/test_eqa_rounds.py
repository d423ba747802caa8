"""A round scored by the library and kept: the three troubles of the made-up round are found, and nobody else is accused."""

import pytest
from django.urls import reverse

from cast import centre, person, signed_in
from photopeak_centre.eqa_rounds.demo import BIASED, EXCHANGED, LABORATORIES, make_round, results_table, scheme_text
from photopeak_centre.eqa_rounds.keeping import UnknownLaboratory, keep_round
from photopeak_centre.eqa_rounds.models import Round, Score
from photopeak_centre.hospitals.models import Organisation


@pytest.fixture
def hospitals(database):
    centre()
    return [Organisation.objects.create(kind="hospital", name_zh=f"第{n}医院") for n in range(LABORATORIES)]


def test_the_known_troubles_fail_and_nobody_else(hospitals):
    made = make_round(2026, hospitals)
    failed = set(Score.objects.filter(round=made, outcome="fail").values_list("laboratory", "analyte"))
    expected = {(hospitals[n].pk, analyte) for n, (analyte, _) in BIASED.items()} | {
        (hospitals[n].pk, a) for n, a in EXCHANGED.items()
    }
    assert failed == expected
    assert Score.objects.filter(round=made).count() == 18 * 6
    assert set(Score.objects.filter(round=made).exclude(outcome="fail").values_list("outcome", flat=True)) == {"pass"}


def test_counts_and_percent_of_a_score_belong_together(hospitals):
    for one in Score.objects.filter(round=make_round(2026, hospitals)):
        assert one.results == 3
        assert one.score_percent == pytest.approx(100 * one.acceptable / one.results)
        assert sum(s["outcome"] == "pass" for s in one.document["samples"]) == one.acceptable


def test_the_round_itself_names_no_laboratory(hospitals):
    made = make_round(2026, hospitals)
    assert "L01" not in str(made.document)
    assert "laborator" not in str(made.document).lower()
    assert len(made.document["targets"]) >= 18


def test_an_assigned_value_lies_near_the_truth_it_was_drawn_from(hospitals):
    made = make_round(2026, hospitals)
    (first, *_) = [t for t in made.document["targets"] if t["analyte"] == "TSH" and t["sample"] == "S3"]
    assert first["value"] == pytest.approx(18.3, rel=0.05)


def test_a_code_without_a_hospital_keeps_nothing(hospitals):
    with pytest.raises(UnknownLaboratory, match="L18"):
        keep_round(
            scheme_text(2026),
            results_table(),
            {f"L{n + 1:02}": h for n, h in enumerate(hospitals[:17])},
            closed_on="2026-05-22",
        )
    assert Round.objects.count() == 0


def test_who_did_not_return_has_no_results(hospitals):
    rows = results_table().decode().splitlines()
    kept = [row for row in rows if not row.startswith("L02,TSH")] + [f"L02,TSH,S{n},,mIU/L,CLIA" for n in (1, 2, 3)]
    head, body = kept[0] + ",status", [row + (",not returned" if ",," in row else ",") for row in kept[1:]]
    whose = {f"L{n + 1:02}": h for n, h in enumerate(hospitals)}
    made = keep_round(
        scheme_text(2026),
        "\n".join([head, *body]).encode(),
        whose,
        closed_on="2026-05-22",
        by=person("eqa_coordinator", hospitals[0]),
    )
    one = Score.objects.get(round=made, laboratory=hospitals[1], analyte="TSH")
    assert (one.results, one.acceptable, one.score_percent) == (0, 0, None)


def files(key):
    from django.core.files.uploadedfile import SimpleUploadedFile

    return {
        "scheme": SimpleUploadedFile("scheme.toml", scheme_text(2026).encode()),
        "results": SimpleUploadedFile("results.csv", results_table()),
        "key": SimpleUploadedFile("key.csv", key.encode()),
        "closed_on": "2026-05-22",
    }


def test_a_closed_round_is_taken_in_by_its_three_files_and_each_laboratory_reads_its_own(hospitals):
    secretary = signed_in(person("secretary", Organisation.objects.get(kind="centre")))
    key = "\n".join(f"L{n + 1:02},{one.name_zh}" for n, one in enumerate(hospitals))
    answer = secretary.post(reverse("eqa_rounds"), files(key), follow=True)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "第4医院" in page  # the laboratory whose FT4 calibrator was off
    own = signed_in(person("laboratory_head", hospitals[4])).get(reverse("eqa_scores")).content.decode()
    assert "第4医院" in own
    assert "第8医院" not in own
    assert own.count("<tr>") == 1 + 6


def test_a_key_that_lacks_a_hospital_is_said_and_nothing_is_kept(hospitals):
    secretary = signed_in(person("secretary", Organisation.objects.get(kind="centre")))
    page = secretary.post(reverse("eqa_rounds"), files("L01,第0医院\nL02,nobody")).content.decode()
    assert "The key names no hospital for L02" in page
    assert Round.objects.count() == 0


def test_the_coordinator_sees_the_round_without_its_laboratories(hospitals):
    made = make_round(2026, hospitals)
    coordinator = signed_in(person("eqa_coordinator", Organisation.objects.get(kind="centre")))
    page = coordinator.get(reverse("eqa_round", args=[made.pk])).content.decode()
    assert "316 / 324" in page or "51 / 54" in page
    assert "医院" not in page.replace("查找医院", "")
