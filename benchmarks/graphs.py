"""What a graph costs to build and to search: `python -m benchmarks.graphs [--items 100000]`.

Works in a database of its own on this machine, on vectors that ALS learned from an invented log. Seconds and
milliseconds are those that the database computes, however busy the machine is.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.db import transaction  # noqa: E402

from shop_recs.algorithms.als import ALS  # noqa: E402
from shop_recs.algorithms.base import Floats  # noqa: E402
from shop_recs.bench.database import own_database, processor_seconds  # noqa: E402
from shop_recs.bench.shop import invented_log  # noqa: E402
from shop_recs.models import ItemVector  # noqa: E402
from shop_recs.training import graph, partitions, recall  # noqa: E402
from shop_recs.training.contents import vector_rows  # noqa: E402

GRAPHS = ((False, 16, 64), (True, 16, 64), (True, 12, 64), (True, 12, 100), (True, 24, 100))
"""Whether in the order of insertion instead of that of keys; `m`; `ef_construction`."""

OPERATORS = {"vector_ip_ops": "personal", "vector_cosine_ops": "similar"}
WIDTHS = (40, 64, 100, 160, 250, 400)
VERSION = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    log = invented_log(options.items)
    fitted = ALS(factors=options.dimensions).fit(log)
    vectors, personal = fitted.item_vectors, recall.queries_of(fitted, log)
    similar = vectors[np.random.default_rng(0).permutation(len(vectors))[: recall.QUERIES]]
    with own_database():
        for ordered, m, candidates in GRAPHS * options.rounds:
            partitions.CONNECTIONS = m
            for (operator, use), queries in zip(OPERATORS.items(), (personal, similar), strict=True):
                partitions.CANDIDATES[operator] = candidates
                print(
                    f"{use:9}{'ordered' if ordered else 'by key':9}m {m:<4}ef_construction {candidates:<5}",
                    *built_and_searched(vectors, queries, operator=operator, ordered=ordered),
                    flush=True,
                )


def built_and_searched(vectors: Floats, queries: Floats, *, operator: str, ordered: bool) -> Iterator[str]:
    """Seconds of a build, then by width of the search the share that it finds, and milliseconds."""
    order = graph.insertion_order(vectors) if ordered else np.arange(len(vectors))
    with transaction.atomic():
        partitions.create(ItemVector, VERSION)
        partitions.load(ItemVector, VERSION, vector_rows((order + 1).tolist(), vectors[order]))
        before = processor_seconds()
        partitions.index(VERSION, dimensions=vectors.shape[1], operators=[operator])
        yield f"{processor_seconds() - before:6.1f} s "
        by_angle = operator == "vector_cosine_ops"
        before = processor_seconds()
        for width, share in recall.by_width(VERSION, vectors, queries, by_angle=by_angle, widths=WIDTHS):
            taken = (processor_seconds() - before) / len(queries) * 1_000
            yield f" {width}: {share:.3f} {taken:.2f} ms"
            if share > recall.ENOUGH:
                break
            before = processor_seconds()
        transaction.set_rollback(True)


if __name__ == "__main__":
    main()
