"""A small plot for the benchmark page: bars on a logarithmic scale, with their numbers."""

from __future__ import annotations

import math
from html import escape

COLOURS = {"Photopeak": "#1c4f82", "pylinac": "#b8560f", "pynemaiqpet": "#3f7f6e", "ChameleonIQ": "#7a5aa6"}
LEFT, WIDTH, ROW = 190, 420, 18


def bars(title: str, groups: dict[str, dict[str, float]]) -> str:
    """SVG of `groups[image][program] = value`; the scale is logarithmic and starts at a round decade."""
    values = [value for group in groups.values() for value in group.values()]
    low = 10 ** math.floor(math.log10(min(values)))
    high = max(values) * 1.3
    lines, y = [], 40
    for image, group in groups.items():
        lines.append(f'<text x="8" y="{y + 13}" font-weight="700">{escape(image)}</text>')
        for program, value in group.items():
            length = WIDTH * math.log(value / low) / math.log(high / low)
            lines.append(f'<rect x="{LEFT}" y="{y + 2}" width="{length:.1f}" height="{ROW - 5}" fill="{COLOURS[program]}"/>')
            lines.append(f'<text x="{LEFT + length + 6:.1f}" y="{y + 13}">{escape(program)} {value:.3g}</text>')
            y += ROW
        y += 8
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 {y}" font-family="sans-serif" font-size="12" fill="#17212b">\n'
        f'<rect width="800" height="{y}" fill="#fff"/>\n<text x="8" y="22" font-size="14">{escape(title)} (logarithmic)</text>\n{body}\n</svg>\n'
    )
