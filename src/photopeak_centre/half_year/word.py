"""The paper as a Word file, for those who go on working with it. It says that the PDF is what was released."""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping, Sequence
from typing import Any

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Emu, Mm, Pt, RGBColor

from photopeak_centre.half_year.typeset import picture

INK_2, INK_3 = RGBColor(0x44, 0x52, 0x61), RGBColor(0x5F, 0x6C, 0x78)
TONES = {"pass": RGBColor(0x0B, 0x61, 0x58), "fail": RGBColor(0xA5, 0x1D, 0x24), "undecided": RGBColor(0x6F, 0x4C, 0x00)}
SHAPES = {"pass": "● ", "fail": "■ ", "undecided": "◆ ", "not_assessed": "○ "}
TEXT_WIDTH = Mm(174)


def docx(paper: Mapping[str, Any]) -> bytes:
    """The whole paper as DOCX."""
    document = Document()
    _settle(document, paper)
    document.add_heading(paper["title"], level=0)
    _line(document, f"{paper['period_words']}　{paper['centre']}", size=12)
    _line(document, f"{paper['say']['period']} {paper['span']}　{paper['say']['data_to']} {paper['gathered']}", colour=INK_3)
    seal = paper["seal"]
    if seal:
        _line(
            document,
            f"{paper['say']['released']} {seal['released']} · {seal['released_by']} · {paper['say']['version']} {seal['version']}",
            colour=INK_2,
        )
        _line(document, paper["say"]["content"].format(seal["sha256"]), size=8, colour=INK_3)
        _line(document, seal["chain"], size=8, colour=INK_3)
    else:
        _line(document, paper["say"]["draft"], colour=TONES["undecided"], bold=True)
    for part in paper["summary"]["paragraphs"]:
        _runs(document.add_paragraph(), part)
    if paper["tally"]:
        _line(
            document,
            "　".join(f"{SHAPES.get(one['outcome'], '')}{one['word']} {one['text']}" for one in paper["tally"]),
            bold=True,
        )
    for one in paper["sections"]:
        if one["key"] != "annex" or paper["names"]:
            _section(document, one, paper)
    _line(document, f"{paper['say']['how']}　{paper['say']['how_text']} {paper['say']['traceable']}", size=8.5, colour=INK_3)
    content = io.BytesIO()
    document.save(content)
    return content.getvalue()


def _settle(document: Any, paper: Mapping[str, Any]) -> None:
    """Page, typefaces (the East Asian one named apart, or Word picks its own), head and foot."""
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin, section.right_margin, section.top_margin, section.bottom_margin = Mm(20), Mm(16), Mm(22), Mm(19)
    latin, chinese = ("Arial", "Microsoft YaHei") if paper["language"] == "en" else ("Microsoft YaHei", "Microsoft YaHei")
    for name in ("Normal", "Title", "Heading 1", "Heading 2"):
        style = document.styles[name]
        style.font.name = latin
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for key in ("w:ascii", "w:hAnsi", "w:cs"):
            fonts.set(qn(key), latin)
        fonts.set(qn("w:eastAsia"), chinese)
        for key in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(key), None)
        style.font.color.rgb = RGBColor(0x17, 0x21, 0x2B)
    document.styles["Normal"].font.size = Pt(10)
    document.styles["Title"].font.size = Pt(18)
    document.styles["Title"].font.bold = True
    document.styles["Heading 1"].font.size = Pt(13)
    for border in document.styles["Title"].element.iter(qn("w:pBdr")):
        border.getparent().remove(border)
        break
    document.core_properties.title = f"{paper['title']} {paper['period']}"
    document.core_properties.author = paper["centre"]
    head = section.header.paragraphs[0]
    head.text = f"{paper['centre']}　{paper['title']} · {paper['period_words']}"
    head.runs[0].font.size, head.runs[0].font.color.rgb = Pt(8), INK_2
    foot = section.footer.paragraphs[0]
    state = (
        paper["say"]["draft"]
        if not paper["seal"]
        else f"sha256 {paper['seal']['sha256'][:16]} · {paper['seal']['chain_hash'][:16]}"
    )
    run = foot.add_run(f"{state}　{paper['software']}　")
    run.font.size, run.font.color.rgb = Pt(7.5), INK_3
    _page_number(foot)


