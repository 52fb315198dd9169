"""`{% load shop_recs %}`: lists of recommendations in the shop's own pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.template import Engine, Library, Node, TemplateSyntaxError
from django.template.base import FilterExpression, Parser, Token, token_kwargs
from django.template.context import Context

from shop_recs import serving
from shop_recs.serving.eligible import listed
from shop_recs.serving.explain import Recommendations
from shop_recs.serving.neutral import page_of
from shop_recs.serving.placements import Ask
from shop_recs.tracking.beacon import track_list, track_view
from shop_recs.widgets import drawn, harmless, room

register = Library()
register.simple_tag(track_view, takes_context=True)
register.simple_tag(track_list)

LOOKS = ("heading", "template", "feedback", "delivery")
POSITION = {"recommendations": '"slug"'}
"""What a tag wants first, where that is no product."""
SHOWN = "_shop_recs_shown"
"""Where a request keeps what the lists of its page show."""
SHARED = (
    '{{% cache %}} would show the personal list "{0}" to others: take it out, or write '
    '{{% recommendations "{0}" delivery="lazy" %}}'
)
LATER = 'only the list of a placement can be delivered later; write {{% recommendations "{0}" delivery=… %}}'
OPTIONS = {
    "recommendations": ("seeds", "limit", "products", "category", "exclude"),
    "recommended_for_you": ("limit", "products", "product", "exclude"),
    "similar_items": ("limit", "products", "exclude"),
}


class ListNode(Node):
    """A list of recommendations, rendered in place, put into a variable, or left to the browser to fetch.

    A `shared` one stands in a part of the page that a cache keeps, for whomever.
    """

    child_nodelists = ()

    def __init__(
        self,
        kind: str,
        first: FilterExpression | None,
        options: Mapping[str, FilterExpression],
        variable: str | None,
        *,
        shared: bool,
    ) -> None:
        self.kind = kind
        self.first = first
        self.options = options
        self.variable = variable
        self.shared = shared

    def render(self, context: Context) -> str:
        html = ""
        if self.variable:
            context[self.variable] = []
        with harmless(f"render {self.kind}"):
            options = {name: value.resolve(context) for name, value in self.options.items()}
            looks = {name: options.pop(name) for name in LOOKS if name in options}
            if looks.get("delivery", "inline") != "inline":
                return self._later(context, options, looks)
            looks.pop("delivery", None)
            recommendations = self._ask(context, options)
            if self.variable:
                context[self.variable] = recommendations
            else:
                kind = "" if self.kind == "recommendations" else self.kind
                html = drawn(recommendations, context, _engine(context), kind=kind, **looks)
        return html

    def _later(self, context: Context, options: dict[str, Any], looks: dict[str, Any]) -> str:
        if "products" in options:
            raise TemplateSyntaxError(
                "products= is a queryset, which cannot be part of an address: leave delivery= out, or give "
                'the placement a filter, in the admin or as FILTER in SHOP_RECS["PLACEMENTS"]'
            )
        assert self.first is not None  # the tag of a placement has one
        return room(str(self.first.resolve(context)), context, _engine(context), **options, **looks)

    def _ask(self, context: Context, options: dict[str, Any]) -> Recommendations:
        request = context.get("request")
        first = None if self.first is None else self.first.resolve(context)
        if self.kind == "similar_items" and (self.shared or request is None):
            return serving.similar_items(first, **options)
        if request is None:
            raise LookupError(
                "there is no request in the template's context; add "
                '"django.template.context_processors.request" to the context processors'
            )
        if self.kind == "similar_items":
            return _unrepeated(request, partial(serving.similar_items, first, request=request), **options)
        if self.kind == "recommendations":
            if self.shared:
                return _for_everybody(request, str(first), **options)
            return _unrepeated(request, partial(serving.recommend, str(first), request), **options)
        if self.shared:
            raise TemplateSyntaxError(SHARED.format("recommended-for-you"))
        return _unrepeated(request, partial(serving.recommended_for_you, request), **options)


def _unrepeated(
    request: HttpRequest, ask: Callable[..., Recommendations], *, exclude: Iterable[Any] = (), **options: Any
) -> Recommendations:
    """A list without what the lists above it on the same page show."""
    shown: list[Any] = request.__dict__.setdefault(SHOWN, [])
    recommendations = ask(exclude=[*exclude, *shown], **options)
    shown += [product.pk for product in recommendations]
    return recommendations


def _for_everybody(request: HttpRequest, slug: str, *, seeds: Any = (), **options: Any) -> Recommendations:
    """The list of a placement for whoever will get this part of the page from the cache."""
    ask = Ask(slug, listed(seeds), **options)
    page = page_of(request, ask)
    if page.request is not None:
        raise TemplateSyntaxError(SHARED.format(slug))
    return page.answer(ask)


@register.tag
def recommendations(parser: Parser, token: Token) -> ListNode:
    """The list of a placement; nothing at all where it is empty. Lists of a page do not repeat a product.

    Usage::

        {% recommendations "home" [seeds=…] [limit=…] [category=…] [heading=…] [template=…] %}
        {% recommendations "home" delivery="lazy" [seeds=…] [limit=…] [category=…] [heading=…] [template=…] %}
        {% recommendations "home" [seeds=…] [limit=…] [products=…] [category=…] [exclude=…] as list %}

    With `delivery="lazy"` or `delivery="htmx"` the browser fetches the list when it comes into sight, and the
    page holds nothing of the visitor.

    Templates: the one named, or else `shop_recs/<slug>.html`, or else `shop_recs/widget.html`; around a list
    that is fetched `shop_recs/lazy.html` or `shop_recs/htmx.html`.
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
    if "delivery" in options and kind != "recommendations":
        raise TemplateSyntaxError(LATER.format(kind.replace("_", "-")))
    allowed = OPTIONS[kind] if variable else (*OPTIONS[kind], *LOOKS)
    if len(positional) < positions or bits or set(options) - set(allowed):
        usage = " ".join(
            [kind, *[POSITION.get(kind, "product")] * positions, *(f"[{name}=…]" for name in allowed)]
        )
        raise TemplateSyntaxError(
            f"{{% {token.contents} %}} is not understood; write "
            f"{{% {usage}{' as ' + variable if variable else ''} %}}"
        )
    shared = "cache" in [command for command, _opened in parser.command_stack]
    return ListNode(kind, positional[0] if positional else None, options, variable, shared=shared)


def _engine(context: Context) -> Engine:
    assert context.template is not None  # a node is rendered by its template
    return context.template.engine
