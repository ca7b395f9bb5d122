"""The loop: the same bytes twice and after a kill, accumulation as a larger batch, processes as accumulation."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from training_blobs import TRAINING

from wbir.training import engine, parallel
from wbir.training.engine import Job, train
from wbir.training.models import load_state, trained
from wbir.training.seeds import seed_everything
from wbir.training.settings import Settings


class Dropped(nn.Module):
    """A small network with dropout, so that chance enters each step."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Dropout(0.3), nn.Linear(width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def draw(generator: torch.Generator, count: int) -> dict[str, Any]:
    x = torch.randn(count, 3, generator=generator)
    return {"x": x, "y": x.sum(1, keepdim=True).sin(), "cases": ["made up"] * count}


def make_job(dropout: bool = True) -> Job:
    seed_everything(5, "weights")
    network = Dropped()
    if not dropout:
        network.layers[2] = nn.Identity()

    def loss(forward: Any, sample: dict[str, Any], step: int) -> dict[str, torch.Tensor]:
        return {"squares": (forward(sample["x"]) - sample["y"]).square().mean()}

    def validate(net: nn.Module) -> dict[str, float]:
        sample = draw(torch.Generator().manual_seed(1), 32)
        return {"score": -float((net(sample["x"]) - sample["y"]).square().mean())}

    return Job(network, {"width": 8}, draw, loss, epoch=20, validate=validate)


def settings(**changes: Any) -> Settings:
    return Settings.of(TRAINING | changes)


def outputs(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("model.pt", "history.csv")}


def run(folder: Path, job: Job | None = None, **changes: Any) -> dict[str, bytes]:
    folder.mkdir(parents=True)
    train(job or make_job(), settings(**changes), out=folder, seed=3, device="cpu")
    assert not (folder / engine.CHECKPOINT).exists()
    return outputs(folder)


def test_two_runs_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    assert run(tmp_path / "a") == run(tmp_path / "b")
    (tmp_path / "c").mkdir()
    train(make_job(), settings(), out=tmp_path / "c", seed=4, device="cpu")
    assert outputs(tmp_path / "c")["model.pt"] != outputs(tmp_path / "a")["model.pt"]


@pytest.mark.parametrize("stop", [1, 5, 11])
@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_run_that_stopped_goes_on_to_the_same_bytes(tmp_path: Path, stop: int, keep: str) -> None:
    whole = run(tmp_path / "whole", keep=keep)

    class Killed(Exception):
        pass

    job = make_job()
    inner = job.loss

    def dies(forward: Any, sample: dict[str, Any], step: int) -> dict[str, torch.Tensor]:
        if step == stop:
            raise Killed
        return inner(forward, sample, step)

    broken = tmp_path / "broken"
    broken.mkdir()
    with pytest.raises(Killed):
        dying = Job(job.network, job.architecture, job.draw, dies, job.epoch, job.validate)
        train(dying, settings(keep=keep), out=broken, seed=3, device="cpu", checkpoint_seconds=0)
    assert load_state(broken / engine.CHECKPOINT)["step"] == stop
    train(make_job(), settings(keep=keep), out=broken, seed=3, device="cpu")
    assert outputs(broken) == whole


KILLED = """
import sys, time
from pathlib import Path
sys.path[:0] = [{tests!r}, {workflow!r}]
import test_engine as t
job = t.make_job()
def slow(forward, sample, step):
    time.sleep(0.05)
    return job.loss(forward, sample, step)
slowed = t.Job(job.network, job.architecture, job.draw, slow, job.epoch, job.validate)
t.train(slowed, t.settings(iterations=60), out=Path({out!r}), seed=3, device="cpu", checkpoint_seconds=0)
"""


@pytest.mark.slow
def test_a_process_that_was_killed_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", iterations=60)
    broken = tmp_path / "broken"
    broken.mkdir()
    here = Path(__file__).parent
    program = KILLED.format(tests=str(here), workflow=str(here.parents[2] / "workflow"), out=str(broken))
    process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not (broken / engine.CHECKPOINT).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert 0 < load_state(broken / engine.CHECKPOINT)["step"] < 60
    train(make_job(), settings(iterations=60), out=broken, seed=3, device="cpu")
    assert outputs(broken) == whole


