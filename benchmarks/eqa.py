"""The arithmetic of an EQA round, ours and pt13528's on the same numbers in one run; the table goes into benchmarks/README.md.

python benchmarks/eqa.py PYTHON, where PYTHON is that of an environment with `pip install pt13528==0.1.8` (`benchmarks/run eqa` makes
both). Each program runs in a process of its own, and what each estimator found is compared. Where the peer would take minutes it is
given fewer columns or laboratories, and the table says so. Medians of repeated runs; times of a process, not of the wall, so that
other work on the machine counts less.
"""

from __future__ import annotations

import importlib
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PAGE = Path(__file__).resolve().parent / "README.md"
BEGIN, END = "<!-- eqa measured: begin -->", "<!-- eqa measured: end -->"
TASKS = {
    "round": "18 x 20 x 2, algorithm A",
    "round_scored": "18 x 20 x 2, algorithm A, uncertainty, z or z'",
    "q_500": "Q method, 500 laboratories",
    "q_5000": "Q method, 5,000 laboratories",
    "qn_5000": "Qn, 5,000 laboratories",
    "hampel_5000": "Hampel's mean, 5,000 laboratories",
    "national": "5,000 x 30: algorithm A, Q, Qn, Hampel, quantiles",
}


def numbers() -> dict[str, Any]:
    """The same draws in both processes."""
    rng = np.random.default_rng(1)
    return {"small": rng.normal(10, 1, (18, 40)), "large": rng.normal(10, 1, (5000, 30))}


def milliseconds(run: Callable[[], object], times: int) -> tuple[float, object]:
    spent, found = [], None
    for _ in range(times):
        begin = time.process_time()
        found = run()
        spent.append(1000 * (time.process_time() - begin))
    return statistics.median(spent), found


def of_ours() -> dict[str, tuple[float, Any]]:
    from photopeak.immunoassay import robust_statistics as robust
    from photopeak.immunoassay.consensus import score_kind
    from photopeak.immunoassay.pairwise_spread import q_method, qn

    def scored(values: Any) -> Any:
        found = robust.algorithm_a(robust.columns_of(values))
        for n in range(values.shape[1]):
            u, s = float(found.u_location[n]), float(found.spread[n])
            kind = score_kind(len(values), u, s)
            yield (values[:, n] - found.location[n]) / (s if kind == "z" else math.hypot(s, u))

    def everything(values: Any) -> None:
        columns = robust.columns_of(values)
        robust.algorithm_a(columns)
        spread = q_method(columns)
        qn(columns)
        robust.hampel(columns, spread)
        for share in (0.25, 0.5, 0.75):
            robust.quantile(columns, share)

    data = numbers()
    small, large = data["small"], data["large"]
    one, some = robust.columns_of(large[:, 0]), robust.columns_of(large[:500, 0])
    return {
        "round": milliseconds(lambda: robust.algorithm_a(robust.columns_of(small)).location.tolist(), 9),
        "round_scored": milliseconds(lambda: [scores.tolist() for scores in scored(small)], 9),
        "q_500": milliseconds(lambda: float(q_method(some)[0]), 9),
        "q_5000": milliseconds(lambda: float(q_method(one)[0]), 9),
        "qn_5000": milliseconds(lambda: float(qn(one)[0]), 9),
        "hampel_5000": milliseconds(lambda: float(robust.hampel(one, np.array([1.0]))[0]), 5),
        "national": milliseconds(lambda: everything(large), 3),
    }


def of_peer() -> dict[str, tuple[float, Any]]:
    peer: Any = importlib.import_module("pt13528")
    robust: Any = importlib.import_module("pt13528.robust")
    data = numbers()
    small = [list(column) for column in data["small"].T]
    one = list(data["large"][:, 0])

    def field(found: Any) -> float:
        return float(next(getattr(found, name) for name in ("mean", "x", "location", "x_star") if hasattr(found, name)))

    return {
        "round": milliseconds(lambda: [field(robust.algorithm_a(column)) for column in small], 5),
        "round_scored": milliseconds(lambda: [peer.round_record(column) for column in small] and None, 5),
        "q_500": milliseconds(lambda: float(robust.q_method(one[:500])), 1),
        "qn_5000": milliseconds(lambda: float(robust.qn(one)), 1),
        "hampel_5000": milliseconds(lambda: float(robust.hampel(one, 1.0)), 1),
    }


def asked(python: str, whose: str) -> dict[str, tuple[float, Any]]:
    done = subprocess.run([python, str(Path(__file__).resolve()), whose], capture_output=True, text=True, timeout=900)
    if done.returncode:
        print(f"{whose} stopped: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return {}
    return {name: (took, found) for name, (took, found) in json.loads(done.stdout).items()}


def main() -> None:
    if sys.argv[1:] in (["ours"], ["peer"]):
        sys.stdout.write(json.dumps(of_ours() if sys.argv[1] == "ours" else of_peer()))
        return
    ours, peer = asked(sys.executable, "ours"), asked(sys.argv[1], "peer") if len(sys.argv) > 1 else {}
    rows = ["| task | ours / ms | pt13528 / ms | largest difference |", "|---|--:|--:|--:|"]
    for task, said in TASKS.items():
        theirs = f"{peer[task][0]:.0f}" if task in peer else "not run"
        apart = ""
        if task in peer and peer[task][1] is not None:
            apart = f"{np.max(np.abs(np.subtract(ours[task][1], peer[task][1]))):.0e}"
        rows.append(f"| {said} | {ours[task][0]:.1f} | {theirs} | {apart} |")
    page = PAGE.read_text("utf-8")
    if BEGIN in page:
        PAGE.write_text(page.split(BEGIN)[0] + "\n".join([BEGIN, "", *rows, "", END]) + page.split(END)[1], encoding="utf-8")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
