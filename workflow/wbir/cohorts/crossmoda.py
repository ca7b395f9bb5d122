"""Heads with a vestibular schwannoma: labelled contrast-enhanced T1 scans as atlases for unlabelled T2 scans of others."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case
from wbir.cohorts._placing import placed
from wbir.cohorts._scans import Scan, pair, read_scan, write_cohort
from wbir.cohorts._subjects import deal
from wbir.data.tree import Tree
from wbir.errors import InputError, require_known

COHORT = {
    "title": "CrossMoDA 2021",
    "reference": "Paper 05, Sect. 3; Dorent et al., Medical Image Analysis 83, 2023 (the challenge)",
    "describes": "Moving: a contrast-enhanced T1 scan with the tumour and the cochleae labelled (an atlas). Fixed: a"
    " high-resolution T2 scan of another person, without labels, as in experiments III and IV of paper 05: several"
    " atlases to each target. What the propagated labels are worth cannot be measured here: the paper's oracle labels of the"
    " T2 scans are those of VS-SEG at TCIA, another release. With `fixed: ceT1` both scans are labelled ones. Native grids of"
    " about 0.41 x 0.41 x 1 to 1.5 mm; the paper resamples to 0.5 mm, cuts 128 voxels about the tumour (of a T2 scan, by its"
    " oracle label) and mirrors right tumours to the left: `moving_side` says which.",
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 120,
    "parameters": {
        "fixed": "hrT2",  # or ceT1
        # fixed scans, drawn by the seed: validation ones of the challenge's validation set where it is hrT2, all others of
        # its training sets; null takes those that are left
        "targets": {"test": 40, "train": 0, "validation": 0},
        "pool": 40,  # ceT1 scans that serve as atlases, drawn by the seed; null: all
        "atlases": 10,  # of the pool to each target, drawn by the seed
        "place": "headers",  # where the moving scan starts: headers | centres (of the grids)
    },
    "tiny": {"targets": {"test": 1, "train": 0, "validation": 0}, "pool": 2, "atlases": 1},
    "dims": 3,
}
LABELS = {1: "vestibular schwannoma", 2: "cochlea"}
LAST_TRAINING = 210  # T2 scans with a higher number are the challenge's validation set
KEPT = 12  # scans held: a target and its atlases


def build(
    folder: Path, *, source: str, data: Mapping[str, Path] | None, seed: int, fixed: str,
    targets: Mapping[str, int | None], pool: int | None, atlases: int, place: str,
) -> None:  # fmt: skip
    """Write a case `<fixed>-<moving>` (numbers of the challenge) for each target and each of its atlases.

    Raises InputError for a missing folder, unknown words, or more scans asked for than there are.
    """
    require_known({"fixed": (fixed, ("hrT2", "ceT1")), "place": (place, ("headers", "centres"))}, "for crossmoda")
    if data is None:
        raise InputError("a folder of crossmoda", "none", "name it (see docs/data-access.md)")
    tree = Tree("crossmoda", Path(data["crossmoda"]))
    tree.all("*_ceT1.nii.gz") or tree.one("crossmoda2021_*_ceT1.nii.gz")
    labelled = [number for number, path in _numbered(tree, "ceT1") if tree.find(_label(path.name))]
    sources = deal(labelled, {"test": pool}, seed)["test"]
    scans = dict(_numbered(tree, fixed))
    official = {number: "validation" if int(number) > LAST_TRAINING else "training" for number in scans}
    groups = _targets(labelled if fixed == "ceT1" else list(scans), official, targets, seed)
    parameters = {"fixed": fixed, "targets": dict(targets), "pool": pool, "atlases": atlases, "place": place}

    @functools.lru_cache(maxsize=KEPT)
    def read(number: str, modality: str) -> Scan:
        image = dict(_numbered(tree, modality))[number]
        return read_scan(image, labels=tree.one(_label(image.name)) if modality == "ceT1" else None)

    def cases() -> Iterator[Case]:
        for split, target in ((split, number) for split, group in groups.items() for number in group):
            here = read(target, fixed)
            for atlas in draw_atlases([number for number in sources if number != target], atlases, target, seed):
                there = read(atlas, "ceT1")
                attributes = {
                    "split": split, "fixed_subject": target, "moving_subject": atlas, "modalities": f"{fixed}/ceT1",
                    "target_set": official[target], "moving_side": tumour_side(there),
                }  # fmt: skip
                yield pair(f"{target}-{atlas}", here, placed(there, here, place), attributes)

    write_cohort(folder, COHORT, cases(), source=source, seed=seed, labels=LABELS, parameters=parameters)


def draw_atlases(sources: Sequence[str], count: int, target: str, seed: int) -> list[str]:
    """`count` of the sources for a target, the same whatever other targets there are. Raises InputError for too few."""
    if not 1 <= count <= len(sources):
        raise InputError(
            f"1 to {len(sources)} atlases for each target", f"{count}", "ask for fewer, or for a larger pool"
        )
    picks = named_generator(seed, "atlases", target).choice(len(sources), size=count, replace=False)
    return [sources[n] for n in sorted(picks.tolist())]


def tumour_side(scan: Scan) -> str:
    """`left` or `right` half of a canonical scan's grid, by the centroid of label 1; `none` without a tumour."""
    assert scan.labels is not None
    places = (scan.labels == 1).nonzero()[0]
    if not places.size:
        return "none"
    return "left" if places.mean() < (scan.labels.shape[0] - 1) / 2 else "right"


def _targets(
    numbers: Sequence[str], official: Mapping[str, str], counts: Mapping[str, int | None], seed: int
) -> dict[str, list[str]]:
    """Targets by split: validation ones from the challenge's validation set, where it has any of this modality."""
    held_out = [number for number in numbers if official[number] == "validation"]
    if not held_out:
        return deal(numbers, counts, seed)
    own = deal(held_out, {"validation": counts.get("validation", 0)}, seed)
    rest = {split: count for split, count in counts.items() if split != "validation"}
    return {**deal([number for number in numbers if number not in held_out], rest, seed), **own}


def _numbered(tree: Tree, modality: str) -> list[tuple[str, Path]]:
    """Number and file of each scan of a modality, in the order of numbers."""
    found = [(path.name.split("_")[2], path) for path in tree.all(f"crossmoda2021_*_*_{modality}.nii.gz")]
    return sorted(found, key=lambda item: int(item[0]))


def _label(image: str) -> str:
    return image.replace("_ceT1.nii.gz", "_Label.nii.gz")
