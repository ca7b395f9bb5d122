"""Chance without a history: every step draws from generators of its own, so a resumed run draws what a whole one does."""

from __future__ import annotations

import zlib

import torch


def seed_of(seed: int, *names: str | int) -> int:
    """A seed for `names` under `seed`: the same for the same names, unlike for others."""
    text = "/".join(map(str, (seed, *names))).encode()
    return zlib.crc32(text) | zlib.crc32(text[::-1]) << 31


def generator_of(seed: int, *names: str | int) -> torch.Generator:
    """A CPU generator seeded by `seed_of`."""
    return torch.Generator().manual_seed(seed_of(seed, *names))


def seed_everything(seed: int, *names: str | int) -> None:
    """Seed torch's global generators (CPU and GPU), from which networks take their first weights and dropout."""
    torch.manual_seed(seed_of(seed, *names))
