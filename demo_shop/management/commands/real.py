"""`manage.py real retail|tmall`: a real log through the whole shop, from the file to lists over HTTP."""

from __future__ import annotations

import os
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from demo_shop import logs, postgres, real, showing
from demo_shop.services import CannotRun, free_port, running, start_celery, start_web_server
from demo_shop.supervisor import Supervisor
from demo_shop.training import train_through_worker
from shop_recs.exceptions import TrainingFailed
from shop_recs.models import ActiveModel
from shop_recs.registry import names_to_train

SHOPPERS = 3


class Command(BaseCommand):
    """Imports into an empty database of its own, trains through the worker, publishes, shows."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("log", choices=["retail", "tmall"])
        parser.add_argument("--lines", type=int, help="only the latest so many lines of the log")
        parser.add_argument("--port", type=int, default=8100, help="or the next free one; 0 is any")
        parser.add_argument("--stay", action="store_true", help="go on serving until Ctrl-C")

    def handle(self, *args: Any, **options: Any) -> None:
        if not os.environ.get("DEMO_DATABASE"):
            raise CommandError(
                "This empties its database, so name one by DEMO_DATABASE; `make real` does all of it."
            )
        if not logs.data_folder().is_dir():
            raise CommandError(f"No logs in {logs.data_folder()}; SHOP_RECS_DATA says where they are.")
        self.began = time.monotonic()
        try:
            with running() as supervisor:
                self.run(supervisor, **options)
        except (CannotRun, TrainingFailed) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("\nStopped")

    def run(
        self, supervisor: Supervisor, *, log: str, lines: int | None, port: int, stay: bool, **_: Any
    ) -> None:
        """Go through the steps."""
        postgres.create_database(anew=True)
        call_command("migrate", verbosity=0)
        self.say(f"Importing {log}")
        (self.import_retail if log == "retail" else self.import_tmall)(lines)
        start_celery(supervisor)
        self.say("Training in the worker")
        train_through_worker(names_to_train(), report=self.say, alive=supervisor.check)
        self.show_metrics()
        url = start_web_server(supervisor, free_port(port))
        (showing.customers if log == "retail" else showing.visitors)(url, SHOPPERS, self.stdout.write)
        self.stdout.write(f"\n  Shop    {url}/\n")
        while stay:
            supervisor.check()
            time.sleep(1)

    def import_retail(self, lines: int | None) -> None:
        """Titles, prices and baskets into the shop's tables, then the log by the app's own command."""
        import pyarrow.parquet as pq

        source = logs.data_folder() / "online-retail" / "online_retail.parquet"
        cleaned = logs.read_online_retail(source, lines=lines)
        real.import_retail(cleaned)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "retail.parquet")
            pq.write_table(cleaned, file)
            roles = {"visitor": "customer", "product": "sku"}
            roles |= {role: role for role in ("time", "quantity", "price", "order")}
            self.import_log(file, roles, kind="purchase", product_field="slug", user_field="username")

    def import_tmall(self, lines: int | None) -> None:
        """Products known by their keys alone, then the log by the app's own command."""
        import pyarrow.parquet as pq

        events = pq.read_table(logs.data_folder() / "tmall" / "events.parquet").sort_by("ts")
        events = events.slice(max(len(events) - lines, 0)) if lines else events
        real.import_bare_products(events["item_id"].unique().to_pylist())
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "tmall.parquet")
            pq.write_table(events, file)
            self.import_log(file, {"visitor": "user_id", "product": "item_id", "kind": "event", "time": "ts"})

    def import_log(self, file: Path, roles: dict[str, str], **options: str) -> None:
        """Run `recs_import`."""
        columns = [f"{role}={column}" for role, column in roles.items()]
        call_command("recs_import", file, map=columns, stdout=self.stdout, **options)

    def show_metrics(self) -> None:
        """How well the models foretell the last part of the log, beside the shoppers' own history."""
        self.stdout.write(f"\n{'NDCG@10':<10}{'all':>8}{'discovery':>11}")
        rows = {
            active.algorithm: active.version.metrics["model"]
            for active in ActiveModel.objects.select_related("version")
        }
        rows["history"] = ActiveModel.objects.select_related("version")[0].version.metrics["history"]
        for name, figures in rows.items():
            found = [figures[targets]["ndcg@10"] for targets in ("all", "discovery")]
            self.stdout.write(f"{name:<10}{found[0]:>8.4f}{found[1]:>11.4f}")

    def say(self, line: str) -> None:
        """Print a line with the seconds since the start."""
        self.stdout.write(f"{time.monotonic() - self.began:6.1f} s  {line}")
        self.stdout.flush()
