"""The report as one self-contained HTML page: no script, no outside resource, printable on A4."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

import jinja2
from markupsafe import Markup, escape

from photopeak.present.marks import MARKS, mark
from photopeak.present.pages import Report
from photopeak.present.phrases import PHRASES, say
from photopeak.words import Language

HTML_LANGUAGE: dict[Language, str] = {"zh": "zh-CN", "en": "en"}
OWN_NAME: dict[Language, str] = {"zh": "中文", "en": "English"}
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵐ", "0123456789−+m")


def page(report: Report, other_file: str) -> str:
    """The whole page in the report's language; `other_file` is the name of the same report in the other language."""
    language = report.language
    other: Language = "en" if language == "zh" else "zh"
    sections = len(report.sections) + 2
    return _template().render(
        report=report,
        say={key: words.say(language) for key, words in PHRASES.items()},
        marks={name: Markup(mark(name)) for name in MARKS},
        css=Markup((resources.files("photopeak.present") / "templates" / "report.css").read_text("utf-8")),
        gap="" if language == "zh" else " ",
        open="（" if language == "zh" else " (",
        close="）" if language == "zh" else ")",
        html_language=HTML_LANGUAGE[language],
        other_html_language=HTML_LANGUAGE[other],
        own_language=OWN_NAME[language],
        other_file=other_file,
        sections=sections,
        section_of=lambda n: say("section_of", language, n=n, all=sections),
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["raised"] = raised
    environment.filters["drawn"] = Markup  # our own SVG, whose every text is escaped where it is written
    text = (resources.files("photopeak.present") / "templates" / "report.html").read_text("utf-8")
    return environment.from_string(text)


def raised(text: str) -> Markup:
    """Escaped text; superscripts (⁹⁹ᵐTc) are raised ordinary letters, as few typefaces hold them all; --options stay whole."""
    return Markup("").join(_run(run) for run in re.split("([⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵐ]+|--[a-z][a-z-]*)", str(text)))


def _run(run: str) -> Markup:
    if run.startswith("--"):
        return Markup('<span class="nowrap">{}</span>').format(run)
    plain = run.translate(_SUPERSCRIPT)
    return escape(run) if plain == run else Markup("<sup>{}</sup>").format(plain)
