"""Writing a DICOM structure set (RTSTRUCT) that refers to the image series its lesions were drawn on."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from photopeak.lesions import Contoured

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
DETACHED_STUDY = "1.2.840.10008.3.1.2.3.1"
COLOURS = ((200, 60, 60), (40, 110, 180), (50, 140, 70), (130, 80, 170), (210, 140, 30))
DECIMALS = 4  #: of contour points, mm


def write_structure_set(path: Path, lesions: Sequence[Contoured], series: Sequence[Dataset], label: str = "PHOTOPEAK") -> Path:
    """Write `lesions` for the images `series` (their headers); every contour names the slice that it lies in.

    ValueError: no lesions, or a series without a frame of reference.
    """
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    frame = str(series[0].get("FrameOfReferenceUID") or "")
    if not lesions or not frame:
        raise ValueError("lesions and a frame of reference are needed")
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(STRUCTURE_SET), generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = STRUCTURE_SET, meta.MediaStorageSOPInstanceUID
    for keyword in ("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "PatientID", "PatientName"):
        setattr(dataset, keyword, series[0].get(keyword, ""))
    for keyword in ("PatientBirthDate", "PatientSex", "ReferringPhysicianName", "SpecificCharacterSet"):
        setattr(dataset, keyword, series[0].get(keyword, ""))
    now = datetime.datetime.now()
    dataset.Modality, dataset.Manufacturer, dataset.SeriesInstanceUID = "RTSTRUCT", "Photopeak", generate_uid()
    dataset.SeriesNumber = dataset.OperatorsName = None
    dataset.StructureSetLabel = label
    dataset.StructureSetDate, dataset.StructureSetTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    dataset.ReferencedFrameOfReferenceSequence = [_referenced(series, frame)]
    dataset.StructureSetROISequence = [_roi(number, one, frame) for number, one in enumerate(lesions, 1)]
    dataset.ROIContourSequence = [_contour(number, one, series) for number, one in enumerate(lesions, 1)]
    dataset.RTROIObservationsSequence = [_observation(number) for number in range(1, len(lesions) + 1)]
    dataset.save_as(path, enforce_file_format=True)
    return path


def _item(**values: Any) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _reference(image: Dataset) -> Dataset:
    return _item(ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID)


def _referenced(series: Sequence[Dataset], frame: str) -> Dataset:
    images = _item(SeriesInstanceUID=series[0].SeriesInstanceUID, ContourImageSequence=[_reference(one) for one in series])
    study = _item(
        ReferencedSOPClassUID=DETACHED_STUDY,
        ReferencedSOPInstanceUID=series[0].StudyInstanceUID,
        RTReferencedSeriesSequence=[images],
    )
    return _item(FrameOfReferenceUID=frame, RTReferencedStudySequence=[study])


def _roi(number: int, lesion: Contoured, frame: str) -> Dataset:
    return _item(
        ROINumber=number,
        ReferencedFrameOfReferenceUID=frame,
        ROIName=lesion.label[:64],
        ROIGenerationAlgorithm="SEMIAUTOMATIC",
    )


def _contour(number: int, lesion: Contoured, series: Sequence[Dataset]) -> Dataset:
    normal = np.cross(*np.asarray(series[0].ImageOrientationPatient, dtype=float).reshape(2, 3))
    depths = np.array([np.asarray(one.ImagePositionPatient, dtype=float) @ normal for one in series])
    drawn = []
    for points in lesion.contours:
        image = series[int(np.argmin(np.abs(depths - float(points.mean(axis=0) @ normal))))]
        drawn.append(
            _item(
                ContourImageSequence=[_reference(image)],
                ContourGeometricType="CLOSED_PLANAR",
                NumberOfContourPoints=len(points),
                ContourData=[f"{value:.{DECIMALS}f}" for value in points.ravel()],
            )
        )
    colour = list(COLOURS[(number - 1) % len(COLOURS)])
    return _item(ROIDisplayColor=colour, ContourSequence=drawn, ReferencedROINumber=number)


def _observation(number: int) -> Dataset:
    return _item(
        ObservationNumber=number, ReferencedROINumber=number, RTROIInterpretedType="", ROIInterpreter="", ROIObservationLabel=""
    )
