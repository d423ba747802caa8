"""The commands under `photopeak reports`: many reports, own labels, pseudonyms, a sample. What each needs is imported when it is called."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import re
import sys
import time
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from photopeak.words import Language, Words

if TYPE_CHECKING:
    from photopeak.report_review.confirmed import Graded
    from photopeak.report_review.rates import Region

reports_app = typer.Typer(no_args_is_help=True, add_completion=False, help="review of reports / 报告质控")
LANG = typer.Option("zh", "--lang", help="zh or en / 语言")
OUT = typer.Option(..., "--out", help="folder to write into / 输出文件夹")
EVERY = 50


def _stop(en: str, zh: str, lang: str) -> typer.Exit:
    typer.echo(zh if lang == "zh" else en, err=True)
    return typer.Exit(2)


@reports_app.command("audit")
def audit_command(
    paths: list[Path] = typer.Argument(..., help="texts, tables, folders / 文本、表格或文件夹"),
    out: Path = OUT,
    mapping: Path | None = typer.Option(
        None, "--mapping", help="which column holds what (TOML); remembered in --out / 列对应文件"
    ),
    weights: Path | None = typer.Option(None, "--weights", help="weights of the committee (TOML: element = weight) / 权重文件"),
    dicom: Path | None = typer.Option(
        None, "--dicom", help="folder of the studies: tracer, activity, times and weight are compared / 影像文件夹，用于核对"
    ),
    confirmed: Path | None = typer.Option(
        None, "--confirmed", help="table of what a person confirmed: report, what, confirmed / 人工确认表"
    ),
    second_reader: str | None = typer.Option(
        None, "--second-reader", help="address of an OpenAI-compatible endpoint; off by default / 第二阅读者地址，默认关闭"
    ),
    second_model: str = typer.Option("", "--second-model", help="its model / 模型名称"),
    key: Path | None = typer.Option(None, "--key", help="file with the secret key of the pseudonyms / 假名密钥文件"),
    pages: bool = typer.Option(False, "--pages", help="a page with marked text for each report / 每份报告生成标注页"),
    jobs: int = typer.Option(1, "--jobs", min=1, max=64, help="processes at work / 并行进程数"),
    lang: str = LANG,
) -> None:
    """Audit many reports: one line each, the region's table, a letter to each hospital; a stopped run goes on / 批量质控，可续跑"""
    from photopeak.dicom.study_header import study_headers
    from photopeak.report_review.batch import audit_many, entries, latest, with_studies
    from photopeak.report_review.confirmed import ConfirmedError, graded, read_confirmed
    from photopeak.report_review.mapping import read_mapping
    from photopeak.report_review.rates import region, workbook
    from photopeak.table import TableError, read_table

    language: Language = "en" if lang == "en" else "zh"
    if second_reader and not (second_model and key):
        raise _stop(
            "a second reader needs --second-model, and --key for the pseudonyms of what it is sent",
            "使用第二阅读者须同时给出 --second-model 与 --key（发送前先去标识化）。",
            lang,
        )
    said = {}
    if confirmed:
        try:
            said = read_confirmed(read_table(confirmed.read_bytes(), confirmed.name))
        except (ConfirmedError, TableError, OSError) as error:
            words = getattr(error, "words", None)
            raise _stop(str(error), words.zh if words else str(error), lang) from error
    out.mkdir(parents=True, exist_ok=True)
    remembered = out / "mapping.toml"
    if mapping:
        remembered.write_text(mapping.read_text("utf-8"), "utf-8")
    columns = read_mapping(remembered.read_text("utf-8")) if remembered.exists() else None
    own = {name: float(value) for name, value in tomllib.loads(weights.read_text("utf-8")).items()} if weights else None
    found_studies = study_headers([dicom]) if dicom else []
    run = out / "reports.jsonl"
    done = audit_many(with_studies(entries(paths, columns), found_studies), run, weights=own, progress=_counter(), jobs=jobs)
    typer.echo("", err=True)
    for name, why in done.unread:
        typer.echo(f"{name}: {why}", err=True)
    if not done.audited + done.known:
        raise typer.Exit(3)
    if pages:
        _pages(paths, columns, out, language)
    found = region(latest(run), said)
    (out / "region.xlsx").write_bytes(workbook(found, language))
    _grades(graded(latest(run), said), out / "grades.csv", language)
    _letters(found, out, language, confirmed=bool(said))
    if second_reader and key:
        _second_reading(paths, columns, out, address=second_reader, model=second_model, key=key, lang=lang)
    typer.echo(f"{done.audited} + {done.known}\t{run}\t{out / 'region.xlsx'}")


