"""Tunes an algorithm on the shop's own log and says what that gains on its last part."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shop_recs.algorithms.base import Recommender, TrainingData
from shop_recs.algorithms.splits import split_by_time
from shop_recs.conf import settings
from shop_recs.registry import algorithm_options, recommender
from shop_recs.training import dataset
from shop_recs.training.checkpoints import DECIDED_BY
from shop_recs.training.search import Gain, Scorer, Search, Trial, gain, open_study

if TYPE_CHECKING:
    import optuna

LOG_MAY_CHANGE = 0.01
"""Share of the interactions that may have come late or been deleted between two runs of a search."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search came to: all options of the algorithm, and their gain; none where nothing was better."""

    options: Mapping[str, Any]
    gain: Gain | None


def tune(
    algorithm: str,
    *,
    journal: Path,
    minutes: float,
    trials: int | None = None,
    part: str = "discovery",
    seed: int = 0,
    report: Callable[[Trial], None] = lambda trial: None,
) -> Tuned:
    """Search options of a configured algorithm on the shop's log, and judge the best on what came after.

    The last `HOLDOUT` of the log is put aside; the search learns from the rest but its last `HOLDOUT`, and is
    judged on that.

    Args:
        algorithm: a name in `SHOP_RECS["ALGORITHMS"]`.
        journal: the file that keeps the trials; what is in it is not tried again.
        minutes: how long to search; the comparison comes after it and takes two fits.
        trials: stop after so many, too.
        part: `discovery` or `all`, what is to be foretold.
        seed: of the search and of every fit.
        report: told every trial, the options as they are first.

    Raises:
        ImportError: optuna is not installed.
        NotEnoughData: the log is too short to be split twice.
        NotEnoughInteractions: the log is too small.
        UnknownAlgorithm: no algorithm of that name is configured.
        ValueError: it has nothing to search, or the journal is about something else.
    """
    made = recommender(algorithm)
    if not made.space:
        raise ValueError(f"{algorithm!r} names no options to search; give its class a `space`.")
    study = open_study(journal, seed=seed)
    options = algorithm_options(algorithm)
    about = {"algorithm": algorithm, "options": options, "part": part, "space": repr(dict(made.space))}
    about |= {"seed": seed} | {name: getattr(settings, name) for name in DECIDED_BY}
    data = _as_at_first(dataset.read().data, study, about, journal)
    later = split_by_time(data, fraction=settings.HOLDOUT, seed=seed)
    earlier = split_by_time(later.train, fraction=settings.HOLDOUT, seed=seed)

    def make(tried: Mapping[str, Any]) -> Recommender:
        return recommender(algorithm, {**options, **tried})

    in_force = {name: entry.default for name, entry in signature(type(made)).parameters.items()} | options
    search = Search(
        Scorer(make, earlier, part=part, seed=seed), made.space, as_they_are=in_force, study=study
    )
    report(search.baseline)
    search.run(minutes=minutes, trials=trials, report=report)
    if not search.best.options:
        return Tuned(options, None)
    found = gain(Scorer(make, later, part=part, seed=seed), search.best.options)
    return Tuned({**options, **search.best.options}, found)


def _as_at_first(
    data: TrainingData, study: optuna.Study, about: dict[str, Any], journal: Path
) -> TrainingData:
    """The log as it was when the search began: trials on different logs could not be compared.

    Raises:
        ValueError: the journal is about other options or another log.
    """
    first = study.user_attrs.get("about")
    about = json.loads(json.dumps(about))  # as the journal keeps it
    if first is None:
        study.set_user_attr("about", {**about, "until": data.now, "interactions": len(data)})
        return data
    data = data.select(data.times <= first["until"], now=first["until"])
    changed = [name for name in about if about[name] != first.get(name)]
    if abs(len(data) - first["interactions"]) > LOG_MAY_CHANGE * first["interactions"]:
        changed.append("log")
    if changed:
        raise ValueError(f"The trials in {journal} are of another {', '.join(changed)}; begin with --fresh.")
    return data
