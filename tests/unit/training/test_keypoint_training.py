"""VoxelMorph++'s training: samples under affine changes, the losses on keypoints, the cache of correspondences."""

import numpy as np
import pytest
import torch

from wbir.cases import Case, Cohort, CohortWriter
from wbir.discovery import describe
from wbir.energies.non_local import features_at
from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.geometry.kernels import gaussian_smooth
from wbir.nets.heatmap import SparseMaps
from wbir.training import keypoint_samples, semantic_registration
from wbir.training.keypoint_registration import fit_keypoints, keypoint_loss, mind_terms, predict_keypoints
from wbir.training.keypoint_samples import Changed, Preparation, changed, pooled, random_affine, to_pooled

SPEC = describe("methods", "voxelmorph_plus_plus")["parameters"]
SMALL = {"number": 60, "sigma": 0.7, "distance": 1}
SEARCH = {"radii": [3.0], "steps": [1.0], "patches": [1], "smoothness": 0.3, "sharpness": 5.0, "tolerance": 2.0}


def texture(shape, seed, sigma=1.5):
    noise = torch.randn(1, 1, *shape, generator=torch.Generator().manual_seed(seed))
    smooth = gaussian_smooth(noise, sigma)
    return smooth / smooth.std()


def case_of(name, shift, shape=(22, 24, 20), seed=0):
    moving = texture(shape, seed)
    fixed = torch.roll(moving, tuple(-s for s in shift), dims=(2, 3, 4))
    mask = np.zeros(shape, dtype=bool)
    mask[4:-4, 4:-4, 4:-4] = True
    truth = np.broadcast_to(np.reshape(shift, (3, 1, 1, 1)), (3, *shape)).astype(np.float32)
    images = (fixed[0, 0].numpy(), moving[0, 0].numpy())
    return Case(
        name,
        Frame(shape, np.diag([2.0, 1, 1, 1])),
        *images,
        fixed_mask=mask,
        truth=truth,
        attributes={"split": "train"},
    )


@pytest.fixture
def cohort(tmp_path):
    writer = CohortWriter(tmp_path / "pairs", {"title": "shifted"})
    for number in range(2):
        writer.add(case_of(f"p{number}", (2, -1, 1), seed=number))
    writer.close()
    return Cohort.open(writer.folder)


def preparation(tmp_path, supervision, **changes):
    parts = {
        "pooling": {"image": 0, "mind": 0},
        "mind": {"radius": 1, "dilation": 1},
        "keypoints": SMALL,
        "search": SEARCH,
    }
    return Preparation(supervision, None, **{**parts, **changes}, cache=tmp_path / "cache", device="cpu")


@pytest.mark.parametrize("step", [0, 1])
def test_keypoints_and_partners_follow_the_affine_change(step):
    torch.manual_seed(3)
    x = torch.stack(torch.meshgrid(*[torch.arange(n, dtype=torch.float32) for n in (20, 22, 24)], indexing="ij"))
    images = torch.stack([x[0] + 2 * x[1] - x[2], 3 * x[0] - x[1] + x[2]])[None]  # linear: read exactly between voxels
    points = torch.rand(8, 3) * 4 + 8
    targets = torch.rand(8, 3) * 2 - 1
    now = changed(images, points, targets, step, 0.035)
    for side, before, after in ((0, points, now.points), (1, points + targets, now.points + now.targets)):
        old, new = (features_at(i[:, side : side + 1], p) for i, p in ((images, before), (now.images, after)))
        assert torch.allclose(old, new, atol=1e-3)
    assert torch.allclose(now.unmove(now.points + now.targets), points + targets, atol=1e-4)
    assert (step == 0) == torch.equal(now.images[:, 1], images[:, 1])
    assert (step == 1) == torch.equal(now.points, points)


def test_no_change_is_no_change_and_the_matrix_counts_in_half_grids():
    images, points = torch.rand(1, 2, 8, 8), torch.rand(4, 2)
    assert changed(images, points, None, 0, 0.0).images is images
    torch.manual_seed(0)
    drawn = torch.eye(2, 3) + 0.1 * torch.randn(2, 3)
    torch.manual_seed(0)
    matrix = random_affine((8, 20), 0.1, torch.device("cpu"))
    unit = torch.tensor([0.25, -0.5])
    voxel = (unit + 1) * torch.tensor([4.0, 10]) - 0.5
    expected = (drawn[:, :2] @ unit + drawn[:, 2] + 1) * torch.tensor([4.0, 10]) - 0.5
    assert torch.allclose(matrix[:2, :2] @ voxel + matrix[:2, 2], expected, atol=1e-5)


def test_pooled_voxels():
    image = torch.arange(8.0).view(1, 1, 8, 1).expand(1, 1, 8, 4)
    assert pooled(image, 2)[0, 0, :, 0].tolist() == [1.5, 5.5]
    assert to_pooled(torch.tensor([1.5, 5.5]), 2).tolist() == [0, 1]


def test_the_keypoint_loss_counts_in_half_grids():
    found, targets = torch.tensor([[2.0, 0.0], [0, 0]]), torch.zeros(2, 2)
    assert float(keypoint_loss(found, targets, (8, 100))) == pytest.approx((2 / 4) ** 2 / 4)


