"""What the phantom writer writes comes back as it was, however the files are named, split or ordered."""

from __future__ import annotations

import copy
import datetime
import hashlib
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photopeak.dicom.gather import Gathered, gather
from photopeak.evidence import Evidence, FieldOfView, Frame, Subject
from photopeak.phantom.as_dicom import write_planar, write_volume

Edit = Callable[..., Path]


def only(*paths: Path) -> Evidence:
    found = gather(paths)
    assert found.unread == ()
    (evidence,) = found.evidence
    return evidence


def codes(found: Gathered | Evidence) -> list[str]:
    return [one.code for one in found.unread] if isinstance(found, Gathered) else [code for code, _ in found.remarks]


def test_a_flood_comes_back_with_its_frames_and_fields(flood: Path) -> None:
    evidence = only(flood)
    assert evidence.kind == "nm_planar"
    assert np.array_equal(evidence.images.counts, pydicom.dcmread(flood).pixel_array)
    assert evidence.images.counts.dtype == np.uint16
    assert evidence.images.pixel_mm == (6.0, 6.0)
    assert [(frame.detector, frame.energy_window) for frame in evidence.images.frames] == [(1, 1), (2, 1)]
    expected = FieldOfView(shape="RECTANGLE", dimensions_mm=(387.0, 533.0), zoom=1.0)
    assert evidence.images.field_of_view == {1: expected, 2: expected}
    assert evidence.about == Subject(
        manufacturer="Photopeak", model="Phantom", station="PHOTOPEAK", serial="0", software="photopeak phantom"
    )
    assert evidence.acquired == datetime.datetime(2026, 1, 5, 9)
    assert evidence.remarks == ()


FRAMES = {
    "STATIC": [Frame(detector=d, energy_window=w, duration_s=300.0) for w in (1, 2) for d in (1, 2)],
    "DYNAMIC": [Frame(phase=p, time_slot=t, duration_s=10.0 * p) for p in (1, 2) for t in range(1, 5)],
    "GATED": [Frame(time_slot=t) for t in range(1, 9)],
    "WHOLE BODY": [Frame(detector=d, duration_s=600.0) for d in (1, 2)],
    "TOMO": [
        Frame(detector=d, rotation=1, view=v, angle_deg=(90.0 * (d - 1) + 6.0 * (v - 1)) % 360, duration_s=20.0)
        for d in (1, 2)
        for v in range(1, 11)
    ],
}


@pytest.mark.parametrize("kind", FRAMES)
def test_every_kind_of_frame_comes_back(tmp_path: Path, kind: str) -> None:
    frames = FRAMES[kind]
    counts = np.random.default_rng(5).poisson(20, (len(frames), 16, 16))
    write_planar(tmp_path / "a.dcm", counts, pixel_mm=(4.0, 4.0), frames=frames, image_type=kind)
    images = only(tmp_path / "a.dcm").images
    assert images.image_type == kind
    assert images.frames == tuple(frames)
    assert np.array_equal(images.counts, counts)


@pytest.mark.parametrize("direction", [1, -1])
def test_angles_follow_the_direction_of_rotation(tmp_path: Path, direction: int) -> None:
    frames = [
        Frame(rotation=1, view=v, angle_deg=(20.0 + direction * 30.0 * (v - 1)) % 360, duration_s=20.0) for v in range(1, 6)
    ]
    counts = np.ones((5, 8, 8), int)
    write_planar(tmp_path / "a.dcm", counts, pixel_mm=(4.0, 4.0), frames=frames, image_type="TOMO")
    assert [frame.angle_deg for frame in only(tmp_path / "a.dcm").images.frames] == [frame.angle_deg for frame in frames]


def split(path: Path, folder: Path, vectors: bool = True) -> list[Path]:
    """The frames of a multi-frame file as files of one frame each, as some converters write them."""
    dataset = pydicom.dcmread(path)
    pixels = dataset.pixel_array
    names = [e.keyword for e in dataset if e.keyword.endswith("Vector")]
    written = []
    for index in range(len(pixels)):
        one = copy.deepcopy(dataset)
        one.PixelData = pixels[index].tobytes()
        del one.NumberOfFrames
        for name in names:
            if vectors:
                setattr(one, name, np.atleast_1d(dataset[name].value).tolist()[index])
            else:
                delattr(one, name)
        one.InstanceNumber = index + 1
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"2.25.{1000 + index}"
        folder.mkdir(exist_ok=True)
        one.save_as(folder / f"{(index * 7) % 100:02d}.dcm")
        written.append(folder / f"{(index * 7) % 100:02d}.dcm")
    return written


