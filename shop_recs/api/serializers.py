"""How a list of recommendations reads in JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from shop_recs.api.schema import Plain
from shop_recs.api.why import ExplanationSerializer
from shop_recs.serving.cards import card
from shop_recs.serving.explain import Recommendations


class ItemSerializer(Plain):
    """A recommended product, for the description of the API; `as_json` writes it faster than fields would."""

    id = serializers.CharField()
    rank = serializers.IntegerField()
    score = serializers.FloatField()
    source = serializers.CharField(  # type: ignore[assignment]
        help_text='The algorithm that ranked it, or "newest".'
    )
    reason = serializers.CharField(help_text="Words for the shopper.")
    boosted = serializers.BooleanField(help_text="Whether a merchandising rule favours it.")
    label = serializers.CharField(  # type: ignore[assignment]
        help_text='What such a rule writes on it, "Sponsored" say.'
    )
    title = serializers.CharField()
    url = serializers.CharField(allow_null=True)
    image = serializers.CharField(allow_null=True)
    price = serializers.CharField(allow_null=True)


class RecommendationsSerializer(Plain):
    """A list of recommendations."""

    placement = serializers.CharField(help_text="Slug of the placement that it was made for.")
    heading = serializers.CharField(help_text="What stands over it.")
    next = serializers.CharField(
        allow_null=True,
        help_text="Continues the list, as `after` of its placement; null where there is no more.",
    )
    id = serializers.UUIDField(help_text="Names this list, for events that follow from it.")
    rung = serializers.CharField(help_text='The source of the first product, or "nothing".')
    version = serializers.IntegerField(allow_null=True, help_text="The model version behind that rung.")
    items = ItemSerializer(many=True)
    explanation = ExplanationSerializer(required=False, help_text="Where staff asked for it.")


class PlacementsSerializer(Plain):
    """The lists of a page, in the order in which they were asked for."""

    placements = RecommendationsSerializer(many=True)


class ExplainQuerySerializer(Plain):
    """What staff may ask of any list."""

    explain = serializers.BooleanField(
        required=False, help_text="Why the list is as it is; for staff who may view model versions."
    )


class QuerySerializer(ExplainQuerySerializer):
    """What may be asked of any list."""

    limit = serializers.IntegerField(
        min_value=1, default=12, help_text="Products at most; more than 100 are never given."
    )
    exclude = serializers.CharField(required=False, help_text="Ids to leave out, separated by commas.")


class PersonalQuerySerializer(QuerySerializer):
    """What may be asked of a visitor's list."""

    product = serializers.CharField(
        required=False, help_text="Id of the product on the current page, which is left out."
    )


class PlacementQuerySerializer(QuerySerializer):
    """What may be asked of a placement's list."""

    seeds = serializers.CharField(
        required=False, help_text="Ids of products that the list starts from, separated by commas."
    )
    category = serializers.CharField(required=False, help_text="Key of the category that all products have.")
    after = serializers.CharField(required=False, help_text="`next` of the list that this one continues.")


def as_json(recommendations: Recommendations) -> dict[str, Any]:
    """The list in plain values."""
    return {
        "placement": recommendations.placement,
        "heading": recommendations.heading,
        "next": recommendations.next,
        "id": str(recommendations.id),
        "rung": recommendations.rung,
        "version": recommendations.version,
        "items": [_item(product) for product in recommendations],
    }


def _item(product: Any) -> dict[str, Any]:
    shown, recommendation = card(product), product.recommendation
    return {
        "id": str(product.pk),
        "rank": recommendation.rank,
        "score": recommendation.score,
        "source": recommendation.source,
        "reason": str(recommendation.reason),
        "boosted": recommendation.boosted,
        "label": recommendation.label,
        "title": shown.title,
        "url": shown.url,
        "image": shown.image,
        "price": None if shown.price is None else str(shown.price),
    }
