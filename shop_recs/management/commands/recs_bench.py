"""Measure the app on this machine, beside a floor of the same run."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.core.management.base import BaseCommand, CommandError
from django.test import override_settings

from shop_recs.exceptions import ShopRecsError
from shop_recs.training.plot import require_plottable

if TYPE_CHECKING:
    from shop_recs.bench.figures import Run
    from shop_recs.bench.shop import Shop

SUBJECTS = ("serving", "ingest", "publish")
MOST_DIMENSIONS = 2_000
"""More cannot be indexed by pgvector."""


class Command(BaseCommand):
    """Measure serving, ingest or publishing."""

    help = (
        "Measure serving, ingest or publishing on this machine, each beside the least that could be done "
        "instead. With --items, of an invented shop in a database of its own, which is dropped at the end. "
        "Without, serving is measured on the shop's own data, and nothing is written."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("subject", choices=SUBJECTS)
        parser.add_argument(
            "--items",
            type=int,
            nargs="+",
            default=[],
            metavar="N",
            help="invent a shop of so many products; or several",
        )
        parser.add_argument("--dimensions", type=int, default=64, help="of the vectors of an invented shop")
        parser.add_argument("--history", type=int, default=50, help="events of the visitors who ask")
        parser.add_argument("--requests", type=int, default=1_000, help="to each page; batches of events")
        parser.add_argument("--seconds", type=float, default=10.0, help="that throughput is measured")
        parser.add_argument(
            "--training", action="store_true", help="serving: also while a model trains; needs --items"
        )
        parser.add_argument(
            "--keep", metavar="DATABASE", help="keep the invented shop under this name, and use it again"
        )
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
        parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the figures, .svg or .png")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._measure(options)
        except (ShopRecsError, ValueError, ImportError) as error:
            raise CommandError(str(error)) from error

    def _measure(self, options: Mapping[str, Any]) -> None:
        from shop_recs.bench import figures, plot

        _require_sound(options)
        if options["plot"]:
            require_plottable(options["plot"])
        runs = [self._run(items, options) for items in options["items"] or [None]]
        if options["json"]:
            self.stdout.write(
                json.dumps([{"subject": options["subject"], **asdict(run)} for run in runs], indent=2)
            )
        else:
            self.stdout.write(figures.table(runs))
        if options["plot"]:
            plot.save(runs, options["plot"])

    def _run(self, items: int | None, options: Mapping[str, Any]) -> Run:
        """The figures of one catalogue: invented in a database of its own, or the shop's."""
        from shop_recs.bench.database import own_database
        from shop_recs.bench.shop import invent, invented_shop, own_shop

        history = options["history"]
        if items is None:
            return self._figures(own_shop(history), options)
        keep = options["keep"] and f"{options['keep']}_{items}"
        with own_database(keep=keep) as is_empty:
            if is_empty:
                invent(items, dimensions=options["dimensions"], history=history, enter=self._enter)
            return self._figures(invented_shop(items, history=history), options)

    def _figures(self, shop: Shop, options: Mapping[str, Any]) -> Run:
        from shop_recs.bench import ingest, publish, serving
        from shop_recs.bench.figures import Run, machine

        with override_settings(SHOP_RECS=django_settings.SHOP_RECS | shop.settings):
            if options["subject"] == "serving":
                rows = serving.measure(
                    shop,
                    requests=options["requests"],
                    seconds=options["seconds"],
                    training=options["training"],
                    enter=self._enter,
                )
            elif options["subject"] == "ingest":
                rows = ingest.measure(shop, batches=options["requests"], enter=self._enter)
            else:
                rows = publish.measure(shop, dimensions=options["dimensions"], enter=self._enter)
            return Run(len(shop.products), shop.history, machine(), list(rows))

    def _enter(self, phase: str) -> None:
        self.stderr.write(f"{phase} …", style_func=str)


def _require_sound(options: Mapping[str, Any]) -> None:
    """Refuse what cannot be measured before minutes go into it."""
    if not options["items"] and (options["subject"] != "serving" or options["training"] or options["keep"]):
        raise ValueError(
            "Only serving without --training is measured on the shop's own data, since all else writes: "
            "write --items 100000, for example, to measure it in an invented shop."
        )
    least = {"items": 100, "dimensions": 2, "history": 1, "requests": 10, "seconds": 1}
    for name, least_value in least.items():
        given = options[name] if name == "items" else [options[name]]
        if any(value < least_value for value in given):
            raise ValueError(f"--{name} is {given[-1]}; it must be {least_value} or more.")
    if options["dimensions"] > MOST_DIMENSIONS:
        raise ValueError(
            f"--dimensions is {options['dimensions']}; pgvector indexes {MOST_DIMENSIONS} at most."
        )
