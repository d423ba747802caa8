"""Reports that travel as DICOM are read; an object without its patient keeps no name at any depth."""

import io
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from typer.testing import CliRunner

from photopeak.cli import app
from photopeak.dicom.deidentify import IdentityInPixels, deidentified
from photopeak.dicom.gather import gather
from photopeak.phantom.report_text import report_text
from photopeak.report_review.audit import audit

KEY = b"0123456789abcdef"
SR = "1.2.840.10008.5.1.4.1.1.88.11"
PDF = "1.2.840.10008.5.1.4.1.1.104.1"


def item(kind, label, **values):
    one, name = Dataset(), Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = "1", "99TEST", label
    one.ValueType, one.ConceptNameCodeSequence = kind, [name]
    for keyword, value in values.items():
        setattr(one, keyword, value)
    return one


def written(path: Path, sop_class: str, **values) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID = (
        sop_class,
        generate_uid(),
        ExplicitVRLittleEndian,
    )
    made = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID, made.SpecificCharacterSet = sop_class, meta.MediaStorageSOPInstanceUID, "ISO_IR 192"
    made.PatientName, made.PatientID, made.PatientSex, made.StudyDate, made.InstitutionName = (
        "郁^青梧",
        "P778812",
        "F",
        "20250304",
        "青岚医院",
    )
    for keyword, value in values.items():
        setattr(made, keyword, value)
    made.save_as(path)
    return path


def structured(path):
    parts = [item("CONTAINER", "检查所见", ContentSequence=[item("TEXT", "所见", TextValue="右肺上叶结节，大小约2.1cm×1.8cm，SUVmax 8.5。")]),
             item("CONTAINER", "诊断意见", ContentSequence=[item("TEXT", "印象", TextValue="左肺上叶结节，考虑恶性。")])]  # fmt: skip
    top = item("CONTAINER", "18F-FDG PET/CT检查报告", ContentSequence=parts)
    return written(path, SR, ValueType="CONTAINER", ConceptNameCodeSequence=top.ConceptNameCodeSequence, ContentSequence=parts)


def test_a_structured_report_is_read_in_order_and_audited(tmp_path):
    structured(tmp_path / "sr.dcm")
    (evidence,) = gather([tmp_path]).evidence
    said = audit(evidence).document_extras()
    assert "LATERALITY_MISMATCH" in {one["code"] for one in said["defects"]}
    sex = next(one for one in said["elements"] if one["element"] == "sex")
    assert (sex["status"], sex["source"]) == ("present", "header")


def test_an_encapsulated_pdf_is_read_like_a_pdf(tmp_path):
    from typst import compile as typeset

    pdf = typeset(b"18F-FDG PET/CT report. Findings: nodule in the right lung. Impression: nodule.", format="pdf")
    written(
        tmp_path / "pdf.dcm",
        PDF,
        MIMETypeOfEncapsulatedDocument="application/pdf",
        EncapsulatedDocument=pdf + b"\0" * (len(pdf) % 2),
    )
    (evidence,) = gather([tmp_path]).evidence
    assert "nodule in the right lung" in evidence.images.text.replace("\n", " ")
    assert evidence.images.header["exam_date"] == "2025-03-04"


def test_an_empty_structured_report_says_so(tmp_path):
    written(tmp_path / "sr.dcm", SR, ValueType="CONTAINER")
    found = gather([tmp_path])
    assert found.evidence == ()
    assert [one.code for one in found.unread] == ["empty_text"]


def loaded(tmp_path):
    nested = Dataset()
    nested.PatientName, nested.PatientID, nested.ReferencedSOPInstanceUID = "郁^青梧", "P778812", "1.2.3.4.5"
    deeper = Dataset()
    deeper.PersonName, deeper.AccessionNumber = "解^忧", "A-1"
    nested.ReferencedStudySequence = [deeper]
    path = written(
        tmp_path / "a.dcm", "1.2.840.10008.5.1.4.1.1.20", OtherPatientNames="郁^小梧", PatientWeight="61", SeriesTime="101500"
    )
    made = dcmread(path)
    made.ReferencedSeriesSequence = [nested]
    block = made.private_block(0x0009, "VENDOR", create=True)
    block.add_new(0x01, "LO", "郁青梧 P778812")
    inner = nested.private_block(0x0011, "VENDOR", create=True)
    inner.add_new(0x02, "LO", "郁青梧")
    made.save_as(path)
    return path


def test_no_name_or_number_is_left_at_any_depth(tmp_path):
    made = deidentified(dcmread(loaded(tmp_path)), key=KEY)
    content = io.BytesIO()
    made.save_as(content)
    for word in ("青梧", "小梧", "P778812", "青岚", "解", "A-1", "VENDOR", "20250304", "1.2.3.4.5"):
        assert word.encode() not in content.getvalue(), word
    assert (float(made.PatientWeight), made.SeriesTime, made.PatientIdentityRemoved) == (61.0, "101500", "YES")
    assert made.ReferencedSeriesSequence[0].PatientID == made.PatientID


def test_identifiers_stay_consistent_under_one_key_alone(tmp_path):
    source = dcmread(loaded(tmp_path))
    one, same, other = (deidentified(source, key=key) for key in (KEY, KEY, b"another key, long"))
    assert (one.PatientID, one.SOPInstanceUID, one.StudyDate) == (same.PatientID, same.SOPInstanceUID, same.StudyDate)
    assert one.PatientID != other.PatientID
    assert one.SOPInstanceUID != source.SOPInstanceUID
    with pytest.raises(ValueError, match="key"):
        deidentified(source, key=b"")


def test_names_in_the_pixels_are_refused(tmp_path):
    source = dcmread(loaded(tmp_path))
    source.BurnedInAnnotation = "YES"
    with pytest.raises(IdentityInPixels):
        deidentified(source, key=KEY)


def test_the_command_writes_what_it_can_and_tells_the_rest(tmp_path):
    (tmp_path / "in").mkdir()
    loaded(tmp_path / "in")
    (tmp_path / "in" / "b.txt").write_text(report_text(seed=1, style="terse")[0])
    (tmp_path / "key").write_bytes(KEY)
    done = CliRunner().invoke(
        app, ["deidentify", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--key", str(tmp_path / "key")]
    )
    assert done.exit_code == 0, done.output
    assert "1/2" in done.output
    assert len(list((tmp_path / "out").glob("*.dcm"))) == 1
