"""Tables of a decaying scatter phantom whose NECR peak is known."""

from functools import cache

import numpy as np
import pytest

from photopeak.dicom.gather import gather
from photopeak.evidence import Evidence, EvidenceFile
from photopeak.pet.count_rate import accepts, count_rate
from photopeak.phantom.pet_tables import count_rate_peak, pet_count_rate_files, rates_at
from photopeak.procedure import Refused
from photopeak.table import Table

MODEL = {"trues": 30_000.0, "randoms": 1_000.0, "dead": 0.02}


def table(concentration, prompts, randoms, scatter=36.0, **more):
    columns = {"concentration_kbq_ml": concentration, "prompts_cps": prompts, "randoms_cps": randoms}
    rows = tuple(
        {name: f"{value[n]:.6f}" for name, value in columns.items()} | {"scatter_percent": f"{scatter}"} | more
        for n in range(len(concentration))
    )
    images = Table(columns=tuple(rows[0]), rows=rows, lines=tuple(range(2, 2 + len(rows))))
    return Evidence(kind="table", files=(EvidenceFile(path="c.csv", sha256="0"),), sha256="0", images=images)


def found_of(result):
    return {m.quantity.name: m for m in result.measurements}


@pytest.mark.parametrize("scatter", [0.30, 0.40])
@pytest.mark.parametrize("step", [2.0, 4.0])
def test_the_peak_of_a_known_curve_is_found(scatter, step):
    concentration = 60.0 * 2 ** (-np.arange(50) / step / 2)
    together, chance = rates_at(concentration, **MODEL)
    found = found_of(count_rate(table(concentration, together + chance, chance, 100 * scatter)))
    at, truth = count_rate_peak(**MODEL, scatter=scatter)
    assert found["necr_peak"].value == pytest.approx(truth, rel=0.004)
    assert found["necr_peak_concentration"].value == pytest.approx(at, rel=0.03)
    assert found["scatter_fraction"].value == pytest.approx(100 * scatter)


def test_delayed_window_randoms_count_twice():
    concentration = 60.0 * 2 ** (-np.arange(30) / 4)
    together, chance = rates_at(concentration, **MODEL)
    once = found_of(count_rate(table(concentration, together + chance, chance)))["necr_peak"].value
    twice = found_of(count_rate(table(concentration, together + chance, chance), randoms_factor=2.0))["necr_peak"].value
    expected = max((0.64 * together) ** 2 / (together + 2 * chance))
    assert twice == pytest.approx(expected, rel=0.01)
    assert twice < once


@cache
def held(draws):
    """Share of noisy tables whose peak, and its concentration, ± 2u hold the noiseless ones."""
    concentration = 60.0 * 2 ** (-np.arange(24) / 4)
    together, chance = rates_at(concentration, **MODEL)
    clean = found_of(count_rate(table(concentration, together + chance, chance)))
    shares = {"necr_peak": [], "necr_peak_concentration": []}
    for draw in range(draws):
        rng = np.random.default_rng((23, draw))
        prompts, randoms = (rng.poisson(0.05 * one) / 0.05 for one in (together + chance, chance))
        found = found_of(count_rate(table(concentration, prompts, randoms, duration_s="0.05")))
        for name, kept in shares.items():
            kept.append(abs(found[name].value - clean[name].value) <= 2 * found[name].uncertainty)
    return {name: float(np.mean(kept)) for name, kept in shares.items()}


def test_the_stated_uncertainty_of_the_peak_holds_the_truth():
    assert min(held(50).values()) >= 0.86


@pytest.mark.full
def test_two_thousand_tables_are_covered_as_often_as_stated():
    for name, share in held(2000).items():
        assert 0.93 <= share <= 0.97, (name, share)


def test_one_scatter_fraction_for_all_levels_states_no_uncertainty():
    concentration = 60.0 * 2 ** (-np.arange(30) / 4)
    together, chance = rates_at(concentration, **MODEL)
    assert found_of(count_rate(table(concentration, together + chance, chance)))["scatter_fraction"].uncertainty is None


def test_the_model_named_in_the_table_brings_its_published_figures():
    concentration = 60.0 * 2 ** (-np.arange(30) / 4)
    together, chance = rates_at(concentration, **MODEL)
    result = count_rate(table(concentration, together + chance, chance, model="uMI 550"))
    assert any("124.4" in one.value.en for one in result.conditions)


def test_a_peak_at_the_end_is_no_peak():
    concentration = 5.0 * 2 ** (-np.arange(20) / 3)
    together, chance = rates_at(concentration, **MODEL)
    result = count_rate(table(concentration, together + chance, chance))
    assert "necr_peak" not in found_of(result)
    assert "peak_not_reached" in [one.code for one in result.remarks]


def test_a_file_on_disk_is_measured(tmp_path):
    pet_count_rate_files(tmp_path)
    (evidence,) = gather([tmp_path]).evidence
    assert accepts(evidence) is None
    found = found_of(count_rate(evidence))
    _, truth = count_rate_peak(**MODEL, scatter=0.36)
    assert found["necr_peak"].value == pytest.approx(truth, rel=0.01)
    assert len(count_rate(evidence).figures()) == 1


def test_exchanged_columns_are_refused():
    concentration = 60.0 * 2 ** (-np.arange(10) / 2)
    together, chance = rates_at(concentration, **MODEL)
    with pytest.raises(Refused):
        count_rate(table(concentration, chance, together + chance))
