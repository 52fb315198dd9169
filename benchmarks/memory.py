"""How much memory a training takes at most: `python -m benchmarks.memory [ALGORITHM ...]`.

Each in a process of its own: fit on all but the last part of the log, judge, fit on everything. Sequence
models learn for one epoch; more take no more memory.
"""

from __future__ import annotations

import argparse

from benchmarks.accuracy import ALGORITHMS
from benchmarks.fit import measure

LIMIT_GIB = 4.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("algorithms", nargs="*", metavar="ALGORITHM", default=sorted(ALGORITHMS))
    parser.add_argument("--interactions", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--shoppers", type=int, default=50_000)
    arguments = vars(parser.parse_args())
    for algorithm in arguments.pop("algorithms"):
        figures = measure(algorithm, whole=True, **arguments)
        print(f"{algorithm:12}{_told(figures)}", flush=True)


def _told(figures: dict[str, float | str]) -> str:
    if "refused" in figures:
        return f"refuses: {figures['refused']}"
    judged = "" if float(figures["peak_gib"]) <= LIMIT_GIB else f", above {LIMIT_GIB:g} GiB"
    return f"{figures['peak_gib']:6.2f} GiB at most, {figures['seconds']:6.1f} s{judged}"


if __name__ == "__main__":
    main()
