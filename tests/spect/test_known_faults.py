"""Faults that other programs are known to have on SPECT evidence, each with the truth beside it. Those with a test of their own
elsewhere in this folder (background, wobble, two heads, off-centre and line sources, rotated phantoms) are not repeated."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from photopeak.dicom.gather import gather
from photopeak.phantom.as_dicom import write_planar, write_volume
from photopeak.phantom.jaszczak import Jaszczak, jaszczak, sphere_ratio
from photopeak.phantom.spect_projections import Head, PointSource, evidence_of, point_source_projections, turn
from photopeak.phantom.spect_sources import BlurredSource, reconstructed_sources
from photopeak.spect.centre_of_rotation import centre_of_rotation
from photopeak.spect.tomographic_contrast import tomographic_contrast
from photopeak.spect.tomographic_resolution import tomographic_resolution
from photopeak.spect.tomographic_uniformity import tomographic_uniformity

pydicom = pytest.importorskip("pydicom")

SOURCE = (PointSource(x_mm=80, counts=9800),)

IN_ITS_OWN_PROCESS = """
import json, sys
from pathlib import Path
from photopeak.dicom.gather import gather
from photopeak.spect.centre_of_rotation import centre_of_rotation
from photopeak.phantom.spect_projections import Head, PointSource, evidence_of, point_source_projections, turn
import pydicom, scipy.signal, scipy.optimize, scipy.special
centre_of_rotation(evidence_of(point_source_projections([PointSource(x_mm=60)], [Head(angles_deg=turn(12))])))
def peak_mb():  # of this program alone; what getrusage tells is inherited from the parent
    [line] = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
before = peak_mb()
(evidence,) = gather([Path(sys.argv[1])]).evidence
[offset] = [m.value for m in centre_of_rotation(evidence).measurements if m.quantity.name == "cor_offset"]
print(json.dumps({"offset": offset, "growth_mb": peak_mb() - before}))
"""


def written(path, heads, **options):
    images = point_source_projections(SOURCE, heads, **options)
    write_planar(path, images.counts, pixel_mm=images.pixel_mm, frames=images.frames, image_type="TOMO", duration_s=20.0)
    return images


def offsets(folder):
    (evidence,) = gather([folder]).evidence
    return {m.where["detector"]: m.value for m in centre_of_rotation(evidence).measurements if m.quantity.name == "cor_offset"}


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory of a process is read from /proc")
def test_three_hundred_and_sixty_views_need_little_memory(tmp_path):
    """Elsewhere every frame reads the whole file again: 8 GB for 12 MB."""
    written(tmp_path / "cor.dcm", [Head(angles_deg=turn(360), offset_mm=3.0)], background=0.2, seed=1)
    command = [sys.executable, "-c", IN_ITS_OWN_PROCESS, str(tmp_path / "cor.dcm")]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert told["offset"] == pytest.approx(3.0, abs=0.02)
    assert 0 < told["growth_mb"] < 150


@pytest.mark.parametrize("mode", ["H", "L"])
def test_two_heads_in_one_file_are_told_apart_by_their_rotations(mode, tmp_path):
    """Elsewhere both heads are one path: 79 mm, or 55 mm, for a perfect camera."""
    starts = (0.0, 180.0) if mode == "H" else (0.0, 90.0)
    heads = [
        Head(detector=n, rotation=n, angles_deg=turn(32, arc_deg=180.0, start_deg=start), offset_mm=0.5 * n)
        for n, start in enumerate(starts, 1)
    ]
    written(tmp_path / "cor.dcm", heads)
    assert offsets(tmp_path) == pytest.approx({1: 0.5, 2: 1.0}, abs=0.02)


def test_a_series_of_single_frames_measures_the_same_as_one_file_of_many(tmp_path):
    images = written(tmp_path / "many" / "cor.dcm", [Head(angles_deg=turn(16), offset_mm=2.0)], seed=1)
    for index, (view, frame) in enumerate(zip(images.counts, images.frames)):
        path = tmp_path / "single" / f"{index:03d}.dcm"
        write_planar(path, view, pixel_mm=images.pixel_mm, frames=[frame], image_type="TOMO", duration_s=20.0)
        dataset = pydicom.dcmread(path)
        dataset.SeriesInstanceUID, dataset.InstanceNumber = "2.25.4711", index + 1
        dataset.save_as(path)
    assert offsets(tmp_path / "single") == offsets(tmp_path / "many")


def test_a_dim_end_slice_is_not_the_baseline_of_the_contrast():
    """Elsewhere the most even slice, an end slice at half the level, is the background: 33 % for every sphere."""
    phantom = Jaszczak(rotation_deg=20)
    volume = jaszczak(phantom, fwhm_mm=9)
    shown = np.flatnonzero(volume.values.mean(axis=(1, 2)) > 50)
    dim = volume.values.copy()
    for end in (shown[0], shown[-1]):
        dim[end] = np.where(volume.values[shown[3]] > 100, 500.0, dim[end])
    result = tomographic_contrast(evidence_of(dataclasses.replace(volume, values=dim), kind="nm_volume"))
    assert result.level == pytest.approx(1000, rel=0.01)
    for m in result.measurements:
        if m.quantity.name == "sphere_to_background" and m.where["statistic"] == "mean":
            index = phantom.spheres_mm.index(m.where["sphere_mm"])
            assert m.value == pytest.approx(sphere_ratio(phantom, volume, index), abs=0.02)


def test_the_last_uniform_slice_is_measured_too():
    volume = jaszczak(Jaszczak(spheres_mm=(), rods_mm=()), fwhm_mm=4)
    evidence = evidence_of(volume, kind="nm_volume")
    told = next(c for c in tomographic_uniformity(evidence).conditions if c.label.en == "slices averaged").value.en
    first, last = (int(word) for word in told.replace(" of", "").split()[:3:2])
    assert first - 1 == len(volume.values) - last  # as near to one end as to the other
    dimmer = volume.values.copy()
    dimmer[last - 1] *= 0.97
    result = tomographic_uniformity(evidence_of(dataclasses.replace(volume, values=dimmer), kind="nm_volume"))
    expected = 1000 * (1 - 0.03 / (last - first + 1))
    assert result.slab[result.inside].mean() == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("place", [(30.0, -20.0, 10.0), (64.0, 0.0, 0.0), (40.0, 40.0, 30.0)])
def test_a_point_away_from_the_centre_keeps_its_width_through_the_file(place, tmp_path):
    """Elsewhere the fit begins at the middle of the volume: 0.06 mm, or 6.6 million mm."""
    x, y, z = place
    source = BlurredSource(x_mm=x, y_mm=y, z_mm=z, fwhm_mm=(8.0, 9.0, 10.0))
    volume = reconstructed_sources([source], background=100.0)
    write_volume(tmp_path, volume.values.astype(np.float64), spacing_mm=volume.spacing_mm, modality="NM")
    (evidence,) = gather([tmp_path]).evidence
    found = {
        m.where["axis"]: m.value
        for m in tomographic_resolution(evidence).measurements
        if m.quantity.name == "fwhm" and m.where["method"] == "gaussian"
    }
    assert [found[axis] for axis in "xyz"] == pytest.approx([8.0, 9.0, 10.0], rel=0.002)
