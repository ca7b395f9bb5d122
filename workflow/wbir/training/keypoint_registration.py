"""Training the keypoint network of paper 10, and predicting with it: sparse displacements made dense by a thin-plate spline."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wbir.cases import Case, Cohort, Reading
from wbir.energies.non_local import expected_features, features_at, graph_diffusion, nearest_neighbours
from wbir.errors import InputError
from wbir.geometry.thin_plate import dense_displacement
from wbir.nets import build, keypoint_network
from wbir.nets.heatmap import SparseMaps, displacement_mesh
from wbir.registration.case_keypoints import case_keypoints
from wbir.training.engine import Forward, Job, train
from wbir.training.keypoint_samples import Changed, Preparation, changed, network_images, to_pooled
from wbir.training.models import parameter_count, trained
from wbir.training.samples import Sample, Samples
from wbir.training.seeds import seed_everything
from wbir.training.settings import Settings

NAME = keypoint_network.__name__.rpartition(".")[2]  # imported, so that a change of it reruns what it made


def fit_keypoints(
    train_cases: Cohort,
    *,
    out: Path,
    seed: int,
    device: str,
    network: Mapping[str, Any],
    prepare: Preparation,
    per_step: int,
    loss: Mapping[str, Any],
    augmentation: float,
    training: Mapping[str, Any],
) -> list[Reading]:
    """Train the network on the pairs of a cohort; readings: parameters of backbone and head, times, and how far the
    supervision's correspondences are from the truth where that is known.

    per_step: keypoints of a step, drawn anew. loss: `smoothness` and `neighbours` of the graph's penalty (MIND only).
    """
    settings = Settings.of(training)
    if settings.batch != 1 or settings.validate_every:
        todo = "set both: the number of keypoints differs from pair to pair, and the paper watches none"
        raise InputError("batch 1 and validate_every 0", f"{settings.batch} and {settings.validate_every}", todo)
    samples = Samples(train_cases, prepare, memory_mb=settings.memory_mb)
    started = time.perf_counter()
    for row in train_cases.rows:
        samples.case(row["case"])
    prepared = time.perf_counter() - started
    architecture = architecture_of(train_cases.case(train_cases.rows[0]["case"]), network)
    seed_everything(seed, "weights")
    model = build(**architecture)
    window = _window(network)
    ratio = prepare.pooling["mind"] - prepare.pooling["image"]

    def cost(forward: Forward, sample: Sample, step: int) -> dict[str, Tensor]:
        points = sample["points"][0]
        chosen = torch.randperm(len(points))[:per_step].to(points.device)
        targets = sample["targets"][0][chosen] if "targets" in sample else None
        now = changed(sample["images"], points[chosen], targets, step, augmentation)
        maps = forward(now.images, now.points)
        if now.targets is not None:
            return {"keypoints": keypoint_loss(maps.displacement, now.targets, now.images.shape[2:])}
        mesh = displacement_mesh(*window, now.images.shape[2:]).to(now.points)
        return mind_terms(maps, now, points[chosen], sample["minds"][0], mesh, ratio, loss)

    job = Job(model, architecture, samples.draw, cost, len(samples))
    readings = train(job, settings, out=out, seed=seed, device=device)
    return readings + _own_readings(model, prepare, prepared)


def architecture_of(case: Case, network: Mapping[str, Any], in_channels: int = 2) -> dict[str, Any]:
    """The keywords of the network for a case's dimension."""
    return {"name": NAME, "dim": case.frame.dim, "in_channels": in_channels, **network}


def _window(network: Mapping[str, Any]) -> tuple[int, float]:
    return int(network["size"]), float(network["reach"])


def _own_readings(model: torch.nn.Module, prepare: Preparation, seconds: float) -> list[Reading]:
    found = [Reading("preparation_seconds", seconds, "s", speed=True)]
    for part in ("backbone", "head"):
        found.append(Reading("trainable_parameters", float(parameter_count(getattr(model, part))), "1", label=part))
    errors = [error for error in prepare.errors.values() if np.isfinite(error)]
    if errors:
        found.append(Reading("correspondence_error", float(np.mean(errors)), "mm"))
    return found


def keypoint_loss(found: Tensor, targets: Tensor, shape: Sequence[int]) -> Tensor:
    """Mean squared error of displacements `(K, dim)` in units of half the grid of `shape`."""
    half = torch.tensor([float(n) for n in shape]).to(found) / 2
    return ((found - targets) / half).square().mean()


def mind_terms(
    maps: SparseMaps, now: Changed, points: Tensor, minds: Tensor, mesh: Tensor, ratio: int, loss: Mapping[str, Any]
) -> dict[str, Tensor]:
    """The loss on MIND: non-local (Eq. 3) where there are probabilities, else the moving features at the displaced keypoints;
    and the graph's penalty.

    points: the keypoints `(K, dim)` before the change. minds: `(2, C, *grid)`, of the images before the change, pooled
    `ratio` times more. Features are read through the affine change, so that they need not be computed anew. The penalty
    counts in voxels of the MIND grid. The paper has it for its baseline; the heat map needs it as much, as keypoints do
    not know of each other.
    """
    fixed = features_at(minds[:1], to_pooled(points, ratio))
    if maps.probabilities is None:
        places = to_pooled(now.unmove(now.points + maps.displacement), ratio)
        moved = features_at(minds[1:], places)
    else:
        places = now.unmove((now.points.unsqueeze(1) + mesh).flatten(0, 1)).unflatten(0, (len(points), len(mesh)))
        start = to_pooled(points, ratio)
        moved = expected_features(minds[1:], start, to_pooled(places, ratio) - start.unsqueeze(1), maps.probabilities)
    terms = {"mind": (moved - fixed).square().mean()}
    if loss["smoothness"]:
        neighbours = nearest_neighbours(points, loss["neighbours"])
        terms["graph"] = loss["smoothness"] * graph_diffusion(maps.displacement / 2**ratio, neighbours)
    return terms


def predict_keypoints(
    case: Case, *, model: Path, device: str, network: Mapping[str, Any], intensity: Sequence[float] | None,
    pooling: Mapping[str, int], keypoints: Mapping[str, Any], spline: Mapping[str, Any],
) -> Tensor:  # fmt: skip
    """The dense displacement `(1, dim, *shape)` in voxels from the network's sparse one."""
    net = trained(model, build, architecture_of(case, network), device)
    options = {key: keypoints[key] for key in ("sigma", "distance")}
    points = case_keypoints(case, intensity, keypoints["number"], device, **options)
    images = network_images(case, intensity, pooling["image"], device)
    with torch.no_grad():
        found = net(images, to_pooled(points, pooling["image"])).displacement
    return dense_displacement(points, found * 2 ** pooling["image"], case.frame.shape, **spline)
