"""The report as a typeset PDF. The template reads one JSON text; no word of a result is ever part of its code."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from importlib import resources
from typing import Any

import typst

from photopeak.present.marks import MARKS, mark
from photopeak.present.pages import Report
from photopeak.present.phrases import PHRASES


def pdf(report: Report) -> bytes:
    """The report on A4, set with the shipped typefaces alone."""
    made: Any = _compiler().compile(_template(), sys_inputs={"report": _data(report)}, format="pdf")
    return bytes(made)


def _data(report: Report) -> str:
    said: dict[str, Any] = {
        "report": dataclasses.asdict(report),
        "say": {key: words.say(report.language) for key, words in PHRASES.items()},
        "marks": {name: mark(name) for name in MARKS},
    }
    text = json.dumps(said, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace").decode("utf-8")  # a file name may hold bytes that are no text


@cache
def _compiler() -> typst.Compiler:
    """One compiler for both languages: the typefaces are read once, and nothing of the computer's own is used."""
    with resources.as_file(resources.files("photopeak.present") / "fonts") as folder:
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)])
        return typst.Compiler(font_paths=fonts)


@cache
def _template() -> bytes:
    return (resources.files("photopeak.present") / "templates" / "report.typ").read_bytes()
