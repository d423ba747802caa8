"""A result on its page: its quantity is its procedure's, its analyses stand together, its raw frames are those handed in."""

import statistics

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from cast import centre, make_device, make_result, person, signed_in
from photopeak.check import check
from photopeak.criterion import Criterion
from photopeak.phantom.flood import flood_files
from photopeak_centre.checks.keeping import refresh_latest
from photopeak_centre.checks.models import Drawing, Judgement, Latest, Measurement, Result, WorstOutcome
from photopeak_centre.checks.side_by_side import last_test, side_by_side
from photopeak_centre.checks.trend import control_of, trend_of
from photopeak_centre.checks.viewing import viewer_of
from photopeak_centre.evidence.intake import take
from photopeak_centre.evidence.models import HandIn, Item, Study
from photopeak_centre.evidence.store import keep
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.jobs.queue import enqueue
from photopeak_centre.jobs.worker import work

FLOOD, SPECT = "gamma_camera.flood_uniformity", "spect.tomographic_uniformity"


@pytest.fixture
def device(database):
    centre()
    hospital = Organisation.objects.create(kind="hospital", name_zh="岚溪医院", name_en="Lanxi Hospital")
    return make_device(hospital)


def result_of(device, value, outcome="pass", procedure=FLOOD, days_ago=0):
    study = Study.objects.create(organisation=device.organisation, uid=f"9.{Study.objects.count()}", device=device)
    result = make_result(device, study, value, outcome)
    at = timezone.now() - timezone.timedelta(days=days_ago)
    Result.objects.filter(pk=result.pk).update(procedure=procedure, acquired=at)
    Measurement.objects.filter(result=result).update(acquired=at)
    result.refresh_from_db()
    refresh_latest(device.pk, Measurement.objects.filter(device=device))
    return result


def test_two_procedures_that_measure_one_name_keep_their_own_latest_result(device):
    result_of(device, 6.2, "fail")
    result_of(device, 3.1, "pass", SPECT)
    latest = {row.procedure: (row.value, row.outcome) for row in Latest.objects.filter(device=device)}
    assert latest == {FLOOD: (6.2, "fail"), SPECT: (3.1, "pass")}
    assert dict(WorstOutcome.objects.values_list("procedure", "outcome")) == {FLOOD: "fail", SPECT: "pass"}
    assert [p[1] for s in trend_of(device, FLOOD, "integral_uniformity")["series"] for p in s["points"]] == [6.2]
    assert [p[1] for s in trend_of(device, SPECT, "integral_uniformity")["series"] for p in s["points"]] == [3.1]
    device.refresh_from_db()
    assert device.outcome == "fail"


def test_a_limit_that_names_a_procedure_judges_that_one_alone(tmp_path):
    path = next(
        p for p in flood_files(tmp_path, seed=1, matrix=128, counts=20e6, tube_depth_percent=50.0) if p.suffix == ".dcm"
    )

    def outcomes(procedure):
        limit = Criterion(
            standard="S", edition="", clause="", quantity="integral_uniformity", unit="%", upper=0.1, stage="status", procedure=procedure,
            read_by=("x",),
        )  # fmt: skip
        return {
            v.outcome
            for v in check([path], criteria=[limit]).verdicts
            if v.criterion is not None and v.criterion.standard == "S"
        }

    assert "fail" in outcomes(FLOOD)
    assert outcomes(FLOOD) == outcomes("")
    assert outcomes(SPECT) == set()


@pytest.mark.parametrize("outlier", [3.5, -3.5])
def test_a_control_chart_has_the_mean_and_s_of_its_first_tests_and_names_the_rule(outlier):
    values = [10 + 0.1 * (-1) ** n for n in range(20)]
    mean, sd = statistics.fmean(values), statistics.stdev(values)
    chart = control_of([[None, value] for value in [*values, mean + outlier * sd]])
    assert (chart["mean"], chart["sd"], chart["n"]) == (mean, sd, 20)
    assert chart["rules"][:20] == [[]] * 20
    assert "1_3s" in chart["rules"][20]


def test_a_few_tests_or_equal_ones_make_no_control_chart():
    assert control_of([[None, 1.0 + n] for n in range(7)]) is None
    assert control_of([[None, 1.0]] * 20) is None


