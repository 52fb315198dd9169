"""Versions to look at, and people who may do something about them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from shop_recs.models import ActiveModel, ModelVersion


def quality(ndcg: float) -> dict[str, float]:
    return {
        f"{name}@{length}": ndcg
        for name in ("ndcg", "recall", "hit_rate", "mrr", "coverage")
        for length in (10, 20)
    }


def metrics(ndcg: float) -> dict[str, Any]:
    """What an evaluation stores; discovery is a tenth of all."""
    return {
        "split": {"by": "time", "cases": 120},
        **{
            who: {"all": quality(value), "discovery": quality(value / 10)}
            for who, value in (("model", ndcg), ("popular", 0.0848), ("history", 0.2222))
        },
    }


@pytest.fixture
def make_version(db: None) -> Any:
    """Make a version that is ready, or as told: `make_version("als", ndcg=0.25)`."""

    def make(algorithm: str = "als", *, ndcg: float = 0.25, **fields: Any) -> ModelVersion:
        fields = {
            "status": ModelVersion.Status.READY,
            "metrics": metrics(ndcg),
            "interaction_count": 12345,
            "finished_at": timezone.now(),
        } | fields
        return ModelVersion.objects.create(algorithm=algorithm, **fields)

    return make


@pytest.fixture
def active(make_version: Any) -> ModelVersion:
    """The version of `als` that is served."""
    version: ModelVersion = make_version("als", ndcg=0.25)
    ActiveModel.objects.create(algorithm="als", version=version)
    return version


@pytest.fixture
def training(db: None) -> ModelVersion:
    """A training of `sasrec` under way."""
    return ModelVersion.objects.create(
        algorithm="sasrec", phase="fitting", percent=41.6, eta_seconds=150.0, options={"dimensions": 64}
    )


@pytest.fixture
def staff_client(make_staff: Any) -> Any:
    """Log somebody in with some permissions of ours: `staff_client("view_modelversion", "retrain")`."""

    def log_in(*codenames: str) -> Client:
        client = Client()
        client.force_login(make_staff(*codenames))
        return client

    return log_in
