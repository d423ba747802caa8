"""The command `photopeak`. Messages and progress go to standard error; `--json -` alone owns standard output."""

from __future__ import annotations

import contextlib
import difflib
import gc
import json
import locale
import os
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from photopeak import __version__
from photopeak.check import Checked, Progress, check
from photopeak.criterion import STAGES, CriteriaError, Criterion, load_criteria, shipped_criteria
from photopeak.eqa_command import eqa_app
from photopeak.facts import Facts, FactsError, load_facts
from photopeak.procedure import Option, Procedure, roll
from photopeak.report_review.commands import reports_app
from photopeak.words import Language, Words

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.add_typer(reports_app, name="reports")
console = Console(stderr=True, highlight=False)

app.add_typer(eqa_app, name="eqa")

TAKES_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}
YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
NOTHING_READ, WRONG_CALL, SOMETHING_FAILS = 3, 2, 1


def main() -> None:
    # Imports and images make few cycles, and one command's life is short: the collector's usual hundred passes find nothing.
    gc.set_threshold(100_000, 20, 20)
    app()


def preferred_language() -> Language:
    """zh, unless the environment speaks another language (PHOTOPEAK_LANG, then the locale)."""
    named = os.environ.get("PHOTOPEAK_LANG", "") or (locale.getlocale()[0] or "")
    return "en" if named.lower().startswith("en") else "zh"


