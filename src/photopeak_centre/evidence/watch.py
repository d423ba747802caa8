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
    """Take in what is new in every watched folder; returns how many files. Several workers may look at once."""
    return sum(_look_into(folder, quiet_s) for folder in WatchedFolder.objects.filter(active=True))


def _look_into(folder: WatchedFolder, quiet_s: float) -> int:
    place, problem, taken, hand_in = Path(folder.path), "", 0, None
    seen = set(SeenFile.objects.filter(folder=folder).values_list("key", flat=True))
    if not place.is_dir():
        problem = "missing"
    for path in _files(place):
        try:
            key = _as_it_is(path, quiet_s)
            if key is None or key in seen:
                continue
            hand_in = hand_in or HandIn.objects.create(organisation_id=folder.organisation_id, route="folder")
            taken += _take_once(folder, hand_in, path, key)
        except FileNotFoundError:
            continue  # moved away meanwhile
        except OSError:
            logger.warning("a file of watched folder %s could not be read; it is tried again", folder.pk)
            problem = "unreadable"
    if hand_in is not None:
        HandIn.objects.filter(pk=hand_in.pk).update(closed=timezone.now())
    WatchedFolder.objects.filter(pk=folder.pk).update(looked=timezone.now(), problem=problem)
    return taken


def _as_it_is(path: Path, quiet_s: float) -> str | None:
    """What stands for the file in its present state; None while it may still be written."""
    status = path.stat()
    if time.time() - status.st_mtime < quiet_s:
        return None
    return hashlib.sha256(f"{path}\0{status.st_size}\0{status.st_mtime_ns}".encode("utf-8", "surrogateescape")).hexdigest()


@transaction.atomic
def _take_once(folder: WatchedFolder, hand_in: HandIn, path: Path, key: str) -> bool:
    """Take the file in unless another worker has; its row is written first, so that the second one waits and sees it."""
    _, new = SeenFile.objects.get_or_create(folder=folder, key=key)
    if new:
        take_file(hand_in, path, str(path.relative_to(folder.path)))
    return new


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
