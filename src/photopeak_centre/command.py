"""The centre's words of the command `photopeak`: serve, worker, receive, user, verify, backup, restore, report, demo."""

from __future__ import annotations

import datetime
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import typer

from photopeak.cli import LANG, _spoken, app, console
from photopeak.words import Words

HOME = typer.Option(None, "--home", help="folder of the database and the files (PHOTOPEAK_HOME) / 数据文件夹")
AE_TITLE = typer.Option("PHOTOPEAK", "--ae-title")
CERTIFICATE = typer.Option(None, "--certificate", help="TLS: our certificate (PEM) / TLS 证书")
KEY = typer.Option(None, "--key", help="TLS: its key (PEM) / TLS 私钥")
AUTHORITIES = typer.Option(None, "--ca", help="TLS: who signed the peers' certificates (PEM) / 对方证书的签发机构")
BACKUP_TO = typer.Option(None, "--backup-to", help="folder of the daily backups / 每日备份的文件夹")
KEEP_BACKUPS = typer.Option(14, "--keep", min=1, help="how many daily backups stay / 保留的备份份数")
user_app = typer.Typer(no_args_is_help=True, help="accounts and passwords / 账户与密码")
SWEEP_EVERY_S = 5.0


def main() -> None:
    """The command with the centre's words."""
    app()


def start(home: Path | None = None) -> None:
    """Set Django up on this home."""
    if home is not None:
        os.environ["PHOTOPEAK_HOME"] = str(home.resolve())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photopeak_centre.settings")
    import django

    django.setup()


def migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)


@app.command("serve")
def serve_command(
    host: str = typer.Option("127.0.0.1", "--host", help="address to listen on / 监听地址"),
    port: int = typer.Option(8000, "--port"),
    dicom_port: int = typer.Option(11112, "--dicom-port", help="0: no receiver / 0 表示不启动接收"),
    workers: int = typer.Option(1, "--workers", min=0),
    ae_title: str = AE_TITLE,
    tls_port: int = typer.Option(2762, "--tls-port", help="port of the TLS receiver / TLS 接收端口"),
    certificate: Path | None = CERTIFICATE,
    key: Path | None = KEY,
    authorities: Path | None = AUTHORITIES,
    daily: bool = typer.Option(True, "--daily/--no-daily", help="the day's upkeep / 每日维护"),
    daily_at: str = typer.Option("02:30", "--daily-at", help="time of the day's upkeep / 每日维护时刻"),
    backup_to: Path | None = BACKUP_TO,
    keep_backups: int = KEEP_BACKUPS,
    home: Path | None = HOME,
    lang: str | None = LANG,
) -> None:
    """The centre on this computer: web, worker and DICOM receiver / 启动质控中心"""
    from photopeak_centre.processes import Keeper, Kept

    with _spoken(lang) as language:
        tls = _tls_asked(certificate, key, authorities)
        start(home)
        migrate()
        _say_where(host, port, language)
        kept = [Kept("worker") for _ in range(workers)]
        if dicom_port:
            kept.append(Kept("receive", "--host", host, "--port", str(dicom_port), "--ae-title", ae_title))
        if tls:
            files = ["--certificate", str(certificate), "--key", str(key), "--ca", str(authorities)]
            kept.append(Kept("receive", "--host", host, "--port", str(tls_port), "--ae-title", ae_title, *files))
        upkeep = ["daily", *(("--backup-to", str(backup_to), "--keep", str(keep_backups)) if backup_to else ())]
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        keeper = Keeper(kept, upkeep if daily else (), _time_of_day(daily_at))
        try:
            keeper.start()
            _serve_web(host, port)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            keeper.stop()


def _time_of_day(text: str) -> datetime.time:
    try:
        return datetime.time.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a time of day such as 02:30 / 时刻格式如 02:30") from None


def _say_where(host: str, port: int, language: Any) -> None:
    from photopeak_centre.accounts.models import Person
    from photopeak_centre.accounts.views import first_key

    address = f"http://{host}:{port}/"
    if not Person.objects.exists():
        address += f"set-up/?key={first_key()}"
    console.print(Words("open", "请打开").say(language) + f": {address}", markup=False, soft_wrap=True)


def _serve_web(host: str, port: int) -> None:
    import waitress

    from photopeak_centre.wsgi import application, settle

    settle()
    waitress.serve(application, host=host, port=port, threads=8, ident=None, max_request_body_size=16 * 2**20, _quiet=True)


@app.command("worker")
def worker_command(
    until_idle: bool = typer.Option(False, "--until-idle", help="stop when nothing waits / 无任务时退出"),
    home: Path | None = HOME,
) -> None:
    """Do the waiting checks; several may run / 执行后台检测，可同时运行多个"""
    start(home)
    from photopeak_centre.evidence.intake import close_forgotten
    from photopeak_centre.evidence.store import sweep
    from photopeak_centre.evidence.watch import look
    from photopeak_centre.jobs.worker import work
    from photopeak_centre.processes import end_with_parent

    end_with_parent()
    sweep()
    last = 0.0

    def between() -> None:
        nonlocal last
        if time.monotonic() - last > SWEEP_EVERY_S:
            last = time.monotonic()
            try:
                look()
                close_forgotten()
            except Exception:  # a folder's trouble is no reason to check nothing more
                logging.getLogger(__name__).exception("watched folders")

    work(until_idle=until_idle, between=between)


