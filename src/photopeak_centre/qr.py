"""QR codes as rows of modules, and as a drawing for pages that allow no styles."""

from __future__ import annotations

import segno


def modules(text: str) -> list[str]:
    """Rows of "1" (dark) and "0", without the quiet zone; error correction M."""
    return ["".join(str(bit) for bit in row) for row in segno.make(text, error="m", micro=False).matrix]


def drawing(text: str) -> str:
    """The code as an SVG element with its quiet zone of four modules."""
    rows = modules(text)
    size = len(rows) + 8
    dark = "".join(f"M{x + 4} {y + 4}h1v1h-1z" for y, row in enumerate(rows) for x, bit in enumerate(row) if bit == "1")
    return (
        f'<svg class="qr" viewBox="0 0 {size} {size}" role="img" shape-rendering="crispEdges" aria-label="QR">'
        f'<rect width="{size}" height="{size}" fill="#fff"/><path fill="#000" d="{dark}"/></svg>'
    )
