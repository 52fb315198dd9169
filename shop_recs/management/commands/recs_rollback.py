"""Serve the version before the one served now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop_recs.exceptions import NothingToPublish, UnknownAlgorithm
from shop_recs.models import ActiveModel
from shop_recs.training.publish import rollback


class Command(BaseCommand):
    """Roll an algorithm back."""

    help = "Serve the newest version of an algorithm that is older than the one served now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("algorithm")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = rollback(options["algorithm"])
        except UnknownAlgorithm as error:
            raise CommandError(str(error)) from error
        except NothingToPublish as error:
            published = ", ".join(ActiveModel.objects.values_list("algorithm", flat=True)) or "nothing"
            raise CommandError(f"{error} Published is: {published}.") from error
        self.stdout.write(self.style.SUCCESS(f"Rolled back to {version}."))
