"""Estimators of an EQA round, ours and pt13528's on the same numbers in one run. `pip install pt13528==0.1.8` beside Photopeak first.

Without the peer only our own figures are printed. Medians of repeated runs, milliseconds.
"""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from photopeak.immunoassay import robust_statistics as robust
from photopeak.immunoassay.pairwise_spread import q_method, qn


def milliseconds(run: Callable[[], object], times: int = 5) -> float:
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        spent.append(1000 * (time.perf_counter() - begin))
    return statistics.median(spent)


def everything(values: Any) -> None:
    columns = robust.columns_of(values)
    robust.algorithm_a(columns)
    spread = q_method(columns)
    qn(columns)
    robust.hampel(columns, spread)
    for share in (0.25, 0.5, 0.75):
        robust.quantile(columns, share)


def main() -> None:
    rng = np.random.default_rng(1)
    small, large = rng.normal(10, 1, (18, 40)), rng.normal(10, 1, (5000, 30))
    one = robust.columns_of(large[:, 0])
    print(f"ours, 18 x 20 x 2, algorithm A: {milliseconds(lambda: robust.algorithm_a(robust.columns_of(small))):.1f} ms")
    print(f"ours, 5 000 x 30, algorithm A, Q, Qn, Hampel, quantiles: {milliseconds(lambda: everything(large), 3):.0f} ms")
    print(f"ours, Q method at 5 000: {milliseconds(lambda: q_method(one)):.1f} ms")
    try:
        peer: Any = importlib.import_module("pt13528")
    except ModuleNotFoundError:
        print("pt13528 is not installed here")
        return
    names = [name for name in dir(peer) if "algorithm_a" in name.lower() or name.lower() in ("alg_a", "q_method")]
    print("pt13528:", ", ".join(names))
    for name in names:
        run = getattr(peer, name)
        try:
            took = milliseconds(lambda run=run: [run(list(column)) for column in small.T], 3)  # type: ignore[misc]
            print(f"pt13528, {name}, 18 x 40: {took:.1f} ms")
        except Exception as error:  # a peer may stop in any way; that is a figure too
            print(f"pt13528, {name}: stops ({type(error).__name__})")


if __name__ == "__main__":
    main()
