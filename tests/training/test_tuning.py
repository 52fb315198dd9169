"""Searching better options: what is found, kept, given up and said."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from shop_recs.algorithms.base import Recommender, silent
from shop_recs.algorithms.spaces import Between, OneOf
from shop_recs.algorithms.splits import split_by_time
from shop_recs.registry import recommender
from shop_recs.training import search, tuning
from shop_recs.training.search import Scorer, Search, gain, open_study
from tests.training.growing import factorised, grown_log

pytest.importorskip("optuna", reason='tuning needs the extra: pip install "shop_recs[tune]"')


@dataclass(frozen=True, kw_only=True)
class Disturbed(Recommender):
    """A factorisation that noise makes worse: the less, the better."""

    space: ClassVar = {"noise": Between(0.0, 2.0), "factors": OneOf((None, 4, 6, 8)), "pause": Between(0, 1)}

    noise: float = 1.0
    factors: int | None = None
    pause: int = 0

    def fit(self, data, *, seed=0, progress=silent, resume=None):
        FITS.append(self)
        if self.factors == 8:
            raise ValueError("factors must be less than 8")
        return factorised(data, noise=self.noise, factors=self.factors or 6)


FITS: list[Disturbed] = []
DAY = 86_400.0


@pytest.fixture(scope="module")
def later():
    return split_by_time(grown_log(days=14))


@pytest.fixture
def earlier(later):
    FITS.clear()
    return split_by_time(later.train)


def searching(split, *, journal=None, make=lambda options: Disturbed(**options)):
    """A search of the options of `Disturbed`, begun or taken up."""
    study = open_study(journal, seed=0)
    scorer = Scorer(make, split, part="discovery", seed=0)
    in_force = {"noise": 1.0, "factors": None, "pause": 0}
    return Search(scorer, Disturbed.space, as_they_are=in_force, study=study)


def test_a_search_finds_what_is_better_and_its_gain_is_measured_on_later_choices(earlier, later):
    found = searching(earlier)
    found.run(minutes=1, trials=25)
    assert found.best.options["noise"] < 0.3
    assert found.best.value > found.baseline.value
    gained = gain(
        Scorer(lambda options: Disturbed(**options), later, part="discovery", seed=0), found.best.options
    )
    assert gained.after > gained.before
    assert 0 < gained.interval[0] < gained.after - gained.before < gained.interval[1]


def test_the_options_as_they_are_stay_where_nothing_is_better(earlier):
    found = searching(earlier, make=lambda options: Disturbed(noise=2.0 if options else 0.0))
    found.run(minutes=1, trials=3)
    assert (found.best.number, found.best.options) == (0, {})


def test_what_is_pasted_is_what_was_tried(earlier):
    found = searching(earlier)
    found.run(minutes=1, trials=3)
    tried = [fit.noise for fit in FITS[1:]]
    assert tried == [trial.options["noise"] for trial in found.trials]
    assert tried == [float(f"{noise:.4g}") for noise in tried]


def test_options_that_do_not_go_together_end_a_trial_and_not_the_search(earlier):
    found = searching(earlier)
    found.run(minutes=1, trials=12)
    given_up = [trial for trial in found.trials if trial.value is None]
    assert {trial.options["factors"] for trial in given_up} == {8}
    assert {trial.why for trial in given_up} == {"factors must be less than 8"}


def test_a_search_goes_on_where_it_stopped(earlier, tmp_path):
    first = searching(earlier, journal=tmp_path / "trials.log")
    first.run(minutes=1, trials=4)
    again = searching(earlier, journal=tmp_path / "trials.log")
    assert (again.baseline, again.trials) == (first.baseline, first.trials)
    assert len(FITS) == 5  # the options as they are were not fitted once more
    again.run(minutes=1, trials=2)
    assert [trial.number for trial in again.trials] == [1, 2, 3, 4, 5, 6]
    assert len({tuple(trial.options.items()) for trial in again.trials}) == 6


def test_an_interrupted_search_keeps_what_was_tried(earlier, tmp_path):
    def make(options):
        if len(FITS) == 3:
            raise KeyboardInterrupt
        return Disturbed(**options)

    interrupted = searching(earlier, journal=tmp_path / "trials.log", make=make)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run(minutes=1)
    again = searching(earlier, journal=tmp_path / "trials.log")
    assert [trial.value is None for trial in again.trials] == [False, False, True]


def test_a_trial_that_takes_too_long_is_given_up(earlier, monkeypatch):
    class Slow(Disturbed):
        def fit(self, data, *, seed=0, progress=silent, resume=None):
            for step in range(1000 if self.pause else 0):
                time.sleep(0.01)
                progress("waiting", step / 1000)
            return super().fit(data, seed=seed)

    monkeypatch.setattr(search, "SLOWEST", 0.05)
    found = searching(earlier, make=lambda options: Slow(**options))
    started = time.monotonic()
    found.run(minutes=1, trials=6)
    assert time.monotonic() - started < 9
    assert {trial.why for trial in found.trials if trial.options["pause"]} == {"out of time"}


def test_a_search_ends_when_its_time_is_up(earlier):
    def slow(options):
        time.sleep(0.02)
        return Disturbed(**options)

    found = searching(earlier, make=slow)
    found.run(minutes=0.5 / 60)
    assert 0 < len(found.trials) <= 25


def tuned(*arguments):
    """What the command prints."""
    output = io.StringIO()
    call_command("recs_tune", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def algorithms(log, configure):
    """The shop's log, and an algorithm with something to search."""
    configure(ALGORITHMS={"disturbed": {"BACKEND": f"{__name__}.Disturbed", "OPTIONS": {"pause": 1}}})


