"""Writing SVG: escaped elements, the width of a text, and images as embedded PNG of sharp pixels.

The same text is put into the web page and into the PDF, so only plain attributes are used, no style sheets and no variables.
One user unit is one CSS pixel on a page whose text is 174 mm wide.
"""

from __future__ import annotations

import base64
import re
import struct
import unicodedata
import zlib
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import numpy.typing as npt

from photopeak.figure import Palette
from photopeak.present.colours import INK_2, LEVELS, palette
from photopeak.present.numbers import tidy
from photopeak.words import Language

FONTS: dict[Language, str] = {
    "zh": "'Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC','PingFang SC','Microsoft YaHei',sans-serif",
    "en": "'Noto Sans CJK KR','Source Sans 3','Segoe UI','Helvetica Neue','Noto Sans',Arial,'Noto Sans CJK SC','Microsoft YaHei',sans-serif",
}
SMALL, NORMAL = 10.0, 10.5  #: 7.5 pt is the smallest size in print


def number(value: float) -> str:
    """A coordinate with at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def element(name: str, content: str = "", **attributes: str | float | None) -> str:
    """One element; `stroke_width=2` is written stroke-width="2", None is left out, `content` is markup already."""
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}={quoteattr(number(value) if isinstance(value, (int, float)) else _allowed(value))}"
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def words(
    x: float,
    y: float,
    said: str,
    *,
    size: float = NORMAL,
    fill: str = INK_2,
    anchor: str | None = None,
    bold: bool = False,
    halo: str | None = None,
) -> str:
    """A text at its baseline; `halo` is the colour of an outline behind it."""
    outline: dict[str, Any] = (
        {"stroke": halo, "stroke_width": 3.0, "stroke_linejoin": "round", "paint_order": "stroke"} if halo else {}
    )
    return element(
        "text", _raised(tidy(said), size), x=x, y=y, font_size=size, fill=fill,
        text_anchor=anchor, font_weight="700" if bold else None, **outline,
    )  # fmt: skip


_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵐ", "0123456789−+m")


def _raised(said: str, size: float) -> str:
    """Escaped text whose superscripts are raised ordinary letters: few typefaces hold all of them."""
    runs = re.split("([⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵐ]+)", _allowed(said))
    lift, markup = 0.35 * size, ""
    for n, run in enumerate(runs):
        if n % 2:
            markup += element("tspan", escape(run.translate(_SUPERSCRIPT)), dy=-lift, font_size=0.72 * size)
        elif run:
            markup += element("tspan", escape(run), dy=lift) if n else escape(run)
    return markup


def path(d: str, stroke: str, width: float, *, dash: str = "", fill: str = "none", opacity: float | None = None) -> str:
    return element("path", d=d, fill=fill, stroke=stroke, stroke_width=width, stroke_dasharray=dash or None, opacity=opacity)


def drawing(width: float, height: float, body: str, label: str, language: Language) -> str:
    """A whole SVG document of that many units, labelled for those who cannot see it."""
    return element(
        "svg",
        element("title", escape(_allowed(label))) + body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="img",
        font_family=FONTS[language],
        **{"xml:lang": "zh-CN" if language == "zh" else "en"},
    )


def measure(said: str, size: float = NORMAL) -> float:
    """The width of a text, near enough to lay out by."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" or letter in "±≤≥×°" for letter in said)
    return size * (wide + 0.56 * (len(said) - wide))


_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _allowed(said: str) -> str:
    """Without the characters that XML cannot hold."""
    return _FORBIDDEN.sub("", said)


def image(
    values: npt.NDArray[np.float64],
    window: tuple[float, float],
    colours: Palette,
    x: float,
    y: float,
    width: float,
    height: float,
) -> str:
    """`values[row, column]` through `window` and a palette, stretched over a rectangle; its pixels stay sharp."""
    data = base64.b64encode(png(_levels(_sized(values), window), palette(colours))).decode()
    return element(
        "image", x=x, y=y, width=width, height=height, preserveAspectRatio="none", image_rendering="pixelated",
        href=f"data:image/png;base64,{data}",
    )  # fmt: skip


def _sized(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Whole-number replication of small images, so that a viewer that smooths has nothing to smooth; means of very large ones."""
    longest = max(values.shape)
    if longest > 1024:
        step = -(-longest // 1024)
        rows, columns = (size - size % step for size in values.shape)
        blocks = values[:rows, :columns].reshape(rows // step, step, columns // step, step)
        return np.asarray(blocks.mean(axis=(1, 3)), np.float64)
    times = max(1, 640 // longest)
    return np.repeat(np.repeat(values, times, axis=0), times, axis=1)


def _levels(values: npt.NDArray[np.float64], window: tuple[float, float]) -> npt.NDArray[np.uint8]:
    low, high = window
    span = (high - low) or 1.0
    scaled = np.clip((values - low) / span, 0.0, 1.0) * (LEVELS - 1)
    return np.where(np.isfinite(values), np.rint(np.nan_to_num(scaled)), LEVELS).astype(np.uint8)


def png(levels: npt.NDArray[np.uint8], colours: npt.NDArray[np.uint8]) -> bytes:
    """An indexed PNG of `levels[row, column]`; level `LEVELS` is transparent."""
    rows, columns = levels.shape
    lines = np.zeros((rows, columns + 1), np.uint8)
    lines[:, 1:] = levels
    head = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    entries = np.vstack([colours, np.full((1, 3), 255, np.uint8)]).tobytes()
    chunks = [(b"IHDR", head), (b"PLTE", entries)]
    if (levels == LEVELS).any():
        chunks.append((b"tRNS", bytes([255] * LEVELS + [0])))
    chunks += [(b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
