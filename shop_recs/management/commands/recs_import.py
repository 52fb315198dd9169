"""Import a log of interactions from a file."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from shop_recs.exceptions import ShopRecsError

if TYPE_CHECKING:
    from shop_recs.tracking.importing.run import Summary

EXAMPLE = """example:
  manage.py recs_import log.parquet --map visitor=user_id --map product=item_id --map time=ts \\
    --map kind=event --value cart=addtocart --time-unit ms --errors-to bad.csv"""
BAR_WIDTH = 30


class Command(BaseCommand):
    """Import interactions from CSV, JSON lines or Parquet."""

    help = (
        "Import interactions from a CSV, JSONL or Parquet file. Running it again stores nothing twice; "
        "an interrupted import goes on where it stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.epilog = EXAMPLE
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="ROLE=COLUMN",
            help="which column is the visitor, product, time, kind, quantity, price, order, line; repeatable",
        )
        parser.add_argument("--kind", help="kind of all rows: view, favourite, cart or purchase")
        parser.add_argument(
            "--value",
            action="append",
            default=[],
            metavar="KIND=WORD",
            help="the file's own word for a kind; repeatable",
        )
        parser.add_argument(
            "--product-field", default="pk", help="product field that the file's product holds"
        )
        parser.add_argument(
            "--user-field", help="user field that the file's visitor holds, where it is a user"
        )
        parser.add_argument(
            "--time-unit",
            choices=["s", "ms", "iso"],
            help="default: s for a column of numbers, else iso, as for all of CSV",
        )
        parser.add_argument("--errors-to", type=Path, help="CSV file for the rows that are left out")
        parser.add_argument("--batch", type=int, default=100_000, help="rows of a transaction")
        parser.add_argument("--restart", action="store_true", help="begin anew after an interruption")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            from shop_recs.tracking.importing import plan, run
        except ImportError as error:
            raise CommandError(f'{error}. Importing needs the extra: pip install "shop_recs[io]".') from error
        started = time.monotonic()
        try:
            summary = run.run(
                plan.make_plan(
                    options["file"],
                    columns=_pairs(options["map"], "--map", "ROLE=COLUMN"),
                    kind=options["kind"],
                    words=_pairs(options["value"], "--value", "KIND=WORD"),
                    product_field=options["product_field"],
                    user_field=options["user_field"],
                    time_unit=options["time_unit"],
                ),
                batch=options["batch"],
                restart=options["restart"],
                errors_to=options["errors_to"],
                on_progress=self._show_progress if self.stderr.isatty() else None,
            )
        except ShopRecsError as error:
            raise CommandError(str(error)) from error
        self._report(summary, time.monotonic() - started)

    def _show_progress(self, done: float, summary: Summary) -> None:
        bar = "█" * round(done * BAR_WIDTH)
        end = "\n" if done >= 1 else ""
        self.stderr.write(
            f"\r{bar:░<{BAR_WIDTH}} {done:4.0%}  {summary.rows:,} rows", ending=end, style_func=str
        )

    def _report(self, summary: Summary, seconds: float) -> None:
        if summary.resumed_at:
            self.stdout.write(f"Went on behind row {summary.resumed_at:,}.")
        read = summary.rows - summary.resumed_at
        self.stdout.write(
            f"{summary.rows:,} rows: {summary.stored:,} stored, {summary.duplicates:,} there already, "
            f"{summary.refused:,} refused, {summary.unknown:,} of unknown products. "
            f"{seconds:.1f} s, {read / seconds:,.0f} rows/s."
        )
        if summary.unknown_products:
            examples = ", ".join(
                f"{name} ({count:,})" for name, count in summary.unknown_products.most_common(5)
            )
            self.stdout.write(f"{len(summary.unknown_products):,} unknown products, most often {examples}.")


def _pairs(given: list[str], option: str, form: str) -> dict[str, str]:
    pairs = dict(item.partition("=")[::2] for item in given)
    if any(not name or not value for name, value in pairs.items()):
        raise CommandError(f"{option} {' '.join(given)}: write {option} {form}.")
    return pairs
