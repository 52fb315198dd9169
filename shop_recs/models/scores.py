"""What the log comes to per product, rolled up now and then."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop_recs import conf


class ItemScore(models.Model):
    """How popular a product is, or how much more so than usual, in the whole shop or in a segment of it.

    The segment is empty for the whole shop. Rows of deleted products stay until the next roll-up: every
    reader joins the product.
    """

    class Ranking(models.TextChoices):
        """What a score is about."""

        POPULAR = "popular", _("popular")
        TRENDING = "trending", _("trending")
        UNCHOSEN = "unchosen", _("chosen by nobody")

    pk = models.CompositePrimaryKey("ranking", "segment", "product_id")
    ranking = models.CharField(max_length=16, choices=Ranking)
    segment = models.CharField(max_length=64, default="", blank=True)
    product = models.ForeignKey(
        conf.product_model_string(),
        on_delete=models.DO_NOTHING,
        related_name="shop_recs_scores",
        db_constraint=False,
        db_index=False,
    )
    score = models.FloatField()

    class Meta:
        indexes = [
            models.Index("ranking", "segment", models.F("score").desc(), name="shop_recs_best_scores"),
            models.Index(fields=["product"], name="shop_recs_scores_of_product"),
        ]

    def __str__(self) -> str:
        return f"{self.ranking} {self.product_id}: {self.score:.3g}"


class RepeatInterval(models.Model):
    """After how many days those who bought a product again did so: the median, and of how many buyers."""

    product = models.OneToOneField(
        conf.product_model_string(),
        on_delete=models.DO_NOTHING,
        primary_key=True,
        related_name="+",
        db_constraint=False,
    )
    days = models.FloatField()
    buyers = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.product_id} every {self.days:.0f} days"
