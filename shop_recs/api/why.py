"""How the explanation of a list reads in JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from shop_recs.api.schema import Plain
from shop_recs.models import KIND_NAMES, Kind
from shop_recs.serving.cards import title
from shop_recs.serving.context import Event
from shop_recs.serving.why import Examined, Used, Why


class EventSerializer(Plain):
    """Something that the shopper did, or a product that the list starts from."""

    product = serializers.CharField()
    title = serializers.CharField(allow_null=True, help_text="Null where the product was deleted since.")
    kind = serializers.CharField()
    days_ago = serializers.FloatField()


class UsedSerializer(EventSerializer):
    """An event that the list was made from."""

    weights = serializers.DictField(child=serializers.FloatField(), help_text="By source.")


class ContributionSerializer(EventSerializer):
    """What an event adds to a score; all but the amount is null for events of deleted products, together."""

    amount = serializers.FloatField()


class FoundSerializer(Plain):
    """What a retriever says of a product."""

    rank = serializers.IntegerField(allow_null=True, help_text="Among all products; null beyond 50.")
    score = serializers.FloatField()


class RetrieverCandidateSerializer(FoundSerializer):
    """One of a retriever's best products."""

    id = serializers.CharField()


class RetrieverSerializer(Plain):
    """One of the ways in which the list was ranked."""

    source = serializers.CharField()  # type: ignore[assignment]
    version = serializers.IntegerField(allow_null=True)
    weight = serializers.FloatField(allow_null=True, help_text="Null where it only filled the list up.")
    contributions = serializers.ChoiceField(
        ["exact", "left_out"],
        allow_null=True,
        help_text="Terms of the score; or the score less the one without the event, which is no sum.",
    )
    candidates = RetrieverCandidateSerializer(many=True)


class ExaminedSerializer(Plain):
    """A product, and what each stage made of it."""

    id = serializers.CharField()
    title = serializers.CharField()
    found = serializers.DictField(child=FoundSerializer(), help_text="By source.")
    parts = serializers.DictField(child=serializers.FloatField(), help_text="Fused score by source.")
    place = serializers.IntegerField(allow_null=True, help_text="By score alone, before any factor.")
    factors = serializers.DictField(
        child=serializers.FloatField(), help_text="What one over the place is multiplied by, by rule."
    )
    final = serializers.FloatField(
        allow_null=True, help_text="What the list is ordered by, before pins, caps, shares and diversity."
    )


class ListedSerializer(ExaminedSerializer):
    """A product of the list."""

    rank = serializers.IntegerField()
    source = serializers.CharField()  # type: ignore[assignment]
    reason = serializers.CharField()
    rules = serializers.ListField(child=serializers.CharField())
    contributions = serializers.DictField(child=ContributionSerializer(many=True), help_text="By source.")


class ObstacleSerializer(Plain):
    """What keeps a product out of the list."""

    name = serializers.CharField()
    text = serializers.CharField()


class DroppedSerializer(ExaminedSerializer):
    """A product that a retriever found and the list does not show."""

    reasons = ObstacleSerializer(many=True)


class ExplanationSerializer(Plain):
    """Why a list is as it is."""

    history = UsedSerializer(many=True)
    seeds = UsedSerializer(many=True)
    retrievers = RetrieverSerializer(many=True)
    listed = ListedSerializer(many=True)
    dropped = DroppedSerializer(many=True)


def explanation(why: Why) -> dict[str, Any]:
    """Why a list is as it is, in plain values."""
    return {
        "history": [_used(used) for used in why.history],
        "seeds": [_used(used) for used in why.seeds],
        "retrievers": [
            {
                "source": retriever.source,
                "version": retriever.version,
                "weight": retriever.weight,
                "contributions": retriever.method,
                "candidates": [
                    {"id": str(one.product.pk), **one.found[retriever.source]._asdict()}
                    for one in why.best(retriever.source)
                ],
            }
            for retriever in why.retrievers
        ],
        "listed": [_listed(one) for one in why.listed],
        "dropped": [
            {**_examined(one), "reasons": [{"name": no.name, "text": str(no)} for no in one.obstacles]}
            for one in why.dropped
        ],
    }


def _listed(one: Examined) -> dict[str, Any]:
    said = one.recommendation
    assert said is not None
    return {
        **_examined(one),
        "rank": said.rank,
        "source": said.source,
        "reason": str(said.reason),
        "rules": list(said.rules),
        "contributions": {
            source: [{**_event(event), "amount": amount} for event, amount in added]
            for source, added in one.added.items()
        },
    }


def _examined(one: Examined) -> dict[str, Any]:
    return {
        "id": str(one.product.pk),
        "title": title(one.product),
        "found": {source: found._asdict() for source, found in one.found.items()},
        "parts": dict(one.parts),
        "place": one.place,
        "factors": dict(one.factors),
        "final": one.worth,
    }


def _used(used: Used) -> dict[str, Any]:
    return {**_event(used.event), "weights": dict(used.weights)}


def _event(event: Event | None) -> dict[str, Any]:
    """An event; of products that were deleted since it is not told which."""
    if event is None:
        return {"product": None, "title": None, "kind": None, "days_ago": None}
    return {
        "product": str(event.product),
        "title": event.title,
        "kind": KIND_NAMES[Kind(event.kind)],
        "days_ago": event.age,
    }
