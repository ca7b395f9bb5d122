"""What `--set` takes, and which methods are offered."""

from __future__ import annotations

import json

import pytest

from wbir.discovery import alike, describe
from wbir.errors import InputError
from wbir.pairs.registering import checked_spec, chosen_parameters, pairwise_methods


def test_values_are_read_and_take_the_type_of_the_default():
    found = chosen_parameters(
        "demons", {"step": "3", "iterations": "[5, 4]", "factors": "[2, 1]", "variant": "symmetric"}
    )
    assert found["step"] == 3.0 and isinstance(found["step"], float)
    assert found["iterations"] == [5, 4] and found["variant"] == "symmetric" and found["update_sigma"] == 0.0


def test_given_masks_are_used_unless_told_otherwise():
    assert chosen_parameters("elastix", {}, masks=True)["masks"] is True
    assert chosen_parameters("elastix", {"masks": "false"}, masks=True)["masks"] is False
    assert chosen_parameters("elastix", {})["masks"] is False
    assert "masks" not in chosen_parameters("demons", {}, masks=True)


@pytest.mark.parametrize(
    ("value", "default", "fits"),
    [
        (1, 2.0, True), (1.5, 2, False), (True, 1, False), (1, False, False), ("a", "b", True), (3, "b", False),
        (["x"], "all", True), ([1, 2], [3], True), ([1.5], [3], False), ([1], [3, 0.5], True), ("x", [3], False),
        (None, 3, True), ([1], None, True), ([], [3], True),
    ],
)  # fmt: skip
def test_kinds_of_values(value, default, fits):
    assert alike(value, default) is fits


def test_only_methods_that_find_a_map_are_offered():
    assert {"identity", "demons", "csngf"} <= set(pairwise_methods())
    assert not {"oracle", "ngf_inversion", "ngf_landscape", "cross_similarity", "vp_gradient_check"} & set(
        pairwise_methods()
    )
    with pytest.raises(InputError, match=r"take one of .*demons"):
        checked_spec("csngf", 2)


def test_a_model_brings_the_parameters_that_it_was_trained_with(tmp_path):
    trained = {**describe("methods", "voxelmorph")["parameters"], "intensity": [0.0, 255.0]}
    (tmp_path / "fit.json").write_text(json.dumps({"method": "voxelmorph", "parameters": trained}))
    model = tmp_path / "model.pt"
    assert chosen_parameters("voxelmorph", {}, model=model)["intensity"] == [0.0, 255.0]
    assert chosen_parameters("voxelmorph", {"intensity": "null"}, model=model)["intensity"] is None
    with pytest.raises(InputError, match="a model of demons, got one of voxelmorph"):
        chosen_parameters("demons", {}, model=model)
