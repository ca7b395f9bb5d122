"""Similarity of two images for every whole-voxel displacement at once: by real FFTs, and by the plain loop.

Cross-similarity of normalised gradient fields (paper 17), Sect. 3, Eqs. 4 to 6:
`CSNGF(chi) = 1 / N(chi) * sum_x M_A(x) M_B(x + chi) s(n_A(x), n_B(x + chi))`, `N(chi) = sum_x M_A(x) M_B(x + chi)`,
with `s = <n_A, n_B>^2` (squared) or `s = <n_A, n_B>` (unsquared, Eq. 3). A is the fixed and B the moving image, so
voxel x of A meets voxel `x + chi` of B. The dot product squared is a sum of products of one term of A and one of B (6
in 3D, 3 in 2D), so the numerator is a sum of cross-correlations, which is taken in the Fourier domain, before one
inverse transform.

What the text leaves open, and what is taken:
- "Suitable zero padding": along an axis of a and b voxels, displacements with at least `o = ceil(overlap * min(a, b))`
  common voxels are computed, that is `o - a <= chi <= b - o`. They do not wrap around in a transform of `a + b - o`
  points or more: 1.5 n for two images of n voxels and an overlap of one half.
- "Minimum overlap": `N(chi) >= overlap * max N`, the maximum over the computed displacements. The others get minus
  infinity.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from wbir.errors import InputError

FORBIDDEN = -math.inf
Slices = tuple[slice, ...]


@dataclass(frozen=True)
class ShiftWindow:
    """The displacements that are computed, and the transform that holds them without wrapping around.

    lower: the least displacement along each axis, voxels. shape: how many there are. padded: points of the transform.
    """

    lower: tuple[int, ...]
    shape: tuple[int, ...]
    padded: tuple[int, ...]

    @classmethod
    def between(cls, fixed_shape: Sequence[int], moving_shape: Sequence[int], overlap: float) -> ShiftWindow:
        """All displacements that leave `overlap` (0 < overlap <= 1) of the smaller image's extent along each axis."""
        if not 0 < overlap <= 1:
            raise InputError("a minimum overlap in (0, 1]", repr(overlap), "the paper takes 0.5")
        if len(fixed_shape) != len(moving_shape):
            raise InputError("two images of one dimension", f"{fixed_shape} and {moving_shape}", "check the axes")
        pairs = list(zip(fixed_shape, moving_shape, strict=True))
        common = [max(1, math.ceil(overlap * min(a, b))) for a, b in pairs]
        return cls(
            lower=tuple(o - a for o, (a, _) in zip(common, pairs, strict=True)),
            shape=tuple(a + b - 2 * o + 1 for o, (a, b) in zip(common, pairs, strict=True)),
            padded=tuple(fast_length(a + b - o) for o, (a, b) in zip(common, pairs, strict=True)),
        )

    def fixed_spectrum(self, x: Tensor) -> Tensor:
        """Conjugate spectrum of `(..., *fixed_shape)`, turned so that the window begins at index 0 of a correlation."""
        axes = tuple(range(-len(self.padded), 0))
        missing = [p - n for p, n in zip(reversed(self.padded), reversed(x.shape), strict=False)]
        x = torch.nn.functional.pad(x, [n for m in missing for n in (0, m)])
        return torch.fft.rfftn(torch.roll(x, self.lower, axes), dim=axes).conj().resolve_conj()

    def moving_spectrum(self, x: Tensor) -> Tensor:
        """Spectrum of `(..., *moving_shape)`."""
        return torch.fft.rfftn(x, s=self.padded, dim=tuple(range(-len(self.padded), 0)))

    def correlation(self, spectrum: Tensor) -> Tensor:
        """Inverse transform of a product of a fixed and a moving spectrum (or a sum of such): `(..., *shape)`."""
        for axis in range(-len(self.padded), -1):  # axis by axis, so that the later ones only see the window's lines
            spectrum = torch.fft.ifft(spectrum, dim=axis).narrow(axis, 0, self.shape[axis])
        return torch.fft.irfft(spectrum, n=self.padded[-1])[..., : self.shape[-1]]

    def shifts(self) -> Tensor:
        """Every displacement in the order of the flattened map: `(number, dim)` int64, voxels."""
        axes = [torch.arange(low, low + n) for low, n in zip(self.lower, self.shape, strict=True)]
        return torch.cartesian_prod(*axes).view(-1, len(axes))


