"""A drop-down of a thousand hospitals, written in one go: Django renders a template for every single option."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class LongSelect(forms.Select):
    """A select whose options are all plain."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = {str(one) for one in self.format_value(value)}
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            ((str(v), " selected" if str(v) in chosen else "", s) for v, s in self.choices),
        )
        given = format_html_join(
            "", ' {}="{}"', ((k, v) for k, v in self.build_attrs(self.attrs, attrs).items() if v is not False)
        )
        return format_html('<select name="{}"{}>{}</select>', name, given, options)
