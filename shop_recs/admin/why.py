"""The page "Why is this recommended?": any placement, shopper and product, and two versions side by side."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shop_recs.admin import explanation
from shop_recs.admin.preview import slugs
from shop_recs.admin.shoppers import Known, find
from shop_recs.conf import get_product_model, settings
from shop_recs.models import ModelVersion
from shop_recs.serving.placements import Ask
from shop_recs.serving.whose import NOBODY
from shop_recs.serving.why import Why, explained, page_of
from shop_recs.tracking.failures import Refused
from shop_recs.tracking.record import product_key

VIEW_VERSIONS, VIEW_SHOPPERS = "shop_recs.view_modelversion", "shop_recs.view_interaction"

SEEDS_AT_MOST = 100


class WhyForm(forms.Form):
    """Which list to explain.

    Args:
        may_see_shoppers: whether the history of a shopper may be looked at.
    """

    placement = forms.ChoiceField(
        label=_("Placement"),
        error_messages={"invalid_choice": _("There is no placement %(value)s; choose one of the list.")},
    )
    shopper = forms.CharField(
        label=_("Visitor or user"),
        required=False,
        max_length=254,
        help_text=_("Id of a visitor, or name or key of a user. Left empty: somebody without a history."),
    )
    seeds = forms.CharField(
        label=_("Products it starts from"),
        required=False,
        help_text=_("Keys, separated by commas: the product of the page, or those in the cart."),
    )
    product = forms.CharField(
        label=_("Product in question"),
        required=False,
        help_text=_("Key. It is looked at even where it ranks far below the list."),
    )
    version = forms.ModelChoiceField(
        label=_("Compare with version"),
        queryset=ModelVersion.objects.ready(),
        required=False,
        error_messages={"invalid_choice": _("That version is not stored any more; choose one of the list.")},
    )

    def __init__(self, *args: Any, may_see_shoppers: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        self.may_see_shoppers = may_see_shoppers
        self.fields["placement"].choices = [(slug, slug) for slug in slugs()]  # type: ignore[attr-defined]

    def clean_shopper(self) -> Known | None:
        text: str = self.cleaned_data["shopper"]
        if not text:
            return None
        if not self.may_see_shoppers:
            raise ValidationError(
                _("Looking at the history of a shopper needs the permission to view interactions.")
            )
        return find(text)

    def clean_seeds(self) -> list[Any]:
        texts = [text.strip() for text in self.cleaned_data["seeds"].split(",") if text.strip()]
        if len(texts) > SEEDS_AT_MOST:
            raise ValidationError(
                _("A list starts from %(count)d products at most."), params={"count": SEEDS_AT_MOST}
            )
        return [_product(text) for text in texts]

    def clean_product(self) -> Any:
        text: str = self.cleaned_data["product"]
        return _product(text) if text else None


def page(request: HttpRequest, site: AdminSite) -> TemplateResponse:
    """The form, and below it the explanation of the list that it names."""
    if not request.user.has_perm(VIEW_VERSIONS):
        raise PermissionDenied
    asked = request.GET if "placement" in request.GET else None
    may = request.user.has_perm(VIEW_SHOPPERS)
    form = WhyForm(asked, initial=request.GET.dict(), may_see_shoppers=may)
    context = _answer(request, form) if form.is_valid() else {}
    request.current_app = site.name
    context |= {
        **site.each_context(request),
        "title": _("Why is this recommended?"),
        "form": form,
        "opts": ModelVersion._meta,
        "cart_is_unknown": settings.CART is not None,
    }
    return TemplateResponse(request, "admin/shop_recs/why/page.html", context)


def _answer(request: HttpRequest, form: WhyForm) -> dict[str, Any]:
    """What the templates show; a list that cannot be made is an error of the form."""
    given = form.cleaned_data
    known, version = given["shopper"], given["version"]
    if known is not None:
        _log(request, known)
    try:
        why = _explained(given)
        other = _explained(given, instead=version.pk) if version else None
    except ValueError as error:
        form.add_error("placement", str(error))
        return {}
    return {
        "known": known,
        "version": version,
        **explanation.context(why, about=given["product"]),
        "changes": explanation.changes(why, other) if other else None,
        "leads": other is None or version.pk in {retriever.version for retriever in other.retrievers},
    }


def _explained(given: dict[str, Any], *, instead: int | None = None) -> Why:
    known, product = given["shopper"], given["product"]
    ask = Ask(given["placement"], given["seeds"])
    shopper, segment = (known.shopper, known.segment) if known else (NOBODY, "")
    shown = page_of(shopper, [ask], segment=segment, instead=instead)
    return explained(shown, ask, about=product.pk if product else None)


def _log(request: HttpRequest, known: Known) -> None:
    """Leave a trace: a history is personal."""
    LogEntry.objects.create(
        user=request.user,  # type: ignore[misc]  # staff only, so never anonymous
        content_type=ContentType.objects.get_for_model(known.whom),
        object_id=str(known.whom.pk),
        object_repr=str(known.whom)[:200],
        action_flag=CHANGE,
        change_message=gettext("Looked at the history, to see why something is recommended."),
    )


def _product(text: str) -> Any:
    """The product with this key, whether it may be shown or not.

    Raises:
        ValidationError: there is none.
    """
    try:
        key = product_key(text)
    except Refused as refusal:
        raise ValidationError(f"{refusal}.") from refusal
    product = get_product_model()._base_manager.filter(pk=key).first()
    if product is None:
        raise ValidationError(_("There is no product with the key %(text)s."), params={"text": text})
    return product
