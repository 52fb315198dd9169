"""One fit on a generated log in a process of its own: `measure` says how long it took and how much memory."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django.utils.module_loading import import_string

from benchmarks.accuracy import ALGORITHMS
from shop_recs.algorithms.base import NotEnoughData, Recommender, TrainingData
from shop_recs.algorithms.splits import split_by_time
from shop_recs.bench.log import shop_log
from shop_recs.training.evaluation import evaluate

KIB_OF_A_GIB = 2**20


def measure(algorithm: str, *, timeout: float | None = None, **log: int | bool) -> dict[str, Any]:
    """The figures of `main` for one algorithm, from a fresh process on as many cores as this one may use.

    Args:
        algorithm: its name in the settings.
        timeout: seconds after which the process is given up.
        log: options of the command by name.

    Returns:
        `seconds` of the work without making the log, `processor_seconds`, which tells more on a busy machine,
        and `peak_gib` of the process; or `refused` with the reason.

    Raises:
        TimeoutExpired: it took too long.
        CalledProcessError: it failed.
    """
    options = [
        f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}") for name, value in log.items()
    ]
    command = [sys.executable, "-m", "benchmarks.fit", algorithm, *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=timeout)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("algorithm", choices=sorted(ALGORITHMS))
    parser.add_argument("--interactions", type=int, required=True)
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--shoppers", type=int, required=True)
    parser.add_argument(
        "--whole", action="store_true", help="judge the fit and fit once more, as a training does"
    )
    arguments = parser.parse_args()
    data = shop_log(arguments.interactions, items=arguments.items, shoppers=arguments.shoppers)
    algorithm = shortened(ALGORITHMS[arguments.algorithm])
    started, used = time.perf_counter(), time.process_time()
    try:
        if arguments.whole:
            train(algorithm, data)
        else:
            algorithm.fit(data)
    except (NotEnoughData, ValueError) as error:
        print(json.dumps({"refused": str(error)}))
    else:
        figures = {
            "seconds": time.perf_counter() - started,
            "processor_seconds": time.process_time() - used,
            "peak_gib": peak_gib(),
        }
        print(json.dumps(figures))


def train(algorithm: Recommender, data: TrainingData) -> None:
    """What a training does between reading the log and storing what was learned."""
    split = split_by_time(data)
    fitted = algorithm.fit(split.train)
    evaluate(fitted, split)
    algorithm.fit(data, resume=fitted)


def shortened(backend: str) -> Recommender:
    """The algorithm with its default options, but for a single epoch where it has any."""
    algorithm = import_string(backend)
    fitted: Recommender = algorithm(**({"max_epochs": 1} if hasattr(algorithm, "max_epochs") else {}))
    return fitted


def peak_gib() -> float:
    """The most memory that this process ever had resident."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
    return int(line.split()[1]) / KIB_OF_A_GIB


if __name__ == "__main__":
    main()
