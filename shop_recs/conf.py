"""Settings: one `SHOP_RECS` dictionary, typed here, read at access so that overrides always count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from django.db.models import Model


class Defaults:
    """Every setting with its default; a dictionary in `SHOP_RECS` is merged key by key over the default."""

    PRODUCT_MODEL: str = ""
    """The shop's product, as `"app_label.ModelName"`. The only required setting; fixed once migrated."""

    PRODUCT_MIGRATION: str = "__first__"
    """Migration of the product's app that creates the product, where that is not its first one."""

    PRODUCT_FIELDS: dict[str, str | None] = {
        "title": "name",
        "image": "image",
        "price": "price",
        "category": "category",
    }
    """Attribute of the product for each part of a card; a missing attribute leaves that part out."""

    AVAILABLE: dict[str, Any] | str = {}
    """Products that may be shown: keyword arguments for `filter()`, or a dotted path to a function
    that takes a product queryset and returns one."""

    CART: str | None = None
    """Dotted path to a function `(request) -> iterable of product keys` now in the cart. Without it the
    products carted since the visitor's last purchase, at most 30 days ago, count as the cart."""

    EXCLUDE_PURCHASED: bool = True
    """Leave products that the visitor already bought out of "recommended for you"."""

    EXCLUDE_VIEWED: int = 20
    """How many of the products that the visitor viewed last are left out of "recommended for you"; 0 keeps
    them."""

    CONSENT: str = "shop_recs.tracking.consent.unless_opted_out"
    """Dotted path to a function `(request) -> bool`: may this visitor be remembered? The default says yes
    unless the browser sends `Sec-GPC: 1` or `DNT: 1`."""

    IS_BOT: str = "shop_recs.tracking.bots.is_bot"
    """Dotted path to a function `(request) -> bool`: requests that are never recorded."""

    COOKIE_NAME: str = "shop_recs_visitor"
    """Name of the visitor cookie."""

    COOKIE_AGE_DAYS: int = 180
    """Days the visitor cookie lives after the last recorded interaction that renewed it."""

    EVENTS_PER_REQUEST: int = 50
    """Events that one `POST events/` may carry."""

    EVENTS_BYTES: int = 65_536
    """Bytes that one `POST events/` may carry; browsers send no more from a page that is being left."""

    IMPRESSION_DAYS: int = 90
    """Days for which it is kept what visitors were shown; at 0 nothing of it is recorded."""

    THROTTLE_RATES: dict[str, str | None] = {
        "recommendations": "600/min",
        "events": "300/min",
        "models": "120/min",
    }
    """Requests per visitor or user and endpoint group, in the notation of Django REST framework; None lifts
    a limit."""

    INTERACTION_WEIGHTS: dict[str, float] = {
        "view": 1.0,
        "favourite": 2.0,
        "cart": 3.0,
        "purchase": 3.0,
    }
    """What an interaction of each kind counts in training and in a visitor's history."""

    HALF_LIFE_DAYS: float | None = 90.0
    """Days after which an interaction counts half in training; None means that age does not matter."""

    TRAINING_DAYS: int | None = None
    """Days of the log to train on; None means all of it."""

    MAX_PER_VISITOR: int = 2_000
    """Most recent interactions of one visitor that training reads; one noisy visitor cannot bend a model."""

    MAX_PER_PAIR: int = 5
    """Most recent interactions of one visitor with one product that training reads."""

    ITEM_FEATURES: tuple[str, ...] = ()
    """Fields of the product that sequence models learn from beside its interactions, `"brand__name"` say, so
    that products without any are recommended, too. Numbers are put into ranges."""

    MIN_INTERACTIONS: int = 200
    """Interactions below which nothing is trained."""

    MIN_VISITORS: int = 20
    """Shoppers below which nothing is trained."""

    MIN_PRODUCTS: int = 10
    """Products with interactions below which nothing is trained."""

    ALGORITHMS: dict[str, dict[str, Any] | None] = {
        "popular": {"BACKEND": "shop_recs.algorithms.popular.Popular"},
        "als": {"BACKEND": "shop_recs.algorithms.als.ALS"},
        "item_knn": {"BACKEND": "shop_recs.algorithms.item_knn.ItemKNN"},
        "user_knn": {"BACKEND": "shop_recs.algorithms.user_knn.UserKNN"},
        "svd": {"BACKEND": "shop_recs.algorithms.svd.SVD"},
        "ease": {"BACKEND": "shop_recs.algorithms.ease.EASE"},
        "sasrec": {"BACKEND": "shop_recs.algorithms.sasrec.SASRec"},
        "bert4rec": {"BACKEND": "shop_recs.algorithms.bert4rec.BERT4Rec"},
        "xlnet4rec": {"BACKEND": "shop_recs.algorithms.xlnet4rec.XLNet4Rec"},
        "gru4rec": {"BACKEND": "shop_recs.algorithms.gru4rec.GRU4Rec"},
        "caser": {"BACKEND": "shop_recs.algorithms.caser.Caser"},
    }
    """Name to `{"BACKEND": dotted path, "OPTIONS": {...}}`; None removes a default."""

    LADDER: tuple[str, ...] = ("sasrec", "als", "item_knn", "popular")
    """Algorithms that `recs_train --all` and the task `train_all` train and that serving tries, in this
    order; after the last come the newest products."""

    BEST_FIRST: bool = True
    """Of the algorithms that know the shopper, try first whichever foretold new products best (NDCG@10,
    discovery) when its active version was trained, whatever the order of `LADDER`."""

    HOLDOUT: float = 0.1
    """Share of the interactions, the last in time, that a training evaluates on before it learns from all."""

    GATE: dict[str, float | None] = {
        "WORSE_BY": 0.05,
        "WORSE_THAN_POPULAR_BY": 0.0,
        "COVERAGE": 0.5,
        "INTERACTIONS": 0.5,
        "ONE_VISITOR": 0.5,
        "ONE_PRODUCT": 0.5,
        "FEATURES": 0.5,
    }
    """What keeps a trained version from being published; None lifts a rule. `WORSE_BY`: share of NDCG@10 by
    which it may foretell worse than the active version, beyond noise. `WORSE_THAN_POPULAR_BY`: share by which
    it may foretell worse than popularity; at 0 it must be better. `COVERAGE`: share of the products in the
    active version's lists that its lists must show. `INTERACTIONS`: share of the active version's
    interactions that it must have learnt from. `ONE_VISITOR`, `ONE_PRODUCT`: share of the interactions that
    one may make. `FEATURES`: share of the products that had a value of an item feature for the active version
    which must still have one."""

    FULL_TRAINING_EVERY: int = 7
    """Every so many-th training of an algorithm starts afresh; those between start from what the active
    version learned. 1: all start afresh."""

    SEED: int = 0
    """Seed of every training."""

    TRAINING_THREADS: int = 1
    """Threads that a training may use for linear algebra, and processes of the database that build an index;
    one leaves serving undisturbed."""

    LEASE_SECONDS: int = 120
    """Seconds without a heartbeat after which a training counts as dead."""

    PLACEMENTS: dict[str, dict[str, Any] | None] = {
        "recommended-for-you": {"KIND": "recommended_for_you"},
        "similar-items": {"KIND": "similar_items"},
        "bought-together": {"KIND": "bought_together"},
        "also-bought": {"KIND": "also_bought"},
        "because-you-viewed": {"KIND": "because_you_viewed"},
        "trending": {"KIND": "trending"},
        "popular": {"KIND": "popular"},
        "new-arrivals": {"KIND": "new_arrivals"},
        "recently-viewed": {"KIND": "recently_viewed"},
        "still-in-mind": {"KIND": "still_in_mind"},
        "buy-again": {"KIND": "buy_again"},
        "rank": {"KIND": "rank"},
    }
    """Slug to the list that stands there: `KIND` and, as far as they differ from what is usual for the kind,
    `HEADING`, `LIMIT`, `BLEND`, `FILTER`, `FALLBACK`, `EXCLUDE`, `DAYS`, `DIVERSITY`,
    `EXPLORATION` and `FATIGUE`. A placement of the same slug in the admin takes precedence; None removes a
    default."""

    FILTERS: tuple[str, ...] = ()
    """Dotted paths of the functions that filters written in the admin may name; each takes a queryset of
    products and returns one."""

    SEGMENT: str | None = None
    """Dotted path to a function `(request) -> str` that names the segment of a shopper (a country, a price
    list …); popularity and trends are counted in each apart."""

    POPULAR_DAYS: int = 90
    """Days of the log that count as popular; what happened earlier in them counts less."""

    TRENDING_DAYS: int = 7
    """Days in which a trend shows, against the four times as many before."""

    ORDER_DAYS: int = 365
    """Days of purchases from which "bought together" and "also bought" are counted."""

    PAIR_SUPPORT: int = 5
    """Distinct buyers below which two products are never said to be bought together."""

    STATEMENT_TIMEOUT_MS: int | None = 250
    """Milliseconds that a statement of a list may take; then the next rung answers. None lifts the limit."""

    FRAGMENT_AGE: int = 300
    """Seconds for which caches may keep a list that is the same for everybody, where a page fetches it; 0:
    not at all."""

    FRAGMENT_CACHE: str | None = None
    """Alias of the Django cache that keeps these lists; None: only caches between shop and browser do."""

    EXACT_BELOW: int = 20_000
    """Products below which ranking scans exactly; above it an HNSW index is built."""

    KEEP_VERSIONS: int = 2
    """Published versions kept behind the active one, for rolling back."""


