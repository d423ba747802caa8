"""Rates of a line in sleeves whose sensitivity is known."""

import numpy as np
import pytest

from photopeak.dicom.gather import gather
from photopeak.evidence import Evidence, EvidenceFile
from photopeak.pet.sensitivity import accepts, sensitivity
from photopeak.phantom.pet_tables import sensitivity_files, sleeve_rates
from photopeak.procedure import Refused
from photopeak.table import Table

SLEEVES, MINUTES = np.arange(1.0, 6.0), np.arange(5) * 4.0


def table(rates, duration_s=None, **columns):
    given = {"sleeves": SLEEVES, "rate_cps": rates, "elapsed_min": MINUTES, "activity_mbq": [4.0] * 5} | columns
    if duration_s is not None:
        given["duration_s"] = [duration_s] * 5
    rows = tuple({name: f"{value[n]:.6f}" for name, value in given.items() if value is not None} for n in range(5))
    images = Table(columns=tuple(rows[0]), rows=rows, lines=tuple(range(2, 7)))
    return Evidence(kind="table", files=(EvidenceFile(path="s.csv", sha256="0"),), sha256="0", images=images)


@pytest.mark.parametrize("truth", [5.0, 10.0, 176.3])
@pytest.mark.parametrize("attenuation", [1.0, 5.0])
def test_the_sensitivity_without_metal_is_found(truth, attenuation):
    found = sensitivity(table(sleeve_rates(truth, 4.0, attenuation, MINUTES, SLEEVES)))
    (value,) = (m.value for m in found.measurements if m.quantity.name == "sensitivity")
    assert value == pytest.approx(truth, rel=1e-5)
    (per_sleeve,) = (m.value for m in found.measurements if m.quantity.name == "sleeve_attenuation")
    assert per_sleeve == pytest.approx(attenuation, rel=1e-3)
    assert len(found.figures()) == 1


@pytest.mark.parametrize("seconds", [2.0, 30.0])
def test_two_thousand_tables_are_covered_as_often_as_stated(seconds):
    rng = np.random.default_rng(3)
    expected = sleeve_rates(10.0, 4.0, 2.4, MINUTES, SLEEVES)
    held = []
    for _ in range(2000):
        found = sensitivity(table(rng.poisson(expected * seconds) / seconds, duration_s=seconds)).measurements[0]
        held.append(abs(found.value - 10.0) <= 2 * found.uncertainty)
    assert 0.93 <= np.mean(held) <= 0.97


def test_a_wrong_rate_is_noticed():
    rates = sleeve_rates(10.0, 4.0, 2.4, MINUTES, SLEEVES)
    rates[2] *= 1.05
    assert [one.code for one in sensitivity(table(rates, duration_s=60.0)).remarks] == ["rates_off_the_line"]


def test_two_positions_of_one_file_are_two_cases_beside_what_was_published(tmp_path):
    sensitivity_files(tmp_path)
    (evidence,) = gather([tmp_path]).evidence
    assert accepts(evidence) is None
    result = sensitivity(evidence, model="uMI 550")
    found = {m.where["position"]: m for m in result.measurements if m.quantity.name == "sensitivity"}
    assert abs(found["0 cm"].value - 10.0) < 3 * found["0 cm"].uncertainty
    assert abs(found["10 cm"].value - 9.8) < 3 * found["10 cm"].uncertainty
    assert any("10.24" in one.value.en for one in result.conditions)


def test_too_few_sleeves_are_refused():
    evidence = table(np.full(5, 100.0), sleeves=np.ones(5))
    with pytest.raises(Refused):
        sensitivity(evidence)
    assert accepts(table(np.full(5, 100.0), sleeves=None))
