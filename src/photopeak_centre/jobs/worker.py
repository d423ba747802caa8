"""The worker: claims one job after another until it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from django.db import close_old_connections, connection

from photopeak_centre.checks.keeping import keep_results
from photopeak_centre.evidence.models import Study
from photopeak_centre.evidence.store import place_of
from photopeak_centre.jobs.analyse import Failed, Work, analyse_in_child
from photopeak_centre.jobs.models import Job
from photopeak_centre.jobs.queue import claim, give_back, release, renew

logger = logging.getLogger(__name__)
IDLE_S = 0.5


def work(*, until_idle: bool = False, between: Callable[[], Any] = lambda: None) -> int:
    """Do jobs until SIGTERM (or until none is ready); returns how many were done. `between` is called when nothing waits.

    A job that SIGTERM finds at work is released, for another worker or the next start.
    """
    import photopeak.procedure

    photopeak.procedure.roll()  # imported once, for every child
    name, done, ending = f"{socket.gethostname()}:{os.getpid()}", 0, threading.Event()
    if not until_idle:
        signal.signal(signal.SIGTERM, lambda *_: ending.set())
    while not ending.is_set():
        close_old_connections()
        job = claim(name)
        if job is not None:
            done += do(job, ending)
        elif until_idle:
            return done
        else:
            between()
            ending.wait(IDLE_S)
    connection.close()
    return done


def do(job: Job, ending: threading.Event | None = None) -> bool:
    """One job: whether its results were stored."""
    task = task_of(job)
    ends = threading.Event() if ending is None else ending
    try:
        if os.name != "nt":
            connection.close()  # the child must not inherit it
        analysed = analyse_in_child(task, lambda done, of: renew(job, done, of), ends)
        if analysed is None and ends.is_set():
            release(job)
        return analysed is not None and keep_results(job, analysed)
    except Failed as failed:
        give_back(job, failed.code)
    except Exception as fault:
        logger.exception("job %s", job.pk)
        give_back(job, type(fault).__name__[:40])
    return False


def task_of(job: Job) -> Work:
    """The files, facts and limits of a job's study."""
    study = Study.objects.select_related("device").get(pk=job.study_id)
    facts, criteria = dict(study.facts), []
    if study.device is not None:
        device = study.device
        if device.ufov_rows_mm and device.ufov_columns_mm:
            facts.setdefault("ufov_mm", [device.ufov_rows_mm, device.ufov_columns_mm])
        criteria = [limit.criterion() for limit in device.limits.all()]
    files = tuple((place_of(item.blob_id), item.name) for item in study.items.order_by("id"))
    return Work(
        files=files, facts=facts, criteria=tuple(criteria), stage=study.stage, procedure=study.procedure, options=study.options
    )
