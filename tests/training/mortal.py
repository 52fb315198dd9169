"""A sequence model whose process dies at the second epoch, unless it goes on from a checkpoint."""

from __future__ import annotations

import os
import signal
from typing import Any

from shop_recs.algorithms.base import FittedVectors, TrainingData
from shop_recs.algorithms.sasrec import SASRec
from shop_recs.training import checkpoints as kept

OPTIONS = {"dimensions": 8, "max_epochs": 4, "history_length": 20, "patience": 4}


class Mortal(SASRec):
    """Small, so that it is quick; an epoch of it takes much less than the time between two checkpoints."""

    def fit(self, data: TrainingData, *, checkpoints: Any = None, **options: Any) -> FittedVectors:
        kept.SECONDS_BETWEEN = 0.0
        return super().fit(data, checkpoints=_Mortal(checkpoints), **options)


class _Mortal:
    def __init__(self, checkpoints: Any) -> None:
        self.checkpoints = checkpoints
        self.saved = 0

    def load(self) -> bytes | None:
        content: bytes | None = self.checkpoints.load()
        self.saved = 0 if content is None else 99
        return content

    def save(self, content: Any) -> None:
        self.checkpoints.save(content)
        self.saved += 1
        if self.saved == 2:
            os.kill(os.getpid(), signal.SIGKILL)
