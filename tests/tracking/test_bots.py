"""Who is taken for a bot."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from shop_recs import record_view
from shop_recs.models import Interaction
from shop_recs.tracking.bots import is_bot
from tests.tracking.conftest import BROWSER

KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPHONE = "iPhone; CPU iPhone OS 18_0 like Mac OS X"
BOTS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    f"Mozilla/5.0 (Linux; Android 6; Nexus 5X) {KIT} Chrome/130 Safari/537.36 (compatible; Googlebot/2.1)",
    "Googlebot-Image/1.0",
    "AdsBot-Google (+http://www.google.com/adsbot.html)",
    "Mediapartners-Google",
    "APIs-Google (+https://developers.google.com/webmasters/APIs-Google.html)",
    "FeedFetcher-Google; (+http://www.google.com/feedfetcher.html)",
    "Google-Read-Aloud",
    "Google-InspectionTool/1.0",
    "GoogleOther",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "BingPreview/1.0b",
    "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
    "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)",
    "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; MJ12bot/v1.4.8; http://mj12bot.com/)",
    "Mozilla/5.0 (compatible; DotBot/1.2; +https://opensiteexplorer.org/dotbot)",
    "Mozilla/5.0 (compatible; PetalBot;+https://webmaster.petalsearch.com/site/petalbot)",
    "Mozilla/5.0 (compatible; SeznamBot/4.0; +http://napoveda.seznam.cz/seznambot-intro/)",
    "Mozilla/5.0 (compatible; Applebot/0.1; +http://www.apple.com/go/applebot)",
    f"Mozilla/5.0 {KIT}; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    f"Mozilla/5.0 {KIT}; compatible; ChatGPT-User/1.0; +https://openai.com/bot",
    f"Mozilla/5.0 {KIT}; compatible; OAI-SearchBot/1.0; +https://openai.com/searchbot",
    f"Mozilla/5.0 {KIT}; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
    "Claude-Web/1.0",
    "anthropic-ai",
    "cohere-ai",
    "Mozilla/5.0 (compatible; PerplexityBot/1.0; +https://perplexity.ai/perplexitybot)",
    "Mozilla/5.0 (compatible; Perplexity-User/1.0)",
    "CCBot/2.0 (https://commoncrawl.org/faq/)",
    "Mozilla/5.0 (compatible; Bytespider; spider-feedback@bytedance.com)",
    "meta-externalagent/1.1",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Twitterbot/1.0",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "TelegramBot (like TwitterBot)",
    "Discordbot/2.0",
    "WhatsApp/2.23.20.0",
    "Pinterestbot/1.0",
    "SkypeUriPreview",
    "Embedly/0.2",
    "Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)",
    "ia_archiver",
    "Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
    "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
    "StatusCake",
    "Site24x7 Monitor",
    f"Mozilla/5.0 (X11; Linux x86_64) {KIT} HeadlessChrome/130.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 11) {KIT} Chrome/130 Mobile Safari/537.36 Chrome-Lighthouse",
    "W3C_Validator/1.3",
    "curl/8.5.0",
    "Wget/1.21.4",
    "python-requests/2.32.0",
    "Python/3.12 aiohttp/3.10.1",
    "python-httpx/0.27.0",
    "Scrapy/2.11.2 (+https://scrapy.org)",
    "Go-http-client/2.0",
    "Java/17.0.2",
    "Apache-HttpClient/4.5.14 (Java/17.0.2)",
    "okhttp-crawler/1.0",
    "libwww-perl/6.67",
    "node-fetch/1.0",
    "axios/1.7.2",
    "GuzzleHttp/7",
    "PostmanRuntime/7.39.0",
    "",
]
PEOPLE = [
    BROWSER,
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KIT} Chrome/130.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KIT} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KIT} Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {KIT} Chrome/130.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Version/18.0 Safari/605.1.15",
    f"Mozilla/5.0 ({IPHONE}) {SAFARI} Version/18.0 Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) {SAFARI} Version/18.0 Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 ({IPHONE}) {SAFARI} CriOS/130.0 Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 ({IPHONE}) {SAFARI} Mobile/15E148 [FBAN/FBIOS;FBAV/480.0]",
    f"Mozilla/5.0 ({IPHONE}) {SAFARI} Mobile/15E148 Instagram 350.0",
    f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {KIT} Chrome/130.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 14; SM-S921B) {KIT} SamsungBrowser/26.0 Chrome/122.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 10; CUBOT X30) {KIT} Chrome/130.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 13; wv) {KIT} Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Android 14; Mobile; rv:131.0) Gecko/131.0 Firefox/131.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0",
    "Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko",
    f"Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) {KIT} Version/7.0 TV Safari/537.36",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {KIT} Chrome/130.0.0.0 Safari/537.36",
    "okhttp/4.12.0",
]


@pytest.mark.parametrize("agent", BOTS)
def test_machines_are_told_by_their_name(agent):
    assert is_bot(RequestFactory(headers={"user-agent": agent}).get("/"))


@pytest.mark.parametrize("agent", PEOPLE)
def test_browsers_are_people(agent):
    assert not is_bot(RequestFactory(headers={"user-agent": agent}).get("/"))


@pytest.mark.parametrize(
    "headers", [{"sec-purpose": "prefetch;prerender"}, {"purpose": "prefetch"}, {"x-moz": "prefetch"}]
)
def test_a_page_fetched_in_advance_is_seen_by_nobody(browser, make_product, headers):
    product = make_product()
    assert browser.visit(lambda request: record_view(request, product), **headers) is False
    assert Interaction.objects.count() == 0


def test_the_shop_may_judge_itself(browser, make_product, settings):
    product = make_product()
    settings.SHOP_RECS = settings.SHOP_RECS | {"IS_BOT": "tests.tracking.test_bots.comes_from_the_office"}
    assert browser.visit(lambda request: record_view(request, product)) is True
    assert browser.visit(lambda request: record_view(request, product), **{"X-Office": "1"}) is False


def comes_from_the_office(request) -> bool:
    return "X-Office" in request.headers
