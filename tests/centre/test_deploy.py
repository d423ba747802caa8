"""The documented ways to run the centre say what the command understands."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main

from photopeak_centre import command

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "deploy"
UNITS = sorted(FOLDER.glob("*.service"))
COMMAND = typer.main.get_command(command.app)


def understood(words):
    """Parse the words as the command would, without doing anything."""
    name, *rest = words
    found = COMMAND.commands[name]
    with found.make_context(name, list(rest), resilient_parsing=False) as context:
        return context.params


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_what_the_command_understands(unit):
    program, *words = shlex.split(re.search(r"^ExecStart=(.+)$", unit.read_text(), re.M).group(1))
    assert program == "/opt/photopeak/bin/photopeak"
    assert understood(words)


@pytest.mark.parametrize("unit", [*UNITS, *sorted(FOLDER.glob("*.timer"))], ids=lambda path: path.name)
def test_a_unit_is_one_for_systemd(unit, tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    for other in FOLDER.glob("photopeak*"):
        text = other.read_text().replace("/opt/photopeak/bin/photopeak", "/bin/true")
        (tmp_path / other.name).write_text(text)
    place = tmp_path / unit.name.replace("@.", "@1.")
    if not place.exists():
        shutil.copy(tmp_path / unit.name, place)
    done = subprocess.run(["systemd-analyze", "verify", str(place)], capture_output=True, text=True, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if "photopeak" in line]
    assert complaints == []


def test_the_container_serves():
    text = (FOLDER / "Containerfile").read_text()
    entry = json.loads(re.search(r"^ENTRYPOINT (\[.*\])$", text, re.M).group(1))
    words = json.loads(re.search(r"^CMD (\[.*\])$", text, re.M).group(1))
    assert entry == ["photopeak"]
    given = understood(words)
    assert given["host"] == "0.0.0.0"
    ports = set(map(int, re.search(r"^EXPOSE (.+)$", text, re.M).group(1).split()))
    assert ports == {given["port"], given["dicom_port"]}
    assert f"127.0.0.1:{given['port']}/alive/" in text
    known = r"^(?:#.*|(?:FROM|RUN|COPY|USER|ENV|VOLUME|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT|CMD) .+| && .+|)$"
    assert all(re.match(known, line) for line in text.splitlines())
