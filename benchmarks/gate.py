"""How often the gate refuses a good version, and how often a bad one, on a real log that grows day by day.

Run from the project's root, `SHOP_RECS_DATA` naming the folder of logs (default `../shared/data`):

    DATABASE_URL=postgres:///none DJANGO_SETTINGS_MODULE=demo_shop.settings \
        python -m benchmarks.gate als --data online-retail --days 30

Every day the algorithm is trained on the log so far and judged beside the fit of the day before; no database
is asked. The bad version is the same with a share of the item vectors exchanged at random.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from importlib import import_module
from typing import cast

import django
import numpy as np

django.setup()

from threadpoolctl import threadpool_limits  # noqa: E402

from benchmarks.accuracy import ALGORITHMS  # noqa: E402
from benchmarks.logs import PROTOCOLS  # noqa: E402
from shop_recs.algorithms.base import SECONDS_PER_DAY, Fitted, FittedVectors, Recommender  # noqa: E402
from shop_recs.algorithms.splits import Split, split_by_time  # noqa: E402
from shop_recs.models import ModelVersion  # noqa: E402
from shop_recs.training.gate import Gate  # noqa: E402

SHARES = (0.0, 0.1, 0.3)
"""Of the item vectors that are exchanged; without any, the version is good."""


def main() -> None:
    arguments = _arguments()
    module, _, name = ALGORITHMS[arguments.algorithm].rpartition(".")
    algorithm: Recommender = getattr(import_module(module), name)()
    data = PROTOCOLS[arguments.data].read()
    refused = dict.fromkeys(SHARES, 0)
    earlier: tuple[Fitted, int] | None = None
    for day in range(arguments.days, -1, -1):
        until = data.now - day * SECONDS_PER_DAY
        log = data.select(data.times <= until, now=until)
        split = split_by_time(log, fraction=0.1)
        with threadpool_limits(1, user_api="blas"):
            fitted = algorithm.fit(split.train)
            if earlier:
                for share in SHARES:
                    reasons = _refuse(_spoilt(fitted, share), split, *earlier)
                    refused[share] += bool(reasons)
                    if reasons and not share:
                        print(f"day -{day}: {reasons}", flush=True)
        earlier = fitted, len(log)
    for share, count in refused.items():
        print(f"{share:4.0%} of the vectors exchanged: refused on {count} of {arguments.days} days")


def _refuse(fitted: Fitted, split: Split, earlier: Fitted, interactions: int) -> str:
    """Why the gate refuses a fit beside the one of the day before."""
    gate = Gate(ModelVersion(pk=1, algorithm="yesterday", interaction_count=interactions))
    gate.look_at_log(split.train)
    gate.compare(fitted, split, earlier)
    return gate.refusal


def _spoilt(fitted: Fitted, share: float) -> Fitted:
    """The same model with a share of its items' vectors exchanged for each other's."""
    vectors = cast(FittedVectors, fitted)
    rng = np.random.default_rng(0)
    places = np.flatnonzero(vectors.known)
    chosen = rng.choice(places, round(share * len(places)), replace=False)
    exchanged = vectors.item_vectors.copy()
    exchanged[chosen] = exchanged[rng.permutation(chosen)]
    return replace(vectors, item_vectors=exchanged)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("algorithm", choices=sorted(ALGORITHMS))
    parser.add_argument("--data", choices=sorted(PROTOCOLS), required=True)
    parser.add_argument("--days", type=int, default=30)
    return parser.parse_args()


if __name__ == "__main__":
    main()
