"""Writing a report: HTML and PDF in both languages, the JSON document, and every figure as a file of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photopeak.present import document
from photopeak.present.pages import Report, compose
from photopeak.words import Language

if TYPE_CHECKING:
    from photopeak.check import Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFiles:
    """What was written: the report in the language asked for, the same in the other one, the document, the figures."""

    html: Path
    pdf: Path
    other_html: Path
    other_pdf: Path
    json: Path
    figures: tuple[Path, ...]


def write_report(checked: Checked, out: Path, *, language: Language) -> ReportFiles:
    """Write report.html and report.pdf in `language`, the other language beside them, results.json and figures/ under `out`."""
    from photopeak.present.html import page
    from photopeak.present.pdf import pdf

    other: Language = "en" if language == "zh" else "zh"
    out.mkdir(parents=True, exist_ok=True)
    html, pdf_file = out / "report.html", out / "report.pdf"
    other_html, other_pdf = out / f"report.{other}.html", out / f"report.{other}.pdf"
    json = out / "results.json"
    json.write_text(document.text(checked), encoding="utf-8")
    report, translated = compose(checked, language), compose(checked, other)
    html.write_text(page(report, other_html.name), encoding="utf-8", errors="replace")
    pdf_file.write_bytes(pdf(report))
    other_html.write_text(page(translated, html.name), encoding="utf-8", errors="replace")
    other_pdf.write_bytes(pdf(translated))
    figures = _figures(report, out / "figures")
    return ReportFiles(html=html, pdf=pdf_file, other_html=other_html, other_pdf=other_pdf, json=json, figures=figures)


def _figures(report: Report, folder: Path) -> tuple[Path, ...]:
    drawn = [one for section in report.sections for row in section.figures for one in row]
    if drawn:
        folder.mkdir(exist_ok=True)
    for one in drawn:
        (folder / one.file).write_text('<?xml version="1.0" encoding="UTF-8"?>\n' + one.svg, encoding="utf-8")
    return tuple(folder / one.file for one in drawn)
