"""Normalised gradient fields (Haber and Modersitzki 2006; here after WBIR 2022 paper 17, Eq. 1-4).

The paper leaves the gradient open; taken from its authors' released code: central differences over two voxels with
zeros outside the image, and masks that multiply the image before and the field after.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from wbir.errors import InputError


def normalized_gradients(image: Tensor, epsilon: float = 1e-5, mask: Tensor | None = None) -> Tensor:
    """`grad A / sqrt(|grad A|^2 + epsilon^2)` (Eq. 1): `(B, dim, *spatial)`, component c along spatial axis c.

    image: `(B, 1, *spatial)`, intensities in [0, 1]. epsilon: intensity per voxel. mask: `(B, 1, *spatial)`, zero where
    the image is not to count. Raises InputError for more than one channel.
    """
    if image.ndim not in (4, 5) or image.shape[1] != 1:
        raise InputError("an image (B, 1, *spatial) in 2D or 3D", f"shape {tuple(image.shape)}", "give one channel")
    masked = image if mask is None else image * mask
    padded = pad(masked[:, 0], (1, 1) * (image.ndim - 2))
    components = []
    for axis in range(1, padded.ndim):
        line = padded
        for other in range(1, padded.ndim):
            line = line if other == axis else line.narrow(other, 1, padded.shape[other] - 2)
        size = padded.shape[axis] - 2
        components.append((line.narrow(axis, 2, size) - line.narrow(axis, 0, size)) / 2)
    gradient = torch.stack(components, dim=1)
    field = gradient / (gradient.square().sum(dim=1, keepdim=True) + epsilon**2).sqrt()
    return field if mask is None else field * mask


def ngf(
    fixed: Tensor, moving: Tensor, *, epsilon: float = 1e-5, squared: bool = True, mask: Tensor | None = None
) -> Tensor:
    """Distance of normalised gradients, `1 - s` averaged over voxels (where `mask` is set): lower is more alike.

    squared: `s = <n(fixed), n(moving)>^2` (Eq. 2, in [0, 1], blind to the sign of the contrast); else
    `s = <n(fixed), n(moving)>` (Eq. 3, in [-1, 1]). Voxels of no gradient in either image have `s = 0`.
    """
    if fixed.shape != moving.shape:
        wanted = f"two images of shape {tuple(fixed.shape)}"
        raise InputError(wanted, f"shape {tuple(moving.shape)}", "resample one to the other's grid")
    product = (normalized_gradients(fixed, epsilon) * normalized_gradients(moving, epsilon)).sum(dim=1, keepdim=True)
    similarity = product.square() if squared else product
    if mask is None:
        return 1.0 - similarity.mean()
    weight = mask.to(fixed.dtype).expand_as(similarity)
    return 1.0 - (weight * similarity).sum() / weight.sum().clamp(min=1.0)
