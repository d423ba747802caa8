"""Watched folders: a file that has not changed for a while is taken in once, for the folder's hospital."""

from __future__ import annotations

import hashlib
import logging
import time
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from photopeak.dicom.sources import is_companion, is_hidden
from photopeak_centre.evidence.intake import take_file
from photopeak_centre.evidence.models import HandIn, SeenFile, WatchedFolder

logger = logging.getLogger(__name__)
QUIET_S = 10.0


def look(quiet_s: float = QUIET_S) -> int:
    """Take in what is new in every watched folder; returns how many files."""
    taken = 0
    for folder in WatchedFolder.objects.filter(active=True):
        seen, hand_in = set(SeenFile.objects.filter(folder=folder).values_list("key", flat=True)), None
        for path in _files(Path(folder.path)):
            status = path.stat()
            if time.time() - status.st_mtime < quiet_s:
                continue
            key = hashlib.sha256(
                f"{path}\0{status.st_size}\0{status.st_mtime_ns}".encode("utf-8", "surrogateescape")
            ).hexdigest()
            if key in seen:
                continue
            hand_in = hand_in or HandIn.objects.create(organisation_id=folder.organisation_id, route="folder")
            try:
                with transaction.atomic():
                    take_file(hand_in, path, str(path.relative_to(folder.path)))
                    SeenFile.objects.create(folder=folder, key=key)
            except OSError:
                logger.warning("a file of watched folder %s could not be read; it is tried again", folder.pk)
                continue
            taken += 1
        if hand_in is not None:
            HandIn.objects.filter(pk=hand_in.pk).update(closed=timezone.now())
    return taken


def _files(folder: Path) -> list[Path]:
    """Regular files below the folder that no link leads to."""
    found = []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        inside = path.relative_to(folder).parts
        if any(is_hidden(part) for part in inside) or is_companion(path.name) or path.is_symlink() or not path.is_file():
            continue
        if any((folder / Path(*inside[:n])).is_symlink() for n in range(1, len(inside))):
            continue
        found.append(path)
    return found