def test_the_command_prints_trials_the_gain_and_settings_to_paste(algorithms, settings, tmp_path):
    arguments = ["disturbed", "--minutes", "1", "--storage", str(tmp_path / "trials.log"), "--part", "all"]
    printed = tuned(*arguments, "--trials", "6")
    assert "as they are" in printed
    assert "95 % between" in printed
    pasted = {}
    exec(printed[printed.index("SHOP_RECS = {") :], pasted)
    entry = pasted["SHOP_RECS"]["ALGORITHMS"]["disturbed"]
    assert set(entry["OPTIONS"]) == {"noise", "factors", "pause"}
    with override_settings(SHOP_RECS={**settings.SHOP_RECS, **pasted["SHOP_RECS"]}):
        assert vars(recommender("disturbed")) == entry["OPTIONS"]
    assert "\n   7 " in tuned(*arguments, "--trials", "1")
    with pytest.raises(CommandError, match="are of another part; begin with --fresh"):
        tuned(*arguments[:-1], "discovery")
    with pytest.raises(CommandError, match="are of another seed; begin with --fresh"):
        tuned(*arguments, "--seed", "1")
    assert "\n   7 " not in tuned(*arguments[:-1], "discovery", "--trials", "1", "--fresh")


def test_a_search_that_is_taken_up_sees_the_log_as_it_was(tmp_path):
    grown = grown_log(days=3)
    log = grown.select(grown.times < 2 * DAY, now=2 * DAY)
    study = open_study(None, seed=0)
    assert tuning._as_at_first(log, study, {}, tmp_path) is log
    again = tuning._as_at_first(grown, study, {}, tmp_path)
    assert (len(again), again.now) == (len(log), log.now)
    with pytest.raises(ValueError, match="of another log"):
        tuning._as_at_first(grown.select(np.arange(len(grown)) < 30), study, {}, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["alsa", "--minutes", "1"], "No algorithm 'alsa'; configured are"),
        (["plain", "--minutes", "1"], "'plain' names no options to search"),
    ],
)
def test_wrong_input_is_answered_with_what_to_write(log, configure, arguments, message):
    configure(ALGORITHMS={"plain": {"BACKEND": "tests.training.plugins.Counting"}})
    with pytest.raises(CommandError, match=message):
        tuned(*arguments)
