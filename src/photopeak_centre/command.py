"""The centre's words of the command `photopeak`: serve, worker, receive, user, verify, backup, restore, demo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import typer

from photopeak.cli import LANG, _spoken, app, console
from photopeak.words import Words

HOME = typer.Option(None, "--home", help="folder of the database and the files (PHOTOPEAK_HOME) / 数据文件夹")
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
    home: Path | None = HOME,
    lang: str | None = LANG,
) -> None:
    """The centre on this computer: web, worker and DICOM receiver / 启动质控中心"""
    with _spoken(lang) as language:
        start(home)
        migrate()
        _say_where(host, port, language)
        run = [sys.executable, "-m", "photopeak_centre"]
        children = [_child([*run, "worker"]) for _ in range(workers)]
        if dicom_port:
            children.append(_child([*run, "receive", "--host", host, "--port", str(dicom_port)]))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            _serve_web(host, port)
        finally:
            for child in children:
                child.terminate()
            for child in children:
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()


def _say_where(host: str, port: int, language: Any) -> None:
    from photopeak_centre.accounts.models import Person
    from photopeak_centre.accounts.views import first_key

    address = f"http://{host}:{port}/"
    if not Person.objects.exists():
        address += f"set-up/?key={first_key()}"
    console.print(Words("open", "请打开").say(language) + f": {address}", markup=False, soft_wrap=True)


def _child(words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, stdin=subprocess.DEVNULL)


def _serve_web(host: str, port: int) -> None:
    import waitress

    from photopeak_centre.wsgi import application

    waitress.serve(application, host=host, port=port, threads=8, ident=None, max_request_body_size=16 * 2**20, _quiet=True)


@app.command("worker")
def worker_command(
    until_idle: bool = typer.Option(False, "--until-idle", help="stop when nothing waits / 无任务时退出"),
    home: Path | None = HOME,
) -> None:
    """Do the waiting checks; several may run / 执行后台检测，可同时运行多个"""
    start(home)
    from photopeak_centre.evidence.store import sweep
    from photopeak_centre.evidence.watch import look
    from photopeak_centre.jobs.worker import work

    sweep()
    last = 0.0

    def between() -> None:
        nonlocal last
        if time.monotonic() - last > SWEEP_EVERY_S:
            last = time.monotonic()
            look()

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
    ae_title: str = typer.Option("PHOTOPEAK", "--ae-title"),
    certificate: Path | None = typer.Option(None, "--certificate", help="TLS: our certificate (PEM)"),
    key: Path | None = typer.Option(None, "--key", help="TLS: its key (PEM)"),
    authorities: Path | None = typer.Option(None, "--ca", help="TLS: who signed the peers' certificates (PEM)"),
    home: Path | None = HOME,
    lang: str | None = LANG,
) -> None:
    """The DICOM receiver / DICOM 接收"""
    with _spoken(lang):
        start(home)
        from photopeak_centre.evidence import receive

        receive.limit_memory()
        tls = receive.tls_context(certificate, key, authorities) if _tls_asked(certificate, key, authorities) else None
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        receive.serve(host, port, ae_title, tls)


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
    """A sample folder with its report, and a made-up region of 51 cameras in the centre / 生成示例与虚构区域"""
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
        if not no_serve and (can_show() or (sys.stdin.isatty() and not os.environ.get("CI"))):
            serve_command(host="127.0.0.1", port=8000, dicom_port=11112, workers=1, home=home, lang=lang)


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
