"""The report as data, as HTML and as PDF."""

import json
import re
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser

import pypdfium2
import pytest

from photopeak.criterion import shipped_criteria
from photopeak.present.html import page, raised
from photopeak.present.pages import compose
from photopeak.present.pdf import _compiler, pdf
from photopeak.present.phrases import BASES, PHRASES, STAGES, how_read
from photopeak.present.places import _PATTERNS, _VALUES, KEYS
from photopeak.present.report import write_report
from photopeak.verdict import OUTCOME_WORDS

CHINESE = re.compile("[\u4e00-\u9fff]")
ENGLISH = re.compile(r"\b(the|and|of|is|not|limit|result|verdict|page|no|more|with)\b", re.IGNORECASE)


def pdf_text(data):
    document = pypdfium2.PdfDocument(data)
    return [document[n].get_textpage().get_text_range() for n in range(len(document))]


def flat(text):
    return re.sub(r"\s+", "", text)


class Reader(HTMLParser):
    """Collects text, tags and every address the page would load."""

    def __init__(self):
        super().__init__()
        self.text, self.tags, self.loads, self.hidden = [], [], [], 0

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.hidden += tag == "style"
        if tag not in ("a", "image", "link"):
            self.loads += [value for key, value in attrs if key in ("src", "href", "data")]

    def handle_endtag(self, tag):
        self.hidden -= tag == "style"

    def handle_data(self, data):
        if not self.hidden:
            self.text.append(data)


def read(html):
    reader = Reader()
    reader.feed(html)
    return reader


@pytest.fixture(scope="module", params=["zh", "en"])
def language(request):
    return request.param


def test_every_phrase_exists_in_both_languages_and_in_that_language_only():
    tables = [PHRASES, STAGES, {k: v for k, v in BASES.items() if v.en}, OUTCOME_WORDS]
    for table in tables:
        for key, words in table.items():
            assert not CHINESE.search(words.en) or key == "other_language", key
            bare = re.sub(r"\{.*?\}|results\.json|--\w+|\bearl2\b|\bU\b|\bk\b|\bSN\b", "", words.zh)
            assert key == "other_language" or not ENGLISH.search(bare), key
            assert sorted(re.findall(r"\{.*?\}", words.en)) == sorted(re.findall(r"\{.*?\}", words.zh)), key


def test_the_labels_of_places_are_said_in_the_language_of_the_page():
    for words in [*KEYS.values(), *_PATTERNS.values(), *_VALUES.values()]:
        assert not CHINESE.search(words.en)
        assert not ENGLISH.search(words.zh)


def test_the_sentence_of_the_first_page_counts_what_the_tally_counts(checked, language):
    summary = compose(checked, language).summary
    counts = {one.outcome: one.count for one in summary.tally}
    verdicts = [verdict.outcome for verdict in checked.verdicts]
    assert counts == {outcome: verdicts.count(outcome) for outcome in counts}
    assert str(counts["fail"]) in summary.headline
    assert summary.outcome == "fail"
    assert summary.provisional == 2


def test_fails_and_undecided_come_first(checked, language):
    report = compose(checked, language)
    order = {"fail": 0, "undecided": 1, "pass": 2, "not_assessed": 2}
    for rows in [table.rows for table in report.summary.devices] + [s.table.rows for s in report.sections]:
        ranks = [order[row.outcome] for row in rows]
        assert ranks == sorted(ranks)


def test_every_measurement_and_verdict_stands_in_its_section(checked, language):
    from photopeak.present.numbers import write

    report = compose(checked, language)
    for one, section in zip([e for e in checked.examined if e.result], report.sections, strict=True):
        said = repr(section).replace("\\u2009", "\u2009")
        for measurement in one.result.measurements:
            if not measurement.quantity.name.endswith("_noise_floor"):
                assert write(measurement).value in said, measurement
        assert sum(row.floor == "0.91" for row in section.table.rows) == (4 if "flood" in section.address else 0)
        judged = [v for v in one.verdicts if v.criterion is not None]
        assert len(section.table.rows) == len(judged)


def test_a_place_is_printed_once_and_decimals_stand_below_one_another(checked):
    rows = compose(checked, "zh").sections[1].table.rows
    assert rows[0].unit == ""
    pads = {len(row.value.partition(".")[2]) + row.pad for row in rows if row.expanded}
    assert len(pads) == 1


def test_what_was_not_judged_has_its_page(checked, language):
    last = compose(checked, language).last
    assert len(last.refusals) == len(last.unread) == len(last.untested) == 1
    assert {source.number for source in last.sources} == {f"[{n}]" for n in range(1, len(last.sources) + 1)}
    assert any(source.provisional for source in last.sources)


