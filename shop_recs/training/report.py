"""The figures of an evaluation as they are stored on a version and shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from shop_recs.algorithms.base import Fitted
from shop_recs.training.evaluation import Split, evaluate

LENGTHS = (10, 20)


def figures(fitted: Fitted, split: Split, *, ks: Sequence[int] = LENGTHS) -> dict[str, Any]:
    """Judge a model beside the baselines.

    Returns:
        `{"split": {…}, "model": {"all": {"ndcg@10": …}, "discovery": {…}, "groups": {"all": {"new": {…}}}},
        "popular": …, "history": …}`, in JSON types; a part without targets is left out.
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
        "model": {part: judged[part] for part in ("all", "discovery", "groups") if part in judged},
        **judged["baselines"],
    }
