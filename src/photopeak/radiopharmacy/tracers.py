"""The name under which the limits speak of a radiopharmaceutical, from what a person wrote."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib import resources


def tracer_named(text: str | None) -> str | None:
    """The limits' name of a tracer, or the text itself where it is none of the known ones (nothing then judges it by tracer)."""
    if not text:
        return None
    return _names().get(_plain(text), text.strip())


def _plain(text: str) -> str:
    return re.sub(r"[\s\-‐–_()（）\[\]]", "", unicodedata.normalize("NFKC", text)).lower()


@cache
def _names() -> dict[str, str]:
    table = tomllib.loads((resources.files("photopeak.radiopharmacy") / "tracers.toml").read_text("utf-8"))
    return {_plain(one): name for name, all_ in table.items() for one in (name, *all_)}
