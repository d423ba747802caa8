"""One spelling for the eye of the rules, character for character: every offset into the normal text is one into the text as read."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources

_LIKE = {
    "×": "x", "✕": "x", "╳": "x", "—": "-", "–": "-", "―": "-", "−": "-", "‐": "-", "‑": "-", "─": "-", "～": "~", "∼": "~", "〜": "~",
    "【": "[", "】": "]", "〖": "[", "〗": "]", "〔": "[", "〕": "]", "「": '"', "」": '"', "“": '"', "”": '"', "‘": "'", "’": "'",
    "│": "|", "┃": "|", "▏": "|", "．": ".", "\u00a0": " ", "\u3000": " ", "\t": " ", "\r": "\n", "µ": "μ", "∶": ":", "﹕": ":",
    "·": "·", "•": "·", "・": "·", "‧": "·", "＊": "*", "﹐": ",", "➔": "→", "⇒": "→", "½": "½",
}  # fmt: skip


@cache
def _simplified() -> dict[str, str]:
    """Traditional characters by their simplified ones, from traditional.txt (pairs parted by spaces; after the table of OpenCC, Apache-2.0)."""
    pairs = (resources.files("photopeak.report_review") / "packs" / "traditional.txt").read_text("utf-8").split()
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def normal(text: str) -> str:
    """`text` in half width, simplified characters and plain signs; same length, upper and lower case as written.

    The full stop that ends an English sentence becomes the Chinese one, so that a clause ends there and a decimal point never does.
    """
    plain = text.translate(_table(frozenset(text)))
    plain = LINE_BREAK.sub("\n    ", plain) if "\\.br\\" in plain else plain
    return HAN_STOP.sub("。", FULL_STOP.sub("。", BETWEEN.sub("|", plain)))


LINE_BREAK = re.compile(r"\\\.br\\")  # of HL7, where a file was exported as it stood
BETWEEN = re.compile(r"(?<= )·(?= )")  # 姓名 张三 · 男 · 66: parts fields as a bar does
HAN_STOP = re.compile(r"(?<=[\u4e00-\u9fff)])\.(?=[ \n]|$)|(?<=[\u4e00-\u9fff)] )\.(?=[ \n]|$)")


FULL_STOP = re.compile(
    r"(?<!\bDr)(?<!\bNo)(?<!\bno)(?<!\bNO)(?<!\b[Aa]cc)(?<!\bS[Tt])(?<!\bM[rs])(?<!\bMrs)(?<!\b[Rr]ef)(?<!\bTel)(?<!\bDept)(?<!\bvs)(?<!\bProf)(?<!\b[A-Z])(?<!\d\.\d)(?<=[A-Za-z)%\]])\.(?=[ ]+[A-Z(]|[ ]*$)|(?<=[a-z]{4})\.(?=[ ]+\d)|(?<=[\d.] \d)\.(?=[ ]+[A-Z][a-z])|(?<=\d\d)\.(?=[ ]+[A-Z][a-z]|[ ]*\n)|(?<=\d\.\d)\.(?=[ ]+[A-Z][a-z])",
    re.M | re.A,
)


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
