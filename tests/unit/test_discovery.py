"""What a unit's code is, how parameters are merged, and how folds part a cohort."""

from __future__ import annotations

from pathlib import Path

import pytest

from wbir.cases import Cohort
from wbir.discovery import closure, describe, merge_parameters, modules, networks_in
from wbir.errors import InputError
from wbir.nets import names
from wbir.papers import Paper, load_paper, slugs


def test_groups_of_parameters_are_merged_key_by_key() -> None:
    defaults = {"group": {"a": 1, "b": [2], "deep": {"c": 0.5}}, "plain": 3, "free": {}}
    merged = merge_parameters("m", defaults, {"group": {"b": [4]}}, {"group": {"deep": {"c": 1.5}}, "free": {"x": 1}})
    assert merged == {"group": {"a": 1, "b": [4], "deep": {"c": 1.5}}, "plain": 3, "free": {"x": 1}}
    assert defaults["group"]["b"] == [2], "the defaults stay"
    with pytest.raises(InputError, match=r"parameters of group of m among"):
        merge_parameters("m", defaults, {"group": {"z": 1}})
    with pytest.raises(InputError, match=r"a of group of m like 1"):
        merge_parameters("m", defaults, {"group": {"a": "one"}})


def test_a_network_named_by_parameters_is_part_of_the_code() -> None:
    networks = networks_in({"network": {"name": "voxelmorph"}, "others": [{"name": "two_stream"}], "name": "nobody"})
    assert [path.stem for path in networks] == ["two_stream", "voxelmorph"]
    assert modules("nets")["unet"] in closure(networks)


@pytest.mark.parametrize("slug", slugs())
def test_every_learned_unit_depends_on_its_network(slug: str) -> None:
    units = [unit for unit in load_paper(slug, "demo").units() if unit.spec["kind"] == "learned"]
    for unit in units:
        code = set(unit.code())
        assert set(networks_in(unit.parameters)) <= code, unit.id
        assert {path.stem for path in code if path.parent.name == "nets"} & set(names()), unit.id


def rows(*cases: str) -> list[dict[str, str]]:
    return [dict(zip(("case", "split", "fold"), case.split(","), strict=True)) for case in cases]


def parts(cohort: Cohort, fold: str) -> list[list[str]]:
    return [[row["case"] for row in part.rows] for part in cohort.fold(fold)]


def test_held_out_cases_are_the_test_where_that_is_their_split() -> None:
    cohort = Cohort(Path("c"), rows("a,test,0", "b,test,0", "c,test,1", "d,test,2"))
    assert parts(cohort, "0") == [["c", "d"], [], ["a", "b"]]
    assert parts(cohort, "2") == [["a", "b", "c"], [], ["d"]]


def test_held_out_cases_are_for_validation_where_the_test_is_apart() -> None:
    cohort = Cohort(Path("c"), rows("a,train,0", "b,train,1", "c,train,2", "t,test,"))
    assert parts(cohort, "1") == [["a", "c"], ["b"], ["t"]]
    with pytest.raises(InputError, match="a fold of"):
        cohort.fold("3")


def test_without_a_fold_the_splits_decide() -> None:
    cohort = Cohort(Path("c"), rows("a,train,", "b,validation,", "c,test,"))
    assert parts(cohort, "") == [["a"], ["b"], ["c"]]


def made_up(**changes: object) -> Paper:
    experiment = {"cohort": "small", "methods": ["identity"], "measures": ["mse"], "folds": {"demo": 2, "paper": 3}}
    spec = {
        "cohorts": {
            "base": {"use": "hippocampus", "own_data": True},
            "small": {"use": "resampled", "of": "base"},
        },
        "methods": {},
        "experiments": {"main": experiment},
    }
    return Paper("99-made-up", "demo", spec, {}, {"hippocampus": "somewhere"}, **changes)  # type: ignore[arg-type]


def test_folds_are_seeds_and_may_differ_by_scale() -> None:
    assert [(unit.seed, unit.fold) for unit in made_up().units()] == [(0, "0"), (1, "1")]


def test_a_derived_cohort_has_what_its_base_has() -> None:
    plan = made_up().cohort("small")
    assert [part.id for part in plan.chain()] == ["99-made-up.small", "99-made-up.base"]
    assert plan.available and plan.own_data and plan.dims == describe("cohorts", "hippocampus")["dims"]
    without = Paper("99-made-up", "demo", made_up().spec, {}, {})
    assert "needs the data set hippocampus" in str(without.why_not("main"))
