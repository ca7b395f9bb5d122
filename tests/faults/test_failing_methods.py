"""Methods that fail in every way: their failures are rows that say what happened, and everything else is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.made_up import method, write
from wbir.files import read_rows

PREDICT = "def predict(case, *, seed, device, by):\n"
STILL = "    return Prediction(displacement=np.zeros((2, *case.frame.shape), dtype=np.float32))\n"
LEARNT = "\n\ndef predict(case, *, seed, device, model, by):\n" + STILL
DIVERGES = """
def fit(train, validation, *, out, seed, device, by):
    import torch

    from wbir.training.engine import Job
    from wbir.training.engine import train as run
    from wbir.training.settings import DEFAULTS, Settings

    def loss(forward, sample, step):
        return {"size": forward(torch.ones(1, 1)).square().mean() / (step < 3)}

    def draw(generator, batch):
        return {"cases": [train.rows[0]["case"]]}

    job = Job(torch.nn.Linear(1, 1), {"name": "linear"}, draw=draw, loss=loss, epoch=1)
    return run(job, Settings(**DEFAULTS, iterations=9, rate=0.1), out=out, seed=seed, device=device)
"""
METHODS = {
    "works": method(PREDICT + STILL),
    "raises": method(PREDICT + '    if case.id == "case-2":\n        raise RuntimeError("no way\\nout")\n' + STILL),
    "crashes": method(PREDICT + '    if case.id == "case-2":\n        __import__("ctypes").string_at(0)\n' + STILL),
    "hangs": method(PREDICT + '    time.sleep(1000 * (case.id == "case-3"))\n' + STILL, runtime=1),
    "gives_nan": method(PREDICT + STILL.replace("zeros(", "full(").replace("shape),", "shape), np.nan,")),
    "takes_too_much": method(PREDICT + "    np.ones(1 << 45)\n" + STILL),
    "is_killed": method(PREDICT + "    import os\n\n    os.kill(os.getpid(), 9)\n"),
    "diverges": method(DIVERGES + LEARNT, kind="learned"),
    "learns_forever": method(
        "def fit(train, validation, **options):\n    time.sleep(1000)\n" + LEARNT, kind="learned", runtime=1
    ),
}
# By method: the status of each of the four cases, from its beginning.
ALL = ("case-1", "case-2", "case-3", "case-4")
EXPECTED = {
    "works": dict.fromkeys(ALL, "ok"),
    "raises": dict.fromkeys(ALL, "ok") | {"case-2": "failed: RuntimeError: no way out"},
    "crashes": dict.fromkeys(ALL, "ok") | {"case-2": "failed: killed by SIGSEGV"},
    "hangs": dict.fromkeys(ALL, "failed: no end within 0.95 min") | dict.fromkeys(ALL[:2], "ok"),
    "gives_nan": dict.fromkeys(ALL, "failed: InputError: expected finite displacement for case case-"),
    "takes_too_much": dict.fromkeys(ALL, "failed: MemoryError: Unable to allocate"),
    "is_killed": dict.fromkeys(ALL, "failed: killed by SIGKILL (out of memory?)"),
    "diverges": dict.fromkeys(ALL, "failed: fit: expected a finite loss and gradient at step 4 of 9, got size inf"),
    "learns_forever": dict.fromkeys(ALL, "failed: fit: no end within 0.95 min"),
}
PAPER = """
title: A made-up paper of failing methods
reference: none
summary: Methods that fail.
methods: {{{methods}}}
experiments:
  main: {{cohort: made_up_noise, methods: [{names}], measures: [mse], quality: mse, gallery: 2}}
tables:
  table-1:
    title: Errors
    place: Table 1
    rows: {{by: method}}
    columns: {{by: metric, items: {{mse: MSE}}}}
    cells: {{experiment: main}}
figures:
  fig-1:
    title: A pair
    place: Fig. 1
    panels:
      - kind: images
        rows: [{{experiment: main, method: works}}, {{experiment: main, method: gives_nan}}]
        columns: [{{title: warped, show: warped}}]
claims:
{claims}
"""
CLAIM = """  - id: {id}
    says: Some error.
    where: Table 1
    checks: [{{kind: bound, experiment: main, method: {method}, metric: mse, above: 0}}]
"""


def paper(slug: str, names: list[str]) -> str:
    claims = [CLAIM.format(id=f"{slug[:2]}-C{number:02}", method=name) for number, name in enumerate(names, 1)]
    methods = ", ".join(f"{name}: {{use: made_up_{name}, title: {name}}}" for name in names)
    return PAPER.format(methods=methods, names=", ".join(names), claims="".join(claims))


@pytest.mark.slow
def test_failures_are_rows_and_all_else_is_made(clone: Path, snakemake) -> None:  # type: ignore[no-untyped-def]
    """With the site and a second paper; run again, nothing is left to do."""
    other = paper("93-other", ["works"]).replace(", {experiment: main, method: gives_nan}", "")
    papers = {"94-failing": paper("94-failing", list(METHODS)), "93-other": other}
    write(clone, papers, {f"made_up_{name}": text for name, text in METHODS.items()})
    snakemake("--cores", "4", "all", "site")
    results = clone / "results/demo/94-failing"

    found: dict[str, dict[str, str]] = {}
    for row in read_rows(results / "measurements.csv"):
        if row["metric"] == "mse":
            assert (row["value"] == "") == (row["status"] != "ok"), row
            found.setdefault(row["method"], {})[row["case"]] = row["status"]
    assert found.keys() == EXPECTED.keys()
    for name, expected in EXPECTED.items():
        for case in ALL:
            assert found[name][case].startswith(expected[case]), (name, case, found[name][case])

    wholly = {name for name, expected in EXPECTED.items() if "ok" not in expected.values()}
    flags = {row["method"]: row["flag"] for row in read_rows(results / "qc.csv")}
    assert {name for name, flag in flags.items() if flag == "no measurement"} == wholly
    verdicts = dict(zip(METHODS, [row["verdict"] for row in read_rows(results / "claims.csv")], strict=True))
    assert {name for name, verdict in verdicts.items() if verdict == "not run"} == wholly
    cells = {row["row"]: row for row in read_rows(results / "tables/table-1.csv")}
    assert (cells["works"]["n"], cells["works"]["failed"]) == ("4", "0")
    assert (cells["raises"]["n"], cells["raises"]["failed"]) == ("3", "1")
    assert (cells["hangs"]["n"], cells["hangs"]["failed"]) == ("2", "2")
    assert (results / "figures/fig-1.svg").stat().st_size > 1000
    assert [row["verdict"] for row in read_rows(clone / "results/demo/93-other/claims.csv")] == ["holds"]
    assert (clone / "results/demo/scoreboard.html").is_file()

    page = (clone / "reports/demo/papers/94-failing.html").read_text()
    for words in (
        "no way out",
        "killed by SIGSEGV",
        "no end within 0.95 min",
        "out of memory?",
        "fit: expected a finite loss",
    ):
        assert words in page, f"the page does not say {words!r}"
    assert "Nothing to be done" in snakemake("-n", "all", "site").stdout
