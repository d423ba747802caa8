"""What has been published of a scanner model, to stand beside a result. Never a limit."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from photopeak.case import Case
from photopeak.evidence import Evidence
from photopeak.procedure import Condition
from photopeak.words import Words


@cache
def published_models() -> tuple[Mapping[str, Any], ...]:
    """The rows of published_figures.toml."""
    text = (resources.files("photopeak.pet") / "published_figures.toml").read_text("utf-8")
    return tuple(tomllib.loads(text)["model"])


EVERY_SCANNERS = ("pet", "ct", "petct", "tof", "cm")


def _words(model: str) -> Iterable[str]:
    for word in re.split(r"[^a-z0-9]+", model.lower()):
        named = re.sub(r"^([a-z]{5,})\d+$", r"\1", word)
        if len(named) > 1 and named not in EVERY_SCANNERS:
            yield named


def published(model: str | None, wanted: Mapping[str, Words]) -> Iterable[Condition]:
    """Conditions for the figures `wanted` (key of the table -> label) of the models whose name holds every word of `model`.

    Header names differ from published ones ("Biograph128_Vision 450"): words of two or more letters are compared without case,
    without the crystals' number behind a name, and without words that every PET/CT bears.
    """
    words = set(_words(model or ""))
    if not words:
        return
    for row in published_models():
        if not words <= set(_words(str(row["model"]))):
            continue
        for key, label in wanted.items():
            if key in row:
                value = row[key]
                shown = " / ".join(f"{one:g}" for one in value) if isinstance(value, list) else f"{value:g}"
                text = f"{shown} ({row['model']}, {row['standard']})"
                yield Condition(
                    label=Words(f"published, no limit: {label.en}", f"文献值（非限值）：{label.zh}"), value=Words(text, text)
                )


def published_for(cases: Iterable[Case], evidence: Evidence, wanted: Mapping[str, Words]) -> Iterable[Condition]:
    """The same for the models that the cases of a table name, or else for the evidence's own."""
    named = dict.fromkeys(case.text("model") for case in cases if case.has("model"))
    for model in named or (evidence.about.model,):
        yield from published(model, wanted)
