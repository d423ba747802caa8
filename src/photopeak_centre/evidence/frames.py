"""Raw frames of stored images for the viewer. Decoded once by a limited process, then read from a folder that may be emptied."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings

from photopeak_centre.evidence.decode import SECONDS
from photopeak_centre.evidence.models import Item
from photopeak_centre.evidence.store import place_of

MOST_KEPT_BYTES = 4 * 2**30


class NoFrames(Exception):
    """The stored file shows no image; `words` says why, in both languages."""

    def __init__(self, words: dict[str, str]) -> None:
        super().__init__(words["en"])
        self.words = words


def about_frames(item: Item) -> dict[str, Any]:
    """Shape, spacing, window and the label of each frame. Raises NoFrames."""
    place = _decoded(item).with_suffix(".json")
    about: dict[str, Any] = json.loads(place.read_text("utf-8"))
    if "rows" not in about:
        raise NoFrames(about)
    return about


def frame_values(item: Item, number: int) -> bytes:
    """One frame's float32 values, row by row, little-endian. Raises NoFrames; IndexError where there is no such frame."""
    about = about_frames(item)
    if not 0 <= number < len(about["frames"]):
        raise IndexError(number)
    size = 4 * about["rows"] * about["columns"]
    with _decoded(item).with_suffix(".f4").open("rb") as file:
        file.seek(number * size)
        return file.read(size)


def _decoded(item: Item) -> Path:
    """Where the decoded frames of an item lie (a stem), decoding them where they do not yet.

    One copy an item, not one a content: how fast an answer comes must not tell that another hospital has the same file.
    """
    folder = Path(settings.HOME) / "cache" / "frames"
    place, source = folder / f"{item.pk}-{item.blob_id[:16]}", place_of(item.blob_id)
    if place.with_suffix(".json").exists():
        return place
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        target = Path(own) / "frames"
        words = [sys.executable, "-m", "photopeak_centre.evidence.decode", str(source), str(target)]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=2 * SECONDS, check=False)
        if not target.with_suffix(".json").exists():
            raise NoFrames(
                {"en": "The image could not be opened within its limits.", "zh": "无法在限定的内存与时间内打开该图像。"}
            )
        for ending in (".f4", ".json"):  # the description last: where it stands, the frames stand
            if target.with_suffix(ending).exists():
                os.replace(target.with_suffix(ending), place.with_suffix(ending))
    _make_room(folder)
    return place


def _make_room(folder: Path) -> None:
    """Forget the frames decoded longest ago, until what is kept is small enough."""
    kept = sorted(folder.glob("*.f4"), key=lambda path: path.stat().st_mtime)
    size = sum(path.stat().st_size for path in kept)
    for path in kept[:-1]:
        if size <= MOST_KEPT_BYTES:
            return
        size -= path.stat().st_size
        path.with_suffix(".json").unlink(missing_ok=True)
        path.unlink(missing_ok=True)
