"""What a merchandiser wants of the lists, beside what the models say."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from shop_recs.models.placements import MAX_LIMIT


class Action(models.TextChoices):
    """What a rule does with its products."""

    PIN = "pin", _("pin to a position")
    BOOST = "boost", _("boost")
    BURY = "bury", _("bury")
    HIDE = "hide", _("hide")
    CAP = "cap", _("cap per brand or category")
    SHARE = "share", _("guarantee a share")


class MerchandisingRule(models.Model):
    """A rule over lists: what it does, with which products, and where and when it is in force.

    Its products are those of `products`, or else those that `filter` lets pass, which is written as that of a
    placement. A condition that is left empty always holds. Products and sources are keys, in the order in
    which they were named, and stay when the product goes: a condition does not become empty by that.
    """

    name = models.CharField(_("name"), max_length=100)
    enabled = models.BooleanField(_("enabled"), default=True)
    action = models.CharField(_("action"), max_length=8, choices=Action)
    products = models.JSONField(_("products"), default=list, blank=True)
    filter = models.JSONField(_("filter"), default=dict, blank=True)
    position = models.PositiveSmallIntegerField(
        _("position"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_LIMIT)],
        help_text=_("Pin: from 1; further products take the positions after it."),
    )
    factor = models.FloatField(
        _("factor"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("Boost: above 1, by default 2. Bury: below 1, by default 0.5."),
    )
    at_most = models.PositiveSmallIntegerField(
        _("at most"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Cap: products of one value in a list."),
    )
    per = models.CharField(
        _("per"),
        max_length=100,
        blank=True,
        default="",
        help_text=_("Cap: field of the product whose values are counted, “brand” say."),
    )
    share = models.FloatField(
        _("share"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("Share: of the places of a list, 0 to 1."),
    )
    label = models.CharField(
        _("label"),
        max_length=50,
        blank=True,
        default="",
        help_text=_("Shown on products that are in the list by this rule, “Sponsored” say."),
    )
    placements = models.JSONField(_("placements"), default=list, blank=True)
    sources = models.JSONField(
        _("source products"),
        default=list,
        blank=True,
        help_text=_("In force where a list starts from one of these."),
    )
    categories = models.JSONField(
        _("categories"),
        default=list,
        blank=True,
        help_text=_("In force where a list is of one, or starts from a product of one."),
    )
    segments = models.JSONField(_("segments"), default=list, blank=True)
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    priority = models.SmallIntegerField(
        _("priority"), default=0, help_text=_("Of two rules that want the same place the higher gets it.")
    )
    percent = models.PositiveSmallIntegerField(
        _("percent of traffic"),
        default=100,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("Always the same shoppers; below 100 none that is unknown."),
    )

    class Meta:
        verbose_name = _("merchandising rule")
        verbose_name_plural = _("merchandising rules")
        ordering = ["-priority", "pk"]

    def __str__(self) -> str:
        return self.name
