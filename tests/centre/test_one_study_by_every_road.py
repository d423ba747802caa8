"""One study at the same time by two associations, an upload over HTTP and a watched folder: it stands there once, whole."""

import datetime
import os
import subprocess
import threading
import urllib.request
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone
from pydicom import dcmread

from cast import centre, person, signed_in
from photopeak.phantom.flood import flood_files
from photopeak_centre.evidence import store
from photopeak_centre.evidence.models import Blob, HandIn, Held, Item, Sender, Study, WatchedFolder
from photopeak_centre.evidence.retention import delete_what_was_kept_long_enough
from photopeak_centre.evidence.watch import look
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.jobs.models import Job

STORESCU = Path("/usr/bin/storescu")
IMAGES, SECRET = 12, "a" * 32


@pytest.fixture
def served(committed):
    import waitress

    from photopeak_centre.wsgi import application

    server = waitress.create_server(application, host="127.0.0.1", port=0, threads=4)
    threading.Thread(target=server.run, daemon=True).start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    connections.close_all()


@pytest.fixture
def images(tmp_path):
    flood = next(p for p in flood_files(tmp_path / "made", seed=3, matrix=64, counts=2e6) if p.suffix == ".dcm")
    folder = tmp_path / "study"
    folder.mkdir()
    for n in range(IMAGES):
        dataset = dcmread(flood)
        dataset.SOPInstanceUID, dataset.InstanceNumber = f"1.2.3.{n}", n
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(folder / f"{n}.dcm", enforce_file_format=True)
    return sorted(folder.iterdir())


def upload(address, cookie, hand_in, path):
    """A file in two pieces, as the page sends it."""
    data = path.read_bytes()
    for offset, piece in ((0, data[: len(data) // 2]), (len(data) // 2, data[len(data) // 2 :])):
        target = f"{address}/evidence/{hand_in}/file/?name={path.name}&size={len(data)}&changed=1&offset={offset}"
        headers = {"Cookie": f"{cookie}; csrftoken={SECRET}", "X-CSRFToken": SECRET, "Content-Type": "application/octet-stream"}
        with urllib.request.urlopen(urllib.request.Request(target, piece, headers), timeout=60) as answer:
            assert answer.status == 200


def test_one_study_by_two_associations_an_upload_and_a_folder_at_once(port, served, images, tmp_path, monkeypatch):
    if not STORESCU.exists():
        if os.environ.get("CI"):
            pytest.fail("dcmtk must be installed")
        pytest.skip("dcmtk is not installed")
    centre()
    hospital = Organisation.objects.create(kind="hospital", name_zh="岚溪医院")
    Sender.objects.create(organisation=hospital, address="127.0.0.1")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    monkeypatch.setattr(settings, "FOLDERS", [inbox])
    WatchedFolder.objects.create(organisation=hospital, path=str(inbox))
    for path in images:
        (inbox / path.name).write_bytes(path.read_bytes())
    who = person("hospital_physicist", hospital)
    opened = HandIn.objects.create(organisation=hospital, by=who, route="browser")
    cookie = f"sessionid={signed_in(who).cookies['sessionid'].value}"
    problems, begin = [], threading.Barrier(4)

    def associate():
        words = [str(STORESCU), "-aec", "PHOTOPEAK", "127.0.0.1", str(port), *map(str, images)]
        return subprocess.run(words, capture_output=True, timeout=120, check=True)

    roads = {
        "association": associate,
        "another association": associate,
        "upload": lambda: [upload(served, cookie, opened.pk, path) for path in reversed(images)],
        "folder": lambda: look(quiet_s=0),
    }

    def go(name, road):
        try:
            begin.wait(30)
            road()
        except Exception as problem:
            problems.append((name, problem))
        finally:
            connections.close_all()

    ways = [threading.Thread(target=go, args=pair) for pair in roads.items()]
    for way in ways:
        way.start()
    for way in ways:
        way.join()
    assert problems == []
    assert (Study.objects.count(), Item.objects.count()) == (1, IMAGES)
    assert (Job.objects.count(), Held.objects.count()) == (1, 0)
    assert sum(HandIn.objects.values_list("taken", flat=True)) == IMAGES
    assert sum(HandIn.objects.values_list("known_before", flat=True)) == 3 * IMAGES
    assert set(HandIn.objects.values_list("route", flat=True)) == {"dicom", "browser", "folder"}
    # where two roads met over one image, the slower one's envelope may lie there unused: until the next day
    delete_what_was_kept_long_enough(timezone.now() + datetime.timedelta(days=2))
    assert set(Blob.objects.values_list("pk", flat=True)) == set(Item.objects.values_list("blob", flat=True))
    assert (
        Blob.objects.count()
        == IMAGES
        == sum(store.place_of(blob).is_file() for blob in Item.objects.values_list("blob", flat=True))
    )
    # and one that comes later leaves nothing
    associate()
    assert Blob.objects.count() == IMAGES