class Settings(Defaults):
    """The settings in force; `settings.NAME` reads `SHOP_RECS["NAME"]`, then the default."""

    def __getattribute__(self, name: str) -> Any:
        default = super().__getattribute__(name)
        if not name.isupper():
            return default
        given = getattr(django_settings, "SHOP_RECS", {})
        if name not in given:
            return default
        return _merged(default, given[name])


settings = Settings()


def _merged(default: Any, value: Any) -> Any:
    """`value`, and where both are dictionaries the keys of `default` that it leaves out."""
    if not (isinstance(default, dict) and isinstance(value, dict)):
        return value
    return default | {key: _merged(default.get(key), entry) for key, entry in value.items()}


def setting_names() -> list[str]:
    """The names of all settings, in the order of their definition."""
    return [name for name in vars(Defaults) if name.isupper()]


def product_model_string() -> str:
    """`"app_label.ModelName"` of the shop's product, for foreign keys and migrations.

    Raises:
        ImproperlyConfigured: the setting is missing or malformed.
    """
    name = settings.PRODUCT_MODEL
    if not isinstance(name, str) or name.count(".") != 1:
        raise ImproperlyConfigured(
            f'SHOP_RECS["PRODUCT_MODEL"] is {name!r}; write the shop\'s product as "app_label.ModelName", '
            'for example SHOP_RECS = {"PRODUCT_MODEL": "shop.Product"}.'
        )
    return name


def get_product_model() -> type[Model]:
    """The shop's product model.

    Raises:
        ImproperlyConfigured: the setting names no installed model.
    """
    name = product_model_string()
    try:
        return apps.get_model(name, require_ready=False)
    except (LookupError, ValueError) as error:
        raise ImproperlyConfigured(
            f'SHOP_RECS["PRODUCT_MODEL"] is {name!r}, but no such model is installed; '
            "check the spelling and that its app is in INSTALLED_APPS."
        ) from error


def product_migration_dependency() -> tuple[str, str]:
    """The migration after which the product's table exists."""
    return product_model_string().split(".")[0], settings.PRODUCT_MIGRATION
