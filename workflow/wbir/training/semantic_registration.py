"""Paper 10's abdominal experiment: labels predicted from each image are the features that are registered.

The paper takes them from nnU-Net; here a plain U-Net learns them from the training cases' labels in the first steps of the
training, and VoxelMorph++ learns in the others, from the predicted labels and the non-local loss alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from wbir.cases import Cohort, Reading
from wbir.energies.overlap import one_hot, soft_dice
from wbir.errors import InputError
from wbir.geometry.flows import compose
from wbir.geometry.thin_plate import dense_displacement
from wbir.geometry.warping import warp
from wbir.nets import build, semantic_network
from wbir.nets.heatmap import displacement_mesh
from wbir.registration.coupled_convex import inverse_consistent
from wbir.training.engine import Forward, Job, train
from wbir.training.keypoint_registration import mind_terms
from wbir.training.keypoint_samples import Changed, pooled, to_pooled
from wbir.training.pairwise import pair_samples, windowed
from wbir.training.samples import SIDES, Sample
from wbir.training.seeds import seed_everything
from wbir.training.settings import Settings

NAME = semantic_network.__name__.rpartition(".")[2]  # imported, so that a change of it reruns what it made
RARE = 0.3  # power of a label's frequency in its weight (ConvexAdam's program)
SCALE = 10.0  # of the features in the instance optimisation (ConvexAdam's program)


def architecture_of(classes: int, dim: int, network: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of the network for a number of organs."""
    return {"name": NAME, "dim": dim, "classes": classes + 1, **network}


def fit_semantic(
    cohort: Cohort, classes: Sequence[int], *, out: Path, seed: int, device: str, network: Mapping[str, Any], intensity: Sequence[float],
    segmentation_steps: int, pooling: int, per_step: int, loss: Mapping[str, Any], training: Mapping[str, Any],
) -> list[Reading]:  # fmt: skip
    """Train the segmentation of the labels `classes` for `segmentation_steps` steps, the registration for those left."""
    settings = Settings.of(training)
    if settings.batch != 1 or settings.validate_every or not 0 < segmentation_steps <= settings.iterations:
        got = f"batch {settings.batch}, validate_every {settings.validate_every}, {segmentation_steps} steps"
        raise InputError("batch 1, validate_every 0, segmentation_steps among the iterations", got, "correct them")
    dim = cohort.case(cohort.rows[0]["case"]).frame.dim
    options: dict[str, Any] = {"labels": True, "missing": "skip", "exchange": False, "memory_mb": settings.memory_mb}
    samples = pair_samples(cohort, images=windowed(intensity), **options)
    architecture = architecture_of(len(classes), dim, network)
    seed_everything(seed, "weights")
    model = build(**architecture)
    kept: dict[str, Tensor] = {}

    def predicted(sample: Sample) -> Tensor:
        """The labels of both images `(2, *shape)`: the segmentation does not change any more, so once for each pair."""
        case = sample["cases"][0]
        if case not in kept:
            kept[case] = labels_of(model, torch.cat([sample["fixed"], sample["moving"]])).cpu()
        return kept[case].to(sample["fixed"].device)

    def cost(forward: Forward, sample: Sample, step: int) -> dict[str, Tensor]:
        if step < segmentation_steps:
            images, labels = (torch.cat([sample[f"{side}{part}"] for side in SIDES]) for part in ("", "_labels"))
            return segmentation_terms(forward(images), labels, classes)
        maps = [maps_of(labels, len(classes)) for labels in predicted(sample)]
        if step % 2:
            maps[1] = warp(maps[1], first_warp(model, maps, per_step, pooling, loss))
        return registration_terms(forward, maps, per_step, pooling, network, loss)

    return train(
        Job(model, architecture, samples.draw, cost, len(samples)), settings, out=out, seed=seed, device=device
    )


def segmentation_terms(logits: Tensor, labels: Tensor, classes: Sequence[int]) -> dict[str, Tensor]:
    """Cross-entropy and `1 - soft Dice` of the organs, as nnU-Net's loss."""
    truth = one_hot(labels, (0, *classes))
    probabilities = torch.softmax(logits.float(), 1)
    entropy = functional.cross_entropy(logits.float(), truth.argmax(1))
    return {"entropy": entropy, "overlap": 1 - soft_dice(truth[:, 1:], probabilities[:, 1:])}


