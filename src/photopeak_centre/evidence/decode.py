"""`python -m photopeak_centre.evidence.decode IMAGE TARGET`: the frames of one stored image as numbers, in a process with limits.

Writes TARGET.f4 (float32, little-endian, frame by frame, row by row) and TARGET.json (what a viewer needs to know of them). Knows no
Django: what a stranger sent is opened where it can reach nothing.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

MEMORY_BYTES = 2 * 2**30
SECONDS = 60
LARGEST_BYTES = 512 * 2**20  # of the written frames


def decode(data: bytes) -> tuple[dict[str, Any], Any]:
    """What is known of an image's frames, and their values[frame, row, column]. Raises Unusable for what shows no image."""
    import numpy as np

    from photopeak.dicom.image import image_of, rescale_of, rescaled
    from photopeak.dicom.parse import looks_like_dicom, parse
    from photopeak.dicom.unusable import Unusable
    from photopeak.evidence import EvidenceFile

    if not looks_like_dicom(data):
        raise Unusable("not_dicom")
    image = image_of(parse(data), EvidenceFile(path="", sha256=""))
    if image is None or 4 * image.values.size > LARGEST_BYTES:
        raise Unusable("too_large", limit="512 MB")
    slope = rescale_of(image.header) if image.modality != "NM" else None
    values = np.ascontiguousarray(rescaled(image.values, *slope) if slope else image.values, "<f4")
    frames, rows, columns = values.shape
    spacing = image.pixel_mm or (1.0, 1.0)
    about = {
        "rows": rows,
        "columns": columns,
        "pixel_mm": list(spacing),
        "left_mm": -columns * spacing[1] / 2,
        "top_mm": -rows * spacing[0] / 2,
        "window": [float(values.min()), float(values.max())],
        "unit": {"CT": {"en": "HU", "zh": "HU"}, "NM": {"en": "counts", "zh": "计数"}}.get(
            image.modality, {"en": "", "zh": ""}
        ),
        "palette": "grey" if image.modality != "PT" else "inverse",
        "scale_bar_mm": 100.0,
        "where": {},
        "overlays": [],
        "frames": [_label(image, number, frames) for number in range(frames)],
    }
    return about, values


def _label(image: Any, number: int, frames: int) -> dict[str, str]:
    from photopeak.present.places import place

    where = _vectors(image, frames)[number] if image.modality == "NM" else {}
    return {language: place(where, language) for language in ("en", "zh")}  # type: ignore[arg-type]


def _vectors(image: Any, frames: int) -> list[dict[str, int]]:
    from photopeak.dicom.frames import frames_of

    return [{"detector": one.detector, "energy_window": one.energy_window} for one in frames_of(image.header, frames)[0]]


def main(source: Path, target: Path) -> int:
    from photopeak.dicom.wall import Wall, silence

    if os.name != "nt":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    wall = Wall()
    with silence():
        found = wall.attempt([""], lambda: decode(source.read_bytes()))
    if found is None:
        target.with_suffix(".json").write_text(
            json.dumps({"en": wall.unread[0].words.en, "zh": wall.unread[0].words.zh}), "utf-8"
        )
        return 3
    about, values = found
    target.with_suffix(".f4").write_bytes(values.tobytes())
    target.with_suffix(".json").write_text(json.dumps(about), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
