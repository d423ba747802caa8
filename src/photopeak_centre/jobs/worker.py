"""The worker: claims one job after another until it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from django.db import close_old_connections, connection

from photopeak_centre.checks.keeping import keep_results
from photopeak_centre.evidence.models import Study
from photopeak_centre.evidence.store import place_of
from photopeak_centre.jobs.analyse import Failed, Work, analyse_in_child
from photopeak_centre.jobs.models import Job
from photopeak_centre.jobs.queue import claim, give_back, renew

logger = logging.getLogger(__name__)
IDLE_S = 0.5


def work(*, until_idle: bool = False, between: Callable[[], Any] = lambda: None) -> int:
    """Do jobs until SIGTERM (or until none is ready); returns how many were done. `between` is called when nothing waits."""
    import photopeak.procedure

    photopeak.procedure.roll()  # imported once, for every child
    name, done, stopping = f"{socket.gethostname()}:{os.getpid()}", 0, False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    if not until_idle:
        signal.signal(signal.SIGTERM, stop)
    while not stopping:
        close_old_connections()
        job = claim(name)
        if job is not None:
            done += do(job)
        elif until_idle:
            return done
        else:
            between()
            time.sleep(IDLE_S)
    return done


def do(job: Job) -> bool:
    """One job: whether its results were stored."""
    task = task_of(job)
    try:
        if os.name != "nt":
            connection.close()  # the child must not inherit it
        analysed = analyse_in_child(task, lambda done, of: renew(job, done, of))
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
    return Work(files=files, facts=facts, criteria=tuple(criteria), stage=study.stage)
