"""Time and memory of one analysis in its own process: called by each peer's script, prints one JSON line."""

import json
import resource
import sys
import time


def resident_mb() -> float:
    """Peak resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(analyse, runs: int = 7) -> None:
    """Run `analyse()` several times; print the median time, the growth of peak memory since the imports, and its values."""
    before = resident_mb()
    begun = time.perf_counter()
    values = analyse()
    seconds = [time.perf_counter() - begun]
    growth = resident_mb() - before
    for _ in range(runs - 1):
        begun = time.perf_counter()
        analyse()
        seconds.append(time.perf_counter() - begun)
    seconds.sort()
    document = {
        "first_s": seconds[-1] if runs == 1 else None,
        "median_s": seconds[len(seconds) // 2],
        "growth_mb": growth,
        "peak_mb": resident_mb(),
        "values": values,
    }
    sys.stdout.write(json.dumps(document) + "\n")