class Wrong(Exception):
    """The command was called wrongly."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.words = Words(en, zh)


LANG = typer.Option(None, "--lang", help="zh or en / 语言")
STAGE = typer.Option(None, "--stage", help=f"{' | '.join(STAGES)} / 检测阶段")
PROGRAMME = typer.Option(None, "--programme", help="earl1, earl2 ... / 项目")
FACTS_FILE = typer.Option(None, "--facts", help="FACTS.toml: what headers do not hold / 补充信息")
CRITERIA = typer.Option(None, "--criteria", help="your own limits, repeatable / 自有限值文件，可重复")
OUT = typer.Option(None, "--out", help="folder for the report / 报告文件夹")
JSON = typer.Option(None, "--json", help="FILE or - / JSON 输出")
WORKERS = typer.Option(1, "--workers", min=1, help="processes / 进程数")
ENGINE = typer.Option(None, "--engine", help="dask:ADDRESS")
STRICT = typer.Option(False, "--strict", help="exit 1 when any verdict is fail / 有不合格时返回 1")


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context, version: bool = typer.Option(False, "--version", help="print the version / 显示版本")
) -> None:
    """Photopeak: quality control for nuclear medicine / 核医学质量控制"""
    if version:
        typer.echo(f"photopeak {__version__}")
        raise typer.Exit


@app.command("check", context_settings=TAKES_OPTIONS)
def check_command(
    paths: list[str] = typer.Argument(..., metavar="PATH...", help="folders, ZIP files, single files / 文件夹、ZIP 或文件"),
    stage: str | None = STAGE,
    programme: str | None = PROGRAMME,
    facts: Path | None = FACTS_FILE,
    criteria: list[Path] | None = CRITERIA,
    lang: str | None = LANG,
    out: Path | None = OUT,
    json_to: str | None = JSON,
    workers: int = WORKERS,
    engine: str | None = ENGINE,
    strict: bool = STRICT,
) -> None:
    """Find out what each series is, run every suitable procedure, judge, report / 自动识别、检测、判定并出具报告"""
    with _spoken(lang) as language:
        asked = any(word.startswith("--") for word in paths)
        known = {name: option for entry in roll().values() for name, option in entry.options.items()} if asked else {}
        places, options = _split(paths, known)
        checked = _checked(places, None, options, stage, programme, facts, criteria, workers, engine, language)
        _deliver(checked, language, out, json_to, strict)


@app.command("run", context_settings=TAKES_OPTIONS)
def run_command(
    procedure: str = typer.Argument(..., help="see `photopeak procedures` / 检测项目"),
    paths: list[str] = typer.Argument(..., metavar="PATH... [--option value]"),
    stage: str | None = STAGE,
    programme: str | None = PROGRAMME,
    facts: Path | None = FACTS_FILE,
    criteria: list[Path] | None = CRITERIA,
    lang: str | None = LANG,
    out: Path | None = OUT,
    json_to: str | None = JSON,
    workers: int = WORKERS,
    engine: str | None = ENGINE,
    strict: bool = STRICT,
) -> None:
    """One named procedure on that evidence, with its own options / 对指定材料运行一个检测项目"""
    with _spoken(lang) as language:
        if procedure not in roll():
            en, zh = _nearest(procedure, list(roll()))
            raise Wrong(
                f"no procedure {procedure}; {en}; `photopeak procedures` lists them all",
                f"没有检测项目 {procedure}。{zh}。全部检测项目见 photopeak procedures",
            )
        entry = roll()[procedure]
        places, options = _split(paths, entry.options)
        checked = _checked(places, entry, options, stage, programme, facts, criteria, workers, engine, language)
        _deliver(checked, language, out, json_to, strict)


@app.command("procedures")
def procedures_command(as_json: bool = typer.Option(False, "--json"), lang: str | None = LANG) -> None:
    """The roll of procedures / 检测项目一览"""
    with _spoken(lang) as language:
        if as_json:
            typer.echo(json.dumps([_procedure_row(entry) for entry in roll().values()], ensure_ascii=False, indent=1))
            return
        for entry in roll().values():
            typer.echo(f"{entry.name}\t{entry.words.say(language)}\t{entry.implements}")


@app.command("criteria")
def criteria_command(stage: str | None = STAGE, as_json: bool = typer.Option(False, "--json"), lang: str | None = LANG) -> None:
    """The shipped limits with standard, edition, clause and who read them / 随附限值及其出处"""
    with _spoken(lang) as language:
        rows = [row for row in shipped_criteria() if stage is None or row.stage == _stage(stage, None)]
        if as_json:
            typer.echo(json.dumps([criterion_row(row) for row in rows], ensure_ascii=False, indent=1))
            return
        for row in rows:
            low, high = ("" if bound is None else f"{bound:g}" for bound in (row.lower, row.upper))
            state = Words("provisional", "限值待核").say(language) if row.provisional and row.has_limit else ""
            state = state if row.has_limit else Words("not read", "未读到").say(language)
            where = ", ".join(f"{key}={value}" for key, value in row.place.items())
            source = f"{row.standard} {row.edition}, {row.clause}"
            typer.echo(f"{row.stage}\t{row.quantity}\t{where}\t{low}…{high} {row.unit}\t{source}\t{state}")


def _procedure_row(entry: Procedure) -> dict[str, Any]:
    return {
        "name": entry.name,
        "en": entry.en,
        "zh": entry.zh,
        "implements": entry.implements,
        "evidence": list(entry.kinds),
        "quantities": [{"name": q.name, "unit": q.unit, "en": q.en, "zh": q.zh} for q in entry.quantities],
        "options": [
            {"name": "--" + name.replace("_", "-"), "default": option.default, "en": option.words.en, "zh": option.words.zh}
            for name, option in entry.options.items()
        ],
    }


def criterion_row(row: Criterion) -> dict[str, Any]:
    """One limit as JSON, with its source and who read it."""
    return {
        "quantity": row.quantity,
        "where": row.place,
        "stage": row.stage,
        "programme": row.programme,
        "lower": row.lower,
        "upper": row.upper,
        "unit": row.unit,
        "standard": row.standard,
        "edition": row.edition,
        "clause": row.clause,
        "basis": row.basis,
        "authority": row.authority,
        "provisional": row.provisional,
        "read_by": list(row.read_by),
        "source_url": row.source_url,
        "quote": row.quote,
    }


@contextlib.contextmanager
def _spoken(lang: str | None) -> Iterator[Language]:
    """The language of this call; every exception of ours is caught here, at the edge, and said in that language."""
    language: Language = preferred_language()
    try:
        if lang is not None and lang not in ("zh", "en"):
            raise Wrong(f"--lang is zh or en, not {lang}", f"--lang 只能是 zh 或 en，不是 {lang}")
        language = typing.cast(Language, lang) if lang else language
        yield language
    except (Wrong, FactsError, CriteriaError) as error:
        console.print(error.words.say(language), style="red", markup=False)
        raise typer.Exit(WRONG_CALL) from error


def _stage(stage: str | None, programme: str | None) -> str:
    if stage is None:
        return "harmonisation" if programme else "status"
    if stage not in STAGES:
        raise Wrong(
            f"--stage is one of {', '.join(STAGES)}, not {stage}", f"--stage 须为 {'、'.join(STAGES)} 之一，不是 {stage}"
        )
    return stage


def _split(words: list[str], known: Mapping[str, Option]) -> tuple[list[Path], dict[str, Any]]:
    """Paths, and `--option value` pairs read by the type in the procedure's signature."""
    paths: list[Path] = []
    options: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            paths.append(Path(word))
            continue
        name, equals, value = word[2:].partition("=")
        option = known.get(name.replace("-", "_"))
        if option is None:
            en, zh = _nearest("--" + name, sorted("--" + one.replace("_", "-") for one in known))
            raise Wrong(
                f"no option --{name}; {en}; `photopeak procedures --json` lists the options of each procedure",
                f"没有选项 --{name}。{zh}。各检测项目的选项见 photopeak procedures --json",
            )
        if option.type is bool and not equals and (not rest or rest[0].lower() not in YES_OR_NO):
            options[option.name] = True
            continue
        if not equals and not rest:
            raise Wrong(f"--{name} needs a value", f"--{name} 需要取值")
        text = value if equals else rest.pop(0)
        if typing.get_origin(option.type) is tuple:  # repeatable
            options[option.name] = (*options.get(option.name, ()), text)
        else:
            options[option.name] = _value(option, text)
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None or not paths:
        raise Wrong(f"{missing or 'PATH'}: no such file or folder", f"{missing or 'PATH'}：没有这个文件或文件夹")
    return paths, options


