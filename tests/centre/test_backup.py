"""Backup while the centre works, restore into an empty home, equal to what was saved; on SQLite, and on PostgreSQL with its own tools."""

import os
import shutil
import subprocess
import sys
import tarfile
import time

import pytest
from django.db import connection

from photopeak.phantom.flood import flood_files

MAKE = """
from photopeak_centre.command import migrate, start
start(); migrate()
import sys
from pathlib import Path
from photopeak_centre.accounts.views import make_centre
from photopeak_centre.audit.chain import record
from photopeak_centre.evidence.intake import take
from photopeak_centre.evidence.models import HandIn
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.jobs.worker import work
make_centre(centre_zh="云汀市质控中心", centre_en="Yunting", username="li", name_zh="李", password="a long phrase of words")
hospital = Organisation.objects.create(kind="hospital", name_zh="岚溪医院")
hand_in = HandIn.objects.create(organisation=hospital, route="form")
take(hand_in, Path(sys.argv[1]).read_bytes(), "flood.dcm")
take(hand_in, b"id;value\\n1;2\\n", "table.csv")
work(until_idle=True)
for n in range(50):
    record("did", f"thing {n}", organisation=hospital.pk, words=f"名 {n}")
"""
#: every row of every table in order, and every stored file, as one hash
DIGEST = """
from photopeak_centre.command import start
start()
import hashlib, json
from django.apps import apps
from django.conf import settings
from django.core.serializers import serialize
from pathlib import Path
digest, rows = hashlib.sha256(), 0
for model in sorted(apps.get_models(), key=lambda m: m._meta.label):
    if model._meta.label == "sessions.Session":
        continue
    found = serialize("json", model._default_manager.order_by("pk"))
    rows += model._default_manager.count()
    digest.update(found.encode())
files = sorted(Path(settings.STORE).glob("??/*"))
for path in files:
    digest.update(path.name.encode() + path.read_bytes())
print(rows, len(files), digest.hexdigest())
"""
WRITE = """
from photopeak_centre.command import start
start()
import itertools
from photopeak_centre.evidence.intake import take
from photopeak_centre.evidence.models import HandIn
hand_in = HandIn.objects.first()
for n in itertools.count():
    take(hand_in, f"id;value\\n1;{n}\\n".encode() * 200, f"more{n}.csv")
    print(n, flush=True)
"""


