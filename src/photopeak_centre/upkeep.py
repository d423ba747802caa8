"""The day's upkeep: a backup, deletion of what was kept long enough, verification of chain and files. Each act leaves a row."""

from __future__ import annotations

import datetime
import logging
import re
from collections.abc import Callable
from pathlib import Path

from django.core.management import call_command
from django.utils import timezone

from photopeak_centre.audit.chain import verify_chain
from photopeak_centre.audit.models import Upkeep

logger = logging.getLogger(__name__)
NAMED = re.compile(r"photopeak-\d{8}-\d{6}\.tar")


def daily(backup_to: Path | None, keep: int) -> bool:
    """All of it, the backup first; whether everything went well. What fails does not stop the rest."""
    Upkeep.objects.create(act="begun")
    acts: list[tuple[str, Callable[[], Upkeep]]] = [("retention", _retain), ("verified", verify)]
    if backup_to is not None:
        acts.insert(0, ("backup", lambda: back_up(backup_to, keep)))
    well = True
    for act, do in acts:
        try:
            row = do()
        except Exception as fault:
            logger.exception("the day's %s", act)
            row = Upkeep(act=act, well=False, words=f"{type(fault).__name__}: {fault}"[:400])
        row.save()
        well = well and row.well
    call_command("clearsessions")
    return well


def back_up(folder: Path, keep: int) -> Upkeep:
    """A backup named by its time; then the oldest of ours beyond `keep` go."""
    from photopeak_centre.backup import backup

    folder.mkdir(parents=True, exist_ok=True)
    name = f"photopeak-{datetime.datetime.now():%Y%m%d-%H%M%S}.tar"
    files = backup(folder / name)
    ours = sorted(path for path in folder.iterdir() if NAMED.fullmatch(path.name))
    for path in ours[:-keep]:
        path.unlink()
    return Upkeep(act="backup", words=f"{name}: {files} files / {name}：{files} 个文件")


def _retain() -> Upkeep:
    from photopeak_centre.accounts.models import Attempt
    from photopeak_centre.evidence.retention import delete_what_was_kept_long_enough

    found = delete_what_was_kept_long_enough()
    Attempt.objects.filter(at__lt=timezone.now() - datetime.timedelta(days=1)).delete()
    words = (
        f"{found.studies} studies, {found.held} held files, {found.files} files deleted, {found.words} entries without words / "
        f"删除 {found.studies} 个检查、{found.held} 个暂存文件，共 {found.files} 个文件；清除 {found.words} 条日志详情"
    )
    return Upkeep(act="retention", words=words)


def verify() -> Upkeep:
    """The whole chain and every stored file."""
    from photopeak_centre.evidence.store import damaged

    state, wrong = verify_chain(), damaged()
    well = state.broken_at is None and not wrong
    words = "" if well else _what_is_wrong(state.broken_at, len(wrong))
    number = state.entries if state.broken_at is None else state.broken_at
    return Upkeep(act="verified", well=well, words=words, number=number, hash=state.last_hash, erased=state.erased)


def _what_is_wrong(broken_at: int | None, damaged: int) -> str:
    en, zh = [], []
    if broken_at is not None:
        en.append(f"audit chain broken at entry {broken_at}")
        zh.append(f"审计链断裂于第 {broken_at} 条")
    if damaged:
        en.append(f"{damaged} stored files damaged or missing")
        zh.append(f"{damaged} 个文件损坏或缺失")
    return f"{'; '.join(en)} / {'；'.join(zh)}"