def test_the_mind_loss_is_zero_at_the_true_displacement():
    minds = torch.rand(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    minds = torch.cat([torch.roll(minds, (-2, 1), (2, 3)), minds])  # fixed(x) = moving(x + (2, -1))
    points = torch.tensor([[6.0, 7.0], [8.0, 5.0], [9.0, 9.0]])
    mesh = torch.tensor([[0.0, 0.0], [2.0, -1.0]])
    now = Changed(torch.zeros(1, 2, 16, 16), points, None, lambda x: x)
    loss = {"smoothness": 0.25, "neighbours": 7}
    certain = SparseMaps(mesh[[1, 1, 1]], torch.tensor([[0.0, 1.0]] * 3))
    for maps in (certain, SparseMaps(certain.displacement)):
        terms = mind_terms(maps, now, points, minds, mesh, 0, loss)
        assert float(terms["mind"]) == pytest.approx(0, abs=1e-10)
        assert float(terms["graph"]) == 0
    wrong = mind_terms(SparseMaps(mesh[[0, 0, 0]]), now, points, minds, mesh, 0, loss)
    assert float(wrong["mind"]) > 0.05


def test_correspondences_are_found_kept_and_compared_with_the_truth(cohort, tmp_path, monkeypatch):
    prepare = preparation(tmp_path, "keypoints")
    first = prepare(cohort.case("p0"))
    monkeypatch.setattr(keypoint_samples, "case_correspondences", None)
    again = prepare(cohort.case("p0"))
    assert all(torch.equal(first[key], again[key]) for key in ("points", "targets", "images"))
    assert float((first["targets"] - torch.tensor([2.0, -1, 1])).norm(dim=1).mean()) < 0.5
    assert prepare.errors["p0"] < 1  # mm; the first axis has 2 mm
    assert first["images"].shape == (2, 22, 24, 20)
    assert not first["images"][0, 0].any()  # outside the mask
    with pytest.raises(InputError, match="supervision"):
        preparation(tmp_path, "labels")(cohort.case("p0"))


@pytest.mark.parametrize(("head", "supervision"), [("regression", "keypoints"), ("heatmap", "mind")])
def test_training_brings_the_pairs_together(cohort, tmp_path, head, supervision):
    network = {"head": head, "width": 0.1, "head_width": 0.15, "size": 9, "reach": 0.35}
    training = {**SPEC["training"], "iterations": 30, "rate": 0.01, "period": 10}
    options = {"prepare": preparation(tmp_path, supervision), "per_step": 24, "augmentation": 0.0}
    groups = {"network": network, "loss": {"smoothness": 0.25, "neighbours": 5}, "training": training}
    readings = fit_keypoints(cohort, out=tmp_path, seed=0, device="cpu", **groups, **options)
    counts = {r.label: r.value for r in readings if r.metric == "trainable_parameters"}
    assert counts[""] == counts["backbone"] + counts["head"]
    losses = [float(line.split(",")[2]) for line in (tmp_path / "history.csv").read_text().splitlines()[1:]]
    assert losses[-1] < (0.3 if supervision == "keypoints" else 0.9) * losses[0]
    predicted = {"intensity": None, "pooling": {"image": 0, "mind": 0}, "keypoints": SMALL, "spline": SPEC["spline"]}
    u = predict_keypoints(cohort.case("p0"), model=tmp_path / "model.pt", device="cpu", network=network, **predicted)
    assert u.shape == (1, 3, 22, 24, 20)
    if supervision == "keypoints":
        assert u[0, :, 5:-5, 5:-5, 5:-5].flatten(1).mean(1).tolist() == pytest.approx([2, -1, 1], abs=0.7)


def test_training_refuses_what_it_cannot_do(cohort, tmp_path):
    groups = {"network": {}, "loss": {}, "prepare": preparation(tmp_path, "mind"), "per_step": 5, "augmentation": 0.0}
    with pytest.raises(InputError, match="batch 1"):
        fit_keypoints(cohort, out=tmp_path, seed=0, device="cpu", training={**SPEC["training"], "batch": 2}, **groups)
    empty = case_of("empty", (0, 0, 0))
    empty.fixed_mask[:] = False
    with pytest.raises(InputError, match="an empty one"):
        preparation(tmp_path, "mind")(empty)


def test_points_are_drawn_evenly_over_the_labels():
    labels = torch.zeros(20, 20, 20, dtype=torch.uint8)
    labels[:10] = 1
    labels[0, :4, :5] = 2
    maps = semantic_registration.maps_of(labels, 2)
    points = semantic_registration.drawn_points(maps, 45, torch.Generator().manual_seed(0)).long()
    counts = torch.bincount(labels[tuple(points.T)].long(), minlength=3)
    assert counts.min() > 8 and counts.sum() == 45  # by frequency label 2 would be drawn 0.1 times
    weights = semantic_registration.rarity(maps).flatten()
    assert float(weights.mean()) == pytest.approx(1)
    assert float(weights[1] / weights[0]) == pytest.approx((20 / 3980) ** -0.3, rel=1e-5)
