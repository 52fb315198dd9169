"""Trains `sasrec` and prints its learning curve, judged as it would be served."""

from __future__ import annotations

import argparse
import json
from typing import Any
from unittest import mock

import numpy as np
import torch

from benchmarks.logs import PROTOCOLS
from benchmarks.rectools.curves import Observer
from shop_recs.algorithms.base import FittedVectors
from shop_recs.algorithms.metrics import ranking_metrics, target_ranks
from shop_recs.algorithms.sasrec import SASRec
from shop_recs.algorithms.sequence import recommender
from shop_recs.algorithms.sequence.export import encoder_of
from shop_recs.algorithms.sequence.trainer import Trainer
from shop_recs.algorithms.splits import Split

K = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=sorted(PROTOCOLS), required=True)
    parser.add_argument("--options", type=json.loads, required=True, help="of `sasrec`, as JSON")
    arguments = parser.parse_args()
    protocol = PROTOCOLS[arguments.data]
    train(SASRec(**arguments.options), protocol.validation(protocol.read()))


def train(algorithm: SASRec, split: Split) -> None:
    """Fit as any training does, early stopping and export counted; the judging is not."""
    trainers: list[Trainer] = []
    observer = Observer(lambda: ndcg(now(trainers[0], n_items=split.train.n_items), split))

    def watched(*positional: Any, **named: Any) -> Trainer:
        trainers.append(Trainer(*positional, **named))
        observer.begin()
        return trainers[0]

    def progress(phase: str, fraction: float) -> None:
        if phase == "fit":
            observer.look(fraction * trainers[0].epochs)

    with mock.patch.object(recommender, "Trainer", watched):
        fitted = algorithm.fit(split.train, progress=progress)
    observer.judge = lambda: ndcg(fitted, split)
    observer.look(trainers[0].done * trainers[0].epochs, now=True)


@torch.no_grad()
def now(trainer: Trainer, *, n_items: int) -> FittedVectors:
    """What the training would return if it stopped here."""
    model, vocabulary = trainer.averaged, trainer.sequences.vocabulary
    vectors = np.zeros((n_items, model.dimensions), dtype=np.float32)
    vectors[vocabulary] = model.eval().table().numpy(force=True)
    known = np.isin(np.arange(n_items), vocabulary)
    encoder = encoder_of(model, history_length=trainer.length)
    return FittedVectors(item_vectors=vectors, known=known, encoder=encoder, unit_norm=True)


def ndcg(fitted: FittedVectors, split: Split) -> float:
    """NDCG@10 of the cases among all items that are not in their histories."""
    ranks = []
    for chunk, scores in split.scores(fitted):
        split.hide_seen(scores, chunk)
        rows = split.targets_of(chunk)
        ranks.append(target_ranks(scores, split.cases[rows] - chunk.start, split.targets[rows]))
    return ranking_metrics(np.concatenate(ranks), split.cases, k=K)[f"ndcg@{K}"]


if __name__ == "__main__":
    main()