def labels_of(model: torch.nn.Module, images: Tensor) -> Tensor:
    """The likeliest label of each voxel, numbers of the organs from 1, 0 for background: `(B, *shape)` uint8."""
    with torch.no_grad():
        return torch.cat([model(image[None]).argmax(1) for image in images]).to(torch.uint8)


def maps_of(labels: Tensor, organs: int) -> Tensor:
    """`(*shape)` labels as `(1, organs, *shape)` maps of 0 and 1, without background."""
    return one_hot(labels[None, None], range(1, organs + 1))


def drawn_points(maps: Tensor, number: int, generator: torch.Generator | None = None) -> Tensor:
    """`number` different voxels `(K, dim)`, drawn with chances inverse to the frequency of their label, background too."""
    labels = (maps[0] * torch.arange(1, maps.shape[1] + 1, device=maps.device).view(-1, *(1,) * (maps.ndim - 2))).sum(0)
    flat = labels.flatten().round().long().cpu()
    chance = 1 / torch.bincount(flat, minlength=maps.shape[1] + 1).clamp_min(1)[flat].double()
    chosen = torch.multinomial(chance, min(number, len(flat)), generator=generator).sort().values
    return torch.stack(torch.unravel_index(chosen, labels.shape), 1).to(maps)


def rarity(maps: Tensor) -> Tensor:
    """A weight for each organ: its frequency to the power -0.3, mean 1 over the organs that are there: `(1, C, 1, …)`."""
    count = maps.flatten(2).sum(2)[0]
    weight = torch.where(count > 0, count.clamp_min(1) ** -RARE, torch.zeros_like(count))
    weight = weight / (weight.sum() / (count > 0).sum().clamp_min(1)).clamp_min(1e-12)
    return weight.view(1, -1, *(1,) * (maps.ndim - 2))


def registration_terms(
    forward: Forward, maps: Sequence[Tensor], number: int, pooling: int, network: Mapping[str, Any], loss: Mapping[str, Any]
) -> dict[str, Tensor]:  # fmt: skip
    """The non-local loss (Eq. 3) on the pooled label maps, organs weighted by their rarity, and the graph's penalty."""
    points = to_pooled(drawn_points(maps[0], number), pooling)
    small = [pooled(part, pooling) for part in maps]
    images = torch.cat(small, 1)
    found = forward(images, points)
    mesh = displacement_mesh(int(network["size"]), float(network["reach"]), images.shape[2:]).to(points)
    features = torch.cat(small) * rarity(maps[0])
    return mind_terms(found, Changed(images, points, None, lambda x: x), points, features, mesh, 0, loss)


def dense(
    model: torch.nn.Module, maps: Sequence[Tensor], number: int, pooling: int, spline: Mapping[str, Any], generator: Any = None
) -> Tensor:  # fmt: skip
    """The displacement `(1, dim, *shape)` in voxels by one pass of the network and a spline."""
    points = drawn_points(maps[0], number, generator)
    images = torch.cat([pooled(part, pooling) for part in maps], 1)
    with torch.no_grad():
        found = model(images, to_pooled(points, pooling)).displacement
    return dense_displacement(points, found.float() * 2**pooling, maps[0].shape[2:], **spline)


def first_warp(
    model: torch.nn.Module, maps: Sequence[Tensor], number: int, pooling: int, loss: Mapping[str, Any]
) -> Tensor:
    """What the network gives at present, for the second warp to learn on."""
    return dense(model, maps, number, pooling, {"smoothing": 0.1, "stride": 4})


def two_warps(
    model: torch.nn.Module, maps: Sequence[Tensor], number: int, pooling: int, spline: Mapping[str, Any], seed: int
) -> Tensor:
    """The composed displacement of two passes, the first made consistent with its own inverse (paper 10, Sect. 3)."""
    generator = torch.Generator().manual_seed(seed)
    forward, backward = (
        dense(model, pair, number, pooling, spline, generator) for pair in ((maps[0], maps[1]), (maps[1], maps[0]))
    )
    first, _ = inverse_consistent(forward, backward)
    second = dense(model, (maps[0], warp(maps[1], first, padding="zeros")), number, pooling, spline, generator)
    return compose(first, second)
