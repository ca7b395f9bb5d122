"""Kills at random moments of a small run: it ends in the bytes of an undisturbed one."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from faults.comparing import contents, differences
from faults.kills import disturbed, undisturbed
from faults.made_up import method, write

# Trains with a checkpoint at every step, as the training loop does every ten seconds; slow enough to be met by a kill.
LEARNED = """
def fit(train, validation, *, out, seed, device, by):
    kept = out / "steps.npy"
    steps = np.load(kept).tolist() if kept.is_file() else []
    while len(steps) < 20:
        steps.append(by * float(np.random.default_rng([seed, len(steps)]).random()))
        time.sleep(0.1)
        with open(out / "new.npy", "wb") as stream:
            np.save(stream, steps)
        (out / "new.npy").rename(kept)
    (out / "model.pt").write_text(repr(sum(steps)))
    (out / "history.csv").write_text("step,loss\\n" + "".join(f"{n},{step}\\n" for n, step in enumerate(steps)))


def predict(case, *, seed, device, model, by):
    time.sleep(0.3)
    displacement = np.full((2, *case.frame.shape), float(model.read_text()) / 20, dtype=np.float32)
    return Prediction(displacement=displacement, readings=[Reading("learnt", float(model.read_text()), "1")])
"""
PAPER = """
title: A made-up paper that is killed
reference: none
summary: Two networks on noise.
cohorts:
  noise: {use: made_up_noise, with: {pause: 0.3}}
methods:
  one: {use: made_up_learned, title: One}
  two: {use: made_up_learned, title: Two, with: {by: 2.0}}
experiments:
  main: {cohort: noise, methods: [one, two, identity], measures: [mse], quality: mse, gallery: 2}
tables:
  table-1:
    title: Errors
    place: Table 1
    rows: {by: method}
    columns: {by: metric, items: {mse: MSE, learnt: learnt}}
    cells: {experiment: main}
figures:
  fig-1:
    title: The pair
    place: Fig. 1
    panels:
      - {kind: images, rows: [{experiment: main, method: one}], columns: [{title: fixed, show: fixed}, {title: warped, show: warped}]}
claims:
  - id: 97-C01
    says: The second learns more than the first.
    where: Table 1
    checks: [{kind: bound, experiment: main, method: two, metric: learnt, above: 15}]
"""


@pytest.mark.slow
def test_a_killed_run_ends_in_the_bytes_of_an_undisturbed_one(clone: Path) -> None:
    write(clone, {"97-killed": PAPER}, {"made_up_learned": method(LEARNED, kind="learned")})
    calm = clone.parent / "calm"
    shutil.copytree(clone, calm)
    seconds = undisturbed(calm)
    results = calm / "results/demo/97-killed"
    assert (results / "claims.csv").is_file() and (results / "main/two/0/model.pt").is_file()
    kills = list(disturbed(clone, 5, 0.5 * seconds, random.Random(1)))
    assert len(kills) == 5
    assert differences(calm, clone) == [], kills
    assert len(contents(calm)) > 40
