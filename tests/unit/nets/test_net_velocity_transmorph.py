"""Velocities over time: constant ones add up, the steps compose, the inverse undoes them, one step is the plain field."""

from __future__ import annotations

import pytest
import torch

from wbir.errors import InputError
from wbir.geometry.flows import compose
from wbir.nets import build
from wbir.nets.maps import double
from wbir.nets.velocity_transmorph import VelocityTransMorph, integrate

SMALL = {"embed_dim": 8, "depths": (1, 1), "heads": (1, 2), "head_channels": 4, "drop_path": 0.0}


def smooth_velocities(count: int, size: int, amplitude: float) -> list[torch.Tensor]:
    """Waves that vanish at the border, other ones for each step."""
    x, y = torch.meshgrid(*(torch.linspace(0, torch.pi, size, dtype=torch.float64),) * 2, indexing="ij")
    bump = (x.sin() * y.sin()) ** 2
    waves = [torch.stack([(x + k).sin() * bump, (2 * y - k).cos() * bump]) for k in range(count)]
    return [amplitude * wave.unsqueeze(0) for wave in waves]


@pytest.mark.parametrize("shape", [(40, 35), (18, 20, 22)])
def test_constant_velocities_add_up(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    dim = len(shape)
    net = build("velocity_transmorph", dim=dim, steps=3, head_std=0.0, **SMALL)
    shifts = torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.25, 0.5], [-0.25, 1.5, -1.0]])[:, :dim]
    with torch.no_grad():
        for step, shift in zip(net.steps, shifts, strict=True):
            step.head.bias.copy_(shift)
        maps = net(*torch.rand(2, 2, 1, *shape))
    total = 2 * shifts.sum(0).view(1, dim, *(1,) * dim).expand(2, dim, *shape)
    torch.testing.assert_close(maps.displacement, total)
    torch.testing.assert_close(maps.inverse, -total)
    assert maps.velocities.shape == maps.path.shape == (2, 3, dim, *((n + 1) // 2 for n in shape))
    torch.testing.assert_close(maps.path[:, 1, 0], torch.full_like(maps.path[:, 1, 0], 1.5))


def test_steps_compose_their_velocities() -> None:
    first, second = smooth_velocities(2, 24, 2.0)
    torch.testing.assert_close(integrate([first, second]), compose(second, first))


def test_going_back_in_reverse_is_the_inverse() -> None:
    """Up to the discretisation: with twice as many half steps its error halves, and the other order does not help."""
    errors, wrong = [], []
    for refine in (1, 2):
        velocities = [v / refine for v in smooth_velocities(4, 48, 0.5) for _ in range(refine)]
        u = integrate(velocities)
        for found, order in ((errors, velocities[::-1]), (wrong, velocities)):
            found.append(float(compose(u, integrate([-v for v in order])).abs().max()))
    assert errors[0] < 0.05 and errors[1] < 0.6 * errors[0]
    assert wrong[1] > 2 * errors[1]


def test_one_step_is_the_plain_field() -> None:
    torch.manual_seed(0)
    net = build("velocity_transmorph", dim=2, steps=1, head_std=0.1, **SMALL).eval()
    maps = net(*torch.rand(2, 1, 1, 32, 36))
    assert torch.equal(maps.displacement, double(maps.velocities[:, 0], (32, 36)))
    assert torch.equal(maps.inverse, -maps.displacement)


def test_the_order_of_the_inverse_is_an_option_and_the_start_is_near_no_motion() -> None:
    maps = {}
    for way in ("reverse", "forward", "none"):
        torch.manual_seed(0)
        net: VelocityTransMorph = build("velocity_transmorph", dim=2, steps=2, head_std=0.5, inverse=way, **SMALL)
        torch.manual_seed(1)
        maps[way] = net(*torch.rand(2, 1, 1, 24, 24))
    assert torch.equal(maps["reverse"].displacement, maps["none"].displacement)
    assert maps["none"].inverse is None
    assert not torch.equal(maps["reverse"].inverse, maps["forward"].inverse)
    forward = double(integrate([-v for v in maps["forward"].velocities.unbind(1)]), (24, 24))
    assert torch.equal(maps["forward"].inverse, forward)
    with pytest.raises(InputError, match="inverse among"):
        build("velocity_transmorph", inverse="paper")
    net = build("velocity_transmorph", dim=2, **SMALL)
    displacement = net(*torch.rand(2, 1, 1, 24, 24)).displacement
    assert 0 < float(displacement.detach().abs().max()) < 1e-3
    displacement.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