def test_accumulated_passes_are_a_larger_batch(tmp_path: Path) -> None:
    """With the samples of the passes joined into one, and no dropout, the weights agree to rounding."""
    job = make_job(dropout=False)

    def joined(generator: torch.Generator, count: int) -> dict[str, Any]:
        raise AssertionError

    run(tmp_path / "passes", job, batch=2, accumulate=3, iterations=6)
    number = iter(range(6))

    def three(generator: torch.Generator, count: int) -> dict[str, Any]:
        step = next(number)
        parts = [draw(engine.generator_of(3, "sample", step * 3 + k), 2) for k in range(3)]
        return {name: torch.cat([p[name] for p in parts]) for name in ("x", "y")} | {"cases": []}

    single = make_job(dropout=False)
    whole = Job(single.network, single.architecture, three, single.loss, 20, single.validate)
    run(tmp_path / "whole", whole, batch=6, accumulate=1, iterations=6)
    first, second = (load_state(tmp_path / name / "model.pt")["weights"] for name in ("passes", "whole"))
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=1e-6, rtol=1e-5)


def on_a_process(rank: int, folder: str) -> None:
    train(make_job(dropout=False), settings(), out=Path(folder), seed=3, device="cpu")


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    run(tmp_path / "one", make_job(dropout=False))
    (tmp_path / "two").mkdir()
    parallel.run(2, on_a_process, str(tmp_path / "two"), backend="gloo")
    first, second = (load_state(tmp_path / name / "model.pt")["weights"] for name in ("one", "two"))
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=1e-6, rtol=1e-5)


def test_the_history_has_terms_rates_and_validations(tmp_path: Path) -> None:
    run(tmp_path / "a", iterations=8)
    with (tmp_path / "a" / "history.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["step", "rate", "loss", "squares", "validation score"]
    assert [row["step"] for row in rows] == [str(n) for n in range(1, 9)]
    assert [row["step"] for row in rows if row["validation score"]] == ["4", "8"]
    assert float(rows[0]["rate"]) == 1e-3 and float(rows[4]["rate"]) == pytest.approx(1e-3 * 0.5**0.9, rel=1e-5)
    assert all(row["loss"] == row["squares"] for row in rows)


def test_patience_ends_a_run_and_the_best_state_is_kept(tmp_path: Path) -> None:
    scores = iter([0.1, 0.5, 0.4, 0.3, 0.2])
    job = make_job()
    states: list[dict[str, torch.Tensor]] = []

    def validate(net: nn.Module) -> dict[str, float]:
        states.append({k: v.clone() for k, v in net.state_dict().items()})
        return {"score": next(scores)}

    watched = Job(job.network, job.architecture, job.draw, job.loss, job.epoch, validate)
    run(tmp_path / "a", watched, iterations=40, keep="best", patience=2)
    assert len(states) == 4, "stopped after two validations without a better score"
    weights = load_state(tmp_path / "a" / "model.pt")["weights"]
    assert all(torch.equal(weights[name], states[1][name]) for name in weights)


def test_the_rate_falls_as_it_is_said_to() -> None:
    assert settings(decay="constant").rate_at(7) == 1e-3
    assert settings(decay="halving", period=5).rate_at(4) == 1e-3
    assert settings(decay="halving", period=5).rate_at(10) == pytest.approx(2.5e-4)
    assert settings(decay="poly", iterations=10).rate_at(5) == pytest.approx(1e-3 * 0.5**0.9)


def test_a_model_is_read_once_for_all_cases(tmp_path: Path) -> None:
    run(tmp_path / "a")
    built: list[int] = []

    def build(width: int) -> nn.Module:
        built.append(width)
        return Dropped(width)

    first = trained(tmp_path / "a" / "model.pt", build, {"width": 8})
    assert trained(tmp_path / "a" / "model.pt", build, {"width": 8}) is first and built == [8]
    assert not first.training and not any(p.requires_grad for p in first.parameters())
