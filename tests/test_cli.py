"""The command: what it prints where, its exit codes, and how it refuses a wrong call."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from photopeak.cli import app
from photopeak.phantom.flood import flood_files
from photopeak.phantom.iec_body import iec_body_files

runner = CliRunner()


@pytest.fixture(scope="module")
def flood(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flood")
    return next(
        path for path in flood_files(folder, seed=4, matrix=128, counts=20e6, tube_depth_percent=40.0) if path.suffix == ".dcm"
    )


@pytest.fixture(scope="module")
def limit(tmp_path_factory):
    path = tmp_path_factory.mktemp("limit") / "own.toml"
    path.write_text(
        'standard = "S"\nread_by = ["x"]\n[[limit]]\nquantity = "integral_uniformity"\nstage = "status"\nupper = 5\nunit = "%"\n',
        encoding="utf-8",
    )
    return path


def run(*words):
    return runner.invoke(app, [str(word) for word in words])


def test_json_on_standard_output_is_the_document_and_nothing_else(flood):
    done = subprocess.run(
        [sys.executable, "-m", "photopeak.cli", "check", str(flood), "--json", "-"], capture_output=True, check=True
    )
    document = json.loads(done.stdout)
    assert document["schema"] == 1
    assert document["results"][0]["procedure"] == "gamma_camera.flood_uniformity"
    assert {m["quantity"] for m in document["results"][0]["measurements"]} >= {"integral_uniformity", "differential_uniformity"}


def test_strict_returns_one_for_a_fail_and_zero_without_it(flood, limit, tmp_path):
    arguments = ("check", flood, "--criteria", limit, "--json", tmp_path / "r.json")
    assert run(*arguments).exit_code == 0
    assert run(*arguments, "--strict").exit_code == 1


def test_a_report_is_written_in_both_languages(flood, tmp_path):
    assert run("check", flood, "--out", tmp_path / "report", "--lang", "zh").exit_code == 0
    written = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"report.html", "report.pdf", "report.en.html", "report.en.pdf", "results.json", "figures"} <= written


def test_an_option_of_the_procedure_reaches_it(flood, tmp_path):
    sizes = []
    for factor in (1, 2):
        out = tmp_path / f"{factor}.json"
        assert run("run", "gamma_camera.flood_uniformity", flood, "--bin-factor", factor, "--json", out).exit_code == 0
        found = json.loads(out.read_text("utf-8"))["results"][0]["measurements"]
        sizes.append(next(m["value"] for m in found if m["quantity"] == "pixel_size_analysed"))
    assert sizes[1] == pytest.approx(2 * sizes[0])


def test_nothing_readable_is_exit_code_three(tmp_path):
    (tmp_path / "note.dcm").write_bytes(b"not an image" * 20)
    assert run("check", tmp_path, "--json", tmp_path / "r.json").exit_code == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "nowhere"), "nowhere"),
        (("run", "gamma_camera.nothing", "."), "gamma_camera.nothing"),
        (("check", ".", "--stage", "someday"), "someday"),
        (("check", ".", "--programme", "earl9"), "earl9"),
        (("check", ".", "--what", "1"), "--what"),
        (("check", ".", "--lang", "fr"), "fr"),
        (("check", ".", "--engine", "ray:1"), "ray:1"),
        (("phantom", "unicorn", "--out", "x"), "unicorn"),
    ],
)
def test_a_wrong_call_is_exit_code_two_and_names_what_was_wrong(words, said):
    done = run(*words)
    assert done.exit_code == 2
    assert said in done.stderr


def test_the_roll_and_the_limits_print_as_json():
    names = {row["name"] for row in json.loads(run("procedures", "--json").stdout)}
    assert {"gamma_camera.flood_uniformity", "pet.image_quality"} <= names
    rows = json.loads(run("criteria", "--stage", "harmonisation", "--json").stdout)
    assert {row["programme"] for row in rows} >= {"earl1", "earl2"}
    assert all(row["stage"] == "harmonisation" for row in rows)


def test_a_phantom_is_written_with_its_truth(tmp_path):
    done = run("phantom", "flood", "--out", tmp_path / "p", "--seed", 7, "--matrix", 64, "--noise", "false")
    assert done.exit_code == 0
    assert {path.name for path in (tmp_path / "p").iterdir()} >= {"truth.json"}


def test_a_plugin_outside_the_package_is_in_the_roll_and_runs(flood, tmp_path):
    facts = tmp_path / "FACTS.toml"
    facts.write_text('phantom = "plugin example"\n', encoding="utf-8")
    pytest.importorskip("photopeak_test_plugin", reason="the plugin of test_plugin/ is not installed")
    assert (
        run("run", "plugin.total_counts", flood, "--facts", facts, "--scale", "2", "--json", tmp_path / "r.json").exit_code == 0
    )
    (result,) = json.loads((tmp_path / "r.json").read_text("utf-8"))["results"]
    assert result["measurements"][0]["value"] == pytest.approx(4e7, rel=0.01)


def test_an_engine_gives_the_numbers_of_a_plain_run(flood, tmp_path):
    distributed = pytest.importorskip("distributed")
    assert run("check", flood, "--json", tmp_path / "plain.json").exit_code == 0
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
        address = f"dask:{cluster.scheduler_address}"
        assert run("check", flood, "--engine", address, "--json", tmp_path / "dask.json").exit_code == 0
    plain, by_dask = (json.loads((tmp_path / f"{name}.json").read_text("utf-8"))["results"] for name in ("plain", "dask"))
    assert [one["measurements"] for one in plain] == [one["measurements"] for one in by_dask]


def test_an_engine_that_does_not_answer_is_a_wrong_call(flood):
    done = run("check", flood, "--engine", "dask:tcp://127.0.0.1:9", "--json", "-")
    assert done.exit_code == 2
    assert "127.0.0.1:9" in done.stderr


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "the nearest: gamma_camera.flood_uniformity"), ("zh", "相近的有：gamma_camera.flood_uniformity")],
)
def test_a_mistyped_procedure_or_option_is_answered_with_the_nearest(flood, language, said, monkeypatch):
    monkeypatch.setenv("PHOTOPEAK_LANG", language)
    done = run("run", "flood_uniformty", flood)
    assert done.exit_code == 2
    assert said in done.output.replace("\n", " ")
    assert len(done.output) < 400
    done = run("check", flood, "--bin-facto", "3")
    assert done.exit_code == 2
    assert "--bin-factor" in done.output
    assert len(done.output) < 400


def test_threads_and_processes_do_not_change_a_digit_of_image_quality(tmp_path):
    iec_body_files(tmp_path / "phantom", seed=2, slices=40)

    def measured(threads, *more):
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        words = [sys.executable, "-m", "photopeak.cli", "check", str(tmp_path / "phantom"), "--json", "-", *more]
        done = subprocess.run(words, capture_output=True, check=True, env=environment)
        return [(one["procedure"], one["measurements"]) for one in json.loads(done.stdout)["results"]]

    alone = measured("1")
    assert {"pet.image_quality", "pet.suv"} <= {procedure for procedure, _ in alone}
    assert measured("2", "--workers", "2") == alone
