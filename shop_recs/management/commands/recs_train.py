"""Train and publish algorithms, here and now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop_recs.exceptions import Refused, ShopRecsError
from shop_recs.models import ModelVersion
from shop_recs.registry import algorithm_names, names_to_train
from shop_recs.training.runner import train

BAR_WIDTH = 30
EXIT_REFUSED = 3
"""What the command exits with where all that went wrong is that the gate refused a version."""


class Command(BaseCommand):
    """Train and publish algorithms."""

    help = "Train algorithms and publish what they learned; the same as the Celery task, but in front of you."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("algorithm", nargs="*", help=f"one or more of: {', '.join(algorithm_names())}")
        parser.add_argument("--all", action="store_true", help="every algorithm that is served (LADDER)")
        parser.add_argument(
            "--full", action="store_true", help="start afresh instead of from what the active version learned"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"] and options["algorithm"]:
            raise CommandError(f"Say --all or name {', '.join(options['algorithm'])}, not both.")
        names = names_to_train() if options["all"] else options["algorithm"]
        if not names:
            raise CommandError(f"Say what to train: --all, or one or more of {', '.join(algorithm_names())}.")
        failures = [failure for name in names if (failure := self._train(name, full=options["full"]))]
        if failures:
            refused = all(isinstance(failure, Refused) for failure in failures)
            raise CommandError("\n".join(map(str, failures)), returncode=EXIT_REFUSED if refused else 1)

    def _train(self, algorithm: str, *, full: bool) -> ShopRecsError | None:
        """Train one algorithm; returns why it could not be, or nothing."""
        self._phase = ""
        try:
            version = train(algorithm, full=full, on_progress=self._show)
        except ShopRecsError as error:
            return error
        finally:
            self._clear()
        self.stdout.write(self.style.SUCCESS(f"Published {version}: {_summary(version)}"))
        return None

    def _show(self, version: ModelVersion) -> None:
        """A bar on a terminal; elsewhere a line for every phase."""
        if self.stdout.isatty():
            self.stdout.write(f"\r\x1b[K{_bar(version)}", ending="")
            self.stdout.flush()
        elif (phase := version.phase.partition(":")[0]) not in ("", self._phase):
            self._phase = phase
            self.stdout.write(f"{version.algorithm}: {phase}")

    def _clear(self) -> None:
        if self.stdout.isatty():
            self.stdout.write("\r\x1b[K", ending="")


def _bar(version: ModelVersion) -> str:
    done = round(BAR_WIDTH * version.percent / 100)
    bar = "█" * done + "·" * (BAR_WIDTH - done)
    left = "" if version.eta_seconds is None else f", {version.eta_seconds:.0f} s left"
    return f"{version.algorithm} {bar} {version.percent:3.0f} % {version.phase}{left}"


def _summary(version: ModelVersion) -> str:
    ndcg = version.metrics.get("model", {}).get("all", {}).get("ndcg@10")
    quality = "not evaluated, too little data" if ndcg is None else f"NDCG@10 {ndcg:.4f}"
    return f"{version.item_count} products from {version.interaction_count} interactions, {quality}"
