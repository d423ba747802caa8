"""The numbers of reference_values.toml: definitions, and reference populations with their sources."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any


@cache
def reference_values() -> Mapping[str, Any]:
    """All tables by name; `reference` is the list of populations."""
    text = (resources.files("photopeak.bone_density") / "reference_values.toml").read_text("utf-8")
    return tomllib.loads(text)


def population(identifier: str) -> Mapping[str, Any] | None:
    """The reference population of that id."""
    rows: list[Mapping[str, Any]] = reference_values()["reference"]
    return next((row for row in rows if row["id"] == identifier.strip().lower()), None)
