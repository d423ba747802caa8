"""Every kind of PET study through the whole command, `--json -`: seconds, memory, and what it measured; a table into README.md.

No peer stands beside these but for image quality (`compare.py`). Asked: 2 s and 300 MB for a phantom study, 4 s for a patient of
300 slices, starting Python and loading included. `python benchmarks/pet_studies.py` after `benchmarks/run` made the environments.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from photopeak.phantom.acr_pet import acr_pet_files
from photopeak.phantom.iec_body import iec_body_files
from photopeak.phantom.patient import patient_files
from photopeak.phantom.pet_cylinder import pet_cylinder_files, pet_decay_files
from photopeak.phantom.pet_points import pet_points_files
from photopeak.phantom.pet_tables import pet_count_rate_files, sensitivity_files

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- pet studies: begin -->", "<!-- pet studies: end -->"
STUDIES: dict[str, Callable[[Path], object]] = {
    "IEC body phantom, 89 slices of 200²": lambda out: iec_body_files(out, seed=5, ratio=10.0, slices=89),
    "uniform cylinder, 50 slices of 128²": lambda out: pet_cylinder_files(out, seed=5),
    "ACR phantom, 71 slices of 128²": lambda out: acr_pet_files(out, seed=5),
    "point sources with CT, 48 slices of 383 × 64": lambda out: pet_points_files(out, seed=5),
    "decaying cylinder, 8 frames of 20 slices of 80²": lambda out: pet_decay_files(out, seed=5),
    "count-rate table": lambda out: pet_count_rate_files(out, seed=5),
    "sensitivity table": lambda out: sensitivity_files(out, seed=5),
    "patient, 300 slices of 144²": lambda out: patient_files(out, seed=5),
}


def row(name: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(HERE / "peers" / "photopeak_study.py"), str(folder)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    procedures = ", ".join(sorted(found["values"]))
    return f"| {name} | {procedures} | {found['median_s']:.2f} | {found['children_mb']:.0f} |"


def main() -> None:
    rows = ["| study | procedures that measured | whole command / s | peak memory / MB |", "|---|---|--:|--:|"]
    with tempfile.TemporaryDirectory() as scratch:
        for n, (name, make) in enumerate(STUDIES.items()):
            print(f"{name} ...", file=sys.stderr)
            make(Path(scratch) / str(n))
            rows.append(row(name, Path(scratch) / str(n)))
    page = (HERE / "README.md").read_text("utf-8")
    text = "\n".join([BEGIN, "", *rows, "", END])
    (HERE / "README.md").write_text(page.split(BEGIN)[0] + text + page.split(END)[1], encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