def test_a_check_without_anything_has_a_report_that_says_so(checked, language):
    empty = compose(replace(checked, examined=(), unread=(), untested=()), language)
    assert empty.summary.outcome == "not_assessed"
    assert empty.summary.headline
    assert len(pdf_text(pdf(empty))) == 2
    assert page(empty, "x.html")


def test_many_devices_are_shown_as_one_overview(checked, language):
    camera = checked.examined[0]
    fleet = tuple(
        replace(camera, evidence=replace(camera.evidence, about=replace(camera.evidence.about, serial=str(n))))
        for n in range(12)
    )
    summary = compose(replace(checked, examined=fleet), language).summary
    assert len(summary.overview) == 12
    assert all(row.outcome in ("fail", "undecided") for row in summary.devices[0].rows)


# HTML


def test_the_page_is_self_contained_and_runs_no_script(checked, language):
    html = page(compose(checked, language), "report.other.html")
    found = read(html)
    names = {tag for tag, _ in found.tags}
    assert not names & {"script", "iframe", "object", "embed", "form"}
    assert found.loads == []
    for tag, attributes in found.tags:
        if tag in ("image", "link"):
            assert attributes["href"].startswith("data:")
        assert not any(key.startswith("on") for key in attributes)
    assert "url(" not in html.partition("</style>")[0]


def test_hostile_words_are_shown_and_never_obeyed_in_html(hostile, hostile_words, language):
    found = read(page(compose(hostile, language), "o.html"))
    assert "script" not in {tag for tag, _ in found.tags}
    assert hostile_words in "".join(found.text)


def test_the_page_says_its_language_and_leads_to_the_other(checked, language):
    found = read(page(compose(checked, language), "report.other.html"))
    tags = dict(reversed(found.tags))
    assert tags["html"]["lang"] == {"zh": "zh-CN", "en": "en"}[language]
    assert any(attributes.get("href") == "report.other.html" and attributes.get("hreflang") for _, attributes in found.tags)


def test_every_link_within_the_page_leads_somewhere(checked, language):
    found = read(page(compose(checked, language), "o.html"))
    targets = {attributes["id"] for _, attributes in found.tags if "id" in attributes}
    wanted = {a["href"][1:] for tag, a in found.tags if tag == "a" and a["href"].startswith("#")}
    assert wanted <= targets


def test_marks_are_silent_beside_their_word_and_strips_are_labelled(checked):
    html = page(compose(checked, "en"), "o.html")
    for outcome, word in (("fail", "fail"), ("undecided", "undecided"), ("pass", "pass"), ("not_assessed", "not assessed")):
        assert re.search(rf'<span class="v {outcome}"><span class="mark" aria-hidden="true">.*?</span>{word}</span>', html)
    assert html.count('role="img"') >= html.count('class="strip"')


def test_tables_have_heads_of_columns_and_rows(checked):
    found = read(page(compose(checked, "en"), "o.html"))
    scopes = [attributes.get("scope") for tag, attributes in found.tags if tag == "th"]
    assert {"col", "row"} == set(scopes)


def test_nuclides_are_raised_as_ordinary_letters():
    assert raised("⁹⁹ᵐTc <b>") == "<sup>99m</sup>Tc &lt;b&gt;"


# PDF


def test_the_pdf_numbers_its_pages_and_can_be_searched(checked, language):
    pages = pdf_text(pdf(compose(checked, language)))
    assert len(pages) >= 4
    for n, text in enumerate(pages, 1):
        wanted = f"第 {n} 页，共 {len(pages)} 页" if language == "zh" else f"Page {n} of {len(pages)}"
        assert flat(wanted) in flat(text)
    title = "质量控制检测报告" if language == "zh" else "Qualitycontroltestreport"
    assert title in flat(pages[0])


def test_the_first_page_holds_the_whole_summary(checked, language):
    first = flat(pdf_text(pdf(compose(checked, language)))[0])
    for words in ("signatures", "next", "how_to_read"):
        assert flat(PHRASES[words].say(language)) in first
    assert flat(PHRASES["reading"].say(language))[-12:] in first
    assert "6.29±0.28" in first


def test_every_result_of_the_report_is_in_the_pdf(checked, language):
    report = compose(checked, language)
    text = flat("".join(pdf_text(pdf(report))))
    for section in report.sections:
        for row in section.table.rows:
            assert flat(f"{row.value}±{row.expanded}" if row.expanded else row.value) in text
            assert flat(row.verdict) in text
            assert row.source in text


