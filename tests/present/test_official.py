"""Papers as an office sends them: GB/T 9704-2012 measured on the PDF, the same content in Word, nothing drawn that a person must put."""

import ctypes
import io
import itertools
import re
import zipfile
from dataclasses import replace
from xml.etree import ElementTree

import pypdfium2 as pdfium
import pypdfium2.raw as raw
import pytest

from photopeak.present.official import Annex, Paper, Paragraph, Table, as_data, from_data, official_pdf, picture_png
from photopeak.present.official_docx import official_docx

MM = 72 / 25.4
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 100 60'><rect width='100' height='60' fill='#dddddd'/></svg>"
PICTURES = {"flood": SVG}


def notice(language="zh"):
    zh = language == "zh"
    table = Table(
        head=("序号", "量与位置", "结果±U", "判定") if zh else ("no.", "quantity", "result ± U", "verdict"),
        rows=(("1", "积分均匀性，探头2" if zh else "integral uniformity", "6.29±0.29%", "不合格" if zh else "fail"),),
        align="llrl",
        weights=(0.5, 2, 1.5, 1),
    )
    annex = Annex(
        label="附件" if zh else "Annex",
        title="不符合项清单" if zh else "Nonconformities",
        tables=(table,),
        notes=("U为扩展不确定度，k=2。",),
        pictures=(("flood", "探头2"),),
        form=("签收人：____　日期：____",),
    )
    return Paper(
        language=language,
        kind="notice",
        title="质控整改通知书" if zh else "Rectification notice",
        mark="云汀市核医学质量控制中心文件" if zh else "Yunting Nuclear Medicine Quality Control Centre",
        number="云核质控〔2026〕7号",
        courtesy="" if zh else "Courtesy translation; the Chinese paper is the authoritative one.",
        to="岚溪医院：" if zh else "Lanxi Hospital:",
        paragraphs=(
            Paragraph(text="请查明原因并整改。" * 12),
            Paragraph(kind="l1", text="一、复查"),
            Paragraph(text="同一方法复查。"),
        ),
        annex_note="附件：不符合项清单" if zh else "Annex: nonconformities",
        signer="云汀市核医学质量控制中心" if zh else "Yunting Centre",
        date="2026年5月21日" if zh else "21 May 2026",
        annexes=(annex,),
        copies="抄送：岚溪医院医务处。" if zh else "Copies: medical affairs of Lanxi Hospital.",
        printer="云汀市核医学质量控制中心" if zh else "Yunting Centre",
        printed="2026年5月21日印发" if zh else "printed 21 May 2026",
    )


def full_page(paragraphs=1):
    """Nothing but one character, without indent: what the standard counts."""
    text = "国" * 28 * 22 * 2
    return replace(notice(), mark="", number="", title="", to="", annex_note="", annexes=(), signer="", copies="", printer="", paragraphs=(Paragraph(kind="p", text=text),))  # fmt: skip


class Char:
    def __init__(self, page, n):
        self.text = page.get_text_range(n, 1)
        matrix = raw.FS_MATRIX()
        assert raw.FPDFText_GetMatrix(page, n, matrix)
        self.size = raw.FPDFText_GetFontSize(page, n) * matrix.d
        x, y = ctypes.c_double(), ctypes.c_double()
        assert raw.FPDFText_GetCharOrigin(page, n, x, y)
        self.x, self.baseline = x.value, y.value
        self.right = page.get_charbox(n)[2]
        red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
        raw.FPDFText_GetFillColor(page, n, red, green, blue, alpha)
        self.colour = (red.value, green.value, blue.value)


def characters(pdf, number):
    page = pdf[number].get_textpage()
    return [c for c in (Char(page, n) for n in range(page.count_chars())) if c.text.strip()]


def height_from_top(pdf, number, y):
    return (pdf[number].get_height() - y) / MM


