"""The training loop of all sequence models: shared candidates, averaged weights, early stopping."""

from __future__ import annotations

import copy
import logging
import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shop_recs.algorithms.base import Progress
from shop_recs.algorithms.sequence.batches import Batch, Sequences, batches
from shop_recs.algorithms.sequence.losses import shared_softmax
from shop_recs.algorithms.sequence.model import SequenceModel
from shop_recs.algorithms.sequence.options import SequenceOptions
from shop_recs.algorithms.sequence.validation import HeldOut, ndcg

logger = logging.getLogger(__name__)

FULL_SOFTMAX_ITEMS = 5_000
WARM_UP_STEPS, WARM_UP_PART = 200, 0.1
"""The learning rate rises for so many steps, or for this part of the training if that is shorter."""
AVERAGE_DECAY = 0.99
STEPS_PER_EPOCH, SMALLEST_BATCH = 64, 128
"""A small log is cut into smaller batches, so that an epoch still has a number of steps."""
SMALLEST_WEIGHT = 1e-6
PROGRESS_EVERY = 10
"""Steps between two calls of the progress callback: less than a second."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training went.

    Attributes:
        epochs: passes over the log that made the weights the model ended with.
        ndcg: NDCG@10 of the held-back events with these weights; None where none were held back.
    """

    epochs: int
    ndcg: float | None = None


class Trainer:
    """Trains a model in place: AdamW with warm-up and cosine decay over `epochs`."""

    def __init__(
        self,
        model: SequenceModel,
        sequences: Sequences,
        *,
        options: SequenceOptions,
        length: int,
        epochs: int,
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        self.model, self.sequences, self.options, self.length = model, sequences, options, length
        self.epochs, self.rng, self.progress = epochs, rng, progress
        # The mean of the last weights is as good now as a lower learning rate would make them later.
        self.averaged = copy.deepcopy(model)
        self.optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), fused=True)
        self.steps = self.seen = 0
        self.targets = len(sequences)
        self.tokens = min(options.batch_tokens, max(SMALLEST_BATCH, self.targets // STEPS_PER_EPOCH))

    def run(self, held_out: HeldOut | None) -> Outcome:
        """Train until the held-back events are foreseen no better, and give the model its best weights.

        Without held-back events all epochs are run and the last weights kept.
        """
        best, foreseen, weights = 0, None, self.averaged.state_dict()
        started = time.monotonic()
        for epoch in range(1, self.epochs + 1):
            self._epoch()
            score = None if held_out is None else ndcg(self.averaged, held_out, length=self.length)
            logger.info("epoch %d of %d: validation NDCG@10 %s", epoch, self.epochs, score)
            if score is None or foreseen is None or score > foreseen:
                best, foreseen, weights = epoch, score, copy.deepcopy(self.averaged.state_dict())
            elif epoch - best >= self.options.patience:
                break
            if self._minutes_over(started):
                break
        self.model.load_state_dict(weights)
        return Outcome(best, foreseen)

    def _epoch(self) -> None:
        self.model.train()
        for batch in batches(self.sequences, length=self.length, tokens=self.tokens, rng=self.rng):
            self._step(batch)
            if self.steps % PROGRESS_EVERY == 0:
                self.progress("fit", self.done)

    @property
    def done(self) -> float:
        """The part of the training that is behind, between 0 and 1."""
        return self.seen / (self.epochs * self.targets)

    def _step(self, batch: Batch) -> None:
        self.steps += 1
        self.seen += len(batch.rows)
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.learning_rate * self._rate()
        self.optimizer.zero_grad()
        torch.autograd.backward(self._loss(batch))
        self.optimizer.step()
        self._average()

    @torch.no_grad()
    def _average(self) -> None:
        part = max(1.0 - AVERAGE_DECAY, 9.0 / (9.0 + self.steps))
        for mean, weight in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(weight, part)

    def _rate(self) -> float:
        """Part of the peak learning rate to use."""
        warm = max(self.steps / WARM_UP_STEPS, self.done / WARM_UP_PART)
        return min(1.0, warm) * (0.5 + 0.5 * math.cos(math.pi * self.done))

    def _loss(self, batch: Batch) -> Tensor:
        """Mean cross-entropy per target, among all items of a small catalogue or a sample of a large one."""
        queries, rows = self.model(batch, self.sequences.followers(batch.rows, rng=self.rng))
        n_items = self.model.n_items
        targets = torch.from_numpy(self.sequences.items[rows])
        weights = torch.from_numpy(self.sequences.weights[rows])
        if n_items <= FULL_SOFTMAX_ITEMS:
            candidates, hits = torch.arange(n_items), targets
        else:
            size = min(self.options.negatives, n_items)
            sample = self.rng.choice(n_items, size=size, replace=False, shuffle=False)
            candidates = torch.from_numpy(sample)
            column = torch.full((n_items,), -1)
            column[candidates] = torch.arange(len(candidates))
            hits = column[targets]
        loss = shared_softmax(
            queries,
            self.model.vectors(targets),
            self.model.vectors(candidates),
            hits,
            weights,
            scale=self.options.scale,
            stands_for=n_items / len(candidates),
        )
        # A batch may be all of a kind that counts for nothing.
        return loss / weights.sum().clamp(min=SMALLEST_WEIGHT)

    def _minutes_over(self, started: float) -> bool:
        limit = self.options.max_minutes
        return limit is not None and time.monotonic() - started > 60.0 * limit