def test_hostile_words_are_set_as_they_are_in_the_pdf(hostile, language):
    text = flat("".join(pdf_text(pdf(compose(hostile, language)))))
    for part in ("<script>alert(1)</script>", '#import"x"', "$x^2$", "\\u{41}", "*b*", "_i_", "@ref", "[c]"):
        assert part in text.replace("“", '"').replace("”", '"').replace("’", "'"), part


def test_the_pdf_is_set_in_the_shipped_typefaces_only(checked, language):
    data = pdf(compose(checked, language))
    names = set(re.findall(rb"/FontName\s*/[A-Z]{6}\+([\w-]+)", data)) | set(
        re.findall(rb"/BaseFont\s*/[A-Z]{6}\+([\w-]+)", data)
    )
    assert names
    assert all(name.startswith(b"NotoSansCJK") for name in names)
    assert data.count(b"/FontFile3") >= 1


@pytest.mark.parametrize("weight", ["regular", "bold"])
def test_no_character_that_the_report_uses_is_missing_from_the_typefaces(language, weight):
    """Each character is set alone; one that has no glyph would look like a character that nobody has."""
    tables = [
        *PHRASES.values(),
        *STAGES.values(),
        *KEYS.values(),
        *_PATTERNS.values(),
        *_VALUES.values(),
        *OUTCOME_WORDS.values(),
    ]
    said = "".join(words.say(language) for words in tables) + "−±≤≥–—·…×°µ²³Ωαβγ“”’0123456789%"
    nobody, letters = "\ue000", sorted(set(said) - set(" \u2009"))
    faces = {"zh": '("Noto Sans CJK SC",)', "en": '("Noto Sans CJK KR", "Noto Sans CJK SC")'}
    source = f"""#set page(width: 16pt, height: 16pt, margin: 2pt)
#set text(font: {faces[language]}, weight: "{weight}", size: 10pt)
#for letter in json(bytes(sys.inputs.letters)) {{ page(letter) }}"""
    inputs = {"letters": json.dumps([nobody, *letters])}
    unknown, *drawn = _compiler().compile(source.encode(), sys_inputs=inputs, format="png", ppi=96)
    assert len(drawn) == len(letters)
    assert [letter for letter, image in zip(letters, drawn, strict=True) if image == unknown] == []


def test_the_same_check_gives_the_same_bytes(checked):
    assert pdf(compose(checked, "zh")) == pdf(compose(checked, "zh"))


# files


def test_a_report_is_written_in_both_languages_with_its_figures(checked, tmp_path, language):
    files = write_report(checked, tmp_path / "new" / "folder", language=language)
    other = "en" if language == "zh" else "zh"
    assert {path.name for path in files.html.parent.iterdir()} == {
        "report.html", "report.pdf", f"report.{other}.html", f"report.{other}.pdf", "results.json", "figures",
    }  # fmt: skip
    assert files.pdf.read_bytes().startswith(b"%PDF")
    assert len(files.figures) == 3
    assert all(path.read_text("utf-8").startswith("<?xml") for path in files.figures)


def test_the_data_of_a_report_is_plain(checked):
    def plain(value):
        if is_dataclass(value):
            return all(plain(getattr(value, field.name)) for field in fields(value))
        if isinstance(value, tuple):
            return all(map(plain, value))
        return value is None or isinstance(value, (str, int, float, bool))

    assert plain(compose(checked, "en"))


def test_a_file_name_of_bytes_that_are_no_text_does_not_stop_the_report(undecodable, tmp_path):
    files = write_report(undecodable, tmp_path, language="zh")
    assert "相机" in files.html.read_text("utf-8")
    assert json.loads(files.json.read_text("utf-8"))["unread"][0]["path"].startswith("/data/IM0042 \\udcff")


def test_only_a_check_whose_every_verdict_passes_bears_the_sign_of_a_pass(checked, language):
    camera = checked.examined[0]
    passing = replace(camera, verdicts=tuple(v for v in camera.verdicts if v.outcome == "pass"))
    assert compose(replace(checked, examined=(passing,)), language).summary.outcome == "pass"
    open_too = replace(passing, verdicts=(*passing.verdicts, *(v for v in checked.verdicts if v.outcome == "not_assessed")))
    assert compose(replace(checked, examined=(open_too,)), language).summary.outcome == "not_assessed"


def test_how_a_shipped_limit_was_read_is_said_in_both_languages():
    said = {reader for row in shipped_criteria() for reader in row.read_by}
    assert len(said) >= 5
    for reader in said:
        assert how_read(reader, "en") != how_read(reader, "zh"), reader
    assert how_read("reading: Dr Li, page 7", "zh") == "Dr Li, page 7"
