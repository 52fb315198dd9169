"""How much better the next purchase is foretold from all kinds of interaction than from purchases alone.

Run from the project's root: `python -m benchmarks.kinds sasrec --data tmall`. The choices are those of the
validation split; what counts as new to a shopper is decided by everything that they did, in both cases. Apart
are shown those who had bought before: of the others purchases alone know nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks.accuracy import ALGORITHMS
from benchmarks.logs import PROTOCOLS, PURCHASE
from shop_recs.algorithms.base import Recommender
from shop_recs.algorithms.splits import Split
from shop_recs.training.evaluation import Judge, Judged


def main() -> None:
    arguments = _arguments()
    protocol = PROTOCOLS[arguments.data]
    split = protocol.validation(protocol.read())
    module, _, name = ALGORITHMS[arguments.algorithm].rpartition(".")
    algorithm: Recommender = getattr(import_module(module), name)(**arguments.options)
    judge = Judge(split, ks=(10,))
    bought = np.isin(split.users, split.log.users[split.log.kinds == PURCHASE])
    for what, seen in (("all kinds", split), ("purchases alone", purchases_of(split))):
        fitted = algorithm.fit(seen.train, seed=0)
        with threadpool_limits(1, user_api="blas"):
            print(f"{what:16} {_line(judge.judge(seen.scores(fitted)), bought)}", flush=True)


def purchases_of(split: Split) -> Split:
    """The same cases, of which a model sees what they bought before and nothing else."""
    train, log = (data.select(data.kinds == PURCHASE, now=data.now) for data in (split.train, split.log))
    return replace(split, train=train, log=log)


def _line(judged: Mapping[str, Judged], bought: npt.NDArray[np.bool_]) -> str:
    parts = []
    for part in ("all", "discovery"):
        values, among = judged[part].by_case["ndcg@10"], bought[judged[part].cases]
        parts.append(
            f"{part} NDCG@10 {values.mean():.4f} ({len(values)} shoppers), of those who had bought before "
            f"{values[among].mean():.4f} ({among.sum()})"
        )
    return "; ".join(parts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("algorithm", choices=sorted(ALGORITHMS))
    parser.add_argument("--data", choices=sorted(PROTOCOLS), required=True)
    parser.add_argument("--options", type=json.loads, default={}, help="options of the algorithm as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
