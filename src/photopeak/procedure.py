"""How evidence is analysed: the roll of procedures, ours and plugins', found the same way.

A procedure is a function `run(evidence, *, option=default ...) -> Result` in a module of a discipline folder, declared with
`@procedure`. Its address is `discipline.module`; its command-line options, labels and documentation come from the declaration.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.words import Words

if TYPE_CHECKING:
    from photopeak.entry import Entry

DISCIPLINES = (
    "gamma_camera",
    "spect",
    "pet",
    "activity_meter",
    "bone_density",
    "immunoassay",
    "radionuclide_therapy",
    "radiopharmacy",
    "treatment_response",
    "radiotherapy_export",
    "report_review",
    "exercise",
)


class Refused(Exception):
    """This evidence cannot be analysed by this procedure: what was found, what was needed, what to do next."""

    def __init__(self, code: str, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.code = code
        self.words = Words(en, zh)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_refused, (self.code, self.words.en, self.words.zh))


def _refused(code: str, en: str, zh: str) -> Refused:
    return Refused(code, en=en, zh=zh)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something a reader of the result must know; `code` is stable, the words are for people."""

    code: str
    words: Words


def remark(code: str, *, en: str, zh: str) -> Remark:
    return Remark(code=code, words=Words(en, zh))


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One line of "how it was measured": a label and a value in both languages."""

    label: Words
    value: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Base of every procedure's own dataclass: what was measured and noticed; arrays for the figures stand beside it."""

    measurements: tuple[Measurement, ...]
    remarks: tuple[Remark, ...] = ()
    conditions: tuple[Condition, ...] = ()

    def figures(self) -> tuple[Figure, ...]:
        """What there is to look at, as plain declarations; `photopeak.present` draws them."""
        return ()

    def document_extras(self) -> dict[str, Any]:
        """What the JSON document carries of this result beside its measurements."""
        return {}

    def declared_limits(self) -> tuple[Any, ...]:
        """Limits that the evidence itself declares (an EQA scheme's protocol), judged beside those of the standards."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of a procedure, read from its signature: `Annotated[float, Words("pixel size", "像素大小")] = 2.0`."""

    name: str
    type: Any
    default: Any
    words: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """One entry of the roll. Picklable: `run` and `accepts` are module-level functions."""

    name: str
    en: str
    zh: str
    implements: str
    kinds: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    accepts: Callable[[Evidence], Words | None]
    run: Callable[..., Result]
    options: Mapping[str, Option] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    takes_frames: bool = (
        False  #: the later frames of a dynamic series are part of this measurement, and are not measured singly
    )

    @property
    def words(self) -> Words:
        return Words(self.en, self.zh)

    @property
    def discipline(self) -> str:
        return self.name.split(".")[0]


def anything(evidence: Evidence) -> Words | None:
    """The default `accepts`: every evidence of the declared kinds is tried; the procedure itself refuses with its reason."""
    return None


def procedure(
    *,
    en: str,
    zh: str,
    implements: str,
    kinds: tuple[str, ...],
    quantities: tuple[Quantity, ...],
    accepts: Callable[[Evidence], Words | None] = anything,
    entries: tuple[Entry, ...] = (),
    takes_frames: bool = False,
    name: str | None = None,
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Enter a function in the roll. `accepts` answers None for yes, or the reason for no. `entries`: the ways in which
    its table can be entered by hand, where the signature does not say. `name` only for plugins."""

    def declare(run: Callable[..., Result]) -> Callable[..., Result]:
        address = name or ".".join(run.__module__.split(".")[-2:])
        entry = Procedure(
            name=address,
            en=en,
            zh=zh,
            implements=implements,
            kinds=kinds,
            quantities=quantities,
            accepts=accepts,
            run=run,
            options=options_of_function(run),
            entries=entries,
            takes_frames=takes_frames,
        )
        _DECLARED[address] = entry
        return run

    return declare


_DECLARED: dict[str, Procedure] = {}


def options_of_function(run: Callable[..., Any]) -> dict[str, Option]:
    """The keyword-only parameters of a function as options, with the words of their annotations."""
    hints = typing.get_type_hints(run, include_extras=True)
    options = {}
    for parameter in inspect.signature(run).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        hint = hints.get(parameter.name, str)
        words = Words(parameter.name.replace("_", " "), parameter.name)
        if typing.get_origin(hint) is typing.Annotated:
            hint, *extras = typing.get_args(hint)
            words = next((extra for extra in extras if isinstance(extra, Words)), words)
        options[parameter.name] = Option(name=parameter.name, type=hint, default=parameter.default, words=words)
    return options


def roll() -> Mapping[str, Procedure]:
    """Every procedure by its address: the modules of the discipline folders, and the entry points `photopeak.procedures`."""
    return procedures_of(DISCIPLINES)


def procedures_for(kinds: Iterable[str]) -> Mapping[str, Procedure]:
    """The part of the roll that may take evidence of these kinds: disciplines without any of them are not even imported."""
    wanted = set(kinds)
    return procedures_of(tuple(name for name in DISCIPLINES if wanted & set(_kinds_of(name))))


@cache
def procedures_of(disciplines: tuple[str, ...]) -> Mapping[str, Procedure]:
    """The procedures of these disciplines and of every plugin, by address."""
    for discipline in disciplines:
        if _kinds_of(discipline):
            package = importlib.import_module(f"photopeak.{discipline}")
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"photopeak.{discipline}.{module.name}")
    for entry_point in importlib.metadata.entry_points(group="photopeak.procedures"):
        entry_point.load()
    others = set(DISCIPLINES) - set(disciplines)
    return {name: entry for name, entry in sorted(_DECLARED.items()) if entry.discipline not in others}


def _kinds_of(discipline: str) -> tuple[str, ...]:
    """The kinds of evidence that a discipline's package says it takes (`KINDS`); none where nothing is built of it."""
    if importlib.util.find_spec(f"photopeak.{discipline}") is None:
        return ()
    kinds: tuple[str, ...] = importlib.import_module(f"photopeak.{discipline}").KINDS
    return kinds
