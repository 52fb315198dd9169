"""Judge algorithms on the shop's own log, without publishing anything."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop_recs.algorithms.base import NotEnoughData, TrainingData
from shop_recs.conf import settings
from shop_recs.exceptions import ShopRecsError
from shop_recs.registry import algorithm_names, recommender
from shop_recs.training import dataset, report
from shop_recs.training.evaluation import Split, leave_one_out, split_by_time

METRICS = ("ndcg", "recall", "hit_rate", "mrr", "coverage")
PARTS = {"all": "all targets", "discovery": "discovery: products new to the visitor"}


class Command(BaseCommand):
    """Evaluate algorithms offline."""

    help = (
        "Fit algorithms on a part of the log and rank all products for what came after it, beside popularity "
        "and the visitor's own history. Nothing is stored or published."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--algorithm",
            action="append",
            metavar="NAME",
            help=f"repeatable; of {', '.join(algorithm_names())}; default: those that are served (LADDER)",
        )
        parser.add_argument(
            "--split",
            choices=["time", "leave-one-out"],
            default="time",
            help="what to foretell: the last part of the log (HOLDOUT), or every visitor's last choice",
        )
        parser.add_argument("--k", type=int, default=10, help="length of the lists")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["k"] < 1:
            raise CommandError(f"--k is {options['k']}; write the length of the lists, 10 say.")
        try:
            results = self._results(options)
        except (ShopRecsError, NotEnoughData, ValueError) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(results, indent=2))
        else:
            self.stdout.write(_tables(results, k=options["k"]))

    def _results(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """`{"split", "popular", "history", "algorithms": {name: {"all", "discovery", "fit_seconds"}}}`."""
        algorithms = {name: recommender(name) for name in options["algorithm"] or settings.LADDER}
        split = _split(options["split"], dataset.read().data)
        results: dict[str, Any] = {"algorithms": {}}
        for name, algorithm in algorithms.items():
            self.stderr.write(f"fitting {name} on {len(split.train):,} interactions …")
            started = time.perf_counter()
            fitted = algorithm.fit(split.train, seed=settings.SEED)
            seconds = round(time.perf_counter() - started, 2)
            figures = report.figures(fitted, split, ks=[options["k"]])
            results["algorithms"][name] = {**figures.pop("model"), "fit_seconds": seconds}
            results |= figures
        return results


def _split(name: str, data: TrainingData) -> Split:
    if name == "time":
        return split_by_time(data, fraction=settings.HOLDOUT, seed=settings.SEED)
    return leave_one_out(data, seed=settings.SEED)


def _tables(results: Mapping[str, Any], *, k: int) -> str:
    """A table for all targets and one for discovery, where there are such targets."""
    split = results["split"]
    lines = [f"{split['cases']:,} visitors judged, {split['interactions']:,} interactions learnt from"]
    rows = {**results["algorithms"], "(popular)": results["popular"], "(own history)": results["history"]}
    for part, title in PARTS.items():
        judged = {name: figures[part] for name, figures in rows.items() if part in figures}
        if judged:
            lines += ["", title, _row("", [f"{metric}@{k}" for metric in METRICS])]
            lines += [
                _row(name, [_decimal(figures, metric, k) for metric in METRICS])
                for name, figures in judged.items()
            ]
    return "\n".join(lines)


def _decimal(figures: Mapping[str, float], metric: str, k: int) -> str:
    return f"{figures[f'{metric}@{k}']:.4f}"


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<16}" + "".join(f"{cell:>13}" for cell in cells)
