"""What tuning on a log's validation split would gain over the defaults, which are to hold on all logs.

Run from the project's root, `SHOP_RECS_DATA` naming the folder of logs (default `../shared/data`):

    python -m benchmarks.tune als --data tmall --minutes 20

The trials are kept in a file and the search goes on from them. `--test` judges the defaults and the best
options once on the test split, with an interval for the difference.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from benchmarks.accuracy import ALGORITHMS
from benchmarks.logs import PROTOCOLS
from shop_recs.algorithms.base import Recommender
from shop_recs.training.search import Scorer, Search, Trial, gain, open_study


def main() -> None:
    arguments = _arguments()
    module, _, name = ALGORITHMS[arguments.algorithm].rpartition(".")
    backend: type[Recommender] = getattr(import_module(module), name)

    def make(options: Mapping[str, Any]) -> Recommender:
        return backend(**options)

    protocol = PROTOCOLS[arguments.data]
    data = protocol.read()
    journal = Path(f"tune-{arguments.algorithm}-{arguments.data}-{arguments.part}.log")
    with threadpool_limits(1, user_api="blas"):
        search = Search(
            Scorer(make, protocol.validation(data), part=arguments.part, seed=0),
            backend.space,
            as_they_are={name: option.default for name, option in signature(backend).parameters.items()},
            study=open_study(journal, seed=0),
        )
        _show(search.baseline)
        search.run(minutes=arguments.minutes, trials=arguments.trials, report=_show)
        _compare(search)
        if arguments.test:
            scorer = Scorer(make, protocol.test(data), part=arguments.part, seed=0)
            found = gain(scorer, search.best.options)
            low, high = found.interval
            print(
                f"test: NDCG@10 {found.before:.4f} with the defaults, {found.after:.4f} tuned, "
                f"difference {low:+.4f} to {high:+.4f}, {found.before / found.after:.1%} of the tuned figure"
            )


def _compare(search: Search) -> None:
    """How near the defaults come to the best that was found."""
    before, after = search.baseline.value or 0.0, search.best.value or 0.0
    print(f"best of {len(search.trials)}: {dict(search.best.options) or 'the defaults'}")
    print(
        f"validation: NDCG@10 {before:.4f} with the defaults, {after:.4f} tuned, "
        f"{before / after:.1%} of the tuned figure"
    )


def _show(trial: Trial) -> None:
    value = f"given up: {trial.why}" if trial.value is None else f"{trial.value:.4f}"
    print(f"{trial.number:>4} {value} {trial.seconds:6.1f} s {dict(trial.options) or 'defaults'}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("algorithm", choices=sorted(ALGORITHMS))
    parser.add_argument("--data", choices=sorted(PROTOCOLS), required=True)
    parser.add_argument("--minutes", type=float, required=True, help="0 only compares what was found")
    parser.add_argument("--trials", type=int, help="stop after so many trials, too")
    parser.add_argument("--part", choices=["discovery", "all"], default="discovery")
    parser.add_argument("--test", action="store_true", help="judge on the test split, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
