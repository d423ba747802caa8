"""The phantoms of known truth that `photopeak phantom NAME` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from photopeak.phantom.acr_pet import acr_pet_files
from photopeak.phantom.assays import assay_files, control_files, wells_files
from photopeak.phantom.bars import bars_files
from photopeak.phantom.case_tables import (
    activity_meter_files,
    bone_density_files,
    dosimetry_case_files,
    radiopharmacy_files,
    thyroid_records_files,
)
from photopeak.phantom.counter_tables import count_rate_files, leakage_files, spectrum_files
from photopeak.phantom.flood import flood_files
from photopeak.phantom.iec_body import iec_body_files
from photopeak.phantom.jaszczak import jaszczak_files
from photopeak.phantom.lines import lines_files
from photopeak.phantom.patient import patient_files
from photopeak.phantom.pet_cylinder import pet_cylinder_files, pet_decay_files
from photopeak.phantom.pet_points import pet_points_files
from photopeak.phantom.pet_tables import pet_count_rate_files, sensitivity_files
from photopeak.phantom.planar_sources import dish_files
from photopeak.phantom.registration import registration_files
from photopeak.phantom.report_files import report_text_files
from photopeak.phantom.slits import slits_files
from photopeak.phantom.spect_ct import spect_ct_files, water_phantom_files
from photopeak.phantom.spect_cylinders import rotating_cylinder_files
from photopeak.phantom.spect_projections import centre_of_rotation_files
from photopeak.phantom.spect_sources import reconstructed_sources_files
from photopeak.phantom.whole_body import whole_body_lines_files, whole_body_speed_files
from photopeak.procedure import Option, options_of_function

CATALOGUE: Mapping[str, Callable[..., tuple[Path, ...]]] = {
    "flood": flood_files,
    "bars": bars_files,
    "lines": lines_files,
    "slits": slits_files,
    "dish": dish_files,
    "spectrum": spectrum_files,
    "count_rate": count_rate_files,
    "leakage": leakage_files,
    "window_registration": registration_files,
    "whole_body_lines": whole_body_lines_files,
    "whole_body_speed": whole_body_speed_files,
    "iec_body": iec_body_files,
    "acr_pet": acr_pet_files,
    "patient": patient_files,
    "pet_decay": pet_decay_files,
    "pet_points": pet_points_files,
    "pet_sensitivity": sensitivity_files,
    "pet_count_rate": pet_count_rate_files,
    "pet_cylinder": pet_cylinder_files,
    "centre_of_rotation": centre_of_rotation_files,
    "jaszczak": jaszczak_files,
    "spect_sources": reconstructed_sources_files,
    "rotating_cylinder": rotating_cylinder_files,
    "water": water_phantom_files,
    "spect_ct": spect_ct_files,
    "assay": assay_files,
    "control_runs": control_files,
    "counter_wells": wells_files,
    "report_text": report_text_files,
    "activity_meter": activity_meter_files,
    "radiopharmacy": radiopharmacy_files,
    "thyroid_records": thyroid_records_files,
    "bone_density": bone_density_files,
    "dosimetry_case": dosimetry_case_files,
}


def options_of(name: str) -> dict[str, Option]:
    """The options of a phantom, from its signature."""
    return {key: option for key, option in options_of_function(CATALOGUE[name]).items() if key != "seed"}