def test_the_text_area_is_156_by_225_with_22_lines_of_28_characters():
    pdf = pdfium.PdfDocument(official_pdf(full_page()))
    assert (pdf[0].get_width() / MM, pdf[0].get_height() / MM) == pytest.approx((210, 297), abs=0.1)
    body = [c for c in characters(pdf, 0) if c.text == "国"]
    lines = sorted({round(c.baseline, 2) for c in body}, reverse=True)
    assert len(lines) == 22
    pitches = [a - b for a, b in itertools.pairwise(lines)]
    assert pitches == pytest.approx([28.99] * 21, abs=0.02)
    second = sorted(c.x for c in body if round(c.baseline, 2) == lines[1])
    assert len(second) == 28
    assert {round(c.size, 2) for c in body} == {16.0}
    step = second[1] - second[0]
    assert second[0] / MM == pytest.approx(28, abs=0.1)
    assert (second[-1] + step) / MM == pytest.approx(184, abs=0.25)
    # a line is its character and the room above and below it: the first begins at 37 mm, the last ends at 262 mm
    room = (28.99 - 16) / 2
    top = height_from_top(pdf, 0, lines[0] + 0.88 * 16 + room)
    bottom = height_from_top(pdf, 0, lines[-1] - 0.12 * 16 - room)
    assert top == pytest.approx(37, abs=0.2)
    assert bottom - top == pytest.approx(225, abs=0.3)


def test_a_paragraph_begins_two_characters_in():
    pdf = pdfium.PdfDocument(official_pdf(full_page()))
    body = characters(pdf, 0)
    assert body[0].x / MM == pytest.approx(28 + 2 * 156 / 28, abs=0.1)


def test_red_is_the_mark_and_its_line_only():
    pdf = pdfium.PdfDocument(official_pdf(notice(), PICTURES))
    red = "".join(c.text for c in characters(pdf, 0) if c.colour != (0, 0, 0))
    assert red == notice().mark
    assert all(c.colour == (0, 0, 0) for n in range(1, len(pdf)) for c in characters(pdf, n))
    image = pdf[0].render(scale=2).to_pil().convert("RGB")
    rows = [y for y in range(image.height) if any(_is_red(image.getpixel((x, y))) for x in range(0, image.width, 7))]
    below_mark = [y / 2 / MM for y in rows if y / 2 / MM > 55]
    assert below_mark
    assert max(below_mark) - min(below_mark) < 1.5  # the line
    last = pdf[len(pdf) - 1].render(scale=1).to_pil().convert("RGB")
    assert not any(_is_red(pixel) for pixel in last.get_flattened_data())


def _is_red(pixel):
    r, g, b = pixel
    return r > 150 and g < 90 and b < 90


def test_the_imprint_ends_with_the_text_area_of_the_last_page_and_the_number_stands_below():
    pdf = pdfium.PdfDocument(official_pdf(notice(), PICTURES))
    last = len(pdf) - 1
    image = pdf[last].render(scale=4).to_pil().convert("L")
    x0, x1 = int(30 * MM * 4), int(180 * MM * 4)
    dark = [y / 4 / MM for y in range(image.height) if sum(image.getpixel((x, y)) < 128 for x in range(x0, x1, 20)) > 0.95 * len(range(x0, x1, 20))]  # fmt: skip
    assert max(dark) == pytest.approx(262, abs=0.4)
    imprint = [c for c in characters(pdf, last) if height_from_top(pdf, last, c.baseline) > 240]
    assert "抄送：岚溪医院医务处。" in "".join(c.text for c in imprint)
    for n in range(len(pdf)):
        number = [c for c in characters(pdf, n) if height_from_top(pdf, n, c.baseline) > 263]
        assert "".join(c.text for c in number) == f"—{n + 1}—"
        assert {round(c.size, 1) for c in number} == {14.0}
        left, right = number[0].x / MM, number[-1].right / MM
        assert (right == pytest.approx(184 - 14 / MM, abs=1)) if n % 2 == 0 else (left == pytest.approx(28 + 14 / MM, abs=1))
        top = height_from_top(pdf, n, number[0].baseline + 0.38 * 14)  # the stroke of the dash
        assert top == pytest.approx(262 + 7, abs=0.5)


def test_every_typeface_is_embedded_and_is_one_that_is_shipped():
    for language in ("zh", "en"):
        data = official_pdf(notice(language), PICTURES)
        pdf = pdfium.PdfDocument(data)
        page = pdf[0].get_textpage()
        names = set()
        for n in range(page.count_chars()):
            buffer = (ctypes.c_char * 80)()
            raw.FPDFText_GetFontInfo(page, n, buffer, 80, None)
            names.add(re.sub(r"^[A-Z]{6}\+", "", buffer.value.decode()))
        assert {name.split("-")[0] for name in names if name} <= {
            "NotoSerifCJKsc",
            "NotoSerifCJKkr",
            "NotoSansCJKsc",
            "NotoSansCJKkr",
        }
        assert names