def _letters(found: Region, out: Path, language: Language, *, confirmed: bool) -> None:
    """A letter to each hospital, as Word file and PDF, from one paper."""
    import datetime

    from photopeak.present.official import official_pdf
    from photopeak.present.official_docx import official_docx
    from photopeak.present.report_letter import letter

    for number, (hospital, rates) in enumerate(sorted(found.hospitals.items()), 1):
        name = f"letter_{number:03d}_" + re.sub(r"[^\w\u4e00-\u9fff]+", "_", hospital)[:40]
        paper = letter(hospital, rates, found.names, language, confirmed=confirmed, day=datetime.date.today())
        (out / f"{name}.docx").write_bytes(official_docx(paper))
        (out / f"{name}.pdf").write_bytes(official_pdf(paper))


def _grades(rows: Iterable[Graded], path: Path, language: Language) -> None:
    """One line a report: score, grade, and the confirmed contradictions that capped it. A spreadsheet opens it as it is."""
    head = ("报告", "医院", "得分", "等级（建议）", "封顶原因（已确认）") if language == "zh" else ("report", "hospital", "score", "grade (proposal)", "capped by (confirmed)")  # fmt: skip
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(head)
        for one in rows:
            words = (one.report, one.hospital, f"{one.score:.1f}", one.grade.say(language), " ".join(one.capped_by))
            table.writerow(["'" + cell if cell[:1] in "=+-@" else cell for cell in words])


def _second_reading(
    paths: list[Path], columns: dict[str, str] | None, out: Path, *, address: str, model: str, key: Path, lang: str
) -> None:
    """Candidates of the second reader, for a person: a file of their own that no score and no rate reads."""
    from photopeak.report_review.batch import Entry, entries
    from photopeak.report_review.deidentify import deidentified
    from photopeak.report_review.second_reader import SecondReaderError, second_reading

    secret = key.read_bytes().strip()
    if len(secret) < 16:
        raise _stop("the key has fewer than 16 bytes", "密钥少于 16 字节。", lang)
    with (out / "second_reader.jsonl").open("w", encoding="utf-8") as file:
        for one in entries(paths, columns):
            if not isinstance(one, Entry):
                continue
            text = deidentified(one.document.text, key=secret).text
            try:
                said = second_reading(text, address=address, model=model)
            except SecondReaderError as error:
                typer.echo(f"{one.name}: {error}", err=True)
                continue
            row = {
                "report": one.name, "model": said.model, "prompt_sha256": said.prompt_sha256, "dropped": said.dropped,
                "candidates": [{"code": c.code, "quotes": [text[start:end] for start, end in c.spans]} for c in said.candidates],
            }  # fmt: skip
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _counter() -> Callable[[int], None]:
    """Progress on standard error: how many, how many a second."""
    began = time.monotonic()

    def told(number: int) -> None:
        if number % EVERY == 0:
            pace = number / max(1e-3, time.monotonic() - began)
            sys.stderr.write(f"\r{number}  {pace:.0f}/s ")
            sys.stderr.flush()

    return told


def _pages(paths: list[Path], columns: dict[str, str] | None, out: Path, language: Language) -> None:
    from photopeak.report_review.audit import audited, report_as_data
    from photopeak.report_review.batch import Entry, entries
    from photopeak.report_review.highlighted import page

    (out / "pages").mkdir(exist_ok=True)
    for one in entries(paths, columns):
        if isinstance(one, Entry):
            data = report_as_data(audited(one.document))
            name = re.sub(r"[^\w\u4e00-\u9fff.-]+", "_", one.name)
            (out / "pages" / f"{name}.html").write_text(page(one.document.text, data, language, one.name), "utf-8")


