"""Papers of a round of 500 laboratories, two pages each, by the command: wall and processor time. python benchmarks/eqa_reports.py"""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

LABORATORIES, ANALYTES, SAMPLES = 500, 20, 2


def scheme() -> str:
    head = '[scheme]\nname = "Immunoassay"\nname_zh = "体外免疫分析"\nround = "2026-1"\n\n[allowable]\nkind = "percent"\npercent = 25\n'
    analytes = [
        f'[[analyte]]\nname = "A{n:02d}"\nunit = "nmol/L"\ngroup = "{"Hormones" if n < ANALYTES / 2 else "Tumour markers"}"\n'
        for n in range(ANALYTES)
    ]
    return "\n".join([head, *analytes, *(f'[[sample]]\nname = "S{n + 1}"\n' for n in range(SAMPLES))])


def results(path: Path) -> None:
    rng = np.random.default_rng(1)
    levels = 10 ** rng.uniform(0, 2, (ANALYTES, SAMPLES))
    values = levels * rng.normal(1, 0.1, (LABORATORIES, ANALYTES, SAMPLES))
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["laboratory", "analyte", "sample", "value", "method"])
        for (lab, analyte, sample), value in np.ndenumerate(values):
            table.writerow([f"L{lab:03d}", f"A{analyte:02d}", f"S{sample + 1}", f"{value:.4g}", "RIA" if lab % 2 else "CLIA"])


def main() -> None:
    command = [sys.executable, "-c", "from photopeak.cli import main; main()", "eqa"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "scheme.toml").write_text(scheme(), encoding="utf-8")
        results(folder / "results.csv")
        files = [str(folder / "scheme.toml"), "--round", str(folder / "round.json")]
        for act in ("ship", "receive", "open", "close"):
            subprocess.run([*command, "round", act, *files], check=True, capture_output=True)
        out = folder / "out"
        papers = [*command, "reports", str(folder / "scheme.toml"), str(folder / "results.csv"), *files[1:], "--out", str(out)]
        begun = time.perf_counter()
        subprocess.run([*papers, "--no-certificates", "--workers", "2", *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
        wall, used = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        written = [path for path in out.glob("L*.pdf")]
        pages = {path.read_bytes().count(b"/Type/Page/") + path.read_bytes().count(b"/Type /Page\n") for path in written[:5]}
        print(
            f"{len(written)} reports of {pages} pages: {wall:.1f} s wall, {used.ru_utime + used.ru_stime:.1f} s of processor time"
        )


if __name__ == "__main__":
    main()
