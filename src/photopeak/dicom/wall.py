"""The one place where anything may go wrong: what a damaged or hostile file raises becomes a code and a sentence here."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from photopeak.dicom.unusable import Unusable
from photopeak.table import TableError
from photopeak.text import TextError
from photopeak.words import Words

Found = TypeVar("Found")

#: libraries that may write header values, and so names of patients, to a log
TALKATIVE = ("pydicom", "pylibjpeg", "openjpeg", "libjpeg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """One file that did not become evidence: why, as a stable code and in words."""

    path: str
    code: str
    words: Words


@dataclass(slots=True)
class Wall:
    """Collects what could not be used."""

    unread: list[Unread] = field(default_factory=list)

    def attempt(self, paths: Sequence[str], act: Callable[[], Found]) -> Found | None:
        """The result of `act`, or None after listing every one of `paths` as unread for the reason it met."""
        try:
            return act()
        except Exception as error:
            self.refuse(paths, _reason(error))
        return None

    def refuse(self, paths: Sequence[str], reason: Unusable | TableError | TextError) -> None:
        self.unread.extend(Unread(path=path, code=reason.code, words=reason.words) for path in paths)


def _reason(error: BaseException) -> Unusable | TableError | TextError:
    """Why, from the exception or from the one it stands for: pydicom turns some into others on the way up."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, Unusable | TableError | TextError):
            return behind
        if isinstance(behind, RecursionError):
            return Unusable("nested_too_deep")
        if isinstance(behind, MemoryError):
            return Unusable("too_large", limit="RAM")
        behind = behind.__context__
    # Damaged content raises half a dozen kinds; only the kind is told, for the text may quote a patient's data.
    return Unusable("unreadable", reason=type(error).__name__)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep the warnings and log records of the DICOM libraries in: they quote header values."""
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    before = [(logger.propagate, logger.handlers) for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.propagate, logger.handlers = False, [logging.NullHandler()]
        try:
            yield
        finally:
            for logger, (propagate, handlers) in zip(loggers, before):
                logger.propagate, logger.handlers = propagate, handlers
