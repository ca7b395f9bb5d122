"""The Allen mouse brain in its Common Coordinate Framework: Nissl stain and average template with annotated structures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cohorts._scans import Scan, canonical_scan, pair, write_cohort
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Allen mouse brain, CCFv3",
    "reference": "Wang et al., The Allen mouse brain common coordinate framework: a 3D reference atlas, Cell 181(4), 2020",
    "describes": "One case: fixed is the Nissl-stained reference brain as its owners deformed it onto the framework, moving"
    " the average of 1675 brains (autofluorescence) that defines it; both carry the framework's annotation. They are as"
    " aligned as the owners made them: there is no true displacement. For plates and sections of it, slice it (coronal:"
    " axis 1). The files' axes run to posterior, inferior and right, whatever their headers say, and become right, anterior,"
    " superior; the origin of the world is the middle of the most anterior, superior, left voxel.",
    "datasets": ["allen-mouse"],
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 6000,
    "runtime": 20,
    "parameters": {
        "resolution": 25,  # um, as in the names of the files: 10, 25, 50 or 100
    },
    "tiny": {},
    "dims": 3,
}
RESOLUTIONS = (10, 25, 50, 100)
GRAPH = "structure_graph.json"


def build(folder: Path, *, source: str, data: Mapping[str, Path], seed: int, resolution: int) -> None:
    """Write the case `nissl-template` on the framework's own grid.

    data: the folder of `allen-mouse` with `ara_nissl_R.nrrd`, `average_template_R.nrrd`, `annotation_R.nrrd`, R the
    resolution, and, for the structures' names, `structure_graph.json`. Annotations are numbered anew in the order of
    their ids, since these are larger than a label may be; a label's name begins with its id. Raises InputError for an
    unknown resolution and for volumes that are missing, damaged or of several shapes.
    """
    if resolution not in RESOLUTIONS:
        raise InputError(f"a resolution of {RESOLUTIONS} um", f"{resolution}", "correct the parameter")
    tree = Tree("allen-mouse", data["allen-mouse"])
    annotation = _volume(tree, "annotation", resolution, np.uint32)
    labels, ids = renumbered(annotation)
    frame = framework(annotation.shape, resolution)
    nissl, template = (
        canonical_scan(Scan(_volume(tree, name, resolution, np.float32, labels.shape), frame, labels))
        for name in ("ara_nissl", "average_template")
    )
    case = pair("nissl-template", nissl, template, {"split": "test", "modalities": "Nissl/autofluorescence"})
    names = structures(tree.find(GRAPH))
    table = {n: " ".join([str(found), *names.get(found, ())]) for n, found in enumerate(ids, start=1)}
    write_cohort(
        folder, COHORT, [case], source=source, seed=seed, labels=table, parameters={"resolution": resolution},
        structures_named=bool(names),
    )  # fmt: skip


def framework(shape: tuple[int, ...], resolution: float) -> Frame:
    """The frame of a volume whose axes run to posterior, inferior and right. resolution: um.

    Raises InputError where the brain is not longest from front to back and flattest from top to bottom, as it is in the
    framework: then the axes are others.
    """
    if not shape[0] > shape[2] > shape[1]:
        raise InputError(
            "axes to posterior (longest), inferior (shortest) and right", f"shape {shape}", "fetch it again"
        )
    spacing = resolution / 1000
    affine = np.zeros((4, 4))
    affine[0, 2], affine[1, 0], affine[2, 1], affine[3, 3] = spacing, -spacing, -spacing, 1.0
    return Frame(shape, affine)


def renumbered(annotation: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Ids as labels 1, 2, … (int16) in their order, 0 kept; and the ids of those labels.

    Raises InputError for more structures than labels can count.
    """
    ids, places = np.unique(annotation, return_inverse=True)
    labels = places.reshape(annotation.shape) + (ids[0] != 0)
    if len(ids) > np.iinfo(np.int16).max:
        raise InputError("an annotation of some hundred structures", f"{len(ids)}", "check annotation_R.nrrd")
    return labels.astype(np.int16), [int(i) for i in ids if i]


def structures(path: Path | None) -> dict[int, tuple[str, str]]:
    """Acronym and name of each structure by its id, from the owners' structure graph; nothing where there is no file."""
    if path is None:
        return {}
    found: dict[int, tuple[str, str]] = {}
    try:
        todo: list[Any] = list(json.loads(path.read_text(encoding="utf-8"))["msg"])
        while todo:
            node = todo.pop()
            found[int(node["id"])] = (node["acronym"], node["name"])
            todo += node["children"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("the structure graph of the Allen atlas", f"{path} ({error!r})", "fetch it again") from error
    return found


def _volume(tree: Tree, name: str, resolution: int, kind: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """A volume in the files' own axes; what the header says of axes and unit is known to be wrong, and not used."""
    from wbir.formats import read_any

    volume, _ = read_any(tree.one(f"{name}_{resolution}.nrrd"), dtype=kind)
    if volume.ndim != 3 or volume.shape != (shape or volume.shape):
        expected = f"{name}_{resolution}.nrrd as a volume" + (f" of shape {shape}, as the annotation" if shape else "")
        raise InputError(expected, f"shape {volume.shape}", "fetch it again")
    return volume
