"""VoxelMorph (Balakrishnan et al. 2019, IEEE TMI 38; Dalca et al. 2019, MedIA 57): a U-Net and a head that is a field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from wbir.geometry.flows import exponential
from wbir.nets.blocks import joined
from wbir.nets.maps import Maps, double, field_head, halve_field
from wbir.nets.unet import UNet

ENCODER, DECODER, EXTRA = (16, 32, 32, 32), (32, 32, 32, 32), (32, 16, 16)


class VoxelMorph(nn.Module):
    """Displacement from a pair of images `(B, channels, *spatial)`, 2D or 3D, any size.

    diffeomorphic: the head predicts a stationary velocity; its mean at half resolution is integrated there by scaling
    and squaring, and the displacement and its inverse `exp(-v)` are doubled.
    half_output: the U-Net ends at half resolution, which spares its most expensive layers; the field is doubled.
    head_std: of the head's first weights; 0 starts at no motion exactly.
    encoder, decoder, extra, **unet: the U-Net (`wbir.nets.unet`). The defaults are the paper's VoxelMorph-2; its
    VoxelMorph-1 has extra (8, 8).

    DeepReg's U-Net (Fu et al. 2020, JOSS 5) as in paper 24, three levels with 8, 16, 32 channels: encoder (8, 16),
    decoder (32, 16), extra (8,), block residual, norm batch, activation relu, skips add, upsampling transposed,
    head_std 0.
    """

    parts = ("unet", "head")

    def __init__(
        self,
        *,
        dim: int = 3,
        channels: int = 1,
        encoder: Sequence[int] = ENCODER,
        decoder: Sequence[int] = DECODER,
        extra: Sequence[int] = EXTRA,
        diffeomorphic: bool = False,
        squarings: int = 7,
        head_std: float = 1e-5,
        half_output: bool = False,
        **unet: Any,
    ) -> None:
        super().__init__()
        self.diffeomorphic, self.squarings, self.half_output = diffeomorphic, squarings, half_output
        layers: dict[str, Any] = {"encoder": encoder, "decoder": decoder, "extra": extra}
        self.unet = UNet(dim=dim, in_channels=2 * channels, half_output=half_output, **layers, **unet)
        self.head = field_head(dim, self.unet.channels, std=head_std)

    def forward(self, fixed: Tensor, moving: Tensor) -> Maps:
        field = self.head(self.unet(joined(fixed, moving)))
        shape = fixed.shape[2:]
        if not self.diffeomorphic:
            return Maps(double(field, shape) if self.half_output else field)
        velocity = field if self.half_output else halve_field(field)
        ways = (exponential(v, squarings=self.squarings) for v in (velocity, -velocity))
        displacement, inverse = (double(u, shape) for u in ways)
        return Maps(displacement, inverse, velocity)


def build(**kwargs: Any) -> VoxelMorph:
    """A VoxelMorph; keywords as of `VoxelMorph`."""
    return VoxelMorph(**kwargs)
