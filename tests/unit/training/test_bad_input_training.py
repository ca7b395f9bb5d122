"""Bad input to learned methods: each is one clear line, and what was learnt before it is not lost."""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_blobs import TRAINING, blob_case

from wbir.cases import Case, Cohort
from wbir.discovery import describe, merge_parameters
from wbir.errors import InputError
from wbir.fitting import fit_unit
from wbir.images import write_image
from wbir.methods import voxelmorph
from wbir.papers import CohortPlan, Unit
from wbir.training import engine
from wbir.training.models import load_state, save_state

SPEC = describe("methods", "voxelmorph")

LABELS = {"overlap": 1.0}
HUGE = np.float32(1e30)  # finite, but its square is not
Make = Callable[..., Cohort]


def parameters(**changes: Any) -> dict[str, Any]:
    tiny = merge_parameters("tiny", copy.deepcopy(SPEC["parameters"]), SPEC["tiny"])
    base = merge_parameters("test", tiny, {"loss": {"similarity": "mse"}, "training": TRAINING})
    return merge_parameters("test", base, changes)


def fit(cohort: Cohort, out: Path, **changes: Any) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    parts = cohort.fold()
    voxelmorph.fit(parts.train, parts.validation, out=out, seed=0, device="cpu", **parameters(**changes))
    return out / "model.pt"


def predict(model: Path, **changes: Any) -> Any:
    case = blob_case("pair", "test", 1.0)
    return voxelmorph.predict(case, seed=0, device="cpu", model=model, **parameters(**changes))


