"""Report texts in the forms hospitals send; what holds no text is refused in words."""

import io
import json
import zipfile

import docx
import pytest

from photopeak.text import TextError, read_text

BODY = "全身骨显像\n所见：未见异常放射性浓聚。\n印象：未见骨转移征象。"


def word() -> bytes:
    document = docx.Document()
    for line in BODY.split("\n"):
        document.add_paragraph(line)
    packed = io.BytesIO()
    document.save(packed)
    return packed.getvalue()


HL7 = "\r".join(
    [
        "MSH|^~\\&|RIS|H|C|H|20260514102200||ORU^R01|1|P|2.5|||||CHN|UNICODE UTF-8",
        "PID|1||12345||ZHANG^SAN||19600101|M",
        "OBR|1||N1|BONE^全身骨显像|||20260514",
        "OBX|1|TX|F^所见||所见：未见异常放射性浓聚。",
        "OBX|2|TX|I^印象||印象：未见骨转移征象。",
    ]
)
FHIR = json.dumps({"resourceType": "DiagnosticReport", "status": "final", "conclusion": "未见骨转移征象。"}, ensure_ascii=False)


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (BODY.encode("utf-8"), "a.txt", "txt"),
        (BODY.encode("gb18030"), "a.txt", "txt"),
        (f"<html><body><p>{BODY}</p><script>x()</script></body></html>".encode(), "a.html", "html"),
        (word(), "a.docx", "docx"),
        (HL7.encode(), "a.hl7", "hl7"),
        (FHIR.encode(), "a.json", "fhir"),
    ],
)
def test_every_form_gives_the_text_it_carries(content, name, kind):
    document = read_text(content, name)
    assert document.format == kind
    assert "未见骨转移征象" in document.text
    assert "x()" not in document.text


def test_the_sex_of_an_hl7_segment_is_known_beside_the_text():
    assert read_text(HL7.encode(), "a.hl7").header["sex"] == "M"


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr("word/document.xml", b"<a>" + b"0" * (80 * 2**20) + b"</a>")
    return packed.getvalue()


@pytest.mark.parametrize("content", [b"", b"   ", b"%PDF-1.4 broken", b"PK\x03\x04 broken", b"\x00\x01\x02\x03", bomb()])
def test_what_holds_no_text_is_refused_in_both_languages(content):
    with pytest.raises(TextError) as refused:
        read_text(content, "report.bin")
    assert "report.bin" in refused.value.words.en
    assert "report.bin" in refused.value.words.zh


@pytest.mark.parametrize("content", [b'[{"Modality": "PT"}]', b'{"a": 1}', b'{\n "series": [] }'])
def test_json_that_is_no_report_is_no_text(content):
    with pytest.raises(TextError) as refused:
        read_text(content, "headers.json")
    assert refused.value.code == "not_a_text"


def test_a_report_that_begins_with_a_bracket_is_a_text():
    assert "未见异常" in read_text("[检查所见] 全身骨显像未见异常。".encode(), "report.txt").text
