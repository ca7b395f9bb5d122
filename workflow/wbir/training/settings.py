"""How a network is trained: what a learned method's `training` parameters say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from wbir.errors import InputError, require_known

PRECISIONS = ("float32", "mixed", "bfloat16")
DECAYS = ("constant", "poly", "halving")
KEEPS = ("last", "best")
POLY_POWER = 0.9
# What a SPEC's `training` need not say (a literal: it is read without importing this file). iterations and rate it says.
DEFAULTS = {
    "decay": "constant",
    "period": 1,
    "batch": 1,
    "accumulate": 1,
    "validate_every": 0,
    "patience": 0,
    "keep": "last",
    "precision": "mixed",
    "memory_mb": 16000,
}


@dataclass(frozen=True)
class Settings:
    """The `training` group of a SPEC with its DEFAULTS filled in.

    iterations: optimiser steps. rate: of Adam. decay: constant; poly, `rate (1 - step / iterations)^0.9`; halving, by
    half every `period` steps. batch: samples of one pass through the network. accumulate: passes whose gradients are
    averaged into one step. validate_every: steps between validations (0: none). patience: validations without a better
    score after which training stops (0: never). keep: the last state or the one with the best validation score.
    precision: float32; mixed, which runs the network (not the loss) in bfloat16 on a GPU; bfloat16, which does so on any
    device (a CPU without such instructions is slow at it). memory_mb: prepared cases kept in memory.
    """

    iterations: int
    rate: float
    decay: str
    period: int
    batch: int
    accumulate: int
    validate_every: int
    patience: int
    keep: str
    precision: str
    memory_mb: int

    def __post_init__(self) -> None:
        require_known(
            {"precision": (self.precision, PRECISIONS), "decay": (self.decay, DECAYS), "keep": (self.keep, KEEPS)},
            "of training",
        )
        least = {"iterations": 1, "period": 1, "batch": 1, "accumulate": 1, "validate_every": 0, "patience": 0}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise InputError(f"training {name} of at least {low}", f"{getattr(self, name)}", "raise it")
        if self.rate <= 0:
            raise InputError("a positive training rate", f"{self.rate}", "correct it")
        if (self.keep == "best" or self.patience) and not self.validate_every:
            raise InputError("validate_every above 0 for keep: best or patience", "0", "say how often to validate")

    @classmethod
    def of(cls, training: Mapping[str, Any]) -> Settings:
        """From a method's parameters. Raises InputError for a missing or an unknown key, or a value out of range."""
        known = {field.name for field in fields(cls)}
        if set(training) != known:
            raise InputError(f"training with the keys {sorted(known)}", f"{sorted(training)}", "correct the SPEC")
        return cls(**training)

    def rate_at(self, step: int) -> float:
        """The rate of a step (counted from 0)."""
        if self.decay == "poly":
            return self.rate * (1 - step / self.iterations) ** POLY_POWER
        return self.rate * 0.5 ** (step // self.period) if self.decay == "halving" else self.rate
