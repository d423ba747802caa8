"""SIGKILL at random moments: what was acknowledged is there and readable, nothing is there twice, nothing stays stuck.

The complete form is a hundred kills each of the receiver (5,000 images) and of workers (500 jobs), in five rounds.
"""

import hashlib
import io
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from django.db import connection
from django.utils import timezone
from pydicom import dcmread

from cast import make_device
from photopeak.phantom.flood import flood_files
from photopeak_centre.checks.models import Drawing, Judgement, Latest, Measurement, Result
from photopeak_centre.devices.models import Device
from photopeak_centre.evidence import store
from photopeak_centre.evidence.intake import close_forgotten, take
from photopeak_centre.evidence.models import Blob, HandIn, Held, Item, Sender, Study
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.jobs.models import Job
from photopeak_centre.jobs.worker import work

ROUNDS = 5
PER_STUDY = 25
SENDERS = 3
RECEIVER = "from photopeak_centre.evidence import receive; receive.limit_memory(); receive.serve('127.0.0.1', {port}, 'PHOTOPEAK', None)"
WORKER = "from photopeak_centre.jobs import worker; worker.work()"


def started(program):
    """A process of its own on the test's database and store."""
    begin = (
        "import os, photopeak_centre.settings as s; s.DATABASES['default']['NAME'] = os.environ['PHOTOPEAK_TEST_NAME']; "
        "s.STORE = os.environ['PHOTOPEAK_TEST_STORE']; "
        "from photopeak_centre.command import start; start(); "
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PHOTOPEAK_TEST_NAME": str(connection.settings_dict["NAME"])}
    return subprocess.Popen(
        [sys.executable, "-c", begin + program], env=environment, start_new_session=True, stderr=subprocess.DEVNULL
    )


def killed(child):
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@pytest.fixture(scope="module")
def flood(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flood")
    return dcmread(next(p for p in flood_files(folder, seed=3, matrix=64, counts=2e6) if p.suffix == ".dcm"))


def identifier(n, per_study=PER_STUDY):
    return f"1.2.9.{n // per_study}.{n}"


def image(flood, n, per_study=PER_STUDY):
    """The n-th image: its own identifier, and pixels that no other has."""
    flood.StudyInstanceUID = f"1.2.9.{n // per_study}"
    flood.SOPInstanceUID = flood.file_meta.MediaStorageSOPInstanceUID = identifier(n, per_study)
    flood.PixelData = n.to_bytes(4, "little") + flood.PixelData[4:]
    return flood


class Camera(threading.Thread):
    """Sends its images one by one, again and again until each was answered with success; a lost connection is made anew."""

    def __init__(self, flood, port, numbers):
        super().__init__(daemon=True)
        self.flood, self.port, self.waiting = flood, port, list(numbers)
        self.acknowledged, self.refused, self.ending = [], [], threading.Event()

    def run(self):
        while self.waiting and not self.ending.is_set():
            association = self.associated()
            if association is None:
                time.sleep(0.05)
                continue
            while self.waiting and association.is_established:
                if not self.sent(association, self.waiting[0]):
                    break
            if association.is_established:
                association.release()

    def associated(self):
        from pynetdicom import AE

        entity = AE("CAMERA")
        entity.add_requested_context(self.flood.SOPClassUID, self.flood.file_meta.TransferSyntaxUID)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 20
        association = entity.associate("127.0.0.1", self.port, ae_title="PHOTOPEAK")
        return association if association.is_established else None

    def sent(self, association, n):
        try:
            answer = association.send_c_store(image(self.flood, n))
        except (RuntimeError, ValueError, OSError):
            return False
        if "Status" not in answer:  # the receiver died before it answered: the image is sent again
            return False
        if answer.Status != 0:
            self.refused.append(hex(answer.Status))
            return False
        self.acknowledged.append(self.waiting.pop(0))
        return True


def killed_receivers(kills, images, flood, seed):
    hospital = Organisation.objects.create(kind="hospital", name_zh="岚溪医院")
    Sender.objects.create(organisation=hospital, address="127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chance = random.Random(seed)
    cameras = [Camera(dcmread(io.BytesIO(written(flood))), port, range(n, images, SENDERS)) for n in range(SENDERS)]
    for camera in cameras:
        camera.start()

    def acknowledged():
        return sum(len(camera.acknowledged) for camera in cameras)

    for kill in range(kills):
        receiver = started(RECEIVER.format(port=port))
        goal, deadline = (kill + 1) * images // (kills + 1), time.monotonic() + 120
        while acknowledged() < goal and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.random() * 0.3)  # the next images are on their way meanwhile
        killed(receiver)
        assert acknowledged() >= goal
        told = {identifier(n) for camera in cameras for n in list(camera.acknowledged)}
        assert told <= set(Item.objects.filter(organisation=hospital).values_list("identity", flat=True))
    receiver = started(RECEIVER.format(port=port))
    try:
        for camera in cameras:
            camera.join(300)
            camera.ending.set()
    finally:
        killed(receiver)
    assert [camera.refused for camera in cameras] == [[]] * SENDERS
    assert acknowledged() == images
    everything_arrived_once(images, flood)


def written(dataset):
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def everything_arrived_once(images, flood):
    items = {item.identity: item for item in Item.objects.all()}
    assert len(items) == Item.objects.count() == images
    sent = dcmread(io.BytesIO(written(flood)))
    for n in range(images):
        item = items[image(sent, n).SOPInstanceUID]
        data = store.read(item.blob_id)
        assert hashlib.sha256(data).hexdigest() == item.blob_id
        assert dcmread(io.BytesIO(data)).PixelData == sent.PixelData
    studies = -(-images // PER_STUDY)
    assert Study.objects.count() == studies
    assert not Held.objects.exists()
    assert sum(HandIn.objects.values_list("taken", flat=True)) == images
    assert Blob.objects.count() == images
    assert store.damaged() == []
    assert Job.objects.filter(state="waiting").values("study").distinct().count() == Job.objects.count() == studies
    close_forgotten(silent_s=0)
    assert not HandIn.objects.filter(closed=None).exists()
    files = sum(1 for place in store.place_of("0" * 64).parents[1].glob("??/*"))
    left = store.sweep(older_than_s=0)
    print(f"{images} images; files without a row {files - images}, unfinished files swept {left}")


@pytest.fixture
def empty_store(committed, tmp_path, monkeypatch):
    """A store of the test's own, for its processes too."""
    from django.conf import settings

    monkeypatch.setattr(settings, "STORE", tmp_path / "store")
    monkeypatch.setenv("PHOTOPEAK_TEST_STORE", str(tmp_path / "store"))


def test_a_killed_receiver_loses_and_doubles_nothing(empty_store, flood):
    killed_receivers(3, 60, flood, seed=1)


@pytest.mark.full
@pytest.mark.parametrize("round", range(ROUNDS))
def test_a_hundred_killed_receivers_lose_and_double_nothing(empty_store, flood, round):
    killed_receivers(100 // ROUNDS, 5000 // ROUNDS, flood, seed=10 + round)


def killed_workers(kills, jobs, flood, seed):
    """Each job ends with exactly one set of results, with the attempts that a job is given."""
    hospital = Organisation.objects.create(kind="hospital", name_zh="岚溪医院")
    make_device(hospital, serial=flood.DeviceSerialNumber, model=flood.ManufacturerModelName)
    hand_in = HandIn.objects.create(organisation=hospital, route="form")
    for n in range(jobs):
        take(hand_in, written(image(flood, n, per_study=1)), f"{n}.dcm")
    chance = random.Random(seed)
    done = Job.objects.filter(state="done")
    for _ in range(kills):
        worker = started(WORKER)
        goal, deadline = min(jobs, done.count() + max(1, jobs // (kills + 1))), time.monotonic() + 120
        while done.count() < goal and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(chance.random() * 0.6)
        killed(worker)
        Job.objects.filter(state="running").update(lease_until=timezone.now())  # the minute of a lease goes by
    again = Job.objects.filter(attempts__gt=1).count()
    work(until_idle=True)
    assert set(Job.objects.values_list("state", flat=True)) == {"done"}
    assert Job.objects.count() == jobs
    assert Result.objects.count() == jobs
    assert Result.objects.values("study").distinct().count() == jobs
    kinds = Measurement.objects.values("quantity", "place").distinct().count()
    assert Measurement.objects.count() == jobs * kinds
    assert Latest.objects.count() == kinds
    assert Judgement.objects.exists()
    assert Device.objects.get().last_tested is not None
    drawn = Drawing.objects.count()
    assert drawn % jobs == 0
    assert store.damaged() == []
    print(f"{jobs} jobs; begun again after a kill {again}")


def test_killed_workers_lose_and_double_nothing(empty_store, flood):
    killed_workers(2, 5, flood, seed=5)


@pytest.mark.full
@pytest.mark.parametrize("round", range(ROUNDS))
def test_a_hundred_killed_workers_lose_and_double_nothing(empty_store, flood, round):
    killed_workers(100 // ROUNDS, 500 // ROUNDS, flood, seed=50 + round)