@dataclass(frozen=True)
class CrossMap:
    """Similarity over displacements.

    values: `(B, *window.shape)`, minus infinity where the overlap is too small. counts: common voxels N, same shape.
    """

    values: Tensor
    counts: Tensor
    window: ShiftWindow

    def best(self) -> tuple[Tensor, Tensor]:
        """The greatest similarity `(B,)` and its displacement `(B, dim)` int64 in voxels; the first where several are
        equal."""
        values, index = self.values.flatten(1).max(1)
        places = torch.stack(torch.unravel_index(index, self.window.shape), -1)
        return values, places + torch.tensor(self.window.lower, device=places.device)

    def allowed(self) -> Tensor:
        """Where the overlap is large enough: bool, as `values`."""
        return self.values > FORBIDDEN


class OverlapCounts:
    """Common voxels N of two masks for all displacements; the fixed mask's spectrum is computed once."""

    def __init__(self, fixed_mask: Tensor, window: ShiftWindow, overlap: float) -> None:
        self.window, self.overlap = window, overlap
        self.spectrum = window.fixed_spectrum(fixed_mask)

    def __call__(self, moving_mask: Tensor) -> tuple[Tensor, Tensor]:
        """`moving_mask` `(B, *spatial)`: counts `(B, *window.shape)`, rounded to whole numbers, and bool where there
        are enough."""
        spectrum = self.window.moving_spectrum(moving_mask).mul_(self.spectrum)
        counts = self.window.correlation(spectrum).round_().clamp_(min=0)
        return counts, enough(counts, self.overlap)


class CrossSimilarity:
    """Maps of the average (squared) NGF similarity of one fixed field with many moving ones (Eqs. 5 and 6).

    fixed_field: normalised gradients `(1, dim, *spatial)`. fixed_mask: `(1, 1, *spatial)`, zeros and ones, or None for
    all ones. Everything of the fixed image is transformed here, once: with squared, 6 products and the mask in 3D.
    """

    def __init__(
        self,
        fixed_field: Tensor,
        fixed_mask: Tensor | None,
        moving_shape: Sequence[int],
        *,
        overlap: float = 0.5,
        squared: bool = True,
    ) -> None:
        mask = _mask(fixed_mask, fixed_field)
        self.window = ShiftWindow.between(fixed_field.shape[2:], moving_shape, overlap)
        self.squared = squared
        self.spectra = [
            self.window.fixed_spectrum(weight * term[0]) for weight, term in _terms(fixed_field * mask, squared)
        ]
        self.counts = OverlapCounts(mask[0, 0], self.window, overlap)

    def __call__(self, moving_field: Tensor, moving_mask: Tensor | None = None) -> CrossMap:
        """The maps of `(B, dim, *spatial)` fields with `(B, 1, *spatial)` masks: two inverse transforms for each."""
        mask = _mask(moving_mask, moving_field)
        terms = _terms(moving_field * mask, self.squared)
        total = _sum_of_products((self.window.moving_spectrum(term) for _, term in terms), self.spectra)
        sums = self.window.correlation(total)
        counts, allowed = self.counts(mask[:, 0])
        return CrossMap(torch.where(allowed, sums / counts, FORBIDDEN), counts, self.window)


def direct_map(
    fixed_field: Tensor,
    fixed_mask: Tensor | None,
    moving_field: Tensor,
    moving_mask: Tensor | None = None,
    *,
    overlap: float = 0.5,
    squared: bool = True,
) -> CrossMap:
    """The same map (B = 1) by the direct algorithm: a loop over the displacements (Sect. 3; the slow row of Table
    2)."""
    window = ShiftWindow.between(fixed_field.shape[2:], moving_field.shape[2:], overlap)
    fixed_mask, moving_mask = _mask(fixed_mask, fixed_field), _mask(moving_mask, moving_field)
    counts = direct_counts(fixed_mask, moving_mask, window)
    allowed = enough(counts, overlap)
    chosen = allowed.flatten().nonzero().flatten()
    shifts = window.shifts()[chosen.cpu()]
    sums = direct_sums(fixed_field * fixed_mask, moving_field * moving_mask, shifts, squared=squared)
    values = torch.full_like(counts, FORBIDDEN)
    values.view(-1)[chosen] = sums / counts.flatten()[chosen]
    return CrossMap(values, counts, window)


def direct_sums(fixed_field: Tensor, moving_field: Tensor, shifts: Tensor, *, squared: bool = True) -> Tensor:
    """`sum_x s(n_A(x), n_B(x + chi))` over the common voxels for each row of `shifts` `(n, dim)`: `(n,)`, one at a
    time.

    Fields `(1, dim, *spatial)` are already zero outside their masks.
    """
    sums = fixed_field.new_zeros(len(shifts))
    for index, shift in enumerate(shifts.tolist()):
        ours, theirs = common_voxels(fixed_field.shape[2:], moving_field.shape[2:], shift)
        dot = (fixed_field[0][ours] * moving_field[0][theirs]).sum(0)
        sums[index] = torch.dot(dot.flatten(), dot.flatten()) if squared else dot.sum()
    return sums


