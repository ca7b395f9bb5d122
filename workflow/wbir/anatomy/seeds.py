"""Random generators by name: each subject and each effect has a stream of its own."""

from __future__ import annotations

import zlib

import numpy as np


def named_generator(seed: int, *names: str | int) -> np.random.Generator:
    """The generator of `names` under `seed`.

    One more subject, modality or case leaves all others as they were, and the order of the calls does not matter.
    """
    return np.random.default_rng([seed, zlib.crc32("/".join(str(n) for n in names).encode())])
