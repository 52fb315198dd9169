"""Checks of pages that a cache is to keep: which of them show one visitor's list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.checks import Warning, register
from django.middleware.cache import FetchFromCacheMiddleware
from django.template import Engine, TemplateSyntaxError, engines
from django.template.backends.django import DjangoTemplates

from shop_recs.checks.host import installed
from shop_recs.checks.settings import AppConfigs, Messages
from shop_recs.templatetags.shop_recs import ListNode

LIBRARY = "shop_recs"
"""What every template loads that shows a list."""


@register()
def check_cached_pages(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """W001: the pages of a page cache have no lists made with them; such a page is never kept."""
    if not installed(FetchFromCacheMiddleware):
        return []
    inline = sorted(set(_templates_with_lists()))
    if not inline:
        return []
    return [
        Warning(
            f"A page cache is installed, and it keeps no page of {', '.join(inline)}: the lists in them are "
            "the visitor's.",
            hint='Let the browser fetch these lists: {% recommendations "…" delivery="lazy" %}; record views '
            "there with {% track_view product %}.",
            id="shop_recs.W001",
        )
    ]


def _templates_with_lists() -> Iterator[str]:
    for backend in engines.all():
        if isinstance(backend, DjangoTemplates):
            for name in _names(backend.engine):
                if any(map(_is_inline, _lists(backend.engine, name))):
                    yield name


def _names(engine: Engine) -> Iterator[str]:
    """The templates in the engine's folders that load our tags."""
    folders = {folder for loader in engine.template_loaders for folder in _folders(loader)}
    for folder in sorted(folders):
        for path in sorted(folder.rglob("*.*")):
            if path.is_file() and LIBRARY in path.read_text(errors="ignore"):
                yield str(path.relative_to(folder))


def _folders(loader: Any) -> Iterator[Path]:
    for within in getattr(loader, "loaders", ()):
        yield from _folders(within)
    if hasattr(loader, "get_dirs"):
        yield from map(Path, loader.get_dirs())


def _lists(engine: Engine, name: str) -> list[ListNode]:
    try:
        return engine.get_template(name).nodelist.get_nodes_by_type(ListNode)  # type: ignore[return-value]
    except TemplateSyntaxError:
        return []  # Django itself reports it


def _is_inline(node: ListNode) -> bool:
    """Whether a list is made with the page, for whoever asks for that."""
    delivery = node.options.get("delivery")
    return not node.shared and (delivery is None or delivery.var == "inline")
