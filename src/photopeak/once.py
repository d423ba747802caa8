"""Answers about the pixels of a volume that several procedures ask for: found once, forgotten with the volume."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from photopeak.evidence import Volume

Found = TypeVar("Found")


def once_per_volume(find: Callable[[Volume], Found]) -> Callable[[Volume], Found]:
    """`find`, which depends on nothing but the volume, remembered while the volume's array lives.

    Whether a procedure accepts an image and what it then measures begin with the same search. Values are never changed in place.
    """
    known: dict[int, tuple[weakref.ref[Any], object, Found]] = {}

    @wraps(find)
    def remembered(volume: Volume) -> Found:
        key, frame = id(volume.values), (volume.spacing_mm, volume.origin_mm, volume.directions, volume.units)
        entry = known.get(key)
        if entry is not None and entry[0]() is volume.values and entry[1] == frame:
            return entry[2]
        found = find(volume)
        known[key] = weakref.ref(volume.values, lambda _: known.pop(key, None)), frame, found
        return found

    return remembered
