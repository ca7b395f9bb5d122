"""Which cohort a name means: the stand-in, or the paper's own data, by one line of the user's."""

from __future__ import annotations

import pytest

from wbir.cohort_plans import Choice, CohortPlan
from wbir.errors import InputError

DECLARED = {
    "lungs": {"use": "lung_ct", "real": "real-lungs"},
    "real-lungs": {"use": "resampled", "of": "crops"},
    "crops": {"use": "hippocampus", "own_data": True},
    "six": {"use": "letters", "real": "six-files"},
    "six-files": {"use": "scan_folder"},
    "brains": {"use": "nirep", "source": "local"},
}


def plan(name: str, sources: dict[str, str] | None = None, data: dict[str, str] | None = None) -> CohortPlan:
    return Choice("99-made-up", "demo", DECLARED, sources or {}, data or {}).plan(name)


def test_the_stand_in_runs_unasked() -> None:
    found = plan("lungs")
    assert (found.id, found.source, found.names, found.available) == ("99-made-up.lungs", "simulated", ("lungs",), True)
    assert found.datasets == ()


@pytest.mark.parametrize("sources", [{"lungs": "public"}, {"all": "public"}, {"99-made-up.lungs": "public"}])
def test_asking_for_the_public_source_takes_the_papers_own_data(sources: dict[str, str]) -> None:
    found = plan("lungs", sources)
    assert found.id == "99-made-up.real-lungs" and found.names == ("lungs", "real-lungs")
    assert [part.source for part in found.chain()] == ["derived", "public"]
    assert found.chain()[-1].fetched == ("hippocampus",)
    assert found.available and found.own_data


def test_naming_a_folder_is_enough_and_nothing_is_fetched() -> None:
    found = plan("lungs", data={"hippocampus": "/somewhere"})
    leaf = found.chain()[-1]
    assert (leaf.source, leaf.data, leaf.fetched) == ("local", {"hippocampus": "/somewhere"}, ())


def test_a_named_folder_beats_all_but_not_the_source_of_that_very_cohort() -> None:
    named = {"hippocampus": "/somewhere"}
    assert plan("lungs", {"all": "public"}, named).chain()[-1].source == "local"
    direct = plan("crops", {"crops": "public"}, named)
    assert (direct.source, direct.fetched) == ("public", ("hippocampus",))
    assert plan("lungs", {"all": "simulated"}, named).source == "simulated"
    assert plan("lungs", {"lungs": "simulated"}, named).source == "simulated"


def test_local_without_a_folder_is_not_to_be_had() -> None:
    assert not plan("brains").available
    assert not plan("lungs", {"lungs": "local"}).available
    assert plan("brains", {"all": "public"}).available
    assert plan("brains", data={"nirep": "/somewhere"}).source == "local"


def test_what_is_asked_of_all_leaves_alone_whose_real_data_must_be_named() -> None:
    assert plan("six", {"all": "public"}).id == "99-made-up.six"
    assert not plan("six", {"six": "local"}).available, "asked for by name: no stand-in slips in"
    assert plan("six", data={"scan_folder": "/somewhere"}).id == "99-made-up.six-files"


def test_the_folder_of_another_data_set_changes_nothing() -> None:
    assert plan("lungs", data={"nirep": "/somewhere"}).source == "simulated"
    # A simulator that can read a data set too stays a simulator until asked.
    assert plan("brain_slices", data={"nirep": "/somewhere"}).source == "simulated"


@pytest.mark.parametrize(
    ("name", "sources", "words"),
    [("crops", {"crops": "simulated"}, "a source of cohort crops"), ("lungs", {"lungs": "package"}, "among")],
)
def test_a_source_that_a_cohort_does_not_have_is_refused(name: str, sources: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        plan(name, sources)


def test_of_is_for_derived_cohorts_only() -> None:
    wrong = {"a": {"use": "letters", "of": "b"}, "b": {"use": "letters"}, "c": {"use": "resampled"}}
    for name in ("a", "c"):
        with pytest.raises(InputError, match="`of`"):
            Choice("99-made-up", "demo", wrong, {}, {}).plan(name)
    with pytest.raises(InputError, match="one cohort"):
        Choice("99-made-up", "demo", {"a": {"use": "resampled", "of": ["letters", "letters"]}}, {}, {}).plan("a")
