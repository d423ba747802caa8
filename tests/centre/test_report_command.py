"""`photopeak report PERIOD --out DIR`, as a person runs it."""

import json
import os
import subprocess
import sys

import pytest


def run(tmp_path, *words):
    home = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    command = [sys.executable, "-m", "photopeak_centre", "report", *words, "--home", str(tmp_path / "home")]
    return subprocess.run(
        command, capture_output=True, text=True, env={**home, "PYTHONIOENCODING": "utf-8"}, stdin=subprocess.DEVNULL
    )


def test_the_report_command_writes_both_languages_word_and_json(tmp_path):
    done = run(tmp_path, "2026H1", "--out", str(tmp_path / "out"), "--lang", "en")
    assert done.returncode == 0, done.stderr
    names = ["half_year_2026H1." + end for end in ("zh.pdf", "en.pdf", "zh.docx", "en.docx", "json")]
    assert done.stdout.split() == [str(tmp_path / "out" / name) for name in names]
    assert "typeset 5 / 5" in done.stderr
    assert "draft, not released" in done.stderr
    document = json.loads((tmp_path / "out" / "half_year_2026H1.json").read_text("utf-8"))
    assert document["numbers"]["schema"] == 1
    assert [one["available"] for one in document["numbers"]["sections"][1:]] == [False] * 12
    assert (tmp_path / "out" / "half_year_2026H1.zh.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("words", [("2026",), ("2026H3",)])
def test_what_is_no_period_is_said_and_nothing_is_written(tmp_path, words):
    done = run(tmp_path, *words, "--out", str(tmp_path / "out"), "--lang", "en")
    assert done.returncode == 2
    assert "2026H1" in done.stderr
    assert not (tmp_path / "out").exists()