@reports_app.command("validate")
def validate_command(folder: Path = typer.Argument(..., help="NN.txt with NN.json / 报告与标注"), lang: str = LANG) -> None:
    """Score the module on your own labelled reports; they never leave the folder / 用本中心标注报告验证"""
    from photopeak.report_review.validation import validate

    try:
        found = validate(folder)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise _stop(f"the labels cannot be used: {error}", f"标注无法使用：{error}", lang) from error
    typer.echo(
        json.dumps(
            {
                **dataclasses.asdict(found),
                "statement": found.words.say("en" if lang == "en" else "zh"),
                "other_reports": _not_real(found.reports - found.real).say("en" if lang == "en" else "zh"),
            },
            ensure_ascii=False,
            indent=1,
        )
    )


def _not_real(count: int) -> Words:
    """What the figures of reports that are not marked real are worth."""
    if not count:
        return Words("all reports are marked real", "全部报告均标为真实报告")
    return Words(
        f"{count} of the reports are not marked real: the figures that hold them say nothing of the field",
        f"其中 {count} 份未标为真实报告：含有它们的数字不代表实际表现",
    )


@reports_app.command("deidentify")
def deidentify_command(
    paths: list[Path] = typer.Argument(..., help="texts / 报告文本"),
    out: Path = OUT,
    key: Path = typer.Option(..., "--key", help="file with the secret key / 密钥文件"),
    staff: Path | None = typer.Option(None, "--staff", help="register of staff, a name a line / 医务人员名册"),
    lang: str = LANG,
) -> None:
    """Texts with pseudonyms, and look.tsv for a person's last look / 去标识化，并列出需人工复核处"""
    from photopeak.report_review.batch import Entry, entries
    from photopeak.report_review.deidentify import deidentified

    secret = key.read_bytes().strip()
    if len(secret) < 16:
        raise _stop("the key has fewer than 16 bytes", "密钥少于 16 字节。", lang)
    names = staff.read_text("utf-8").split() if staff else []
    out.mkdir(parents=True, exist_ok=True)
    looks = []
    for number, one in enumerate(entries(paths), 1):
        if not isinstance(one, Entry):
            typer.echo(f"{one[0]}: {one[1]}", err=True)
            continue
        made = deidentified(one.document.text, key=secret, staff=names)
        (out / f"{number:05d}.txt").write_text(made.text, "utf-8")
        looks += [f"{number:05d}.txt\t{start}\t{end}\t{words}" for start, end, words in made.look]
    (out / "look.tsv").write_text("\n".join(["file\tstart\tend\twords", *looks]) + "\n", "utf-8")
    typer.echo(out / "look.tsv")


@reports_app.command("sample")
def sample_command(
    run: Path = typer.Argument(..., help="reports.jsonl of an audit / 批量质控结果"),
    size: int = typer.Option(..., "--size"),
    seed: int = typer.Option(..., "--seed"),
    flagged_share: float = typer.Option(0.0, "--flagged-share", help="share taken from flagged reports / 机器提示报告所占比例"),
    lang: str = LANG,
) -> None:
    """A seeded stratified sample with its hash, to be recorded before anybody reads / 分层随机抽样及名单哈希"""
    from photopeak.report_review.batch import lines
    from photopeak.report_review.sampling import stratified

    strata, flagged = {}, []
    for one in lines(run):
        abnormal = any(row["element"] == "lesion_location" and row["status"] == "present" for row in one["elements"])
        strata[one["report"]] = f"{one['hospital']} | {one['report_type']} | {'abnormal' if abnormal else 'normal'}"
        if one["defects"]:
            flagged.append(one["report"])
    try:
        found = stratified(strata, size=size, seed=seed, flagged=flagged, flagged_share=flagged_share)
    except ValueError as error:
        raise _stop(str(error), f"抽样数不合适：{error}", lang) from error
    typer.echo(json.dumps(dataclasses.asdict(found), ensure_ascii=False, indent=1))


