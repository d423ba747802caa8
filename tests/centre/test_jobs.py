"""Jobs: one at a time for a study, leased, retried, given up; what a lost worker left is done by another, once."""

import datetime
import os

import pytest
from django.utils import timezone

from cast import centre, make_device
from photopeak.phantom.flood import flood_files
from photopeak_centre.checks.models import Drawing, Judgement, Latest, Measurement, Result
from photopeak_centre.devices.models import Device, DeviceLimit
from photopeak_centre.evidence import store
from photopeak_centre.evidence.intake import take
from photopeak_centre.evidence.models import HandIn, Study
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.jobs import queue
from photopeak_centre.jobs.analyse import Work, analyse
from photopeak_centre.jobs.models import Job
from photopeak_centre.jobs.worker import task_of, work


@pytest.fixture(scope="module")
def flood(tmp_path_factory):
    from pydicom import dcmread

    folder = tmp_path_factory.mktemp("flood")
    path = next(p for p in flood_files(folder, seed=3, matrix=128, counts=20e6, tube_depth_percent=40.0) if p.suffix == ".dcm")
    return path, dcmread(path, stop_before_pixels=True)


def ready(flood):
    """A hospital with a device and a study whose check waits."""
    path, header = flood
    hospital = Organisation.objects.create(kind="hospital", name_zh="岚溪医院")
    device = make_device(hospital, serial=header.DeviceSerialNumber, model=header.ManufacturerModelName)
    DeviceLimit.objects.create(
        device=device,
        basis="manufacturer",
        quantity="integral_uniformity",
        where={"fov": "UFOV"},
        upper=5.0,
        unit="%",
        source="S",
        read_by="x",
    )
    take(HandIn.objects.create(organisation=hospital, route="form"), path.read_bytes(), "flood.dcm")
    return device


def test_a_flood_with_a_dead_tube_fails_with_its_picture(committed, flood):
    device = ready(flood)
    assert work(until_idle=True) == 1
    result = Result.objects.get(procedure="gamma_camera.flood_uniformity")
    assert (result.outcome, result.device) == ("fail", device)
    assert Judgement.objects.filter(outcome="fail", measurement__where__detector=1).exists()
    assert Drawing.objects.exclude(pixels=None).exists()
    picture = Drawing.objects.exclude(pixels=None).first()
    assert len(store.read(picture.pixels_id)) == 4 * picture.about["rows"] * picture.about["columns"]
    device.refresh_from_db()
    assert device.outcome == "fail"
    assert Latest.objects.filter(device=device, quantity="integral_uniformity", outcome="fail").exists()


def test_a_stored_result_is_the_one_that_the_command_gives(committed, flood):
    from photopeak.check import check
    from photopeak.present.document import document

    ready(flood)
    work(until_idle=True)
    device = Device.objects.get()
    plain = document(check([flood[0]], criteria=[limit.criterion() for limit in device.limits.all()]))["results"][0]
    stored = Result.objects.get(procedure=plain["procedure"]).document
    assert stored["measurements"] == plain["measurements"]
    assert [v["outcome"] for v in stored["verdicts"]] == [v["outcome"] for v in plain["verdicts"]]


def test_a_new_analysis_keeps_the_old_result(committed, flood):
    ready(flood)
    work(until_idle=True)
    study = Study.objects.get()
    first = Result.objects.get()
    before = first.document
    queue.enqueue(study)
    work(until_idle=True)
    first.refresh_from_db()
    assert first.superseded_by is not None
    assert first.document == before
    assert Measurement.objects.filter(result=first).exists()
    assert Result.objects.filter(superseded_by=None).count() == 1


def test_a_rejected_result_no_longer_stands_for_its_device(committed, flood):
    from django.urls import reverse

    from cast import person, signed_in

    device = ready(flood)
    work(until_idle=True)
    client = signed_in(person("expert", centre()))
    result = Result.objects.get()
    client.post(reverse("result_review", args=[result.pk]), {"decision": "reject", "words": ""})
    assert Result.objects.get().review == "open"  # a reason is needed
    client.post(reverse("result_review", args=[result.pk]), {"decision": "reject", "words": "wrong detector"})
    assert Result.objects.get().review == "rejected"
    device.refresh_from_db()
    assert device.outcome == ""
    assert not Latest.objects.exists()


def test_only_one_waiting_job_of_a_study(database, flood):
    ready(flood)
    study = Study.objects.get()
    queue.enqueue(study, after_s=5)
    queue.enqueue(study)
    assert Job.objects.count() == 1
    job = queue.claim("a")
    queue.enqueue(study)
    assert Job.objects.count() == 2
    assert queue.claim("b") is None  # the study is being checked
    assert queue.finish(job)
    assert queue.claim("b") is not None


def test_a_lapsed_lease_goes_to_another_and_the_first_stores_nothing(database, flood):
    from photopeak_centre.checks.keeping import keep_results

    ready(flood)
    first = queue.claim("a")
    analysed = analyse(task_of(first))
    Job.objects.update(lease_until=timezone.now() - datetime.timedelta(seconds=1))
    second = queue.claim("b")
    assert second.pk == first.pk
    assert not queue.renew(first, 1, 2)
    assert not keep_results(first, analysed)
    assert not Result.objects.exists()
    assert keep_results(second, analysed)
    assert not keep_results(second, analysed)
    assert Result.objects.count() == len(analysed.found)


def test_a_job_that_fails_is_tried_again_and_then_given_up(database, flood):
    ready(flood)
    for _ in range(queue.MOST_ATTEMPTS):
        Job.objects.update(not_before=timezone.now())
        queue.give_back(queue.claim("a"), "child_died")
    job = Job.objects.get()
    assert (job.state, job.code, job.attempts) == ("dead", "child_died", queue.MOST_ATTEMPTS)
    assert queue.claim("a") is None


def test_a_worker_that_dies_each_time_does_not_hold_a_job_for_ever(database, flood):
    ready(flood)
    for _ in range(queue.MOST_ATTEMPTS):
        assert queue.claim("a") is not None
        Job.objects.update(lease_until=timezone.now() - datetime.timedelta(seconds=1))
    assert queue.claim("a") is None
    assert Job.objects.get().state == "dead"


def test_a_child_that_dies_is_told(tmp_path, flood, monkeypatch):
    from photopeak_centre.jobs import analyse as module

    monkeypatch.setattr(module, "analyse", lambda *arguments: os._exit(9))
    with pytest.raises(module.Failed, match="child_died"):
        module.analyse_in_child(Work(files=(), facts={}, criteria=(), stage="status"), lambda done, of: True)
