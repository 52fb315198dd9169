"""The log of what shoppers did: appended, never changed, the truth everything else is derived from."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shop_recs import conf
from shop_recs.models.visitors import Visitor


class Kind(models.IntegerChoices):
    """What a shopper did with a product."""

    VIEW = 1, _("view")
    FAVOURITE = 2, _("favourite")
    CART = 3, _("cart")
    PURCHASE = 4, _("purchase")

    @classmethod
    def named(cls, name: str) -> Self:
        """The kind of a lower-case name, as the API and import files write it.

        Raises:
            KeyError: there is no such kind.
        """
        return cls[name.upper()]


KIND_NAMES = {kind: kind.name.lower() for kind in Kind}


class InteractionQuerySet(models.QuerySet["Interaction"]):
    """Questions asked of the log."""

    def of(self, visitor: Visitor) -> Self:
        """Interactions of the shopper behind a visitor: all visitors of the same user, or this one alone."""
        if visitor.user_id is None:
            return self.filter(visitor=visitor)
        return self.filter(visitor__user_id=visitor.user_id)

    def since(self, moment: datetime) -> Self:
        """Interactions that happened at `moment` or later."""
        return self.filter(occurred_at__gte=moment)

    def latest_first(self) -> Self:
        """Most recent first; the event's id breaks ties so that the order is always the same."""
        return self.order_by("-occurred_at", "-id")


class Interaction(models.Model):
    """One thing a shopper did with a product.

    The product has no database constraint, so that the log neither slows down nor survives differently when a
    product is deleted; whoever joins the two simply loses orphans.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    visitor = models.ForeignKey(
        Visitor,
        on_delete=models.CASCADE,
        related_name="interactions",
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
    kind = models.PositiveSmallIntegerField(_("kind"), choices=Kind)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    unit_price = models.DecimalField(_("unit price"), max_digits=14, decimal_places=4, null=True, blank=True)
    order_reference = models.CharField(_("order reference"), max_length=64, blank=True, default="")
    recommendation_id = models.UUIDField(_("recommendation"), null=True, blank=True)
    occurred_at = models.DateTimeField(_("occurred at"), default=timezone.now)
    received_at = models.DateTimeField(_("received at"), default=timezone.now)

    objects = InteractionQuerySet.as_manager()

    class Meta:
        verbose_name = _("interaction")
        verbose_name_plural = _("interactions")
        indexes = [
            models.Index(fields=["visitor", "-occurred_at"], name="shop_recs_visitor_history"),
        ]

    def __str__(self) -> str:
        return f"{KIND_NAMES.get(Kind(self.kind), self.kind)} of {self.product_id}"


class OfKind(models.Manager[Interaction]):
    """The interactions of one kind."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind

    def get_queryset(self) -> models.QuerySet[Interaction]:
        return InteractionQuerySet(self.model, using=self._db).filter(kind=self.kind)


class View(Interaction):
    """A product page seen."""

    objects: ClassVar[models.Manager[Interaction]] = OfKind(Kind.VIEW)  # type: ignore[assignment]

    class Meta:
        proxy = True
        verbose_name = _("view")
        verbose_name_plural = _("views")


class Favourite(Interaction):
    """A product put on a wish list."""

    objects: ClassVar[models.Manager[Interaction]] = OfKind(Kind.FAVOURITE)  # type: ignore[assignment]

    class Meta:
        proxy = True
        verbose_name = _("favourite")
        verbose_name_plural = _("favourites")


class CartAddition(Interaction):
    """A product put into the cart."""

    objects: ClassVar[models.Manager[Interaction]] = OfKind(Kind.CART)  # type: ignore[assignment]

    class Meta:
        proxy = True
        verbose_name = _("cart addition")
        verbose_name_plural = _("cart additions")


class Purchase(Interaction):
    """A product bought."""

    objects: ClassVar[models.Manager[Interaction]] = OfKind(Kind.PURCHASE)  # type: ignore[assignment]

    class Meta:
        proxy = True
        verbose_name = _("purchase")
        verbose_name_plural = _("purchases")
