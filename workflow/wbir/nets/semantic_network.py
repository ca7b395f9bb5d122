"""Two networks as one: a U-Net that labels an image, and VoxelMorph++ on the labels of two images (paper 10, abdomen)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from wbir.nets.keypoint_network import KeypointNetwork
from wbir.nets.unet import UNet


class SemanticNetwork(nn.Module):
    """`forward(image)` gives the logits `(B, classes, *spatial)` of labels, background first; `forward(maps, points)` the
    displacements of keypoints from the label maps `(1, 2 (classes - 1), *spatial)` of two images.
    """

    def __init__(self, *, classes: int, segmenter: Mapping[str, Any], dim: int = 3, **matcher: Any) -> None:
        super().__init__()
        plan: dict[str, Any] = {"norm": "instance", "activation": "leaky", **segmenter}
        self.segmenter = UNet(dim=dim, in_channels=1, out_channels=classes, **plan)
        self.matcher = KeypointNetwork(dim=dim, in_channels=2 * (classes - 1), **matcher)

    def forward(self, image: Tensor, points: Tensor | None = None) -> Any:
        return self.segmenter(image) if points is None else self.matcher(image, points)


def build(**kwargs: Any) -> SemanticNetwork:
    """The two networks; keywords as of `SemanticNetwork`, and those of `KeypointNetwork` but in_channels."""
    return SemanticNetwork(**kwargs)
