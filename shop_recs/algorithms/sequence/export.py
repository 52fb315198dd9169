"""A trained sequence model as an ONNX graph from a history to a query vector, without the item table."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from shop_recs.algorithms.encoders.onnx import OnnxEncoder
from shop_recs.algorithms.sequence.batches import UNKNOWN_GAP
from shop_recs.algorithms.sequence.model import SequenceModel

INPUTS = ("vectors", "kinds", "ages")


class Query(nn.Module):
    """The model as it is asked at serving time: one history, its items given by their vectors."""

    def __init__(self, model: SequenceModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, vectors: Tensor, kinds: Tensor, ages: Tensor) -> Tensor:
        """The query vector `(d,)` for `vectors` `(k, d)`, `kinds` `(k,)` int64 and `ages` `(k,)` in days."""
        gaps = torch.cat([torch.full_like(ages[:1], UNKNOWN_GAP), ages[:-1] - ages[1:]])
        return self.model.query(vectors, kinds, gaps)


def encoder_of(model: SequenceModel, *, history_length: int) -> OnnxEncoder:
    """The model's serving half; the model is left in evaluation mode."""
    example = (torch.zeros(3, model.dimensions), torch.ones(3, dtype=torch.int64), torch.zeros(3))
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        graph = Path(folder) / "query.onnx"
        # The exporter that replaces this one needs four seconds instead of half a one, and a package more.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Said of every recurrent network, also where the batch is always a single history.
        warnings.filterwarnings("ignore", "Exporting a model to ONNX with a batch_size", UserWarning)
        # Layers of torch look at the shapes of what they get.
        warnings.filterwarnings("ignore", module=r"torch\.nn")
        torch.onnx.export(
            Query(model).eval(),
            example,
            graph,
            input_names=list(INPUTS),
            output_names=["query"],
            dynamic_axes={name: {0: "k"} for name in INPUTS},
            dynamo=False,
        )
        return OnnxEncoder(graph=graph.read_bytes(), history_length=history_length)
