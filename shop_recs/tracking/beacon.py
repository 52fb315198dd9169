"""Views counted in the browser, for pages that come from a cache."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from shop_recs.tracking.failures import quietly


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
