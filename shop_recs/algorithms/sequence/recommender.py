"""What all sequence models have in common: everything but the network and its objective."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from shop_recs.algorithms.base import (
    Checkpoints,
    Earlier,
    FittedVectors,
    Floats,
    NotEnoughData,
    Progress,
    Recommender,
    TrainingData,
    silent,
)
from shop_recs.algorithms.sequence.batches import Rows, Sequences, sequences_of
from shop_recs.algorithms.sequence.export import encoder_of
from shop_recs.algorithms.sequence.features import Codes, codes_of
from shop_recs.algorithms.sequence.model import SequenceModel
from shop_recs.algorithms.sequence.objectives import Objective
from shop_recs.algorithms.sequence.options import SequenceOptions
from shop_recs.algorithms.sequence.state import restore, state_of
from shop_recs.algorithms.sequence.trainer import Trainer
from shop_recs.algorithms.sequence.validation import hold_out

MINIMUM_EVENTS = 100
RESUMED_PART = 0.2
"""Epochs that a resumed fit adds, as a part of those of the fit it starts from."""
RESUMED_RATE = 0.05
"""Part of the learning rate that a resumed fit uses. With all of it one epoch exchanges two thirds of the
items that are similar to one, for 3 % of NDCG."""


@dataclass(frozen=True, kw_only=True)
class SequenceRecommender(SequenceOptions, Recommender):
    """Predicts the next event of a history; a model adds its network, what that is asked, and its options.

    Item vectors and queries have unit length (a cosine softmax), so one index serves both placements.
    """

    keeps_checkpoints: ClassVar[bool] = True

    @abstractmethod
    def objective(self, *, length: int, dropout: float) -> Objective:
        """A new network and what it is asked, for histories of at most `length` events."""

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int = 0,
        progress: Progress = silent,
        resume: Earlier | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> FittedVectors:
        """Learn from `data`, stopping early by a sample of last events that is held back.

        With `resume` nothing is held back: the earlier weights learn on for a fifth of the epochs they took.
        The result is the same bit for bit on one machine with one number of threads.

        Raises:
            NotEnoughData: fewer than `MINIMUM_EVENTS` interactions have a later one of the same shopper, or
                are left so when the sample is held back.
        """
        sequences = sequences_of(data, other_kinds=self.other_kinds)
        _require_enough(sequences)
        # Forked, so that a fit does not disturb its caller's random numbers.
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(seed)
            return self._fit(data, sequences, np.random.default_rng(seed), progress, resume, checkpoints)

    def _fit(
        self,
        data: TrainingData,
        sequences: Sequences,
        rng: np.random.Generator,
        progress: Progress,
        resume: Earlier | None,
        checkpoints: Checkpoints | None,
    ) -> FittedVectors:
        length, dropout, codes = self.length_for(data), self.dropout_for(data), codes_of(data)
        model = self._model(codes[sequences.vocabulary], length=length, dropout=dropout)
        held_out, epochs, full_epochs, rate = None, self.max_epochs, None, self.learning_rate
        if resume is not None and restore(model, resume, sequences.vocabulary):
            full_epochs = resume.info["full_epochs"]
            epochs, rate = math.ceil(RESUMED_PART * full_epochs), RESUMED_RATE * rate
        else:
            sequences, held_out = hold_out(sequences, rng=rng)
            _require_enough(sequences, least=1, beside=" and are not held back to judge by")
        options = replace(self, learning_rate=rate)
        trainer = Trainer(
            model, sequences, options=options, length=length, epochs=epochs, rng=rng, progress=progress
        )
        outcome = trainer.run(held_out, checkpoints)
        progress("export", 0.0)
        vectors, known = _item_vectors(model, sequences.vocabulary, codes)
        return FittedVectors(
            item_vectors=vectors,
            known=known,
            encoder=encoder_of(model, history_length=length),
            unit_norm=True,
            info={
                "epochs": outcome.epochs,
                "full_epochs": full_epochs or outcome.epochs,
                "validation_ndcg": outcome.ndcg,
                "history_length": length,
                "dropout": round(dropout, 3),
            },
            state=state_of(model, sequences.vocabulary),
        )

    def _model(self, codes: Codes, *, length: int, dropout: float) -> SequenceModel:
        return SequenceModel(
            self.objective(length=length, dropout=dropout),
            n_items=len(codes),
            dimensions=self.dimensions,
            dropout=dropout,
            codes=codes,
        )


def _require_enough(sequences: Sequences, *, least: int = MINIMUM_EVENTS, beside: str = "") -> None:
    """Refuse what is too little to learn from, `beside` saying what else was asked of an interaction."""
    if len(sequences) < least:
        raise NotEnoughData(
            f"not enough data: have {len(sequences)} interactions that have a later one of the same "
            f"shopper{beside}, need {least}"
        )


@torch.no_grad()
def _item_vectors(
    model: SequenceModel, vocabulary: Rows, codes: Codes
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """`(n_items, d)` vectors of the log's items, and which they are: those seen, and others with features."""
    vectors = np.zeros((len(codes), model.dimensions), dtype=np.float32)
    vectors[vocabulary] = model.eval().table().numpy(force=True)
    seen = np.zeros(len(codes), dtype=np.bool_)
    seen[vocabulary] = True
    unseen = codes.any(axis=1) & ~seen
    vectors[unseen] = model.unseen(torch.from_numpy(codes[unseen])).numpy(force=True)
    return vectors, seen | unseen
