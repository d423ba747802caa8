"""Every reason not to use a file: its code, its sentence in both languages, and that it hides nothing else."""

from __future__ import annotations

import io
import logging
import os
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID

from photopeak.dicom import remarks
from photopeak.dicom.gather import gather
from photopeak.dicom.unusable import SENTENCES, Unusable
from photopeak.phantom.as_dicom import write_planar, write_volume

Edit = Callable[..., Path]
J2K_LOSSLESS, JPEG_BASELINE = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.50"


class Made:
    """A place to make bad files in, from good ones."""

    def __init__(self, folder: Path, edit: Edit) -> None:
        self.folder, self.edit = folder, edit
        folder.mkdir(parents=True, exist_ok=True)
        self.good = folder.parent / "good.dcm"
        write_planar(self.good, np.random.default_rng(9).poisson(50, (16, 16)), pixel_mm=(4.0, 4.0))

    def file(self, content: bytes, name: str = "bad") -> None:
        (self.folder / name).write_bytes(content)

    def planar(self, **elements: Any) -> None:
        self.edit(self.good, to=self.folder / "bad.dcm", **{"SOPInstanceUID": "2.25.99", **elements})

    def pet(self, count: int = 4, **elements: Any) -> tuple[Path, ...]:
        values = np.random.default_rng(10).gamma(4.0, 1000.0, (count, 8, 8))
        return write_volume(self.folder, values, spacing_mm=(3.0, 2.0, 2.0), header=elements)

    def encapsulated(self, syntax: str, frame: bytes) -> None:
        dataset = pydicom.dcmread(self.good)
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "2.25.99"
        dataset.PixelData = pydicom.encaps.encapsulate([frame])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.save_as(self.folder / "bad.dcm")


def empty_file(made: Made) -> None:
    made.file(b"")


def not_dicom(made: Made) -> None:
    made.file(np.random.default_rng(0).bytes(5000))


def not_an_image(made: Made) -> None:
    made.file("编号 结果\n1 3.2\n".encode("gb18030"), "results.log")


def empty_table(made: Made) -> None:
    made.file("实验室,结果\n".encode("gb18030"), "results.csv")


def wrong_modality(made: Made) -> None:
    made.planar(Modality="MR")


def encrypted(made: Made) -> None:
    made.file(bytes.fromhex("308006092a864886f70d010703a080") + os.urandom(300))