@reports_app.command("plan")
def plan_command(
    lot: int | None = typer.Option(None, "--lot", help="reports there are; without it the lot is endless / 报告总数"),
    size: int = typer.Option(50, "--size", help="reports to be read / 抽取份数"),
    allowed: int = typer.Option(3, "--allowed", help="defective ones still accepted / 允许不合格数"),
    rate: float = typer.Option(0.1, "--rate", help="expected share of defective reports / 预期不合格率"),
    margin: float = typer.Option(0.05, "--margin", help="± wanted on that share / 允许误差"),
    out: Path | None = typer.Option(None, "--out", help="the curve as SVG / 曲线图（SVG）"),
    lang: str = LANG,
) -> None:
    """How many reports to read, and the operating characteristic of a plan (size, allowed) / 样本量与抽样方案的接收概率曲线"""
    from photopeak.report_review.sampling import acceptance, size_for_margin, size_to_see_one

    try:
        shares = [number / 100 for number in range(0, 41)]
        curve = [acceptance(size, allowed, share, lot) for share in shares]
        planned = {
            "to_see_one": size_to_see_one(rate), "for_margin": size_for_margin(rate, margin, lot), "size": size, "allowed": allowed, "lot": lot,
            "curve": [{"defective": share, "accepted": round(value, 4)} for share, value in zip(shares, curve, strict=True)],
        }  # fmt: skip
    except (ValueError, ZeroDivisionError) as error:
        raise _stop(f"no such plan: {error}", f"方案不成立：{error}", lang) from error
    if size > (lot or size) or allowed >= size:
        raise _stop("more are to be read than there are", "抽取份数大于总数，或允许不合格数过大。", lang)
    if out:
        _draw(
            out, lang, Words(f"Plan of {size} reports, {allowed} defective ones allowed", f"抽 {size} 份、允许 {allowed} 份不合格"),
            (Words("share of defective reports", "不合格率"), "%"), (Words("probability of acceptance", "接收概率"), "%"),
            [("line", [100 * one for one in shares], [100 * one for one in curve], Words("", ""), ())],
        )  # fmt: skip
    typer.echo(json.dumps(planned, ensure_ascii=False, indent=1))


@reports_app.command("agree")
def agree_command(
    first: Path = typer.Argument(..., help="table: report, element, answer / 第一阅读者"),
    second: Path = typer.Argument(..., help="the same of the second reader / 第二阅读者"),
    third: Path | None = typer.Option(None, "--third", help="who decides where they differ / 仲裁者"),
    out: Path | None = typer.Option(None, "--out", help="folder for open.csv and final.csv / 输出文件夹"),
    lang: str = LANG,
) -> None:
    """Agreement of two readers by element: percent, kappa, AC1 with bootstrap intervals; what a third decides / 阅片一致性与仲裁"""
    from photopeak.report_review.agreement import adjudicated, agreement, read_answers, to_adjudicate
    from photopeak.table import TableError, read_table

    try:
        answers = [read_answers(read_table(path.read_bytes(), path.name)) for path in (first, second, third) if path]
    except (ValueError, TableError, OSError) as error:
        raise _stop(f"the answers cannot be used: {error}", f"回答表无法使用：{error}", lang) from error
    found = {}
    open_rows, final_rows = [], []
    for element in sorted({name for one in answers[:2] for name in one}):
        one, other = answers[0].get(element, {}), answers[1].get(element, {})
        pairs = [(one[name], other[name]) for name in sorted(one.keys() & other.keys())]
        if pairs:
            found[element] = dataclasses.asdict(agreement(pairs))
        decided = answers[2].get(element, {}) if third else {}
        open_rows += [(name, element) for name in to_adjudicate(one, other) if name not in decided]
        final_rows += [(name, element, answer) for name, answer in sorted(adjudicated(one, other, decided).items())]
    if not found:
        raise _stop("no report and element was read by both", "没有两人都阅读过的报告与要素。", lang)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        _table(out / "open.csv", ("report", "element"), open_rows)
        _table(out / "final.csv", ("report", "element", "answer"), final_rows)
    typer.echo(json.dumps({"elements": found, "open": len(open_rows)}, ensure_ascii=False, indent=1))


