"""One folder with the tests of two cameras, mixed, under names that say nothing: each finds its procedure, none a wrong one."""

import json
import random
import shutil

import numpy as np
import pytest

from photopeak.check import check
from photopeak.evidence import Frame, Subject
from photopeak.facts import Facts
from photopeak.phantom.as_dicom import write_planar, write_volume
from photopeak.phantom.bars import QuadrantBars
from photopeak.phantom.counter_tables import count_rate_files, leakage_files, spectrum_files
from photopeak.phantom.flood import Camera, Flood, flood
from photopeak.phantom.jaszczak import Jaszczak, jaszczak
from photopeak.phantom.lines import four_lines
from photopeak.phantom.planar_sources import Plates, dish
from photopeak.phantom.registration import GALLIUM_KEV, Registration
from photopeak.phantom.slits import Slits
from photopeak.phantom.spect_projections import Head, PointSource, projections, turn
from photopeak.phantom.spect_sources import BlurredSource, reconstructed_sources
from photopeak.phantom.whole_body import FixedSource, ScannedLines
from photopeak.procedure import roll

CAMERAS = (
    Subject(manufacturer="Maker", model="Camera A", station="NM1", serial="101"),
    Subject(manufacturer="Other maker", model="Camera B", station="NM2", serial="202"),
)
EXPECTED = {
    "flood": {"gamma_camera.flood_uniformity"},
    "bars": {"gamma_camera.bar_phantom"},
    "slits": {"gamma_camera.spatial_resolution", "gamma_camera.spatial_linearity"},
    "four lines": {"gamma_camera.spatial_resolution"},
    "plates": {"gamma_camera.spatial_resolution"},
    "dish": {"gamma_camera.planar_sensitivity"},
    "rates": {"gamma_camera.count_rate"},
    "windows": {"gamma_camera.window_registration"},
    "whole-body lines": {"gamma_camera.whole_body"},
    "whole-body speed": {"gamma_camera.whole_body"},
    "centre of rotation": {"spect.centre_of_rotation"},
    "reconstructed points": {"spect.tomographic_resolution"},
    "Jaszczak": {"spect.tomographic_contrast"},
    "water": {"spect.ct_number"},
    "spectrum": {"gamma_camera.energy_resolution"},
    "leakage": {"gamma_camera.shield_leakage"},
    "two sources": {"gamma_camera.count_rate"},
}
