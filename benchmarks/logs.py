"""Real logs as training data: each with its protocol, read from `SHOP_RECS_DATA`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shop_recs.algorithms.base import SECONDS_PER_DAY, ItemFeature, TrainingData
from shop_recs.algorithms.splits import Split, leave_one_out, split_by_time
from shop_recs.bench.log import training_data
from shop_recs.training.features import categories, ranges

FOLDER = Path(os.environ.get("SHOP_RECS_DATA", "../shared/data"))
VIEW, FAVOURITE, CART, PURCHASE = 1, 2, 3, 4

Column = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a log is read and split.

    Attributes:
        read: the log, with the weights of its kinds and their half-life.
        test: the split that figures are reported on.
        validation: a split of what `test` may learn from, for choosing options.
    """

    read: Callable[[], TrainingData]
    test: Callable[[TrainingData], Split]
    validation: Callable[[TrainingData], Split]


def online_retail() -> TrainingData:
    """UCI Online Retail: purchases of real products by known customers; a basket is an invoice."""
    table = _retail_purchases()
    seconds = table["InvoiceDate"].to_numpy().astype("datetime64[s]").astype(np.float64)
    return training_data(
        table["CustomerID"].to_numpy(),
        table["StockCode"].to_numpy(),
        np.full(len(table), PURCHASE),
        _first_of_each(table["InvoiceNo"].to_numpy(), seconds),
        half_life_days=90.0,
    )


