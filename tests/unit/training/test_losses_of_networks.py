"""The losses of paper 11's networks: by hand on known maps, and which levels of a pyramid they reach."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from wbir.energies.operator_norm import operator_norm
from wbir.errors import InputError
from wbir.methods.cyclemorph import cycle_terms
from wbir.methods.lapirn import level_terms
from wbir.nets import build
from wbir.nets.cycle_pair import CycleMaps
from wbir.nets.velocity_transmorph import TimeMaps
from wbir.training.pairwise import PairLoss
from wbir.training.velocity_loss import VelocityLoss, velocity_terms

PAIR = PairLoss(similarity="mse", window=3, weight=1.0, regulariser="diffusion", smoothness=1.0, overlap=1.0)
VELOCITY = VelocityLoss(**{**vars(PAIR), "smoothness": 2.0})


def sample(shape: tuple[int, int] = (16, 12)) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    images = {side: torch.rand(1, 1, *shape, generator=generator) for side in ("fixed", "moving")}
    return images | {f"{side}_labels": (image > 0.5).int() for side, image in images.items()}


def maps(shape: tuple[int, int] = (16, 12), steps: int = 3) -> TimeMaps:
    half = (shape[0] // 2, shape[1] // 2)
    velocities = torch.rand(1, steps, 2, *half, generator=torch.Generator().manual_seed(4))
    stretch = torch.zeros(1, 2, *shape)
    stretch[0, 0] = 0.5 * torch.arange(shape[0])[:, None]
    return TimeMaps(stretch, None, velocities, velocities)


def test_the_relaxed_loss_smooths_the_end_point_alone() -> None:
    terms = velocity_terms(VELOCITY, sample(), maps(), (1,))
    assert set(terms) == {"mse", "diffusion", "overlap"}
    assert terms["diffusion"].item() == pytest.approx(2 * 0.25)
    last = velocity_terms(replace(VELOCITY, smooth="last"), sample(), maps(), (1,))
    assert last["diffusion"].item() != pytest.approx(terms["diffusion"].item())


def test_the_lddmm_loss_has_the_norm_of_every_velocity_and_squares() -> None:
    loss = replace(VELOCITY, operator=True, smoothness=1.0, alpha=0.3, gamma=0.1, voxel=2.0, overlap_by="squares")
    still = maps()._replace(displacement=torch.zeros(1, 2, 16, 12))
    given = sample()
    terms = velocity_terms(loss, given, still, (1,))
    norms = [operator_norm(still.velocities[:, n], alpha=0.3, gamma=0.1, voxel=2.0).item() for n in range(3)]
    assert terms["operator"].item() == pytest.approx(sum(norms), rel=1e-5)
    different = (given["fixed_labels"] != given["moving_labels"]).float().mean()
    assert terms["overlap"].item() == pytest.approx(float(different), rel=1e-5)


def test_a_loss_of_unknown_words_is_refused() -> None:
    with pytest.raises(InputError, match="smooth"):
        replace(VELOCITY, smooth="all")


def test_a_cycle_that_comes_back_costs_nothing() -> None:
    given = sample()
    still = torch.zeros(1, 2, 16, 12)
    images = (given["fixed"], given["moving"])
    terms = cycle_terms(PAIR, given, CycleMaps(still, still, images, images), (1,), cycle=0.1, same=0.5)
    assert terms["cycle"] == terms["same"] == 0
    assert terms["mse"].item() == pytest.approx(2 * (images[0] - images[1]).square().mean().item())
    swapped = CycleMaps(still, still, images[::-1], images[::-1])
    terms = cycle_terms(PAIR, given, swapped, (1,), cycle=0.1, same=0.5)
    assert terms["cycle"].item() == pytest.approx(0.2 * (images[0] - images[1]).abs().mean().item())


def test_the_pair_of_networks_has_weights_of_its_own_and_one_of_them_predicts() -> None:
    torch.manual_seed(0)
    net = build("cycle_pair", dim=2, network={"name": "voxelmorph", "encoder": [4], "decoder": [4], "extra": []})
    fixed, moving = torch.rand(2, 1, 1, 12, 10)
    found = net.train()(fixed, moving)
    sum(part.sum() for part in (found.displacement, found.backward, *found.cycled, *found.unmoved)).backward()
    assert all(p.grad is not None for p in net.parameters())
    assert net.eval()(fixed, moving).backward is None
    assert torch.equal(net(fixed, moving).displacement, net.there(fixed, moving).displacement)


def test_a_level_is_judged_on_its_own_grid_and_its_labels_on_the_full_one() -> None:
    given = sample()
    shift = torch.zeros(1, 2, 4, 3)
    shift[:, 0] = 1.0  # one voxel at a quarter of the resolution is four
    terms = level_terms(PAIR, given, shift, 2, (1,))
    full = torch.zeros(1, 2, 16, 12)
    full[:, 0] = 4.0
    assert terms["overlap"].item() == pytest.approx(PAIR.terms(given, full, classes=(1,))["overlap"].item(), rel=1e-5)
    quarter = {side: torch.nn.functional.avg_pool2d(given[side], 4) for side in ("fixed", "moving")}
    assert terms["mse"].item() == pytest.approx(
        PAIR.distance(quarter["fixed"], quarter["moving"][:, :, [1, 2, 3, 3]]).item()
    )
