"""The same images through the peers and through Photopeak, in one run: time, memory, error against truth.

Run it with `benchmarks/run`, which makes the environments. Truth comes from phantoms generated here; the real sets of
../shared/data are added where they exist. The tables and plots go into benchmarks/README.md.
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
from bar_plot import bars

from photopeak.dicom.gather import gather
from photopeak.pet.image_quality import image_quality as measure_image_quality
from photopeak.phantom.flood import flood_files
from photopeak.phantom.iec_body import iec_body_files

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DATA = ROOT.parent / "shared" / "data"
SPHERES = (10, 13, 17, 22, 28, 37)
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
Figures = dict[str, Any]


def ask(peer: str, script: str, *arguments: object) -> Figures | None:
    """One program's figures on one image, from a process of its own environment; None where it stopped."""
    python = ROOT / ".venv-bench" / peer / "bin" / "python"
    command = [str(python), str(HERE / "peers" / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        print(f"  {script} stopped: {last[0]}", file=sys.stderr)
        return None
    found: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def shown(figures: Figures | None, name: str, form: str, scale: float = 1.0) -> str:
    return "stops" if figures is None else format(scale * figures[name], form)


def dicom(written: tuple[Path, ...]) -> Path:
    return next(path for path in written if path.suffix == ".dcm")


def flood_speed(folder: Path) -> tuple[list[str], dict[str, dict[str, float]]]:
    """Time and growth of memory of one flood, reading included, in process."""
    images = {f"{m} x {m}": dicom(flood_files(folder / f"m{m}", matrix=m, detectors=1)) for m in (256, 512, 1024)}
    real = DATA / "gamma_camera" / "mediso_flood_256.dcm"
    if real.is_file():
        images[real.name] = real
    rows = [
        "| flood | ours / ms | pylinac / ms | times faster | ours, growth / MB | pylinac, growth / MB |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    plot: dict[str, dict[str, float]] = {}
    for name, path in images.items():
        ours, theirs = ask("photopeak", "photopeak_flood.py", path), ask("pylinac", "pylinac_flood.py", path)
        ratio = f"{theirs['median_s'] / ours['median_s']:.0f}" if ours and theirs else "–"
        times = f"{shown(ours, 'median_s', '.1f', 1000)} | {shown(theirs, 'median_s', '.0f', 1000)}"
        rows.append(f"| {name} | {times} | {ratio} | {shown(ours, 'growth_mb', '.1f')} | {shown(theirs, 'growth_mb', '.1f')} |")
        plot[name] = {who: 1000 * one["median_s"] for who, one in (("Photopeak", ours), ("pylinac", theirs)) if one}
    return rows, plot


def flood_errors(folder: Path) -> list[str]:
    """What a dead tube of known depth reads, noiseless."""
    rows = ["| tube of 60 mm, depth | truth, IU of the UFOV / % | ours / % | pylinac / % |", "|--:|--:|--:|--:|"]
    for depth in (10, 24, 35, 50, 100):
        place = folder / f"d{depth}"
        made = flood_files(place, detectors=1, counts=1e9, pattern_percent=0.0, tube_depth_percent=float(depth), noise=False)
        path = dicom(made)
        truth = json.loads((place / "truth.json").read_text("utf-8"))["noiseless"][0]["integral_uniformity"]
        ours, theirs = ask("photopeak", "photopeak_flood.py", path), ask("pylinac", "pylinac_flood.py", path)
        found = [
            "stops" if one is None else f"{next(v for k, v in one['values'].items() if k.endswith('UFOV')):.2f}"
            for one in (ours, theirs)
        ]
        rows.append(f"| {depth} % | {truth:.2f} | {found[0]} | {found[1]} |")
    return rows


def image_quality_speed(folder: Path) -> tuple[list[str], dict[str, dict[str, float]]]:
    """Each program's whole command, import and load included."""
    made = folder / "iec"
    series = {"IEC phantom": dicom(iec_body_files(made, seed=5, ratio=10.0, slices=89)).parent}
    for name in ("siemens_nema_iq", "anonymous_nema_iq"):
        if (DATA / "pet" / name).is_dir():
            series[name] = DATA / "pet" / name
    rows = ["| set | program | whole command / s | peak memory / MB | spheres |", "|---|---|--:|--:|---|"]
    plot: dict[str, dict[str, float]] = {}
    for name, place in series.items():
        found = {
            "Photopeak": (ask("photopeak", "photopeak_iq.py", place), "found by itself"),
            "pynemaiqpet": (ask("pynemaiqpet", "pynemaiqpet_iq.py", place), "found by itself"),
        }
        if place == made:
            found["ChameleonIQ"] = (chameleoniq(folder, made), "centres, slice and background places given")
        for program, (figures, spheres) in found.items():
            memory = shown(figures, "children_mb", ".0f")
            rows.append(
                f"| {name} | {program} | {shown(figures, 'median_s', '.2f')} | {memory} | {spheres if figures else '–'} |"
            )
            if figures:
                plot.setdefault(name, {})[program] = figures["median_s"]
    return rows, plot


def chameleoniq(folder: Path, made: Path) -> Figures | None:
    """ChameleonIQ finds nothing by itself: truth gives it the spheres, our own result the background places."""
    (evidence,) = gather([made]).evidence
    result = measure_image_quality(evidence)
    out = folder / "chameleoniq"
    out.mkdir()
    np.save(out / "volume.npy", evidence.images.values)
    (out / "places.json").write_text(json.dumps(result.placement.centres_mm.tolist()), encoding="utf-8")
    python = ROOT / ".venv-bench" / "chameleoniq" / "bin" / "python"
    setup = [str(python), str(HERE / "peers" / "chameleoniq_setup.py"), str(out / "volume.npy"), str(made / "truth.json")]
    subprocess.run([*setup, str(out / "places.json"), str(out)], check=True, capture_output=True)
    figures = ask("chameleoniq", "chameleoniq_iq.py", out / "volume.nii", out / "config.yaml", "2", "2", "2")
    if figures and figures["values"]["status"]:
        print(f"  ChameleonIQ stopped: {figures['values']['error'][-300:]}", file=sys.stderr)
        return None
    return figures


def image_quality_errors(folder: Path) -> list[str]:
    """Bias of C_H against the disc-mean truth over random sub-voxel poses, noiseless."""
    errors: dict[tuple[str, int], list[float]] = {}
    for seed, voxel in enumerate((2.0, 2.0, 3.0, 3.0, 4.0, 4.0)):
        place = folder / f"pose{seed}"
        written = iec_body_files(
            place,
            seed=seed,
            noise_percent=0.0,
            voxel_mm=voxel,
            slice_mm=voxel,
            matrix=round(400 / voxel),
            slices=round(120 / voxel),
            rotation_deg=17.0 * seed,
        )
        truth = json.loads((place / "truth.json").read_text("utf-8"))
        (evidence,) = gather([dicom(written).parent]).evidence
        for m in measure_image_quality(evidence).measurements:
            if m.quantity.name == "contrast_ratio":
                size = int(m.where["sphere_mm"])
                expected = truth["disc_mean_bq_per_ml"][str(size)] / truth["background_bq_per_ml"]
                errors.setdefault((str(m.where["method"]), size), []).append(100 * (m.value / expected - 1))
    head = (
        "| C_H/C_B against truth, six random poses, voxels 2–4 mm: mean (worst) / % | "
        + " | ".join(f"{s} mm" for s in SPHERES)
        + " |"
    )
    lines = [head, "|---|" + "--:|" * len(SPHERES)]
    for method in ("plane", "nema"):
        cells = [f"{np.mean(errors[method, s]):+.2f} ({max(errors[method, s], key=abs):+.2f})" for s in SPHERES]
        lines.append(f"| method = {method} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        print("floods ...", file=sys.stderr)
        flood_rows, flood_plot = flood_speed(folder)
        flood_rows += ["", *flood_errors(folder)]
        print("image quality ...", file=sys.stderr)
        iq_rows, iq_plot = image_quality_speed(folder)
        iq_rows += ["", *image_quality_errors(folder)]
    (HERE / "flood.svg").write_text(bars("flood uniformity, reading included / ms", flood_plot), encoding="utf-8")
    (HERE / "image_quality.svg").write_text(bars("PET image quality, the whole command / s", iq_plot), encoding="utf-8")
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    page = (HERE / "README.md").read_text("utf-8")
    measured = [
        BEGIN,
        "",
        f"One run on {machine}; medians.",
        "",
        "## Flood uniformity",
        "",
        *flood_rows,
        "",
        "![time of flood uniformity](flood.svg)",
    ]
    measured += ["", "## PET image quality", "", *iq_rows, "", "![time of image quality](image_quality.svg)", "", END]
    (HERE / "README.md").write_text(page.split(BEGIN)[0] + "\n".join(measured) + page.split(END)[1], encoding="utf-8")
    print("\n".join(measured))


if __name__ == "__main__":
    main()
