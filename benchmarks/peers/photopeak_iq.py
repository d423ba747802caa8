"""Photopeak: the whole command on a folder, `--json -`, no report."""

import json
import subprocess
import sys

from measure import measured


def analyse():
    command = [sys.executable, "-m", "photopeak.cli", "check", *sys.argv[1:], "--json", "-"]
    document = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return [
        {"quantity": m["quantity"], "value": m["value"], **m["where"]}
        for result in document["results"]
        for m in result.get("measurements", [])
        if m["quantity"] in ("sphere_concentration", "contrast_ratio", "percent_contrast", "background_concentration")
    ]


measured(analyse, runs=3)