def _tls_asked(*files: Path | None) -> bool:
    """Whether TLS is to be used: with all three files or with none; with some, nothing is served in the clear by mistake."""
    given = [file for file in files if file is not None]
    if given and len(given) < len(files):
        raise typer.BadParameter("TLS needs --certificate, --key and --ca / TLS 须同时给出 --certificate、--key、--ca")
    return bool(given)


@app.command("receive")
def receive_command(
    host: str = typer.Option("127.0.0.1", "--host"),
    port: int = typer.Option(11112, "--port"),
    ae_title: str = AE_TITLE,
    certificate: Path | None = CERTIFICATE,
    key: Path | None = KEY,
    authorities: Path | None = AUTHORITIES,
    home: Path | None = HOME,
    lang: str | None = LANG,
) -> None:
    """The DICOM receiver / DICOM 接收"""
    with _spoken(lang):
        start(home)
        from photopeak_centre.evidence import receive
        from photopeak_centre.processes import end_with_parent

        tls = receive.tls_context(certificate, key, authorities) if _tls_asked(certificate, key, authorities) else None
        receive.limit_memory()
        end_with_parent()
        ending = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ending.set())
        server = receive.serve(host, port, ae_title, tls, block=False)
        try:
            ending.wait()
        finally:
            receive.end(server)


@app.command("verify")
def verify_command(
    anchor: str | None = typer.Option(None, "--anchor", help="a hash printed earlier / 曾打印的哈希"), home: Path | None = HOME
) -> None:
    """Check the audit chain and every stored file's hash / 校验审计链与全部文件"""
    start(home)
    from photopeak_centre.audit.chain import verify_chain
    from photopeak_centre.evidence.store import damaged

    state, wrong = verify_chain(anchor), damaged()
    typer.echo(f"entries {state.entries}  last {state.last_hash}  erased details {state.erased}")
    if state.broken_at is not None:
        typer.echo(f"BROKEN at entry / 断裂于第 {state.broken_at} 条")
    for sha256 in wrong:
        typer.echo(f"DAMAGED / 已损坏 {sha256}")
    raise typer.Exit(1 if wrong or state.broken_at is not None else 0)


@app.command("daily")
def daily_command(
    backup_to: Path | None = BACKUP_TO,
    keep_backups: int = KEEP_BACKUPS,
    home: Path | None = HOME,
) -> None:
    """The day's upkeep now: backup, deletion of what was kept long enough, verification / 立即执行每日维护"""
    start(home)
    from photopeak_centre.audit.models import Upkeep
    from photopeak_centre.upkeep import daily

    well = daily(backup_to, keep_backups)
    for act in ("backup", "retention", "verified"):
        row = Upkeep.objects.filter(act=act).order_by("-at", "-id").first()
        if row is not None:
            typer.echo(f"{act}: {'well' if row.well else 'FAILED'} {row.words}")
    raise typer.Exit(0 if well else 1)


@app.command("backup")
def backup_command(file: Path = typer.Argument(...), home: Path | None = HOME) -> None:
    """Copy everything while the centre runs / 在线备份"""
    start(home)
    from photopeak_centre import backup

    _told(lambda: backup.backup(file))


@app.command("restore")
def restore_command(file: Path = typer.Argument(..., exists=True), home: Path | None = HOME) -> None:
    """Put a backup back into an empty home / 恢复到空的数据文件夹"""
    start(home)
    from photopeak_centre import backup

    _told(lambda: backup.restore(file))


