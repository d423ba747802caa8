"""`{% say "Devices" "设备" %}` in templates, and the few filters of printed things."""

from __future__ import annotations

import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from photopeak.verdict import OUTCOME_WORDS
from photopeak.words import Words
from photopeak_centre.said import in_words, language, now_said

register = template.Library()
SIGNS = {"pass": "pass", "fail": "fail", "undecided": "undecided", "not_assessed": "na", "": "na"}


@register.simple_tag
def say(en: str, zh: str, *values: Any) -> str:
    """The words of this page's language; `{}` in them are filled with the values afterwards."""
    text = now_said(en, zh)
    return text.format(*values) if values else text


@register.simple_tag
def verdict(outcome: str, number: Any = None) -> SafeString:
    """Shape and word of an outcome, or shape and number."""
    sign = SIGNS.get(outcome, "na")
    word = in_words(OUTCOME_WORDS.get(outcome, OUTCOME_WORDS["not_assessed"]))
    shown = word if number is None else number
    return format_html(
        '<span class="v {0}"><svg class="mark" aria-hidden="true"><use href="#m-{0}"/></svg>{1}{2}</span>',
        sign,
        "" if number is None else format_html('<span class="unseen">{} </span>', word),
        shown,
    )


@register.filter
def drawn(svg: str) -> SafeString:
    """Our own drawing, whose texts are escaped where they are written."""
    return mark_safe(svg)


@register.filter
def spoken(value: Any) -> str:
    """`Words`, or an object with `en` and `zh`, in this page's language."""
    if isinstance(value, Words):
        return in_words(value)
    if isinstance(value, dict):
        return str(value.get(language(), ""))
    return str(getattr(value, language(), value))


@register.filter
def day(value: datetime.date | datetime.datetime | None) -> str:
    if value is None:
        return "—"
    return (timezone.localtime(value) if isinstance(value, datetime.datetime) else value).strftime("%Y-%m-%d")


@register.filter
def moment(value: datetime.datetime | None) -> str:
    return "—" if value is None else timezone.localtime(value).strftime("%Y-%m-%d %H:%M")


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    return mapping.get(key)
