"""pynemaiqpet: its command on a folder of DICOM slices; A50, mean and maximum from the table it writes."""

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import measured

COMMAND = Path(sys.executable).parent / "pynemaiqpet_wb_nema_iq"


def analyse():
    with tempfile.TemporaryDirectory() as folder:
        command = [str(COMMAND), sys.argv[1], "--dcm_pattern", "*.dcm", "--output_dir", folder]
        subprocess.run(command, check=True, capture_output=True, env={"MPLBACKEND": "Agg", "PATH": "/usr/bin:/bin"})
        tables = sorted(Path(folder).rglob("*.csv"))
        return {table.name: list(csv.reader(table.open())) for table in tables}


measured(analyse, runs=3)
