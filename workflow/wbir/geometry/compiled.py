"""What the compiled (numba) functions share: how they are compiled, on how many threads they run, what they take."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from wbir.errors import InputError

# cached on disk beside the source; a fused multiply-add is allowed, and no rule that would lose a NaN
OPTIONS: dict[str, Any] = {"parallel": True, "cache": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}
INLINED: dict[str, Any] = {"inline": "always", "error_model": "numpy"}


def use_torch_threads() -> None:
    """Run the next compiled functions on as many threads as torch takes (as far as there are cores)."""
    threads = torch.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    if torch.get_num_threads() != threads:  # both share one OpenMP, and numba's start gives it every core
        torch.set_num_threads(threads)


def as_volumes(image: Tensor, name: str) -> np.ndarray:
    """The memory of `(B, C, *spatial)` as `(B, C, X, Y, Z)`; a 2D image has X = 1.

    Raises InputError for what is not contiguous float32 on the CPU.
    """
    if image.device.type != "cpu" or image.dtype != torch.float32 or not image.is_contiguous():
        got = f"{image.dtype} on {image.device}, {'' if image.is_contiguous() else 'not '}contiguous"
        raise InputError(f"{name} as contiguous float32 on the CPU", got, "take the torch function")
    array = image.detach().numpy()
    return array if array.ndim == 5 else array[:, :, None]
