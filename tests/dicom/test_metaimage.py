"""MetaImage floods: byte order, where the pixels lie, and what is refused."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from photopeak.dicom.gather import gather
from photopeak.evidence import Evidence

COUNTS = np.random.default_rng(11).poisson(300, (24, 32)).astype(np.uint16)
HEADER = "ObjectType = Image\nNDims = 2\nDimSize = 32 24\nElementSize = 2.5 2.0\nElementType = MET_USHORT\n"


def write(folder: Path, raw: bytes, extra: str = "", name: str = "flood.raw", header: str = HEADER) -> Path:
    (folder / "flood.mhd").write_text(f"{header}{extra}ElementDataFile = {name}\n")
    (folder / "flood.raw").write_bytes(raw)
    return folder / "flood.mhd"


def only(path: Path) -> Evidence:
    found = gather([path])
    assert found.unread == ()
    (evidence,) = found.evidence
    return evidence


@pytest.mark.parametrize(("order", "word"), [("<", "little-endian"), (">", "big-endian")])
def test_a_silent_header_is_read_in_the_order_that_makes_an_image(tmp_path: Path, order: str, word: str) -> None:
    evidence = only(write(tmp_path, COUNTS.astype(f"{order}u2").tobytes()))
    assert np.array_equal(evidence.images.counts[0], COUNTS)
    assert evidence.images.pixel_mm == (2.0, 2.5)
    ((code, words),) = evidence.remarks
    assert code == "byte_order_assumed"
    assert word in words.en


@pytest.mark.parametrize("key", ["BinaryDataByteOrderMSB", "ElementByteOrderMSB"])
def test_a_stated_order_is_obeyed(tmp_path: Path, key: str) -> None:
    evidence = only(write(tmp_path, COUNTS.astype(">u2").tobytes(), f"{key} = True\n"))
    assert np.array_equal(evidence.images.counts[0], COUNTS)
    assert evidence.remarks == ()


def test_pixels_behind_their_own_header_or_packed_or_in_the_same_file_are_found(tmp_path: Path) -> None:
    raw = COUNTS.astype("<u2").tobytes()
    for extra, data in (("HeaderSize = 7\n", b"7 bytes" + raw), ("HeaderSize = -1\n", b"any" + raw)):
        assert np.array_equal(only(write(tmp_path, data, extra)).images.counts[0], COUNTS)
    assert np.array_equal(only(write(tmp_path, zlib.compress(raw), "CompressedData = True\n")).images.counts[0], COUNTS)
    (tmp_path / "flood.mha").write_bytes(f"{HEADER}ElementDataFile = LOCAL\n".encode() + raw)
    assert np.array_equal(only(tmp_path / "flood.mha").images.counts[0], COUNTS)


def test_the_pixels_are_no_file_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, COUNTS.astype("<u2").tobytes())
    found = gather([tmp_path])
    assert found.unread == ()
    assert [Path(file.path).name for file in found.evidence[0].files] == ["flood.mhd", "flood.raw"]


def test_a_flood_in_an_archive_finds_its_pixels(tmp_path: Path) -> None:
    write(tmp_path, COUNTS.astype("<u2").tobytes())
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("flood.mhd", "flood.raw"):
            archive.write(tmp_path / name, f"x/{name}")
    assert np.array_equal(only(tmp_path / "a.zip").images.counts[0], COUNTS)


@pytest.mark.parametrize("name", ["../secret.raw", "/etc/passwd", "..", "sub/flood.raw", "..\\flood.raw", "link.raw"])
def test_pixels_are_never_fetched_from_another_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret.raw").write_bytes(COUNTS.tobytes())
    (folder / "link.raw").symlink_to(tmp_path / "secret.raw")
    found = gather([write(folder, COUNTS.tobytes(), name=name)])
    assert found.evidence == ()
    assert [one.code for one in found.unread] == ["outside_folder"]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (HEADER.replace("32 24", "32 25"), "truncated"),
        (HEADER.replace("32 24", "32 23"), "bad_size"),
        (HEADER.replace("32 24", "32 0"), "bad_size"),
        (HEADER.replace("32 24", "32 twenty"), "bad_size"),
        (HEADER.replace("32 24", "99999999 99999999"), "bad_size"),
        (HEADER.replace("32 24", "32 12 2"), "unsupported_metaimage"),
        (HEADER.replace("USHORT", "STRANGE"), "unsupported_metaimage"),
        (HEADER + "CompressedData = True\n", "unreadable"),
    ],
)
def test_headers_that_do_not_fit_the_pixels_are_refused(tmp_path: Path, header: str, code: str) -> None:
    found = gather([write(tmp_path, COUNTS.tobytes(), header=header)])
    assert [one.code for one in found.unread] == [code]


def test_an_impossible_pixel_size_is_said_and_left_out(tmp_path: Path) -> None:
    header = HEADER.replace("2.5 2.0", "0 0")
    evidence = only(write(tmp_path, COUNTS.tobytes(), "BinaryDataByteOrderMSB = False\n", header=header))
    assert evidence.images.pixel_mm is None
    assert [code for code, _ in evidence.remarks] == ["pixel_spacing_missing"]
