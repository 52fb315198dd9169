"""A fit that died goes on from its last checkpoint, as if nothing had happened."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from shop_recs.algorithms.base import ItemFeature
from shop_recs.algorithms.sasrec import SASRec
from tests.algorithms.logs import log_of, walks

pytestmark = pytest.mark.training

SMALL = {"dimensions": 16, "max_epochs": 5, "dropout": 0.2, "patience": 2, "batch_tokens": 512}


class PowerCut(Exception):
    """The process is gone."""


class Memory:
    """Keeps every checkpoint; the process dies after the `last` of them."""

    def __init__(self, last=None):
        self.last = last
        self.kept = []

    def load(self):
        return self.kept[-1] if self.kept else None

    def save(self, content):
        self.kept.append(content())
        if len(self.kept) == self.last:
            raise PowerCut


@pytest.fixture(scope="module")
def log():
    log = log_of(walks(shoppers=120, length=8))
    shelves = ItemFeature("shelf", (np.arange(log.n_items) // 8).astype(np.int32), 5)
    return replace(log, features=(shelves,))


def died(algorithm, log, *, after, **options):
    memory = Memory(last=after)
    with pytest.raises(PowerCut):
        algorithm.fit(log, seed=1, checkpoints=memory, **options)
    return memory


@pytest.mark.parametrize(
    ("options", "after"),
    [({}, 1), ({}, 3), ({"loss": "sampled", "negatives": 16}, 2)],
    ids=["after the first epoch", "after the third", "with sampled negatives"],
)
def test_the_result_is_that_of_a_fit_which_nothing_interrupted(log, options, after):
    algorithm = SASRec(**SMALL, **options)
    whole = algorithm.fit(log, seed=1)
    resumed = algorithm.fit(log, seed=1, checkpoints=died(algorithm, log, after=after))
    assert resumed.item_vectors.tobytes() == whole.item_vectors.tobytes()
    assert resumed.encoder.dumps() == whole.encoder.dumps()
    assert resumed.info == whole.info


def test_epochs_that_are_behind_are_not_run_again(log):
    algorithm = SASRec(**SMALL)
    memory = died(algorithm, log, after=3)
    done = []
    algorithm.fit(log, seed=1, checkpoints=memory, progress=lambda phase, part: done.append(part))
    assert done[0] > 3 / 5
    assert len(memory.kept) <= 5


def test_a_finished_fit_is_only_exported_again(log):
    algorithm = SASRec(**SMALL)
    memory = Memory()
    whole = algorithm.fit(log, seed=1, checkpoints=memory)
    phases = []
    again = algorithm.fit(log, seed=1, checkpoints=memory, progress=lambda phase, part: phases.append(phase))
    assert phases == ["export"]
    assert again.item_vectors.tobytes() == whole.item_vectors.tobytes()


def test_the_minutes_go_on_counting(log, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    class AnEpochAMinute(Memory):
        def save(self, content):
            now[0] += 60.0
            super().save(content)

    memory = AnEpochAMinute(last=2)
    algorithm = SASRec(**{**SMALL, "patience": 5}, max_minutes=2.5)
    with pytest.raises(PowerCut):
        algorithm.fit(log, seed=1, checkpoints=memory)
    now[0] = 1e6
    algorithm.fit(log, seed=1, checkpoints=memory)
    assert len(memory.kept) == 3
    algorithm.fit(log, seed=1, checkpoints=memory)
    assert len(memory.kept) == 3


def test_a_resumed_fit_can_die_too(log):
    algorithm = SASRec(**{**SMALL, "max_epochs": 10, "patience": 10})
    part = algorithm.fit(log, seed=1)
    whole = algorithm.fit(log, seed=1, resume=part)
    resumed = algorithm.fit(log, seed=1, resume=part, checkpoints=died(algorithm, log, after=1, resume=part))
    assert resumed.item_vectors.tobytes() == whole.item_vectors.tobytes()


def test_a_checkpoint_of_another_network_is_left_alone(log):
    memory = died(SASRec(**{**SMALL, "dimensions": 8}), log, after=1)
    algorithm = SASRec(**SMALL)
    assert (
        algorithm.fit(log, checkpoints=memory).item_vectors.tobytes()
        == algorithm.fit(log).item_vectors.tobytes()
    )
