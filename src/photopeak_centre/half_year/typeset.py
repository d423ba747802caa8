"""The paper as a PDF by typst, and its figures as pictures for the Word file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from photopeak.present.marks import MARKS, mark
from photopeak.present.pdf import _compiler

DOTS_PER_INCH = 180.0
PICTURE = b"""#set page(width: auto, height: auto, margin: 0pt)
#image(bytes(sys.inputs.svg), format: "svg", width: 494pt)"""


def pdf(paper: Mapping[str, Any], address: str = "") -> bytes:
    """The paper on A4. `address`: of the centre's pages, so that numbers are links; without it they are plain."""
    said = {**paper, "marks": {name: mark(name) for name in MARKS}, "address": address.rstrip("/")}
    text = json.dumps(said, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace").decode("utf-8")
    made: Any = _compiler().compile(_template(), sys_inputs={"paper": text}, format="pdf")
    return bytes(made)


def picture(svg: str) -> bytes:
    """A drawing as PNG."""
    made: Any = _compiler().compile(PICTURE, sys_inputs={"svg": svg}, format="png", ppi=DOTS_PER_INCH)
    return bytes(made)


@cache
def _template() -> bytes:
    return (resources.files("photopeak_centre.half_year") / "paper.typ").read_bytes()
