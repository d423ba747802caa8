"""`photopeak eqa`: workbooks for the laboratories, the life of a round, what comes back, scores, papers, certificates."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from photopeak.words import Language, Words

if TYPE_CHECKING:
    from photopeak.immunoassay.performance_score import PerformanceScores
    from photopeak.immunoassay.scheme import Scheme

eqa_app = typer.Typer(no_args_is_help=True, help="EQA rounds of laboratories / 室间质评")
console = Console(stderr=True, highlight=False)
WRONG_CALL = 2
SCHEME = typer.Argument(..., help="scheme.toml / 方案文件")
RESULTS = typer.Argument(..., help="table of results / 结果表")
ROUND = typer.Option(..., "--round", help="file of the round, round.json / 轮次文件")
OUT = typer.Option(..., "--out", help="folder to write into / 输出文件夹")
LANG = typer.Option("zh", "--lang", help="zh or en / 语言")
WORKERS = typer.Option(1, "--workers", min=1, help="processes / 进程数")


@contextlib.contextmanager
def _said(lang: str) -> Iterator[Language]:
    """The language; what cannot be done is said in it, and the command ends as wrongly called."""
    from photopeak.immunoassay.scheme import SchemeError
    from photopeak.procedure import Refused
    from photopeak.table import TableError

    language: Language = "en" if lang == "en" else "zh"
    try:
        yield language
    except (SchemeError, Refused, TableError) as error:
        console.print(error.words.say(language), style="red", markup=False)
        raise typer.Exit(WRONG_CALL) from error
    except OSError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(WRONG_CALL) from error


def _scheme(path: Path) -> Scheme:
    from photopeak.immunoassay.scheme import parse_scheme

    return parse_scheme(path.read_text("utf-8-sig"), path.name)


@eqa_app.command("template")
def template_command(scheme: Path = SCHEME, out: Path = OUT, lang: str = LANG) -> None:
    """A workbook for each laboratory of the scheme / 为每个实验室生成回报表"""
    from photopeak.immunoassay.eqa_template import template
    from photopeak.present.eqa_pdf import file_name

    with _said(lang) as language:
        protocol = _scheme(scheme)
        out.mkdir(parents=True, exist_ok=True)
        for laboratory in protocol.laboratories:
            path = out / f"{file_name(laboratory)}.xlsx"
            path.write_bytes(template(protocol, laboratory, language))
            typer.echo(path)


@eqa_app.command("round")
def round_command(
    act: str = typer.Argument(..., help="ship | receive | open | close | score | release | amend"),
    scheme: Path = SCHEME,
    round_file: Path = ROUND,
    lang: str = LANG,
) -> None:
    """One step in the life of a round; `open` freezes the protocol / 轮次状态；开放回报时冻结方案"""
    from photopeak.immunoassay.eqa_round import EqaRound, read_round

    with _said(lang):
        protocol = _scheme(scheme)
        known = round_file.exists()
        one = read_round(round_file.read_text("utf-8")) if known else EqaRound(scheme=protocol.name.en, round=protocol.round)
        one = one.after(act, protocol)
        round_file.write_text(one.to_json(), "utf-8")
        typer.echo(f"{one.state}\t{one.sha256}")


@eqa_app.command("collect")
def collect_command(
    scheme: Path = SCHEME,
    files: list[Path] = typer.Argument(..., help="what the laboratories sent / 回报文件"),
    out: Path = OUT,
    lang: str = LANG,
) -> None:
    """One table of all returns, and a list of every faulty row / 汇总回报并列出每行问题"""
    from photopeak.immunoassay.eqa_returns import gather_returns

    with _said(lang) as language:
        paths = [one for path in files for one in (sorted(path.iterdir()) if path.is_dir() else [path])]
        found = gather_returns([(path.name, path.read_bytes()) for path in paths if path.is_file()], _scheme(scheme))
        out.mkdir(parents=True, exist_ok=True)
        for name, text in (("results.csv", found.as_csv()), ("problems.csv", found.problems_as_csv())):
            (out / name).write_text(text, "utf-8-sig", newline="")
            typer.echo(out / name)
        for one in found.problems[:20]:
            said = one.words.say(language)
            console.print(said if not one.file or said.startswith(one.file) else f"{one.file}: {said}", markup=False)
        total = Words(
            f"{len(found.rows)} rows, {len(found.problems)} problems", f"{len(found.rows)} 行，{len(found.problems)} 个问题"
        )
        console.print(total.say(language))


def score_table(scheme_text: str, table: Path, frozen: str) -> PerformanceScores:
    """The scores of a table under a scheme whose hash was frozen."""
    from photopeak.evidence import EvidenceFile
    from photopeak.immunoassay.performance_score import PerformanceScores, performance_score
    from photopeak.table import table_evidence

    content = table.read_bytes()
    file = EvidenceFile(path=str(table), sha256=hashlib.sha256(content).hexdigest())
    found = performance_score(table_evidence(content, file), scheme=scheme_text, frozen=frozen)
    assert isinstance(found, PerformanceScores)
    return found


@eqa_app.command("reports")
def reports_command(
    scheme: Path = SCHEME,
    results: Path = RESULTS,
    round_file: Path = ROUND,
    out: Path = OUT,
    lang: str = LANG,
    workers: int = WORKERS,
    certificates: bool = typer.Option(True, help="certificates too / 同时生成证书"),
) -> None:
    """A PDF for each laboratory, the summary, certificates, and the list of their hashes / 各室报告、总结、证书与哈希清单"""
    from photopeak.immunoassay.eqa_round import read_round
    from photopeak.immunoassay.scheme import SchemeError
    from photopeak.present.eqa_pdf import number_of_papers, papers, write_papers

    with _said(lang) as language:
        one = read_round(round_file.read_text("utf-8"))
        if not one.sha256 or one.state == "open":
            raise SchemeError(
                "not_closed",
                en=f"the round is {one.state}; results are scored once it was opened and closed (photopeak eqa round close ...)",
                zh=f"轮次状态为 {one.state}；须先开放并截止回报（photopeak eqa round close ...）方可评分。",
            )
        text = scheme.read_text("utf-8-sig")
        scores = score_table(text, results, one.sha256)
        out.mkdir(parents=True, exist_ok=True)
        tasks = papers(scores, _scheme(scheme), language, out, certificates=certificates)
        with _pool(workers) as map_, _bar(language) as told:
            written = write_papers(tasks, map_, told, of=number_of_papers(scores, certificates=certificates))
        listed = {
            "round": one.round,
            "version": one.version,
            "protocol": one.sha256,
            "results": hashlib.sha256(results.read_bytes()).hexdigest(),
            "files": {Path(path).name: sha256 for path, sha256 in written.files.items()},
            "certificates": {Path(path).name: sha256 for path, sha256 in written.certificates.items()},
        }
        (out / "manifest.json").write_text(json.dumps(listed, ensure_ascii=False, indent=1), "utf-8")
        typer.echo(out / "manifest.json")


@contextlib.contextmanager
def _pool(workers: int) -> Iterator[Any]:
    if workers == 1:
        yield map
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield lambda run, tasks: pool.map(run, tasks, chunksize=8)


@contextlib.contextmanager
def _bar(language: Language) -> Iterator[Any]:
    """Progress on standard error; a line for every hundred papers where no terminal watches."""
    if not console.is_terminal:
        yield lambda done, of: console.print(f"{done}/{of}") if done % 100 == 0 or done == of else None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    with Bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True) as bar:
        line = bar.add_task(Words("papers", "报告").say(language), total=None)
        yield lambda done, of: bar.update(line, completed=done, total=of)


@eqa_app.command("verify")
def verify_command(
    files: list[Path] = typer.Argument(..., help="certificate.json or manifest.json / 证书或清单"),
    code: str = typer.Option("", "--code", help="what the QR code of a certificate says / 证书二维码内容"),
    lang: str = LANG,
) -> None:
    """Whether certificates and listed files still have their hashes, and a printed code is theirs / 核对证书与文件的哈希及二维码"""
    from photopeak.present.eqa_pdf import certificate_holds

    with _said(lang) as language:
        wrong = 0
        known: dict[str, str] = {}
        for path in files:
            document = _json_object(path)
            listed = document.get("files")
            if isinstance(listed, dict):
                checked = _listed(path.parent, listed)
                known |= {str(sha256): name for name, sha256 in dict(document.get("certificates", {})).items()}
            else:
                holds = certificate_holds(document)
                checked = [(path, holds)]
                known |= {str(document.get("sha256", "")): path.name} if holds else {}
            for one, holds in checked:
                wrong += not holds
                said = Words("unchanged", "未改动") if holds else Words("CHANGED", "已改动")
                typer.echo(f"{one.name}\t{said.say(language)}")
        if code:
            wrong += not _code_told(code, known, language)
        if wrong:
            raise typer.Exit(1)


def _json_object(path: Path) -> dict[str, Any]:
    from photopeak.immunoassay.scheme import SchemeError

    try:
        document = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise SchemeError(
            "not_json",
            en=f"{path.name}: not a certificate or a list of hashes; give the certificate.json or the manifest.json",
            zh=f"{path.name}：不是证书或清单文件；请提供 certificate.json 或 manifest.json。",
        )
    return document


def _code_told(code: str, known: dict[str, str], language: Language) -> bool:
    """Say whose certificate a printed code belongs to; whether it belongs to one of these at all."""
    from photopeak.present.eqa_pdf import hash_in

    sha256 = hash_in(code)
    if sha256 is None:
        said = Words("the code holds no sha256 of 64 hexadecimal digits", "二维码内容中没有 64 位十六进制 sha256")
    elif sha256 in known:
        said = Words(f"the code is that of {known[sha256]}", f"二维码与 {known[sha256]} 一致")
    else:
        said = Words("the code belongs to NONE of these certificates", "二维码与所列证书均不一致")
    typer.echo(said.say(language))
    return sha256 in known


def _listed(folder: Path, listed: dict[str, str]) -> list[tuple[Path, bool]]:
    paths = {folder / name: sha256 for name, sha256 in listed.items()}
    return [(path, path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha) for path, sha in paths.items()]
