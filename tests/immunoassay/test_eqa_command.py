"""A round from its workbooks to its papers by the command: the frozen protocol rules, hashes verify, a changed file is told."""

import json
import re

import numpy as np
import pypdfium2
import pytest
from typer.testing import CliRunner

from photopeak.cli import app
from photopeak.present.eqa_pages import digest
from photopeak.present.eqa_pdf import certificate_code
from photopeak.present.quick_response import quick_response

SCHEME = """
[scheme]
name = "Thyroid"
name_zh = "甲状腺激素"
round = "2026-1"

[allowable]
kind = "percent"
percent = 25

[[analyte]]
name = "FT4"
unit = "pmol/L"

[[sample]]
name = "S1"
target = 10

[[sample]]
name = "S2"
target = 20

[[laboratory]]
code = "L1"

[[laboratory]]
code = "L2"
"""
ROWS = "laboratory,analyte,sample,value,unit\nL1,FT4,S1,10.2,pmol/L\nL1,FT4,S2,20.4,pmol/L\nL2,FT4,S1,14,pmol/L\nL2,FT4,S2,27,pmol/L\n"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "scheme.toml").write_text(SCHEME, "utf-8")
    (tmp_path / "results.csv").write_text(ROWS, "utf-8")

    def call(*words, code=0):
        done = CliRunner().invoke(app, ["eqa", *(str(tmp_path / w[1:]) if w.startswith("@") else w for w in words)])
        assert done.exit_code == code, done.output
        return done.output

    return call


def closed(run):
    for act in ("ship", "open", "close"):
        run("round", act, "@scheme.toml", "--round", "@round.json")


def reported(run, lang="en"):
    closed(run)
    run("reports", "@scheme.toml", "@results.csv", "--round", "@round.json", "--out", "@out", "--lang", lang)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_laboratory_gets_its_paper_and_its_certificate_and_the_list_verifies(run, tmp_path, lang):
    reported(run, lang)
    files = {path.name for path in (tmp_path / "out").iterdir()}
    papers = {f"{name}{end}" for name in ("L1", "L2") for end in (".pdf", ".certificate.pdf", ".certificate.json")}
    assert files == papers | {"summary.pdf", "manifest.json"}
    certificate = json.loads((tmp_path / "out" / "L2.certificate.json").read_text("utf-8"))
    assert certificate["total"][1:] == ["0 %", "0 / 2"]
    run("verify", "@out/manifest.json", "@out/L1.certificate.json")


def text_of(path):
    document = pypdfium2.PdfDocument(path)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


@pytest.mark.parametrize(
    ("lang", "slip", "said"),
    [("zh", "疑似小数点错位", ("单位", "审核提示")), ("en", "looks like a decimal point", ("unit", "What was noticed"))],
)
def test_a_slip_stands_on_the_paper_of_its_laboratory_and_the_summary_has_units_and_remarks(run, tmp_path, lang, slip, said):
    rng = np.random.default_rng(1)
    rows = [
        [n, s, f"{x * (10 if (n, s) == (2, 'S1') else 1):.4g}"]
        for n in range(1, 10)
        for s, x in zip(("S1", "S2"), rng.normal((10, 20), 1))
    ]
    table = "laboratory,analyte,sample,value,unit\n" + "".join(f"L{n},FT4,{s},{x},pmol/L\n" for n, s, x in rows)
    (tmp_path / "results.csv").write_text(table, "utf-8")
    reported(run, lang)
    papers = {name: text_of(tmp_path / "out" / f"{name}.pdf") for name in ("L1", "L2", "summary")}
    assert slip in papers["L2"]
    assert slip not in papers["L1"]
    assert all(one in papers["summary"] for one in ("pmol/L", slip, *said))


def test_samples_scored_in_different_groups_say_so_each(run, tmp_path):
    """The methods differ in one sample only; the paper must not name that group for the other sample."""
    rng, scheme = np.random.default_rng(2), SCHEME.replace("target = 10\n", "").replace("target = 20\n", "")
    rows = []
    for n in range(1, 21):
        method = "RIA" if n % 2 else "CLIA"
        values = 10 * rng.normal(1.5 if method == "RIA" else 1, 0.03), 20 * rng.normal(1, 0.03)
        rows += [f"L{n},FT4,{s},{x:.4g},pmol/L,{method}\n" for s, x in zip(("S1", "S2"), values)]
    (tmp_path / "scheme.toml").write_text(scheme, "utf-8")
    (tmp_path / "results.csv").write_text("laboratory,analyte,sample,value,unit,method\n" + "".join(rows), "utf-8")
    reported(run)
    said = " ".join(text_of(tmp_path / "out" / "L1.pdf").split())
    assert "RIA, n = 10" in said
    assert "all methods, n = 20" in said


