"""`photopeak serve` alone: the real processes on a fresh home, set up in the browser's way, an image sent, checked, stopped cleanly."""

import datetime
import http.cookiejar
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from django.db import connection

from photopeak.phantom.flood import flood_files
from photopeak_centre.processes import Keeper, Kept, due

STORESCU = Path("/usr/bin/storescu")
PATIENCE_S = 120  # for a machine that does other things too


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(true, what, within=PATIENCE_S):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.2)
    raise AssertionError(f"not within {within} s: {what}")


@pytest.fixture
def own_database():
    """With PostgreSQL an empty database of the story's own; says how many sessions it has."""
    if connection.vendor != "postgresql":
        yield None, lambda: 0
        return
    import psycopg

    given = connection.settings_dict
    server = f"postgres://{given['USER']}@{given['HOST']}:{given['PORT'] or 5432}"
    name = "photopeak_story"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name}")

        def sessions():
            return admin.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [name]).fetchone()[0]

        yield f"{server}/{name}", sessions
        until(lambda: sessions() == 0, "every session given back", 10)
        admin.execute(f"DROP DATABASE {name}")  # without FORCE: nobody may be left in it


class Served:
    """A running `photopeak serve` and a browser's session with it."""

    def __init__(self, home, database, *words):
        self.web, self.dicom = free_port(), free_port()
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        environment.pop("PHOTOPEAK_HOME", None)
        environment.pop("DATABASE_URL", None)
        if database:
            environment["DATABASE_URL"] = database
        self.said = home.parent / "said.txt"
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "photopeak_centre", "serve", "--home", str(home), "--port", str(self.web),
                 "--dicom-port", str(self.dicom), "--lang", "en", *words],
                env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        jar = http.cookiejar.CookieJar()
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        self.jar = jar
        until(lambda: "http://" in self.said.read_text(), self.said.read_text())
        until(self.answers, "the web page answers")

    def answers(self):
        try:
            return "true" in self.get("alive/")
        except OSError:
            return False

    def get(self, path):
        return self.browser.open(f"http://127.0.0.1:{self.web}/{path}", timeout=30).read().decode()

    def post(self, path, **fields):
        page = self.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page).group(1)
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token, **fields}).encode()
        return self.browser.open(f"http://127.0.0.1:{self.web}/{path}", data, timeout=30).read().decode()

    def children(self):
        found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        return {line.strip() for line in found.stdout.splitlines()}

    def child(self, word):
        return next((int(line.split()[0]) for line in self.children() if f"photopeak_centre {word}" in line), None)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_serve_alone_takes_an_image_in_checks_it_and_stops_cleanly(own_database, tmp_path):
    if not STORESCU.exists():
        pytest.skip("dcmtk is not installed")
    url, sessions = own_database
    served = Served(tmp_path / "centre", url, "--workers", "2")
    try:
        key = re.search(r"set-up/\?key=(\S+)", served.said.read_text()).group(1)
        served.post(
            f"set-up/?key={key}", centre_zh="云汀市质控中心", centre_en="Yunting", username="li", name_zh="李",
            password="a long phrase of words", again="a long phrase of words",
        )  # fmt: skip
        served.post("hospitals/new/", kind="hospital", name_zh="岚溪医院", keep_evidence_years="10")
        hospital = re.search(r"/hospitals/(\d+)/", served.get("hospitals/")).group(1)
        served.post("senders/", organisation=hospital, address="127.0.0.1", active="on")
        workers = [line for line in served.children() if "photopeak_centre worker" in line]
        assert len(workers) == 2
        os.kill(int(workers[0].split()[0]), signal.SIGKILL)  # a worker that dies is begun again
        flood = next(p for p in flood_files(tmp_path / "flood", seed=3, matrix=64, counts=2e6) if p.suffix == ".dcm")
        words = [str(STORESCU), "-aec", "PHOTOPEAK", "127.0.0.1", str(served.dicom), str(flood)]
        sent = until(lambda: subprocess.run(words, capture_output=True).returncode == 0, "the receiver takes the image")
        assert sent
        until(lambda: re.search(r'href="/results/\d+/"', served.get("results/")), "the check is done")
        assert "flood" in served.get("results/").lower() or "泛源" in served.get("results/")
        until(lambda: sum("photopeak_centre worker" in line for line in served.children()) == 2, "two workers again")
        until(lambda: served.child("daily") is None, "the day's upkeep is done")
        health = served.get("health/")
        assert "unbroken" in health or "完整" in health
        assert health.count("not yet") + health.count("尚未进行") == 1  # no backup was asked for
        pids = [int(line.split()[0]) for line in served.children()]
        assert len(pids) == 3
        assert served.stop() == 0
        until(lambda: not any(map(alive, pids)), "no process left", 10)
        until(lambda: sessions() == 0, "every database session given back", 10)
        verified = subprocess.run(
            [sys.executable, "-m", "photopeak_centre", "verify", "--home", str(tmp_path / "centre")],
            env={**os.environ, **({"DATABASE_URL": url} if url else {})}, capture_output=True, text=True,
        )  # fmt: skip
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert not list((tmp_path / "centre" / "store" / "tmp").glob("*"))
    finally:
        if served.process.poll() is None:
            os.killpg(served.process.pid, signal.SIGKILL)


def test_when_serve_is_killed_its_processes_end_too_and_the_ports_are_free(tmp_path):
    served = Served(tmp_path / "centre", None)
    try:
        receiver = until(lambda: served.child("receive"), "a receiver")
        until(lambda: connects(served.dicom), "the receiver listens")
        pids = [int(line.split()[0]) for line in served.children()]
        served.process.kill()
        served.process.wait()
        until(lambda: not any(map(alive, pids)), f"{receiver} and the others end", 30)
        assert not connects(served.dicom)
    finally:
        if served.process.poll() is None:
            os.killpg(served.process.pid, signal.SIGKILL)


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def test_the_days_work_is_due_once_a_day_also_after_a_night_without_power():
    at = datetime.time(2, 30)
    moment = datetime.datetime
    assert due(moment(2026, 11, 26, 9, 0), at, None)
    assert not due(moment(2026, 11, 26, 9, 0), at, moment(2026, 11, 26, 2, 31))
    assert not due(moment(2026, 11, 27, 2, 29), at, moment(2026, 11, 26, 2, 31))
    assert due(moment(2026, 11, 27, 2, 30), at, moment(2026, 11, 26, 2, 31))
    assert due(moment(2026, 11, 29, 12, 0), at, moment(2026, 11, 26, 2, 31))


def test_a_process_that_ends_at_once_is_not_begun_in_a_frenzy(monkeypatch):
    from photopeak_centre import processes

    begun = []

    class Ended:
        returncode = 1

        def poll(self):
            return 1

    monkeypatch.setattr(processes, "begin", lambda *words: begun.append(words) or Ended())
    kept = Kept("worker")
    for tenth in range(600):
        kept.look(1000 + tenth / 10)
    assert 4 < len(begun) < 9
    keeper = Keeper([], ["daily"])
    keeper.last_daily = lambda: None
    keeper._daily()
    assert begun[-1] == ("daily",)
