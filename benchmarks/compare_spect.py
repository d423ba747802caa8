"""COR, Jaszczak spheres, SPECT point resolution and four lines through pylinac and through Photopeak, in one run, against truth.

Run it with `benchmarks/run spect`. The tables and the plot go into benchmarks/SPECT.md. pylinac takes about 25 s and 8 GB for the
360 views of one head.
"""

from __future__ import annotations

import platform
import sys
import tempfile
from pathlib import Path

import numpy as np
from bar_plot import bars
from compare import BEGIN, END, HERE, Figures, ask, shown

from photopeak.phantom.as_dicom import write_planar, write_volume
from photopeak.phantom.jaszczak import Jaszczak, jaszczak, sphere_ratio
from photopeak.phantom.lines import lines_files
from photopeak.phantom.spect_projections import Head, PointSource, point_source_projections, turn
from photopeak.phantom.spect_sources import BlurredSource, reconstructed_sources

Row = tuple[str, Figures | None, Figures | None]
PAGE = HERE / "SPECT.md"


def both(procedure: str, theirs: str, path: Path, *, runs: int = 3) -> tuple[Figures | None, Figures | None]:
    return ask("photopeak", "photopeak_nm.py", procedure, path, 3), ask("pylinac", "pylinac_nm.py", theirs, path, runs)


def ours_of(figures: Figures | None, name: str, form: str = ".2f") -> str:
    return "stops" if figures is None else format(figures["values"][name], form)


def theirs_of(figures: Figures | None, name: str, form: str = ".2f") -> str:
    if figures is None:
        return "stops"
    value = figures["values"][name]
    return format(value, form) if abs(value) < 1e4 else format(value, ".1e")


def rotations(folder: Path) -> tuple[list[str], list[Row]]:
    """Offsets built in, and the time of 60 to 360 views of 128 x 128."""
    lines = ["| views, fault | truth / mm | ours, offset / mm | pylinac, x deviation / mm |", "|---|--:|--:|--:|"]
    timed: list[Row] = []
    one = (PointSource(x_mm=80.0, counts=20_000.0),)
    cases = [
        (60, [Head(angles_deg=turn(60), offset_mm=mm)], background, f"offset, background {background:g}", mm)
        for mm, background in ((0.0, 0.0), (3.0, 0.0), (10.0, 0.0), (0.0, 1.0), (3.0, 5.0))
    ]
    pair = [Head(detector=n, rotation=n, angles_deg=turn(60, start_deg=180.0 * n)) for n in (1, 2)]
    crossed = [Head(detector=n, rotation=n, angles_deg=turn(32, arc_deg=180.0, start_deg=90.0 * n)) for n in (1, 2)]
    cases += [(120, pair, 0.0, "two perfect heads", 0.0), (64, crossed, 0.0, "two perfect heads, L mode", 0.0)]
    cases += [(views, [Head(angles_deg=turn(views), offset_mm=3.0)], 0.2, "timed", 3.0) for views in (120, 360)]
    for number, (views, heads, background, fault, truth) in enumerate(cases):
        images = point_source_projections(one, heads, background=background, seed=number)
        path = folder / f"cor{number}.dcm"
        write_planar(path, images.counts, pixel_mm=(4.795, 4.795), frames=images.frames, image_type="TOMO", seed=number)
        ours, theirs = both("spect.centre_of_rotation", "CenterOfRotation", path, runs=1 if views == 360 else 3)
        found = ours_of(ours, "cor_offset[detector=1]", "+.3f")
        lines.append(f"| {views}, {fault} | {truth:g} | {found} | {theirs_of(theirs, 'x_deviation_mm')} |")
        if fault == "timed":
            timed.append((f"COR, {views} x 128 x 128", ours, theirs))
    return lines, timed


def spheres(folder: Path) -> tuple[list[str], list[Row]]:
    """Sphere means over the background, at three rotations; 128 x 128 x 128."""
    lines = [
        "| rotation | program | " + " | ".join(f"{mm:g} mm" for mm in Jaszczak().spheres_mm) + " |",
        "|---|---|" + "--:|" * 6,
    ]
    timed: list[Row] = []
    for rotation in (-10.0, 20.0, 30.0):  # pylinac expects the largest sphere at -10 degrees
        phantom = Jaszczak(rotation_deg=rotation, mirrored=True)
        volume = jaszczak(phantom, shape=(128, 128, 128), spacing_mm=(2.4, 2.4, 2.4), fwhm_mm=10.0)
        noise = 30 * np.random.default_rng(1).normal(size=volume.values.shape)
        (path,) = write_volume(
            folder / f"jaszczak{rotation:g}", np.maximum(volume.values + noise, 0), spacing_mm=volume.spacing_mm, modality="NM"
        )
        ours, theirs = both("spect.tomographic_contrast", "TomographicContrast", path)
        sizes = phantom.spheres_mm
        rows = {
            "truth": [f"{sphere_ratio(phantom, volume, n):.3f}" for n in range(6)],
            "Photopeak": [ours_of(ours, f"sphere_to_background[sphere_mm={mm},statistic=mean]", ".3f") for mm in sizes],
            "pylinac": [theirs_of(theirs, f"ratio {n}", ".3f") for n in range(1, 7)],
        }
        lines += [f"| {rotation:g}° | {who} | " + " | ".join(cells) + " |" for who, cells in rows.items()]
        if rotation == 20.0:
            timed.append(("Jaszczak, 128 x 128 x 128", ours, theirs))
    return lines, timed


