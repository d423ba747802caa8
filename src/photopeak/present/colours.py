"""The values of the look: ink, verdict tones, chart series, image palettes. Written into every SVG as plain colours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from photopeak.figure import Palette

INK, INK_2, INK_3 = "#17212b", "#445261", "#5f6c78"
LINE, LINE_2, WASH, PAPER = "#cfd7de", "#e6ebef", "#f8fafb", "#ffffff"
BAND, BAND_EDGE, ROI, HATCH = "#dbe6ef", "#6d8aa5", "#ffd166", "#b7a6a7"


class Tone(NamedTuple):
    text: str
    mark: str
    wash: str


TONES: dict[str, Tone] = {
    "pass": Tone("#0b6158", "#0b7a6e", "#e5f3f0"),
    "fail": Tone("#a51d24", "#b3232b", "#fbeaea"),
    "undecided": Tone("#6f4c00", "#e0a100", "#fdf4da"),
    "not_assessed": Tone("#4d5965", "#73808c", "#eef1f4"),
    "provisional": Tone("#56408f", "#6c54ad", "#f1edfa"),
}


class Series(NamedTuple):
    colour: str
    dash: str
    marker: str


SERIES = (
    Series("#1c4f82", "", "circle"),
    Series("#b8560f", "6 3", "square"),
    Series("#3f7f6e", "2 3", "triangle"),
    Series("#7a5aa6", "8 3 2 3", "diamond"),
)

_ANCHORS: dict[Palette, tuple[str, ...]] = {
    "grey": ("#000000", "#ffffff"),
    "inverse": ("#ffffff", "#000000"),
    "sequential": (
        "#00224e",
        "#123570",
        "#3b496c",
        "#575d6d",
        "#707173",
        "#8a8678",
        "#a59c74",
        "#c3b369",
        "#e1cc55",
        "#fee838",
    ),
    "deviation": ("#164a86", "#4d86b8", "#a9c9de", "#f7f5f0", "#efc9a4", "#c9793a", "#7a4a06"),
}
LEVELS = 255  #: the last of 256 palette entries is left for "nothing here"


def palette(name: Palette) -> npt.NDArray[np.uint8]:
    """`LEVELS` colours as [level, (r, g, b)], from the low end of the window to the high end."""
    anchors = np.array([[int(colour[n : n + 2], 16) for n in (1, 3, 5)] for colour in _ANCHORS[name]], float)
    at = np.linspace(0, len(anchors) - 1, LEVELS)
    channels = [np.interp(at, np.arange(len(anchors)), anchors[:, channel]) for channel in range(3)]
    colours: npt.NDArray[np.uint8] = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    return colours
