"""Photopeak: flood uniformity of one DICOM file, reading included, in process."""

# What is imported on first use belongs to the imports, not to the analysis: it is imported here.
import sys
from pathlib import Path

import pydicom.filereader  # noqa: F401
import scipy.ndimage
import scipy.special  # noqa: F401
from measure import measured

import photopeak.dicom.assemble
import photopeak.dicom.image
import photopeak.dicom.lesion_objects
import photopeak.dicom.metaimage
import photopeak.dicom.parse  # noqa: F401
from photopeak.dicom.gather import gather
from photopeak.gamma_camera.flood_uniformity import flood_uniformity


def analyse():
    (evidence,) = gather([Path(sys.argv[1])]).evidence
    result = flood_uniformity(evidence)
    return {
        f"detector {m.where['detector']}/{m.where['fov']}": m.value
        for m in result.measurements
        if m.quantity.name == "integral_uniformity"
    }


measured(analyse)
