"""Reading an image at points between its voxels, and warping it by a displacement."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from wbir.errors import InputError
from wbir.geometry.grids import check_field, check_image, identity_grid

MODES = ("linear", "nearest", "cubic")
PADDINGS = ("zeros", "border")
SPLIT_POINTS = 1 << 14  # fewer points than this are not worth a second thread
CUBIC_POINTS = 1 << 16  # points that are worked on at once, so that what lies between stays in the cache


def warp(image: Tensor, displacement: Tensor, *, mode: str = "linear", padding: str = "border") -> Tensor:
    """Pull an image back: `warped(x) = image(x + displacement(x))`.

    image: `(B, C, *spatial)`. displacement: `(B, dim, *spatial)` in voxels, on the same grid; either batch may be 1.
    mode, padding: as in `sample`. Raises InputError where the grids differ.
    """
    check_field(displacement)
    if image.shape[2:] != displacement.shape[2:]:
        expected = f"a displacement on the image's grid {tuple(image.shape[2:])}"
        raise InputError(expected, f"{tuple(displacement.shape[2:])}", "resize it")
    grid = identity_grid(displacement.shape[2:], device=displacement.device, dtype=displacement.dtype)
    return sample(image, grid + displacement, mode=mode, padding=padding)


def sample(image: Tensor, coordinates: Tensor, *, mode: str = "linear", padding: str = "zeros") -> Tensor:
    """Values of an image at voxel coordinates: `(B, C, *out)`.

    image: `(B, C, *spatial)`. coordinates: `(B, dim, *out)` in voxels of the image, any number of output axes; either
    batch may be 1.
    mode: `linear`; `nearest` (halves round up; any number type, labels stay exact); `cubic` (Catmull-Rom: it meets the
    voxels' values, separable over 4 voxels along each axis, in 2D and 3D alike).
    padding: `border` continues the border voxels; `zeros` takes zero voxels outside, so that a value fades out over one
    voxel. Differentiable in image and coordinates (nearest: in the image). Raises InputError for unfit arguments.
    """
    dim = check_image(image)
    _check_arguments(image, coordinates, dim, mode, padding)
    batch = max(image.shape[0], coordinates.shape[0])
    image = image.expand(batch, *image.shape[1:])
    coordinates = coordinates.expand(batch, *coordinates.shape[1:])
    if mode == "nearest":
        return _nearest(image, coordinates, padding)
    work = torch.promote_types(image.dtype, coordinates.dtype)
    full, coordinates = image.to(work), coordinates.to(work)
    if mode == "cubic":
        return _cubic(full, coordinates, padding).to(image.dtype)
    scale = normalised_scale(image.shape[2:], coordinates)
    return sample_normalised(full, torch.addcmul(scale / 2 - 1, coordinates, scale), padding).to(image.dtype)


def _check_arguments(image: Tensor, coordinates: Tensor, dim: int, mode: str, padding: str) -> None:
    if mode not in MODES:
        raise InputError(f"a mode of {MODES}", repr(mode), "take one of them")
    if padding not in PADDINGS:
        raise InputError(f"padding of {PADDINGS}", repr(padding), "take one of them")
    if coordinates.ndim < 3 or coordinates.shape[1] != dim or not coordinates.is_floating_point():
        got = f"{coordinates.dtype} of shape {tuple(coordinates.shape)}"
        raise InputError(f"floating-point coordinates (B, {dim}, *out)", got, "give one component for each image axis")
    if image.shape[0] != coordinates.shape[0] and 1 not in (image.shape[0], coordinates.shape[0]):
        raise InputError(f"a batch of {image.shape[0]} or 1", f"{coordinates.shape[0]}", "give one for each image")
    if mode != "nearest" and not image.is_floating_point():
        raise InputError(f"a floating-point image for mode {mode!r}", f"{image.dtype}", "take nearest for labels")


def normalised_scale(shape: Sequence[int], like: Tensor) -> Tensor:
    """`2 / n` for each axis, shaped to broadcast over `like` `(B, dim, *out)`.

    Voxel x is the normalised coordinate `(2x + 1) / n - 1` of grid_sample's align_corners=False. It names the same
    point as `2x / (n - 1) - 1` does with True, and is right for an axis of one voxel too.
    """
    sizes = torch.tensor(list(shape), device=like.device, dtype=like.dtype)
    return (2 / sizes).view(1, -1, *(1,) * (like.ndim - 2))


def sample_normalised(image: Tensor, coordinates: Tensor, padding: str) -> Tensor:
    """Linear `sample` at normalised coordinates `(B, dim, *out)` (see `normalised_scale`); both batches are B.

    grid_sample counts axes from the last one: the image is seen transposed, so that the points need no turning round.
    On a CPU it threads over the batch only: the points of a single image are cut into one piece for each thread.
    """
    batch, dim, *out = coordinates.shape
    points = coordinates.flatten(2)
    count, pieces = points.shape[2], 1
    if image.device.type == "cpu" and batch == 1 and count >= SPLIT_POINTS:
        pieces = torch.get_num_threads()
    if pieces > 1:
        points = functional.pad(points, (0, -count % pieces)) if count % pieces else points
        points = points.unflatten(2, (pieces, -1)).squeeze(0).transpose(0, 1)
        image = image.expand(pieces, *image.shape[1:])
    grid = points.transpose(1, 2).unflatten(1, (*(1,) * (dim - 1), -1))
    seen = image.permute(0, 1, *range(dim + 1, 1, -1))
    values = functional.grid_sample(seen, grid, padding_mode=padding, align_corners=False).flatten(2)
    if pieces > 1:
        values = values.transpose(0, 1).flatten(1)[None, :, :count]
    return values.unflatten(2, out)


def _nearest(image: Tensor, coordinates: Tensor, padding: str) -> Tensor:
    """`(B, C, *out)`: the voxel at the rounded coordinates, halves up."""
    flat, outside = torch.zeros((), device=image.device, dtype=torch.long), None
    for axis, size in enumerate(image.shape[2:]):
        rounded = torch.floor(coordinates[:, axis] + 0.5)
        clamped = rounded.clamp(0, size - 1)
        index = clamped.long().clamp_(0, size - 1)  # once more: a NaN has become the smallest integer
        if padding == "zeros":
            left = rounded != clamped
            outside = left if outside is None else outside | left
        flat = flat * size + index
    values = _take(image, flat.flatten(1)).unflatten(2, flat.shape[1:])
    return values if outside is None else values.masked_fill(outside.unsqueeze(1), 0)


def _take(image: Tensor, flat: Tensor) -> Tensor:
    """Voxels `(B, C, N)` at flat indices `(B, N)`."""
    return image.flatten(2).gather(2, flat.unsqueeze(1).expand(-1, image.shape[1], -1))


def _cubic(image: Tensor, coordinates: Tensor, padding: str) -> Tensor:
    """`(B, C, *out)` as the sum over 4^dim voxels, each weighted by a product of Catmull-Rom weights."""
    parts = []
    for points in coordinates.flatten(2).split(CUBIC_POINTS, 2):
        taps = [_cubic_taps(points[:, axis], size, padding) for axis, size in enumerate(image.shape[2:])]
        parts.append(_sum_taps(image, torch.zeros_like(points[:, 0], dtype=torch.long), taps))
    return torch.cat(parts, 2).unflatten(2, coordinates.shape[2:])


def _cubic_taps(x: Tensor, size: int, padding: str) -> list[tuple[Tensor, Tensor]]:
    """The four voxel indices and weights along one axis for positions `(B, N)` (Keys 1981, a = -1/2)."""
    x = x.clamp(-3, size + 2)  # all four voxels lie outside there already; far values would overflow an integer
    base = torch.floor(x)
    t = x - base
    weights = (
        0.5 * t * (-1 + t * (2 - t)),
        0.5 * (2 + t * t * (3 * t - 5)),
        0.5 * t * (1 + t * (4 - 3 * t)),
        0.5 * t * t * (t - 1),
    )
    taps = []
    for step, weight in enumerate(weights):
        index = base.long() + (step - 1)
        inside = index.clamp(0, size - 1)
        taps.append((inside, weight * (inside == index) if padding == "zeros" else weight))
    return taps


def _sum_taps(image: Tensor, flat: Tensor, taps: Sequence[list[tuple[Tensor, Tensor]]]) -> Tensor:
    """Weighted voxels `(B, C, N)`: the first axis of `taps` outermost, `flat` the index over the axes already fixed."""
    if not taps:
        return _take(image, flat)
    size = image.shape[-len(taps)]
    values = [(weight.unsqueeze(1), _sum_taps(image, flat * size + index, taps[1:])) for index, weight in taps[0]]
    total = values[0][0] * values[0][1]
    for weight, value in values[1:]:
        total = total.addcmul_(weight, value)
    return total
