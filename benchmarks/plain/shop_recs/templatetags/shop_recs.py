"""Tags that render nothing."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.simple_tag
def similar_items(*args: Any, **options: Any) -> str:
    """Nothing."""
    return ""


register.simple_tag(similar_items, name="recommended_for_you")
