"""`manage.py seed`: fill the empty shop."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from demo_shop.catalogue import STYLES
from demo_shop.models import Product
from demo_shop.seed import seed


class Command(BaseCommand):
    """Catalogue, pictures, shoppers with planted tastes, orders and their log."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--styles", type=int, default=len(STYLES), help="180 products each")
        parser.add_argument("--shoppers", type=int, default=3_200, help="about 60 interactions each")

    def handle(self, *args: Any, **options: Any) -> None:
        if Product.objects.exists():
            raise CommandError("The shop is not empty; `make clean` removes the demo's database.")
        today = timezone.now().replace(minute=0, second=0, microsecond=0)
        seed(until=today, styles=options["styles"], shoppers=options["shoppers"])
        self.stdout.write(f"{Product.objects.count()} products, {options['shoppers']} shoppers")
