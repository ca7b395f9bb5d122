"""Reading an image at points between its voxels, and warping it by a displacement."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

from wbir.errors import InputError
from wbir.geometry.grids import check_field, check_image, identity_grid

MODES = ("linear", "nearest", "cubic")
PADDINGS = ("zeros", "border")
SPLIT_POINTS = 1 << 14  # fewer points than this are not worth a second thread


def warp(image: Tensor, displacement: Tensor, *, mode: str = "linear", padding: str = "border") -> Tensor:
    """Pull an image back: `warped(x) = image(x + displacement(x))`.

    image: `(B, C, *spatial)`. displacement: `(B, dim, *spatial)` in voxels, on the same grid; either batch may be 1.
    mode, padding: as in `sample`. Raises InputError where the grids differ.
    """
    check_field(displacement)
    if image.shape[2:] != displacement.shape[2:]:
        raise InputError(
            f"a displacement on the image's grid {tuple(image.shape[2:])}", f"{tuple(displacement.shape[2:])}", "resize it"
        )
    grid = identity_grid(displacement.shape[2:], device=displacement.device, dtype=displacement.dtype)
    return sample(image, grid + displacement, mode=mode, padding=padding)


def sample(image: Tensor, coordinates: Tensor, *, mode: str = "linear", padding: str = "zeros") -> Tensor:
    """Values of an image at voxel coordinates: `(B, C, *out)`.

    image: `(B, C, *spatial)`. coordinates: `(B, dim, *out)` in voxels of the image, any number of output axes; either batch
    may be 1.
    mode: `linear`; `nearest` (halves round up; any number type, labels stay exact); `cubic` (Catmull-Rom, which meets the
    voxels' values, separable over 4 voxels along each axis, in 2D and 3D).
    padding: `border` continues the border voxels; `zeros` takes zero voxels outside, so that a linear value fades out over
    one voxel. Differentiable in image and coordinates (nearest: in the image). Raises InputError for unfit arguments.
    """
    dim = check_image(image)
    _check_arguments(image, coordinates, dim, mode, padding)
    batch = max(image.shape[0], coordinates.shape[0])
    image = image.expand(batch, *image.shape[1:])
    coordinates = coordinates.expand(batch, *coordinates.shape[1:])
    out_shape = (batch, image.shape[1], *coordinates.shape[2:])
    points = coordinates.reshape(batch, dim, -1)
    if mode == "nearest":
        return _gather(image, torch.floor(points + 0.5).long(), padding).reshape(out_shape)
    work = torch.promote_types(image.dtype, points.dtype)
    function = _linear if mode == "linear" else _cubic
    return function(image.to(work), points.to(work), padding).to(image.dtype).reshape(out_shape)


def _check_arguments(image: Tensor, coordinates: Tensor, dim: int, mode: str, padding: str) -> None:
    if mode not in MODES:
        raise InputError(f"a mode of {MODES}", repr(mode), "take one of them")
    if padding not in PADDINGS:
        raise InputError(f"padding of {PADDINGS}", repr(padding), "take one of them")
    if coordinates.ndim < 3 or coordinates.shape[1] != dim or not coordinates.is_floating_point():
        got = f"{coordinates.dtype} of shape {tuple(coordinates.shape)}"
        raise InputError(f"floating-point coordinates (B, {dim}, *out)", got, "give one component for each image axis")
    if image.shape[0] != coordinates.shape[0] and 1 not in (image.shape[0], coordinates.shape[0]):
        raise InputError(f"a batch of {image.shape[0]} or 1", f"{coordinates.shape[0]}", "give one field for each image")
    if mode != "nearest" and not image.is_floating_point():
        raise InputError(f"a floating-point image for mode {mode!r}", f"{image.dtype}", "take nearest for labels")


def _linear(image: Tensor, points: Tensor, padding: str) -> Tensor:
    """`(B, C, N)` by grid_sample. It counts axes from the last one: the image is seen transposed, not the points flipped."""
    dim, (batch, _, count) = image.ndim - 2, points.shape
    sizes = torch.tensor(image.shape[2:], device=image.device, dtype=image.dtype).view(1, dim, 1)
    # (2x + 1) / n - 1 with align_corners=False and 2x / (n - 1) - 1 with True name the same point; the first also holds for n = 1
    normalised = (points * (2 / sizes) + (1 / sizes - 1)).transpose(1, 2)
    pieces = _pieces(image, batch, count)
    if pieces > 1:  # grid_sample threads over the batch only
        normalised = functional.pad(normalised, (0, 0, 0, -count % pieces)).reshape(batch * pieces, -1, dim)
        image = image.repeat_interleave(pieces, 0) if batch > 1 else image.expand(pieces, *image.shape[1:])
    seen = image.permute(0, 1, *range(dim + 1, 1, -1))
    values = functional.grid_sample(
        seen, normalised.view(normalised.shape[0], *(1,) * (dim - 1), -1, dim), padding_mode=padding, align_corners=False
    ).flatten(2)
    if pieces > 1:
        values = values.view(batch, pieces, image.shape[1], -1).transpose(1, 2).flatten(2)[..., :count]
    return values


def _pieces(image: Tensor, batch: int, count: int) -> int:
    """Into how many pieces of a batch the points are cut, so that every CPU thread gets one."""
    threads = torch.get_num_threads()
    return threads if image.device.type == "cpu" and batch == 1 and count >= SPLIT_POINTS else 1


def _cubic(image: Tensor, points: Tensor, padding: str) -> Tensor:
    """`(B, C, N)` as the sum over 4^dim voxels, each weighted by a product of Catmull-Rom weights."""
    base = points.floor()
    weights = _catmull_rom(points - base)
    corner = base.long() - 1
    total = torch.zeros(image.shape[0], image.shape[1], points.shape[2], device=image.device, dtype=image.dtype)
    for offset in product(range(4), repeat=points.shape[1]):
        step = torch.tensor(offset, device=image.device).view(1, -1, 1)
        weight = torch.stack([weights[k][:, axis] for axis, k in enumerate(offset)]).prod(0)
        total = total + weight.unsqueeze(1) * _gather(image, corner + step, padding)
    return total


def _catmull_rom(t: Tensor) -> list[Tensor]:
    """Weights of the voxels at -1, 0, 1, 2 for a fraction t in [0, 1) (Keys 1981, a = -1/2)."""
    return [
        0.5 * t * (-1 + t * (2 - t)),
        0.5 * (2 + t * t * (3 * t - 5)),
        0.5 * t * (1 + t * (4 - 3 * t)),
        0.5 * t * t * (t - 1),
    ]


def _gather(image: Tensor, index: Tensor, padding: str) -> Tensor:
    """Voxels `(B, C, N)` at integer positions `(B, dim, N)`, outside by `padding`."""
    flat = torch.zeros_like(index[:, 0])
    inside = torch.ones_like(flat, dtype=torch.bool)
    for axis, size in enumerate(image.shape[2:]):
        clamped = index[:, axis].clamp(0, size - 1)
        if padding == "zeros":
            inside = inside & (clamped == index[:, axis])
        flat = flat * size + clamped
    values = image.flatten(2).gather(2, flat.unsqueeze(1).expand(-1, image.shape[1], -1))
    return torch.where(inside.unsqueeze(1), values, torch.zeros_like(values)) if padding == "zeros" else values
