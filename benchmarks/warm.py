"""What a daily training that starts from yesterday's costs and keeps, beside one that starts afresh.

Yesterday's log is today's without its last day. Each training fits on all but the last tenth of a log, and
from there on all of it; the warm one starts from the first of yesterday's fits. They are judged on the
validation split, whose choices come after today. Seconds are those of the processor.

Run from the project's root, `SHOP_RECS_DATA` naming the folder of logs (default `../shared/data`):

    python -m benchmarks.warm als sasrec --data tmall
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from django.utils.module_loading import import_string
from threadpoolctl import threadpool_limits

from benchmarks.accuracy import ALGORITHMS
from benchmarks.logs import PROTOCOLS
from shop_recs.algorithms.base import SECONDS_PER_DAY, Fitted, FittedVectors, Recommender, TrainingData
from shop_recs.algorithms.splits import split_by_time
from shop_recs.training.evaluation import evaluate

SIMILAR = 10
ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Training:
    """What a training learned: the fit that is judged, the one that is served, and seconds of processor."""

    judged: Fitted
    served: FittedVectors
    seconds: float


def main() -> None:
    arguments = _arguments()
    protocol = PROTOCOLS[arguments.data]
    split = protocol.validation(protocol.read())
    today = split.train
    yesterday = today.select(today.times < today.now - SECONDS_PER_DAY, now=today.now - SECONDS_PER_DAY)
    print(f"{arguments.data}: {len(yesterday)} interactions, a day later {len(today)}")
    for name in arguments.algorithm:
        algorithm = import_string(ALGORITHMS[name])(**arguments.options)
        before = train(algorithm, yesterday)
        for how, start in (("full", None), ("warm", before.judged)):
            after = train(algorithm, today, start=start)
            with threadpool_limits(1, user_api="blas"):
                figures = evaluate(after.served, split, baselines=False)
            shown = " ".join(f"{part} {figures[part]['ndcg@10']:.4f}" for part in ("all", "discovery"))
            print(
                f"{name} {how}: {after.seconds:.1f} s, NDCG@10 {shown}, of yesterday's similar items kept "
                f"{overlap(before.served, after.served):.1%}",
                flush=True,
            )


def train(algorithm: Recommender, data: TrainingData, *, start: Fitted | None = None) -> Training:
    """Fit as a training does."""
    started = time.process_time()
    judged = algorithm.fit(split_by_time(data).train, resume=start)
    served = algorithm.fit(data, resume=judged)
    assert isinstance(served, FittedVectors)
    return Training(judged, served, time.process_time() - started)


def overlap(before: FittedVectors, after: FittedVectors) -> float:
    """Mean share of the items similar to one that are similar to it still."""
    items = np.flatnonzero(before.known & after.known)
    kept = [
        len(np.intersect1d(*pair))
        for rows in np.array_split(items, -(-len(items) // ROWS_AT_ONCE))
        for pair in zip(_similar(before, rows), _similar(after, rows), strict=True)
    ]
    return float(np.mean(kept)) / SIMILAR


def _similar(fitted: FittedVectors, items: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """`(m, SIMILAR)` the known items nearest by angle to each of `items`."""
    lengths = np.linalg.norm(fitted.item_vectors, axis=1, keepdims=True)
    unit = fitted.item_vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    cosines = unit[items] @ unit.T
    cosines[:, ~fitted.known] = -np.inf
    cosines[np.arange(len(items)), items] = -np.inf
    return np.argpartition(-cosines, SIMILAR, axis=1)[:, :SIMILAR]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("algorithm", nargs="+", choices=sorted(ALGORITHMS))
    parser.add_argument("--data", choices=sorted(PROTOCOLS), default="tmall")
    parser.add_argument("--options", type=json.loads, default={}, help="options of the algorithms as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
