"""The training loop of all sequence models: shared candidates, averaged weights, early stopping."""

from __future__ import annotations

import copy
import logging
import math
import time
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from shop_recs.algorithms.base import Checkpoints, Progress
from shop_recs.algorithms.sequence.batches import Batch, Sequences, batches
from shop_recs.algorithms.sequence.candidates import Sampler
from shop_recs.algorithms.sequence.checkpoints import dumps, restore
from shop_recs.algorithms.sequence.device import device_for, precision_for
from shop_recs.algorithms.sequence.losses import Compared, gbce_loss, softmax_loss
from shop_recs.algorithms.sequence.model import SequenceModel
from shop_recs.algorithms.sequence.options import SequenceOptions
from shop_recs.algorithms.sequence.validation import HeldOut, ndcg

logger = logging.getLogger(__name__)

WARM_UP_STEPS, WARM_UP_PART = 200, 0.1
"""The learning rate rises for so many steps, or for this part of the training if that is shorter."""
AVERAGE_DECAY, AVERAGE_EVERY, FIRST_STEPS = 0.99, 4, 100
"""The averaged weights keep so much of themselves a step; after the first, they move every few steps."""
STEPS_PER_EPOCH, SMALLEST_BATCH = 64, 128
"""A small log is cut into smaller batches, so that an epoch still has a number of steps."""
POPULARITY_POWER = 0.5
"""Candidates are drawn in proportion to this power of how often they are targets."""
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
        self.device = device_for(options.device)
        self.precision = precision_for(options.precision, self.device)
        self.model, self.sequences, self.options, self.length = (
            model.to(self.device),
            sequences,
            options,
            length,
        )
        self.epochs, self.rng, self.progress = epochs, rng, progress
        # The mean of the last weights is as good now as a lower learning rate would make them later.
        self.averaged = copy.deepcopy(model)
        self.loss = options.loss_for(model.n_items)
        self.sampler = self._sampler()
        self.optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), fused=True)
        self.steps = self.seen = self.epoch = 0
        self.started = time.monotonic()
        self.best, self.weights = Outcome(0), self.averaged.state_dict()
        self.targets = len(sequences)
        self.tokens = min(options.batch_tokens, max(SMALLEST_BATCH, self.targets // STEPS_PER_EPOCH))

    def run(self, held_out: HeldOut | None, checkpoints: Checkpoints | None = None) -> Outcome:
        """Train until the held-back events are foreseen no better, and give the model its best weights.

        Without held-back events all epochs are run and the last weights kept. What a checkpoint holds is not
        learned again; the result is the same.

        Raises:
            ValueError: the network diverged before it had ended an epoch.
        """
        self.started = time.monotonic()
        if checkpoints is not None and (content := checkpoints.load()) is not None:
            restore(self, content)
        while not self._over():
            self._epoch()
            self._judge(held_out)
            if checkpoints is not None:
                checkpoints.save(partial(dumps, self))
        if not self.best.epochs:
            raise ValueError(
                f"the training diverged: no weights are finite; try a lower learning_rate than "
                f"{self.options.learning_rate!r}"
            )
        self.model.load_state_dict(self.weights)
        self.model.to("cpu")
        return self.best

    def _judge(self, held_out: HeldOut | None) -> None:
        """Keep the weights if they are the best so far."""
        self.epoch += 1
        score = None if held_out is None else ndcg(self.averaged, held_out, length=self.length)
        logger.info("epoch %d of %d: validation NDCG@10 %s", self.epoch, self.epochs, score)
        if self._better(score):
            self.best, self.weights = Outcome(self.epoch, score), copy.deepcopy(self.averaged.state_dict())

    def _better(self, score: float | None) -> bool:
        """Whether no weights so far foresee better than the averaged ones, which may have diverged."""
        if not all(weight.isfinite().all() for weight in self.averaged.parameters()):
            return False
        if score is None:
            return True
        # Of two that foresee alike, the later has seen more at a lower rate.
        return math.isfinite(score) and (self.best.ndcg is None or score >= self.best.ndcg)

    def _over(self) -> bool:
        """Whether there have been enough epochs, with none better lately, or enough minutes."""
        limit = self.options.max_minutes
        late = limit is not None and self.epoch > 0 and self.seconds > 60.0 * limit
        return late or self.epoch >= self.epochs or self.epoch - self.best.epochs >= self.options.patience

    def _epoch(self) -> None:
        self.model.train()
        cut = self.model.objective.cuts_windows
        for batch in batches(self.sequences, length=self.length, tokens=self.tokens, rng=self.rng, cut=cut):
            self._step(batch.to(self.device))
            if self.steps % PROGRESS_EVERY == 0:
                self.progress("fit", self.done)

    @property
    def seconds(self) -> float:
        """How long the training has taken, what is behind a checkpoint included."""
        return time.monotonic() - self.started

    @property
    def done(self) -> float:
        """The part of the training that is behind, between 0 and 1."""
        return self.seen / (self.epochs * self.targets)

    def _step(self, batch: Batch) -> None:
        self.steps += 1
        self.seen += batch.covered
        self.optimizer.param_groups[0]["lr"] = self.options.learning_rate * self._rate()
        self.optimizer.zero_grad()
        torch.autograd.backward(self._loss(batch))
        self.optimizer.step()
        every = 1 if self.steps < FIRST_STEPS else AVERAGE_EVERY
        if self.steps % every == 0:
            self._average(every)

    @torch.no_grad()
    def _average(self, every: int) -> None:
        part = max(1.0 - AVERAGE_DECAY**every, 9.0 * every / (9.0 * every + self.steps))
        torch._foreach_lerp_(list(self.averaged.parameters()), list(self.model.parameters()), part)

    def _rate(self) -> float:
        """Part of the peak learning rate to use."""
        warm = max(self.steps / WARM_UP_STEPS, self.done / WARM_UP_PART)
        return min(1.0, warm) * (0.5 + 0.5 * math.cos(math.pi * self.done))

    def _loss(self, batch: Batch) -> Tensor:
        """Mean loss per target."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16):
            queries, rows = self.model(batch, self.sequences.followers(batch.rows, rng=self.rng))
        weights = torch.from_numpy(self.sequences.weights[rows]).to(self.device)
        positives, candidates = self._compared(torch.from_numpy(self.sequences.items[rows]).to(self.device))
        columns = (queries.float(), positives, candidates, weights)
        scale, n_items = self.options.scale, self.model.n_items
        if self.loss == "gbce":
            loss = gbce_loss(*columns, scale=scale, n_items=n_items, dtype=self.precision)
        else:
            loss = softmax_loss(*columns, scale=scale, dtype=self.precision)
        # A batch may be all of a kind that counts for nothing.
        return loss / weights.sum().clamp(min=SMALLEST_WEIGHT)

    def _sampler(self) -> Sampler | None:
        """What draws the candidates; None where all items are candidates."""
        n_items, size = self.model.n_items, self.options.negatives
        if self.loss == "softmax" or size >= n_items:
            return None
        counts = np.bincount(self.sequences.items, minlength=n_items)
        return Sampler(counts, size=size, power=0.0 if self.loss == "gbce" else POPULARITY_POWER)

    def _compared(self, targets: Tensor) -> tuple[Tensor, Compared]:
        """`(T, d)` vectors of the targets, and the candidates that they compete with."""
        n_items = self.model.n_items
        if self.sampler is None:
            table = self.model.table()
            everything = Compared(table, targets, torch.ones(n_items, device=self.device))
            return functional.embedding(targets, table), everything
        items, stands_for = (torch.from_numpy(x).to(self.device) for x in self.sampler.draw(self.rng))
        places = torch.full((n_items,), -1, device=self.device)
        places[items] = torch.arange(len(items), device=self.device)
        # One look into the item table, since each has a gradient as large as the table.
        vectors = self.model.vectors(torch.cat([targets, items]))
        positives, drawn = vectors[: len(targets)], vectors[len(targets) :]
        return positives, Compared(drawn, places[targets], stands_for)
