"""How well an algorithm foretells what shoppers choose next, on real logs.

Run from the project's root, `SHOP_RECS_DATA` naming the folder of logs (default `../shared/data`):

    python -m benchmarks.accuracy als --data tmall --seeds 3

Options are tuned on `--validation`, a split of what the test may learn from.
"""

from __future__ import annotations

import argparse
import json
import time
from importlib import import_module
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.logs import PROTOCOLS
from shop_recs.algorithms.base import Recommender
from shop_recs.algorithms.splits import Split
from shop_recs.conf import Defaults
from shop_recs.training.evaluation import evaluate

ALGORITHMS = {name: entry["BACKEND"] for name, entry in Defaults.ALGORITHMS.items() if entry}


def main() -> None:
    arguments = _arguments()
    protocol = PROTOCOLS[arguments.data]
    split = (protocol.validation if arguments.validation else protocol.test)(protocol.read())
    module, _, name = ALGORITHMS[arguments.algorithm].rpartition(".")
    algorithm: Recommender = getattr(import_module(module), name)(**arguments.options)
    runs = []
    for seed in range(arguments.seeds):
        runs.append(run(algorithm, split, seed=seed, baselines=seed == 0))
        print(json.dumps(runs[-1]) if arguments.json else _line(f"seed {seed}", runs[-1]), flush=True)
    if not arguments.json:
        _summary(runs)


def run(algorithm: Recommender, split: Split, *, seed: int, baselines: bool) -> dict[str, Any]:
    """Fit on the split and judge; the figures of `evaluate` and the seconds of the fit."""
    started = time.perf_counter()
    fitted = algorithm.fit(split.train, seed=seed)
    seconds = time.perf_counter() - started
    # As in the training process; threads only slow down what is solved for one visitor at a time.
    with threadpool_limits(1, user_api="blas"):
        figures = evaluate(fitted, split, baselines=baselines)
    return {"seed": seed, "fit_seconds": round(seconds, 2), "info": dict(fitted.info), **figures}


def _summary(runs: list[dict[str, Any]]) -> None:
    """The mean over the seeds, with the standard deviation of NDCG, and the baselines."""
    for part in ("all", "discovery"):
        if part in runs[0]:
            values = [figures[part]["ndcg@10"] for figures in runs]
            print(f"{part}: NDCG@10 {np.mean(values):.4f} ± {np.std(values):.4f}")
    for name, figures in runs[0]["baselines"].items():
        print(_line(name, figures))


def _line(name: str, figures: dict[str, Any]) -> str:
    parts = [f"fit {figures['fit_seconds']:.1f} s"] if "fit_seconds" in figures else []
    for part in ("all", "discovery"):
        if part in figures:
            shown = figures[part]
            parts.append(
                f"{part}: NDCG@10 {shown['ndcg@10']:.4f} HR@10 {shown['hit_rate@10']:.4f} "
                f"MRR@20 {shown['mrr@20']:.4f} coverage {shown['coverage@10']:.2f} ({shown['cases']} cases)"
            )
    return f"{name:8} {'; '.join(parts)}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("algorithm", choices=sorted(ALGORITHMS))
    parser.add_argument("--data", choices=sorted(PROTOCOLS), required=True)
    parser.add_argument("--seeds", type=int, default=1, help="fit with the seeds 0, 1, ... below this")
    parser.add_argument("--options", type=json.loads, default={}, help="options of the algorithm as JSON")
    parser.add_argument("--validation", action="store_true", help="judge on the validation split")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each seed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
