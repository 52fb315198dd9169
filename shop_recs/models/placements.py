"""Where a list stands and what it shows: defaults in the settings, rows of the admin over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

MAX_LIMIT = 100


class PlacementKind(models.TextChoices):
    """What a list answers."""

    RECOMMENDED_FOR_YOU = "recommended_for_you", _("Recommended for you")
    SIMILAR_ITEMS = "similar_items", _("Similar items")
    BOUGHT_TOGETHER = "bought_together", _("Bought together")
    ALSO_BOUGHT = "also_bought", _("Customers also bought")
    BECAUSE_YOU_VIEWED = "because_you_viewed", _("Because of what you viewed")
    TRENDING = "trending", _("Trending now")
    POPULAR = "popular", _("Popular")
    NEW_ARRIVALS = "new_arrivals", _("New arrivals for you")
    RECENTLY_VIEWED = "recently_viewed", _("Recently viewed")
    STILL_IN_MIND = "still_in_mind", _("Still in mind?")
    BUY_AGAIN = "buy_again", _("Buy again")
    RANK = "rank", _("In your order")


class Exclusion(models.TextChoices):
    """What a list leaves out of all that the shopper had to do with."""

    CART = "cart", _("what is in the cart")
    PURCHASED = "purchased", _("what was bought")
    VIEWED = "viewed", _("what was viewed lately")


class Placement(models.Model):
    """A place in the shop's pages, named by its slug, and the list that stands there.

    `blend` maps the names of retrievers to weights; an empty one means what is usual for the kind, as does a
    `fallback` or an `exclude` that is None.
    """

    slug = models.SlugField(_("slug"), unique=True)
    kind = models.CharField(_("kind"), max_length=32, choices=PlacementKind)
    heading = models.CharField(_("heading"), max_length=200, blank=True, default="")
    limit = models.PositiveSmallIntegerField(
        _("products at most"), default=12, validators=[MinValueValidator(1), MaxValueValidator(MAX_LIMIT)]
    )
    blend = models.JSONField(_("blend"), default=dict, blank=True)
    filter = models.JSONField(_("filter"), default=dict, blank=True)
    fallback = models.JSONField(_("fallback"), null=True, blank=True, default=None)
    exclude = models.JSONField(_("leave out"), null=True, blank=True, default=None)
    days = models.PositiveSmallIntegerField(_("window in days"), null=True, blank=True)
    diversity = models.FloatField(
        _("diversity"), default=0.0, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    exploration = models.FloatField(
        _("exploration"), default=0.0, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    fatigue = models.FloatField(
        _("fatigue"), default=0.0, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("placement")
        verbose_name_plural = _("placements")
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    @classmethod
    def of_settings(cls, slug: str, entry: Mapping[str, Any]) -> Self:
        """The placement that an entry of `SHOP_RECS["PLACEMENTS"]` describes; it is not stored."""
        return cls(slug=slug, **{name.lower(): value for name, value in entry.items()})
