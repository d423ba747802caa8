"""One spelling for the eye of the rules, character for character: every offset into the normal text is one into the text as read."""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib import resources

_LIKE = {
    "×": "x", "✕": "x", "╳": "x", "—": "-", "–": "-", "―": "-", "−": "-", "‐": "-", "‑": "-", "─": "-", "～": "~", "∼": "~", "〜": "~",
    "【": "[", "】": "]", "〖": "[", "〗": "]", "〔": "[", "〕": "]", "「": '"', "」": '"', "“": '"', "”": '"', "‘": "'", "’": "'",
    "│": "|", "┃": "|", "▏": "|", "．": ".", "\u00a0": " ", "\u3000": " ", "\t": " ", "\r": "\n", "µ": "μ", "∶": ":", "﹕": ":",
    "·": "·", "•": "·", "＊": "*", "﹐": ",", "➔": "→", "⇒": "→", "½": "½",
}  # fmt: skip


@cache
def _simplified() -> dict[str, str]:
    """Traditional characters of the field by their simplified ones, from traditional.txt (pairs parted by spaces)."""
    pairs = (resources.files("photopeak.report_review") / "packs" / "traditional.txt").read_text("utf-8").split()
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def normal(text: str) -> str:
    """`text` in half width, simplified characters and plain signs; same length, upper and lower case as written."""
    return text.translate(_table(frozenset(text)))


@cache
def _one(character: str) -> str:
    if character in _LIKE:
        return _LIKE[character]
    if character in _simplified():
        return _simplified()[character]
    if ord(character) < 0x80 or "\u4e00" <= character <= "\u9fff":
        return character
    folded = unicodedata.normalize("NFKC", character)
    return _LIKE.get(folded, folded) if len(folded) == 1 else character


def _table(characters: frozenset[str]) -> dict[int, str]:
    return {ord(one): new for one in characters if (new := _one(one)) != one}