def test_a_changed_certificate_or_paper_is_told(run, tmp_path):
    reported(run)
    certificate = tmp_path / "out" / "L2.certificate.json"
    certificate.write_text(certificate.read_text("utf-8").replace("0 / 2", "2 / 2"), "utf-8")
    assert "CHANGED" in run("verify", "@out/L2.certificate.json", "--lang", "en", code=1)
    (tmp_path / "out" / "L1.pdf").write_bytes(b"%PDF-1.7 another")
    assert "L1.pdf\tCHANGED" in run("verify", "@out/manifest.json", "--lang", "en", code=1)


def test_the_code_of_a_certificate_is_found_in_the_organisers_list_and_a_forged_one_is_not(run, tmp_path):
    reported(run)
    path = tmp_path / "out" / "L2.certificate.json"
    certificate = json.loads(path.read_text("utf-8"))
    code = certificate_code(certificate["sha256"])
    assert "is that of L2.certificate.pdf" in run("verify", "@out/manifest.json", "--code", code, "--lang", "en")
    assert "一致" in run("verify", "@out/L2.certificate.json", "--code", certificate["sha256"].upper())
    forged = {**certificate, "total": ["overall score", "100 %", "2 / 2"]}
    forged["sha256"] = digest(forged)
    path.write_text(json.dumps(forged), "utf-8")
    run("verify", "@out/L2.certificate.json")
    code = certificate_code(forged["sha256"])
    assert "NONE" in run("verify", "@out/manifest.json", "--code", code, "--lang", "en", code=1)
    assert "64" in run("verify", "@out/manifest.json", "--code", "photopeak-eqa:12", "--lang", "en", code=1)


def test_the_printed_code_has_the_modules_of_its_text_and_a_white_border():
    svg = quick_response("photopeak-eqa:" + "a7" * 32)
    dark = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", svg)}
    side = int(re.search(r'viewBox="0 0 (\d+)', svg)[1])
    assert (side - 2 * 4 - 21) % 4 == 0
    assert min(min(one) for one in dark) == 4
    assert max(max(one) for one in dark) == side - 5
    for left, top in ((4, 4), (side - 11, 4), (4, side - 11)):  # the three finder patterns, ISO/IEC 18004 6.3.3
        ring = [(x, y) in dark for y in range(top, top + 7) for x in range(left, left + 7)]
        assert ring == [max(abs(x - 3), abs(y - 3)) != 2 for y in range(7) for x in range(7)]
    assert quick_response("photopeak-eqa:" + "a8" * 32) != svg


@pytest.mark.parametrize("text", ["", "[1]", "nothing", "{" * 5])
def test_a_file_that_is_no_certificate_is_told_and_not_traced(run, tmp_path, text):
    (tmp_path / "some.json").write_text(text, "utf-8")
    assert "certificate.json" in run("verify", "@some.json", "--lang", "en", code=2).replace("\n", " ")


def test_a_protocol_changed_after_opening_is_refused_by_every_later_step(run, tmp_path):
    closed(run)
    (tmp_path / "scheme.toml").write_text(SCHEME.replace("percent = 25", "percent = 45"), "utf-8")
    run("round", "score", "@scheme.toml", "--round", "@round.json", code=2)
    run("reports", "@scheme.toml", "@results.csv", "--round", "@round.json", "--out", "@out", code=2)
    assert not (tmp_path / "out").exists()


def test_an_open_round_is_not_scored(run):
    for act in ("ship", "open"):
        run("round", act, "@scheme.toml", "--round", "@round.json")
    run("reports", "@scheme.toml", "@results.csv", "--round", "@round.json", "--out", "@out", code=2)


def test_workbooks_are_made_and_what_comes_back_is_one_table(run, tmp_path):
    run("template", "@scheme.toml", "--out", "@sent", "--lang", "en")
    assert {path.name for path in (tmp_path / "sent").iterdir()} == {"L1.xlsx", "L2.xlsx"}
    (tmp_path / "sent" / "L3.csv").write_text(ROWS.replace("10.2", "ten"), "utf-8")
    run("collect", "@scheme.toml", "@sent", "--out", "@back")
    assert "row_not_a_number" in (tmp_path / "back" / "problems.csv").read_text("utf-8-sig")
    assert "L1,FT4,S1,ten,pmol/L" in (tmp_path / "back" / "results.csv").read_text("utf-8-sig")
