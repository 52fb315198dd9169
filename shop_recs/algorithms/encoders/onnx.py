"""A sequence network as an encoder, run by onnxruntime on one thread."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.encoders import Encoder, History

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxEncoder(Encoder):
    """Runs an ONNX graph over the last events of a history.

    The graph has no item table. Its inputs are `vectors` `(k, d)` float32, `kinds` `(k,)` int64 and `ages`
    `(k,)` float32 in days; its only output is the query vector `(d,)` float32.
    """

    name: ClassVar[str] = "onnx"

    def __init__(self, *, graph: bytes, history_length: int) -> None:
        self.graph = graph
        self.history_length = history_length

    def __call__(self, history: History) -> npt.NDArray[np.float32] | None:
        if not len(history):
            return None
        last = slice(-self.history_length, None)
        inputs = {
            "vectors": np.ascontiguousarray(history.vectors[last], dtype=np.float32),
            "kinds": history.kinds[last].astype(np.int64),
            "ages": history.ages[last].astype(np.float32),
        }
        query: npt.NDArray[np.float32] = self._session.run(None, inputs)[0]
        return query

    def dumps(self) -> bytes:
        """One line of JSON, then the graph."""
        header = {"history_length": self.history_length, "sha256": hashlib.sha256(self.graph).hexdigest()}
        return json.dumps(header).encode() + b"\n" + self.graph

    @classmethod
    def loads(cls, content: bytes) -> Self:
        line, _, graph = content.partition(b"\n")
        try:
            header = json.loads(line)
            length, digest = int(header["history_length"]), header["sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError("not an ONNX encoder: it does not begin with a line of JSON options") from error
        if hashlib.sha256(graph).hexdigest() != digest:
            raise ValueError("damaged ONNX encoder: the graph does not match its checksum")
        return cls(graph=graph, history_length=length)

    @cached_property
    def _session(self) -> InferenceSession:
        # Imported here, because a web process that serves no sequence model should not pay for onnxruntime.
        from onnxruntime import InferenceSession, SessionOptions

        options = SessionOptions()
        # Web servers bring their own parallelism; a pool of threads per process would fight for the cores.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return InferenceSession(self.graph, options, providers=["CPUExecutionProvider"])
