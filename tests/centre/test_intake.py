"""One road in: the same image by every way is one image; what contradicts, names a patient or is damaged is held back."""

import threading
import zipfile

import pytest
from django.db import connections
from django.urls import reverse
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from cast import centre, make_device, person, signed_in
from photopeak.phantom.flood import flood_files
from photopeak_centre.evidence import store
from photopeak_centre.evidence.intake import take, take_file
from photopeak_centre.evidence.models import Blob, HandIn, Held, Item, SeenFile, Study, WatchedFolder
from photopeak_centre.evidence.watch import look
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.jobs.models import Job


@pytest.fixture(scope="module")
def flood(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flood")
    return next(p for p in flood_files(folder, seed=3, matrix=64, counts=2e6) if p.suffix == ".dcm")


@pytest.fixture
def hospital(database):
    return Organisation.objects.create(kind="hospital", name_zh="岚溪医院")


def hand_in(hospital, route="browser"):
    return HandIn.objects.create(organisation=hospital, route=route)


def changed(flood, tmp_path, name="changed.dcm", syntax=None, **values):
    dataset = dcmread(flood)
    for key, value in values.items():
        setattr(dataset, key, value)
    if syntax == RLELossless:
        dataset.compress(RLELossless, generate_instance_uid=False)
    elif syntax is not None:
        dataset.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / name
    dataset.save_as(
        path,
        enforce_file_format=True,
        **(
            {}
            if syntax is None or syntax == RLELossless
            else {"implicit_vr": syntax.is_implicit_VR, "little_endian": syntax.is_little_endian}
        ),
    )
    return path


def test_a_file_is_kept_given_to_its_study_and_its_check_is_asked_for(hospital, flood):
    device = make_device(hospital, serial=dcmread(flood).DeviceSerialNumber, model=dcmread(flood).ManufacturerModelName)
    assert take(hand_in(hospital), flood.read_bytes(), "flood.dcm") == "taken"
    item = Item.objects.get()
    assert store.read(item.blob_id) == flood.read_bytes()
    assert Study.objects.get().device == device
    assert Job.objects.get().state == "waiting"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless])
def test_the_same_image_in_another_encoding_is_the_same_image(hospital, flood, tmp_path, syntax):
    first = hand_in(hospital)
    take(first, flood.read_bytes(), "flood.dcm")
    other = changed(flood, tmp_path, syntax=syntax)
    assert other.read_bytes() != flood.read_bytes()
    assert take(first, other.read_bytes(), "other.dcm") == "known"
    assert Item.objects.count() == 1
    assert not Held.objects.exists()


def test_other_content_under_the_same_identifier_is_a_conflict_and_never_overwrites(hospital, flood, tmp_path):
    take(hand_in(hospital), flood.read_bytes(), "flood.dcm")
    dataset = dcmread(flood)
    dataset.PixelData = dataset.PixelData[:-2] + b"\x07\x00"
    path = tmp_path / "other.dcm"
    dataset.save_as(path, enforce_file_format=True)
    assert take(hand_in(hospital), path.read_bytes(), "other.dcm") == "held"
    assert store.read(Item.objects.get().blob_id) == flood.read_bytes()
    assert Held.objects.get().kind == "conflict"


def test_no_answer_tells_that_another_hospital_has_the_file(hospital, flood, tmp_path):
    other = Organisation.objects.create(kind="hospital", name_zh="望湖医院")
    take(hand_in(other), flood.read_bytes(), "flood.dcm")
    assert take(hand_in(hospital), flood.read_bytes(), "flood.dcm") == "taken"
    assert Item.objects.count() == 2
    altered = changed(flood, tmp_path, SeriesDescription="QC other")
    third = Organisation.objects.create(kind="hospital", name_zh="石桥医院")
    assert take(hand_in(third), altered.read_bytes(), "flood.dcm") == "taken"


PATIENT = {
    "PatientName": "Planted^Surname",
    "PatientID": "4711",
    "StudyDescription": "Bone scan",
    "SeriesDescription": "WB",
    "ProtocolName": "Bone",
}


@pytest.mark.parametrize(
    "values",
    [PATIENT, {**PATIENT, "PatientName": "", "PatientID": "1", "PatientBirthDate": "19500101"}, {"BurnedInAnnotation": "YES"}],
)
def test_a_file_that_may_name_a_patient_is_held_without_its_name(hospital, flood, tmp_path, values):
    path = changed(flood, tmp_path, **values)
    assert take(hand_in(hospital), path.read_bytes(), "Planted_Surname.dcm") == "held"
    held = Held.objects.get()
    assert held.kind == "patient"
    assert not Item.objects.exists()
    assert "lanted" not in f"{held.name}{held.en}{held.zh}{held.code}"


