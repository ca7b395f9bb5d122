"""A Swin transformer (Liu et al. 2021, ICCV) in 2D and 3D: attention within windows that are shifted in every other block.

Tokens lie in tensors `(B, *grid, C)`. Written here, because MONAI, which has one, takes seconds and hundreds of megabytes
to import, which every job would pay; the tests compare the two with equal weights where MONAI is installed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbir.errors import InputError
from wbir.nets.blocks import CONVOLUTIONS, check_dim, pad_to_multiple


class WindowAttention(nn.Module):
    """Self-attention of the tokens of each window, `(B, windows, N, C)`, with a learned bias for each relative position.

    window: the largest window, for which the table of biases is made. Raises InputError for heads that do not divide C.
    """

    def __init__(self, channels: int, heads: int, window: Sequence[int], *, qkv_bias: bool = False) -> None:
        super().__init__()
        if channels % heads:
            raise InputError("channels that the heads divide", f"{channels} and {heads}", "change embed_dim or heads")
        self.heads = heads
        entries = torch.Size(2 * w - 1 for w in window).numel()
        self.bias = nn.Parameter(nn.init.trunc_normal_(torch.empty(entries, heads), std=0.02))
        self.qkv = linear(channels, 3 * channels, bias=qkv_bias)
        self.projection = linear(channels, channels)

    def forward(self, x: Tensor, index: Tensor, mask: Tensor | None = None) -> Tensor:
        """index: `(N, N)` entries of the table. mask: `(windows, N, N)`, True where a token may be looked at."""
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(3, 0, 1, 4, 2, 5)
        bias = self.bias[index].permute(2, 0, 1)
        if mask is not None:
            bias = bias.unsqueeze(0).masked_fill(~mask.unsqueeze(1), -torch.inf)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.projection(seen.transpose(2, 3).flatten(3))


class SwinBlock(nn.Module):
    """`x + attention(norm(x))`, then `x + mlp(norm(x))`, over windows that start at `-shift`.

    drop_path: in training, the probability that a case skips one of the two (stochastic depth).
    """

    def __init__(
        self, channels: int, heads: int, window: Sequence[int], *, mlp_ratio: float, qkv_bias: bool, drop_path: float
    ) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, window, qkv_bias=qkv_bias)
        hidden = int(channels * mlp_ratio)
        self.mlp = nn.Sequential(linear(channels, hidden), nn.GELU(), linear(hidden, channels))

    def forward(
        self, x: Tensor, window: Sequence[int], shift: Sequence[int], index: Tensor, mask: Tensor | None
    ) -> Tensor:
        """x: `(B, *grid, C)`. index, mask: of the attention; the grid is filled up with zeros to whole windows."""
        grid, axes = x.shape[1:-1], tuple(range(1, x.ndim - 1))
        tokens = fill_up(self.norm1(x), window)
        padded = tokens.shape[1:-1]
        if mask is not None:
            tokens = tokens.roll(tuple(-s for s in shift), axes)
        tokens = join_windows(self.attention(split_windows(tokens, window), index, mask), window, padded)
        if mask is not None:
            tokens = tokens.roll(tuple(shift), axes)
        for axis, size in zip(axes, grid, strict=True):
            tokens = tokens.narrow(axis, 0, size)
        x = x + self._dropped(tokens)
        return x + self._dropped(self.mlp(self.norm2(x)))

    def _dropped(self, x: Tensor) -> Tensor:
        if not self.training or not self.drop_path:
            return x
        kept = torch.rand(x.shape[0], *(1,) * (x.ndim - 1), device=x.device, dtype=x.dtype) >= self.drop_path
        return x * kept / (1 - self.drop_path)


class PatchMerging(nn.Module):
    """2^dim neighbouring tokens become one of twice the channels: concatenated, normalised, mapped linearly."""

    def __init__(self, dim: int, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(2**dim * channels)
        self.reduction = linear(2**dim * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, *grid, C)` to `(B, *half, 2C)`, an odd axis filled up with zeros."""
        dim = x.ndim - 2
        x = fill_up(x, (2,) * dim)
        corners = itertools.product((0, 1), repeat=dim)
        parts = [x[(slice(None), *(slice(start, None, 2) for start in corner))] for corner in corners]
        return self.reduction(self.norm(torch.cat(parts, -1)))


