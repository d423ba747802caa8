"""The processes that `photopeak serve` keeps beside the web pages: begun again when they end, ended when it ends."""

from __future__ import annotations

import datetime
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

logger = logging.getLogger(__name__)
RUN = (sys.executable, "-m", "photopeak_centre")
PARENT = "PHOTOPEAK_SERVED_BY"
LOOK_EVERY_S = 0.5
#: a process that ends at once is begun again after this long, each time twice as long, at most
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
ENDS_WITHIN_S = 20.0


class Kept:
    """One process that is to run as long as its parent does."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.child: subprocess.Popen[bytes] | None = None
        self.begun = self.next = 0.0
        self.pause = SHORTEST_PAUSE_S

    def look(self, now: float) -> None:
        """Begin it where it does not run, no sooner than its pause allows."""
        if self.child is not None and self.child.poll() is None:
            return
        if self.child is not None:
            lasted = now - self.begun
            self.pause = SHORTEST_PAUSE_S if lasted > LONGEST_PAUSE_S else min(2 * self.pause, LONGEST_PAUSE_S)
            logger.warning("photopeak %s ended (%s); it is begun again", self.words[0], self.child.returncode)
            self.child, self.next = None, now + self.pause
        if now >= self.next:
            self.child, self.begun = begin(*self.words), now


class Keeper:
    """Looks after its processes in a thread of its own; `daily` is run once a day at `at` (local time)."""

    def __init__(self, kept: Sequence[Kept], daily: Sequence[str] = (), at: datetime.time = datetime.time(2, 30)) -> None:
        self.kept, self.daily, self.at = list(kept), tuple(daily), at
        self.last_daily: Callable[[], datetime.datetime | None] = _last_daily
        self.running_daily: subprocess.Popen[bytes] | None = None
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        for one in self.kept:
            one.look(time.monotonic())
        self.thread.start()

    def _run(self) -> None:
        looked = float("-inf")
        while not self.ending.wait(LOOK_EVERY_S):
            for one in self.kept:
                one.look(time.monotonic())
            if self.running_daily is not None:
                self.running_daily.poll()
            if self.daily and time.monotonic() - looked > 60.0:
                looked = time.monotonic()
                self._daily()

    def _daily(self) -> None:
        if self.running_daily is not None and self.running_daily.poll() is None:
            return
        if due(datetime.datetime.now(), self.at, self.last_daily()):
            self.running_daily = begin(*self.daily)

    def stop(self) -> None:
        """Ask every process to end, and end those that do not in time."""
        self.ending.set()
        if self.thread.is_alive():
            self.thread.join(5)
        children = [one.child for one in self.kept if one.child is not None]
        children += [] if self.running_daily is None else [self.running_daily]
        for child in children:
            child.terminate()
        deadline = time.monotonic() + ENDS_WITHIN_S
        for child in children:
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def due(now: datetime.datetime, at: datetime.time, last: datetime.datetime | None) -> bool:
    """Whether the day's work has not been begun since the last time it was due. All times local."""
    moment = datetime.datetime.combine(now.date(), at)
    if moment > now:
        moment -= datetime.timedelta(days=1)
    return last is None or last < moment


def _last_daily() -> datetime.datetime | None:
    from django.db import connection
    from django.utils import timezone

    from photopeak_centre.audit.models import Upkeep

    try:
        row = Upkeep.objects.filter(act="begun").order_by("-at").first()
        return None if row is None else timezone.make_naive(row.at, datetime.datetime.now().astimezone().tzinfo)
    finally:
        connection.close()


def begin(*words: str) -> subprocess.Popen[bytes]:
    """`photopeak WORDS` as a child that knows its parent."""
    return subprocess.Popen([*RUN, *words], stdin=subprocess.DEVNULL, env={**os.environ, PARENT: str(os.getpid())})


def end_with_parent() -> None:
    """In a kept process: end when the parent is gone, however it went, so that nobody goes on holding the port."""
    parent = os.environ.get(PARENT)
    if not parent or os.name == "nt":
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ENDS_WITHIN_S)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
