"""A training under way as bytes, from which it goes on as if nothing had happened."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load, save
from torch import Tensor

if TYPE_CHECKING:
    from shop_recs.algorithms.sequence.trainer import Trainer

Tensors = dict[str, Tensor]

FACTS, RANDOM, RANDOM_OF_DEVICE = "facts", "random", "random-of-device"
"""Names that no tensor of a model has: they all have a dot."""


def dumps(trainer: Trainer) -> bytes:
    """All that the next epoch depends on, in the format of safetensors."""
    tensors = _prefixed("model", trainer.model.state_dict())
    tensors |= _prefixed("averaged", trainer.averaged.state_dict())
    if trainer.best.epochs != trainer.epoch:
        tensors |= _prefixed("best", trainer.weights)
    for weight, values in trainer.optimizer.state_dict()["state"].items():
        tensors |= _prefixed(f"optimizer.{weight}", values)
    facts = {
        "epoch": trainer.epoch,
        "steps": trainer.steps,
        "seen": trainer.seen,
        "seconds": trainer.seconds,
        "best": [trainer.best.epochs, trainer.best.ndcg],
        "random": trainer.rng.bit_generator.state,
    }
    tensors[FACTS] = torch.frombuffer(bytearray(json.dumps(facts).encode()), dtype=torch.uint8)
    tensors[RANDOM] = torch.get_rng_state()
    if trainer.device.type == "cuda":
        tensors[RANDOM_OF_DEVICE] = torch.cuda.get_rng_state(trainer.device)
    return save({name: tensor.contiguous() for name, tensor in tensors.items()})


def restore(trainer: Trainer, content: bytes) -> None:
    """Go on from what `dumps` returned, unless it is of another network: then nothing changes."""
    tensors = load(content)
    model = _of("model", tensors)
    if _shapes(model) != _shapes(trainer.model.state_dict()):
        return
    facts = json.loads(tensors[FACTS].numpy().tobytes())
    trainer.model.load_state_dict(model)
    trainer.averaged.load_state_dict(_of("averaged", tensors))
    trainer.weights = _of("best", tensors) or _of("averaged", tensors)
    state: dict[int, Tensors] = {}
    for name, value in _of("optimizer", tensors).items():
        weight, _, what = name.partition(".")
        state.setdefault(int(weight), {})[what] = value
    trainer.optimizer.load_state_dict({**trainer.optimizer.state_dict(), "state": state})
    trainer.epoch, trainer.steps, trainer.seen = (facts[name] for name in ("epoch", "steps", "seen"))
    trainer.started -= facts.get("seconds", 0.0)
    epochs, ndcg = facts["best"]
    trainer.best = replace(trainer.best, epochs=epochs, ndcg=ndcg)
    trainer.rng.bit_generator.state = facts["random"]
    torch.set_rng_state(tensors[RANDOM])
    if trainer.device.type == "cuda" and RANDOM_OF_DEVICE in tensors:
        torch.cuda.set_rng_state(tensors[RANDOM_OF_DEVICE], trainer.device)


def _prefixed(what: str, tensors: Tensors) -> Tensors:
    return {f"{what}.{name}": tensor for name, tensor in tensors.items()}


def _of(what: str, values: Tensors) -> Tensors:
    """The values whose names begin with `what`, by the rest of their names."""
    begin = f"{what}."
    return {name.removeprefix(begin): value for name, value in values.items() if name.startswith(begin)}


def _shapes(tensors: Tensors) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
