"""Placements: what stands where, edited by who looks after the shop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.forms import JSONField, ModelForm, Textarea
from django.utils.translation import gettext_lazy as _

from shop_recs.admin.preview import PreviewAdmin, shown
from shop_recs.models import Placement
from shop_recs.serving import preview
from shop_recs.serving.placements import Ask
from shop_recs.serving.sound import require_harmless, require_runnable, require_sound

if TYPE_CHECKING:
    AnyForm = ModelForm[Placement]
else:
    AnyForm = ModelForm


FILTER_HELP = _('{"price__lt": 50}, the name of a method of the queryset, or the path of a function.')


class UsualField(JSONField):
    """JSON, or nothing for what is usual."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "widget": Textarea(attrs={"rows": 2, "cols": 60})})

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None or value == {} else super().prepare_value(value)


class PlacementForm(AnyForm):
    """A placement that can make a list."""

    class Meta:
        field_classes: ClassVar = dict.fromkeys(("blend", "filter", "fallback", "exclude"), UsualField)
        help_texts: ClassVar = {
            "heading": _("Empty: as usual for the kind; {title} names what was viewed last."),
            "blend": _('Retrievers and their weights: {"personal": 1, "trending": 0.5}.'),
            "filter": _(
                '{"price__lt": 50}, the name of a method of the queryset, or the path of a function.'
            ),
            "fallback": _('What fills a short list up: ["ladder", "popular", "newest"]; []: nothing.'),
            "exclude": _('Of ["cart", "purchased", "viewed"]; []: nothing.'),
            "days": _("Of new arrivals, recently viewed and still in mind."),
            "diversity": _("0 to 1: how much likeness to what stands above counts against a product."),
            "exploration": _("0 to 1: share of the places for what is new or seldom chosen."),
            "fatigue": _("0 to 1: what a product loses each time that it is shown in vain."),
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name in ("blend", "filter"):
            cleaned[name] = {} if cleaned.get(name) is None else cleaned[name]
        if not self.errors:
            require_harmless(cleaned["filter"])
            require_sound(Placement(**cleaned))
            require_runnable(cleaned["filter"])
        return cleaned


@admin.register(Placement)
class PlacementAdmin(PreviewAdmin):
    """The placements of the admin; those of the settings that it does not name are served as well."""

    form = PlacementForm
    list_display = ["slug", "kind", "heading", "limit", "enabled"]
    list_filter = ["kind", "enabled"]
    search_fields = ["slug", "heading"]
    fieldsets = [
        (None, {"fields": ["slug", "kind", "heading", "limit", "enabled"]}),
        (
            _("What is in it"),
            {
                "fields": [
                    *("blend", "filter", "fallback", "exclude"),
                    *("days", "diversity", "exploration", "fatigue"),
                ],
                "description": _("Left as they are, these mean what is usual for the kind."),
            },
        ),
    ]

    def previewed(self, obj: Placement, form: Any, onlooker: dict[str, Any]) -> dict[str, Any]:
        ask = Ask(obj.slug, onlooker["seeds"])
        recommendations = preview.of_placement(obj, ask, onlooker["shopper"])
        return {"heading": recommendations.heading, "lists": [(None, shown(recommendations))]}
