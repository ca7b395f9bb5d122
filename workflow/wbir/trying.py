"""A taste of a run: methods on made-up cases of their cohorts' sizes, for a few steps, so that `wbir plan` knows this machine.

What a step costs depends on the size of the images and hardly on what they show. Nothing here says how well a method works.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, CohortWriter
from wbir.cohort_plans import CohortPlan
from wbir.files import folder_written_whole, write_json
from wbir.geometry.frames import Frame
from wbir.papers import Unit

LABELS = 13
POINTS = 200
LEARNT = 4  # cases to learn from
log = logging.getLogger("wbir")


def size_of(plan: CohortPlan) -> tuple[int, ...] | None:
    """Voxels of a cohort's images along each axis, as its parameters say; None where only its making tells."""
    shape, size, spacing = (plan.parameters.get(name) for name in ("shape", "size", "spacing"))
    if shape:
        return tuple(shape)
    if isinstance(size, int):
        return (size,) * plan.dims
    if "box_mm" in plan.spec and spacing:
        return tuple(round(side / spacing) for side in plan.spec["box_mm"])
    return None


def try_units(units: Sequence[Unit], out: Path, *, device: str, steps: int, minutes: float, jobs: int) -> None:
    """Run units for a few steps below `out`, a `results/<scale>`; those whose size is not known are left out.

    steps: of a training; it runs for so many, and for three times as many, and what the second took more is what steps
    cost. minutes: a unit that takes longer is given up, and nothing is known of it. jobs: so many at once.
    """
    sized = [unit for unit in units if size_of(unit.cohort)]
    for unit in units:
        if unit not in sized:
            log.info("%s: left out, the size of its cases is not known before they are made", unit.id)
    for plan in {unit.cohort.id: unit.cohort for unit in sized}.values():
        make_up(plan, out / "cohorts")
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda unit: _try(unit, out, device, steps, minutes), sized))


def make_up(plan: CohortPlan, out: Path) -> None:
    """A cohort of cases that show nothing: for training, validation and test, with all that a method might ask for."""
    size = size_of(plan)
    assert size is not None
    for part in plan.chain():
        about: dict[str, Any] = {"cohort": part.id, "builder": part.builder, "source": part.source}
        about |= {"parameters": dict(part.parameters), "made_up": True}
        if part is not plan:
            (out / part.id).mkdir(parents=True, exist_ok=True)
            write_json(out / part.id / "manifest.json", about)
            continue
        with folder_written_whole(out / part.id) as folder:
            writer = CohortWriter(folder, {"title": "made up"}, {n: f"label {n}" for n in range(1, LABELS + 1)})
            for case in _cases(size):
                writer.add(case)
            writer.close()
            write_json(folder / "manifest.json", about)


def _cases(size: tuple[int, ...]) -> Iterator[Case]:
    """Blobs, shifted by two voxels from fixed to moving; the cases are alike, and lie once on the disk."""
    from scipy.ndimage import gaussian_filter

    generator = np.random.default_rng(0)
    blobs = gaussian_filter(generator.normal(size=size).astype(np.float32), 2.5)
    fixed = (blobs - blobs.min()) / np.ptp(blobs)
    labels = np.searchsorted(np.quantile(fixed, np.linspace(0, 1, LABELS + 2)[1:-1]), fixed).astype(np.int16)
    points = generator.uniform(4, np.array(size) - 5, (POINTS, len(size)))
    both = [np.roll(array, 2, axis=0) for array in (fixed, labels)]
    kinds = [("train", str(n + 1)) for n in range(LEARNT)] + [("validation", "0"), ("test", "")]
    for number, (split, fold) in enumerate(kinds):
        attributes = {
            "split": split,
            "subject": f"s{number}",
            "fixed_subject": f"s{number}",
            "moving_subject": f"m{number}",
        }
        yield Case(
            f"{split}-{number}", Frame.of(size), fixed, both[0], labels, both[1], fixed > 0, both[0] > 0, points, points + 2.0,
            attributes=attributes | ({"fold": fold} if fold else {}),
        )  # fmt: skip


def _try(unit: Unit, out: Path, device: str, steps: int, minutes: float) -> None:
    """One unit in a process of its own, which is given up after its time."""
    import subprocess
    import sys

    folder = out / unit.id
    code = "import sys; from wbir.trying import try_one; try_one(*sys.argv[1:])"
    named = (unit.paper, out.name, unit.experiment, unit.method, str(unit.seed), str(out), device, str(steps))
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, *named], stderr=subprocess.PIPE, text=True, timeout=60 * minutes
        )
        reason = done.stderr.strip().splitlines()[-1] if done.returncode else ""
    except subprocess.TimeoutExpired:
        reason = f"no end within {minutes:g} min"
    if reason:
        for left in (folder, folder.with_name(f"{folder.name}.few")):
            shutil.rmtree(left, ignore_errors=True)
    log.info("%s: %s", unit.id, reason or "tried")


def try_one(paper: str, scale: str, experiment: str, method: str, seed: str, out: str, device: str, steps: str) -> None:
    """Fit (twice) and predict one unit for a few steps, in this process."""
    from wbir.fitting import fit_unit
    from wbir.papers import load_paper
    from wbir.predicting import run_unit

    unit = load_paper(paper, scale).unit(experiment, method, int(seed))
    cohort, folder = Path(out) / "cohorts" / unit.cohort.id, Path(out) / unit.id
    model = None
    if unit.spec["kind"] == "learned":
        few, more = shortened(unit, int(steps)), shortened(unit, 3 * int(steps))
        shorter = folder.with_name(f"{folder.name}.few")
        fit_unit(few, cohort, shorter, device=device)
        fit_unit(more, cohort, folder, device=device)
        write_json(folder / "fit.json", steady(_read(folder), _read(shorter)))
        shutil.rmtree(shorter)
        unit, model = more, folder / "model.pt"
    run_unit(unit, cohort, folder, device=device, model=model)


def shortened(unit: Unit, steps: int) -> Unit:
    """The unit with a training of so many steps."""
    training = {**unit.parameters["training"], "iterations": steps}
    return replace(unit, parameters={**unit.parameters, "training": training})


def steady(more: dict[str, Any], few: dict[str, Any]) -> dict[str, Any]:
    """The record of a training with the time that its steps take once it runs: start-up, in both, is left out."""
    took = [_reading(record, "train_seconds") for record in (more, few)]
    steps = [_reading(record, "training_steps") for record in (more, few)]
    seconds = max(0.0, took[0] - took[1]) / (steps[0] - steps[1]) * steps[0]
    readings = [r | {"value": seconds} if r["metric"] == "train_seconds" else r for r in more["readings"]]
    return {**more, "readings": readings}


def _reading(record: dict[str, Any], metric: str) -> float:
    return next(float(r["value"]) for r in record["readings"] if r["metric"] == metric and not r["label"])


def _read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "fit.json").read_text(encoding="utf-8"))
