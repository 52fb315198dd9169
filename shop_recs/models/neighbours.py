"""Where neighbours live: one partition per model version, as with item vectors."""

from __future__ import annotations

from typing import Any

from django.db import models

from shop_recs import conf
from shop_recs.models.versions import ModelVersion


def _product_key(related_name: str) -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(
        conf.product_model_string(),
        on_delete=models.DO_NOTHING,
        related_name=related_name,
        db_constraint=False,
        db_index=False,
    )


class ItemNeighbour(models.Model):
    """A product that goes with another one in a model version, and how well.

    The table is partitioned by list of `version`; the rows of a product lie together, the best first. Rows of
    deleted products stay until the version is dropped: every reader joins the product.
    """

    pk = models.CompositePrimaryKey("product_id", "neighbour_id", "version_id")
    version = models.ForeignKey(
        ModelVersion,
        on_delete=models.DO_NOTHING,
        related_name="neighbours",
        db_constraint=False,
        db_index=False,
    )
    product = _product_key("shop_recs_neighbours")
    neighbour = _product_key("+")
    score = models.FloatField()
    support = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.neighbour_id} beside {self.product_id} in {self.version_id}"