def told(call: Callable[[], Any], *words: str) -> str:
    """The message of the InputError that a call raises: one line with all these words."""
    with pytest.raises(InputError) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line and len(line) < 500
    assert all(word in line for word in words), line
    return line


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained on two cases."""
    from wbir.cases import CohortWriter

    folder = tmp_path_factory.mktemp("trained")
    writer = CohortWriter(folder / "cohort", {"title": "blobs"}, {1: "rim", 2: "core"})
    for number in range(2):
        writer.add(blob_case(f"c{number}", "train", 0.4 * number + 0.3))
    writer.close()
    return fit(Cohort.open(folder / "cohort"), folder / "out")


def test_no_case_to_learn_from(make_cohort: Make, tmp_path: Path) -> None:
    cohort = make_cohort([blob_case("only", "test", 1.0)])
    told(lambda: fit(cohort, tmp_path / "out"), "training cases in cohort", "none", "train split")
    plan = CohortPlan("blobs", "letters", "simulated", False, 0, {}, {}, ("blobs",))
    unit = Unit("99-test", "main", "VoxelMorph", 0, "voxelmorph", parameters(), (), 0, plan)
    told(lambda: fit_unit(unit, cohort.folder, tmp_path / "unit", device="cpu"), "split `train`", "none")
    assert not (tmp_path / "unit").exists()


def test_one_case_alone_is_enough(make_cohort: Make, tmp_path: Path) -> None:
    """Its two images are exchanged with each other."""
    cohort = make_cohort([blob_case("only", "train", 1.0)])
    for exchange in (False, True):
        assert predict(fit(cohort, tmp_path / str(exchange), exchange=exchange), exchange=exchange) is not None


def without_core(name: str) -> Case:
    case = blob_case(name, "train", 0.5)
    assert case.moving_labels is not None
    return blob_case(name, "train", 0.5, moving_labels=np.minimum(case.moving_labels, 1))


def test_a_label_that_a_case_lacks(make_cohort: Make, tmp_path: Path) -> None:
    cohort = make_cohort([blob_case("whole", "train", 1.0), without_core("lacking")])
    told(
        lambda: fit(cohort, tmp_path / "error", loss=LABELS),
        "moving_labels of case lacking", "2 (core)", "missing: skip",
    )  # fmt: skip
    skipping = {"loss": LABELS | {"missing": "skip"}}
    assert predict(fit(cohort, tmp_path / "skip", **skipping), **skipping) is not None


def test_a_case_without_any_label(make_cohort: Make, tmp_path: Path) -> None:
    none = make_cohort([blob_case("bare", "train", 1.0, fixed_labels=None)])
    told(lambda: fit(none, tmp_path / "none", loss=LABELS), "fixed_labels in case bare", "none")
    empty = make_cohort([blob_case("empty", "train", 1.0, fixed_labels=np.zeros((16, 14), np.int16))], "zeros")
    skipping = LABELS | {"missing": "skip"}
    told(lambda: fit(empty, tmp_path / "empty", loss=skipping), "case empty", "1 (rim), 2 (core)")


def test_a_loss_that_is_not_finite_stops_and_a_repaired_case_goes_on(make_cohort: Make, tmp_path: Path) -> None:
    """The run ends where it would have ended had the case been good all along."""
    cohort = make_cohort()
    whole = fit(cohort, tmp_path / "whole")
    good = cohort.case("c2")
    damaged = cohort.folder / "c2" / "fixed.nii.gz"
    write_image(damaged, np.full_like(good.fixed, HUGE), good.frame)
    out = tmp_path / "out"
    line = told(lambda: fit(cohort, out), "finite loss", "c2", "checkpoint.pt")
    step = load_state(out / engine.CHECKPOINT)["step"]
    assert f"step {step + 1} of 12" in line and not (out / "model.pt").exists()
    told(lambda: fit(cohort, out), "finite loss", f"step {step + 1} of 12")  # and again, where it stopped
    write_image(damaged, good.fixed, good.frame)
    assert fit(cohort, out).read_bytes() == whole.read_bytes()


def test_a_model_of_another_architecture(model: Path) -> None:
    told(lambda: predict(model, network={"encoder": [4, 16]}), "encoder", "[4, 8]", "[4, 16]")
    told(lambda: predict(model, network={"diffeomorphic": True}), "diffeomorphic")


def test_a_checkpoint_of_another_run(make_cohort: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cohort, out = make_cohort(), tmp_path / "out"

    class Killed(Exception):
        pass

    def die(run: Any) -> None:
        run.save()
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(engine.Run, "end", lambda run, _: die(run))
        with pytest.raises(Killed):
            fit(cohort, out)
    before = (out / engine.CHECKPOINT).read_bytes()
    told(lambda: fit(cohort, out, training={"rate": 2e-3}), "checkpoint", "training.rate 0.001 for 0.002")
    told(lambda: fit(cohort, out, network={"encoder": [4, 16]}), "checkpoint", "architecture.encoder")
    assert (out / engine.CHECKPOINT).read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04 cut short"])
def test_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    told(lambda: predict(tmp_path / "model.pt"), "model.pt", "damaged or foreign")


def test_a_file_that_was_cut_short(model: Path, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(model.read_bytes()[:-200])
    told(lambda: predict(tmp_path / "model.pt"), "model.pt", "damaged or foreign")


def test_no_file_at_all(tmp_path: Path) -> None:
    told(lambda: predict(tmp_path / "model.pt"), "no such file", "wbir fit")


def test_a_file_of_something_else(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    told(lambda: predict(tmp_path / "list.pt"), "dictionary of weights", "list")
    save_state(tmp_path / "foreign.pt", {"state_dict": {}})
    told(lambda: predict(tmp_path / "foreign.pt"), "architecture and weights", "state_dict")


def test_weights_that_do_not_fit_their_architecture(model: Path, tmp_path: Path) -> None:
    state = load_state(model)
    names = list(state["weights"])
    fewer = {name: state["weights"][name] for name in names[1:]}
    save_state(tmp_path / "fewer.pt", {**state, "weights": fewer})
    told(lambda: predict(tmp_path / "fewer.pt"), "weights", names[0])
    larger = {**state["weights"], names[0]: torch.zeros(7)}
    save_state(tmp_path / "larger.pt", {**state, "weights": larger})
    told(lambda: predict(tmp_path / "larger.pt"), "weights", names[0])
    nan = {**state["weights"], names[0]: state["weights"][names[0]] * float("nan")}
    save_state(tmp_path / "nan.pt", {**state, "weights": nan})
    told(lambda: predict(tmp_path / "nan.pt"), "finite", names[0])


class Code:
    """Pickled, it calls `os.mkdir` where it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def test_a_file_with_code_in_it_is_refused_and_the_code_not_run(tmp_path: Path) -> None:
    torch.save({"architecture": {}, "weights": Code(tmp_path / "run")}, tmp_path / "model.pt")
    told(lambda: predict(tmp_path / "model.pt"), "model.pt", "damaged or foreign")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("intensity", [[1.0, 1.0], [300.0, -200.0], [0.0]])
def test_a_window_of_intensities_that_is_none(make_cohort: Make, tmp_path: Path, intensity: list[float]) -> None:
    call = functools.partial(fit, make_cohort(), tmp_path / "out", intensity=intensity)
    told(call, "intensity", "low", "high")
