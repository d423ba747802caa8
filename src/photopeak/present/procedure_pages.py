"""One page per procedure, from its declaration: `python -m photopeak.present.procedure_pages docs/procedures`."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from photopeak.criterion import Criterion, shipped_criteria
from photopeak.procedure import DISCIPLINES, Option, Procedure, roll


def procedure_page(entry: Procedure) -> str:
    """The page of one procedure: what it measures, its options, its limits, in Markdown, both languages."""
    module = sys.modules[entry.run.__module__]
    text = inspect.getdoc(module) or ""
    names = {quantity.name for quantity in entry.quantities}
    limits = [row for row in shipped_criteria() if row.quantity in names]
    lines = [
        f"# {entry.zh} · {entry.en}",
        "",
        f"`{entry.name}` · {entry.implements} · evidence: {', '.join(entry.kinds)}",
        "",
        text,
        "",
        "## 测量的量 · Quantities",
        "",
        "| identifier | 中文 | English | unit |",
        "|---|---|---|---|",
        *(f"| {q.name} | {q.zh} | {q.en} | {_cell(q.unit)} |" for q in entry.quantities),
        "",
        "## 选项 · Options",
        "",
        *_options(entry),
        "",
        "## 限值 · Limits",
        "",
        *_limits(limits),
        "",
        "Written from the declaration in the source; do not edit by hand.",
        "",
    ]
    return "\n".join(lines)


def _options(entry: Procedure) -> list[str]:
    if not entry.options:
        return ["无 · none"]
    rows = [
        f"| --{name.replace('_', '-')} | {_cell(option.words.zh)} | {_cell(option.words.en)} | {_default(option)} |"
        for name, option in entry.options.items()
    ]
    return ["| option | 中文 | English | default |", "|---|---|---|---|", *rows]


def _default(option: Option) -> str:
    return "automatic · 自动" if option.default is None else _cell(str(option.default))


def _limits(limits: list[Criterion]) -> list[str]:
    if not limits:
        return ["未见公布的限值 · no limit published (none has been read in its source); results are not assessed."]
    rows = []
    for row in limits:
        bounds = (
            " … ".join("" if bound is None else f"{bound:g}" for bound in (row.lower, row.upper))
            if row.has_limit
            else "not read"
        )
        where = ", ".join(f"{key} = {value}" for key, value in row.place.items())
        state = "provisional" if row.provisional and row.has_limit else ""
        stage = row.stage if row.programme is None else f"{row.stage} ({row.programme})"
        rows.append(
            f"| {row.quantity} | {_cell(where)} | {stage} | {bounds} | {_cell(row.standard)}, {_cell(row.clause)} | {state} |"
        )
    return ["| quantity | where | stage | lower … upper | source | |", "|---|---|---|---|---|---|", *rows]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write every page of the package's own procedures into the folder given."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, entry in roll().items():
        if entry.discipline in DISCIPLINES:
            (folder / f"{name}.md").write_text(procedure_page(entry), encoding="utf-8")


if __name__ == "__main__":
    main()
