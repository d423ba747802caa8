"""ChameleonIQ: its command on a NIfTI volume, with sphere centres, slice and background given (it finds none by itself)."""

import subprocess
import sys
import tempfile
from pathlib import Path

from measure import measured

COMMAND = Path(sys.executable).parent / "chameleoniq_quant"
volume, config, *spacing = sys.argv[1:]


def analyse():
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "results.txt"
        command = [str(COMMAND), volume, "--config", config, "--output", str(output), "--spacing", *spacing]
        environment = {"MPLBACKEND": "Agg", "QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
        texts = {p.name: p.read_text(errors="replace") for p in Path(folder).rglob("*") if p.suffix in (".txt", ".csv")}
        return {"status": done.returncode, "error": done.stderr[-2000:] if done.returncode else "", **texts}


measured(analyse, runs=3)