def zipped(content: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def nested_archive(made: Made) -> None:
    made.file(zipped({"inner.zip": zipped({"a.dcm": made.good.read_bytes()})}), "outer.zip")


def bad_archive(made: Made) -> None:
    made.file(b"PK\x03\x04" + bytes(200), "broken.zip")


def outside_folder(made: Made) -> None:
    (made.folder / "link.dcm").symlink_to(made.good)


def not_a_file(made: Made) -> None:
    os.mkfifo(made.folder / "pipe")


def truncated(made: Made) -> None:
    made.file(made.good.read_bytes()[:-100])


def unreadable(made: Made) -> None:
    made.planar(PhotometricInterpretation="GREYISH")


def nested_too_deep(made: Made) -> None:
    inner = b"\x10\x00\x10\x10SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    data = made.good.read_bytes()
    at = data.index(b"\x20\x00\x0d\x00UI")
    made.file(data[:at] + inner * 400 + data[at:])


def too_large(made: Made) -> None:
    import zlib

    data = made.good.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99", 1)
    meta = 132 + 12 + int.from_bytes(data[140:144], "little")
    data = data[:140] + int.to_bytes(meta - 144 + 2, 4, "little") + data[144:]
    at = data.index(b"1.2.840.10008.1.2.1.99")
    data = data[: at - 2] + b"\x16\x00" + data[at:]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    made.file(data[: meta + 2] + packer.compress(bytes(80 * 2**20)) + packer.flush())


def unsupported_transfer_syntax(made: Made) -> None:
    made.encapsulated("1.2.840.10008.1.2.4.102", b"\0" * 64)


def no_pixels(made: Made) -> None:
    made.planar(PixelData=None)


def bad_size(made: Made) -> None:
    made.planar(Rows=0)


def colour_image(made: Made) -> None:
    made.planar(PhotometricInterpretation="RGB", SamplesPerPixel=3)


def lossy_compression(made: Made) -> None:
    made.encapsulated(JPEG_BASELINE, b"\xff\xd8\xff\xe0" + bytes(60))


def bad_rescale(made: Made) -> None:
    made.planar(RescaleSlope=0, RescaleIntercept=0)


def duplicate_sop_instance(made: Made) -> None:
    dataset = pydicom.dcmread(made.good)
    made.edit(made.good, to=made.folder / "1.dcm", SOPInstanceUID="2.25.99")
    made.edit(made.good, to=made.folder / "2.dcm", SOPInstanceUID="2.25.99", PixelData=(dataset.pixel_array + 1).tobytes())


def inconsistent_slices(made: Made) -> None:
    made.pet()[1].unlink()


def no_position(made: Made) -> None:
    for path in made.pet():
        made.edit(path, ImagePositionPatient=None)


def no_pixel_spacing(made: Made) -> None:
    for path in made.pet():
        made.edit(path, PixelSpacing=[0, 0])


def mixed_units(made: Made) -> None:
    made.edit(made.pet()[2], Units="CNTS")


def unsupported_metaimage(made: Made) -> None:
    made.file(b"NDims = 2\nDimSize = 4 4\nElementType = MET_USHORT\nElementDataFile = missing.raw\n", "flood.mhd")


MAKERS = [value for name, value in list(globals().items()) if name in SENTENCES and callable(value)]
ELSEWHERE = {"not_found", "no_permission"}  #: not something that lies in a folder: tests of their own below


def test_every_code_has_a_test() -> None:
    assert {maker.__name__ for maker in MAKERS} | ELSEWHERE == set(SENTENCES)


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_a_bad_file_is_listed_with_its_code_and_the_rest_is_read(
    tmp_path: Path, edit: Edit, maker: Callable[[Made], None]
) -> None:
    made = Made(tmp_path / "folder" / "bad", edit)
    maker(made)
    found = gather([tmp_path / "folder" / "bad", made.good])
    assert maker.__name__ in {one.code for one in found.unread}
    assert any(one.files[0].path == str(made.good) for one in found.evidence)
    for one in found.unread:
        assert one.words.en != one.words.zh
        assert not re.search(r"[{}]", one.words.en + one.words.zh)
        assert Path(one.path).parent != made.good.parent


@pytest.mark.parametrize("table", [SENTENCES, remarks.SENTENCES])
def test_both_languages_say_the_same_with_the_same_details(table: dict[str, tuple[str, str]]) -> None:
    def details(sentence: str) -> set[str]:
        return {re.sub(r"_(en|zh)$", "", name) for name in re.findall(r"\{(\w+)\}", sentence)} - {"en", "zh"}

    for code, (en, zh) in table.items():
        assert details(en) == details(zh), code
        assert en.endswith(".")
        assert zh.endswith("。"), code
        assert "!" not in en + zh
        assert "！" not in zh
        assert re.search(r"[\u4e00-\u9fff]", zh)


def test_a_path_that_is_not_there_is_listed(tmp_path: Path) -> None:
    assert [one.code for one in gather([tmp_path / "nothing.dcm"]).unread] == ["not_found"]


def test_a_file_that_may_not_be_read_is_listed(flood: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert [one.code for one in gather([flood]).unread] == ["no_permission"]


def test_all_slices_of_an_unusable_series_are_listed(tmp_path: Path, edit: Edit) -> None:
    made = Made(tmp_path / "bad", edit)
    made.pet()[1].unlink()
    found = gather([made.folder])
    assert found.evidence == ()
    assert [Path(one.path).name for one in found.unread] == ["pt_0001.dcm", "pt_0003.dcm", "pt_0004.dcm"]
    assert "1 missing after 0.0 mm" in found.unread[0].words.en


@pytest.mark.parametrize(("shift", "word"), [(0.5, "distances differ"), (-3.0, "same position")])
def test_a_slice_out_of_place_is_noticed(tmp_path: Path, edit: Edit, shift: float, word: str) -> None:
    made = Made(tmp_path / "bad", edit)
    path = made.pet()[2]
    edit(path, ImagePositionPatient=[0, 0, 6.0 + shift])
    (reason,) = {one.words.en for one in gather([made.folder]).unread}
    assert word in reason


def test_a_tilted_gantry_is_noticed(tmp_path: Path, edit: Edit) -> None:
    made = Made(tmp_path / "bad", edit)
    for index, path in enumerate(made.pet()):
        edit(path, ImagePositionPatient=[0, 0.5 * index, 3.0 * index])
    assert "sideways" in gather([made.folder]).unread[0].words.en


@pytest.mark.parametrize(
    "elements",
    [
        {"Rows": 65535, "Columns": 65535},
        {"Columns": 0},
        {"Columns": 17},
        {"Rows": 15},
        {"NumberOfFrames": 0},
        {"NumberOfFrames": 2**31 - 1},
        {"BitsAllocated": 12},
        {"BitsAllocated": 0},
        {"BitsStored": 17},
        {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7},
        {"HighBit": 40},
        {"PixelRepresentation": 7},
    ],
)
def test_sizes_that_do_not_fit_the_pixels_are_refused(tmp_path: Path, edit: Edit, elements: dict[str, int]) -> None:
    made = Made(tmp_path / "bad", edit)
    made.planar(**elements)
    found = gather([made.folder])
    assert found.evidence == ()
    assert found.unread[0].code in ("bad_size", "truncated")


@pytest.mark.parametrize("cut", [10, 131, 200, 400, 1000, 1500])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, edit: Edit, cut: int) -> None:
    made = Made(tmp_path / "bad", edit)
    made.file(made.good.read_bytes()[:cut])
    found = gather([made.folder])
    assert found.evidence == ()
    assert found.unread[0].code in ("truncated", "no_pixels", "not_dicom", "wrong_modality", "unreadable")


def test_a_codestream_of_another_size_than_the_header_is_not_decoded(tmp_path: Path, edit: Edit) -> None:
    made = Made(tmp_path / "bad", edit)
    size = b"".join(value.to_bytes(4, "big") for value in (60000, 60000, 0, 0, 60000, 60000, 0, 0))
    made.encapsulated(J2K_LOSSLESS, b"\xff\x4f\xff\x51\x00\x29\x00\x00" + size + b"\x00\x01\x0f\x01\x01" + bytes(60))
    assert [one.code for one in gather([made.folder]).unread] == ["bad_size"]


def test_the_same_file_twice_counts_once_and_is_said(flood: Path, tmp_path: Path) -> None:
    (tmp_path / "flood" / "again.dcm").write_bytes(flood.read_bytes())
    found = gather([tmp_path / "flood"])
    assert found.unread == ()
    (evidence,) = found.evidence
    assert [Path(file.path).name for file in evidence.files] == ["again.dcm"]
    assert [code for code, _ in evidence.remarks] == ["duplicate_file"]


def test_the_same_image_in_another_encoding_counts_once(flood: Path, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(flood)
    dataset.compress(pydicom.uid.RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    dataset.save_as(tmp_path / "flood" / "z.dcm")
    found = gather([tmp_path / "flood"])
    assert found.unread == ()
    assert [code for code, _ in found.evidence[0].remarks] == ["duplicate_file"]


def test_of_two_images_with_one_identifier_the_first_is_kept_in_any_order(tmp_path: Path, edit: Edit) -> None:
    made = Made(tmp_path / "bad", edit)
    duplicate_sop_instance(made)
    paths = sorted(made.folder.iterdir())
    for order in (paths, paths[::-1]):
        found = gather(order)
        assert [Path(one.path).name for one in found.unread] == ["2.dcm"]
        assert "1.dcm" in found.unread[0].words.en
        assert Path(found.evidence[0].files[0].path).name == "1.dcm"


def test_companions_are_passed_over_in_a_folder_and_listed_when_named(tmp_path: Path) -> None:
    for name in ("facts.toml", "truth.json", "results.json", ".DS_Store", "DICOMDIR", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"x = 1")
    found = gather([tmp_path])
    assert (found.evidence, found.unread) == ((), ())
    assert [one.code for one in gather([tmp_path / "facts.toml"]).unread] == ["not_an_image"]


def test_a_patients_name_is_nowhere_in_what_is_gathered_or_logged(
    tmp_path: Path, edit: Edit, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    made = Made(tmp_path / "bad", edit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = {"PatientName": "ZHANGSAN^SECRET", "PatientID": "SECRET-17", "PatientBirthDate": "19610203"}
        made.planar(**names, AcquisitionDate="SECRETX", SeriesTime="SECRETY")
        for path in made.pet(PatientName="ZHANGSAN^SECRET")[:2]:
            edit(path, Units="secret", RescaleSlope="1", **names)
    dataset = pydicom.dcmread(made.folder / "bad.dcm")
    raw = (made.folder / "bad.dcm").read_bytes()
    (made.folder / "hurt.dcm").write_bytes(raw.replace(b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00PN"))
    assert dataset.PatientID == "SECRET-17"
    caplog.clear()
    capfd.readouterr()
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        found = gather([made.folder])
    said = repr(found) + caplog.text + "".join(capfd.readouterr()) + "".join(str(one.message) for one in caught)
    assert found.evidence
    assert found.unread
    for word in ("SECRET", "ZHANGSAN", "19610203"):
        assert word not in re.sub(re.escape(str(tmp_path)), "", said)


def test_a_refusal_survives_pickling() -> None:
    import pickle

    refusal = Unusable("duplicate_sop_instance", kept="a.dcm")
    again = pickle.loads(pickle.dumps(refusal))
    assert (again.code, again.words) == (refusal.code, refusal.words)
