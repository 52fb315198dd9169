"""The figures of an evaluation as they are stored on a version and shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shop_recs.algorithms.base import Fitted
from shop_recs.training.evaluation import Split, evaluate

LENGTHS = (10, 20)


def figures(fitted: Fitted, split: Split, *, ks: Sequence[int] = LENGTHS) -> dict[str, Any]:
    """Judge a model beside the baselines.

    Returns:
        `{"split": {…}, "model": {"all": {"ndcg@10": …}, "discovery": {…}}, "popular": …, "history": …}`, in
        JSON types; a part without targets is left out.
    """
    judged = evaluate(fitted, split, ks=ks)
    return {
        "split": {
            "cases": judged["cases"],
            "cold_targets": judged["cold_targets"],
            "interactions": len(split.train),
            "until": datetime.fromtimestamp(split.train.now, tz=UTC).isoformat(),
            "seconds": judged["seconds"],
        },
        "model": _parts(judged),
        **{name: _parts(baseline) for name, baseline in judged["baselines"].items()},
    }


def _parts(judged: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The figures for all targets and for discovery, a figure in the first 10 places named `ndcg@10`."""
    return {
        part: {re.sub(r"_(\d+)$", r"@\1", name): value for name, value in judged[part].items()}
        for part in ("all", "discovery")
        if part in judged
    }
