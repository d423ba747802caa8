"""DICOM objects without the patient: identifying attributes emptied at every depth, private ones removed, identifiers replaced with a key.

After the Basic Application Level Confidentiality Profile of DICOM PS3.15 Annex E, in the form a physics centre needs: what describes the
acquisition stays (weight, size, times of day, activity), dates move by one shift per patient, and UIDs stay consistent under one key.
Burnt-in words in the pixels cannot be seen here; objects that declare them are refused.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from pathlib import Path
from typing import Any

from pydicom import DataElement, Dataset

EMPTIED = frozenset((
    "PatientBirthDate", "PatientBirthTime", "OtherPatientIDs", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName",
    "PatientAddress", "PatientTelephoneNumbers", "PatientTelecomInformation", "MilitaryRank", "BranchOfService", "MedicalRecordLocator", "EthnicGroup", "Occupation",
    "AdditionalPatientHistory", "PatientComments", "PatientReligiousPreference", "CountryOfResidence", "RegionOfResidence", "AdmissionID",
    "IssuerOfPatientID", "ReferringPhysicianAddress", "ReferringPhysicianTelephoneNumbers", "InstitutionName", "InstitutionAddress",
    "InstitutionalDepartmentName", "StudyComments", "ImageComments", "FrameComments", "RequestAttributesSequence", "OtherPatientIDsSequence",
    "ReferencedPatientSequence", "ReferencedPatientPhotoSequence", "PersonAddress", "PersonTelephoneNumbers", "ResponsiblePerson",
    "ResponsibleOrganization", "CurrentPatientLocation", "PatientInstitutionResidence", "VisitComments", "RequestedProcedureComments",
    "CommentsOnThePerformedProcedureStep", "InterpretationText", "TextComments", "TextString", "TextValue", "EncapsulatedDocument",
    "PatientState", "MedicalAlerts", "Allergies", "SpecialNeeds", "PregnancyStatus", "LastMenstrualDate", "ReasonForStudy", "AdmittingDiagnosesDescription",
    "RequestingService", "OriginalAttributesSequence", "DigitalSignaturesSequence", "ModifiedAttributesSequence", "MACParametersSequence", "IconImageSequence",
))  # fmt: skip
REPLACED = frozenset(("PatientID", "AccessionNumber", "StudyID", "RequestedProcedureID", "ScheduledProcedureStepID", "PerformedProcedureStepID", "FillerOrderNumberImagingServiceRequest", "PlacerOrderNumberImagingServiceRequest"))  # fmt: skip
MOST_DAYS = 180


class IdentityInPixels(ValueError):
    """The object says that its pixels show who the patient is."""


def deidentified(header: Dataset, *, key: bytes) -> Dataset:
    """A copy of `header` without the patient, at every depth. Raises ValueError for an empty key, IdentityInPixels for burnt-in names."""
    if not key:
        raise ValueError("a key is needed, else everybody could make the same pseudonyms")
    if (
        str(header.get("BurnedInAnnotation", "NO")).upper() == "YES"
        or str(header.get("RecognizableVisualFeatures", "NO")).upper() == "YES"
    ):
        raise IdentityInPixels("the pixels show who the patient is")
    from copy import deepcopy

    made = deepcopy(header)
    digest = hmac.new(key, b"shift" + str(header.get("PatientID", "")).encode(), hashlib.sha256).digest()
    days = int.from_bytes(digest[:4], "big") % (2 * MOST_DAYS) - MOST_DAYS
    _clear(made, key, days if days < 0 else days + 1)
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = "Photopeak, after PS3.15 E; dates shifted"
    meta = getattr(made, "file_meta", None)
    if meta is not None and "SOPInstanceUID" in made:
        meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
        for element in list(meta):
            if element.keyword in ("SourceApplicationEntityTitle", "SendingApplicationEntityTitle", "ReceivingApplicationEntityTitle", "PrivateInformationCreatorUID", "PrivateInformation"):  # fmt: skip
                del meta[element.tag]
    made.preamble = b"\x00" * 128
    return made


def deidentified_file(source: Path, target: Path, *, key: bytes) -> None:
    """Write `source` without the patient to `target`. Raises IdentityInPixels, and what pydicom meets in a file that is no DICOM object."""
    from pydicom import dcmread

    deidentified(dcmread(source), key=key).save_as(target)


def _clear(level: Dataset, key: bytes, days: int) -> None:
    for element in list(level):
        if (
            element.tag.is_private
            or element.tag.group in (0x5000, 0x6000)
            or 0x6000 <= element.tag.group <= 0x60FF
            or element.keyword in EMPTIED
        ):
            del level[element.tag]
        elif element.VR == "SQ":
            for item in element.value or ():
                _clear(item, key, days)
        else:
            _replace(element, key, days)


def _replace(element: DataElement, key: bytes, days: int) -> None:
    if element.VR == "PN" or element.keyword in REPLACED:
        element.value = _tag(key, str(element.value)) if element.value else element.value
    elif element.VR == "UI" and not _is_class(element):
        element.value = (
            [_uid(key, str(one)) for one in element.value]
            if element.VM > 1
            else _uid(key, str(element.value))
            if element.value
            else element.value
        )
    elif element.VR in ("DA", "DT") and element.value:
        values = element.value if element.VM > 1 else [element.value]
        moved = [_moved(str(one), days) for one in values]
        element.value = moved if element.VM > 1 else moved[0]


def _is_class(element: DataElement) -> bool:
    """UIDs of the standard (classes, syntaxes, coding schemes) name no one."""
    value: Any = element.value
    first = str(value[0] if element.VM > 1 else value)
    return first.startswith("1.2.840.10008.") or element.keyword in (
        "ImplementationClassUID",
        "ContextUID",
        "MappingResourceUID",
    )


def _tag(key: bytes, value: str) -> str:
    return "P" + hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:11].upper()


def _uid(key: bytes, value: str) -> str:
    return "2.25." + str(int.from_bytes(hmac.new(key, value.encode(), hashlib.sha256).digest()[:15], "big"))


def _moved(value: str, days: int) -> str:
    try:
        day = datetime.date(int(value[:4]), int(value[4:6]), int(value[6:8])) + datetime.timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return day.strftime("%Y%m%d") + value[8:]
