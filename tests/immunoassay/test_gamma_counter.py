"""Gamma counters: the published wells and repeated counts, known truth, coverage, a round of counters, refusals."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from photopeak.cli import app
from photopeak.evidence import Evidence
from photopeak.immunoassay.gamma_counter import accepts_counter, gamma_counter
from photopeak.phantom.assays import well_counts, wells_files
from photopeak.procedure import Refused

HEADER = "well,source_counts,background_counts,seconds"


def values(result):
    return {(m.quantity.name, *m.where.values()): m for m in result.measurements}


def codes(result):
    return [one.code for one in result.remarks]


@pytest.fixture(scope="module")
def ria(examples):
    return json.loads((examples / "ria_expected.json").read_text("utf-8"))


def command(path, *options):
    ran = CliRunner().invoke(app, ["run", "immunoassay.gamma_counter", str(path), *options, "--json", "-"])
    (result,) = json.loads(ran.stdout)["results"]
    return result, {(m["quantity"], *m["where"].values()): m["value"] for m in result["measurements"]}


def written(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER.split(","), *rows])
    return path


def test_the_sixteen_published_wells_are_met_through_the_command(rows_of, ria, tmp_path):
    rows = rows_of("gamma_16well_synthetic.csv")
    path = written(tmp_path / "wells.csv", [[r["well"], r["source_counts_60s"], r["background_counts_60s"], 60] for r in rows])
    result, found = command(path)
    expected = ria["gamma16"]
    for n, (factor, deviation) in enumerate(zip(expected["norm_factor"], expected["dev_pct_from_median"]), 1):
        assert found["well_factor", str(n)] == pytest.approx(factor, abs=0.5e-5)
        assert found["well_deviation", str(n)] == pytest.approx(deviation, abs=0.5e-2)
    named = [one["en"].split()[1] for one in result["remarks"] if one["code"] == "well_apart"]
    assert named == [str(well) for well in expected["wells_beyond_5pct"]]


def test_the_published_chi_square_is_met_through_the_command(rows_of, ria, tmp_path):
    path = written(tmp_path / "repeats.csv", [[1, row["counts"], 0, 60] for row in rows_of("chi2_counts.csv")])
    _, found = command(path)
    expected = ria["chi2"]
    assert found["chi_square",] == pytest.approx(expected["chi2"], rel=1e-9)
    assert found["chi_square_p",] == pytest.approx(expected["p"], rel=1e-9)
    assert [found["chi_square_lower",], found["chi_square_upper",]] == pytest.approx(expected["limits95"], rel=1e-9)


def test_exact_counts_give_back_the_truth(table):
    efficiency = [0.7, 0.8, 0.5]
    rows = well_counts(efficiency, source_per_s=500.0, background_per_s=2.0, seconds=100.0, rng=None)
    found = values(gamma_counter(table(HEADER, rows), source_bq=500.0))
    for well, truth in zip("123", efficiency):
        assert found["efficiency", well].value == pytest.approx(100 * truth, rel=1e-4)  # it decays while it is counted
        assert found["well_factor", well].value == pytest.approx(np.mean(efficiency) / truth)
    assert found["efficiency",].value == pytest.approx(100 * np.mean(efficiency), rel=1e-4)
    assert found["background",].value == pytest.approx(120.0)


def test_the_phantom_s_truth_is_found_again(tmp_path, table):
    path, known = wells_files(tmp_path)
    truth = json.loads(known.read_text("utf-8"))
    result = gamma_counter(table(path.read_text("utf-8")), source_bq=truth["source_bq"])
    found = values(result)
    for n, (factor, efficiency) in enumerate(zip(truth["well_factor"], truth["efficiency_percent"]), 1):
        assert abs(found["well_factor", str(n)].value - factor) <= 4 * found["well_factor", str(n)].uncertainty
        assert abs(found["efficiency", str(n)].value - efficiency) <= 4 * found["efficiency", str(n)].uncertainty
    assert [one.words.en.split()[1] for one in result.remarks if one.code == "well_apart"] == ["12"]


def test_the_stated_uncertainties_cover_the_truth(table):
    rng, inside, all_ = np.random.default_rng(1), np.zeros(3), 0
    efficiency = np.array([0.7, 0.72, 0.66, 0.5])
    for _ in range(200):
        rows = well_counts(efficiency.tolist(), source_per_s=100.0, background_per_s=5.0, seconds=20.0, rng=rng)
        found = values(gamma_counter(table(HEADER, rows), source_bq=100.0))
        for n, truth in enumerate(efficiency, 1):
            pairs = (
                ("well_factor", efficiency.mean() / truth),
                ("efficiency", 100 * truth),
                ("background", 300.0),
            )
            for k, (name, true) in enumerate(pairs):
                one = found[name, str(n)]
                inside[k] += abs(one.value - true) <= 2 * one.uncertainty
            all_ += 1
    assert np.all((inside / all_ > 0.93) & (inside / all_ < 0.975))


def test_decay_and_dead_time_are_corrected(table):
    half_life_s = 6.0067 * 3600
    times = [0, 3 * 3600, 6 * 3600]
    rows = [[n, 1e5 * 2 ** (-t / half_life_s), 0, 1, t] for n, t in enumerate(times, 1)]
    found = values(gamma_counter(table(HEADER + ",time_s", rows), nuclide="Tc-99m"))
    assert [found["well_factor", str(n)].value for n in (1, 2, 3)] == pytest.approx([1.0] * 3, rel=1e-4)
    true, tau = np.array([1e4, 5e3]), 10e-6
    rows = [[n, 100 * rate / (1 + rate * tau), 0, 100] for n, rate in enumerate(true, 1)]
    found = values(gamma_counter(table(HEADER, rows), source_bq=1e4, dead_time_us=10.0))
    assert found["efficiency", "1"].value == pytest.approx(100, rel=1e-4)
    with pytest.raises(Refused) as refused:
        gamma_counter(table(HEADER, [[1, 1e7, 0, 1]]), dead_time_us=10.0)
    assert refused.value.code == "dead_time"


def test_an_old_iodine_source_is_decayed_to_the_day_of_counting(table):
    rows = [[n, 7000, 0, 100] for n in (1, 2)]
    fresh = values(gamma_counter(table(HEADER, rows), source_bq=100.0))["efficiency",].value
    old = values(gamma_counter(table(HEADER, rows), source_bq=100.0, days_since_assay=59.4))["efficiency",].value
    assert fresh == pytest.approx(70.0, rel=1e-5)
    assert old == pytest.approx(140.0, rel=1e-3)


def test_chi_square_has_the_distribution_of_poisson_counts(table):
    rng, outside = np.random.default_rng(4), 0
    for _ in range(300):
        outside += "counts_not_poisson" in codes(
            gamma_counter(table(HEADER, [[1, rng.poisson(900), 0, 60] for _ in range(10)]))
        )
    assert 0.02 <= outside / 300 <= 0.085


@pytest.mark.parametrize(("counts", "word"), [([10000, 10600] * 5, "more"), ([10000, 10001] * 5, "less")])
def test_counts_that_are_not_poisson_are_told(table, counts, word):
    result = gamma_counter(table(HEADER, [[1, n, 0, 60] for n in counts]))
    (said,) = [one for one in result.remarks if one.code == "counts_not_poisson"]
    assert f"scatter {word}" in said.words.en


def test_a_round_of_counters_compares_their_efficiencies(table):
    rng, rows = np.random.default_rng(5), []
    truth = {f"L{n:02d}": 0.80 + 0.02 * (n % 5) for n in range(20)} | {"L20": 0.3}
    for laboratory, efficiency in truth.items():
        own = well_counts([efficiency] * 4, source_per_s=1000.0, background_per_s=1.0, seconds=60.0, rng=rng)
        rows += [[laboratory, *row] for row in own]
    found = values(gamma_counter(table("laboratory," + HEADER, rows), source_bq=1000.0))
    assert found["efficiency", "L03"].value == pytest.approx(86, abs=0.6)
    assert found["efficiency_deviation", "L20"].value == pytest.approx(100 * (0.3 / 0.84 - 1), abs=1.5)
    assert found["efficiency_z", "L20"].value < -3
    assert all(abs(found["efficiency_z", name].value) < 2.2 for name in truth if name != "L20")
    few = gamma_counter(table("laboratory," + HEADER, rows[:12]), source_bq=1000.0)
    assert "too_few_counters" in codes(few)
    assert not any(key[0] == "efficiency_z" for key in values(few))


def test_a_blocked_well_has_no_factor(table):
    result = gamma_counter(table(HEADER, [[1, 10000, 30, 60], [2, 10100, 30, 60], [3, 33, 30, 60]]))
    assert ("well_factor", "3") not in values(result)
    assert "well_without_counts" in codes(result)


def test_without_a_counting_time_there_are_factors_only(table):
    result = gamma_counter(table("well,source_counts", [[1, 10000], [2, 9000]]), source_bq=100.0)
    assert {m.quantity.name for m in result.measurements} == {"well_factor", "well_deviation", "well_spread"}
    assert "no_counting_time" in codes(result)


def test_rows_that_cannot_be_used_are_answered_one_by_one(table):
    rows = [
        [1, 10000, 30, 60],
        [2, 9900, 30, 60],
        ["", 5, 1, 60],
        [4, "x", 1, 60],
        [5, 5, 1, "soon"],
        [6, "=A1", 1, 60],
        [7, -3, 1, 60],
    ]
    result = gamma_counter(table(HEADER, rows))
    assert sorted((one.words.en.split(":")[0], one.code) for one in result.remarks if one.code.startswith("row_")) == [
        ("row 4", "row_without_well"),
        ("row 5", "row_not_a_number"),
        ("row 6", "row_seconds"),
        ("row 7", "row_formula"),
        ("row 8", "row_not_a_number"),
    ]


@pytest.mark.parametrize(
    ("rows", "options", "code"),
    [
        ([[1, "x", 1, 1]], {}, "no_readings"),
        ([[1, 100, 1, 1]], {"nuclide": "unobtainium"}, "unknown_nuclide"),
        ([[1, 100, 1, 1]], {"source_bq": -1.0}, "activity"),
    ],
)
def test_what_cannot_be_measured_is_refused(table, rows, options, code):
    with pytest.raises(Refused) as refused:
        gamma_counter(table(HEADER, rows), **options)
    assert refused.value.code == code


def test_other_evidence_is_not_accepted(table):
    assert accepts_counter(table("laboratory,value", [["A", 1]])) is not None
    with pytest.raises(Refused):
        gamma_counter(Evidence(kind="table", files=table(HEADER, [[1, 1, 1, 1]]).files, sha256="0"))


def test_the_figure_shows_every_well(table):
    (chart,) = gamma_counter(table(HEADER, [[n, 10000 + n, 30, 60] for n in range(1, 17)])).figures()
    assert len(chart.marks[1].x) == 16


def spectrum(rng=None, centre=29.3, fwhm=7.0, counts=20000.0):
    energy = np.arange(10.0, 60.0)
    sigma = fwhm / 2.3548
    mean = counts * np.exp(-0.5 * ((energy - centre) / sigma) ** 2) / (sigma * 2.5066) + 1e-9
    return [[f"{e:g}", mean[n] if rng is None else rng.poisson(mean[n])] for n, e in enumerate(energy)]


def test_the_peak_of_a_spectrum_is_where_it_was_put(table):
    rows = [[1, *row] for row in spectrum()]
    found = values(gamma_counter(table("well,energy_kev,counts", rows), nominal_kev=28.0))
    assert found["peak_energy", "1"].value == pytest.approx(29.3, abs=1e-6)
    assert found["energy_resolution", "1"].value == pytest.approx(100 * 7.0 / 29.3, rel=1e-4)
    assert found["peak_difference", "1"].value == pytest.approx(1.3, abs=1e-6)


def test_the_peak_s_uncertainty_covers_the_truth(table):
    rng, inside = np.random.default_rng(6), [0, 0]
    for _ in range(200):
        found = values(gamma_counter(table("well,energy_kev,counts", [[1, *row] for row in spectrum(rng)])))
        for k, (name, truth) in enumerate((("peak_energy", 29.3), ("energy_resolution", 100 * 7.0 / 29.3))):
            inside[k] += abs(found[name, "1"].value - truth) <= 2 * found[name, "1"].uncertainty
    assert all(0.9 <= count / 200 <= 0.99 for count in inside)


def test_a_well_without_a_peak_is_told_and_none_at_all_is_refused(table):
    flat = [[2, f"{n}", 3] for n in range(10, 60)]
    result = gamma_counter(table("well,energy_kev,counts", [*([1, *row] for row in spectrum()), *flat]))
    assert codes(result) == ["no_peak"]
    assert len(result.figures()) == 1
    with pytest.raises(Refused):
        gamma_counter(table("well,energy_kev,counts", flat))