FEW = 12


def _nearest(word: str, known: list[str]) -> tuple[str, str]:
    """What a mistyped word may have meant: all names where they are few, else the most alike."""
    if len(known) <= FEW:
        names = ", ".join(known) or "—"
        return f"there are: {names}", f"现有：{names}"
    tails = {name.rpartition(".")[2]: name for name in known}
    alike = difflib.get_close_matches(word, known, 3, 0.6) or [tails[t] for t in difflib.get_close_matches(word, tails, 3, 0.6)]
    if not alike:
        return f"none of the {len(known)} is like it", f"{len(known)} 项中无相近名称"
    return f"the nearest: {', '.join(alike)}", f"相近的有：{'、'.join(alike)}"


def _value(option: Option, text: str) -> Any:
    kinds = typing.get_args(option.type) if isinstance(option.type, types.UnionType) else (option.type,)
    choices = [str(one) for kind in kinds if typing.get_origin(kind) is typing.Literal for one in typing.get_args(kind)]
    if choices and text not in choices:
        raise Wrong(
            f"--{option.name.replace('_', '-')} is one of {', '.join(choices)}, not {text}",
            f"--{option.name.replace('_', '-')} 须为 {'、'.join(choices)} 之一，不是 {text}",
        )
    if not choices and str in kinds and text.startswith("@"):
        return _text_of(Path(text[1:]))
    if choices or str in kinds:
        return text
    if bool in kinds and text.lower() in YES_OR_NO:
        return YES_OR_NO[text.lower()]
    for kind in (kind for kind in (int, float) if kind in kinds):
        with contextlib.suppress(ValueError):
            return kind(text)
    name = option.name.replace("_", "-")
    raise Wrong(f"--{name}: {text!r} is not a value it takes", f"--{name}：{text!r} 不是可接受的取值")


def _text_of(path: Path) -> str:
    """`--option @file`: the text of a file as the value of an option."""
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Wrong(f"{path}: cannot be read ({error})", f"{path}：无法读取（{error}）") from error


def _checked(
    paths: list[Path],
    only: Procedure | None,
    options: Mapping[str, Any],
    stage: str | None,
    programme: str | None,
    facts: Path | None,
    criteria: list[Path] | None,
    workers: int,
    engine: str | None,
    language: Language,
) -> Checked:
    chosen = _stage(stage, programme)
    known = sorted({row.programme for row in shipped_criteria() if row.programme})
    own = [row for path in criteria or () for row in load_criteria(path)]
    if programme and programme not in {*known, *(row.programme for row in own)}:
        raise Wrong(
            f"no programme {programme}; there are: {', '.join(known)}", f"没有名为 {programme} 的项目。现有：{'、'.join(known)}"
        )
    given = load_facts(facts) if facts else Facts()
    with _map(workers, engine) as map_, _progress(language) as progress:
        return check(
            paths,
            stage=chosen,
            programme=programme,
            facts=given,
            criteria=own,
            options=options,
            only=only,
            map=map_,
            progress=progress,
        )


@contextlib.contextmanager
def _map(workers: int, engine: str | None) -> Iterator[Any]:
    """The map that carries the tasks: the builtin, a pool of processes, or the workers of a running Dask scheduler."""
    if engine:
        kind, _, address = engine.partition(":")
        if kind != "dask" or not address:
            raise Wrong(f"--engine is dask:ADDRESS, not {engine}", f"--engine 的写法是 dask:地址，不是 {engine}")
        try:
            from distributed import Client
        except ModuleNotFoundError as missing:
            raise Wrong(
                "--engine dask needs the extra: pip install photopeak[dask]",
                "使用 Dask 需要先安装：pip install photopeak[dask]",
            ) from missing
        try:
            connect: Any = Client
            client = connect(address, timeout="10s", set_as_default=False)
        except (OSError, TimeoutError) as refused:
            raise Wrong(
                f"no Dask scheduler answers at {address}", f"{address} 没有 Dask 调度器应答，请检查地址与端口"
            ) from refused
        with client:
            yield lambda run, tasks: (future.result() for future in client.map(run, list(tasks), pure=False))
    elif workers > 1:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield pool.map
    else:
        yield map


