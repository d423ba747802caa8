"""Rules of the house, asked of every procedure and every file."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from photopeak.criterion import shipped_criteria
from photopeak.present import places
from photopeak.present.procedure_pages import procedure_page
from photopeak.procedure import DISCIPLINES, roll

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "photopeak"
OURS = {name: entry for name, entry in roll().items() if entry.discipline in DISCIPLINES}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_the_library_knows_no_web_framework_and_no_database():
    wrong = {
        str(path.relative_to(ROOT)): names
        for path in SOURCE.rglob("*.py")
        if (names := {n for n in imports(path) if n.split(".")[0] in ("django", "sqlite3", "psycopg", "sqlalchemy")})
    }
    assert wrong == {}


def test_disciplines_do_not_import_each_other():
    wrong = []
    for discipline in DISCIPLINES:
        others = {f"photopeak.{other}" for other in DISCIPLINES if other != discipline}
        for path in (SOURCE / discipline).rglob("*.py"):
            wrong += [(str(path.relative_to(ROOT)), name) for name in imports(path) if ".".join(name.split(".")[:2]) in others]
    assert wrong == []


def test_the_spine_does_not_import_what_stands_on_it():
    above = tuple(f"photopeak.{name}" for name in (*DISCIPLINES, "present", "cli", "check", "demo", "phantom"))
    spine = (
        "words",
        "measurement",
        "evidence",
        "procedure",
        "criterion",
        "verdict",
        "finding",
        "figure",
        "facts",
        "table",
        "proportion",
    )
    wrong = [(name, one) for name in spine for one in imports(SOURCE / f"{name}.py") if one.startswith(above)]
    assert wrong == []


@pytest.mark.parametrize("name", OURS)
def test_a_procedure_is_named_in_both_languages_down_to_its_options(name):
    entry = OURS[name]
    words = [entry.words, *(q.words for q in entry.quantities), *(option.words for option in entry.options.values())]
    assert all(one.en and one.zh for one in words)
    assert all(CHINESE.search(one.zh) or one.zh == one.en for one in words)
    assert CHINESE.search(entry.zh)
    assert not any(CHINESE.search(one.en) for one in words)


def test_a_discipline_names_the_kinds_its_procedures_take():
    """What a folder of images does not need is not imported for it."""
    for discipline in {entry.discipline for entry in OURS.values()}:
        taken = {kind for entry in OURS.values() if entry.discipline == discipline for kind in entry.kinds}
        assert set(importlib.import_module(f"photopeak.{discipline}").KINDS) == taken


@pytest.mark.parametrize("name", OURS)
def test_a_procedure_has_a_truth_test_and_a_refusal_test(name):
    discipline, module = name.split(".")
    texts = [path.read_text("utf-8") for path in (ROOT / "tests" / discipline).glob(f"test_{module}*.py")]
    assert texts, f"tests/{discipline}/test_{module}*.py is missing"
    together = "\n".join(texts)
    assert "Refused" in together or "accepts" in together
    assert "truth" in together or "expected" in together


@pytest.mark.parametrize("name", OURS)
def test_a_procedure_draws_what_it_measured(name):
    tree = ast.parse((SOURCE / name.replace(".", "/")).with_suffix(".py").read_text("utf-8"))
    assert any(isinstance(node, ast.FunctionDef) and node.name == "figures" for node in ast.walk(tree))


@pytest.mark.parametrize("name", OURS)
def test_the_page_of_a_procedure_is_up_to_date(name):
    page = ROOT / "docs" / "procedures" / f"{name}.md"
    assert page.is_file(), "write it with: python -m photopeak.present.procedure_pages docs/procedures"
    assert page.read_text("utf-8") == procedure_page(OURS[name])


@pytest.mark.parametrize("name", OURS)
def test_no_acceptance_limit_stands_in_a_procedure(name):
    source = (SOURCE / name.replace(".", "/")).with_suffix(".py").read_text("utf-8")
    assert not re.search(r"\bCriterion\b|\bdecide\b|from photopeak\.(criterion|verdict)", source)


def test_every_shipped_limit_names_a_known_stage_and_unit():
    assert [row for row in shipped_criteria() if not row.unit] == []


def test_no_file_points_outside():
    """No machine path, no package index; names of people and hosts stay out."""
    bad = re.compile(r"index-url|find-links|//registry\.|/simple/|(?<![\w.])/(work|farm|home|root)/[a-z]")
    wrong = []
    for path in ROOT.rglob("*"):
        inside = path.relative_to(ROOT).parts
        if (
            path.suffix not in {".py", ".md", ".toml", ".txt", ".html", ".typ", ".css"}
            or inside[0].startswith(".")
            or inside[0] == "build"
        ):
            continue
        if path == Path(__file__):
            continue
        wrong += [
            f"{'/'.join(inside)}:{n}" for n, line in enumerate(path.read_text("utf-8").split("\n"), 1) if bad.search(line)
        ]
    assert wrong == []


def places_named(path: Path) -> set[str]:
    """The keys of `where` that a file gives its measurements by name: `QUANTITY.of(..., key=...)`, `case.where(key=...)`."""
    calls = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    named = (node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr in ("of", "where"))
    keys = {keyword.arg for node in named for keyword in node.keywords if keyword.arg}
    return keys - {"uncertainty", "noise_corrected"}


@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_the_place_of_every_measurement_is_said_in_both_languages(discipline):
    named = {key for path in (SOURCE / discipline).glob("*.py") for key in places_named(path)}
    assert sorted(key for key in named if key not in places.KEYS) == []
