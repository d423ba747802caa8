"""Tables as evidence, from text, rows or a file of the worked examples."""

import csv
import hashlib
import io
import json
from pathlib import Path

import pytest

from photopeak.evidence import Evidence, EvidenceFile
from photopeak.table import read_table


def as_evidence(content: bytes, name: str = "results.csv") -> Evidence:
    digest = hashlib.sha256(content).hexdigest()
    return Evidence(
        kind="table", files=(EvidenceFile(path=name, sha256=digest),), sha256=digest, images=read_table(content, name)
    )


@pytest.fixture(scope="session")
def table():
    """`table(header, rows)` or `table(text)` as evidence."""

    def make(header, rows=None) -> Evidence:
        if rows is None:
            return as_evidence(header.encode("utf-8"))
        text = io.StringIO()
        csv.writer(text).writerows([header.split(","), *rows])
        return as_evidence(text.getvalue().encode("utf-8"))

    return make


@pytest.fixture(scope="session")
def examples(shared) -> Path:
    return shared / "examples" / "immunoassay"


@pytest.fixture(scope="session")
def expected(examples):
    """Rows of expected.json whose id begins so, as a list."""
    rows = json.loads((examples / "expected.json").read_text("utf-8"))
    return lambda start: [row for row in rows if row["id"].startswith(start)]


@pytest.fixture(scope="session")
def rows_of(examples):
    """The rows of one example file as dictionaries."""
    return lambda name: list(csv.DictReader((examples / name).open(encoding="utf-8")))
