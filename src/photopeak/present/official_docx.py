"""The same paper as a Word file: page, grid and type by GB/T 9704-2012, with the office's typefaces named, not embedded."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Mapping
from typing import Any

from photopeak.present.official import (
    AREA_MM,
    BODY_PT,
    LEFT_MM,
    LINE_PT,
    PAGE_MM,
    RED,
    TOP_MM,
    Annex,
    Paper,
    Table,
    picture_png,
)

FANGSONG, SONG, HEI, KAI, TITLE = "仿宋", "宋体", "黑体", "楷体", "方正小标宋简体"
LATIN = "Times New Roman"
#: Word counts lines in twentieths of a point; the next lower one, so that 22 lines still fit
LINE_TWENTIETHS = int(LINE_PT * 20)
#: the order that the schema of WordprocessingML gives to what is set here
ORDER = {
    "pPr": "pStyle keepNext keepLines pageBreakBefore pBdr tabs spacing ind jc rPr",
    "tblPr": "tblStyle tblpPr tblW jc tblBorders tblLayout tblLook",
}
BLANK = "________________"
MADE = datetime.datetime(2000, 1, 1)


def official_docx(paper: Paper, pictures: Mapping[str, bytes] | None = None) -> bytes:
    """The paper as DOCX. `pictures`: SVG by the names that its annexes use."""
    return _Writer(paper, pictures or {}).written()


class _Writer:
    def __init__(self, paper: Paper, pictures: Mapping[str, bytes]) -> None:
        import docx

        self.paper, self.pictures, self.zh = paper, pictures, paper.language == "zh"
        self.file: Any = docx.Document()
        self.size = BODY_PT if self.zh else 12.0

    def written(self) -> bytes:
        self._page()
        self._footer()
        self._head()
        for one in self.paper.paragraphs:
            self._paragraph(one.kind, one.text)
        if self.paper.annex_note:
            self._line(self.paper.annex_note, indent=2, before=8)
        self._sign()
        for line in self.paper.form:
            self._line(line.replace("____", BLANK), size=12)
        for annex in self.paper.annexes:
            self._annex(annex)
        self._imprint()
        about = self.file.core_properties
        about.title, about.author, about.comments = self.paper.title, self.paper.signer, self.paper.number
        about.created = about.modified = MADE
        about.last_modified_by = ""
        for tag, order in ORDER.items():
            _sort(self.file.element.body, tag, order.split())
        out = io.BytesIO()
        self.file.save(out)
        return _without_clock(out.getvalue())

    def _page(self) -> None:
        from docx.shared import Mm, Pt

        section = self.file.sections[0]
        section.page_width, section.page_height = Mm(PAGE_MM[0]), Mm(PAGE_MM[1])
        section.top_margin, section.left_margin = Mm(TOP_MM), Mm(LEFT_MM)
        section.right_margin = Mm(PAGE_MM[0] - LEFT_MM - AREA_MM[0])
        section.bottom_margin = Mm(PAGE_MM[1] - TOP_MM - AREA_MM[1])
        section.footer_distance = Mm(PAGE_MM[1] - TOP_MM - AREA_MM[1] - 7 - 5)
        _set(section._sectPr, "w:docGrid", type="linesAndChars", linePitch=LINE_TWENTIETHS, charSpace=-860)
        normal = self.file.styles["Normal"]
        normal.font.name, normal.font.size = LATIN, Pt(self.size)
        _fonts(normal.element.get_or_add_rPr(), FANGSONG)
        form = normal.paragraph_format
        form.space_before = form.space_after = Pt(0)

    def _footer(self) -> None:
        """— n —, odd pages right, even pages left, one character from the edge."""
        from docx.enum.text import WD_ALIGN_PARAGRAPH
        from docx.shared import Pt

        self.file.settings.odd_and_even_pages_header_footer = True
        section = self.file.sections[0]
        for footer, side in ((section.footer, WD_ALIGN_PARAGRAPH.RIGHT), (section.even_page_footer, WD_ALIGN_PARAGRAPH.LEFT)):
            line = footer.paragraphs[0]
            line.alignment = side
            line.paragraph_format.left_indent = line.paragraph_format.right_indent = Pt(14)
            for kind, text in (("t", "— "), ("begin", ""), ("code", "PAGE"), ("end", ""), ("t", " —")):
                run = line.add_run(text if kind == "t" else "")
                run.font.size = Pt(14)
                _fonts(run._r.get_or_add_rPr(), SONG, latin=SONG)
                if kind in ("begin", "end"):
                    _set(run._r, "w:fldChar", fldCharType=kind)
                elif kind == "code":
                    _add(run._r, "w:instrText").text = text

    def _head(self) -> None:
        paper = self.paper
        if paper.mark:
            self._line(paper.mark, size=30 if self.zh else 21, face=TITLE, bold=True, colour=RED, centred=True, exact=False)
            ruled = self._line(paper.number, centred=True, before=14)
            _border(ruled, "bottom", 16, RED.lstrip("#"), space=11)
        if paper.courtesy:
            self._line(paper.courtesy, size=10.5, before=6, exact=False)
        self._line(
            paper.title, size=22 if self.zh else 18, face=TITLE, bold=True, centred=True, before=18, after=10, exact=False
        )
        if not paper.mark and paper.number:
            from docx.enum.text import WD_ALIGN_PARAGRAPH

            self._line(paper.number, size=12).alignment = WD_ALIGN_PARAGRAPH.RIGHT
        if paper.facts:
            self._facts(paper.facts)
        if paper.to:
            self._line(paper.to)

    def _paragraph(self, kind: str, text: str) -> None:
        if kind == "l1":
            self._line(text, face=HEI, indent=2, keep=True, bold=not self.zh)
        elif kind == "l2":
            self._line(text, face=KAI, indent=2, keep=True)
        else:
            self._line(text, indent=2, justified=True)

    def _sign(self) -> None:
        if not self.paper.signer:
            return
        from docx.enum.text import WD_ALIGN_PARAGRAPH
        from docx.shared import Pt

        for n, text in enumerate((self.paper.signer, self.paper.date)):
            line = self._line(text, before=LINE_PT if n == 0 else 0, keep=n == 0)
            line.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            line.paragraph_format.right_indent = Pt((2 if n == 0 else 4) * self.size)

    def _annex(self, annex: Annex) -> None:
        first = self._line(annex.label, face=HEI)
        first.paragraph_format.page_break_before = True
        self._line(annex.title, size=18 if self.zh else 15, face=TITLE, bold=True, centred=True, before=6, after=8, exact=False)
        if annex.facts:
            self._facts(annex.facts)
        for table in annex.tables:
            self._table(table)
        for note in annex.notes:
            self._line(note, size=10.5, exact=False)
        if annex.pictures:
            self._pictures(annex)
        for line in annex.form:
            self._line(line.replace("____", BLANK), size=12, before=4)

    def _pictures(self, annex: Annex) -> None:
        from docx.shared import Mm

        rows = -(-len(annex.pictures) // 2)
        grid = self.file.add_table(rows=rows, cols=2)
        for n, (name, caption) in enumerate(annex.pictures):
            cell = grid.cell(n // 2, n % 2)
            cell.paragraphs[0].add_run().add_picture(io.BytesIO(picture_png(self.pictures[name])), width=Mm(72))
            self._line(caption, size=9.5, centred=True, exact=False, into=cell.add_paragraph())

    def _facts(self, facts: tuple[tuple[str, str], ...]) -> None:
        grid = self.file.add_table(rows=0, cols=2)
        grid.style = "Table Grid"
        for key, value in facts:
            cells = grid.add_row().cells
            self._line(key, size=11, face=HEI, exact=False, into=cells[0].paragraphs[0])
            self._line(value, size=11, exact=False, into=cells[1].paragraphs[0])
        _widths(grid, (1.0, 3.0))

    def _table(self, table: Table) -> None:
        from docx.enum.text import WD_ALIGN_PARAGRAPH

        grid = self.file.add_table(rows=0, cols=len(table.head))
        for n, row in enumerate((table.head, *table.rows)):
            made = grid.add_row()
            if n == 0:
                _set(made._tr.get_or_add_trPr(), "w:tblHeader", val="true")
            for cell, text, align in zip(made.cells, row, table.align):
                line = self._line(text, size=10.5, face=HEI if n == 0 else FANGSONG, exact=False, into=cell.paragraphs[0])
                if align == "r":
                    line.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        _widths(grid, table.weights)
        _grid_borders(grid, top=10, bottom=10, inside=4)

    def _imprint(self) -> None:
        """Copies, printer and date at the foot of the last page, between two strong lines (版记)."""
        if not self.paper.printer:
            return
        from docx.enum.text import WD_ALIGN_PARAGRAPH

        size = 14.0 if self.zh else 10.5
        lines = ([(self.paper.copies, "")] if self.paper.copies else []) + [(self.paper.printer, self.paper.printed)]
        grid = self.file.add_table(rows=0, cols=2)
        for left, right in lines:
            cells = grid.add_row().cells
            if not right:
                cells[0].merge(cells[1])
            self._line(left, size=size, exact=False, into=cells[0].paragraphs[0])
            if right:
                self._line(right, size=size, exact=False, into=cells[1].paragraphs[0]).alignment = WD_ALIGN_PARAGRAPH.RIGHT
        _widths(grid, (1.3, 1.0))
        _grid_borders(grid, top=8, bottom=8, inside=6)  # eighths of a point: 0.35 mm and 0.25 mm
        floating = {"horzAnchor": "margin", "vertAnchor": "margin", "tblpXSpec": "left", "tblpYSpec": "bottom"}
        _set(grid._tbl.tblPr, "w:tblpPr", first=True, **floating)

    def _line(
        self, text: str, *, size: float | None = None, face: str = FANGSONG, bold: bool = False, colour: str = "", centred: bool = False,
        indent: int = 0, before: float = 0, after: float = 0, keep: bool = False, justified: bool = False, exact: bool = True, into: Any = None,
    ) -> Any:  # fmt: skip
        from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
        from docx.shared import Pt, RGBColor

        line = into if into is not None else self.file.add_paragraph()
        run = line.add_run(text)
        run.font.size, run.font.bold = Pt(size or self.size), bold
        if colour:
            run.font.color.rgb = RGBColor.from_string(colour.lstrip("#").upper())
        _fonts(run._r.get_or_add_rPr(), face)
        form = line.paragraph_format
        form.space_before, form.space_after, form.keep_with_next = Pt(before), Pt(after), keep
        if exact and self.zh:
            form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(LINE_TWENTIETHS / 20)
        if centred:
            line.alignment = WD_ALIGN_PARAGRAPH.CENTER
        elif justified and self.zh:
            line.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
        if indent and self.zh:
            _set(line._p.get_or_add_pPr(), "w:ind", firstLineChars=indent * 100, firstLine=int(indent * self.size * 20))
        return line


def _without_clock(data: bytes) -> bytes:
    """The same archive with a fixed time on its members: the same paper is the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as made, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as fixed:
        for name in made.namelist():
            fixed.writestr(zipfile.ZipInfo(name, MADE.timetuple()[:6]), made.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _sort(body: Any, tag: str, order: list[str]) -> None:
    from docx.oxml.ns import qn

    place = {qn(f"w:{name}"): n for n, name in enumerate(order)}
    for properties in body.iter(qn(f"w:{tag}")):
        children = sorted(properties, key=lambda child: place.get(child.tag, len(place)))
        for child in children:
            properties.append(child)


def _add(parent: Any, tag: str, first: bool = False) -> Any:
    from docx.oxml import OxmlElement

    made = OxmlElement(tag)
    parent.insert(0, made) if first else parent.append(made)
    return made


def _set(parent: Any, tag: str, first: bool = False, **values: Any) -> Any:
    """The one child of that name, with these attributes of WordprocessingML."""
    from docx.oxml.ns import qn

    found = parent.find(qn(tag))
    if found is None:
        found = _add(parent, tag, first)
    for key, value in values.items():
        found.set(qn(f"w:{key}"), str(value))
    return found


def _fonts(properties: Any, east: str, latin: str = LATIN) -> None:
    _set(properties, "w:rFonts", first=True, ascii=latin, hAnsi=latin, eastAsia=east)


def _border(line: Any, side: str, eighths: int, colour: str, space: int = 0) -> None:
    edges = _set(line._p.get_or_add_pPr(), "w:pBdr")
    _set(edges, f"w:{side}", val="single", sz=eighths, space=space, color=colour)


def _grid_borders(grid: Any, *, top: int, bottom: int, inside: int) -> None:
    edges = _set(grid._tbl.tblPr, "w:tblBorders")
    for side, size in (("top", top), ("bottom", bottom), ("insideH", inside)):
        _set(edges, f"w:{side}", val="single", sz=size, space=0, color="000000")


def _widths(grid: Any, weights: tuple[float, ...]) -> None:
    from docx.shared import Mm

    grid.autofit = False
    whole = sum(weights)
    for row in grid.rows:
        for cell, weight in zip(row.cells, weights):
            cell.width = Mm(AREA_MM[0] * weight / whole)