def test_no_page_begins_with_the_date_alone():
    paper = notice()
    for n in range(1, 26):
        long = replace(paper, annexes=(), annex_note="", copies="", printer="", paragraphs=(*(Paragraph(text="整改。"),) * n, Paragraph(text="末段。")))  # fmt: skip
        pdf = pdfium.PdfDocument(official_pdf(long))
        texts = [pdf[k].get_textpage().get_text_range() for k in range(len(pdf))]
        with_date = next(text for text in texts if paper.date in text)
        assert "末段" in with_date


def test_a_name_too_long_for_the_mark_is_made_narrower_not_broken():
    pdf = pdfium.PdfDocument(
        official_pdf(replace(notice(), mark="某某省某某市某某区核医学与分子影像专业质量控制中心文件"), PICTURES)
    )
    mark = [c for c in characters(pdf, 0) if c.colour != (0, 0, 0)]
    assert len({round(c.baseline, 1) for c in mark}) == 1
    assert min(c.x for c in mark) / MM > 27.5
    assert max(c.x for c in mark) / MM < 184


def test_words_are_never_code():
    evil = '#panic() $x$ *b* <a> \\ {device} %s "q" \' ${1} {{ 7*7 }}'
    paper = replace(notice(), paragraphs=(Paragraph(text=evil),), title=evil, to=evil)
    text = pdfium.PdfDocument(official_pdf(paper, PICTURES))[0].get_textpage().get_text_range()
    assert "#panic()" in text
    assert "{{ 7*7 }}" in text
    assert "#panic()" in docx_text(official_docx(paper, PICTURES))


def docx_text(data):
    tree = ElementTree.fromstring(zipfile.ZipFile(io.BytesIO(data)).read("word/document.xml"))
    return "\n".join("".join(t.text or "" for t in p.iter(f"{W}t")) for p in tree.iter(f"{W}p"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_word_and_pdf_say_the_same(language):
    paper = notice(language)
    word = docx_text(official_docx(paper, PICTURES))
    pdf = pdfium.PdfDocument(official_pdf(paper, PICTURES))
    printed = "".join(pdf[n].get_textpage().get_text_range() for n in range(len(pdf)))
    squeezed = re.sub(r"\s", "", printed)
    annex = paper.annexes[0]
    texts = [
        paper.title,
        paper.number,
        paper.to,
        paper.date,
        paper.copies,
        paper.printed,
        annex.title,
        *annex.tables[0].rows[0],
    ]
    for text in (*texts, *(p.text for p in paper.paragraphs)):
        assert text in word
        assert re.sub(r"\s", "", text) in squeezed


def test_the_word_file_has_the_page_the_grid_and_the_typefaces_of_the_standard():
    archive = zipfile.ZipFile(io.BytesIO(official_docx(notice(), PICTURES)))
    tree = ElementTree.fromstring(archive.read("word/document.xml"))
    section = next(tree.iter(f"{W}sectPr"))
    margins = section.find(f"{W}pgMar").attrib
    twentieths = {key: int(margins[f"{W}{key}"]) / 20 / MM for key in ("top", "bottom", "left", "right")}
    assert twentieths == pytest.approx({"top": 37, "bottom": 35, "left": 28, "right": 26}, abs=0.05)
    grid = section.find(f"{W}docGrid").attrib
    assert (grid[f"{W}type"], grid[f"{W}linePitch"], grid[f"{W}charSpace"]) == ("linesAndChars", "579", "-860")
    faces = {fonts.get(f"{W}eastAsia") for fonts in tree.iter(f"{W}rFonts")}
    assert faces == {"仿宋", "黑体", "方正小标宋简体"}
    assert "仿宋" in archive.read("word/styles.xml").decode()
    assert "PAGE" in archive.read("word/footer1.xml").decode()
    red = [run for run in tree.iter(f"{W}color") if run.get(f"{W}val", "").upper() == "D7000F"]
    assert len(red) == 1
    order = ["pStyle", "keepNext", "pageBreakBefore", "pBdr", "spacing", "ind", "jc"]
    for properties in tree.iter(f"{W}pPr"):
        names = [order.index(child.tag.removeprefix(W)) for child in properties if child.tag.removeprefix(W) in order]
        assert names == sorted(names)


def test_the_same_paper_is_the_same_bytes_and_survives_freezing():
    paper = notice()
    assert from_data(as_data(paper)) == paper
    assert official_docx(paper, PICTURES) == official_docx(from_data(as_data(paper)), PICTURES)
    assert official_pdf(paper, PICTURES) == official_pdf(from_data(as_data(paper)), PICTURES)


def test_a_drawing_becomes_a_picture_for_word():
    assert picture_png(SVG).startswith(b"\x89PNG")
