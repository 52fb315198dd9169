"""What shoppers were really shown: appended by browsers, old rows deleted again."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shop_recs.models.visitors import Visitor


class Impression(models.Model):
    """Products of one list that came into a visitor's view together.

    A list that is scrolled makes several. One row for all its products takes a quarter of the space of one
    for each, and less time to write. `products` maps keys, as text, to ranks: 1 is the first of the list.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    visitor = models.ForeignKey(
        Visitor,
        on_delete=models.CASCADE,
        related_name="impressions",
        db_constraint=False,
        db_index=False,
        verbose_name=_("visitor"),
    )
    recommendation_id = models.UUIDField(_("recommendation"))
    placement = models.CharField(_("placement"), max_length=50, blank=True, default="")
    products = models.JSONField(_("products"))
    seen_at = models.DateTimeField(_("seen at"), default=timezone.now)

    class Meta:
        verbose_name = _("impression")
        verbose_name_plural = _("impressions")
        indexes = [models.Index(fields=["visitor", "-seen_at"], name="shop_recs_visitor_impressions")]

    def __str__(self) -> str:
        return f"{len(self.products)} of {self.recommendation_id}"
