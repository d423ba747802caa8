"""Tables as text, measured as the command measures them."""

import json

import pytest

from photopeak.evidence import EvidenceFile
from photopeak.procedure import roll
from photopeak.table import table_evidence


@pytest.fixture(scope="session")
def measured():
    """`measured("conjugate_view", "ia,ip ...\\n900,400 ...", option=...)` is the procedure's result."""

    def run(name, text, **options):
        evidence = table_evidence(text.encode("utf-8"), EvidenceFile(path=f"{name}.csv", sha256="0"))
        return roll()[f"treatment_response.{name}"].run(evidence, **options)

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
