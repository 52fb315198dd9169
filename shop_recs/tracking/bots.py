"""Requests that no shopper made: crawlers, monitors, link previews, pages fetched in advance."""

from __future__ import annotations

import re

from django.http import HttpRequest
from django.utils.module_loading import import_string

from shop_recs.conf import settings

# "Cubot" is a maker of phones.
_WORDS = re.compile(
    r"(?<!cu)bot|crawl|spider|slurp|scrap|archiver|fetch|monitor|uptime|pingdom|statuscake|preview|headless|"
    r"lighthouse|pagespeed|gtmetrix|phantomjs|selenium|puppeteer|playwright|validator|checker|"
    r"facebookexternalhit|facebookcatalog|meta-external|whatsapp|skypeuripreview|embedly|vkshare|"
    r"mediapartners|feedfetcher|apis-google|google-|googleother|bingpreview|chatgpt-user|anthropic-ai|claude-|"
    r"cohere-ai|perplexity-user|diffbot|"
    r"^curl/|^wget/|python-|^python/|aiohttp|httpx|scrapy|libwww|lwp-|^java/|apache-httpclient|go-http-client|"
    r"node-fetch|axios/|guzzle|^ruby|^php/|^perl|postmanruntime|insomnia/",
    re.IGNORECASE,
)


def is_bot(request: HttpRequest) -> bool:
    """Judge by the headers: an empty or telltale user agent, or a page fetched before anybody asked for it.

    The default of `IS_BOT`.
    """
    headers = request.headers
    if any("prefetch" in headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz")):
        return True
    agent = headers.get("User-Agent", "")
    return not agent or _WORDS.search(agent) is not None


def from_bot(request: HttpRequest) -> bool:
    """Ask the function that `SHOP_RECS["IS_BOT"]` names."""
    return bool(import_string(settings.IS_BOT)(request))