@contextlib.contextmanager
def _progress(language: Language) -> Iterator[Progress | None]:
    """A bar on standard error for work that takes time; nothing where nobody watches."""
    if not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    names = {"read": Words("reading", "读取").say(language), "measure": Words("measuring", "测量").say(language)}
    with Bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True) as bar:
        lines = {step: bar.add_task(name, total=None) for step, name in names.items()}
        yield lambda step, done, of: bar.update(lines[step], completed=done, total=of)


def _deliver(checked: Checked, language: Language, out: Path | None, json_to: str | None, strict: bool) -> None:
    from photopeak.present.document import text

    if json_to == "-":
        sys.stdout.buffer.write(text(checked).encode("utf-8"))
    elif json_to is not None:
        Path(json_to).write_text(text(checked), encoding="utf-8")
    if out is not None or json_to is None:
        from photopeak.present.report import write_report
        from photopeak.present.terminal import show

        show(checked, language, console)
        files = write_report(checked, out or Path("photopeak-report"), language=language)
        console.print(Words("report", "报告").say(language) + f": {files.html}", markup=False, soft_wrap=True)
        console.print(f"     {files.pdf}", markup=False, soft_wrap=True)
    if not checked.examined and checked.unread and all(one.code != "no_suitable_procedure" for one in checked.unread):
        _explain(checked, language)
        raise typer.Exit(NOTHING_READ)
    if not checked.examined and not checked.unread:
        console.print(Words("nothing was found to read", "没有找到可读取的文件").say(language), style="red")
        raise typer.Exit(NOTHING_READ)
    if strict and any(verdict.outcome == "fail" for verdict in checked.verdicts):
        raise typer.Exit(SOMETHING_FAILS)


def _explain(checked: Checked, language: Language) -> None:
    for one in checked.unread[:20]:
        console.print(one.words.say(language), style="red", markup=False)


@app.command("phantom", context_settings={**TAKES_OPTIONS})
def phantom_command(
    context: typer.Context,
    name: str = typer.Argument(..., help="flood, iec_body ... / 模体名称"),
    out: Path = typer.Option(..., "--out", help="folder to write into / 输出文件夹"),
    seed: int = typer.Option(0, "--seed", help="seed of the noise / 噪声种子"),
    lang: str | None = LANG,
) -> None:
    """DICOM files of known truth, and truth.json beside them / 生成已知真值的数字模体"""
    from photopeak.phantom.catalogue import CATALOGUE, options_of

    with _spoken(lang):
        if name not in CATALOGUE:
            raise Wrong(
                f"no phantom {name}; there are: {', '.join(CATALOGUE)}", f"没有模体 {name}。现有：{'、'.join(CATALOGUE)}"
            )
        known = options_of(name)
        _, options = _split([".", *context.args], known)
        try:
            written = CATALOGUE[name](out, seed=seed, **options)
        except ValueError as error:
            raise Wrong(str(error), str(error)) from error
        for path in written:
            typer.echo(path)


@app.command("export")
def export_command(
    form: str = typer.Argument(..., metavar="seg|rtstruct", help="DICOM SEG or RTSTRUCT / 导出格式"),
    paths: list[str] = typer.Argument(..., metavar="PATH...", help="the image series and its lesions / 图像序列及其病灶"),
    out: Path = typer.Option(..., "--out", help="file to write / 输出文件"),
    lang: str | None = LANG,
) -> None:
    """Lesions of a segmentation or structure set, on the grid of their images, for radiotherapy / 病灶导出至放疗"""
    from photopeak.lesion_export import ExportError, export_lesions

    with _spoken(lang) as language:
        if form not in ("seg", "rtstruct"):
            raise Wrong(f"export writes seg or rtstruct, not {form}", f"导出格式为 seg 或 rtstruct，不是 {form}")
        try:
            found = export_lesions([Path(one) for one in paths], out, "seg" if form == "seg" else "rtstruct")
        except ExportError as error:
            raise Wrong(error.words.en, error.words.zh) from error
        for label, volume in found.volumes_ml.items():
            console.print(f"{label}\t{volume:.2f} mL", markup=False)
        console.print(Words("written", "已写入").say(language) + f": {found.path}", markup=False)


