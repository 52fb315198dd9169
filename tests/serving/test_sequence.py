"""What is served of a sequence model is what torch learned."""

from __future__ import annotations

import numpy as np
import pytest

from shop_recs import recommended_for_you
from shop_recs.models import Kind
from tests.serving.versions import publish_vectors

torch = pytest.importorskip("torch")
from shop_recs.algorithms.sequence.export import Query, encoder_of  # noqa: E402
from shop_recs.algorithms.sequence.model import SequenceModel  # noqa: E402
from shop_recs.algorithms.sequence.objectives import NextEvent  # noqa: E402
from shop_recs.algorithms.sequence.transformer import Transformer  # noqa: E402

pytestmark = pytest.mark.training

DAY = 24 * 60


@torch.no_grad()
def test_served_onnx_and_torch_scores_agree(products, visitor, did, request_of):
    torch.manual_seed(3)
    network = Transformer(dimensions=16, blocks=2, heads=2, length=20, dropout=0.2)
    model = SequenceModel(
        NextEvent(network, dimensions=16), n_items=len(products), dimensions=16, dropout=0.2
    ).eval()
    table = model.table()
    publish_vectors(
        "sasrec",
        products,
        table.numpy(),
        encoder=encoder_of(model, history_length=20),
        unit_norm=True,
    )
    seen, minutes = [4, 7, 9], torch.tensor([3.0, 2.0, 1.0])
    did(visitor, Kind.VIEW, *(products[item] for item in seen))
    query = Query(model).eval()(table[seen], torch.full((3,), int(Kind.VIEW)), minutes / DAY)
    expected = dict(zip((product.pk for product in products), (table @ query).tolist(), strict=True))
    recommendations = recommended_for_you(request_of(visitor), limit=len(products))
    assert {product.recommendation.source for product in recommendations} == {"sasrec"}
    served = [product.recommendation.score for product in recommendations]
    assert len(served) == len(products)
    np.testing.assert_allclose(served, [expected[product.pk] for product in recommendations], atol=1e-4)
