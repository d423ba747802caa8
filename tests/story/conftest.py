"""A centre as people meet it: `photopeak serve` as a process of its own, and Debian's chromium looking at it."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

CHROMIUM = Path("/usr/bin/chromium")


def missing(what: str) -> None:
    """Skip with a message; on the integration machine, which has everything, a missing piece is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}: the integration machine must have it")
    pytest.skip(what)


@pytest.fixture(scope="module")
def browser():
    """Chromium, for as long as one module's tests run (its event loop would be in the way of other tests)."""
    if not CHROMIUM.is_file():
        missing(f"{CHROMIUM} not found")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def database_url():
    """A database of PostgreSQL of its own where DATABASE_URL names a server; None: the centre's own SQLite file."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        yield None
        return
    import psycopg

    name = f"photopeak_story_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    yield urlsplit(url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass
class Centre:
    """A running centre. `first_page`: where its administrator is made. `requests`: every address that a browser asked for."""

    address: str
    first_page: str
    home: Path
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self, context):
        """Keep what the pages of a browser ask for and complain of."""
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("console", lambda message: self._console(message))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        return context

    def _console(self, message):
        if message.type == "error" and "status of 422" not in message.text:  # a form that is shown again with its errors
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def asked_elsewhere(self):
        own = ("data:", "blob:")
        return [url for url in self.requests if not url.startswith(own) and not url.startswith(self.address + "/")]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def centre(tmp_path_factory, database_url):
    """`photopeak serve` with one worker on an empty home; ended, with its children, afterwards."""
    home, port = tmp_path_factory.mktemp("centre"), free_port()
    environment = {**os.environ, "PHOTOPEAK_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    environment.pop("DATABASE_URL", None)
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    if database_url:
        environment["DATABASE_URL"] = database_url
    words = [sys.executable, "-m", "photopeak_centre", "serve", "--port", str(port), "--dicom-port", "0", "--lang", "en"]
    with (home / "serve.log").open("w+") as log:
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            first_page = _when_it_answers(address, process, home / "serve.log")
            yield Centre(address, first_page, home)
        finally:
            process.terminate()
            process.wait(20)


def _when_it_answers(address: str, process, log: Path) -> str:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/alive/", timeout=5) as answer:
                if answer.status == 200:
                    return re.search(r"http://\S+", log.read_text())[0]
        except OSError:
            time.sleep(0.1)
    pytest.fail("the centre did not start:\n" + log.read_text()[-4000:])
