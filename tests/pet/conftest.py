"""PET evidence made in memory, and what a result says as a plain table."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from photopeak.evidence import Evidence, EvidenceFile, Volume
from photopeak.procedure import Result


def volume_evidence(values: Any, spacing_mm: Any, *, units: str | None = "BQML", facts: Any = None) -> Evidence:
    values = np.ascontiguousarray(values, dtype=np.float32)
    digest = hashlib.sha256(values.tobytes()).hexdigest()
    return Evidence(
        kind="pt_volume",
        files=(EvidenceFile(path="series/slice.dcm", sha256=digest),),
        sha256=digest,
        facts=facts or {},
        images=Volume(values=values, spacing_mm=tuple(float(step) for step in spacing_mm), units=units),
    )


def plain_table(result: Result) -> dict[tuple[Any, ...], tuple[float, float | None]]:
    """(quantity, *where values) -> (value, uncertainty)."""
    return {(m.quantity.name, *m.where.values()): (m.value, m.uncertainty) for m in result.measurements}


@pytest.fixture(scope="session")
def evidence_of() -> Callable[..., Evidence]:
    return volume_evidence


@pytest.fixture(scope="session")
def table_of() -> Callable[[Result], dict[tuple[Any, ...], tuple[float, float | None]]]:
    return plain_table
