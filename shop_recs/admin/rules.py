"""Merchandising rules: what is pinned, boosted, buried, hidden, capped or guaranteed a share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from shop_recs.admin.placements import FILTER_HELP, UsualField
from shop_recs.admin.preview import PreviewAdmin, RuleOnlookerForm, shown, slugs
from shop_recs.conf import get_product_model
from shop_recs.models import MerchandisingRule
from shop_recs.serving import preview
from shop_recs.serving.placements import Ask
from shop_recs.serving.retrieve import category_field
from shop_recs.serving.sound import require_own_function, require_runnable, require_sound_rule

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
        self.fields["categories"] = _categories()
        self.fields["placements"] = _placements(self.instance)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        cleaned["filter"] = {} if cleaned.get("filter") is None else cleaned["filter"]
        if not self.errors:
            require_own_function(cleaned["filter"])
            columns = {name: value for name, value in cleaned.items() if name not in ("products", "sources")}
            require_sound_rule(MerchandisingRule(**columns), lists_products=bool(cleaned["products"]))
            require_runnable(cleaned["filter"])
        return cleaned


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

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Products are searched for by name where the shop's own admin can do so."""
        return ("products", "sources") if self._searched else ()

    @property
    def raw_id_fields(self) -> tuple[str, ...]:  # type: ignore[override]
        """A list of all products would be too long to choose from."""
        return () if self._searched else ("products", "sources")

    @property
    def _searched(self) -> bool:
        try:
            products = self.admin_site._registry.get(get_product_model())
        except ImproperlyConfigured:
            return False  # E001 says so, and wants to be heard
        return bool(products and products.search_fields)

    def get_queryset(self, request: HttpRequest) -> QuerySet[MerchandisingRule]:
        return super().get_queryset(request).prefetch_related("sources")

    @admin.display(description=_("in force"), boolean=True)
    def running(self, rule: MerchandisingRule) -> bool:
        now = timezone.now()
        begun = rule.starts_at is None or rule.starts_at <= now
        return rule.enabled and begun and (rule.ends_at is None or rule.ends_at > now)

    @admin.display(description=_("where"))
    def everywhere(self, rule: MerchandisingRule) -> str:
        where = [*rule.placements, *rule.segments, *map(str, rule.sources.all())]
        if rule.categories:
            where.append(str(_("certain categories")))
        return ", ".join(where) or str(_("everywhere"))

    def previewed(self, obj: MerchandisingRule, form: Any, onlooker: dict[str, Any]) -> dict[str, Any]:
        keys = {name: [product.pk for product in form.cleaned_data[name]] for name in ("products", "sources")}
        ask = Ask(onlooker["placement"], onlooker["seeds"])
        before, after = preview.of_rule(obj, keys["products"], keys["sources"], ask, onlooker["shopper"])
        lists = [(_("Before"), shown(before)), (_("After"), shown(after, before=before))]
        return {"heading": after.heading, "lists": lists, "same": list(before) == list(after)}
