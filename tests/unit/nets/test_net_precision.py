"""Fields are float32 where a network runs in bfloat16, and near those of float32: voxel 100.3 is not 100.5."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from wbir.nets import build

SWIN: dict[str, Any] = {"embed_dim": 8, "depths": (1, 1), "heads": (1, 2), "head_channels": 4, "drop_path": 0.0}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("voxelmorph", {"diffeomorphic": True, "half_output": True, "head_std": 0.1}),
        ("transmorph", {**SWIN, "head_std": 0.1}),
        ("velocity_transmorph", {**SWIN, "steps": 2, "head_std": 0.1}),
        ("two_stream", {"head_std": 0.01}),
        ("laplacian_pyramid", {"width": 4, "head_std": 0.01}),
        ("metamorphic_autoencoder", {"grid": (64, 48), "head_std": 0.3}),
    ],
)
def test_fields_of_pairs(name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    net = build(name, dim=2, **options).eval()
    fixed, moving = torch.rand(2, 1, 1, 64, 48)
    with torch.no_grad():
        plain = net(fixed, moving)
        with torch.autocast("cpu", torch.bfloat16):
            short = net(fixed, moving)
    for field in (name for name in ("displacement", "inverse", "velocity") if getattr(plain, name, None) is not None):
        one, two = getattr(plain, field), getattr(short, field)
        assert two.dtype == torch.float32
        assert float((one - two).abs().max()) < 0.1 * float(one.abs().max())


@pytest.mark.parametrize("name", ["heatmap", "regression_head"])
def test_fields_of_keypoints(name: str) -> None:
    torch.manual_seed(0)
    net, features, shape = build(name, channels=8), torch.randn(6, 8), (90, 80, 100)
    with torch.no_grad():
        plain = net(features, shape).displacement
        with torch.autocast("cpu", torch.bfloat16):
            short = net(features, shape).displacement
    assert short.dtype == torch.float32
    assert float((plain - short).abs().max()) < 0.1 * float(plain.abs().max())
