"""The content-addressed store: bytes are on the disk, under the name of their sha256, before anybody is told they were taken."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from pathlib import Path

from django.conf import settings

from photopeak_centre.evidence.models import Blob

TEMPORARY = "tmp"
ABANDONED_AFTER_S = 3600


def place_of(sha256: str) -> Path:
    """Where a blob lies; only a hash ever becomes a path."""
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError("not a sha256")
    return Path(settings.STORE) / sha256[:2] / sha256


def keep(data: bytes) -> Blob:
    """Write, flush, rename, flush the folder, then the ledger's row. Keeping the same bytes again changes nothing."""
    digest = hashlib.sha256(data).hexdigest()
    place = place_of(digest)
    if not place.is_file() or place.stat().st_size != len(data):
        _write(place, data)
    elif not Blob.objects.filter(sha256=digest).exists():  # whoever wrote it may have been stopped before flushing its folder
        flush_folder(place.parent)
    blob, new = Blob.objects.get_or_create(sha256=digest, defaults={"size": len(data)})
    if new and not place.is_file():  # it was deleted, as kept long enough, while we looked
        _write(place, data)
    return blob


def _write(place: Path, data: bytes) -> None:
    temporary = Path(settings.STORE) / TEMPORARY / uuid.uuid4().hex
    for folder in (temporary.parent, place.parent):
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            flush_folder(folder.parent)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, place)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    flush_folder(place.parent)


def flush_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(sha256: str) -> bytes:
    return place_of(sha256).read_bytes()


def sweep(older_than_s: float = ABANDONED_AFTER_S) -> int:
    """Remove what interrupted writes left behind; says how many."""
    folder, removed = Path(settings.STORE) / TEMPORARY, 0
    for path in folder.glob("*") if folder.is_dir() else ():
        if time.time() - path.stat().st_mtime > older_than_s:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def damaged() -> list[str]:
    """The hashes of the ledger whose file is missing or no longer has that hash."""
    wrong = []
    for blob in Blob.objects.iterator():
        place = place_of(blob.sha256)
        if not place.is_file() or _hash_of(place) != blob.sha256:
            wrong.append(blob.sha256)
    return wrong


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