def points(folder: Path) -> tuple[list[str], list[Row]]:
    """FWHM of a reconstructed point, centred and not, with and without background; 128 x 128 x 128."""
    lines = ["| point at / mm | background | truth x, y, z / mm | ours / mm | pylinac / mm |", "|---|--:|---|---|---|"]
    timed: list[Row] = []
    for number, (place, background) in enumerate(
        (((0, 0, 0), 0.0), ((0, 0, 0), 100.0), ((30, -20, 10), 0.0), ((40, 40, 30), 20.0))
    ):
        x, y, z = place
        source = BlurredSource(x_mm=x, y_mm=y, z_mm=z, fwhm_mm=(8.0, 9.0, 10.0))
        volume = reconstructed_sources([source], shape=(128, 128, 128), background=background, seed=number)
        (path,) = write_volume(folder / f"point{number}", volume.values, spacing_mm=volume.spacing_mm, modality="NM")
        ours, theirs = both("spect.tomographic_resolution", "TomographicResolution", path)
        found = ", ".join(ours_of(ours, f"fwhm[axis={axis},method=gaussian,source=1]") for axis in "xyz")
        read = ", ".join(theirs_of(theirs, f"{axis}_fwhm") for axis in "xyz")
        lines.append(f"| {place} | {background:g} | 8, 9, 10 | {found} | {read} |")
        timed = timed or [("point, 128 x 128 x 128", ours, theirs)]
    return lines, timed


def four_lines(folder: Path) -> tuple[list[str], list[Row]]:
    """FWHM and pixel size of four lines 100 mm apart, at four pixel sizes."""
    lines = [
        "| pixel / mm | truth / mm | ours, FWHM x / mm | ours, pixel / mm | pylinac, FWHM x / mm | pylinac, pixel / mm |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    timed: list[Row] = []
    for pixel in (0.55, 1.1, 2.2, 4.4):
        place = folder / f"lines{pixel:g}"
        written = lines_files(place, fwhm_mm=7.5, matrix=round(560 / pixel), pixel_mm=pixel, noise=False)
        path = next(one for one in written if one.suffix == ".dcm")
        ours, theirs = both("gamma_camera.spatial_resolution", "FourBarResolution", path)
        values = [
            ours_of(ours, "fwhm[axis=x,detector=1,method=gaussian]"),
            ours_of(ours, "pixel_size_measured[axis=x,detector=1]", ".3f"),
            theirs_of(theirs, "x_fwhm"),
            theirs_of(theirs, "x_measured_pixel_size", ".3f"),
        ]
        lines.append(f"| {pixel:g} | 7.5 | " + " | ".join(values) + " |")
        if pixel == 1.1:
            timed.append(("four lines, 509 x 509", ours, theirs))
    return lines, timed


def main() -> None:
    parts: dict[str, list[str]] = {}
    timed: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        for title, part in (
            ("Centre of rotation", rotations),
            ("Jaszczak spheres, mean over background", spheres),
            ("SPECT point resolution", points),
            ("Four lines", four_lines),
        ):
            print(title, "...", file=sys.stderr)
            parts[title], more = part(Path(scratch))
            timed += more
    table = ["| image | ours / s | pylinac / s | ours, growth / MB | pylinac, growth / MB |", "|---|--:|--:|--:|--:|"]
    for name, ours, theirs in timed:
        cells = [shown(one, key, form) for key, form in (("median_s", ".3f"), ("growth_mb", ".0f")) for one in (ours, theirs)]
        table.append(f"| {name} | " + " | ".join(cells) + " |")
    plot = {
        name: {who: one["median_s"] for who, one in (("Photopeak", ours), ("pylinac", theirs)) if one}
        for name, ours, theirs in timed
    }
    (HERE / "spect.svg").write_text(bars("gamma camera and SPECT, reading included / s", plot), encoding="utf-8")
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    measured = [BEGIN, "", f"One run on {machine}; medians.", "", *table, "", "![times](spect.svg)", ""]
    for title, lines in parts.items():
        measured += [f"## {title}", "", *lines, ""]
    page = PAGE.read_text("utf-8")
    PAGE.write_text(page.split(BEGIN)[0] + "\n".join([*measured, END]) + page.split(END)[1], encoding="utf-8")
    print("\n".join(measured))


if __name__ == "__main__":
    main()
