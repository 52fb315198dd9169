"""A list of recommendations as HTML: drawn at once, or a room in the page that the browser fills later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings as django_settings
from django.core.signing import BadSignature, Signer
from django.db import connections, router, transaction
from django.template import Context, Engine
from django.urls import reverse
from django.utils.html import conditional_escape
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from shop_recs.conf import get_product_model, settings
from shop_recs.models import FeedbackKind
from shop_recs.serving import Recommendation, Recommendations
from shop_recs.serving.cards import Card, card
from shop_recs.serving.eligible import key_of, listed
from shop_recs.serving.kinds import USUAL
from shop_recs.tracking.beacon import track_list
from shop_recs.tracking.failures import quietly

HEADINGS = {"recommended_for_you": _("Recommended for you"), "similar_items": _("Similar items")}
DELIVERIES = ("inline", "lazy", "htmx")
"""At once, by a custom element, by the htmx of the shop."""

SALT = "shop_recs.looks"


@dataclass(frozen=True, slots=True)
class Item:
    """What an item template shows."""

    product: Any
    card: Card
    recommendation: Recommendation


def drawn(
    recommendations: Recommendations,
    context: Context,
    engine: Engine,
    *,
    kind: str = "",
    heading: Any = None,
    template: str | None = None,
    feedback: str = "",
) -> str:
    """The list by the shop's templates, else ours; nothing at all where it is empty.

    Args:
        context: of the page around it; the widget sees nothing of it but the request.
        kind: the name of the templates; by default the placement's.
        heading: above it, instead of its own.
        template: of the widget.
        feedback: what a button on each item says: `"hide"` or `"not_interested"`.

    Raises:
        ValueError: there is no such feedback.
    """
    if not recommendations:
        return ""
    kind = kind or recommendations.placement
    named = [template] if template else [f"shop_recs/{kind}.html", "shop_recs/widget.html"]
    values = {
        "kind": kind,
        "heading": heading or recommendations.heading or HEADINGS[kind],
        "recommendations": recommendations,
        "items": [Item(product, card(product), product.recommendation) for product in recommendations],
        "item_templates": [f"shop_recs/{kind}_item.html", "shop_recs/item.html"],
        # "Similar to X" on every card of a list below X says nothing.
        "with_reasons": kind != "similar_items" or _seeds_named(recommendations) > 1,
        "feedback": _known_feedback(feedback),
        "request": context.get("request"),
    }
    return engine.select_template(named).render(context.new(values)) + track_list(recommendations)


def room(
    slug: str,
    context: Context,
    engine: Engine,
    *,
    delivery: str,
    seeds: Any = (),
    exclude: Iterable[Any] = (),
    category: Any = None,
    limit: int | None = None,
    **looks: Any,
) -> str:
    """Where the list of a placement will stand once the browser has fetched it; the same for every visitor.

    Raises:
        ValueError: there is no such way of delivery, or no such feedback.
    """
    if delivery not in DELIVERIES:
        raise ValueError(f"delivery is {delivery!r}; write {', '.join(map(repr, DELIVERIES))}")
    asked = {
        "seeds": ",".join(str(key_of(product)) for product in listed(seeds)),
        "exclude": ",".join(str(key_of(product)) for product in exclude),
        "category": key_of(category),
        "limit": limit,
        "language": get_language() or django_settings.LANGUAGE_CODE,
        "looks": sealed(looks),
    }
    query = urlencode({name: value for name, value in asked.items() if value not in ("", None)}, safe=",")
    values = {
        "fragment": f"{reverse('shop_recs:fragment', args=[slug])}?{query}",
        "page": f"{reverse('shop_recs:list', args=[slug])}?{query}",
        "heading": looks.get("heading") or _expected_heading(slug),
        "placement": slug,
        "feedback": _known_feedback(looks.get("feedback")),
        "tracked": settings.IMPRESSION_DAYS > 0,
    }
    return engine.get_template(f"shop_recs/{delivery}.html").render(context.new(values))


def _known_feedback(kind: str | None) -> str:
    if kind and kind not in FeedbackKind.values:
        raise ValueError(f"feedback is {kind!r}; write {' or '.join(map(repr, FeedbackKind.values))}")
    return kind or ""


def sealed(looks: Mapping[str, Any]) -> str:
    """Heading and template as they may stand in an address: escaped, signed, and every time the same."""
    chosen = {name: conditional_escape(value) for name, value in looks.items() if value}
    return Signer(salt=SALT).sign_object(chosen) if chosen else ""


def unsealed(looks: str) -> dict[str, str]:
    """What `sealed` signed.

    Raises:
        ValueError: somebody else wrote it.
    """
    try:
        chosen = Signer(salt=SALT).unsign_object(looks) if looks else {}
    except BadSignature as error:
        raise ValueError("looks is none that a tag of the shop has signed") from error
    return {name: mark_safe(value) for name, value in chosen.items()}  # noqa: S308 escaped above, then signed


@contextmanager
def harmless(doing: str) -> Iterator[None]:
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


def _seeds_named(recommendations: Recommendations) -> int:
    """How many products the reasons of a list name."""
    named = (product.recommendation.reason_product for product in recommendations)
    return len({product.pk for product in named if product is not None})


def _expected_heading(slug: str) -> str:
    """What the settings say stands above the list; the admin is not asked, the link may differ from it."""
    entry = settings.PLACEMENTS.get(slug) or {"KIND": "recommended_for_you"}
    heading = str(entry.get("HEADING") or USUAL[entry["KIND"]].heading)
    return str(HEADINGS["recommended_for_you"]) if "{title}" in heading else heading
