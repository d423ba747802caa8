"""Time and memory of one analysis in its own process: called by each program's script, prints one JSON line."""

import json
import resource
import sys
import time
from pathlib import Path


def peak_mb(who=resource.RUSAGE_SELF) -> float:
    """Peak resident memory so far, of this process or of its largest child, in MB."""
    status = Path("/proc/self/status")
    if who == resource.RUSAGE_SELF and status.is_file():  # getrusage hands the peak of the parent on to its child
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(who).ru_maxrss / 1024


def measured(analyse, runs: int = 7) -> None:
    """Run `analyse()` several times; print the median time, how far peak memory grew over that of the imports, and its values."""
    before = peak_mb()
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        values = analyse()
        seconds.append(time.perf_counter() - begun)
    document = {
        "median_s": sorted(seconds)[runs // 2],
        "growth_mb": peak_mb() - before,
        "children_mb": peak_mb(resource.RUSAGE_CHILDREN),
        "values": values,
    }
    sys.stdout.write(json.dumps(document) + "\n")
