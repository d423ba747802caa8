"""Small DICOM objects written by the phantom writer, and a way to damage them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from photopeak.phantom.as_dicom import write_planar, write_volume


@pytest.fixture
def flood(tmp_path: Path) -> Path:
    """A flood of two detectors, 2 x 64 x 64."""
    path = tmp_path / "flood" / "flood.dcm"
    counts = np.random.default_rng(1).poisson(100, (2, 64, 64))
    write_planar(path, counts, pixel_mm=(6.0, 6.0), detectors=[1, 2], field_of_view_mm=(387.0, 533.0))
    return path


@pytest.fixture
def slices(tmp_path: Path) -> tuple[Path, ...]:
    """Six PET slices, 20 x 24 pixels, 2.78 mm apart."""
    values = np.random.default_rng(2).gamma(4.0, 1000.0, (6, 20, 24))
    return write_volume(tmp_path / "pet", values, spacing_mm=(2.78, 2.0, 2.5), origin_mm=(-30.0, -20.0, 11.5))


@pytest.fixture
def edit() -> Callable[..., Path]:
    """`edit(path, Keyword=value, ...)` rewrites a file with elements changed, or removed where the value is None."""

    def edit_file(path: Path, *, to: Path | None = None, **elements: Any) -> Path:
        dataset = pydicom.dcmread(path)
        for keyword, value in elements.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "2.25.1")
        target = to or path
        target.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(target)
        return target

    return edit_file
