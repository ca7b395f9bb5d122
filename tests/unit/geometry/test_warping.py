"""warping.py against exact values, scipy and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from wbir.errors import InputError
from wbir.geometry.grids import identity_grid
from wbir.geometry.warping import sample, warp

SHAPES = [(7, 9), (5, 6, 7)]
SCIPY_PADDING = {"border": "nearest", "zeros": "grid-constant"}


def random_pair(shape: tuple[int, ...], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """An image and coordinates that also lie outside it, in double precision."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(1, 2, *shape, generator=generator, dtype=torch.float64)
    noise = torch.randn(1, len(shape), *shape, generator=generator, dtype=torch.float64)
    return image, identity_grid(shape, dtype=torch.float64) + 2 * noise


def test_identity_grid_counts_along_each_axis() -> None:
    grid = identity_grid((2, 3))
    assert grid.shape == (1, 2, 2, 3)
    assert grid[0, 0].tolist() == [[0, 0, 0], [1, 1, 1]]
    assert grid[0, 1].tolist() == [[0, 1, 2], [0, 1, 2]]


def test_warp_pulls_back_along_the_named_axis() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    u = torch.zeros(1, 2, 3, 4)
    u[:, 0] = 1.0  # down axis 0: each row takes the values of the next one, the last continues
    assert torch.allclose(warp(image, u)[0, 0], image[0, 0, [1, 2, 2]], atol=1e-5)
    u = torch.zeros(1, 2, 3, 4)
    u[:, 1] = 0.5
    expected = torch.tensor([[0.5, 1.5, 2.5, 3.0], [4.5, 5.5, 6.5, 7.0], [8.5, 9.5, 10.5, 11.0]])
    assert torch.allclose(warp(image, u)[0, 0], expected, atol=1e-5)


