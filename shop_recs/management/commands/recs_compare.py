"""Compare algorithms on the shop's own log, without publishing anything."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop_recs.algorithms.base import NotEnoughData, Recommender, TrainingData
from shop_recs.conf import settings
from shop_recs.exceptions import ShopRecsError
from shop_recs.registry import algorithm_names, recommender
from shop_recs.training import dataset, plot, report
from shop_recs.training.compare import BUILT_IN, Comparison, compare
from shop_recs.training.evaluation import Split, leave_one_out, split_by_time

SPLITS = ("time", "leave-one-out")


class Command(BaseCommand):
    """Compare algorithms offline."""

    help = (
        "Fit algorithms on the same part of the log and judge them by what came after it: all metrics, the "
        "difference of each to the best with its interval of 95 % by paired bootstrap over the visitors, and "
        "groups of visitors. Nothing is stored or published."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        known = ", ".join([*algorithm_names(), *BUILT_IN])
        parser.add_argument("algorithm", nargs="+", help=f"two or more of: {known}")
        parser.add_argument(
            "--split",
            choices=SPLITS,
            default="time",
            help="what to foretell: the last part of the log (HOLDOUT), or every visitor's last choice",
        )
        parser.add_argument(
            "--blend",
            action="store_true",
            help="also blend them all, by weights chosen on an earlier part of the log: fits each once more",
        )
        parser.add_argument("--seeds", type=int, default=1, help="fits of each, of which means are shown")
        parser.add_argument("--output", type=Path, metavar="FILE", help="draw a plot, .svg or .png")
        parser.add_argument("--json", action="store_true", help="print JSON instead of tables")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            comparison = self._compared(options)
        except (ShopRecsError, NotEnoughData, ValueError, ImportError) as error:
            raise CommandError(str(error)) from error
        # Printed first: whatever becomes of the plot, minutes of fitting are not lost.
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(comparison), indent=2))
        else:
            self.stdout.write(report.tables(comparison))
        if options["output"]:
            try:
                plot.save(comparison, options["output"])
            except OSError as error:
                raise CommandError(f"The plot cannot be written: {error}") from error

    def _compared(self, options: Mapping[str, Any]) -> Comparison:
        if options["seeds"] < 1:
            raise ValueError(f"--seeds is {options['seeds']}; write the number of fits, 1 or more.")
        if options["output"]:
            plot.require_plottable(options["output"])
        algorithms = {name: _algorithm(name) for name in options["algorithm"]}
        split = _split(options["split"], dataset.read().data)
        return compare(
            algorithms,
            split,
            seeds=options["seeds"],
            blend=options["blend"],
            validation=_split(options["split"], split.train) if options["blend"] else None,
            watch=self.stderr.write,
        )


def _algorithm(name: str) -> Recommender:
    return BUILT_IN[name]() if name in BUILT_IN else recommender(name)


def _split(name: str, data: TrainingData) -> Split:
    if name == "time":
        return split_by_time(data, fraction=settings.HOLDOUT, seed=settings.SEED)
    return leave_one_out(data, seed=settings.SEED)
