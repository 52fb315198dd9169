"""Which version leads a list, and which are passed over."""

from __future__ import annotations

from typing import Any

import pytest

from shop_recs import recommended_for_you
from shop_recs.models import EncoderArtefact, Kind
from shop_recs.serving import encoding
from tests.serving.versions import publish_popularity, publish_vectors


@pytest.fixture
def two_models(shelves, tastes):
    """Active versions of both algorithms, `als` the better one on its hold-out."""
    chairs, lamps = shelves
    for algorithm, merit in (("sasrec", 0.1), ("als", 0.2)):
        version = publish_vectors(algorithm, chairs + lamps, tastes)
        version.metrics = {"model": {"discovery": {"ndcg@10": merit}}}
        version.save()


@pytest.mark.parametrize(("best_first", "rung"), [(True, "als"), (False, "sasrec")])
def test_what_foretold_better_goes_first_unless_the_ladder_is_to_be_kept_to(
    two_models, shelves, visitor, did, request_of, settings, best_first, rung
):
    settings.SHOP_RECS = {**settings.SHOP_RECS, "BEST_FIRST": best_first}
    did(visitor, Kind.VIEW, shelves[0][0])
    assert recommended_for_you(request_of(visitor), limit=3).rung == rung


def test_what_is_the_same_for_everybody_never_goes_ahead_of_what_knows_the_shopper(
    als, shelves, visitor, did, request_of
):
    popular = publish_popularity(shelves[1])
    popular.metrics = {"model": {"discovery": {"ndcg@10": 0.9}}}
    popular.save()
    did(visitor, Kind.VIEW, shelves[0][0])
    assert recommended_for_you(request_of(visitor), limit=3).rung == "als"


class TestBrokenVersions:
    @pytest.fixture
    def popular(self, als, shelves, visitor, did):
        did(visitor, Kind.VIEW, shelves[0][0])
        return publish_popularity(shelves[1])

    def rungs(self, request: Any) -> list[str]:
        return [recommended_for_you(request, limit=3).rung for _ in range(3)]

    def test_a_damaged_encoder_is_passed_over_and_reported_once(self, popular, visitor, request_of, caplog):
        EncoderArtefact.objects.filter(version__algorithm="als").update(content=b"damaged")
        assert self.rungs(request_of(visitor)) == ["popular"] * 3
        assert [
            record.message for record in caplog.records if "does not match its checksum" in record.message
        ]
        assert len(caplog.records) == 1

    def test_an_encoder_that_was_repaired_answers_again(self, popular, visitor, request_of, monkeypatch):
        artefact = EncoderArtefact.objects.get(version__algorithm="als")
        damaged = EncoderArtefact.objects.filter(pk=artefact.pk)
        damaged.update(content=b"damaged")
        assert self.rungs(request_of(visitor)) == ["popular"] * 3
        damaged.update(content=artefact.content)
        assert self.rungs(request_of(visitor)) == ["popular"] * 3  # it is not read at every page
        monkeypatch.setattr(encoding, "RETRY_AFTER", 0.0)
        assert self.rungs(request_of(visitor)) == ["als"] * 3

    def test_a_missing_encoder_is_passed_over_and_reported_once(self, popular, visitor, request_of, caplog):
        EncoderArtefact.objects.filter(version__algorithm="als").delete()
        assert self.rungs(request_of(visitor)) == ["popular"] * 3
        assert len(caplog.records) == 1

    def test_missing_vectors_are_passed_over(self, als, popular, visitor, request_of):
        als.vectors.all()._raw_delete("default")
        assert self.rungs(request_of(visitor)) == ["popular"] * 3

    def test_vectors_of_another_length_are_passed_over_and_reported_once(
        self, als, popular, visitor, request_of, caplog
    ):
        type(als).objects.filter(pk=als.pk).update(dimensions=5)
        assert self.rungs(request_of(visitor)) == ["popular"] * 3
        assert len(caplog.records) == 1
