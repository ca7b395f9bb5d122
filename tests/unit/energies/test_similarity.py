"""Global similarities against NumPy, scikit-learn, closed forms and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from sklearn.metrics import mutual_info_score

from wbir.energies.similarity import (
    joint_histogram,
    mutual_information,
    ncc,
    normalized_mutual_information,
    ssd,
)
from wbir.errors import InputError


def pair(shape: tuple[int, ...] = (1, 1, 5, 6), seed: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.rand(shape, generator=generator, dtype=torch.float64) for _ in range(2))  # type: ignore[return-value]


def test_ssd_is_the_mean_squared_difference() -> None:
    fixed, moving = torch.tensor([[[1.0, 2.0]]])[None], torch.tensor([[[3.0, 5.0]]])[None]
    assert ssd(fixed, moving).item() == pytest.approx(6.5)
    assert ssd(fixed, moving, torch.tensor([[[[False, True]]]])).item() == pytest.approx(9.0)


def test_ncc_equals_numpys_correlation() -> None:
    fixed, moving = pair((2, 1, 7, 6))
    expected = np.mean([np.corrcoef(f.ravel(), m.ravel())[0, 1] for f, m in zip(fixed, moving, strict=True)])
    assert ncc(fixed, moving).item() == pytest.approx(expected, abs=1e-7)
    assert ncc(fixed, -fixed + 1).item() == pytest.approx(-1.0, abs=1e-7)
    assert ncc(torch.ones_like(fixed), moving).item() == 0.0


def dense_histogram(fixed: np.ndarray, moving: np.ndarray, bins: int) -> np.ndarray:
    """The joint Parzen histogram with SciPy's B-spline, over all bins and voxels."""
    spline = BSpline.basis_element(np.arange(-2, 3), extrapolate=False)

    def weights(values: np.ndarray) -> np.ndarray:
        place = 1 + (values - values.min()) / (values.max() - values.min()) * (bins - 3)
        return np.nan_to_num(spline(np.arange(bins)[:, None] - place[None]))

    return weights(fixed.ravel()) @ weights(moving.ravel()).T / fixed.size


def test_joint_histogram_equals_one_made_with_scipys_b_spline() -> None:
    fixed, moving = pair((1, 1, 9, 8, 7))
    ranges = [(float(image.min()), float(image.max())) for image in (fixed, moving)]
    joint = joint_histogram(fixed.flatten(), moving.flatten(), 12, *ranges)
    np.testing.assert_allclose(joint.numpy(), dense_histogram(fixed.numpy(), moving.numpy(), 12), atol=1e-12)
    assert joint.sum().item() == pytest.approx(1.0)


def test_equals_the_discrete_mutual_information_where_windows_do_not_touch() -> None:
    rng = np.random.default_rng(3)
    fixed = rng.integers(0, 4, 600)
    moving = np.where(rng.random(600) < 0.6, (fixed + 1) % 4, rng.integers(0, 4, 600))
    tensors = [torch.from_numpy(a.astype(np.float64)).reshape(1, 1, 20, 30) for a in (fixed, moving)]
    # 63 bins put the values 0 to 3 exactly 20 bins apart: each has a window of its own
    value = mutual_information(*tensors, bins=63).item()
    assert value == pytest.approx(mutual_info_score(fixed, moving), abs=1e-10)
    assert value > 0.1


def test_agrees_with_a_plain_histogram_on_many_voxels() -> None:
    rng = np.random.default_rng(4)
    fixed = rng.random(40_000)
    moving = np.clip(0.5 * fixed + 0.5 * rng.random(40_000), 0, 1)
    counts, _, _ = np.histogram2d(fixed, moving, bins=45)
    joint = counts / counts.sum()
    product = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    plain = float((joint[joint > 0] * np.log(joint[joint > 0] / product[joint > 0])).sum())
    tensors = [torch.from_numpy(a).reshape(1, 1, 200, 200) for a in (fixed, moving)]
    value = mutual_information(*tensors, bins=48).item()
    assert value == pytest.approx(plain, rel=0.1)


@pytest.mark.parametrize("function", [mutual_information, normalized_mutual_information])
def test_gradients_equal_finite_differences(function) -> None:
    inputs = tuple(image.requires_grad_() for image in pair())
    limits = {"fixed_range": (-0.1, 1.1), "moving_range": (-0.2, 1.2)}
    assert torch.autograd.gradcheck(lambda f, m: function(f, m, bins=8, **limits), inputs)


def test_normalised_form_is_the_ratio_of_entropies() -> None:
    fixed, moving = pair((1, 1, 9, 8, 7))
    joint = dense_histogram(fixed.numpy(), moving.numpy(), 16)

    def entropy(p: np.ndarray) -> float:
        return float(-(p[p > 0] * np.log(p[p > 0])).sum())

    expected = (entropy(joint.sum(0)) + entropy(joint.sum(1))) / entropy(joint)
    assert normalized_mutual_information(fixed, moving, bins=16).item() == pytest.approx(expected, abs=1e-10)
    assert 1 < expected < normalized_mutual_information(fixed, fixed, bins=16).item() < 2


def test_mask_and_batch_choose_voxels_and_average() -> None:
    fixed, moving = pair((2, 1, 8, 8))
    limits = {"fixed_range": (0.0, 1.0), "moving_range": (0.0, 1.0), "bins": 8}
    each = [mutual_information(fixed[i : i + 1], moving[i : i + 1], **limits) for i in range(2)]
    torch.testing.assert_close(mutual_information(fixed, moving, **limits), sum(each) / 2)
    mask = torch.zeros(2, 1, 8, 8, dtype=torch.bool)
    mask[..., :5] = True
    inside = mutual_information(fixed[..., :5], moving[..., :5], **limits)
    torch.testing.assert_close(mutual_information(fixed, moving, mask=mask, **limits), inside)


def test_flat_image_has_no_information() -> None:
    fixed, moving = pair()
    assert mutual_information(torch.ones_like(fixed), moving).item() == pytest.approx(0.0, abs=1e-12)


def test_refuses_other_grids_and_too_few_bins() -> None:
    fixed, moving = pair()
    with pytest.raises(InputError, match="shape"):
        ssd(fixed, moving[..., 1:])
    with pytest.raises(InputError, match="bins"):
        mutual_information(fixed, moving, bins=3)


def test_working_in_chunks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = tuple(image.requires_grad_() for image in pair((1, 1, 9, 8, 7)))
    whole = mutual_information(*inputs, bins=8)
    expected = torch.autograd.grad(whole, inputs)
    monkeypatch.setattr("wbir.energies.similarity.CHUNK", 100)
    torch.testing.assert_close(mutual_information(*inputs, bins=8), whole)
    torch.testing.assert_close(torch.autograd.grad(mutual_information(*inputs, bins=8), inputs), expected)
