"""`{% load shop_recs %}`: lists of recommendations in the shop's own pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from django.conf import settings as django_settings
from django.db import connections, router, transaction
from django.http import HttpRequest
from django.template import Library, Node, TemplateSyntaxError
from django.template.base import FilterExpression, Parser, Token, token_kwargs
from django.template.context import Context
from django.utils.translation import gettext_lazy as _

from shop_recs import serving
from shop_recs.conf import get_product_model
from shop_recs.serving.cards import Card, card
from shop_recs.serving.explain import Recommendation, Recommendations
from shop_recs.tracking.beacon import track_view
from shop_recs.tracking.failures import quietly

register = Library()
register.simple_tag(track_view, takes_context=True)

HEADINGS = {"recommended_for_you": _("Recommended for you"), "similar_items": _("Similar items")}
LOOKS = ("heading", "template")
POSITION = {"recommendations": '"slug"'}
"""What a tag wants first, where that is no product."""
SHOWN = "_shop_recs_shown"
"""Where a request keeps what the lists of its page show."""
OPTIONS = {
    "recommendations": ("seeds", "limit", "products", "category", "exclude"),
    "recommended_for_you": ("limit", "products", "product", "exclude"),
    "similar_items": ("limit", "products", "exclude"),
}


class ListNode(Node):
    """A list of recommendations, rendered in place or put into a variable."""

    child_nodelists = ()

    def __init__(
        self,
        kind: str,
        first: FilterExpression | None,
        options: Mapping[str, FilterExpression],
        variable: str | None,
    ) -> None:
        self.kind = kind
        self.first = first
        self.options = options
        self.variable = variable

    def render(self, context: Context) -> str:
        html = ""
        if self.variable:
            context[self.variable] = []
        with _harmless(f"render {self.kind}"):
            options = {name: value.resolve(context) for name, value in self.options.items()}
            looks = {name: options.pop(name) for name in LOOKS if name in options}
            recommendations = self._ask(context, options)
            if self.variable:
                context[self.variable] = recommendations
            elif recommendations:
                html = _widget(context, self.kind, recommendations, **looks)
        return html

    def _ask(self, context: Context, options: dict[str, Any]) -> Recommendations:
        request = context.get("request")
        first = None if self.first is None else self.first.resolve(context)
        if self.kind == "similar_items":
            return serving.similar_items(first, request=request, **options)
        if request is None:
            raise LookupError(
                "there is no request in the template's context; add "
                '"django.template.context_processors.request" to the context processors'
            )
        if self.kind == "recommendations":
            return _placed(request, str(first), **options)
        return serving.recommended_for_you(request, **options)


def _placed(
    request: HttpRequest, slug: str, *, exclude: Iterable[Any] = (), **options: Any
) -> Recommendations:
    """The list of a placement, without what the lists above it on the same page show."""
    shown: list[Any] = request.__dict__.setdefault(SHOWN, [])
    recommendations = serving.recommend(slug, request, exclude=[*exclude, *shown], **options)
    shown += [product.pk for product in recommendations]
    return recommendations


@dataclass(frozen=True, slots=True)
class Item:
    """What an item template shows."""

    product: Any
    card: Card
    recommendation: Recommendation


@register.tag
def recommendations(parser: Parser, token: Token) -> ListNode:
    """The list of a placement; nothing at all where it is empty. Lists of a page do not repeat a product.

    Usage::

        {% recommendations "home" [seeds=…] [limit=…] [category=…] [heading=…] [template=…] %}
        {% recommendations "home" [seeds=…] [limit=…] [products=…] [category=…] [exclude=…] as list %}

    Templates: the one named, or else `shop_recs/<slug>.html`, or else `shop_recs/widget.html`.
    """
    return _parsed(parser, token, positions=1)


@register.tag
def recommended_for_you(parser: Parser, token: Token) -> ListNode:
    """Products for whoever looks at the page; nothing at all where there are none.

    Usage::

        {% recommended_for_you [limit=12] [heading=…] [template=…] [products=…] [product=…] [exclude=…] %}
        {% recommended_for_you [limit=12] [products=…] [product=…] [exclude=…] as recommendations %}

    Templates: the one named, or else `shop_recs/recommended_for_you.html`, or else `shop_recs/widget.html`.
    """
    return _parsed(parser, token, positions=0)


@register.tag
def similar_items(parser: Parser, token: Token) -> ListNode:
    """Products like one product, or like several; nothing at all where there are none.

    Usage::

        {% similar_items product [limit=12] [heading=…] [template=…] [products=…] [exclude=…] %}
        {% similar_items product [limit=12] [products=…] [exclude=…] as recommendations %}

    Templates: the one named, or else `shop_recs/similar_items.html`, or else `shop_recs/widget.html`.
    """
    return _parsed(parser, token, positions=1)


def _parsed(parser: Parser, token: Token, *, positions: int) -> ListNode:
    kind, *bits = token.split_contents()
    variable = None
    if len(bits) > 1 and bits[-2] == "as":
        *bits, _as, variable = bits
    positional = [parser.compile_filter(bits.pop(0)) for _place in range(min(positions, len(bits)))]
    options = token_kwargs(bits, parser)
    allowed = OPTIONS[kind] if variable else (*LOOKS, *OPTIONS[kind])
    if len(positional) < positions or bits or set(options) - set(allowed):
        usage = " ".join(
            [kind, *[POSITION.get(kind, "product")] * positions, *(f"[{name}=…]" for name in allowed)]
        )
        raise TemplateSyntaxError(
            f"{{% {token.contents} %}} is not understood; write "
            f"{{% {usage}{' as ' + variable if variable else ''} %}}"
        )
    return ListNode(kind, positional[0] if positional else None, options, variable)


def _widget(
    context: Context,
    kind: str,
    recommendations: Recommendations,
    *,
    heading: Any = None,
    template: str | None = None,
) -> str:
    kind = recommendations.placement if kind == "recommendations" else kind
    named = [template] if template else [f"shop_recs/{kind}.html", "shop_recs/widget.html"]
    values = {
        "kind": kind,
        "heading": heading or recommendations.heading or HEADINGS[kind],
        "recommendations": recommendations,
        "items": [Item(product, card(product), product.recommendation) for product in recommendations],
        "item_templates": [f"shop_recs/{kind}_item.html", "shop_recs/item.html"],
        # "Similar to X" on every card of a list below X says nothing.
        "with_reasons": kind != "similar_items" or _seeds_named(recommendations) > 1,
        "request": context.get("request"),
    }
    assert context.template is not None  # a node is rendered by its template
    widget = context.template.engine.select_template(named)
    return widget.render(context.new(values))


def _seeds_named(recommendations: Recommendations) -> int:
    """How many products the reasons of a list name."""
    named = (product.recommendation.reason_product for product in recommendations)
    return len({product.pk for product in named if product is not None})


@contextmanager
def _harmless(doing: str) -> Iterator[None]:
    """Outside DEBUG, what goes wrong is logged and leaves no trace in the page or in its transaction."""
    if django_settings.DEBUG:
        yield
        return
    with quietly(doing):
        using = router.db_for_read(get_product_model())
        # An error of the database would end the page's own transaction, were there no savepoint around it.
        in_transaction = connections[using].in_atomic_block
        with transaction.atomic(using=using) if in_transaction else nullcontext():
            yield
