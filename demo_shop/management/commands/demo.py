"""`manage.py demo`: the whole shop with database, worker, clock and web server, until Ctrl-C."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from demo_shop import postgres
from demo_shop.catalogue import STYLES
from demo_shop.models import Product
from demo_shop.seed import ADMIN
from demo_shop.services import CannotRun, free_port, running, start_celery, start_web_server
from demo_shop.supervisor import Supervisor
from demo_shop.training import end_interrupted, train_through_worker, untrained
from shop_recs.exceptions import TrainingFailed
from shop_recs.models import ItemScore
from shop_recs.registry import names_to_train

WORTH_OPENING = """
  Shop    {url}/
  Admin   {url}/admin/  (name {admin}, password {admin})

  Worth opening:
  1. {url}/login/
     Be "Nordic" or "Art Deco" by one click: the front page is theirs at once.
  2. {url}{product}
     Look at three things of one style: "recommended for you" follows at the very next page.
  3. {url}/admin/shop_recs/modelversion/
     The trained models beside mere popularity; retrain, publish, roll back.
  The same lists as JSON: {url}/recs/v1/recommendations/

  Ctrl-C stops everything; the next start takes seconds.
"""


class Command(BaseCommand):
    """Makes what is missing (tables, products, models), then serves."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="or the next free one; 0 is any")
        parser.add_argument("--styles", type=int, default=len(STYLES), help="180 products each")
        parser.add_argument("--shoppers", type=int, default=3_200, help="about 60 interactions each")

    def handle(self, *args: Any, **options: Any) -> None:
        self.began = time.monotonic()
        try:
            with running() as supervisor, self.ctrl_c():
                self.run(supervisor, **options)
        except (CannotRun, TrainingFailed) as error:
            raise CommandError(str(error)) from error

    def run(self, supervisor: Supervisor, *, port: int, styles: int, shoppers: int, **_: Any) -> None:
        """Go through the steps, then wait for Ctrl-C or for a child that fails."""
        self.say("Preparing the database")
        postgres.create_database()
        call_command("migrate", verbosity=0)
        if not Product.objects.exists():
            self.say("Seeding the shop")
            call_command("seed", styles=styles, shoppers=shoppers, stdout=self.stdout)
        if not ItemScore.objects.exists():
            self.say("Counting what is popular, trending and bought together")
            call_command("recs_roll_up", stdout=StringIO())
        end_interrupted()
        start_celery(supervisor)
        if missing := untrained(names_to_train()):
            self.say("Training " + ", ".join(sorted(missing)) + " in the worker")
            train_through_worker(missing, report=self.say, alive=supervisor.check)
        chosen = free_port(port)
        if port and chosen != port:
            self.say(f"Port {port} is taken, so this is {chosen}")
        url = start_web_server(supervisor, chosen)
        self.say("Ready")
        product = Product.objects.available().order_by("pk")[0].get_absolute_url()
        self.stdout.write(WORTH_OPENING.format(url=url, admin=ADMIN, product=product))
        while True:
            supervisor.check()
            time.sleep(1)

    @contextmanager
    def ctrl_c(self) -> Iterator[None]:
        """Ctrl-C is no error; stopping takes some seconds, which one should know."""
        try:
            yield
        except KeyboardInterrupt:
            self.stdout.write("\nStopping")

    def say(self, line: str) -> None:
        """Print a line with the seconds since the start."""
        self.stdout.write(f"{time.monotonic() - self.began:6.1f} s  {line}")
        self.stdout.flush()
