"""Photopeak: one gamma-camera or SPECT procedure on one DICOM file, reading included, in process."""

import sys
from dataclasses import replace
from pathlib import Path

from measure import measured

from photopeak.dicom.gather import gather
from photopeak.procedure import roll

name, path, runs = sys.argv[1:4]
procedure = roll()[name].run


def analyse():
    (evidence,) = gather([Path(path)]).evidence
    if name == "gamma_camera.spatial_resolution":
        evidence = replace(evidence, facts={"line_separation_mm": 100.0})
    found = {}
    for m in procedure(evidence).measurements:
        where = ",".join(f"{key}={value}" for key, value in sorted(m.where.items()))
        found[f"{m.quantity.name}[{where}]"] = m.value
    return found


measured(analyse, int(runs))
