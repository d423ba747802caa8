"""The same images through the peers and through Photopeak, in one run: time, memory, error against truth; tables into README.md.

Run it with `benchmarks/run`, which makes the environments. Truth comes from phantoms that are generated here; the real sets of
../shared/data are added where they exist, with agreement instead of error.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from photopeak.phantom.flood import flood_files
from photopeak.phantom.iec_body import iec_body_files
from photopeak.present.benchmark_plot import bars

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DATA = ROOT.parent / "shared" / "data"
SPHERES = (10, 13, 17, 22, 28, 37)
START, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def ask(peer: str, script: str, *arguments: object) -> dict[str, Any] | None:
    """One peer's figures on one image, from a process of its own environment; None where it stopped."""
    python = ROOT / ".venv-bench" / peer / "bin" / "python"
    command = [str(python), str(HERE / "peers" / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if done.returncode:
        print(
            f"  {script} stopped: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}",
            file=sys.stderr,
        )
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def cell(figures: dict[str, Any] | None, name: str, form: str) -> str:
    return "stops" if figures is None else format(figures[name], form)


def floods(folder: Path) -> tuple[list[str], dict[str, dict[str, float]]]:
    """Time and memory at four matrices, and the error with a dead tube of known depth."""
    rows = [
        "| flood | ours / ms | pylinac / ms | times faster | ours, growth / MB | pylinac, growth / MB |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    plot: dict[str, dict[str, float]] = {}
    sizes: list[tuple[str, Path]] = []
    for matrix in (256, 512, 1024):
        (path,) = [p for p in flood_files(folder / f"m{matrix}", matrix=matrix, pixel_mm=614.4 / matrix) if p.suffix == ".dcm"]
        sizes.append((f"{matrix} x {matrix}, one detector", path))
    real = DATA / "gamma_camera" / "mediso_flood_256.dcm"
    if real.is_file():
        sizes.append(("mediso_flood_256.dcm", real))
    for name, path in sizes:
        ours, theirs = ask("photopeak", "photopeak_flood.py", path), ask("pylinac", "pylinac_flood.py", path)
        ratio = f"{theirs['median_s'] / ours['median_s']:.0f}" if ours and theirs else "-"
        milliseconds = [f"{1000 * one['median_s']:.1f}" if one else "stops" for one in (ours, theirs)]
        rows.append(
            f"| {name} | {milliseconds[0]} | {milliseconds[1]} | {ratio} | {cell(ours, 'growth_mb', '.1f')} | {cell(theirs, 'growth_mb', '.1f')} |"
        )
        plot[name] = {k: 1000 * one["median_s"] for k, one in (("Photopeak", ours), ("pylinac", theirs)) if one}
    rows += ["", "| dead tube of 60 mm, depth | truth, IU of the UFOV / % | ours | pylinac |", "|--:|--:|--:|--:|"]
    for depth in (10, 24, 35, 50, 100):
        written = flood_files(folder / f"d{depth}", dead_tube_depth_percent=depth, noise=False)
        (path,) = [p for p in written if p.suffix == ".dcm"]
        truth = json.loads((path.parent / "truth.json").read_text("utf-8"))
        ours, theirs = ask("photopeak", "photopeak_flood.py", path), ask("pylinac", "pylinac_flood.py", path)
        found = [
            f"{next(v for k, v in one['values'].items() if k.endswith('UFOV')):.2f}" if one else "stops"
            for one in (ours, theirs)
        ]
        rows.append(f"| {depth} % | {expected_uniformity(truth):.2f} | {found[0]} | {found[1]} |")
    return rows, plot


def expected_uniformity(truth: dict[str, Any]) -> float:
    """The noiseless integral uniformity of the UFOV that the generator states for its first detector."""
    return next(
        row["value"]
        for row in truth["measurements"]
        if row["quantity"] == "integral_uniformity" and row["where"]["fov"] == "UFOV"
    )


def image_quality(folder: Path) -> tuple[list[str], dict[str, dict[str, float]]]:
    """The whole command on a phantom of known truth and on the two real sets."""
    rows = ["| set | program | whole command / s | peak memory / MB | spheres |", "|---|---|--:|--:|---|"]
    plot: dict[str, dict[str, float]] = {}
    written = iec_body_files(folder / "iec", seed=5)
    truth = json.loads((folder / "iec" / "truth.json").read_text("utf-8"))
    series = {"IEC phantom of known truth": next(p for p in written if p.suffix == ".dcm").parent}
    for name in ("siemens_nema_iq", "anonymous_nema_iq"):
        if (DATA / "pet" / name).is_dir():
            series[name] = DATA / "pet" / name
    for name, place in series.items():
        peers = {
            "Photopeak": ask("photopeak", "photopeak_iq.py", place),
            "pynemaiqpet": ask("pynemaiqpet", "pynemaiqpet_iq.py", place),
        }
        config = chameleon_input(folder, place, name)
        if config is not None:
            peers["ChameleonIQ"] = ask("chameleoniq", "chameleoniq_iq.py", *config)
        for program, figures in peers.items():
            if figures and figures["values"] and "status" in figures["values"] and figures["values"]["status"]:
                figures = None
            children = figures["children_mb"] if figures and "children_mb" in figures else None
            memory = f"{children:.0f}" if children else "-"
            said = spheres_found(program, figures)
            rows.append(f"| {name} | {program} | {cell(figures, 'median_s', '.2f')} | {memory} | {said} |")
            if figures:
                plot.setdefault(name, {})[program] = figures["median_s"]
    rows += ["", *errors_against_truth(folder, truth)]
    return rows, plot


def spheres_found(program: str, figures: dict[str, Any] | None) -> str:
    if figures is None:
        return "none: it stopped"
    if program == "Photopeak":
        found = {row["sphere_mm"] for row in figures["values"] if row.get("statistic") == "a50"}
        return f"{len(found)} found by itself"
    return "6 centres given by hand" if program == "ChameleonIQ" else "found by itself"


def chameleon_input(folder: Path, place: Path, name: str) -> list[object] | None:
    """A NIfTI volume and a configuration with the centres our own pose found: ChameleonIQ cannot find them."""
    from peers.chameleon_setup import write_input

    return write_input(folder / "chameleon" / name.replace(" ", "_"), place)


def errors_against_truth(folder: Path, truth: dict[str, Any]) -> list[str]:
    """Bias of C_H / C_B, sphere by sphere, over random poses, noiseless."""
    from photopeak.dicom.gather import gather
    from photopeak.pet.image_quality import image_quality as measure

    errors: dict[tuple[str, int], list[float]] = {}
    for seed in range(5):
        written = iec_body_files(folder / f"pose{seed}", seed=seed, noise=False)
        stated = json.loads((folder / f"pose{seed}" / "truth.json").read_text("utf-8"))
        (evidence,) = gather([next(p for p in written if p.suffix == ".dcm").parent]).evidence
        expected = {
            int(row["where"]["sphere_mm"]): row["value"]
            for row in stated["measurements"]
            if row["quantity"] == "contrast_ratio"
        }
        for m in measure(evidence).measurements:
            if m.quantity.name == "contrast_ratio":
                key = (str(m.where["method"]), int(m.where["sphere_mm"]))
                errors.setdefault(key, []).append(100 * (m.value / expected[key[1]] - 1))
    lines = [
        "| bias of C_H/C_B over five random poses, noiseless / % | " + " | ".join(f"{s} mm" for s in SPHERES) + " |",
        "|---|" + "--:|" * 6,
    ]
    for method in ("plane", "nema"):
        lines.append(f"| method = {method} | " + " | ".join(f"{np.mean(errors[(method, s)]):+.2f}" for s in SPHERES) + " |")
    return lines


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        print("floods ...", file=sys.stderr)
        flood_rows, flood_plot = floods(folder)
        print("image quality ...", file=sys.stderr)
        iq_rows, iq_plot = image_quality(folder)
    (HERE / "flood.svg").write_text(bars("flood uniformity, reading included / ms", flood_plot), encoding="utf-8")
    (HERE / "image_quality.svg").write_text(bars("image quality, the whole command / s", iq_plot), encoding="utf-8")
    machine = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    measured = [
        START,
        "",
        f"Measured in one run on {machine}, two cores, medians.",
        "",
        "### Flood uniformity",
        "",
        *flood_rows,
        "",
        "![time of flood uniformity](flood.svg)",
        "",
    ]
    measured += ["### PET image quality", "", *iq_rows, "", "![time of image quality](image_quality.svg)", "", END]
    page = (HERE / "README.md").read_text("utf-8")
    before, after = page.split(START)[0], page.split(END)[1]
    (HERE / "README.md").write_text(before + "\n".join(measured) + after, encoding="utf-8")
    print("\n".join(measured))


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
