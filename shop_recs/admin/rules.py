"""Merchandising rules: what is pinned, boosted, buried, hidden, capped or guaranteed a share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.db.models import Model
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from shop_recs.admin.placements import FILTER_HELP, UsualField
from shop_recs.admin.preview import PreviewAdmin, RuleOnlookerForm, shown, slugs
from shop_recs.conf import get_product_model
from shop_recs.models import Interaction, MerchandisingRule
from shop_recs.serving import preview
from shop_recs.serving.catalogue import category_field
from shop_recs.serving.lookup import ListedPosition
from shop_recs.serving.placements import Ask
from shop_recs.serving.sound import require_harmless, require_runnable, require_sound_rule

if TYPE_CHECKING:
    AnyForm = forms.ModelForm[MerchandisingRule]
    ChoiceOfRows = forms.ModelMultipleChoiceField[Any]
else:
    AnyForm, ChoiceOfRows = forms.ModelForm, forms.ModelMultipleChoiceField


class WordsField(forms.CharField):
    """A list of words, written with commas between them."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [word for part in (value or "").split(",") if (word := part.strip())]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


class KeysField(ChoiceOfRows):
    """A list of keys, chosen by name."""

    def prepare_value(self, value: Any) -> Any:
        return value

    def clean(self, value: Any) -> Any:
        return [str(chosen.pk) for chosen in super().clean(value)]


class IdsInput(forms.TextInput):
    """Ids with commas between them."""

    def format_value(self, value: Any) -> str | None:
        return ", ".join(map(str, value)) if isinstance(value, list) else super().format_value(value)


class ProductsField(ChoiceOfRows):
    """Keys of products in the order in which they are named.

    Args:
        named: those that the rule has already; what of them is gone stays, lest a condition become empty.
    """

    def __init__(self, *, named: Sequence[Any], **kwargs: Any) -> None:
        products = get_product_model()._default_manager.all()
        super().__init__(products.order_by(ListedPosition(named), "pk"), required=False, **kwargs)
        self.named = [str(key) for key in named]

    def clean(self, value: Any) -> Any:
        if isinstance(value, str):
            value = [key for part in value.split(",") if (key := part.strip())]
        super().clean(value)
        there = set(
            map(
                str,
                get_product_model()._default_manager.filter(pk__in=self.named).values_list("pk", flat=True),
            )
        )
        gone = (key for key in self.named if key not in there)
        return list(dict.fromkeys([*map(str, value or ()), *gone]))


class RuleForm(AnyForm):
    """A rule that says what it does with which products."""

    filter = UsualField(
        label=capfirst(_("filter")),
        required=False,
        help_text=FILTER_HELP,
    )
    segments = WordsField(label=capfirst(_("segments")), required=False, help_text=_("Separated by commas."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["products"] = _products(self.instance.products, capfirst(_("products")))
        self.fields["sources"] = _products(
            self.instance.sources,
            capfirst(_("source products")),
            help_text=_("In force where a list starts from one of these."),
        )
        self.fields["categories"] = _categories()
        self.fields["placements"] = _placements(self.instance)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        cleaned["filter"] = {} if cleaned.get("filter") is None else cleaned["filter"]
        if not self.errors:
            require_harmless(cleaned["filter"])
            require_sound_rule(MerchandisingRule(**cleaned))
            require_runnable(cleaned["filter"])
        return cleaned


def _products(keys: Sequence[Any], label: Any, **words: Any) -> forms.Field:
    """Products, searched for by name where the shop's own admin can do so, else by their ids."""
    products = admin.site._registry.get(get_product_model())
    if products and products.search_fields:
        relation = Interaction._meta.get_field("product")
        words["widget"] = AutocompleteSelectMultiple(relation, admin.site)
    else:
        words["widget"] = IdsInput
    return ProductsField(named=keys, label=label, **words)


def _placements(rule: MerchandisingRule) -> forms.Field:
    """The placements to choose from."""
    # Without a box for one that is gone its rule would be saved as one for all of them.
    known = dict.fromkeys([*slugs(), *rule.placements])
    return forms.MultipleChoiceField(
        label=capfirst(_("placements")),
        required=False,
        choices=[(slug, slug) for slug in known],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None: in force in all."),
    )


def _categories() -> forms.Field:
    """The categories of the shop to choose from, or to be written where they are no rows."""
    name = category_field(get_product_model())
    related = get_product_model()._meta.get_field(name).related_model if name else None
    words: dict[str, Any] = {
        "label": capfirst(_("categories")),
        "required": False,
        "help_text": _("In force where a list is of one, or starts from a product of one."),
    }
    if isinstance(related, type) and issubclass(related, Model):
        return KeysField(related._default_manager.all(), **words)
    return WordsField(**words)


@admin.register(MerchandisingRule)
class MerchandisingRuleAdmin(PreviewAdmin):
    """Rules over the lists, with what each changes."""

    form = RuleForm
    onlooker_form = RuleOnlookerForm
    list_display = ["name", "action", "running", "everywhere", "starts_at", "ends_at", "percent", "priority"]
    list_filter = ["enabled", "action"]
    search_fields = ["name", "label"]
    fieldsets = [
        (None, {"fields": ["name", "enabled", "action"]}),
        (_("Products"), {"fields": ["products", "filter"]}),
        (_("How"), {"fields": ["position", "factor", "at_most", "per", "share", "label"]}),
        (_("Where"), {"fields": ["placements", "sources", "categories", "segments"]}),
        (_("When"), {"fields": ["starts_at", "ends_at", "priority", "percent"]}),
    ]

    @admin.display(description=_("in force"), boolean=True)
    def running(self, rule: MerchandisingRule) -> bool:
        now = timezone.now()
        begun = rule.starts_at is None or rule.starts_at <= now
        return rule.enabled and begun and (rule.ends_at is None or rule.ends_at > now)

    @admin.display(description=_("where"))
    def everywhere(self, rule: MerchandisingRule) -> str:
        where = [*rule.placements, *rule.segments]
        if rule.sources:
            where.append(str(_("certain products")))
        if rule.categories:
            where.append(str(_("certain categories")))
        return ", ".join(where) or str(_("everywhere"))

    def previewed(self, obj: MerchandisingRule, form: Any, onlooker: dict[str, Any]) -> dict[str, Any]:
        ask = Ask(onlooker["placement"], onlooker["seeds"])
        tried = preview.of_rule(obj, ask, onlooker["shopper"])
        before, after = tried.before, tried.after
        lists = [(_("Before"), shown(before)), (_("After"), shown(after, before=before))]
        same = list(before) == list(after)
        return {"heading": after.heading, "lists": lists, "same": same, "holds": tried.holds}
