"""What the browser reports: views, for pages that come from a cache, and what came into sight of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Model
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from shop_recs.conf import settings
from shop_recs.tracking.failures import quietly

if TYPE_CHECKING:
    from shop_recs.serving import Recommendations


def track_view(context: Any, product: Model) -> SafeString:
    """Markup that lets the browser report a view of the product, the same for every visitor.

    No inline script, so that `Content-Security-Policy: script-src 'self'` may stay. Where the API is not
    mounted it prints nothing.
    """
    with quietly("track a view from the browser"):
        return format_html(
            '<data hidden value="{}" data-shop-recs-view="{}"></data>'
            '<script type="module" src="{}"></script>',
            product.pk,
            reverse("shop_recs:events"),
            static("shop_recs/track.js"),
        )
    return SafeString("")


def track_list(recommendations: Recommendations) -> SafeString:
    """Markup that lets the browser report which products of a list came into sight.

    Around them the page has `data-recommendation`, the id of the list, and each has `data-product`, its key.
    It is the same for every visitor. Where the API is not mounted, or impressions are not kept, it is empty.
    """
    try:
        url = reverse("shop_recs:impressions")
    except NoReverseMatch:
        return SafeString("")
    if not (recommendations and settings.IMPRESSION_DAYS):
        return SafeString("")
    return format_html(
        '<data hidden value="{}" data-shop-recs-list="{}" data-placement="{}"></data>'
        '<script type="module" src="{}"></script>',
        recommendations.id,
        url,
        recommendations.placement,
        static("shop_recs/track.js"),
    )