def direct_counts(fixed_mask: Tensor, moving_mask: Tensor, window: ShiftWindow) -> Tensor:
    """Common voxels for all displacements of the window: `(1, *window.shape)`; boxes are counted without a loop."""
    sizes = list(zip(fixed_mask.shape[2:], moving_mask.shape[2:], window.lower, window.shape, strict=True))
    if bool(fixed_mask.all()) and bool(moving_mask.all()):
        counts = fixed_mask.new_ones(1)
        for a, b, low, n in sizes:
            shift = torch.arange(low, low + n, device=fixed_mask.device)
            counts = counts.unsqueeze(-1) * (torch.clamp(b - shift, max=a) - torch.clamp(-shift, min=0)).to(counts)
        return counts
    counts = fixed_mask.new_zeros(1, *window.shape)
    for index, shift in enumerate(window.shifts().tolist()):
        ours, theirs = common_voxels(fixed_mask.shape[2:], moving_mask.shape[2:], shift)
        counts.view(-1)[index] = (fixed_mask[0][ours] * moving_mask[0][theirs]).sum()
    return counts


def average_similarity(
    fixed_field: Tensor, moving_field: Tensor, fixed_mask: Tensor, moving_mask: Tensor, *, squared: bool = True
) -> Tensor:
    """`s_ANGF` of fields on one grid (Eq. 4): `(B,)`, zero without overlap. Fields `(B, dim, *spatial)`, masks `(B, 1,
    *spatial)`."""
    dot = (fixed_field * moving_field).sum(1, keepdim=True)
    both = fixed_mask * moving_mask
    return (both * (dot.square() if squared else dot)).flatten(1).sum(1) / both.flatten(1).sum(1).clamp(min=1)


def enough(counts: Tensor, overlap: float) -> Tensor:
    """Where counts `(B, *window)` reach `overlap` of their maximum (and at least one voxel): bool."""
    most = counts.flatten(1).amax(1).view(-1, *(1,) * (counts.ndim - 1))
    return (counts >= overlap * most) & (counts > 0)


def fast_length(n: int) -> int:
    """The least even number of at least `n` (and 2) points whose prime factors are 2, 3, 5 and 7: quick to
    transform."""
    length = max(2, n + n % 2)
    while _remainder(length) != 1:
        length += 2
    return length


def _remainder(n: int) -> int:
    for prime in (2, 3, 5, 7):
        while n % prime == 0:
            n //= prime
    return n


def _mask(mask: Tensor | None, field: Tensor) -> Tensor:
    shape = (field.shape[0], 1, *field.shape[2:])
    if mask is None:
        return field.new_ones(shape)
    if mask.shape[2:] != field.shape[2:]:
        raise InputError(f"a mask of {shape}", f"shape {tuple(mask.shape)}", "put it on the image's grid")
    return mask.to(field.dtype).expand(shape)


def _terms(field: Tensor, squared: bool) -> Iterator[tuple[float, Tensor]]:
    """Weight and product `(B, *spatial)` of each separable part of Eq. 6 (squared) or Eq. 3, made one at a time."""
    if not squared:
        yield from ((1.0, component) for component in field.unbind(1))
        return
    for i, j in combinations_with_replacement(range(field.shape[1]), 2):
        yield (1.0 if i == j else 2.0), field[:, i] * field[:, j]


def _sum_of_products(ours: Iterable[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    """Sum over pairs of spectra, in the memory of the first one."""
    total: Tensor | None = None
    for mine, other in zip(ours, theirs, strict=True):
        total = mine.mul_(other) if total is None else total.addcmul_(mine, other)
    assert total is not None
    return total


def common_voxels(
    fixed_shape: Sequence[int], moving_shape: Sequence[int], shift: Sequence[int]
) -> tuple[Slices, Slices]:
    """Of `(C, *spatial)` images: the voxels x of the fixed one, and `x + shift` of the moving one, that lie in both."""
    ours, theirs = [slice(None)], [slice(None)]
    for a, b, chi in zip(fixed_shape, moving_shape, shift, strict=True):
        start, stop = max(0, -chi), min(a, b - chi)
        ours.append(slice(start, stop))
        theirs.append(slice(start + chi, stop + chi))
    return tuple(ours), tuple(theirs)
