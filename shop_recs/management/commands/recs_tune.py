"""Search options of an algorithm that suit the shop's own log."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop_recs.algorithms.base import NotEnoughData
from shop_recs.conf import Defaults, settings
from shop_recs.exceptions import ShopRecsError
from shop_recs.registry import algorithm_names, require_known
from shop_recs.training.search import Gain, Trial
from shop_recs.training.tuning import tune


class Command(BaseCommand):
    """Tune an algorithm."""

    help = (
        "Search options that foretell better on a part of the shop's log, compare the best with the options "
        "as they are on a later part, and print settings to paste. Nothing is stored or published. Ctrl-C "
        "keeps what was tried; the same command goes on from there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("algorithm", help=f"one of: {', '.join(algorithm_names())}")
        parser.add_argument(
            "--minutes", type=float, required=True, help="how long to search; 0 only compares what was found"
        )
        parser.add_argument("--trials", type=int, help="stop after so many trials, too")
        parser.add_argument(
            "--part",
            choices=["discovery", "all"],
            default="discovery",
            help="what to foretell: products new to the shopper, or all",
        )
        parser.add_argument("--seed", type=int, help="of the search and of every fit; default: SEED")
        parser.add_argument(
            "--storage",
            type=Path,
            metavar="FILE",
            help="what keeps the trials; default: tune-ALGORITHM.log in the current folder",
        )
        parser.add_argument("--fresh", action="store_true", help="forget the trials that the file keeps")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["algorithm"]
        journal = options["storage"] or Path(f"tune-{name}.log")
        try:
            require_known(name)
            if options["fresh"]:
                journal.unlink(missing_ok=True)
            self._tune(name, journal, options)
        except (ShopRecsError, NotEnoughData, ValueError, ImportError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError(
                f"Interrupted; {journal} keeps what was tried. The same command goes on from there; with "
                "--minutes 0 it compares the best so far."
            ) from None

    def _tune(self, name: str, journal: Path, options: Mapping[str, Any]) -> None:
        self._best: float = 0.0
        tuned = tune(
            name,
            journal=journal,
            minutes=options["minutes"],
            trials=options["trials"],
            part=options["part"],
            seed=settings.SEED if options["seed"] is None else options["seed"],
            report=self._show,
        )
        if tuned.gain is None:
            self.stdout.write("Nothing foretells better than the options as they are.")
            return
        self.stdout.write(_verdict(tuned.gain, part=options["part"]))
        self.stdout.write(_pasted(name, tuned.options))

    def _show(self, trial: Trial) -> None:
        """A line for every trial."""
        what = ", ".join(f"{name} {value}" for name, value in trial.options.items()) or "as they are"
        value = f"given up: {trial.why}," if trial.value is None else f"NDCG@10 {trial.value:.4f}"
        mark = " *" if (trial.value or 0.0) > self._best and trial.options else ""
        self._best = max(self._best, trial.value or 0.0)
        self.stdout.write(f"{trial.number:>4}  {value}  {trial.seconds:6.1f} s  {what}{mark}")


def _verdict(gain: Gain, *, part: str) -> str:
    """What the best options gain on choices that the search did not see."""
    low, high = gain.interval
    sure = "" if low > 0 else " That may be chance: keep the options as they are, or search longer."
    return (
        f"\nOn the last part of the log, which the search did not see, {gain.cases} shoppers: NDCG@10 "
        f"({part}) {gain.before:.4f} with the options as they are, {gain.after:.4f} tuned, a difference of "
        f"{gain.after - gain.before:+.4f} (95 % between {low:+.4f} and {high:+.4f}).{sure}\n"
    )


def _pasted(name: str, options: Mapping[str, Any]) -> str:
    """The settings that make the options those in force."""
    lines = [f'            "{option}": {value!r},' for option, value in options.items()]
    # Of an algorithm that is the shop's own, the settings must say again what it is.
    entry = {} if name in Defaults.ALGORITHMS else settings.ALGORITHMS[name] or {}
    backend = f'"BACKEND": "{entry["BACKEND"]}", ' if entry else ""
    before = [
        "SHOP_RECS = {",
        "    # …",
        '    "ALGORITHMS": {',
        f'        "{name}": {{{backend}"OPTIONS": {{',
    ]
    return "\n".join([*before, *lines, "        }},", "    },", "}"])