def _told(act: Any) -> None:
    from photopeak_centre.backup import BackupError

    try:
        typer.echo(f"{act()} files / 个文件")
    except (BackupError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


@app.command("report")
def report_command(
    period_name: str = typer.Argument(..., metavar="PERIOD", help="half-year, as 2026H1 / 半年，如 2026H1"),
    out: Path = typer.Option(..., "--out", help="folder to write into / 输出文件夹"),
    again: bool = typer.Option(False, "--again", help="gather a draft's numbers anew / 重新汇总草稿数据"),
    home: Path | None = HOME,
    lang: str | None = LANG,
) -> None:
    """The half-year report of this centre: PDF and Word in both languages, and JSON / 生成半年报告（PDF、Word、JSON）"""
    with _spoken(lang) as language:
        start(home)
        migrate()
        from photopeak_centre.half_year import keeping
        from photopeak_centre.half_year.periods import NotAPeriod, period

        try:
            wanted = period(period_name)
        except NotAPeriod as error:
            console.print(error.words.say(language), style="red", markup=False)
            raise typer.Exit(2) from None
        known = keeping.newest(wanted)
        shown = keeping.draft(wanted, told=_progress)
        if again and known is not None and not known.is_released:
            keeping.gather_again(shown, told=_progress)
        out.mkdir(parents=True, exist_ok=True)
        for name, data in keeping.files(shown, _progress).items():
            (out / name).write_bytes(data)
            typer.echo(out / name)
        state = Words("released", "已发布") if shown.is_released else Words("draft, not released", "草稿，未发布")
        console.print(f"{wanted}.{shown.version}: {state.say(language)}", markup=False)


def _progress(step: str, done: int, of: int) -> None:
    """One line that counts; on paper, only its end."""
    if console.is_terminal:
        console.print(f"{step} {done} / {of}   ", end="\n" if done == of else "\r", markup=False)
    elif done == of:
        console.print(f"{step} {done} / {of}", markup=False)


@user_app.command("reset")
def user_reset(username: str, home: Path | None = HOME) -> None:
    """Set a new password, typed twice / 重设密码"""
    start(home)
    migrate()
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError
    from django.db import transaction

    from photopeak_centre.accounts.models import Person
    from photopeak_centre.audit.chain import record

    person = Person.objects.filter(username=username).first()
    if person is None:
        typer.echo(f"no user / 没有用户 {username}", err=True)
        raise typer.Exit(2)
    password = typer.prompt("password / 密码", hide_input=True, confirmation_prompt=True)
    try:
        validate_password(password, person)
    except ValidationError as error:
        typer.echo(" ".join(error.messages), err=True)
        raise typer.Exit(2) from None
    with transaction.atomic():
        person.set_password(password)
        person.is_active = True
        person.save()
        record("password reset", f"person {person.pk}")


@user_app.command("erase")
def user_erase(username: str, home: Path | None = HOME) -> None:
    """Erase a person's name and the words about them; the audit chain stays whole / 删除个人信息"""
    start(home)
    from photopeak_centre.accounts.erase import erase
    from photopeak_centre.accounts.models import Person

    person = Person.objects.filter(username=username).first()
    if person is None:
        typer.echo(f"no user / 没有用户 {username}", err=True)
        raise typer.Exit(2)
    typer.echo(f"{erase(person)} entries / 条日志详情已清除")


@user_app.command("list")
def user_list(home: Path | None = HOME) -> None:
    """Who may sign in / 用户一览"""
    start(home)
    from photopeak_centre.accounts.models import Person

    for person in Person.objects.select_related("organisation").order_by("username"):
        typer.echo(f"{person.username}\t{person.role}\t{person.organisation}\t{'' if person.is_active else 'inactive'}")


app.add_typer(user_app, name="user")

app.registered_commands = [one for one in app.registered_commands if one.name != "demo"]


@app.command("demo")
def demo_command(
    out: Path = typer.Option(Path("photopeak-demo"), "--out", help="folder to write into / 输出文件夹"),
    no_serve: bool = typer.Option(False, "--no-serve", help="do not open the centre's page / 不打开质控中心页面"),
    workers: int = typer.Option(2, "--workers", min=1, help="processes / 进程数"),
    lang: str | None = LANG,
) -> None:
    """A sample folder with its report, and a made-up region with its half-year in the centre / 生成示例与虚构区域的半年工作"""
    from photopeak.demo import can_show, check_sample, make_sample
    from photopeak.present.report import write_report
    from photopeak.present.terminal import show

    with _spoken(lang) as language:
        checked = check_sample(make_sample(out / "sample"))
        files = write_report(checked, out / "report", language=language)
        show(checked, language, console)
        console.print(Words("report", "报告").say(language) + f": {files.html.resolve()}", markup=False, soft_wrap=True)
        home = out / "centre"
        start(home)
        migrate()
        password = _region(home.resolve(), workers)
        said = Words(
            "people: admin, director, secretary, inspector, expert, physicist; password",
            "用户：admin、director、secretary、inspector、expert、physicist；密码",
        )
        if password:
            console.print(f"{said.say(language)}: {password}", markup=False, soft_wrap=True)
        console.print(f"photopeak serve --home {home}", markup=False, soft_wrap=True)
        console.print(f"photopeak report {_story()} --home {home} --out {out / 'half_year'}", markup=False, soft_wrap=True)
        if not no_serve and (can_show() or (sys.stdin.isatty() and not os.environ.get("CI"))):
            serve_command(
                host="127.0.0.1", port=8000, dicom_port=11112, workers=1, ae_title="PHOTOPEAK", tls_port=2762, certificate=None,
                key=None, authorities=None, daily=True, daily_at="02:30", backup_to=None, keep_backups=14, home=home, lang=lang,
            )  # fmt: skip


def _story() -> str:
    """The half-year that the demonstration tells."""
    import datetime

    from photopeak_centre.half_year.demo import story_year

    return f"{story_year(datetime.date.today())}H1"


def _region(home: Path, workers: int) -> str:
    """Build the region where there is none yet; its password, or nothing where it stands already."""
    from photopeak_centre.accounts.models import Person
    from photopeak_centre.region import build

    if Person.objects.exists():
        return ""

    def say(step: str, done: int, of: int) -> None:
        if console.is_terminal:
            console.print(f"{step} {done} / {of}", end="\r", markup=False)
        elif done == of:
            console.print(f"{step} {done} / {of}", markup=False)

    return build(home, say, workers=workers)
