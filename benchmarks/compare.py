"""Compares algorithms, and a blend of them, on real logs: tables, a plot, and the NDCG of every case.

Run from the project's root, `SHOP_RECS_DATA` naming the folder of logs (default `../shared/data`):

    python -m benchmarks.compare als item_knn history sasrec --data tmall --blend --output tmall.svg

The weights of the blend are chosen on the validation split of the protocol; with `--validation`, where that
is what is judged, for each half of its cases by the other half.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.accuracy import ALGORITHMS
from benchmarks.logs import PROTOCOLS
from shop_recs.algorithms.base import Recommender
from shop_recs.training import plot, report
from shop_recs.training.compare import BUILT_IN, Comparison, compare


def main() -> None:
    arguments = _arguments()
    if arguments.output:
        plot.require_plottable(arguments.output)
    protocol = PROTOCOLS[arguments.data]
    data = protocol.read()
    algorithms = {name: _algorithm(name) for name in arguments.algorithm}
    # As in the training process; threads only slow down what is solved for one visitor at a time.
    with threadpool_limits(1, user_api="blas"):
        comparison = compare(
            algorithms,
            protocol.validation(data) if arguments.validation else protocol.test(data),
            seeds=arguments.seeds,
            blend=arguments.blend,
            validation=None if arguments.validation else protocol.validation(data),
            watch=lambda line: print(line, file=sys.stderr, flush=True),
        )
    print(json.dumps(report.as_json(comparison), indent=2) if arguments.json else report.tables(comparison))
    if arguments.output:
        plot.save(comparison, arguments.output)
    if arguments.cases:
        save_cases(comparison, arguments.cases)


def save_cases(comparison: Comparison, path: Path) -> None:
    """Write the NDCG at 10 of every case, an array `part/algorithm` each, to compare with other runs."""
    arrays = {
        f"{part}/{entry.name}": entry.by_case[part]
        for part in comparison.parts()
        for entry in comparison.entries
    }
    np.savez_compressed(path, **arrays)


def _algorithm(name: str) -> Recommender:
    if name in BUILT_IN:
        return BUILT_IN[name]()
    module, _, attribute = ALGORITHMS[name].rpartition(".")
    algorithm: Recommender = getattr(import_module(module), attribute)()
    return algorithm


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("algorithm", nargs="+", choices=sorted([*ALGORITHMS, *BUILT_IN]))
    parser.add_argument("--data", choices=sorted(PROTOCOLS), required=True)
    parser.add_argument("--blend", action="store_true", help="also judge a blend of all of them")
    parser.add_argument("--seeds", type=int, default=1, help="fit with the seeds 0, 1, ... below this")
    parser.add_argument("--validation", action="store_true", help="judge on the validation split")
    parser.add_argument("--output", type=Path, help="a plot, .svg or .png")
    parser.add_argument("--cases", type=Path, help="the NDCG of every case, .npz")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    return parser.parse_args()


if __name__ == "__main__":
    main()
