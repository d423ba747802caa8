"""Archives and links: read without being unpacked, bounded, and with names that lead nowhere."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from photopeak.dicom import sources
from photopeak.dicom.gather import gather
from photopeak.phantom.as_dicom import write_planar


def codes(*paths: Path) -> list[str]:
    return [one.code for one in gather(paths).unread]


def test_an_archive_gives_the_same_evidence_as_its_folder(flood: Path, slices: tuple[Path, ...], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "hospital.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (flood, *slices):
            archive.write(path, f"CD/{path.parent.name}/{path.name}")
        archive.writestr("CD/DICOMDIR", b"x")
        archive.writestr("CD/__MACOSX/._flood.dcm", b"x")
    packed, plain = gather([tmp_path / "hospital.zip"]), gather([flood, *slices])
    assert packed.unread == ()
    assert sorted(one.sha256 for one in packed.evidence) == sorted(one.sha256 for one in plain.evidence)
    assert packed.evidence[0].files[0].path == f"{tmp_path / 'hospital.zip'}/CD/flood/flood.dcm"
    assert packed.evidence[1].name == "pet"


def test_nothing_is_written_whatever_the_members_are_called(flood: Path, tmp_path: Path) -> None:
    names = [
        "../../escape.dcm",
        "/etc/escape.dcm",
        "..\\..\\escape.dcm",
        "a/\u202egpj.dcm",
        "CON",
        "x" * 300 + ".dcm",
        "new\nline.dcm",
    ]
    with zipfile.ZipFile(tmp_path / "tricks.zip", "w") as archive:
        for index, name in enumerate(names):
            archive.writestr(name, flood.read_bytes() if index == 0 else f"text {index}".encode())
    before = sorted(tmp_path.rglob("*"))
    found = gather([tmp_path / "tricks.zip"])
    assert sorted(tmp_path.rglob("*")) == before
    assert len(found.evidence) == 1
    for path in [one.path for one in found.unread] + [file.path for file in found.evidence[0].files]:
        assert path.startswith(f"{tmp_path / 'tricks.zip'}/")
        assert ".." not in path
        assert path.isprintable()


def test_a_member_that_is_damaged_or_locked_hides_no_other(flood: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("damaged.dcm", flood.read_bytes())
        archive.writestr("good.dcm", flood.read_bytes())
        archive.writestr("locked.dcm", flood.read_bytes())
    data = bytearray(buffer.getvalue())
    data[2000] ^= 0xFF
    at = data.rfind(b"PK\x01\x02")  # the last entry of the directory
    data[at + 8 : at + 10] = struct.pack("<H", 1)
    (tmp_path / "a.zip").write_bytes(data)
    found = gather([tmp_path / "a.zip"])
    assert {Path(one.path).name: one.code for one in found.unread} == {"damaged.dcm": "bad_archive", "locked.dcm": "encrypted"}
    assert len(found.evidence) == 1


def test_an_archive_that_would_grow_beyond_reason_is_not_opened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for index in range(8):
            archive.writestr(f"{index}.dcm", bytes(10 * 2**20))
    assert codes(tmp_path / "bomb.zip") == ["too_large"]


def test_a_member_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", bytes(50 * 2**20))
    data = bytearray(buffer.getvalue())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.find(mark)
        data[at + offset : at + offset + 4] = struct.pack("<I", 1000)
    (tmp_path / "forged.zip").write_bytes(data)
    assert codes(tmp_path / "forged.zip") == ["bad_archive"]


def test_an_archive_of_too_many_members_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_ARCHIVE_MEMBERS", 5)
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for index in range(6):
            archive.writestr(f"{index}.dcm", b"x")
    assert codes(tmp_path / "many.zip") == ["too_large"]


def test_an_office_file_is_a_document_not_an_archive(tmp_path: Path) -> None:
    for name in ("letter.docx", "damaged.xlsx"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("[Content_Types].xml", "<x/>")
    assert codes(tmp_path) == ["not_a_table", "not_a_text"]


def test_a_workbook_is_a_table_alone_and_inside_an_archive(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["实验室", "结果"])
    book.active.append(["A", 3.5])
    book.save(tmp_path / "results.xlsx")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "results.xlsx", "other.xlsx")
        archive.writestr("third.csv", "laboratory,value\nB,4\n")
    found = gather([tmp_path])
    assert found.unread == ()
    tables = [one.images for one in found.evidence]
    assert [one.kind for one in found.evidence] == ["table", "table"]
    assert {table.column("laboratory")[0] for table in tables} == {"A", "B"}


def test_links_within_the_folder_are_read_and_links_out_of_it_are_not(flood: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write_planar(folder / "a.dcm", np.ones((8, 8), int), pixel_mm=(4.0, 4.0))
    (folder / "inside.dcm").symlink_to(folder / "a.dcm")
    (folder / "outside.dcm").symlink_to(flood)
    (folder / "nowhere.dcm").symlink_to(tmp_path / "missing")
    (folder / "loop").symlink_to(folder)
    (folder / "round").symlink_to(folder / "round")
    found = gather([folder])
    assert len(found.evidence) == 1
    assert {Path(one.path).name: one.code for one in found.unread} == {
        "outside.dcm": "outside_folder",
        "nowhere.dcm": "outside_folder",
        "round": "outside_folder",
    }


def test_a_pipe_does_not_keep_the_reader_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert codes(tmp_path) == ["not_a_file"]
    assert codes(tmp_path / "pipe") == ["not_a_file"]
