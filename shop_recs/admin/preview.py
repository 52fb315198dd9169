"""Shows what a placement or a rule would do, from the form as it is filled in and before it is saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import Media
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from shop_recs.admin import shoppers
from shop_recs.conf import get_product_model, settings
from shop_recs.exceptions import UnknownPlacement
from shop_recs.models import Placement
from shop_recs.serving import cards
from shop_recs.serving.explain import Recommendation, Recommendations
from shop_recs.serving.preview import Onlooker

if TYPE_CHECKING:
    AnyAdmin = admin.ModelAdmin[Any]
else:
    AnyAdmin = admin.ModelAdmin

TEMPLATES = "admin/shop_recs/preview"


class OnlookerForm(forms.Form):
    """Who looks, and what the list starts from."""

    shopper = forms.CharField(
        label=_("As seen by"),
        required=False,
        max_length=150,
        help_text=_("Id of a visitor, or name of a user; empty: somebody without a history."),
    )
    seeds = forms.CharField(
        label=_("Starting from"),
        required=False,
        max_length=1_000,
        help_text=_("Ids of products, separated by commas."),
    )

    def clean_shopper(self) -> Onlooker:
        named = self.cleaned_data["shopper"].strip()
        if not named:
            return Onlooker()
        known = shoppers.find(named)
        return Onlooker(known.shopper, known.segment)

    def clean_seeds(self) -> list[Any]:
        ids = [part.strip() for part in self.cleaned_data["seeds"].split(",") if part.strip()]
        try:
            found = list(get_product_model()._default_manager.filter(pk__in=ids))
        except (ValueError, ValidationError) as error:
            raise ValidationError(_("These are no ids of products.")) from error
        if missing := set(ids) - {str(product.pk) for product in found}:
            raise ValidationError(
                _("There is no product with the id %(ids)s."), params={"ids": ", ".join(sorted(missing))}
            )
        return found


class RuleOnlookerForm(OnlookerForm):
    """The same, and the list that a rule is tried on."""

    placement = forms.ChoiceField(label=_("Placement"), choices=lambda: [(s, s) for s in slugs()])
    field_order = ("placement", "shopper", "seeds")


@dataclass(frozen=True, slots=True)
class Shown:
    """A product of a previewed list.

    Attributes:
        moved: places that it went up since the list before; None where it is new in the list.
    """

    card: cards.Card
    recommendation: Recommendation
    moved: int | None = 0


class PreviewAdmin(AnyAdmin):
    """An admin whose form shows, beside its fields, what they would come to."""

    change_form_template = f"{TEMPLATES}/change_form.html"
    onlooker_form: type[OnlookerForm] = OnlookerForm

    @property
    def media(self) -> Media:
        script: Any = Script("shop_recs/preview.js", type="module")
        return super().media + Media(css={"all": ["shop_recs/admin.css"]}, js=[script])

    def previewed(self, obj: Any, form: Any, onlooker: dict[str, Any]) -> dict[str, Any]:
        """What `preview.html` shows of an object that the form describes."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        meta = self.opts
        preview = path(
            "preview/",
            self.admin_site.admin_view(self.preview_view),
            name=f"{meta.app_label}_{meta.model_name}_preview",
        )
        return [preview, *super().get_urls()]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        onlooker = self._onlooker(request)
        extra = {**(extra_context or {}), "onlooker": onlooker}
        return super().changeform_view(request, object_id, form_url, extra)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """The preview of a posted form, as HTML to put below it."""
        if request.method != "POST":
            raise Http404
        stored = self.get_object(request, request.GET.get("object", ""))
        may = self.has_change_permission(request, stored) if stored else self.has_add_permission(request)
        if not may:
            raise PermissionDenied
        form = self.get_form(request, stored, change=stored is not None)(
            request.POST, request.FILES, instance=stored
        )
        onlooker = self._onlooker(request, request.POST)
        return render(request, f"{TEMPLATES}/preview.html", self._context(form, onlooker))

    def _onlooker(self, request: HttpRequest, data: Any = None) -> OnlookerForm:
        form = self.onlooker_form(data, prefix="preview", use_required_attribute=False)
        # What somebody looked at is not for everybody's eyes.
        form.fields["shopper"].disabled = not request.user.has_perm("shop_recs.view_visitor")
        return form

    def _context(self, form: Any, onlooker: OnlookerForm) -> dict[str, Any]:
        if not (form.is_valid() & onlooker.is_valid()):
            return {"invalid": [*_problems(form), *_problems(onlooker)]}
        try:
            return self.previewed(form.instance, form, onlooker.cleaned_data)
        except (UnknownPlacement, ValueError, TypeError) as error:
            return {"invalid": [error]}


def _problems(form: Any) -> Iterator[str]:
    """What is wrong with a form, each with the label of its field."""
    for name, errors in form.errors.items():
        label = f"{form[name].label}: " if name in form.fields else ""
        yield from (f"{label}{error}" for error in errors)


def slugs() -> list[str]:
    """The placements of the settings and of the admin."""
    of_settings = [slug for slug, entry in settings.PLACEMENTS.items() if entry is not None]
    stored = Placement.objects.values_list("slug", flat=True)
    return list(dict.fromkeys([*of_settings, *stored]))


def shown(recommendations: Recommendations, *, before: Sequence[Any] | None = None) -> list[Shown]:
    """The products of a list, and how far each moved since the list before."""
    places = {product.pk: place for place, product in enumerate(before or recommendations)}
    return [
        Shown(
            cards.card(product),
            product.recommendation,
            places[product.pk] - place if product.pk in places else None,
        )
        for place, product in enumerate(recommendations)
    ]
