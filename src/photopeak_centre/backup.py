"""Hot backup and restore: a consistent copy of the database and of every stored file it names, in one archive.

The database is copied while others write (SQLite's own backup; on PostgreSQL `pg_dump` in one snapshot). Stored files never change
once written, so those of the copied ledger are complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from photopeak_centre.evidence.models import Blob
from photopeak_centre.evidence.store import flush_folder, place_of

DATABASE = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}


class BackupError(Exception):
    """The backup or restore cannot go on; the message says why, in both languages."""


def backup(target: Path) -> int:
    """Write the archive beside `target` and rename it when it is whole; returns how many files are in it."""
    connection.ensure_connection()
    temporary = target.with_name(target.name + ".part")
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        database = Path(folder) / DATABASE[connection.vendor]
        copied = _copy_database(database)
        with tarfile.open(temporary, "w") as archive:
            archive.add(database, database.name)
            count = 0
            for sha256 in copied:
                try:
                    archive.add(place_of(sha256), f"store/{sha256}")
                except FileNotFoundError:
                    if Blob.objects.filter(pk=sha256).exists():
                        raise BackupError(f"missing in the store / 存储中缺少: {sha256}") from None
                    continue  # deleted meanwhile, as kept long enough
                count += 1
            about = {"vendor": connection.vendor, "files": count, "database_sha256": _hash(database)}
            _add_text(archive, "about.json", json.dumps(about), Path(folder))
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
    os.replace(temporary, target)
    flush_folder(target.parent)
    return count


def _add_text(archive: tarfile.TarFile, name: str, text: str, folder: Path) -> None:
    path = folder / name
    path.write_text(text, "utf-8")
    archive.add(path, name)


def _copy_database(target: Path) -> list[str]:
    """Copy the database; returns the hashes of its ledger."""
    if connection.vendor == "sqlite":
        with contextlib.closing(sqlite3.connect(target)) as copy:
            raw: Any = connection.connection
            raw.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            return [row[0] for row in copy.execute("SELECT sha256 FROM evidence_blob")]
    _run("pg_dump", "--format=custom", f"--file={target}")
    return list(Blob.objects.values_list("sha256", flat=True))


def _run(program: str, *arguments: str) -> None:
    given: Any = settings.DATABASES["default"]
    environment = {**os.environ, "PGPASSWORD": str(given["PASSWORD"])}
    where = ["-h", given["HOST"], "-p", given["PORT"] or "5432", "-U", given["USER"], "-d", given["NAME"]]
    try:
        done = subprocess.run([program, *where, *arguments], env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BackupError(f"{program} is not installed / 未安装 {program}") from None
    if done.returncode:
        raise BackupError(done.stderr.strip()[-400:])


def restore(source: Path) -> int:
    """Put an archive back into an empty home or an empty database; every file's hash is checked before it counts."""
    with tarfile.open(source) as archive:
        about = json.loads(_member(archive, "about.json"))
        if about["vendor"] != connection.vendor:
            raise BackupError(f"the backup is of {about['vendor']} / 该备份来自 {about['vendor']}")
        name = DATABASE[about["vendor"]]
        _refuse_where_used()
        with tempfile.TemporaryDirectory(dir=settings.HOME) as folder:
            database = Path(folder) / name
            database.write_bytes(_member(archive, name))
            if _hash(database) != about["database_sha256"]:
                raise BackupError("the database in the backup is damaged / 备份中的数据库已损坏")
            count = _restore_store(archive)
            if connection.vendor == "sqlite":
                connection.close()
                place = Path(settings.DATABASES["default"]["NAME"])
                for left in ("-wal", "-shm"):  # of the empty database that stood here
                    place.with_name(place.name + left).unlink(missing_ok=True)
                os.replace(database, place)
                flush_folder(place.parent)
            else:
                connection.close()
                _run(
                    "pg_restore",
                    "--clean",
                    "--if-exists",
                    "--no-owner",
                    "--single-transaction",
                    "--exit-on-error",
                    str(database),
                )
    if count != about["files"]:
        raise BackupError("files are missing in the backup / 备份中缺少文件")
    return count


def _refuse_where_used() -> None:
    if "accounts_person" in connection.introspection.table_names():
        from photopeak_centre.accounts.models import Person

        if Person.objects.exists():
            raise BackupError(
                "the target is in use; restore into an empty PHOTOPEAK_HOME / 目标已在使用，请恢复到空的 PHOTOPEAK_HOME"
            )


def _restore_store(archive: tarfile.TarFile) -> int:
    from photopeak_centre.evidence.store import _write

    count = 0
    for member in archive:
        if not member.name.startswith("store/"):
            continue
        data, sha256 = archive.extractfile(member), member.name.removeprefix("store/")
        content = data.read() if data else b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise BackupError(f"damaged in the backup / 备份中已损坏: {sha256}")
        _write(place_of(sha256), content)
        count += 1
    return count


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    try:
        file = archive.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        raise BackupError(f"{name} is missing; this is not a backup of Photopeak / 缺少 {name}，不是 Photopeak 的备份")
    return file.read()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
