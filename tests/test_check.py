"""The road from a folder to judged results: one bad file hides nothing, any engine gives the same numbers."""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest

from photopeak.check import check, with_backgrounds, with_companions
from photopeak.criterion import parse_criteria
from photopeak.evidence import Evidence, EvidenceFile
from photopeak.facts import load_facts
from photopeak.phantom.flood import flood_files
from photopeak.phantom.iec_body import iec_body_files
from photopeak.present.document import document
from photopeak.procedure import Refused, roll

LIMIT = """
standard = "example specification"
edition = "1"
clause = "1"
read_by = ["a reader"]
basis = "manufacturer"
[[limit]]
quantity = "integral_uniformity"
where = { fov = "CFOV" }
stage = "status"
upper = 5.0
unit = "%"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A camera with a dead tube, a PET phantom, a broken image and a note."""
    place = tmp_path_factory.mktemp("hospital")
    flood_files(place / "flood", seed=2, matrix=128, counts=20e6, tube_depth_percent=40.0)
    iec_body_files(place / "pet", seed=2, ratio=10.0, matrix=160, slices=40)
    (place / "broken.dcm").write_bytes(b"\x00" * 128 + b"DICM" + b"\xff" * 40)
    (place / "FACTS.toml").write_text("sphere_to_background = 10.0\nsphere_bq_per_ml = 53000.0\n", encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def checked(folder):
    facts = load_facts(folder / "FACTS.toml")
    return check([folder], programme="earl2", facts=facts, criteria=parse_criteria(LIMIT, "own.toml"))


def test_each_series_finds_its_procedure_and_the_broken_file_is_listed(checked):
    assert {(one.procedure.name, one.result is not None) for one in checked.examined} == {
        ("gamma_camera.flood_uniformity", True),
        ("pet.image_quality", True),
        ("pet.suv", True),
        ("pet.harmonisation", True),
    }
    assert [one.path.rsplit("/", 1)[-1] for one in checked.unread] == ["broken.dcm"]


def test_the_dead_tube_fails_and_becomes_a_finding(checked):
    flood = next(one for one in checked.examined if one.procedure.name == "gamma_camera.flood_uniformity")
    failed = [one.measurement.where["detector"] for one in flood.verdicts if one.outcome == "fail"]
    assert failed == [1]
    assert flood.finding is not None
    assert flood.finding.state == "raised"


def test_recovery_is_judged_by_the_programme_that_was_asked_for(checked):
    iq = next(one for one in checked.examined if one.procedure.name == "pet.image_quality")
    standards = {
        v.criterion.standard for v in iq.verdicts if v.measurement and v.criterion and v.measurement.quantity.name == "recovery"
    }
    assert standards == {"EARL 18F PET/CT accreditation specifications, standards 2"}


def test_without_a_programme_recovery_is_not_assessed_and_the_reason_is_said(folder):
    again = check([folder / "pet"], stage="harmonisation", facts=load_facts(folder / "FACTS.toml"))
    (iq,) = (one for one in again.examined if one.procedure.name == "pet.image_quality")
    recovery = [v for v in iq.verdicts if v.measurement and v.measurement.quantity.name == "recovery"]
    recovery = [v for v in recovery if v.measurement.where["statistic"] in ("a50", "max")]
    assert len(recovery) == 12
    assert {(v.outcome, v.reason) for v in recovery} == {("not_assessed", "programme_not_chosen")}


def timeless(one) -> str:
    whole = document(one)
    for result in whole["results"]:
        result["seconds"] = 0
    return json.dumps(whole, sort_keys=True)


def test_two_processes_give_bit_identical_measurements(folder, checked):
    facts = load_facts(folder / "FACTS.toml")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        parallel = check([folder], programme="earl2", facts=facts, criteria=parse_criteria(LIMIT, "own.toml"), map=pool.map)
    assert timeless(parallel) == timeless(checked)


def test_a_procedure_that_fails_hides_nothing_else(folder, monkeypatch):
    entries = dict(roll())

    def stops(evidence: Evidence) -> None:
        raise ZeroDivisionError

    entries["pet.image_quality"] = replace(entries["pet.image_quality"], run=stops, options={})
    monkeypatch.setattr("photopeak.check.procedures_for", lambda kinds: entries)
    found = {one.procedure.name: one for one in check([folder]).examined}
    assert found["pet.image_quality"].refusal.code == "procedure_failed"
    assert found["gamma_camera.flood_uniformity"].result is not None


def test_an_image_no_procedure_suits_is_listed_with_the_reasons(tmp_path):
    from photopeak.phantom.as_dicom import write_planar

    write_planar(tmp_path / "empty.dcm", np.zeros((1, 64, 64), np.uint16), pixel_mm=(4.0, 4.0))
    found = check([tmp_path])
    assert found.examined == ()
    assert [one.code for one in found.unread] == ["no_suitable_procedure"]
    assert found.unread[0].path.endswith("empty.dcm")
    assert "泛源均匀性" in found.unread[0].words.zh


def evidence(name, kind="nm_planar", **header):
    return Evidence(kind=kind, files=(EvidenceFile(path=f"/x/{name}", sha256=name),), sha256=name, header=header)


def test_a_background_named_by_a_fact_travels_with_the_file_it_belongs_to():
    background = replace(evidence("b.dcm"), facts={"background_of": "dish.dcm"})
    dish, _, other = with_backgrounds([evidence("dish.dcm"), background, evidence("c.dcm")])
    assert dish.facts["background"] is background
    assert "background" not in other.facts


def test_a_ct_is_the_companion_of_the_emission_volume_of_its_study_and_frame_only():
    ct = evidence("ct", "ct_volume", study_uid="1", frame_of_reference_uid="2")
    same = evidence("nm", "nm_volume", study_uid="1", frame_of_reference_uid="2")
    other = evidence("pt", "pt_volume", study_uid="1", frame_of_reference_uid="3")
    found = with_companions([ct, same, other])
    assert found[1].facts["companion"] is ct
    assert "companion" not in found[2].facts


def test_a_procedure_that_only_describes_hides_no_refusal(folder, monkeypatch):
    entries = dict(roll())

    def refuses(evidence: Evidence) -> None:
        raise Refused("phantom_cut_off", en="the phantom is cut off", zh="模体被截断")

    entries["pet.image_quality"] = replace(entries["pet.image_quality"], run=refuses, options={})
    monkeypatch.setattr("photopeak.check.procedures_for", lambda kinds: entries)
    found = {one.procedure.name: one for one in check([folder / "pet"]).examined}
    assert found["pet.suv"].result is not None
    assert found["pet.image_quality"].refusal.code == "phantom_cut_off"
