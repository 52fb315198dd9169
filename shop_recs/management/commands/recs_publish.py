"""Serve a version that was trained before."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop_recs.exceptions import NothingToPublish, Refused
from shop_recs.models import ModelVersion
from shop_recs.training.publish import publish


class Command(BaseCommand):
    """Publish a model version."""

    help = "Serve a model version from now on, and no other of its algorithm; recs_status lists them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", type=int, help="number of the version")
        parser.add_argument(
            "--override",
            default="",
            metavar="NOTE",
            help="serve it although the gate refused it; the note says why and is kept on the version",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        version = ModelVersion.objects.filter(pk=options["version"]).first()
        if version is None:
            ready = ", ".join(map(str, ModelVersion.objects.ready())) or "none; train one with recs_train"
            raise CommandError(f"There is no version {options['version']}. Ready to publish are: {ready}.")
        try:
            publish(version, override=options["override"], by=_who())
        except (NothingToPublish, Refused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS(f"Published {version}."))


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "recs_publish"