@pytest.mark.parametrize("kind", FRAMES)
def test_a_series_of_single_frames_is_the_same_as_one_file_of_many(tmp_path: Path, kind: str) -> None:
    frames = FRAMES[kind]
    counts = np.random.default_rng(6).poisson(20, (len(frames), 16, 16))
    write_planar(
        tmp_path / "a.dcm", counts, pixel_mm=(4.0, 4.0), frames=frames, image_type=kind, field_of_view_mm=(300.0, 400.0)
    )
    whole = only(tmp_path / "a.dcm").images
    parts = only(*split(tmp_path / "a.dcm", tmp_path / "split")).images
    assert np.array_equal(whole.counts, parts.counts)
    assert (whole.frames, whole.pixel_mm, whole.image_type) == (parts.frames, parts.pixel_mm, parts.image_type)
    assert whole.field_of_view == parts.field_of_view


def test_views_without_vectors_are_counted_by_their_instance_numbers(tmp_path: Path) -> None:
    frames = [Frame(rotation=1, view=v, angle_deg=6.0 * (v - 1), duration_s=20.0) for v in range(1, 11)]
    counts = np.random.default_rng(7).poisson(20, (10, 16, 16))
    write_planar(tmp_path / "a.dcm", counts, pixel_mm=(4.0, 4.0), frames=frames, image_type="TOMO")
    images = only(*split(tmp_path / "a.dcm", tmp_path / "split", vectors=False)).images
    assert images.frames == tuple(frames)
    assert np.array_equal(images.counts, counts)


def test_static_files_that_cannot_be_told_apart_stay_apart(tmp_path: Path, edit: Edit) -> None:
    for index in (1, 2):
        counts = np.random.default_rng(index).poisson(20, (16, 16))
        write_planar(tmp_path / f"{index}.dcm", counts, pixel_mm=(4.0, 4.0))
        edit(tmp_path / f"{index}.dcm", SeriesInstanceUID="2.25.5", InstanceNumber=index)
    assert [len(one.images.counts) for one in gather([tmp_path]).evidence] == [1, 1]


def test_a_missing_number_of_frames_is_counted_from_the_pixels(flood: Path, edit: Edit) -> None:
    whole = only(flood).images
    edit(flood, NumberOfFrames=None)
    found = only(flood).images
    assert np.array_equal(found.counts, whole.counts)
    assert found.frames == whole.frames


def test_without_vectors_the_standard_order_is_assumed_and_said(flood: Path, edit: Edit) -> None:
    edit(flood, DetectorVector=None, EnergyWindowVector=None)
    evidence = only(flood)
    assert [frame.detector for frame in evidence.images.frames] == [1, 2]
    assert codes(evidence) == ["frames_assumed"]


def test_a_vector_of_the_wrong_length_is_not_believed(flood: Path, edit: Edit) -> None:
    edit(flood, DetectorVector=[1, 2, 1])
    assert "frame_vector_ignored" in codes(only(flood))


def test_planar_counts_are_rescaled(flood: Path, edit: Edit) -> None:
    stored = only(flood).images.counts.astype(float)
    edit(flood, RescaleSlope=2.0, RescaleIntercept=-50.0)
    assert np.allclose(only(flood).images.counts, stored * 2 - 50)


def test_a_real_world_value_mapping_wins_over_the_rescale_slope(tmp_path: Path) -> None:
    (path,) = write_volume(tmp_path, np.full((4, 8, 8), 7), spacing_mm=(4.0, 4.0, 4.0), modality="NM")
    dataset = pydicom.dcmread(path)
    unit, item = pydicom.Dataset(), pydicom.Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "Bq/ml", "UCUM", "Becquerels/milliliter"
    item.RealWorldValueSlope, item.RealWorldValueIntercept = 12.5, 1.0
    item.MeasurementUnitsCodeSequence = [unit]
    dataset.RealWorldValueMappingSequence = [item]
    dataset.RescaleSlope, dataset.RescaleIntercept = 99, 0
    dataset.save_as(path)
    images = only(path).images
    assert np.all(images.values == 7 * 12.5 + 1)
    assert images.units == "BQML"


