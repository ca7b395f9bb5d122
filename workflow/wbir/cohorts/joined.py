"""The cases of several cohorts in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from wbir.cases import FILES, Cohort, CohortWriter, check_id
from wbir.cohorts._derived import read_card
from wbir.errors import InputError
from wbir.files import link_or_copy

COHORT = {
    "title": "Several cohorts in one",
    "reference": "Paper 10, Sect. 3: 30 pairs of EMPIRE10 (8 of them by number), Learn2Reg Task 2 and DIR-Lab COPD in five folds, each"
    " with its share of each centre",
    "describes": "The cases of several cohorts as they are, all of them or those that are named, their ids after a prefix for where"
    " they come from, with an attribute that says so too and, on demand, folds that have their share of each.",
    "sources": ["derived"],
    "several": True,
    "stack": "torch",
    "threads": 1,
    "mem_mb": 1000,
    "runtime": 30,
    "parameters": {
        "prefixes": [],  # of the ids, one for each cohort; []: the names of the cohorts
        "attribute": "centre",  # gets the prefix as its value
        "cases": [],  # for each cohort the ids that are taken, in this order, or null for all; []: all of all
        "folds": 0,  # attribute `fold` for cross-validation; all cases are then in the split `test`
        "any_shape": False,  # let cases have grids of several shapes
    },
    "tiny": {"folds": 2},
    "dims": None,
}


def build(
    folder: Path, *, source: str, data: Sequence[Path], seed: int, prefixes: Sequence[str], attribute: str,
    cases: Sequence[Sequence[str] | None], folds: int, any_shape: bool,
) -> None:  # fmt: skip
    """Write the cases of the cohorts in `data` as `<prefix>-<id>`; files are linked (copied where they cannot be).

    folds: subjects (attribute `subject`, else each case for itself) take the folds in turn, on from one cohort to the next, so
    that each fold has its share of each cohort; a subject's cases are in one fold. Raises InputError for unfit parameters,
    unknown cases, ids that come twice, labels that are named differently, and grids of several shapes unless `any_shape`.
    """
    names = [str(name) for name in prefixes] or [_name(base) for base in data]
    chosen = list(cases) or [None] * len(data)
    if len(names) != len(data) or len(chosen) != len(data) or attribute in ("case", "split", "fold", *FILES):
        expected = f"{len(data)} prefixes and lists of cases, for {len(data)} cohorts, and an attribute of your own"
        raise InputError(expected, f"{names}, {chosen}, {attribute!r}", "correct the cohort's parameters")
    parameters = {
        "prefixes": list(prefixes),
        "attribute": attribute,
        "cases": list(cases),
        "folds": folds,
        "any_shape": any_shape,
    }
    card = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card |= {"parameters": parameters, "of": [read_card(base) for base in data]}
    writer = CohortWriter(folder, card, merged_labels(data))
    rows = []
    for base, name, ids in zip(data, names, chosen, strict=True):
        for row in _rows(Cohort.open(base), ids):
            kept = {key: value for key, value in row.items() if value} | {
                "case": f"{name}-{row['case']}",
                attribute: name,
            }
            rows.append((Path(base), kept))
    _check(rows, any_shape)
    in_fold = fold_of([(row[attribute], row) for _, row in rows], folds) if folds else [None] * len(rows)
    for (base, row), fold in zip(rows, in_fold, strict=True):
        marks = {} if fold is None else {"fold": str(fold), "split": "test"}
        writer.rows.append(_linked(base, writer.folder, row) | marks)
    writer.close()


def _name(base: Path) -> str:
    """The cohort's own, from its folder `<paper>.<cohort>` or `<cohort>`."""
    return Path(base).name.split(".")[-1]


def _rows(base: Cohort, ids: Sequence[str] | None) -> list[Mapping[str, str]]:
    known = {row["case"]: row for row in base.rows}
    missing = [name for name in ids or [] if name not in known]
    if missing:
        raise InputError(f"cases of {base.folder.name}: {', '.join(known)}", ", ".join(missing), "correct `cases`")
    return [known[name] for name in (known if ids is None else ids)]


def merged_labels(data: Sequence[Path]) -> dict[int, str]:
    """The label names of all cohorts. Raises InputError where a label has two names."""
    found: dict[int, str] = {}
    for base in data:
        for label, name in Cohort.open(base).label_names().items():
            if found.setdefault(label, name) != name:
                got = f"{found[label]!r} and {name!r}"
                raise InputError(f"one name for label {label}", got, "renumber the labels of one cohort first")
    return found


def _check(rows: Sequence[tuple[Path, Mapping[str, str]]], any_shape: bool) -> None:
    """Raise InputError for unfit ids, ids that come twice and, unless `any_shape`, for grids of several shapes."""
    from wbir.images import load_nifti

    ids = [row["case"] for _, row in rows]
    for name in ids:
        check_id(name)
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise InputError("each id once", ", ".join(twice), "give `prefixes` that differ")
    shapes = {tuple(load_nifti(base / row["fixed"]).shape): row["case"] for base, row in rows}
    if len(shapes) > 1 and not any_shape:
        got = ", ".join(f"{shape} ({case})" for shape, case in shapes.items())
        raise InputError("cases of one shape", got, "crop or resample them first, or set any_shape")


def fold_of(rows: Sequence[tuple[str, Mapping[str, str]]], folds: int) -> list[int]:
    """The fold of each of the rows (`(where from, row)`), see `build`. Raises InputError for fewer subjects than folds."""
    subjects = [(origin, row.get("subject") or row["case"]) for origin, row in rows]
    order = {subject: place for place, subject in enumerate(dict.fromkeys(subjects))}
    if not 2 <= folds <= len(order):
        raise InputError(f"2 to {len(order)} folds of {len(order)} subjects", f"{folds}", "correct `folds`")
    return [order[subject] % folds for subject in subjects]


def _linked(base: Path, folder: Path, row: Mapping[str, str]) -> dict[str, str]:
    """The row with paths into `folder`, where its files now are too."""
    paths = {name: f"{row['case']}/{Path(row[name]).name}" for name in FILES if name in row}
    for name, path in paths.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(base / row[name], folder / path)
    return {**row, **paths}
