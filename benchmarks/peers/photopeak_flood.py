"""Photopeak: flood uniformity of one DICOM file, reading included, in process."""

import sys
from pathlib import Path

from measure import measured

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