def online_retail_features() -> tuple[ItemFeature, ...]:
    """Median price, and first and last word of what an invoice calls it."""
    table = _retail_purchases()
    _, first, item = np.unique(table["StockCode"].to_numpy(), return_index=True, return_inverse=True)
    order = np.lexsort((table["UnitPrice"].to_numpy(), item))
    starts, counts = np.unique(item[order], return_index=True, return_counts=True)[1:]
    names = [str(name).split() or [""] for name in table["Description"].take(first).to_pylist()]
    return (
        ranges("price", table["UnitPrice"].to_numpy()[order][starts + counts // 2].tolist()),
        categories("first word", [words[0] for words in names]),
        categories("last word", [words[-1] for words in names]),
    )


def _retail_purchases() -> pa.Table:
    """What known customers bought: no cancellations, no negative quantities, no codes such as POST and M."""
    table = pq.read_table(FOLDER / "online-retail" / "online_retail.parquet")
    product = re.compile(r"\d{5}[A-Za-z]*")
    codes = [str(code) for code in table["StockCode"].to_pylist()]
    invoices = np.array([str(invoice) for invoice in table["InvoiceNo"].to_pylist()])
    kept = np.array([product.fullmatch(code) is not None for code in codes])
    kept &= pc.fill_null(pc.is_finite(table["CustomerID"].cast("float64")), False).to_numpy()
    kept &= table["Quantity"].to_numpy() > 0
    kept &= np.char.find(invoices, "C") != 0
    return table.filter(pa.array(kept))


def tmall() -> TrainingData:
    """Tmall: favourites, carts and purchases of nine days."""
    table = pq.read_table(FOLDER / "tmall" / "events.parquet")
    names = {"favourite": FAVOURITE, "cart": CART, "purchase": PURCHASE}
    return training_data(
        table["user_id"].to_numpy(),
        table["item_id"].to_numpy(),
        np.array([names[event] for event in table["event"].to_pylist()]),
        table["ts"].to_numpy().astype(np.float64),
        kind_weights={FAVOURITE: 2.0, CART: 3.0, PURCHASE: 1.0},
        half_life_days=2.0,
    )


def movielens() -> TrainingData:
    """MovieLens-1M in the order of the papers; it has no times, so one rating a minute."""
    return _ordered("movielens-1m")


def beauty() -> TrainingData:
    """Amazon Beauty, 5-core, in the order of the papers; it has no times, so one review a minute."""
    return _ordered("amazon-beauty")


def movielens_features() -> tuple[ItemFeature, ...]:
    """All genres, the first of them, and the year, which the title ends with."""
    table = pq.read_table(FOLDER / "movielens-1m" / "items.parquet").sort_by("item_id")
    genres = table["genres"].to_pylist()
    return (
        categories("genres", genres),
        categories("genre", [genre.split("|")[0] for genre in genres]),
        ranges("year", [int(title[-5:-1]) for title in table["title"].to_pylist()]),
    )


def beauty_features() -> tuple[ItemFeature, ...]:
    """Brand and categories, numbered together by the papers: the first and the last three of each list."""
    table = pq.read_table(FOLDER / "amazon-beauty" / "item_attributes.parquet").sort_by("item_id")
    attributes = table["attributes"].to_pylist()
    return tuple(
        categories(
            f"attribute {place}",
            [row[place] if -len(row) <= place < len(row) else None for row in attributes],
        )
        for place in (0, -1, -2, -3)
    )


def _ordered(folder: str) -> TrainingData:
    """A log that tells only the order of each user's items."""
    table = pq.read_table(FOLDER / folder / "sequences.parquet")
    positions = table["position"].to_numpy()
    users, items = table["user_id"].to_numpy(), table["item_id"].to_numpy()
    return training_data(users, items, np.full(len(users), VIEW), 1.5e9 + 60.0 * positions)


def _first_of_each(groups: Column, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """For every row the first time of its group; an invoice took minutes to write."""
    names, group = np.unique(groups, return_inverse=True)
    first = np.full(len(names), np.inf)
    np.minimum.at(first, group, times)
    return first[group]


def _moment(text: str) -> float:
    """Unix seconds of an ISO date and time in UTC."""
    return float(np.datetime64(text, "s").astype(np.int64))


def _first_basket_after(moment: str) -> Callable[[TrainingData], Split]:
    def split(data: TrainingData) -> Split:
        return split_by_time(data, cut=_moment(moment), basket_seconds=0.0, max_cases=None)

    return split


def _purchases_of_the_day_from(moment: str) -> Callable[[TrainingData], Split]:
    def split(data: TrainingData) -> Split:
        until = data.select(data.times < _moment(moment) + SECONDS_PER_DAY)
        return split_by_time(until, cut=_moment(moment), target_kinds=[PURCHASE], max_cases=None)

    return split


def _before(moment: str, split: Callable[[TrainingData], Split]) -> Callable[[TrainingData], Split]:
    def split_of_the_past(data: TrainingData) -> Split:
        return split(data.select(data.times < _moment(moment), now=_moment(moment)))

    return split_of_the_past


def _all_but_the_last(data: TrainingData) -> Split:
    """Leave out the item before the last, on a log that does not have the last."""
    return leave_one_out(data.select(np.arange(len(data)) < data.offsets[data.users + 1] - 1))


def _with(
    features: Callable[[], tuple[ItemFeature, ...]], read: Callable[[], TrainingData]
) -> Callable[[], TrainingData]:
    return lambda: replace(read(), features=features())


PROTOCOLS = {
    "online-retail": Protocol(
        read=online_retail,
        test=_first_basket_after("2011-11-10T00:00"),
        validation=_before("2011-11-10T00:00", _first_basket_after("2011-10-10T00:00")),
    ),
    # Days are those of China: the ninth begins at 16:00 UTC of the eighth.
    "tmall": Protocol(
        read=tmall,
        test=_purchases_of_the_day_from("2017-12-02T16:00"),
        validation=_before("2017-12-02T16:00", _purchases_of_the_day_from("2017-12-01T16:00")),
    ),
    "movielens-1m": Protocol(read=movielens, test=leave_one_out, validation=_all_but_the_last),
    "beauty": Protocol(read=beauty, test=leave_one_out, validation=_all_but_the_last),
}
# What is published learns from identities alone, so features have names of their own.
PROTOCOLS |= {
    f"{name}-features": replace(PROTOCOLS[name], read=_with(features, PROTOCOLS[name].read))
    for name, features in (
        ("online-retail", online_retail_features),
        ("movielens-1m", movielens_features),
        ("beauty", beauty_features),
    )
}