class Place:
    """A home with a database of its own, reached as an operator reaches it: by the command."""

    def __init__(self, home, url):
        self.home, self.url = home, url
        self.environment = {**os.environ, "PHOTOPEAK_HOME": str(home), "OMP_NUM_THREADS": "1"}
        self.environment.pop("DATABASE_URL", None)
        if url:
            self.environment["DATABASE_URL"] = url

    def run(self, *words):
        return subprocess.run(
            [sys.executable, "-m", "photopeak_centre", *map(str, words)], env=self.environment, capture_output=True, text=True, timeout=300
        )  # fmt: skip

    def python(self, program, *words):
        done = subprocess.run(
            [sys.executable, "-c", program, *map(str, words)], env=self.environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def writing(self):
        return subprocess.Popen([sys.executable, "-c", WRITE], env=self.environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def places(tmp_path):
    """Two empty homes; with PostgreSQL two empty databases too."""
    if connection.vendor != "postgresql":
        yield Place(tmp_path / "a", None), Place(tmp_path / "b", None)
        return
    if not shutil.which("pg_dump") or not shutil.which("pg_restore"):
        pytest.skip("pg_dump and pg_restore are not installed")
    import psycopg

    given = connection.settings_dict
    server = f"postgres://{given['USER']}@{given['HOST']}:{given['PORT'] or 5432}"
    names = ["photopeak_backup_a", "photopeak_backup_b"]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        for name in names:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            admin.execute(f"CREATE DATABASE {name}")
        yield tuple(Place(tmp_path / name[-1], f"{server}/{name}") for name in names)
        for name in names:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def flood(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flood")
    return next(p for p in flood_files(folder, seed=3, matrix=64, counts=2e6) if p.suffix == ".dcm")


def test_a_restored_backup_equals_what_was_saved_and_one_made_while_others_write_is_whole(places, flood, tmp_path):
    first, second = places
    first.python(MAKE, flood)
    saved = first.python(DIGEST)
    assert int(saved.split()[0]) > 100
    assert first.run("backup", tmp_path / "a.tar").returncode == 0

    bad, name = damaged(tmp_path / "a.tar", tmp_path / "bad.tar")
    refused = second.run("restore", bad)
    assert refused.returncode == 2
    assert "damaged" in refused.stderr
    restored = second.run("restore", tmp_path / "a.tar")
    assert restored.returncode == 0, restored.stderr
    assert second.python(DIGEST) == saved
    verified = second.run("verify")
    assert verified.returncode == 0, verified.stdout
    last = next(word for word in verified.stdout.split() if len(word) == 64)
    assert first.run("verify", "--anchor", last).returncode == 0
    assert second.run("restore", tmp_path / "a.tar").returncode == 2  # never over a centre in use
    assert second.python(DIGEST) == saved
    (second.home / "store" / name[:2] / name).write_bytes(b"something else")
    verified = second.run("verify")
    assert verified.returncode == 1
    assert name in verified.stdout

    writer = first.writing()
    try:
        acknowledged = [int(writer.stdout.readline()) for _ in range(5)]
        begun = first.run("daily", "--backup-to", tmp_path / "hot", "--keep", "1")
        assert begun.returncode == 0, begun.stdout + begun.stderr
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.wait()
    (hot,) = (tmp_path / "hot").iterdir()
    third = Place(tmp_path / "c", second.url)
    if second.url:
        empty(second.url)
    assert third.run("restore", hot).returncode == 0
    assert third.run("verify").returncode == 0
    count = "from photopeak_centre.command import start\nstart()\nfrom photopeak_centre.evidence.models import Item\nprint(Item.objects.count())"
    assert int(third.python(count)) >= 2 + len(acknowledged)


def empty(url):
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def damaged(archive, target):
    """A copy of the archive with one bit of its largest stored file turned."""
    data = bytearray(archive.read_bytes())
    with tarfile.open(archive) as opened:
        member = max((m for m in opened if m.name.startswith("store/")), key=lambda m: m.size)
    data[member.offset_data + member.size // 2] ^= 1
    target.write_bytes(data)
    return target, member.name.removeprefix("store/")


def test_old_backups_go_and_nothing_else_of_the_folder(tmp_path, monkeypatch):
    from photopeak_centre import upkeep

    written = []
    monkeypatch.setattr("photopeak_centre.backup.backup", lambda target: written.append(target.write_text("x")) or 1)
    for n in range(5):
        (tmp_path / f"photopeak-2026010{n}-020000.tar").touch()
    (tmp_path / "photopeak-notes.tar").touch()
    upkeep.back_up(tmp_path, keep=3)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == 4
    assert left[:2] == ["photopeak-20260103-020000.tar", "photopeak-20260104-020000.tar"]
    assert left[3] == "photopeak-notes.tar"
    assert time.strftime("photopeak-%Y") in left[2]


def test_the_days_upkeep_tells_what_is_wrong_in_both_languages(database):
    from django.utils import translation

    from cast import centre, person, signed_in
    from photopeak_centre.audit.chain import record
    from photopeak_centre.audit.models import Detail, Upkeep
    from photopeak_centre.evidence import store
    from photopeak_centre.upkeep import daily

    for n in range(5):
        record("did", f"thing {n}", words="x")
    blob = store.keep(b"a file of the upkeep's test")
    assert daily(None, 1)
    assert Upkeep.objects.get(act="verified").well
    Detail.objects.filter(pk=3).update(content={"words": "y"})
    store.place_of(blob.pk).write_bytes(b"other")
    assert not daily(None, 1)
    row = Upkeep.objects.filter(act="verified").latest("id")
    assert (row.well, row.number) == (False, 3)
    with translation.override("en"):
        assert row.said == "audit chain broken at entry 3; 1 stored files damaged or missing"
    with translation.override("zh-hans"):
        assert row.said == "审计链断裂于第 3 条；1 个文件损坏或缺失"
    body = signed_in(person("director", centre())).get("/health/").content.decode()
    assert "Broken at entry 3" in body
    store.place_of(blob.pk).unlink()
