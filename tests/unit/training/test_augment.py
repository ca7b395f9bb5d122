"""Random affine maps of samples: inside the grid, one for each side, labels whole, the same from the same seed."""

from __future__ import annotations

import pytest
import torch

from wbir.errors import InputError
from wbir.geometry.rigid import corner_points, transform_points
from wbir.training.augment import draw_affine, random_affine


@pytest.mark.parametrize("shape", [(9, 12), (9, 12, 7)])
def test_corners_move_inwards_by_at_most_the_scale(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    matrices = draw_affine(shape, 50, 0.2, "cpu").double()
    corners = corner_points(shape)
    half = (torch.tensor(shape) - 1) / 2
    ends = [corners[0], *(corners[0] + step for step in torch.diag(2.0 * half.double()))]  # those that are drawn
    for corner in ends:
        relative = (transform_points(matrices, corner[None])[:, 0] - half) / (corner - half)
        assert relative.min() > 0.8 - 1e-5 and relative.max() < 1 + 1e-5
        assert relative.std(0).min() > 0.03, "every coordinate has a share of its own"


def test_scale_zero_changes_nothing_and_others_are_refused() -> None:
    assert random_affine(0.0) is None
    with pytest.raises(InputError, match="scale"):
        random_affine(1.0)


def test_a_side_moves_as_one_and_labels_stay_whole() -> None:
    ramp = torch.arange(12.0).view(1, 1, 12, 1).expand(2, 1, 12, 10).contiguous()
    sample = {
        "fixed": ramp,
        "fixed_labels": ramp.int(),
        "moving": ramp,
        "moving_labels": ramp.int(),
        "cases": ["a", "b"],
    }
    change = random_affine(0.3)
    assert change is not None
    torch.manual_seed(3)
    first = change(sample)
    torch.manual_seed(3)
    again = change(sample)
    assert first["cases"] == ["a", "b"] and first["fixed_labels"].dtype == torch.int32
    for side in ("fixed", "moving"):
        assert torch.equal(first[side], again[side])
        # the rounded place of a linear ramp is its label
        assert (first[side] - first[f"{side}_labels"]).abs().max() <= 0.5 + 1e-5
    assert not torch.equal(first["fixed"], first["moving"]), "each side has its own map"
    assert not torch.equal(first["fixed"][0], first["fixed"][1]), "and each of a batch"
    assert torch.equal(sample["fixed"], ramp), "the sample itself stays"


def test_an_affine_map_reads_a_linear_image_exactly() -> None:
    torch.manual_seed(1)
    matrix = draw_affine((8, 9, 10), 1, 0.1, "cpu")
    grid = torch.stack(torch.meshgrid(*map(torch.arange, (8, 9, 10)), indexing="ij")).float()
    image = (grid * torch.tensor([1.0, 2.0, -3.0]).view(3, 1, 1, 1)).sum(0)[None, None]
    torch.manual_seed(1)
    change = random_affine(0.1)
    assert change is not None
    found = change({"fixed": image, "moving": image})["fixed"]
    places = transform_points(matrix, grid.flatten(1).mT)[0]
    inside = ((places >= 0) & (places <= torch.tensor([7.0, 8.0, 9.0]))).all(1)
    assert inside.float().mean() > 0.9
    expected = places @ torch.tensor([1.0, 2.0, -3.0])
    torch.testing.assert_close(found.flatten()[inside], expected[inside], atol=1e-4, rtol=1e-5)


def test_what_cannot_be_augmented_is_refused() -> None:
    change = random_affine(0.1)
    assert change is not None
    image = torch.zeros(1, 1, 6, 6)
    with pytest.raises(InputError, match="without augmentation"):
        change({"fixed": image, "moving": image, "fixed_points": torch.zeros(1, 4, 2)})
