"""What every test may use: the shared data (skipped with a message where missing) and the switch for complete studies."""

import csv
import hashlib
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import settings

from photopeak.evidence import Evidence, EvidenceFile
from photopeak.procedure import roll
from photopeak.table import read_table, table_evidence

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of the program
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run slow studies in their complete form")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--full"):
        return
    for item in items:
        if "full" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="complete form of a slow study: run with --full"))


def missing(what: str) -> None:
    """Skip with a message; on the integration machine, which has everything, a missing piece is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}: the integration machine must have it")
    pytest.skip(what)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and worked examples, beside the checkout."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        missing("real data not found: ../shared is missing")
    return folder


def table_evidence_of(rows: list[dict[str, object]], name: str = "cases.csv") -> Evidence:
    """A table with one row a dictionary as evidence; a list in a cell is written as its numbers separated by semicolons."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        cells = [row.get(column, "") for column in columns]
        writer.writerow([";".join(str(part) for part in cell) if isinstance(cell, (list, tuple)) else cell for cell in cells])
    content = text.getvalue().encode("utf-8")
    digest = hashlib.sha256(content).hexdigest()
    return Evidence(
        kind="table", files=(EvidenceFile(path=name, sha256=digest),), sha256=digest, images=read_table(content, name)
    )


@pytest.fixture(scope="session")
def rows_table():
    """`rows_table({"column": cell, ...}, ...)` as evidence, one dictionary a row."""
    return lambda *rows: table_evidence_of(list(rows))


@pytest.fixture(scope="session")
def therapy_example(shared):
    """A worked example of the therapy family by its id."""
    return lambda name: json.loads((shared / "examples" / "therapy" / f"{name}.json").read_text("utf-8"))


# tables as text, measured by a procedure of the folder's `discipline`


@pytest.fixture(scope="module")
def measured(discipline):
    """`measured("conjugate_view", "ia,ip ...\\n900,400 ...", option=...)` is the result of that procedure."""

    def run(name, text, **options):
        evidence = table_evidence(text.encode("utf-8"), EvidenceFile(path=f"{name}.csv", sha256="0"))
        return roll()[f"{discipline}.{name}"].run(evidence, **options)

    return run


@pytest.fixture(scope="session")
def value_of():
    """The one measurement of that quantity at that place."""

    def find(result, name, **where):
        (found,) = [
            m
            for m in result.measurements
            if m.quantity.name == name and all(m.where.get(key) == at for key, at in where.items())
        ]
        return found

    return find


@pytest.fixture(scope="session")
def examples(shared):
    """The cases of a worked example, as (table of one row, expected, tolerance)."""

    def read(name):
        cases = json.loads((shared / "examples" / "therapy" / f"{name}.json").read_text("utf-8"))["cases"]
        return [(_row(case["inputs"]), case["expected"], case["tolerance"]) for case in cases]

    return read


def _row(inputs):
    return ",".join(inputs) + "\n" + ",".join(str(value) for value in inputs.values())
