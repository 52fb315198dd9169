"""Trains RecTools' SASRec and prints its learning curve; runs in the environment that has RecTools."""

from __future__ import annotations

import argparse
import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pytorch_lightning import Trainer, seed_everything
from pytorch_lightning.callbacks import LambdaCallback
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

from benchmarks.rectools.curves import Observer
from shop_recs.algorithms.metrics import UNRANKED, ranking_metrics

K = 10

Integers = npt.NDArray[np.int64]
Split = Mapping[str, npt.NDArray[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("split", type=Path, help="file of arrays, as `benchmarks.rectools` writes it")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--options", type=json.loads, required=True, help="of `SASRecModel`, as JSON")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.INFO)
    seed_everything(0, verbose=False)
    train(SASRecModel(**arguments.options), np.load(arguments.split), seconds=60.0 * arguments.minutes)


def train(model: SASRecModel, split: Split, *, seconds: float) -> None:
    """Fit until the time is over; the preparation is told apart, the judging not counted."""
    histories = dataset(split["log"])
    observer = Observer(lambda: ndcg(model, histories, split["users"], split["targets"]))

    def after_batch(trainer: Trainer, *_: Any) -> None:
        trainer.should_stop = observer.seconds > seconds
        observer.look(trainer.global_step / trainer.num_training_batches, now=trainer.should_stop)

    # A callback of functions, since the model fits with a deep copy of its trainer.
    model._trainer = Trainer(
        max_epochs=-1,
        callbacks=[
            LambdaCallback(on_train_start=lambda *_: observer.begin(), on_train_batch_end=after_batch)
        ],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
    )
    model.fit(dataset(split["train"]))


def dataset(log: npt.NDArray[Any]) -> Dataset:
    """A log of users, items and times as RecTools reads it."""
    interactions = pd.DataFrame(
        {
            Columns.User: log["users"],
            Columns.Item: log["items"],
            Columns.Weight: 1.0,
            Columns.Datetime: pd.to_datetime(log["times"], unit="s"),
        }
    )
    return Dataset.construct(interactions)


def ndcg(model: SASRecModel, histories: Dataset, users: Integers, targets: Integers) -> float:
    """NDCG@10 of the lists that the model under training recommends now; each user has one target."""
    fitted, model.is_fitted = model.is_fitted, True
    lists = model.recommend(users, histories, k=K, filter_viewed=True)
    model.is_fitted = fitted
    model.lightning_model.train()
    target = pd.Series(targets, index=users)
    found = lists[lists[Columns.Item].to_numpy() == target[lists[Columns.User]].to_numpy()]
    ranks = pd.Series(UNRANKED, index=users)
    ranks[found[Columns.User]] = found[Columns.Rank].to_numpy()
    return ranking_metrics(ranks.to_numpy(), np.arange(len(users)), k=K)[f"ndcg@{K}"]


if __name__ == "__main__":
    main()