def test_a_result_stands_beside_the_last_test_and_the_region_once_five_others_have_one(device):
    before, now = result_of(device, 4.0, days_ago=30), result_of(device, 6.2, "fail")
    assert last_test(now) == before
    (row,) = side_by_side(now, before)
    assert (row.now.value, row.before.value, row.change) == ("6.20", "4.00", "+2.20")
    assert row.region is None
    for n in range(5):
        result_of(make_device(Organisation.objects.create(kind="hospital", name_zh=f"第{n}医院"), f"n{n}"), 2.0 + n)
    (row,) = side_by_side(now, before)
    assert (row.region["n"], row.region["median"]) == (5, "4.00")
    page = (
        signed_in(person("hospital_physicist", device.organisation))
        .get(reverse("result_beside", args=[now.pk]))
        .content.decode()
    )
    assert "n = 5" in page
    assert "医院" not in page


def test_the_viewer_opens_on_the_detector_of_the_worst_verdict(device):
    result = result_of(device, 6.2, "fail")
    Measurement.objects.filter(result=result).update(where={"detector": 2, "fov": "UFOV"})
    svg = keep(b"<svg/>")
    for number in (1, 2):
        about = {"where": {"detector": number}}
        Drawing.objects.create(
            result=result,
            number=number,
            title_en=f"Detector {number}",
            title_zh=f"探头 {number}",
            en=svg,
            zh=svg,
            pixels=svg,
            about=about,
        )
    assert viewer_of(result)["start"] == 1
    Judgement.objects.filter(result=result).update(outcome="pass")
    assert viewer_of(result)["start"] == 0


@pytest.fixture
def flood_item(device, tmp_path):
    """A stored flood of two detectors and its counts[detector, row, column]."""
    from pydicom import dcmread

    path = next(p for p in flood_files(tmp_path, seed=1, matrix=64, counts=1e6) if p.suffix == ".dcm")
    hand_in = HandIn.objects.create(organisation=device.organisation, route="form")
    assert take(hand_in, path.read_bytes(), "flood.dcm") == "taken"
    return Item.objects.get(), dcmread(path).pixel_array


@pytest.mark.parametrize("detector", [1, 2])
def test_the_raw_frames_are_the_counts_that_were_handed_in(device, flood_item, detector):
    item, counts = flood_item
    client = signed_in(person("hospital_physicist", device.organisation))
    about = client.get(reverse("item_about", args=[item.pk])).json()
    assert (about["rows"], about["columns"], len(about["frames"])) == (64, 64, 2)
    assert f"detector {detector}" in about["frames"][detector - 1]["en"]
    assert f"探头 {detector}" in about["frames"][detector - 1]["zh"]
    body = client.get(f"{reverse('item_frame', args=[item.pk])}?frame={detector - 1}").content
    assert np.array_equal(np.frombuffer(body, "<f4").reshape(64, 64), counts[detector - 1])


@pytest.mark.parametrize("number", ["2", "-1", "x", "99999999999"])
def test_a_frame_that_is_not_there_is_404(device, flood_item, number):
    client = signed_in(person("hospital_physicist", device.organisation))
    assert client.get(f"{reverse('item_frame', args=[flood_item[0].pk])}?frame={number}").status_code == 404


def test_what_shows_no_image_says_so_in_both_languages(device):
    hand_in = HandIn.objects.create(organisation=device.organisation, route="form")
    take(hand_in, b"readings_mbq\n1\n", "t.csv")
    client = signed_in(person("hospital_physicist", device.organisation))
    for name in ("item_about", "item_frame"):
        answer = client.get(reverse(name, args=[Item.objects.get().pk]))
        assert answer.status_code == 415
        assert all(answer.json()[language] for language in ("en", "zh"))


def test_a_new_analysis_keeps_the_old_result_and_the_page_shows_both(committed, tmp_path, monkeypatch):
    import photopeak

    centre()
    hospital = Organisation.objects.create(kind="hospital", name_zh="岚溪医院")
    path = next(p for p in flood_files(tmp_path, seed=1, matrix=64, counts=1e6) if p.suffix == ".dcm")
    take(HandIn.objects.create(organisation=hospital, route="form"), path.read_bytes(), "flood.dcm")
    for version in ("0.1.0", "0.2.0"):
        monkeypatch.setattr(photopeak, "__version__", version)
        enqueue(Study.objects.get())
        assert work(until_idle=True) == 1
    old, new = Result.objects.order_by("id")
    assert (old.version, new.version, old.superseded_by) == ("0.1.0", "0.2.0", new)
    assert old.measurements.count() == new.measurements.count() > 0
    client = signed_in(person("hospital_physicist", hospital))
    for one in (old, new):
        page = client.get(reverse("result", args=[one.pk])).content.decode()
        assert "Photopeak 0.1.0" in page
        assert "Photopeak 0.2.0" in page
        assert reverse("result", args=[(new if one == old else old).pk]) in page