ACTIVITY = np.random.default_rng(8).gamma(4.0, 1000.0, (7, 12, 14))
OBLIQUE = ((0.0, -0.6, 0.8), (0.0, 0.8, 0.6), (1.0, 0.0, 0.0))


@pytest.mark.parametrize("modality", ["PT", "CT", "NM"])
@pytest.mark.parametrize("directions", [((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)), OBLIQUE])
def test_a_volume_comes_back_in_its_place(tmp_path: Path, modality: str, directions: tuple) -> None:
    values = np.rint(ACTIVITY / 10)
    origin = (-31.5, 12.25, 400.0)
    write_volume(tmp_path, values, spacing_mm=(3.27, 2.0, 2.5), modality=modality, origin_mm=origin, directions=directions)
    images = only(tmp_path).images
    assert np.allclose(images.values, values, atol=0.02)
    assert images.spacing_mm == pytest.approx((3.27, 2.0, 2.5))
    assert images.origin_mm == pytest.approx(origin)
    assert np.allclose(images.directions, directions)


def test_a_reconstruction_that_runs_the_other_way_keeps_its_order_and_says_its_direction(tmp_path: Path) -> None:
    downwards = ((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    (path,) = write_volume(
        tmp_path, np.rint(ACTIVITY), spacing_mm=(4.0, 4.0, 4.0), modality="NM", origin_mm=(0.0, 0.0, 50.0), directions=downwards
    )
    assert pydicom.dcmread(path).SpacingBetweenSlices == -4
    images = only(path).images
    assert (images.directions, images.spacing_mm[0]) == (downwards, 4.0)
    assert np.array_equal(images.values, np.rint(ACTIVITY))


def test_a_reconstruction_kept_slice_by_slice_is_stacked_by_position(tmp_path: Path) -> None:
    write_volume(tmp_path / "one", np.rint(ACTIVITY), spacing_mm=(4.0, 2.0, 2.0), modality="NM", origin_mm=(1.0, 2.0, 3.0))
    whole = only(tmp_path / "one").images
    files = split(tmp_path / "one/nm.dcm", tmp_path / "many")
    for index, path in enumerate(files):
        dataset = pydicom.dcmread(path)
        dataset.DetectorInformationSequence[0].ImagePositionPatient = [1.0, 2.0, 3.0 + 4.0 * index]
        dataset.save_as(path)
    images = only(tmp_path / "many").images
    assert np.array_equal(images.values, whole.values)
    assert (images.spacing_mm, images.origin_mm) == (whole.spacing_mm, whole.origin_mm)


def test_header_names_come_back_as_they_were_written(tmp_path: Path) -> None:
    header = {
        "weight_kg": 71.5,
        "height_m": 1.68,
        "total_dose_bq": 3.7e8,
        "half_life_s": 6586.2,
        "decay_correction": "ADMIN",
        "corrected_image": ("DECY", "ATTN"),
        "injection_datetime": "2026-01-04T23:50:00",
        "series_time": "2026-01-05T00:10:00",
        "acquisition_time": "2026-01-05T00:12:30",
        "philips_suv_factor": 0.0005,
        "philips_activity_factor": 1.25,
        "ge_scan_time": "2026-01-05T00:11:00",
        "siemens_decay_time": "2026-01-05T00:12:00",
        "convolution_kernel": "XYZ Gauss5.00",
        "reconstruction": "PSF+TOF 2i21s",
        "number_of_slices": 7,
        "sex": "F",
    }
    write_volume(tmp_path, ACTIVITY, spacing_mm=(3.0, 2.0, 2.0), header=header)
    evidence = only(tmp_path)
    assert {name: evidence.header[name] for name in header} == header
    assert evidence.header["acquisition_times"] == ("2026-01-05T00:12:30",) * 7
    assert evidence.acquired == datetime.datetime(2026, 1, 5, 0, 12, 30)
    assert len(evidence.header["rescale_slopes"]) == len(evidence.header["frame_reference_times_ms"]) == 7


def test_an_intercept_is_applied_slice_by_slice_and_said(slices: tuple[Path, ...], edit: Edit) -> None:
    before = only(*slices).images.values
    for index, path in enumerate(slices):
        edit(path, RescaleIntercept=-0.5 * index)
    evidence = only(*slices)
    assert np.allclose(evidence.images.values, before - 0.5 * np.arange(6)[:, None, None], atol=1e-3)
    assert codes(evidence) == ["rescale_intercept"]


def test_monochrome1_changes_no_number(slices: tuple[Path, ...], edit: Edit) -> None:
    before = only(*slices).images.values
    for path in slices:
        edit(path, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(only(*slices).images.values, before)


def test_missing_optional_elements_are_tolerated(slices: tuple[Path, ...], edit: Edit) -> None:
    before = only(*slices).images
    for path in slices:
        edit(
            path,
            Units=None,
            RadiopharmaceuticalInformationSequence=None,
            PatientWeight=None,
            AcquisitionTime=None,
            SliceThickness=None,
            Manufacturer=None,
            SOPInstanceUID=None,
            NumberOfSlices=None,
        )
    evidence = only(*slices)
    assert evidence.images.units is None
    assert np.array_equal(evidence.images.values, before.values)
    assert evidence.images.spacing_mm == before.spacing_mm


def test_a_dynamic_series_gives_one_volume_for_each_time(tmp_path: Path, edit: Edit) -> None:
    for time in (1, 2, 3):
        values = np.full((4, 8, 8), 100.0 * time)
        header = {"SeriesInstanceUID": "2.25.9", "FrameOfReferenceUID": "2.25.10", "FrameReferenceTime": 1000.0 * time}
        write_volume(tmp_path / str(time), values, spacing_mm=(3.0, 2.0, 2.0), header=header, seed=time)
    found = gather([tmp_path])
    assert found.unread == ()
    assert [one.images.values.mean() for one in found.evidence] == pytest.approx([100.0, 200.0, 300.0], rel=1e-4)
    assert [one.header["time_position"] for one in found.evidence] == [1, 2, 3]
    assert all("time_position" in codes(one) for one in found.evidence)


def test_series_of_other_matrix_or_frame_of_reference_stay_apart(tmp_path: Path) -> None:
    for index, shape in enumerate([(3, 8, 8), (3, 10, 8), (3, 8, 8)]):
        header = {"SeriesInstanceUID": "2.25.9", "FrameOfReferenceUID": f"2.25.{index % 3}"}
        write_volume(tmp_path / str(index), np.full(shape, 5.0), spacing_mm=(3.0, 2.0, 2.0), header=header, seed=index)
    assert [one.images.values.shape for one in gather([tmp_path]).evidence] == [(3, 8, 8), (3, 10, 8), (3, 8, 8)]


def enhanced(path: Path, values: np.ndarray, units: str = "Bq/ml") -> None:
    """An Enhanced PET object whose frames stand in reverse order, each with its own slope."""
    source = pydicom.dcmread(write_volume(path.parent / "source", values, spacing_mm=(3.0, 2.0, 2.5))[0])
    stored, groups = [], []
    for index in reversed(range(len(values))):
        slope = (index + 1) * values.max() / 65535
        stored.append(np.rint(values[index] / slope).astype(np.uint16))
        group, position, content, mapping, unit = (pydicom.Dataset() for _ in range(5))
        position.ImagePositionPatient = [0.0, 0.0, 3.0 * index]
        content.FrameAcquisitionDuration = 1000.0
        unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = units, "UCUM", units
        mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = slope, 0.0
        mapping.MeasurementUnitsCodeSequence = [unit]
        group.PlanePositionSequence, group.FrameContentSequence = [position], [content]
        group.RealWorldValueMappingSequence = [mapping]
        groups.append(group)
    shared, orientation, measures = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing = [2.0, 2.5]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    for name in (
        "Units",
        "RescaleSlope",
        "RescaleIntercept",
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
    ):
        delattr(source, name)
    source.SOPClassUID = source.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.130"
    source.NumberOfFrames, source.DecayCorrected, source.DecayCorrectionDateTime = len(values), "YES", "20260105090000"
    source.PerFrameFunctionalGroupsSequence, source.SharedFunctionalGroupsSequence = groups, [shared]
    source.PixelData = np.array(stored).tobytes()
    source.save_as(path)
    shutil.rmtree(path.parent / "source")


def test_an_enhanced_pet_object_becomes_a_volume(tmp_path: Path) -> None:
    enhanced(tmp_path / "enhanced.dcm", ACTIVITY)
    evidence = only(tmp_path / "enhanced.dcm")
    assert evidence.kind == "pt_volume"
    assert np.allclose(evidence.images.values, ACTIVITY, atol=len(ACTIVITY) * ACTIVITY.max() / 65535)
    assert evidence.images.spacing_mm == pytest.approx((3.0, 2.0, 2.5))
    assert evidence.images.units == "BQML"
    assert evidence.header["corrected_image"] == ("DECY",)
    assert evidence.header["decay_correction_datetime"] == "2026-01-05T09:00:00"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_neither_the_order_nor_the_names_of_files_matter(slices: tuple[Path, ...], data: st.DataObject) -> None:
    expected = only(*slices)
    order = data.draw(st.permutations(range(len(slices))))
    with tempfile.TemporaryDirectory() as folder:
        renamed = [Path(folder, f"{place}.img") for place in order]
        for source, target in zip(slices, renamed):
            shutil.copy(source, target)
        given_order = data.draw(st.permutations(renamed))
        found = only(*given_order)
        assert gather(given_order).evidence[0].files == gather([Path(folder)]).evidence[0].files
    assert np.array_equal(found.images.values, expected.images.values)
    assert (found.images.spacing_mm, found.images.origin_mm) == (expected.images.spacing_mm, expected.images.origin_mm)
    assert (found.header, found.sha256, found.remarks) == (expected.header, expected.sha256, expected.remarks)


@settings(max_examples=20, deadline=None)
@given(
    spacing=st.tuples(st.floats(0.5, 8), st.floats(0.5, 8), st.floats(0.5, 8)),
    origin=st.tuples(st.floats(-500, 500), st.floats(-500, 500), st.floats(-500, 500)),
    scale=st.floats(1e-3, 1e9),
)
def test_any_spacing_place_and_scale_survives(spacing: tuple, origin: tuple, scale: float) -> None:
    values = ACTIVITY[:3] / ACTIVITY.max() * scale
    with tempfile.TemporaryDirectory() as folder:
        write_volume(Path(folder), values, spacing_mm=spacing, origin_mm=origin)
        images = only(Path(folder)).images
    assert images.spacing_mm == pytest.approx(spacing, rel=1e-6)
    assert images.origin_mm == pytest.approx(origin, abs=1e-6)
    assert np.allclose(images.values, values, atol=scale / 65535, rtol=1e-6)


def test_the_hash_of_several_files_is_that_of_their_sorted_hashes(slices: tuple[Path, ...], flood: Path) -> None:
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in slices]
    assert only(*slices).sha256 == hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest()
    assert only(flood).sha256 == hashlib.sha256(flood.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"]
)
def test_every_plain_encoding_gives_the_same_image(flood: Path, tmp_path: Path, syntax: str) -> None:
    expected = only(flood).images.counts
    dataset = pydicom.dcmread(flood)
    dataset.decode()
    implicit, little = syntax == "1.2.840.10008.1.2", syntax != "1.2.840.10008.1.2.2"
    if not little:
        dataset.PixelData = dataset.pixel_array.astype(">u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    pydicom.dcmwrite(tmp_path / "x.dcm", dataset, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    assert np.array_equal(only(tmp_path / "x.dcm").images.counts, expected)


def test_run_length_encoding_gives_the_same_image(flood: Path, tmp_path: Path) -> None:
    expected = only(flood).images.counts
    dataset = pydicom.dcmread(flood)
    dataset.compress(pydicom.uid.RLELossless, encoding_plugin="pydicom")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "2.25.7"
    dataset.save_as(tmp_path / "x.dcm")
    assert np.array_equal(only(tmp_path / "x.dcm").images.counts, expected)


def test_a_file_without_its_preamble_is_still_dicom(flood: Path, tmp_path: Path) -> None:
    data = flood.read_bytes()
    meta = 132 + 12 + int.from_bytes(data[140:144], "little")
    (tmp_path / "no_preamble").write_bytes(data[132:])
    (tmp_path / "no_meta").write_bytes(data[meta:])
    for name in ("no_preamble", "no_meta"):
        assert np.array_equal(only(tmp_path / name).images.counts, only(flood).images.counts)


def test_old_overlay_bits_outside_the_stored_ones_are_not_counts(slices: tuple[Path, ...], edit: Edit) -> None:
    for path in slices:
        dataset = pydicom.dcmread(path)
        stored = (dataset.pixel_array >> 4) | 0xF000
        edit(path, PixelData=stored.astype(np.uint16).tobytes(), BitsStored=12, HighBit=11, RescaleSlope=1)
    assert only(*slices).images.values.max() <= 4095


def test_reading_twice_changes_nothing(slices: tuple[Path, ...]) -> None:
    first, second = only(*slices), only(*slices)
    assert np.array_equal(first.images.values, second.images.values)
    assert (first.header, first.sha256) == (second.header, second.sha256)


def test_a_gated_reconstruction_gives_one_volume_for_each_gate(tmp_path: Path) -> None:
    values = np.random.default_rng(13).poisson(50, (8, 12, 12))
    (path,) = write_volume(tmp_path, values, spacing_mm=(4.0, 4.0, 4.0), modality="NM")
    dataset = pydicom.dcmread(path)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "RECON GATED TOMO", "EMISSION"]
    dataset.RRIntervalVector, dataset.TimeSlotVector = [1] * 8, [1, 1, 1, 1, 2, 2, 2, 2]
    dataset.SliceVector = [1, 2, 3, 4, 4, 3, 2, 1]
    dataset.save_as(path)
    first, second = gather([path]).evidence
    assert np.array_equal(first.images.values, values[:4])
    assert np.array_equal(second.images.values, values[7:3:-1])
    assert [one.header["time_position"] for one in (first, second)] == [1, 2]


def test_a_reconstruction_without_spacing_falls_back_on_its_thickness_and_says_so(tmp_path: Path, edit: Edit) -> None:
    (path,) = write_volume(tmp_path, np.ones((4, 8, 8)), spacing_mm=(4.4, 4.0, 4.0), modality="NM")
    edit(path, SpacingBetweenSlices=None)
    evidence = only(path)
    assert evidence.images.spacing_mm[0] == 4.4
    assert codes(evidence) == ["slice_spacing_assumed"]
    assert gather([edit(path, SliceThickness=None)]).unread[0].code == "no_position"


def test_one_slice_alone_is_a_volume_that_says_so(slices: tuple[Path, ...]) -> None:
    evidence = only(slices[2])
    assert evidence.images.values.shape == (1, 20, 24)
    assert "single_slice" in codes(evidence)


def test_a_header_that_admits_to_lossy_compression_is_noticed(flood: Path, edit: Edit) -> None:
    edit(flood, LossyImageCompression="01")
    assert codes(only(flood)) == ["lossy_compression"]


def test_evidence_holds_plain_values_that_any_process_can_take(flood: Path, slices: tuple[Path, ...]) -> None:
    def plain(value: object) -> bool:
        return all(map(plain, value)) if type(value) is tuple else type(value) in (str, int, float)

    for evidence in gather([flood, *slices]).evidence:
        assert all(plain(value) for value in evidence.header.values()), evidence.header
        again = pickle.loads(pickle.dumps(evidence))
        assert (again.header, again.about, again.files) == (evidence.header, evidence.about, evidence.files)


def test_nothing_heavy_is_imported_until_something_is_read() -> None:
    code = "import sys, photopeak.dicom.gather, photopeak.phantom.as_dicom; print({'pydicom', 'scipy'} & set(sys.modules))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "set()"
