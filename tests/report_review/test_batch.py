"""Many reports: resumable, flat in memory, fast; rates, letters, pages; a centre's own labels."""

import datetime
import io
import json
import time
import tracemalloc

import openpyxl
import pytest
from docx import Document
from typer.testing import CliRunner

from photopeak.cli import app
from photopeak.phantom.report_files import report_text_files
from photopeak.phantom.report_text import KINDS, STYLES, report_text
from photopeak.present.official import official_pdf
from photopeak.present.official_docx import official_docx
from photopeak.present.report_letter import letter
from photopeak.report_review.audit import audited, report_as_data
from photopeak.report_review.batch import Entry, audit_many, entries, lines
from photopeak.report_review.highlighted import page
from photopeak.report_review.rates import region, workbook
from photopeak.report_review.validation import validate
from photopeak.text import TextDocument, read_text


def made(count, first=0):
    for number in range(first, first + count):
        text, _ = report_text(seed=number, style=STYLES[number % 9], kind=KINDS[(number // 9) % 4], left_out=0.1)
        yield Entry(name=f"{number}.txt", document=TextDocument(text=text, format="txt"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "reports.jsonl"
    audit_many(made(72), path)
    return path


def test_a_stopped_run_goes_on_and_ends_as_if_it_had_not_stopped(tmp_path, run):
    path = tmp_path / "reports.jsonl"
    audit_many(made(30), path)
    path.write_bytes(path.read_bytes()[:-40])  # stopped in the middle of a line
    seen = []
    done = audit_many(made(72), path, progress=seen.append)
    assert (done.audited, done.known, seen[-1]) == (43, 29, 72)
    assert list(lines(path)) == list(lines(run))


def test_memory_does_not_grow_with_the_number_of_reports(tmp_path):
    def peak(count, first):
        tracemalloc.start()
        audit_many(made(count, first), tmp_path / f"{first}.jsonl")
        _, high = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return high

    peak(36, 900)  # what is built once
    few, many = peak(18, 1000), peak(108, 2000)
    assert many < few + 3 * 2**20


def test_a_report_takes_a_few_hundredths_of_a_second():
    reports = [one.document for one in made(36, 500)]
    audited(reports[0])
    best = min(_seconds(reports) for _ in range(2))
    assert best / len(reports) < 0.06  # 20 ms on a free core; this machine may be shared


def _seconds(reports):
    start = time.process_time()
    for one in reports:
        audited(one)
    return time.process_time() - start


def test_rates_letters_and_the_workbook(run):
    found = region(lines(run))
    total = found.total()
    assert total.reports == 72
    assert 0 < total.elements["activity"][0] < total.elements["activity"][1]
    assert total.nm_07().total == sum(kind in ("FDG", "PSMA") for kind in (KINDS[(n // 9) % 4] for n in range(72)))
    book = openpyxl.load_workbook(io.BytesIO(workbook(found, "zh")))
    rows = list(book.worksheets[0].iter_rows(values_only=True))
    uptake = next(row for row in rows if row[0] == "区域合计" and row[1] == "注射至显像的间隔")
    assert uptake[2:4] == tuple(total.elements["uptake_time"])
    assert uptake[7] == 51.7
    hospital, own = next(iter(sorted(found.hospitals.items())))
    for language in ("zh", "en"):
        paper = letter(hospital, own, found.names, language, confirmed=False, day=datetime.date(2025, 7, 1))
        text = "\n".join(one.text for one in Document(io.BytesIO(official_docx(paper))).paragraphs)
        printed = read_text(official_pdf(paper), "letter.pdf").text
        for words in (text, printed):
            plain = "".join(words.split())
            assert hospital.replace(" ", "") in plain
            assert ("尚未经人工确认" if language == "zh" else "notyetconfirmedbyaperson") in plain


def test_only_what_a_person_confirmed_caps_a_grade(run):
    from photopeak.report_review.confirmed import graded

    text, _ = report_text(seed=7, style="tertiary", kind="FDG", defect="LATERALITY_MISMATCH")
    data = report_as_data(audited(TextDocument(text=text, format="txt")))
    line = {"report": "a", "hospital": "", "score": 95.0, **data}
    (before,) = graded([line], {})
    (after,) = graded([line], {("a", "LATERALITY_MISMATCH"): True})
    (denied,) = graded([line], {("a", "LATERALITY_MISMATCH"): False})
    assert (before.grade.zh, after.grade.zh, denied.grade.zh) == ("优", "不合格", "优")
    assert (before.capped_by, after.capped_by) == ((), ("LATERALITY_MISMATCH",))


def test_an_absence_a_person_denies_counts_as_present(run):
    report = next(one for one in lines(run) if any(row["status"] == "absent" for row in one["elements"]))
    name = next(row["element"] for row in report["elements"] if row["status"] == "absent")
    before = region([report]).total().elements[name]
    after = region([report], {(report["report"], name): False}).total().elements[name]
    assert (before, after) == ([0, 1], [1, 1])


def test_a_page_marks_the_words_and_escapes_them():
    text, _ = report_text(seed=3, style="tertiary", defect="LATERALITY_MISMATCH")
    text = text.replace("病历号", "<b>病历号")
    data = report_as_data(audited(TextDocument(text=text, format="txt")))
    made_page = page(text, data, "zh")
    assert '<mark class="defect"' in made_page
    assert "<b>" not in made_page
    assert "侧别矛盾" in made_page
    assert "left and right contradict" in page(text, data, "en")


def test_the_commands_end_to_end(tmp_path):
    report_text_files(tmp_path / "in", count=18)
    runner = CliRunner()
    done = runner.invoke(app, ["reports", "audit", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--pages"])
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "out" / "pages").glob("*.html"))) == 18
    assert len(list((tmp_path / "out").glob("letter_*.docx"))) == len(list((tmp_path / "out").glob("letter_*.pdf"))) > 0
    sampled = runner.invoke(app, ["reports", "sample", str(tmp_path / "out" / "reports.jsonl"), "--size", "6", "--seed", "1"])
    assert len(json.loads(sampled.output)["chosen"]) == 6
    (tmp_path / "key").write_bytes(b"0123456789abcdef")
    made_names = runner.invoke(
        app, ["reports", "deidentify", str(tmp_path / "in"), "--out", str(tmp_path / "de"), "--key", str(tmp_path / "key")]
    )
    assert made_names.exit_code == 0, made_names.output
    assert len(list((tmp_path / "de").glob("*.txt"))) == 18


def test_weights_of_the_committee_and_a_mapping_are_taken_and_remembered(tmp_path):
    text, _ = report_text(seed=1, style="tertiary", left_out=0.3)
    table = '编号甲,内容乙\n1,"' + text.replace('"', "") + '"\n'
    (tmp_path / "ris.csv").write_text(table, "utf-8")
    (tmp_path / "map.toml").write_text('report = "内容乙"\nexam_no = "编号甲"\n', "utf-8")
    (tmp_path / "weights.toml").write_text("mode = 50\n", "utf-8")
    runner, out = CliRunner(), tmp_path / "out"
    first = runner.invoke(
        app, ["reports", "audit", str(tmp_path / "ris.csv"), "--out", str(out), "--mapping", str(tmp_path / "map.toml")]
    )
    assert first.exit_code == 0, first.output
    again = runner.invoke(
        app, ["reports", "audit", str(tmp_path / "ris.csv"), "--out", str(out), "--weights", str(tmp_path / "weights.toml")]
    )
    assert again.exit_code == 0, again.output
    own, other = lines(out / "reports.jsonl")
    assert own["score"] != other["score"]


def test_own_labels_are_scored_and_the_statement_is_honest(shared, tmp_path):
    found = validate(shared / "examples" / "reports")
    assert found.reports == 12
    assert found.real == 0
    assert found.presence_recall.percent >= 99
    assert found.absent_precision.percent >= 95
    assert found.absent_recall.percent >= 90
    assert found.critical_recall.percent == 100
    assert found.flags_on_clean == 0
    assert found.words.en == "validated on real reports: none yet"
    with pytest.raises(ValueError, match="no labelled report"):
        validate(tmp_path)


@pytest.mark.parametrize(
    ("real", "hospitals", "en", "zh"),
    [
        (0, ["甲"], "validated on real reports: none yet", "真实报告验证：尚无"),
        (1, ["甲"], "validated on 1 real report from 1 hospital", "已在 1 家医院的 1 份真实报告上验证"),
        (3, ["甲", "乙", "乙"], "validated on 3 real reports from 2 hospitals", "已在 2 家医院的 3 份真实报告上验证"),
        (2, ["", ""], "validated on 2 real reports; their hospitals are not named", "已在 2 份真实报告上验证（未标明医院）"),
    ],
)
def test_the_statement_counts_only_what_is_marked_real(tmp_path, real, hospitals, en, zh):
    for number in range(3):
        (tmp_path / f"{number:02d}.txt").write_text("18F-FDG PET/CT检查报告\n所见：右肺结节。\n印象：右肺结节。\n", "utf-8")
        labels = {"elements": {"tracer": {"status": "present"}}, "defects": [], "real": number < real}
        if number < real and hospitals[number]:
            labels["hospital"] = hospitals[number]
        (tmp_path / f"{number:02d}.json").write_text(json.dumps(labels), "utf-8")
    found = validate(tmp_path)
    assert (found.reports, found.real) == (3, real)
    assert (found.words.en, found.words.zh) == (en, zh)
    for lang, word in (("en", en), ("zh", zh)):
        told = CliRunner().invoke(app, ["reports", "validate", str(tmp_path), "--lang", lang])
        assert told.exit_code == 0, told.output
        document = json.loads(told.output)
        assert document["statement"] == word
        assert (f"{3 - real} " in document["other_reports"]) == (real < 3)


def test_two_processes_write_the_same_lines_in_the_same_order_and_go_on(tmp_path):
    report_text_files(tmp_path / "in", count=70)
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    assert audit_many(entries([tmp_path / "in"]), one).audited == 70
    half = one.read_text("utf-8").splitlines(keepends=True)[:20]
    two.write_text("".join(half), "utf-8")
    counted = []
    done = audit_many(entries([tmp_path / "in"]), two, progress=counted.append, jobs=2)
    assert (done.audited, done.known) == (50, 20)
    assert two.read_text("utf-8") == one.read_text("utf-8")
    assert counted == list(range(1, 71))


def test_a_damaged_file_does_not_end_a_run(tmp_path):
    (tmp_path / "a.docx").write_bytes(b"PK\x03\x04broken")
    (tmp_path / "b.txt").write_text("18F-FDG PET/CT\n所见：右肺结节。\n印象：右肺结节。", "utf-8")
    done = audit_many(entries([tmp_path]), tmp_path / "out.jsonl")
    assert done.audited == 1
    assert [name for name, _ in done.unread] == ["a.docx"]


def test_plan_agreement_and_funnel_from_the_command(tmp_path, run):
    runner = CliRunner()
    plan = runner.invoke(app, ["reports", "plan", "--size", "32", "--allowed", "2", "--out", str(tmp_path / "oc.svg")])
    curve = {row["defective"]: row["accepted"] for row in json.loads(plan.stdout)["curve"]}
    assert [round(curve[share], 3) for share in (0.01, 0.05, 0.10, 0.20)] == [0.996, 0.786, 0.367, 0.032]  # spec section 4
    assert (tmp_path / "oc.svg").read_text("utf-8").startswith("<svg")
    first, second, third = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "c.csv"
    rows = [(f"r{n}", "activity") for n in range(100)]
    for path, answer in (
        (first, lambda n: "absent" if n >= 97 else "present"),
        (second, lambda n: "absent" if 94 <= n < 97 else "present"),
    ):
        path.write_text("report,element,answer\n" + "".join(f"{r},{e},{answer(n)}\n" for n, (r, e) in enumerate(rows)), "utf-8")
    third.write_text("report,element,answer\nr94,activity,present\n", "utf-8")
    agreed = runner.invoke(
        app, ["reports", "agree", str(first), str(second), "--third", str(third), "--out", str(tmp_path / "agreed")]
    )
    figures = json.loads(agreed.stdout)
    assert round(figures["elements"]["activity"]["kappa"], 2) == -0.03  # spec section 4
    assert round(figures["elements"]["activity"]["ac1"], 3) == 0.936
    assert figures["open"] == 5
    assert len((tmp_path / "agreed" / "final.csv").read_text("utf-8-sig").splitlines()) == 1 + 95
    funnel = runner.invoke(app, ["reports", "funnel", str(run), "--element", "activity", "--out", str(tmp_path / "funnel.svg")])
    assert funnel.exit_code == 0, funnel.output
    assert 0.8 < json.loads(funnel.stdout)["target"] < 1


def test_a_second_reader_without_a_key_is_refused(tmp_path):
    (tmp_path / "b.txt").write_text("18F-FDG PET/CT\n所见：右肺结节。\n印象：右肺结节。", "utf-8")
    done = CliRunner().invoke(
        app,
        ["reports", "audit", str(tmp_path / "b.txt"), "--out", str(tmp_path / "o"), "--second-reader", "http://127.0.0.1:9"],
    )
    assert done.exit_code == 2
