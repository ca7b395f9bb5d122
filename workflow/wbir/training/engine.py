"""The training loop of every learned method: seeded step by step, resumed exactly, watched, checked for NaN.

A step draws its samples and its chance from generators of its own (`seeds`), so that a run that was killed goes on from
its last checkpoint to the very bytes of an undisturbed one (on a CPU; a GPU adds in no fixed order).
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wbir.cases import Reading
from wbir.errors import InputError
from wbir.training.models import check_same, load_state, parameter_count, save_model, save_state
from wbir.training.parallel import add_gradients, my_share, rank_and_size
from wbir.training.progress import History, Progress
from wbir.training.samples import Sample, ahead
from wbir.training.seeds import generator_of, seed_everything
from wbir.training.settings import Settings

CHECKPOINT_SECONDS = 10.0
CHECKPOINT = "checkpoint.pt"
log = logging.getLogger("wbir")
Forward = Callable[..., Any]


@dataclass(frozen=True)
class Job:
    """What is trained.

    network: on the CPU, with its first weights (`seed_everything` before it was built). architecture: plain values that
    name it; stored with the weights. draw: samples from a generator, as `Samples.draw`. loss: named terms, already
    weighted; their sum is minimised. It calls `forward` for the network, which adds mixed precision, and gets the step.
    epoch: samples of an epoch. validate: named numbers, the first is the score (higher is better).
    """

    network: nn.Module
    architecture: Mapping[str, Any]
    draw: Callable[[torch.Generator, int], Sample]
    loss: Callable[[Forward, Sample, int], dict[str, Tensor]]
    epoch: int
    validate: Callable[[nn.Module], dict[str, float]] | None = None


def train(
    job: Job,
    settings: Settings,
    *,
    out: Path,
    seed: int,
    device: str,
    identity: Mapping[str, Any] | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> list[Reading]:
    """Train and write `out/model.pt` and `out/history.csv`; readings: the parameters, and times and memory.

    out/checkpoint.pt is where a killed run goes on. identity: what a checkpoint must agree with beside settings, seed
    and architecture. Raises InputError for a checkpoint of another run, and for a loss that is not finite: it names
    step and cases, and the last good checkpoint stays.
    """
    run = Run(job, settings, out, seed, torch.device(device), dict(identity or {}))
    run.restore()
    progress = Progress(settings.iterations, run.step)
    saved = time.monotonic()
    for sums in run.steps(progress):
        run.record(sums)
        if run.finished:
            break
        if time.monotonic() - saved > checkpoint_seconds:
            run.save()
            saved = time.monotonic()
        progress.tell(run.step, sum(sums.values()))
    return run.end(progress)


class Run:
    """A training run at some step."""

    def __init__(
        self, job: Job, settings: Settings, out: Path, seed: int, device: torch.device, identity: Mapping[str, Any]
    ) -> None:
        self.job, self.settings, self.out, self.seed, self.device = job, settings, out, seed, device
        self.network = job.network.to(device).train()
        self.parameters = [p for p in self.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(self.parameters, lr=settings.rate)
        self.history = History(max(1, settings.iterations // 100))
        self.step, self.stale = 0, 0  # stale: validations since the best one
        self.best: dict[str, Any] = {}
        plan = {key: value for key, value in vars(settings).items() if key not in ("memory_mb",)}
        self.identity = {**identity, "seed": seed, "architecture": dict(job.architecture), "training": plan}

    @property
    def finished(self) -> bool:
        patience = self.settings.patience
        return self.step >= self.settings.iterations or bool(patience and self.stale >= patience)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """The network, in bfloat16 where the precision asks for it."""
        precision = self.settings.precision
        half = precision == "bfloat16" or (precision == "mixed" and self.device.type == "cuda")
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half):
            return self.network(*inputs, **options)

    def steps(self, progress: Progress) -> Iterator[dict[str, float]]:
        """Make the steps that are left, yielding the mean loss terms of each."""
        passes, batch = self.settings.accumulate, self.settings.batch
        share = my_share(passes)
        numbers = [n * passes + k for n in range(self.step, self.settings.iterations) for k in share]

        def draw(number: int) -> Sample:
            return self.job.draw(generator_of(self.seed, "sample", number), batch)

        samples = ahead(draw, numbers, self.device)
        while not self.finished:
            seed_everything(self.seed, "step", self.step)
            self.optimiser.zero_grad(set_to_none=True)
            sums: dict[str, float] = {}
            cases: list[str] = []
            for _ in share:
                with progress.waiting():
                    _, sample = next(samples)
                cases += sample.get("cases", [])
                terms = self.job.loss(self.forward, sample, self.step)
                for name, term in terms.items():
                    sums[name] = sums.get(name, 0.0) + float(term.detach()) / len(share)
                if not all(map(math.isfinite, sums.values())):
                    self.spoil()
                    break
                torch.stack([term / passes for term in terms.values()]).sum().backward()
            add_gradients(self.parameters)
            self.check_finite(sums, cases)
            for group in self.optimiser.param_groups:
                group["lr"] = self.settings.rate_at(self.step)
            self.optimiser.step()
            self.step += 1
            yield sums

    def spoil(self) -> None:
        """Gradients of NaN, which all processes will see, in place of a backward pass from NaN, which may read past an image."""
        for parameter in self.parameters:
            parameter.grad = torch.full_like(parameter, math.nan)

    def check_finite(self, sums: Mapping[str, float], cases: list[str]) -> None:
        """Raise InputError where a loss or a gradient is NaN or infinite; the state before this step is kept."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        size = float(torch.stack(torch._foreach_norm(gradients)).norm()) if gradients else math.nan
        if math.isfinite(size) and all(map(math.isfinite, sums.values())):
            return
        if all(bool(torch.isfinite(b).all()) for b in self.network.buffers() if b.is_floating_point()):
            self.save()
        shown = ", ".join(f"{name} {value:.4g}" for name, value in sums.items())
        raise InputError(
            f"a finite loss and gradient at step {self.step + 1} of {self.settings.iterations}",
            f"{shown}, gradient norm {size:.4g} on case {', '.join(cases) or '(unnamed)'}",
            f"check that case or lower the rate; the last good state is in {self.out / CHECKPOINT}",
        )

    def record(self, sums: Mapping[str, float]) -> None:
        """Keep a step's loss for the history; validate where it is time."""
        every = self.settings.validate_every
        due = bool(every and self.job.validate and (self.step % every == 0 or self.step == self.settings.iterations))
        self.history.add(sums)
        if not due and self.step % self.history.every and self.step != self.settings.iterations:
            return
        self.history.close(self.step, self.settings.rate_at(self.step - 1), self.validate() if due else {})

    def validate(self) -> dict[str, float]:
        """The validation's numbers; keeps the best state so far."""
        self.network.eval()
        with torch.no_grad():
            numbers = self.job.validate(self.network) if self.job.validate else {}
        self.network.train()
        score = next(iter(numbers.values()), math.nan)
        self.stale += 1
        if score > self.best.get("score", -math.inf):
            self.stale = 0
            kept = self.network.state_dict() if self.settings.keep == "best" else {}
            self.best = {"score": score, "step": self.step, "weights": {k: v.detach().clone() for k, v in kept.items()}}
        return numbers

    def save(self) -> None:
        """Write the checkpoint; only the first of several processes does."""
        if rank_and_size()[0] == 0:
            state = {"step": self.step, "stale": self.stale, "best": self.best, "history": self.history.state()}
            state |= {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}
            save_state(self.out / CHECKPOINT, state | {"identity": self.identity})

    def restore(self) -> None:
        """Go on from a checkpoint where there is one. Raises InputError where it is another run's."""
        path = self.out / CHECKPOINT
        if not path.is_file():
            return
        state = load_state(path, self.device)
        if not {"step", "network", "optimiser", "identity"} <= set(state):
            raise InputError(f"a training checkpoint at {path}", f"{sorted(state)}", "remove the file to start anew")
        check_same(state["identity"], self.identity, f"a checkpoint of this run at {path}")
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.stale, self.best = state["step"], state["stale"], state["best"]
        self.history.restore(state["history"])
        log.info("going on from step %d of %d", self.step, self.settings.iterations)

    def end(self, progress: Progress) -> list[Reading]:
        """Write model and history, drop the checkpoint."""
        if self.settings.keep == "best" and self.best:
            self.network.load_state_dict(self.best["weights"])
        if rank_and_size()[0] == 0:
            save_model(self.out / "model.pt", self.network, self.job.architecture)
            self.history.write(self.out / "history.csv")
            (self.out / CHECKPOINT).unlink(missing_ok=True)
        steps_of_epoch = self.job.epoch / (self.settings.batch * self.settings.accumulate)
        readings = [Reading("trainable_parameters", float(parameter_count(self.network)), "1")]
        readings += [Reading("training_steps", float(self.step), "1")]
        return readings + progress.readings(steps_of_epoch, self.device)
