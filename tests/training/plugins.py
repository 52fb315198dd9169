"""Algorithms that behave as a test needs it: slow, failing, deaf or never satisfied."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import numpy as np

from shop_recs.algorithms.base import (
    ITEMS,
    Earlier,
    FittedVectors,
    NotEnoughData,
    Progress,
    Recommender,
    TrainingData,
    silent,
)
from shop_recs.algorithms.encoders.constant import ConstantEncoder


class Counting(Recommender):
    """Counts interactions; the base of the others, and quick.

    Args:
        dimensions: length of the vectors.
    """

    def __init__(self, *, dimensions: int = 4) -> None:
        self.dimensions = dimensions

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int = 0,
        progress: Progress = silent,
        resume: Earlier | None = None,
    ) -> FittedVectors:
        self.work(progress)
        counts = np.bincount(data.items, minlength=data.n_items).astype(np.float32)
        vectors = np.random.default_rng(seed).random((data.n_items, self.dimensions), dtype=np.float32)
        vectors[:, 0] = counts
        query = np.zeros(self.dimensions, dtype=np.float32)
        query[0] = 1.0
        return FittedVectors(
            item_vectors=vectors,
            known=counts > 0,
            encoder=ConstantEncoder(query),
            info={"resumed": resume is not None, "fits": 1 + (resume.info["fits"] if resume else 0)},
            state={ITEMS: np.flatnonzero(counts)},
        )

    def work(self, progress: Progress) -> None:
        progress("counting", 0.5)


class Slow(Counting):
    """Takes its time, and says so.

    Args:
        seconds: how long a fit takes.
    """

    def __init__(self, *, seconds: float = 60.0) -> None:
        super().__init__()
        self.seconds = seconds

    def work(self, progress: Progress) -> None:
        started = time.monotonic()
        while (elapsed := time.monotonic() - started) < self.seconds:
            progress("waiting", elapsed / self.seconds)
            time.sleep(0.05)


class Deaf(Counting):
    """Never reports anything, so that nothing can stop it from inside."""

    def work(self, progress: Progress) -> None:
        time.sleep(120)


class Failing(Counting):
    """Raises."""

    def work(self, progress: Progress) -> None:
        raise RuntimeError("the matrix is singular")


class Killed(Counting):
    """Dies as if the system had run out of memory."""

    def work(self, progress: Progress) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Choosy(Counting):
    """Never has enough."""

    def work(self, progress: Progress) -> None:
        raise NotEnoughData("not enough data: have 1 sequence, need 1000")


class Diverging(Counting):
    """Ends with numbers that are none."""

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int = 0,
        progress: Progress = silent,
        resume: Earlier | None = None,
    ) -> FittedVectors:
        fitted = super().fit(data, seed=seed, progress=progress, resume=resume)
        vectors = fitted.item_vectors.copy()
        vectors[np.flatnonzero(fitted.known)[0]] = np.nan
        return replace(fitted, item_vectors=vectors)
