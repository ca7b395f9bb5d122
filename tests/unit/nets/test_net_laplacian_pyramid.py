"""LapIRN: fields of levels add up in voxels, levels come in one by one, any size, the bound of each level."""

from __future__ import annotations

import pytest
import torch

from wbir.errors import InputError
from wbir.nets import build


@pytest.mark.parametrize("shape", [(41, 30), (18, 13, 20)])
def test_constant_levels_add_up_in_voxels_of_the_input(shape: tuple[int, ...]) -> None:
    dim = len(shape)
    net = build("laplacian_pyramid", dim=dim, width=4, blocks=1, head_std=0.0)
    shifts = [0.5, -0.25, 0.125]
    with torch.no_grad():
        for level, shift in zip(net.levels, shifts, strict=True):
            level.head.bias.fill_(shift / (1 - abs(shift)))  # softsign takes it back to the shift
        maps = net(*torch.rand(2, 2, 1, *shape))
    grids = [level.shape[2:] for level in maps.levels]
    assert grids[2] == shape and grids[1] == tuple((n + 1) // 2 for n in shape)
    for axis, size in enumerate(shape):
        own = [0.4 * shift * grid[axis] / 2 for shift, grid in zip(shifts, grids, strict=True)]
        expected = 4 * own[0] + 2 * own[1] + own[2]
        torch.testing.assert_close(maps.displacement[:, axis], torch.full((2, *shape), expected), rtol=1e-4, atol=1e-4)
        assert abs(own[2]) <= 0.4 * size / 2


def test_levels_come_in_one_by_one() -> None:
    torch.manual_seed(0)
    net = build("laplacian_pyramid", dim=2, width=4, blocks=1, head_std=0.1)
    fixed, moving = torch.rand(2, 1, 1, 32, 36)
    whole = net(fixed, moving)
    for count in (1, 2, 3):
        part = net(fixed, moving, levels=count)
        assert len(part.levels) == count and part.displacement.shape == (1, 2, 32, 36)
        assert all(torch.equal(a, b) for a, b in zip(part.levels, whole.levels, strict=False))
    assert [p.shape[2] for p in net.pyramid(fixed)] == [8, 16, 32]
    first = net(fixed, moving, levels=1)
    first.levels[-1].sum().backward()
    trained = {id(p) for p in net.parameters() if p.grad is not None}
    assert trained == {id(p) for p in net.level_parameters(1)}
    with pytest.raises(InputError, match="1 to 3 levels"):
        net(fixed, moving, levels=4)


def test_starts_near_no_motion() -> None:
    torch.manual_seed(0)
    u = build("laplacian_pyramid", width=6, blocks=2)(*torch.rand(2, 1, 1, 16, 12, 17)).displacement
    assert 0 < float(u.detach().abs().max()) < 1e-2
