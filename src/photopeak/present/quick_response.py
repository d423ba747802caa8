"""A QR code (ISO/IEC 18004) as one path of an SVG image."""

from __future__ import annotations

import segno

from photopeak.present.svg import element

QUIET = 4  #: modules of white that the code must have around it


def quick_response(text: str) -> str:
    """The code of `text` with error correction M, the quiet zone included; its modules are 1 unit wide."""
    rows = [bytes(row) for row in segno.make(text, error="m", micro=False, boost_error=False).matrix]
    side = len(rows) + 2 * QUIET
    steps = "".join(f"M{QUIET + x} {QUIET + y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    body = element("rect", width=side, height=side, fill="#ffffff") + element("path", d=steps, fill="#000000")
    return element("svg", body, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {side} {side}", shape_rendering="crispEdges")
