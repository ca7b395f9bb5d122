"""VoxelMorph++ as one network: the backbone's features read at keypoints, and a head that gives their displacements.

Paper 10, Sect. 2. head: `heatmap` (the paper's) or `regression` (its VoxelMorph baseline).
"""

from __future__ import annotations

from torch import Tensor, nn

from wbir.errors import require_known
from wbir.nets import backbone, heatmap, regression_head
from wbir.nets.heatmap import SparseMaps

HEADS = ("heatmap", "regression")


class KeypointNetwork(nn.Module):
    """Displacements of keypoints from images `(1, in_channels, *spatial)`, all in voxels of that grid.

    width, head_width: factors on the channels of backbone and heat-map head. size, reach: of the heat map, see
    `HeatmapHead`; the regression counts in `reach` too.
    """

    def __init__(
        self,
        *,
        dim: int = 3,
        in_channels: int = 2,
        head: str = "heatmap",
        width: float = 1.0,
        head_width: float = 1.0,
        size: int = 11,
        reach: float = 0.3,
    ) -> None:
        super().__init__()
        require_known({"head": (head, HEADS)}, "of the network")
        self.backbone = backbone.build(dim=dim, in_channels=in_channels, width=width)
        channels = self.backbone.channels
        if head == "heatmap":
            self.head: nn.Module = heatmap.build(dim=dim, channels=channels, size=size, reach=reach, width=head_width)
        else:
            self.head = regression_head.build(dim=dim, channels=channels, reach=reach)

    def forward(self, images: Tensor, points: Tensor) -> SparseMaps:
        """Displacements of points `(K, dim)`, and with a heat map the probabilities of `window`'s displacements."""
        features = backbone.features_at(self.backbone(images), points)
        return self.head(features, images.shape[2:])


def build(**kwargs: object) -> KeypointNetwork:
    """The network; keywords as of `KeypointNetwork`."""
    return KeypointNetwork(**kwargs)  # type: ignore[arg-type]  # plain values of a SPEC
