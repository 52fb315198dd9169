"""What shoppers do not want to be shown, by their own word."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shop_recs import conf
from shop_recs.models.visitors import Visitor


class FeedbackKind(models.TextChoices):
    """What a shopper says of a product: show it no more, or also forget that I looked at it."""

    HIDE = "hide", _("hidden")
    NOT_INTERESTED = "not_interested", _("not interested")


class Feedback(models.Model):
    """A product that a visitor asked to be spared; it counts for all visitors of the same user."""

    visitor = models.ForeignKey(
        Visitor,
        on_delete=models.CASCADE,
        related_name="feedback",
        db_constraint=False,
        db_index=False,
        verbose_name=_("visitor"),
    )
    product = models.ForeignKey(
        conf.product_model_string(),
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("product"),
    )
    kind = models.CharField(_("kind"), max_length=16, choices=FeedbackKind)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        constraints = [
            models.UniqueConstraint(fields=["visitor", "product"], name="shop_recs_one_feedback"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.product_id}"