class SwinStage(nn.Module):
    """Blocks at one resolution, every other one with windows shifted by half."""

    def __init__(
        self,
        channels: int,
        heads: int,
        window: Sequence[int],
        drop_path: Sequence[float],
        *,
        mlp_ratio: float,
        qkv_bias: bool,
    ) -> None:
        super().__init__()
        self.window = tuple(window)
        self.blocks = nn.ModuleList(
            SwinBlock(channels, heads, window, mlp_ratio=mlp_ratio, qkv_bias=qkv_bias, drop_path=drop)
            for drop in drop_path
        )

    def forward(self, x: Tensor) -> Tensor:
        """An axis no longer than the window is one window and is not shifted."""
        grid = x.shape[1:-1]
        window = tuple(min(w, n) for w, n in zip(self.window, grid, strict=True))
        shift = tuple(w // 2 if n > w else 0 for w, n in zip(self.window, grid, strict=True))
        index = relative_index(window, self.window).to(x.device)
        mask = window_mask(grid, window, shift).to(x.device) if any(shift) else None
        for number, block in enumerate(self.blocks):
            x = block(x, window, shift, index, mask if number % 2 else None)
        return x


class SwinTransformer(nn.Module):
    """Features of an image `(B, in_channels, *spatial)` at 1/patch, 1/(2 patch), … of its resolution, one for each stage.

    Their channels are embed_dim, 2 embed_dim, …; each passes a layer norm of its own. Axes are continued to multiples of
    the patch; sizes are halved rounding up. drop_path rises linearly from block to block up to the value given.
    Raises InputError for lists that do not fit.
    """

    parts = ("embedding", "stages")

    def __init__(
        self,
        *,
        dim: int,
        in_channels: int,
        embed_dim: int,
        depths: Sequence[int],
        heads: Sequence[int],
        window: Sequence[int],
        patch: int,
        mlp_ratio: float = 4.0,
        qkv_bias: bool = False,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        check_dim(dim)
        if len(depths) != len(heads) or len(window) != dim:
            got = f"depths {list(depths)}, heads {list(heads)}, window {list(window)}"
            raise InputError(f"as many depths as heads and {dim} window sizes", got, "match the lists")
        self.patch = patch
        self.embedding = CONVOLUTIONS[dim](in_channels, embed_dim, patch, patch)
        self.embedding_norm = nn.LayerNorm(embed_dim)
        drops = iter(drop_path * number / max(sum(depths) - 1, 1) for number in range(sum(depths)))
        self.stages, self.norms, self.mergings = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.channels = [embed_dim * 2**level for level in range(len(depths))]
        for level, (depth, channels) in enumerate(zip(depths, self.channels, strict=True)):
            rates = [next(drops) for _ in range(depth)]
            self.stages.append(SwinStage(channels, heads[level], window, rates, mlp_ratio=mlp_ratio, qkv_bias=qkv_bias))
            self.norms.append(nn.LayerNorm(channels))
            if level < len(depths) - 1:
                self.mergings.append(PatchMerging(dim, channels))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Features `(B, channels, *grid)`, the finest first."""
        x = self.embedding_norm(self.embedding(pad_to_multiple(image, self.patch)).movedim(1, -1))
        features = []
        for level, (stage, norm) in enumerate(zip(self.stages, self.norms, strict=True)):
            x = stage(x)
            features.append(norm(x).movedim(-1, 1).contiguous())
            if level < len(self.mergings):
                x = self.mergings[level](x)
        return features


def linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """A linear layer with weights from a normal of deviation 0.02, cut at 2, and zero bias."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.trunc_normal_(layer.weight, std=0.02)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def fill_up(x: Tensor, multiple: Sequence[int]) -> Tensor:
    """`(B, *grid, C)` with zeros behind each axis up to a multiple."""
    missing = [-n % m for n, m in zip(x.shape[1:-1], multiple, strict=True)]
    if not any(missing):
        return x
    return functional.pad(x, [0, 0, *(n for amount in reversed(missing) for n in (0, amount))])


def split_windows(x: Tensor, window: Sequence[int]) -> Tensor:
    """`(B, *grid, C)` of whole windows to `(B, windows, N, C)`."""
    dim = len(window)
    sizes = [part for n, w in zip(x.shape[1:-1], window, strict=True) for part in (n // w, w)]
    x = x.reshape(x.shape[0], *sizes, x.shape[-1])
    x = x.permute(0, *range(1, 2 * dim, 2), *range(2, 2 * dim + 1, 2), 2 * dim + 1)
    return x.flatten(dim + 1, 2 * dim).flatten(1, dim)


def join_windows(x: Tensor, window: Sequence[int], grid: Sequence[int]) -> Tensor:
    """The reverse of `split_windows`."""
    dim = len(window)
    x = x.view(x.shape[0], *(n // w for n, w in zip(grid, window, strict=True)), *window, x.shape[-1])
    order = [axis for pair in zip(range(1, dim + 1), range(dim + 1, 2 * dim + 1), strict=True) for axis in pair]
    return x.permute(0, *order, 2 * dim + 1).reshape(x.shape[0], *grid, x.shape[-1])


def relative_index(window: Sequence[int], largest: Sequence[int]) -> Tensor:
    """`(N, N)`: where the table of the largest window has the bias of token j as seen from token i of `window`."""
    axes = torch.meshgrid(*(torch.arange(n) for n in window), indexing="ij")
    index = torch.zeros((), dtype=torch.long)
    for axis, size in zip(axes, largest, strict=True):
        positions = axis.flatten()
        index = index * (2 * size - 1) + (positions[:, None] - positions[None, :] + size - 1)
    return index


def window_mask(grid: Sequence[int], window: Sequence[int], shift: Sequence[int]) -> Tensor:
    """`(windows, N, N)`: whether two tokens of a shifted window are neighbours and not joined round the border."""
    region = torch.zeros((), dtype=torch.long)
    for axis, (size, width, step) in enumerate(zip(grid, window, shift, strict=True)):
        length = -(-size // width) * width
        position = torch.arange(length)
        part = (position >= length - width).long() + (position >= length - step).long() if step else 0 * position
        region = region * 3 + part.view(-1, *(1,) * (len(grid) - 1 - axis))
    tokens = split_windows(region[None, ..., None], window)[0, ..., 0]
    return tokens.unsqueeze(1) == tokens.unsqueeze(2)
