"""Watched folders: kept by those who manage senders, below what the operator allows, looked at by several workers at once."""

import threading

import pytest
from django.conf import settings
from django.db import connections
from django.urls import reverse

from cast import centre, person, signed_in
from photopeak.phantom.flood import flood_files
from photopeak_centre.audit.models import Entry
from photopeak_centre.evidence.models import HandIn, Held, Item, SeenFile, Study, WatchedFolder
from photopeak_centre.evidence.watch import look
from photopeak_centre.hospitals.models import Organisation


@pytest.fixture
def inbox(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "FOLDERS", [tmp_path / "inbox"])
    (tmp_path / "inbox" / "lanxi").mkdir(parents=True)
    return tmp_path / "inbox"


def hospital():
    return Organisation.objects.create(kind="hospital", name_zh="岚溪医院")


def test_a_folder_is_added_removed_and_recorded(database, inbox):
    owner, client = hospital(), signed_in(person("secretary", centre()))
    client.post(reverse("folders"), {"organisation": owner.pk, "path": str(inbox / "lanxi"), "active": "on"})
    folder = WatchedFolder.objects.get()
    assert (folder.organisation, folder.path) == (owner, str(inbox / "lanxi"))
    body = client.get(reverse("folders")).content.decode()
    assert "岚溪医院" in body
    assert str(inbox / "lanxi") in body
    client.post(reverse("folder_remove", args=[folder.pk]))
    assert not WatchedFolder.objects.exists()
    assert set(Entry.objects.filter(organisation=owner.pk).values_list("act", flat=True)) == {"folder added", "folder removed"}


@pytest.mark.parametrize("path", ["/etc", "{inbox}", "{inbox}/lanxi/../../..", "{inbox}/absent", "../.."])
def test_no_other_part_of_the_server_can_be_named(database, inbox, path):
    client = signed_in(person("secretary", centre()))
    answer = client.post(reverse("folders"), {"organisation": hospital().pk, "path": path.format(inbox=inbox), "active": "on"})
    assert answer.status_code == 200
    assert not WatchedFolder.objects.exists()


def test_a_link_out_of_the_allowed_folder_is_refused(database, inbox, tmp_path):
    (inbox / "out").symlink_to(tmp_path)
    client = signed_in(person("secretary", centre()))
    client.post(reverse("folders"), {"organisation": hospital().pk, "path": str(inbox / "out"), "active": "on"})
    assert not WatchedFolder.objects.exists()


def test_a_missing_folder_is_told(database, inbox):
    folder = WatchedFolder.objects.create(organisation=hospital(), path=str(inbox / "gone"))
    assert look(quiet_s=0) == 0
    folder.refresh_from_db()
    assert folder.problem == "missing"
    assert folder.looked is not None
    (inbox / "gone").mkdir()
    look(quiet_s=0)
    folder.refresh_from_db()
    assert folder.problem == ""


def test_two_workers_that_look_at_once_take_each_file_in_once(committed, inbox, tmp_path):
    for n, path in enumerate(p for p in flood_files(tmp_path / "made", seed=3, matrix=64, counts=2e6) if p.suffix == ".dcm"):
        (inbox / "lanxi" / f"{n}.dcm").write_bytes(path.read_bytes())
    for n in range(20):
        (inbox / "lanxi" / f"table{n}.csv").write_text(f"id;value\n1;{n}\n")
    files = len(list((inbox / "lanxi").iterdir()))
    WatchedFolder.objects.create(organisation=hospital(), path=str(inbox / "lanxi"))
    taken, problems = [], []

    def one():
        try:
            taken.append(look(quiet_s=0))
        except Exception as problem:
            problems.append(problem)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=one) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert problems == []
    assert sum(taken) == files == SeenFile.objects.count() == Item.objects.count()
    assert Study.objects.count() == files
    assert not Held.objects.exists()
    assert sum(HandIn.objects.values_list("known_before", flat=True)) == 0
    assert not HandIn.objects.filter(closed=None).exists()
