"""Searches options of an algorithm that foretell better; can be interrupted and taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shop_recs.algorithms.base import Cancelled, NotEnoughData, Recommender
from shop_recs.algorithms.metrics import Values, bootstrap_interval
from shop_recs.algorithms.spaces import Between, OneOf, Space
from shop_recs.algorithms.splits import Split
from shop_recs.training.evaluation import Judge

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

LENGTH = 10
SLOWEST = 5.0
"""A trial is given up that takes so many times as long as the options as they are."""
LEAST_SECONDS = 1.0
"""A fit shorter than this counts as that long, for chance decides how long it takes."""
DIGITS = 4

Make = Callable[[Mapping[str, Any]], Recommender]
"""The algorithm with these options instead of those that it has."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One try.

    Attributes:
        number: counts from 1; 0 are the options as they are.
        options: those that were searched; none for number 0.
        value: NDCG, or None where the trial was given up.
        seconds: how long the fit took.
        why: what a trial was given up for.
    """

    number: int
    options: Mapping[str, Any]
    value: float | None
    seconds: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Gain:
    """NDCG with the options as they are and with the tuned ones, and between what the difference lies."""

    before: float
    after: float
    interval: tuple[float, float]
    cases: int


class Scorer:
    """Judges options on one split by NDCG of the first ten places.

    Args:
        make: the algorithm with given options.
        split: what is learned from and what is foretold.
        part: `all` choices, or `discovery`, those new to the shopper.
        seed: of every fit.
    """

    def __init__(self, make: Make, split: Split, *, part: str, seed: int) -> None:
        self.make = make
        self.split = split
        self.part = part
        self.seed = seed
        self._judge = Judge(split, ks=(LENGTH,))

    def answers(self, options: Mapping[str, Any], *, deadline: float | None = None) -> tuple[Values, float]:
        """`(c,)` NDCG of each case, and the seconds of the fit.

        Raises:
            Cancelled: `deadline`, of the monotonic clock, has passed.
            NotEnoughData: there is nothing to learn, or nothing to judge by.
            ValueError: the options do not go together.
        """

        def watch(phase: str, fraction: float) -> None:
            if deadline is not None and time.monotonic() > deadline:
                raise Cancelled("out of time")

        started = time.monotonic()
        fitted = self.make(options).fit(self.split.train, seed=self.seed, progress=watch)
        seconds = time.monotonic() - started
        parts = self._judge.judge(self.split.scores(fitted))
        if self.part not in parts:
            raise NotEnoughData(f"not enough data: nobody to judge {self.part!r} by")
        return parts[self.part].by_case[f"ndcg@{LENGTH}"], seconds


class Search:
    """A search that can be interrupted at any moment and goes on where it stopped.

    Args:
        scorer: judges the options.
        space: what to try.
        as_they_are: the options as they are, by name; None where the algorithm chooses.
        study: keeps the trials, from `open_study`.
    """

    def __init__(
        self, scorer: Scorer, space: Space, *, as_they_are: Mapping[str, Any], study: optuna.Study
    ) -> None:
        self.scorer = scorer
        self.space = space
        self._study = study
        self.baseline = self._baseline(as_they_are)

    @property
    def trials(self) -> list[Trial]:
        """What was tried, in order, with what was given up."""
        tried = [(trial.value, trial.user_attrs) for trial in self._study.trials if trial.user_attrs]
        return [
            Trial(number, facts["options"], value, facts.get("seconds", 0.0), facts.get("why", ""))
            for number, (value, facts) in enumerate(tried, start=1)
        ]

    @property
    def best(self) -> Trial:
        """The best trial; the options as they are where nothing was better."""
        return max([self.baseline, *self.trials], key=lambda trial: trial.value or 0.0)

    def run(
        self,
        *,
        minutes: float,
        trials: int | None = None,
        report: Callable[[Trial], None] = lambda trial: None,
    ) -> None:
        """Try options until the time is up, the last trial cut short, or so many more `trials` are done."""
        deadline = time.monotonic() + 60.0 * minutes
        last = None if trials is None else len(self.trials) + trials
        while time.monotonic() < deadline and (last is None or len(self.trials) < last):
            self._try(deadline)
            report(self.trials[-1])

    def _try(self, deadline: float) -> None:
        """Try one set of options; whatever interrupts it leaves no open trial in the journal."""
        trial = self._study.ask(_distributions(self.space))
        options = {name: _rounded(value) for name, value in trial.params.items()}
        trial.set_user_attr("options", options)
        deadline = min(deadline, time.monotonic() + SLOWEST * max(self.baseline.seconds, LEAST_SECONDS))
        value = None
        try:
            answers, seconds = self.scorer.answers(options, deadline=deadline)
            trial.set_user_attr("seconds", round(seconds, 3))
            value = float(answers.mean())
        except (Cancelled, NotEnoughData, ValueError) as error:
            # Too slow, or options that do not go together: neither ends a search.
            trial.set_user_attr("why", str(error))
        finally:
            _end(self._study, trial, value)

    def _baseline(self, as_they_are: Mapping[str, Any]) -> Trial:
        """Judge the options as they are, once for each journal; the search begins from them where it can."""
        kept = self._study.user_attrs.get("baseline")
        if kept is None:
            answers, seconds = self.scorer.answers({})
            kept = {"value": float(answers.mean()), "seconds": round(seconds, 3)}
            if all(as_they_are[name] in where for name, where in self.space.items()):
                self._study.add_trial(_finished(as_they_are, self.space, kept["value"]))
            self._study.set_user_attr("baseline", kept)
        return Trial(0, {}, kept["value"], kept["seconds"])


def gain(scorer: Scorer, options: Mapping[str, Any]) -> Gain:
    """What tuned options are worth on a split that the search did not see."""
    before, _ = scorer.answers({})
    after, _ = scorer.answers(options)
    interval = bootstrap_interval(after - before)
    return Gain(float(before.mean()), float(after.mean()), interval, len(before))


def open_study(journal: Path | None, *, seed: int) -> optuna.Study:
    """The study that a journal keeps, or a new one; without a journal it lives as long as the process.

    Raises:
        ImportError: optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ImportError('Tuning needs the extra: pip install "shop_recs[train,tune]".') from error
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(journal))) if journal else None
    study = optuna.create_study(
        study_name="options", storage=storage, direction="maximize", load_if_exists=True
    )
    # Another seed each time it is taken up, or the same options would be drawn again.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))
    return study


def _distributions(space: Space) -> dict[str, BaseDistribution]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    def distribution(where: Between | OneOf) -> BaseDistribution:
        if isinstance(where, OneOf):
            return CategoricalDistribution(where.values)
        if where.whole:
            return IntDistribution(int(where.low), int(where.high), log=where.log)
        return FloatDistribution(where.low, where.high, log=where.log)

    return {name: distribution(where) for name, where in space.items()}


def _rounded(value: Any) -> Any:
    """What is tried is what is pasted: a number of few digits."""
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _finished(options: Mapping[str, Any], space: Space, value: float) -> optuna.trial.FrozenTrial:
    """A trial that is not to be made any more."""
    import optuna

    params = {name: options[name] for name in space}
    return optuna.trial.create_trial(params=params, distributions=_distributions(space), value=value)


def _end(study: optuna.Study, trial: optuna.Trial, value: float | None) -> None:
    from optuna.trial import TrialState

    study.tell(trial, value, state=TrialState.FAIL if value is None else TrialState.COMPLETE)
