"""The stages of testing as choices of a form."""

from __future__ import annotations

from photopeak.criterion import STAGES
from photopeak.present.phrases import stage_name
from photopeak_centre.said import language


def stages() -> list[tuple[str, str]]:
    """Every stage with its name in this page's language."""
    return [(stage, stage_name(stage, language())) for stage in STAGES]
