"""The numbers of reference_values.toml, by table."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any


@cache
def reference_values(table: str) -> Mapping[str, Any]:
    text = (resources.files("photopeak.radionuclide_therapy") / "reference_values.toml").read_text("utf-8")
    values: Mapping[str, Any] = tomllib.loads(text)[table]
    return values