def _page_number(paragraph: Any) -> None:
    run = paragraph.add_run()
    run.font.size, run.font.color.rgb = Pt(7.5), INK_3
    for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
        if kind:
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
        else:
            mark = OxmlElement("w:instrText")
            mark.text = text
        run._r.append(mark)


def _line(document: Any, text: str, *, size: float = 10, colour: RGBColor | None = None, bold: bool = False) -> None:
    run = document.add_paragraph().add_run(text)
    run.font.size, run.font.bold = Pt(size), bold
    if colour is not None:
        run.font.color.rgb = colour


def _runs(paragraph: Any, part: Sequence[Mapping[str, str]]) -> None:
    for one in part:
        run = paragraph.add_run(one["text"])
        run.font.bold = bool(one["href"])


def _section(document: Any, one: Mapping[str, Any], paper: Mapping[str, Any]) -> None:
    document.add_heading(f"{one['number']}　{one['title']}", level=1)
    if one["provisional"]:
        _line(document, one["provisional"], size=8.5, colour=RGBColor(0x56, 0x40, 0x8F))
    for part in one["paragraphs"]:
        paragraph = document.add_paragraph()
        if not one["available"]:
            paragraph.add_run(f"○ {paper['say']['not_available']}　").font.bold = True
        _runs(paragraph, part)
    for figure in one["figures"]:
        document.add_picture(io.BytesIO(picture(figure["svg"])), width=TEXT_WIDTH)
        _line(document, figure["caption"], size=8, colour=INK_3)
    for table in one["tables"]:
        if table["caption"]:
            _line(document, table["caption"], size=9, bold=True)
        _table(document, table)
    if one["left_out"]:
        _line(document, paper["say"]["names_left_out"], size=8, colour=INK_3)


def _table(document: Any, table: Mapping[str, Any]) -> None:
    """A table with hairlines. Its rows are copies of one, for building each by the library takes a second a hundred."""
    columns = len(table["heads"])
    made = document.add_table(rows=1, cols=columns)
    made.autofit = False
    widths = table["widths"] or [1 / columns] * columns
    body = made._tbl
    for grid, share in zip(body.tblGrid.findall(qn("w:gridCol")), widths):
        grid.set(qn("w:w"), str(int(TEXT_WIDTH.twips * share)))
    _borders(body)
    pattern = body.tr_lst[0]
    for cell, share in zip(pattern.tc_lst, widths):
        cell.width = Emu(int(TEXT_WIDTH * share))
    blank = copy.deepcopy(pattern)
    heads = [{"text": head, "outcome": ""} for head in table["heads"]]
    _fill(pattern, heads, table["align"], head=True)
    repeat = OxmlElement("w:tblHeader")
    pattern.get_or_add_trPr().append(repeat)
    for row in table["rows"]:
        copied = copy.deepcopy(blank)
        _fill(copied, row, table["align"], head=False)
        body.append(copied)
    document.add_paragraph().paragraph_format.space_after = Pt(2)


def _borders(body: Any) -> None:
    borders = OxmlElement("w:tblBorders")
    for side in ("bottom", "insideH"):
        line = OxmlElement(f"w:{side}")
        for key, value in (("val", "single"), ("sz", "4"), ("color", "E6EBEF")):
            line.set(qn(f"w:{key}"), value)
        borders.append(line)
    body.tblPr.append(borders)


def _fill(row: Any, cells: Sequence[Mapping[str, str]], align: str, *, head: bool) -> None:
    for cell, one, side in zip(row.tc_lst, cells, align):
        paragraph = cell.p_lst[0]
        properties = paragraph.get_or_add_pPr()
        spacing = properties.get_or_add_spacing()
        spacing.set(qn("w:after"), "20")
        spacing.set(qn("w:before"), "20")
        if side == "r":
            properties.jc_val = WD_ALIGN_PARAGRAPH.RIGHT
        run = paragraph.add_r()
        font = run.get_or_add_rPr()
        font.sz_val = Pt(8 if head else 8.5)
        colour = INK_2 if head else TONES.get(one.get("outcome", ""))
        if colour is not None:
            mark = OxmlElement("w:color")
            mark.set(qn("w:val"), str(colour))
            font.append(mark)
        run.text = SHAPES.get(one.get("outcome", ""), "") + one["text"]
