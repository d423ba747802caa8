"""Every word a person reads stands in both languages at its place; `said` picks one when it is shown."""

from __future__ import annotations

from django.utils.functional import lazy
from django.utils.translation import get_language

from photopeak.words import Language, Words


def language() -> Language:
    """The language of this request."""
    return "en" if (get_language() or "").startswith("en") else "zh"


def now_said(en: str, zh: str) -> str:
    return en if language() == "en" else zh


said = lazy(now_said, str)


def in_words(words: Words) -> str:
    return words.say(language())
