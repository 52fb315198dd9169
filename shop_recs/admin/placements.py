"""Placements: what stands where, edited by who looks after the shop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from shop_recs.admin.preview import PreviewAdmin, shown
from shop_recs.models import Placement
from shop_recs.serving import preview
from shop_recs.serving.placements import Ask
from shop_recs.serving.sound import require_own_function, require_sound

if TYPE_CHECKING:
    AnyForm = ModelForm[Placement]
else:
    AnyForm = ModelForm


class PlacementForm(AnyForm):
    """A placement that can make a list."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            require_own_function(cleaned["filter"])
            require_sound(Placement(**cleaned))
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

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"blend": {}, "filter": {}, **super().get_changeform_initial_data(request)}

    def previewed(self, obj: Placement, form: Any, onlooker: dict[str, Any]) -> dict[str, Any]:
        ask = Ask(obj.slug, onlooker["seeds"])
        recommendations = preview.of_placement(obj, ask, onlooker["shopper"])
        return {"heading": recommendations.heading, "lists": [(None, shown(recommendations))]}