def _table(path: Path, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([head, *rows])


OUTSIDE = 0.002  # beyond the outer limits of a funnel, by the exact test: with few reports the drawn limits are only near


@reports_app.command("funnel")
def funnel_command(
    run: Path = typer.Argument(..., help="reports.jsonl of an audit / 批量质控结果"),
    element: str = typer.Option("NM-07", "--element", help="an element, or NM-07 / 要素或 NM-07"),
    out: Path = typer.Option(..., "--out", help="the plot as SVG / 漏斗图（SVG）"),
    lang: str = LANG,
) -> None:
    """Hospitals against the region's rate in a funnel of 95 % and 99.8 % limits / 各医院漏斗图"""
    from photopeak.proportion import binomial_p, funnel_limits
    from photopeak.report_review.batch import latest
    from photopeak.report_review.rates import region

    found = region(latest(run))
    pairs = {
        name: (own.complete, own.national) if element == "NM-07" else tuple(own.elements.get(element, (0, 0)))
        for name, own in found.hospitals.items()
    }
    pairs = {name: pair for name, pair in pairs.items() if pair[1] > 0}
    if not pairs:
        raise _stop(f"no report in which {element} can be assessed", f"没有可判断“{element}”的报告。", lang)
    target = sum(good for good, _ in pairs.values()) / sum(of for _, of in pairs.values())
    most = max(of for _, of in pairs.values())
    sizes = sorted({max(1, round(most * share / 60)) for share in range(1, 64)})
    lines = []
    for z, words in ((1.959964, Words("95 %", "95%")), (3.090232, Words("99.8 %", "99.8%"))):
        low, high = zip(*(funnel_limits(target, size, z) for size in sizes), strict=True)
        both = [*low, math.nan, *high]  # a curve that breaks off between its two halves
        lines.append(("line", [*map(float, sizes), math.nan, *map(float, sizes)], [100 * one for one in both], words, ()))
    outside = {name: binomial_p(good, of, target) < OUTSIDE for name, (good, of) in pairs.items()}
    dots = ("dots", [float(of) for _, of in pairs.values()], [100 * good / of for good, of in pairs.values()], Words("hospitals", "医院"),
            tuple(Words(name, name) if outside[name] else Words("", "") for name in pairs))  # fmt: skip
    zh, en = found.names.get(element, (element, element))
    _draw(
        out, lang, Words(f"Funnel plot: {en}", f"漏斗图：{zh}"), (Words("reports assessed", "可判断报告数"), ""),
        (Words("present", "完整率"), "%"), [*lines, dots], level=(100 * target, Words("region", "区域")),
    )  # fmt: skip
    typer.echo(
        json.dumps(
            {"element": element, "target": target, "outside": sorted(name for name, far in outside.items() if far)},
            ensure_ascii=False,
        )
    )


def _draw(
    out: Path, lang: str, title: Words, x: tuple[Words, str], y: tuple[Words, str],
    series: list[tuple[str, list[float], list[float], Words, tuple[Words, ...]]], level: tuple[float, Words] | None = None,
) -> None:  # fmt: skip
    """A chart as an SVG file."""
    import numpy as np

    from photopeak.figure import Axis, Chart, Dots, Level, Line, Mark
    from photopeak.present.chart import draw_chart

    marks: list[Mark] = [
        Line(x=np.array(a), y=np.array(b), label=label)
        if kind == "line"
        else Dots(x=np.array(a), y=np.array(b), names=names, label=label)
        for kind, a, b, label, names in series
    ]
    marks += [Level(y=level[0], name=level[1])] if level else []
    chart = Chart(
        title=title,
        x=Axis(label=x[0], unit=x[1], low=0.0),
        y=Axis(label=y[0], unit=y[1], low=0.0, high=100.0),
        marks=tuple(marks),
    )
    out.write_text(draw_chart(chart, "en" if lang == "en" else "zh", 640.0), "utf-8")
