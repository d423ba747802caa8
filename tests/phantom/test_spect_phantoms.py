"""The SPECT phantoms: exact where they say so, and the same bytes from the same seed."""

import json

import numpy as np
import pytest

from photopeak.check import with_companions
from photopeak.dicom.gather import gather
from photopeak.facts import Facts, load_facts
from photopeak.phantom.jaszczak import LARGE_SPHERES_MM, Jaszczak, jaszczak, jaszczak_files, rod_centres_mm
from photopeak.phantom.spect_ct import spect_ct_files, water_phantom_files
from photopeak.phantom.spect_cylinders import rotating_cylinder_files
from photopeak.phantom.spect_projections import (
    Blur,
    Head,
    PointSource,
    centre_of_rotation_files,
    point_source_projections,
    turn,
)
from photopeak.phantom.spect_sources import reconstructed_sources_files
from photopeak.procedure import roll


@pytest.mark.parametrize("angle", [0.0, 33.0, 45.0, 90.0, 211.0])
def test_projected_counts_and_places_are_exact_at_every_angle(angle):
    source = PointSource(x_mm=31.0, y_mm=-47.0, z_mm=13.0, counts=12_345.0)
    head = Head(angles_deg=(angle,), offset_mm=2.0)
    [view] = point_source_projections([source], [head], fwhm_mm=Blur()).counts
    at = 4.795 * (np.arange(128) - 63.5)
    assert view.sum() == pytest.approx(12_345.0, rel=1e-9)
    truth = 31 * np.cos(np.deg2rad(angle)) - 47 * np.sin(np.deg2rad(angle)) + 2
    assert (view.sum(axis=0) * at).sum() / view.sum() == pytest.approx(truth, abs=2e-3)
    assert (view.sum(axis=1) * at).sum() / view.sum() == pytest.approx(13.0, abs=2e-3)


def test_heads_turn_both_ways_over_any_arc():
    assert turn(4) == (0.0, 90.0, 180.0, 270.0)
    assert turn(2, arc_deg=180, start_deg=30, clockwise=True) == (30.0, 300.0)


def test_the_jaszczak_phantom_holds_its_spheres_volumes():
    shape, spacing = (48, 64, 64), (4.0, 4.0, 4.0)
    empty = jaszczak(Jaszczak(spheres_mm=(), rods_mm=()), shape=shape, spacing_mm=spacing).values.sum(dtype=np.float64)
    for index, mm in enumerate(LARGE_SPHERES_MM):
        one = Jaszczak(spheres_mm=(mm,), rods_mm=(), rotation_deg=17.0 * index)
        missing = (empty - jaszczak(one, shape=shape, spacing_mm=spacing).values.sum(dtype=np.float64)) / 1000 * 64
        assert missing == pytest.approx(np.pi / 6 * mm**3, rel=0.02)


def test_rods_stand_two_diameters_apart():
    for sector, mm in enumerate(Jaszczak().rods_mm):
        places = rod_centres_mm(Jaszczak(rotation_deg=12), sector)
        apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
        assert np.min(apart[apart > 0]) == pytest.approx(2 * mm)


#: what else may be measured on the same image
ALSO = {
    "spect.tomographic_contrast": ("spect.tomographic_uniformity", "spect.rods"),
    "spect.ct_alignment": ("spect.tomographic_resolution",),
}
LIKE_TRUTH = ("spect.volume_sensitivity", "spect.ct_number", "spect.ct_alignment")


@pytest.mark.parametrize(
    ("write", "procedure"),
    [
        (centre_of_rotation_files, "spect.centre_of_rotation"),
        (jaszczak_files, "spect.tomographic_contrast"),
        (reconstructed_sources_files, "spect.tomographic_resolution"),
        (rotating_cylinder_files, "spect.volume_sensitivity"),
        (water_phantom_files, "spect.ct_number"),
        (spect_ct_files, "spect.ct_alignment"),
    ],
)
def test_a_written_phantom_is_recognised_measured_and_reproducible(write, procedure, tmp_path):
    files, again = write(tmp_path / "one", seed=3), write(tmp_path / "two", seed=3)
    assert [path.read_bytes() for path in files] == [path.read_bytes() for path in again]
    told = json.loads(files[-1].read_text("utf-8"))
    assert told["procedure"] == procedure
    facts = tmp_path / "one" / "facts.toml"
    known = load_facts(facts) if facts.is_file() else Facts()
    gathered = with_companions([known.added_to(one) for one in gather([tmp_path / "one"]).evidence if one.kind != "table"])
    evidence = gathered[0] if len(gathered) == 1 else next(one for one in gathered if one.kind == "nm_volume")
    suited = {name for name, one in roll().items() if evidence.kind in one.kinds and one.accepts(evidence) is None}
    assert procedure in suited
    assert not suited - {procedure, *ALSO.get(procedure, ())}
    result = roll()[procedure].run(evidence)
    if procedure in LIKE_TRUTH:
        for m in result.measurements:
            truth = told.get(m.quantity.name)
            if isinstance(truth, float):
                assert m.value == pytest.approx(truth, abs=max(3 * m.uncertainty, 0.01 * truth)), m
    if procedure == "spect.centre_of_rotation":
        found = {m.where["detector"]: m.value for m in result.measurements if m.quantity.name == "cor_offset"}
        assert found[1] == pytest.approx(told["cor_offset"][0]["value"], abs=0.02)
    if procedure == "spect.tomographic_contrast":
        for m in result.measurements:
            if m.quantity.name == "sphere_to_background" and m.where["statistic"] == "mean":
                truth = told["sphere_to_background"][str(m.where["sphere_mm"])]
                assert abs(m.value - truth) < max(0.02, 3 * m.uncertainty)