@app.command("exercise", context_settings={**TAKES_OPTIONS})
def exercise_command(
    context: typer.Context,
    name: str = typer.Argument(..., help="the phantom that is sent / 下发的模体"),
    out: Path = typer.Option(..., "--out", help="folder to write into / 输出文件夹"),
    seed: int = typer.Option(0, "--seed", help="seed of the noise / 噪声种子"),
    quantity: list[str] | None = typer.Option(
        None, "--quantity", help="asked for, repeatable (default: all) / 考核项目，可重复"
    ),
    allowable_percent: float | None = typer.Option(None, "--allowable-percent", help="allowed deviation, % / 允许偏差，%"),
    lang: str | None = LANG,
) -> None:
    """A round: the phantom and an answer sheet for the hospitals, the truth sealed for the centre / 生成演练：下发模体与答卷，真值封存"""
    from photopeak.phantom.catalogue import CATALOGUE, options_of
    from photopeak.phantom.exercise import make_exercise

    with _spoken(lang) as language:
        if name not in CATALOGUE:
            raise Wrong(
                f"no phantom {name}; there are: {', '.join(CATALOGUE)}", f"没有模体 {name}。现有：{'、'.join(CATALOGUE)}"
            )
        _, options = _split([".", *context.args], options_of(name))
        try:
            sent, sealed, _ = make_exercise(
                name, out, seed=seed, quantities=quantity or (), allowable_percent=allowable_percent, **options
            )
        except ValueError as error:
            raise Wrong(str(error), str(error)) from error
        console.print(Words(f"send: {sent}", f"下发：{sent}").say(language), markup=False, soft_wrap=True)
        console.print(Words(f"keep sealed: {sealed}", f"封存：{sealed}").say(language), markup=False, soft_wrap=True)


@app.command("deidentify")
def deidentify_command(
    paths: list[Path] = typer.Argument(..., help="DICOM files, folders / DICOM 文件或文件夹"),
    out: Path = typer.Option(..., "--out", help="folder to write into / 输出文件夹"),
    key: Path = typer.Option(..., "--key", help="file with the secret key, 16 bytes or more / 密钥文件（至少 16 字节）"),
    lang: str | None = LANG,
) -> None:
    """DICOM objects without the patient, private and nested attributes too / DICOM 去标识化（含私有与嵌套属性）"""
    from photopeak.dicom.deidentify import IdentityInPixels, deidentified_file

    with _spoken(lang) as language:
        secret = key.read_bytes().strip()
        if len(secret) < 16:
            raise Wrong("the key has fewer than 16 bytes", "密钥少于 16 字节")
        out.mkdir(parents=True, exist_ok=True)
        files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path]) if file.is_file()]
        refused = 0
        for number, file in enumerate(files, 1):
            try:
                deidentified_file(file, out / f"{number:06d}.dcm", key=secret)
            except IdentityInPixels:
                refused += 1
                said = Words("the pixels show who the patient is; not written", "图像像素含患者身份信息，未输出")
                console.print(f"{file.name}: {said.say(language)}", markup=False)
            except Exception as error:  # a file that is no DICOM object must not end the rest
                refused += 1
                console.print(f"{file.name}: {type(error).__name__}", markup=False)
        typer.echo(f"{len(files) - refused}/{len(files)}\t{out}")


@app.command("demo")
def demo_command(
    out: Path = typer.Option(Path("photopeak-demo"), "--out", help="folder to write into / 输出文件夹"),
    no_serve: bool = typer.Option(False, "--no-serve", help="do not open the report / 不打开报告"),
    lang: str | None = LANG,
) -> None:
    """Make a small sample folder with known faults, check it, open the report / 生成示例并检测"""
    from photopeak.demo import check_sample, make_sample, show
    from photopeak.present.report import write_report
    from photopeak.present.terminal import show as show_in_terminal

    with _spoken(lang) as language, _progress(language) as progress:
        making = Words("making", "生成").say(language)
        sample = make_sample(out / "sample", lambda name: console.print(f"{making}: {name}", markup=False))
        checked = check_sample(sample, progress)
        files = write_report(checked, out / "report", language=language)
        show_in_terminal(checked, language, console)
        console.print(Words("report", "报告").say(language) + f": {files.html.resolve()}", markup=False, soft_wrap=True)
        console.print(f"     {files.pdf.resolve()}", markup=False, soft_wrap=True)
        if not no_serve:
            show(files.html)


if __name__ == "__main__":
    main()