def test_a_held_phantom_is_released_by_a_person(hospital, flood, tmp_path):
    path = changed(flood, tmp_path, **PATIENT)
    take(hand_in(hospital), path.read_bytes(), "x.dcm")
    client = signed_in(person("hospital_physicist", hospital))
    client.post(reverse("held_settle", args=[Held.objects.get().pk]), {"act": "release"})
    assert Item.objects.count() == 1
    assert Held.objects.get().settled == "released"


@pytest.mark.parametrize("data", [b"", b"not dicom", b"\0" * 128 + b"DICM" + b"\xff" * 64], ids=["empty", "words", "damaged"])
def test_what_cannot_be_read_is_listed_with_its_reason(hospital, data):
    assert take(hand_in(hospital), data, "a.dcm") == "held"
    held = Held.objects.get()
    assert held.kind == "unread"
    assert held.en
    assert held.zh


@pytest.mark.parametrize("name", ["../../evil.dcm", "a\0b.dcm", "CON", "‮gpj.dcm", "x" * 900, "🙂.dcm"])
def test_a_hostile_name_writes_nothing_outside_the_store(hospital, flood, home, name):
    before = {p for p in home.parent.iterdir()}
    assert take(hand_in(hospital), flood.read_bytes(), name) == "taken"
    assert {p for p in home.parent.iterdir()} - before == set()
    assert all(len(p.name) == 64 for p in (home / "store").glob("??/*"))


def test_a_zip_is_opened_and_its_members_are_taken_one_by_one(hospital, flood, tmp_path):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(flood, "QC/flood.dcm")
        archive.writestr("QC/readme.bin", b"words")
    take_file(hand_in(hospital), path, "all.zip")
    assert Item.objects.count() == 1
    assert Held.objects.filter(kind="unread").count() == 1


def test_a_watched_folder_is_taken_in_once(hospital, flood, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "flood.dcm").write_bytes(flood.read_bytes())
    (tmp_path / "out" / "link.dcm").symlink_to(flood)
    WatchedFolder.objects.create(organisation=hospital, path=str(tmp_path / "out"))
    assert look(quiet_s=3600) == 0  # still being written
    assert look(quiet_s=0) == 1
    assert look(quiet_s=0) == 0
    assert (Item.objects.count(), SeenFile.objects.count()) == (1, 1)


def test_an_interrupted_upload_goes_on_where_it_stopped(hospital, flood):
    client = signed_in(person("hospital_physicist", hospital))
    opened = hand_in(hospital)
    data = flood.read_bytes()
    address = reverse("hand_in_file", args=[opened.pk]) + f"?name=QC/flood.dcm&size={len(data)}&changed=1"
    half = len(data) // 2

    def post(offset, body):
        return client.generic("POST", f"{address}&offset={offset}", body, "application/octet-stream")

    assert post(0, data[:half]).json() == {"have": half, "taken": False}
    assert client.get(address).json() == {"have": half, "taken": False}
    assert post(0, data[:half]).status_code == 409
    assert post(half, data[half:]).json()["taken"]
    assert store.read(Item.objects.get().blob_id) == data
    assert client.get(address).json() == {"have": len(data), "taken": True}


def test_a_full_disk_is_told_and_leaves_nothing_behind(hospital, flood, tmp_path, monkeypatch):
    flood = changed(flood, tmp_path, SeriesDescription="QC full disk")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        take(hand_in(hospital), flood.read_bytes(), "flood.dcm")
    assert not Item.objects.exists()
    assert not Job.objects.exists()
    assert not list((store.place_of("0" * 64).parents[1] / "tmp").glob("*"))
    monkeypatch.undo()
    assert take(hand_in(hospital), flood.read_bytes(), "flood.dcm") == "taken"


def test_the_same_study_by_six_ways_at_once_is_one_study(committed, flood, tmp_path):
    centre()
    hospital = Organisation.objects.create(kind="hospital", name_zh="岚溪医院")
    files = [changed(flood, tmp_path, f"{n}.dcm", SOPInstanceUID=f"1.2.3.{n}", InstanceNumber=n).read_bytes() for n in range(6)]
    problems = []

    def send(route):
        try:
            own = hand_in(hospital, route)
            for n, data in enumerate(files):
                take(own, data, f"{n}.dcm")
        except Exception as problem:
            problems.append(problem)
        finally:
            connections.close_all()

    ways = [threading.Thread(target=send, args=(route,)) for route in ("dicom", "dicom", "dicom", "dicom", "browser", "folder")]
    for way in ways:
        way.start()
    for way in ways:
        way.join()
    assert problems == []
    assert (Study.objects.count(), Item.objects.count(), Job.objects.count(), Held.objects.count()) == (1, 6, 1, 0)
    assert sum(HandIn.objects.values_list("taken", flat=True)) == 6
    assert Blob.objects.count() == 6
