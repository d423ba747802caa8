"""A scanned page: not assessable without the extra; with it, what is recognised is found, and still nothing is called absent."""

import io
from collections import namedtuple

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from photopeak import page_recognition
from photopeak.present import pdf as shipped
from photopeak.report_review.audit import audited
from photopeak.text import read_text

LINES = (
    "晴川医院 18F-FDG PET/CT检查报告",
    "姓名:苏子由  性别:男  年龄:57岁",
    "静脉注射18F-FDG 222MBq,60min后采集",
    "所见:右肺上叶结节1.2cm,SUVmax 3.4。",
    "诊断:右肺上叶结节。",
)
Answer = namedtuple("Answer", "boxes txts")


def scanned():
    """A PDF of one page that is a picture."""
    image = Image.new("RGB", (1240, 900), "white")
    from importlib import resources

    with resources.as_file(resources.files(shipped.__package__) / "fonts" / "NotoSansCJKsc-Regular.otf") as path:
        font = ImageFont.truetype(str(path), 40)
    for number, line in enumerate(LINES):
        ImageDraw.Draw(image).text((60, 80 + 110 * number), line, font=font, fill="black")
    content = io.BytesIO()
    image.save(content, "PDF", resolution=150)
    return content.getvalue()


def statuses(document):
    return {one.element: one.status for one in audited(document).elements}


def test_without_the_extra_a_scanned_page_is_not_assessable(monkeypatch):
    monkeypatch.setattr(page_recognition, "is_available", lambda: False)
    document = read_text(scanned(), "scan.pdf")
    assert document.pages_without_text == (1,)
    assert set(statuses(document).values()) <= {"not_assessable", "not_applicable"}


def test_what_an_engine_reads_is_found_and_nothing_is_absent(monkeypatch):
    def read(image):
        assert image.shape[2] == 3
        boxes = [np.array([[0, 100 * n], [900, 100 * n], [900, 100 * n + 40], [0, 100 * n + 40]]) for n in range(len(LINES))]
        return Answer(boxes[::-1], LINES[::-1])  # in any order

    monkeypatch.setattr(page_recognition, "is_available", lambda: True)
    monkeypatch.setattr(page_recognition, "_engine", lambda: read)
    document = read_text(scanned(), "scan.pdf")
    assert document.text == "\n".join(LINES)
    found = statuses(document)
    assert found["activity"] == found["tracer"] == found["sex"] == "present"
    assert "absent" not in found.values()


@pytest.mark.skipif(not page_recognition.is_available(), reason="the extra ocr is not installed")
def test_the_engine_itself_reads_a_clean_page():
    found = statuses(read_text(scanned(), "scan.pdf"))
    assert found["activity"] == "present"
    assert "absent" not in found.values()
