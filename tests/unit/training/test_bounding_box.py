"""The method of paper 26 as a whole: units at half the resolution, what annotations change, what it refuses."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_blobs import TRAINING, blob_case

from wbir.discovery import describe, merge_parameters
from wbir.errors import InputError
from wbir.methods import bounding_box as method
from wbir.nets import build
from wbir.training.models import save_model

SPEC = describe("methods", "bounding_box")


def parameters(**changes: Any) -> dict[str, Any]:
    tiny = merge_parameters("tiny", copy.deepcopy(SPEC["parameters"]), SPEC["tiny"])
    base = merge_parameters("test", tiny, {"training": TRAINING | {"iterations": 3, "validate_every": 0}})
    return merge_parameters("test", base, changes)


@pytest.mark.parametrize("halvings", [0, 1])
def test_a_displacement_is_in_voxels_of_the_case(tmp_path: Path, halvings: int) -> None:
    """A network that always moves by the same part of the image, applied twice."""
    given = parameters(halvings=halvings)
    inner = given["network"]
    architecture = {"name": "repeated", "network": inner, "times": 2, "gradient": "all", "dim": 2}
    net = build(**architecture)
    with torch.no_grad():
        net.network.head.weight.zero_()
        net.network.head.bias.copy_(torch.tensor([0.1, -0.2]))
    save_model(tmp_path / "model.pt", net, architecture)
    found = method.predict(blob_case("pair", "test", 1.0), seed=0, device="cpu", model=tmp_path / "model.pt", **given)
    assert found.displacement is not None and found.displacement.shape == (2, 16, 14)
    half = np.array([16, 14]) / 2  # tanh is a part of half the image
    np.testing.assert_allclose(found.displacement[:, 8, 7], 2 * np.tanh([0.1, -0.2]) * half, rtol=1e-5)


def test_every_annotation_trains_another_network(make_cohort, tmp_path: Path) -> None:
    cohort = make_cohort([blob_case(f"c{n}", "train", 0.5 * n + 0.5) for n in range(4)]).fold()
    annotations: list[dict[str, Any]] = [
        {"kind": "none"},
        {"kind": "boxes"},
        {"kind": "boxes", "error": 0.05},
        {"kind": "labels"},
        {"kind": "labels", "share": 0.5},
    ]
    models = set()
    for number, annotation in enumerate(annotations):
        given, out = parameters(annotation=annotation, halvings=1), tmp_path / str(number)
        out.mkdir()
        method.fit(cohort.train, cohort.validation, out=out, seed=0, device="cpu", **given)
        models.add((out / "model.pt").read_bytes())
    assert len(models) == len(annotations)


def test_unfit_input_is_told(make_cohort, tmp_path: Path) -> None:
    cohort = make_cohort([blob_case("bare", "train", 1.0, moving_labels=None)]).fold()

    def fit(**changes: Any) -> None:
        method.fit(cohort.train, cohort.validation, out=tmp_path, seed=0, device="cpu", **parameters(**changes))

    with pytest.raises(InputError, match="moving_labels in case bare"):
        fit(annotation={"kind": "boxes"})
    with pytest.raises(InputError, match="moving_labels in case bare"):
        fit(annotation={"kind": "labels"})
    with pytest.raises(InputError, match="validation with halvings"):
        fit(halvings=1, training={"validate_every": 1})
    with pytest.raises(InputError, match="kind"):
        fit(annotation={"kind": "box"})