def test_zeros_fade_out_over_one_voxel() -> None:
    image = torch.ones(1, 1, 4, 4)
    points = torch.tensor([[[-0.25, -1.0, 3.5, 1.0], [1.0, 1.0, 1.0, 4.0]]])
    assert torch.allclose(sample(image, points, padding="zeros")[0, 0], torch.tensor([0.75, 0.0, 0.5, 0.0]), atol=1e-6)
    assert torch.allclose(sample(image, points, padding="border"), torch.ones(1, 1, 4), atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("padding", ["border", "zeros"])
@pytest.mark.parametrize(("mode", "order"), [("linear", 1), ("nearest", 0)])
def test_equals_scipy(shape: tuple[int, ...], padding: str, mode: str, order: int) -> None:
    image, points = random_pair(shape)
    ours = sample(image, points, mode=mode, padding=padding)[0]
    for channel in range(2):
        reference = map_coordinates(
            image[0, channel].numpy(), points[0].numpy(), order=order, mode=SCIPY_PADDING[padding], prefilter=False
        )
        np.testing.assert_allclose(ours[channel].numpy(), reference, atol=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_split_over_threads_changes_nothing(threads: int) -> None:
    shape = (29, 27, 23)  # above SPLIT_POINTS, not divisible by 2 or 3
    image, points = random_pair(shape)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        image.requires_grad_()
        points.requires_grad_()
        ours = sample(image, points)
        gradients = torch.autograd.grad((ours**2).sum(), (image, points))
    finally:
        torch.set_num_threads(before)
    reference = map_coordinates(image[0, 1].detach(), points[0].detach(), order=1, mode="grid-constant")
    np.testing.assert_allclose(ours[0, 1].detach().numpy(), reference, atol=1e-12)
    one = torch.cat([sample(image, part) for part in points.split(5, 2)], 2)  # below SPLIT_POINTS: never cut
    expected = torch.autograd.grad((one**2).sum(), (image, points))
    for ours_, theirs in zip(gradients, expected, strict=True):
        torch.testing.assert_close(ours_, theirs)


@pytest.mark.parametrize("shape", SHAPES)
def test_cubic_meets_the_voxels_and_reproduces_quadratics(shape: tuple[int, ...]) -> None:
    image, points = random_pair(shape)
    grid = identity_grid(shape, dtype=torch.float64)
    for padding in ("zeros", "border"):
        torch.testing.assert_close(sample(image, grid, mode="cubic", padding=padding), image)
    quadratic = (grid**2).sum(1, keepdim=True) + grid[:, :1] * grid[:, 1:2]
    inside = 1 + torch.rand(1, len(shape), 50, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2
    value = (inside**2).sum(1, keepdim=True) + inside[:, :1] * inside[:, 1:2]
    torch.testing.assert_close(sample(quadratic, inside, mode="cubic"), value)
    far = sample(image, points + 1e6, mode="cubic", padding="zeros")
    assert far.abs().max() == 0
    corner = image[(slice(None), slice(None), *(slice(-1, None),) * len(shape))]
    far = sample(image, points + 1e30, mode="cubic", padding="border")
    torch.testing.assert_close(far, corner.expand_as(far))


def test_cubic_is_the_keys_kernel() -> None:
    image = torch.zeros(1, 1, 1, 9, dtype=torch.float64)
    image[..., 4] = 1.0
    x = torch.linspace(2, 6, 33, dtype=torch.float64)
    s = (x - 4).abs()
    kernel = torch.where(s < 1, 1.5 * s**3 - 2.5 * s**2 + 1, -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2) * (s < 2)
    points = torch.stack([torch.zeros_like(x), x]).unsqueeze(0)
    torch.testing.assert_close(sample(image, points, mode="cubic", padding="border")[0, 0], kernel)


def test_cubic_in_pieces_is_cubic_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    image, points = random_pair((7, 9))
    whole = sample(image, points, mode="cubic")
    monkeypatch.setattr("wbir.geometry.warping.CUBIC_POINTS", 10)
    torch.testing.assert_close(sample(image, points, mode="cubic"), whole)


@pytest.mark.parametrize("dtype", [torch.int16, torch.uint8, torch.bool, torch.int64])
def test_nearest_keeps_labels_and_their_type(dtype: torch.dtype) -> None:
    labels = (torch.arange(24).view(1, 1, 4, 6) % 7).to(dtype)
    u = torch.full((1, 2, 4, 6), 0.4)
    assert torch.equal(warp(labels, u, mode="nearest"), labels)
    moved = warp(labels, u + 0.6, mode="nearest", padding="zeros")
    assert moved.dtype == dtype
    assert torch.equal(moved[..., :3, :5], labels[..., 1:, 1:])
    assert not moved[..., 3, :].any()


def test_nearest_rounds_halves_up_and_survives_nan() -> None:
    line = torch.arange(5).view(1, 1, 1, 5)
    x = torch.tensor([0.5, 1.5, 2.49, -0.5, float("nan")])
    points = torch.stack([torch.zeros(5), x]).unsqueeze(0)
    assert sample(line, points, mode="nearest", padding="zeros")[0, 0].tolist() == [1, 2, 2, 0, 0]


@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
def test_batches_of_one_are_shared(mode: str) -> None:
    image, points = random_pair((7, 9))
    images = torch.cat([image, 2 * image])
    one_by_one = torch.cat([sample(i[None], points, mode=mode) for i in images])
    torch.testing.assert_close(sample(images, points, mode=mode), one_by_one)
    many = torch.cat([points, points + 0.3])
    one_by_one = torch.cat([sample(image, p[None], mode=mode) for p in many])
    torch.testing.assert_close(sample(image, many, mode=mode), one_by_one)


def test_an_axis_of_one_voxel_keeps_its_meaning() -> None:
    image = torch.rand(1, 1, 1, 6, generator=torch.Generator().manual_seed(0))
    u = torch.zeros(1, 2, 1, 6)
    torch.testing.assert_close(warp(image, u), image)
    u[:, 0] = 0.5
    torch.testing.assert_close(warp(image, u, padding="zeros"), image / 2)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("padding", ["border", "zeros"])
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 3)])
def test_gradients(mode: str, padding: str, shape: tuple[int, ...]) -> None:
    image, _ = random_pair(shape)
    generator = torch.Generator().manual_seed(3)
    # off the integers, where a linear interpolant has a kink
    fraction = 0.2 + 0.6 * torch.rand(1, len(shape), 9, generator=generator, dtype=torch.float64)
    points = fraction + torch.randint(-1, 4, (1, len(shape), 9), generator=generator)
    assert torch.autograd.gradcheck(
        lambda i, p: sample(i, p, mode=mode, padding=padding), (image.requires_grad_(), points.requires_grad_())
    )


def test_half_precision_images_are_read_at_full_coordinates() -> None:
    image = torch.arange(300.0).view(1, 1, 1, 300).to(torch.bfloat16).expand(1, 1, 2, 300)
    points = torch.tensor([[[0.0], [200.0]]])
    values = sample(image, points, mode="linear")
    assert values.dtype == torch.bfloat16
    assert values.item() == 200


@pytest.mark.parametrize(
    ("image", "points", "options"),
    [
        (torch.ones(1, 1, 4, 4), torch.zeros(1, 3, 4, 4), {}),
        (torch.ones(1, 1, 4), torch.zeros(1, 1, 4), {}),
        (torch.ones(2, 1, 4, 4), torch.zeros(3, 2, 4, 4), {}),
        (torch.ones(1, 1, 4, 4), torch.zeros(1, 2, 4, 4), {"mode": "spline"}),
        (torch.ones(1, 1, 4, 4), torch.zeros(1, 2, 4, 4), {"padding": "mirror"}),
        (torch.ones(1, 1, 4, 4, dtype=torch.int16), torch.zeros(1, 2, 4, 4), {}),
        (torch.ones(1, 1, 4, 4), torch.zeros(1, 2, 4, 4, dtype=torch.long), {}),
    ],
)
def test_unfit_arguments_are_refused(image: torch.Tensor, points: torch.Tensor, options: dict[str, str]) -> None:
    with pytest.raises(InputError):
        sample(image, points, **options)


def test_a_displacement_of_another_grid_is_refused() -> None:
    with pytest.raises(InputError, match="resize"):
        warp(torch.ones(1, 1, 4, 4), torch.zeros(1, 2, 4, 5))
