"""A paper file or a configuration that breaks the rules: one line that names the place, and nothing run."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import wbir.papers
from wbir.__main__ import main
from wbir.errors import InputError
from wbir.papers import check_schema

GOOD: dict[str, Any] = {
    "title": "Made up",
    "reference": "none",
    "summary": "A paper for tests.",
    "cohorts": {"few": {"use": "letters"}},
    "methods": {"Demons": {"use": "demons", "with": {"step": 1.0}}},
    "experiments": {"only": {"cohort": "few", "methods": ["Demons"], "measures": ["dice"]}},
}
Change = Callable[[dict[str, Any]], object]
BAD: dict[str, tuple[Change, str]] = {
    "unknown key": (lambda p: p.update(colour="red"), "'colour' was unexpected"),
    "missing key": (lambda p: p.pop("title"), "'title' is a required property"),
    "wrong type": (lambda p: p.update(title=3), "at title"),
    "unknown key within": (lambda p: p["experiments"]["only"].update(case=1), "at experiments/only"),
    "wrong type within": (lambda p: p["experiments"]["only"].update(methods="Demons"), "at experiments/only/methods"),
    "bad name": (lambda p: p["methods"].update({"a b": {"use": "demons"}}), "at methods"),
    "unknown method": (lambda p: p["methods"]["Demons"].update(use="magic"), "one of the methods"),
    "unknown cohort": (lambda p: p["cohorts"]["few"].update(use="magic"), "one of the cohorts"),
    "unknown source": (lambda p: p["cohorts"]["few"].update(source="public"), "a source of cohort few"),
    "unknown parameter": (lambda p: p["methods"]["Demons"]["with"].update(magic=1), "parameters of method Demons"),
    "word for a number": (lambda p: p["methods"]["Demons"]["with"].update(step="far"), "step of method Demons like 2.0"),
    "number for a list": (lambda p: p["methods"]["Demons"]["with"].update(factors=2), "factors of method Demons like"),
    "fraction for a whole number": (
        lambda p: p["methods"]["Demons"]["with"].update(iterations=[1.5]), "iterations of method Demons like",
    ),
    "number for yes or no": (
        lambda p: p["methods"]["Demons"]["with"].update(histogram_matching=1), "histogram_matching of method Demons",
    ),
}  # fmt: skip


@pytest.fixture
def predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], int]:
    """`wbir predict` on a paper with this text."""
    monkeypatch.setattr(wbir.papers, "PAPERS", tmp_path)

    def run(text: bytes) -> int:
        (tmp_path / "99-made-up").mkdir()
        (tmp_path / "99-made-up" / "paper.yaml").write_bytes(text)
        names = ["--paper", "99-made-up", "--experiment", "only", "--method", "Demons"]
        return main(["predict", *names, "--cohort", str(tmp_path / "cohort"), "--out", str(tmp_path / "out")])

    return run


def one_line(capfd: pytest.CaptureFixture[str]) -> str:
    out, err = capfd.readouterr()
    assert out == "" and len(err.splitlines()) == 1, err
    assert err.startswith("wbir predict: expected ") and ", got " in err
    return err


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_paper_is_one_line(kind: str, predict: Callable[[bytes], int], capfd: pytest.CaptureFixture[str]) -> None:
    change, words = BAD[kind]
    spec = copy.deepcopy(GOOD)
    change(spec)
    assert predict(yaml.safe_dump(spec).encode()) == 2
    assert words in one_line(capfd)


@pytest.mark.parametrize("text", [b"a: [1, 2", b"- a\n- b\n", b"", b"\xff\xfe\x00", b"title: &a [*a]"])
def test_a_paper_that_is_no_mapping_is_one_line(
    text: bytes, predict: Callable[[bytes], int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert predict(text) == 2
    assert "99-made-up/paper.yaml" in one_line(capfd)


def test_the_good_paper_fails_for_its_missing_cohort_only(
    predict: Callable[[bytes], int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert predict(yaml.safe_dump(GOOD).encode()) == 2
    assert "a CSV file at" in one_line(capfd)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"scale": "huge"}, "at scale, got 'huge' is not one of"),
        ({"papers": 3}, "at papers (all, or a list of slugs), got 3"),
        ({"colour": "red"}, "'colour' was unexpected"),
        ({"data": 3}, "at data"),
        ({"sources": {"nirep": "web"}}, "at sources/nirep"),
        ([], "at the top"),
    ],
)
def test_a_bad_configuration_names_the_place(value: Any, words: str) -> None:
    with pytest.raises(InputError) as told:
        check_schema(value, "config", "config.yaml")
    assert words in str(told.value) and "\n" not in str(told.value)


def test_snakemake_says_it_in_one_line_too(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Beside Snakemake's own line that names the file, and no trace of the library."""
    done = snakemake("-n", "--config", "scale=huge", check=False)
    printed = done.stdout + done.stderr
    told = [line for line in printed.splitlines() if line.startswith("expected ")]
    assert done.returncode != 0 and len(told) == 1 and ", got 'huge'" in told[0] and told[0].endswith(": correct it")
    assert "Traceback" not in printed and "workflow/wbir" not in printed
