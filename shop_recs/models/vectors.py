"""Where item vectors live: one partition per model version, loaded whole, attached, dropped whole."""

from __future__ import annotations

from django.db import models
from pgvector.django import VectorField

from shop_recs import conf
from shop_recs.models.versions import ModelVersion


class ItemVector(models.Model):
    """The vector of a product in a model version.

    The table is partitioned by list of `version`; Django sees the parent only. The vector has no declared
    number of dimensions, since that is a fact of the version. Rows of deleted products stay until the version
    is dropped: every reader joins the product.
    """

    pk = models.CompositePrimaryKey("product_id", "version_id")
    product = models.ForeignKey(
        conf.product_model_string(),
        on_delete=models.DO_NOTHING,
        related_name="shop_recs_vectors",
        db_constraint=False,
        db_index=False,
    )
    version = models.ForeignKey(
        ModelVersion, on_delete=models.DO_NOTHING, related_name="vectors", db_constraint=False, db_index=False
    )
    vector = VectorField()

    def __str__(self) -> str:
        return f"vector of {self.product_id} in {self.version_id}"
