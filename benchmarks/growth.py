"""How the time of a fit grows with the log: `python -m benchmarks.growth [ALGORITHM ...]`.

On generated logs: shoppers grow as the log does (20 interactions each), products as its square root (50,000
at a million). Every fit has a process of its own; sequence models learn for one epoch. The exponent is the
slope of a line through the logarithms of both, over all sizes.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.accuracy import ALGORITHMS
from benchmarks.fit import measure

MILLION = 1_000_000
SIZES = (0.25, 0.5, 1.0, 2.0, 4.0)
INTERACTIONS_OF_A_SHOPPER = 20
ITEMS_AT_A_MILLION = 50_000
LIMIT = 1.1

Times = dict[float, float]
"""Processor seconds of a fit by millions of interactions."""


def main() -> None:
    arguments = _arguments()
    print(f"{'':12}" + "".join(f"{size:9g} M" for size in arguments.sizes) + "   exponent")
    times: dict[str, Times] = {}
    for algorithm in arguments.algorithms:
        times[algorithm] = fits(algorithm, arguments.sizes, timeout=60.0 * arguments.minutes)
        print(_line(algorithm, times[algorithm], arguments.sizes), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(times, indent=1))
    if arguments.plot:
        plot(times, arguments.plot)


def fits(algorithm: str, sizes: Sequence[float], *, timeout: float) -> Times:
    """The time of a fit at each size, up to the first that takes too long or is refused."""
    times: Times = {}
    for size in sizes:
        try:
            figures = measure(
                algorithm,
                timeout=timeout,
                interactions=round(size * MILLION),
                items=round(ITEMS_AT_A_MILLION * math.sqrt(size)),
                shoppers=round(size * MILLION / INTERACTIONS_OF_A_SHOPPER),
            )
        except subprocess.TimeoutExpired:
            break
        if "refused" in figures:
            break
        times[size] = figures["processor_seconds"]
    return times


def exponent(times: Times) -> float:
    """By which power of the size the time grows; NaN from fewer than two sizes."""
    if len(times) < 2:
        return math.nan
    slope, _ = np.polyfit(np.log(list(times)), np.log(list(times.values())), deg=1)
    return float(slope)


def _line(algorithm: str, times: Times, sizes: Sequence[float]) -> str:
    shown = "".join(f"{times[size]:9.2f} s" if size in times else f"{'-':>11}" for size in sizes)
    slope = exponent(times)
    return f"{algorithm:12}{shown}{slope:11.2f}{'' if slope <= LIMIT else f'  above {LIMIT}'}"


def plot(times: dict[str, Times], path: Path) -> None:
    """Draw time over size, both in logarithms."""
    from matplotlib.figure import Figure

    axes = (figure := Figure(figsize=(7, 5), layout="constrained")).subplots()
    for algorithm, seconds in times.items():
        axes.loglog(
            list(seconds), list(seconds.values()), marker="o", label=f"{algorithm} {exponent(seconds):.2f}"
        )
    axes.set_xlabel("million interactions")
    axes.set_ylabel("processor seconds of a fit")
    axes.legend(title="exponent")
    figure.savefig(path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("algorithms", nargs="*", metavar="ALGORITHM", default=sorted(ALGORITHMS))
    parser.add_argument("--sizes", type=float, nargs="+", default=SIZES, help="million interactions")
    parser.add_argument("--minutes", type=float, default=10.0, help="after which a fit is given up")
    parser.add_argument("--json", type=Path, help="file for the times")
    parser.add_argument("--plot", type=Path, help="PNG or SVG of the times; needs the [plots] extra")
    return parser.parse_args()


if __name__ == "__main__":
    main()
