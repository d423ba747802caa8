"""Phantoms written as DICOM: what is written can be read, by us and by others, and is the same every time."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID

from photopeak.evidence import Frame, Subject
from photopeak.phantom.as_dicom import write_planar, write_volume

COUNTS = np.random.default_rng(3).poisson(500, (2, 48, 64))
ACTIVITY = np.random.default_rng(4).gamma(4.0, 1000.0, (5, 16, 20))


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_planar(tmp_path / name / "flood.dcm", COUNTS, pixel_mm=(4.0, 4.0))
        write_volume(tmp_path / name / "pet", ACTIVITY, spacing_mm=(3.0, 2.0, 2.0))
    first, second = (sorted(p.read_bytes() for p in (tmp_path / name).rglob("*.dcm")) for name in ("a", "b"))
    assert first == second


def test_another_seed_or_another_pixel_gives_other_identifiers(tmp_path: Path) -> None:
    other = COUNTS.copy()
    other[0, 0, 0] += 1
    write_planar(tmp_path / "a.dcm", COUNTS, pixel_mm=(4.0, 4.0))
    write_planar(tmp_path / "b.dcm", COUNTS, pixel_mm=(4.0, 4.0), seed=1)
    write_planar(tmp_path / "c.dcm", other, pixel_mm=(4.0, 4.0))
    identifiers = {pydicom.dcmread(path).SOPInstanceUID for path in tmp_path.glob("*.dcm")}
    assert len(identifiers) == 3
    assert all(UID(uid).is_valid for uid in identifiers)


def test_counts_are_stored_as_they_are(tmp_path: Path) -> None:
    write_planar(tmp_path / "flood.dcm", COUNTS, pixel_mm=(4.0, 5.0), detectors=[1, 2], energy_windows=[1, 1])
    dataset = pydicom.dcmread(tmp_path / "flood.dcm")
    assert np.array_equal(dataset.pixel_array, COUNTS)
    assert dataset.pixel_array.dtype == np.uint16
    assert list(dataset.PixelSpacing) == [4.0, 5.0]
    assert list(dataset.DetectorVector) == [1, 2]
    assert dataset.CountsAccumulated == COUNTS.sum()
    assert "RescaleSlope" not in dataset


def test_more_than_65535_counts_in_a_pixel_are_kept_not_scaled(tmp_path: Path) -> None:
    counts = COUNTS * 1000
    write_planar(tmp_path / "hot.dcm", counts, pixel_mm=(4.0, 4.0))
    assert np.array_equal(pydicom.dcmread(tmp_path / "hot.dcm").pixel_array, counts)


@pytest.mark.parametrize("counts", [-COUNTS, COUNTS * 1e9, COUNTS * np.nan, np.zeros((0, 4, 4)), np.zeros(4)])
def test_counts_that_cannot_be_stored_are_refused(tmp_path: Path, counts: np.ndarray) -> None:
    with pytest.raises(ValueError, match="counts"):
        write_planar(tmp_path / "x.dcm", counts, pixel_mm=(4.0, 4.0))


def test_frames_and_their_description_must_agree(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 frames"):
        write_planar(tmp_path / "x.dcm", COUNTS, pixel_mm=(4.0, 4.0), detectors=[1])
    with pytest.raises(ValueError, match="2 frames"):
        write_planar(tmp_path / "x.dcm", COUNTS, pixel_mm=(4.0, 4.0), frames=[Frame()])


def test_a_rectangle_is_written_along_the_columns_first_as_cameras_do(tmp_path: Path) -> None:
    write_planar(tmp_path / "x.dcm", COUNTS, pixel_mm=(4.0, 4.0), detectors=[1, 2], field_of_view_mm=(387.0, 533.0))
    detectors = pydicom.dcmread(tmp_path / "x.dcm").DetectorInformationSequence
    assert [list(item.FieldOfViewDimensions) for item in detectors] == [[533, 387], [533, 387]]


def test_activity_comes_back_within_half_a_step_of_each_slice(tmp_path: Path) -> None:
    files = write_volume(tmp_path, ACTIVITY, spacing_mm=(3.0, 2.0, 2.0))
    for path, plane in zip(files, ACTIVITY):
        dataset = pydicom.dcmread(path)
        slope = float(dataset.RescaleSlope)
        found = dataset.pixel_array * slope + float(dataset.RescaleIntercept)
        assert np.abs(found - plane).max() <= 0.5001 * slope
    assert len({str(pydicom.dcmread(path).RescaleSlope) for path in files}) == len(files)


def test_negative_activity_and_empty_slices_can_be_written(tmp_path: Path) -> None:
    values = ACTIVITY - 5000.0
    values[2] = 0.0
    files = write_volume(tmp_path, values, spacing_mm=(3.0, 2.0, 2.0))
    for path, plane in zip(files, values):
        dataset = pydicom.dcmread(path)
        assert np.allclose(dataset.pixel_array * float(dataset.RescaleSlope), plane, atol=0.2)


def test_a_pet_slice_carries_what_uptake_values_need(tmp_path: Path) -> None:
    acquired = datetime.datetime(2026, 3, 1, 0, 20)
    files = write_volume(tmp_path, ACTIVITY, spacing_mm=(3.0, 2.0, 2.0), acquired=acquired)
    dataset = pydicom.dcmread(files[0])
    item = dataset.RadiopharmaceuticalInformationSequence[0]
    assert (dataset.Units, dataset.DecayCorrection, float(dataset.PatientWeight)) == ("BQML", "START", 70.0)
    assert float(item.RadionuclideTotalDose) > 1e6
    assert float(item.RadionuclideHalfLife) == pytest.approx(6586.2)
    assert item.RadiopharmaceuticalStartDateTime.startswith("20260228232000")
    assert str(dataset.PatientName) == "PHANTOM^PHOTOPEAK"


def test_the_header_can_be_changed_by_the_names_the_reader_uses(tmp_path: Path) -> None:
    changes = {
        "weight_kg": 5.4,
        "total_dose_bq": 3.7e7,
        "decay_correction": None,
        "philips_suv_factor": 0.0123,
        "PatientSex": "F",
    }
    files = write_volume(tmp_path, ACTIVITY, spacing_mm=(3.0, 2.0, 2.0), units=None, header=changes)
    for path in files:
        dataset = pydicom.dcmread(path)
        assert float(dataset.PatientWeight) == 5.4
        assert float(dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose) == 3.7e7
        assert "DecayCorrection" not in dataset
        assert "Units" not in dataset
        assert dataset.PatientSex == "F"
        assert float(dataset[0x7053, 0x1000].value) == 0.0123
    with pytest.raises(ValueError, match="weight_lb"):
        write_volume(tmp_path, ACTIVITY, spacing_mm=(3.0, 2.0, 2.0), header={"weight_lb": 100})


def test_ct_numbers_are_whole_and_start_at_minus_1024(tmp_path: Path) -> None:
    values = np.linspace(-1000, 3000, 5 * 16 * 20).reshape(5, 16, 20)
    files = write_volume(tmp_path, values, spacing_mm=(3.0, 2.0, 2.0), modality="CT")
    dataset = pydicom.dcmread(files[4])
    assert np.array_equal(dataset.pixel_array - 1024.0, np.rint(values[4]))
    assert float(dataset.RescaleIntercept) == -1024
    with pytest.raises(ValueError, match="Hounsfield"):
        write_volume(tmp_path, values - 500, spacing_mm=(3.0, 2.0, 2.0), modality="CT")


def test_a_modality_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="MR"):
        write_volume(tmp_path, ACTIVITY, spacing_mm=(3.0, 2.0, 2.0), modality="MR")


def test_the_device_is_the_one_asked_for(tmp_path: Path) -> None:
    about = Subject(manufacturer="Maker", model="Model 1", station="ROOM 2", serial="77", software="3.1")
    write_planar(tmp_path / "x.dcm", COUNTS, pixel_mm=(4.0, 4.0), about=about, series_description="Daily flood 每日泛源")
    dataset = pydicom.dcmread(tmp_path / "x.dcm")
    assert (dataset.Manufacturer, dataset.ManufacturerModelName, dataset.DeviceSerialNumber) == ("Maker", "Model 1", "77")
    assert dataset.SeriesDescription == "Daily flood 每日泛源"
