"""The commands under `photopeak reports`: many reports, own labels, pseudonyms, a sample. What each needs is imported when it is called."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import tomllib
from pathlib import Path

import typer

from photopeak.words import Language

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
    pages: bool = typer.Option(False, "--pages", help="a page with marked text for each report / 每份报告生成标注页"),
    lang: str = LANG,
) -> None:
    """Audit many reports: one line each, the region's table, a letter to each hospital; a stopped run goes on / 批量质控，可续跑"""
    from photopeak.report_review.batch import audit_many, entries, lines
    from photopeak.report_review.letter import docx, letter_lines
    from photopeak.report_review.mapping import read_mapping
    from photopeak.report_review.rates import region, workbook

    language: Language = "en" if lang == "en" else "zh"
    out.mkdir(parents=True, exist_ok=True)
    remembered = out / "mapping.toml"
    if mapping:
        remembered.write_text(mapping.read_text("utf-8"), "utf-8")
    columns = read_mapping(remembered.read_text("utf-8")) if remembered.exists() else None
    own = {name: float(value) for name, value in tomllib.loads(weights.read_text("utf-8")).items()} if weights else None
    done = audit_many(entries(paths, columns), out / "reports.jsonl", weights=own, progress=_count)
    typer.echo("", err=True)
    for name, why in done.unread:
        typer.echo(f"{name}: {why}", err=True)
    if not done.audited + done.known:
        raise typer.Exit(3)
    if pages:
        _pages(paths, columns, out, language)
    found = region(lines(out / "reports.jsonl"))
    (out / "region.xlsx").write_bytes(workbook(found, language))
    for number, (hospital, rates) in enumerate(sorted(found.hospitals.items()), 1):
        name = re.sub(r"[^\w\u4e00-\u9fff]+", "_", hospital)[:40]
        (out / f"letter_{number:03d}_{name}.docx").write_bytes(
            docx(letter_lines(hospital, rates, found.names, language, confirmed=False))
        )
    typer.echo(f"{done.audited} + {done.known}\t{out / 'reports.jsonl'}\t{out / 'region.xlsx'}")


def _count(number: int) -> None:
    if number % EVERY == 0:
        sys.stderr.write(f"\r{number}")
        sys.stderr.flush()


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
            {**dataclasses.asdict(found), "statement": found.words.say("en" if lang == "en" else "zh")},
            ensure_ascii=False,
            indent=1,
        )
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
