"""The framework's NRRDs with their wrong headers (LPS, spacing in um), ids beyond 16 bits, and the graph of structures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from wbir.cases import Cohort

COHORT = "allen_mouse"
PARAMETERS = {"resolution": 25}
SHAPE = (26, 16, 22)  # from front to back, top to bottom, left to right
BLOB = (4, 3, 5)  # near the front, the top and the left
IDS = {"blob": 614454277, "rest": 997}


def make(folder: Path) -> None:
    import SimpleITK

    nissl, template = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.uint16)
    annotation = np.zeros(SHAPE, np.uint32)
    annotation[2:-2, 2:-2, 2:-2], annotation[BLOB] = IDS["rest"], IDS["blob"]
    nissl[BLOB], template[BLOB] = 200, 500
    for name, volume in (("ara_nissl", nissl), ("average_template", template), ("annotation", annotation)):
        image = SimpleITK.GetImageFromArray(np.ascontiguousarray(volume.T))  # the file's first axis is the fastest
        image.SetSpacing((25.0, 25.0, 25.0))
        SimpleITK.WriteImage(image, str(folder / f"{name}_25.nrrd"), useCompression=True)
    tiny = {"id": IDS["blob"], "acronym": "SMT", "name": "Submedial thing", "children": []}
    graph = {"success": True, "msg": [{"id": IDS["rest"], "acronym": "root", "name": "root", "children": [tiny]}]}
    (folder / "structure_graph.json").write_text(json.dumps(graph))


def check(cohort: Cohort) -> None:
    (case,) = cohort
    assert cohort.label_names() == {1: "997 root root", 2: "614454277 SMT Submedial thing"}
    assert case.frame.shape == (22, 26, 16) and np.allclose(case.frame.affine[:3, :3], np.diag([0.025] * 3))
    right, front, top = BLOB[2], SHAPE[0] - 1 - BLOB[0], SHAPE[1] - 1 - BLOB[1]
    for array, value in ((case.fixed, 200), (case.moving, 500), (case.fixed_labels, 2), (case.moving_labels, 2)):
        assert array is not None and np.argwhere(array == value).tolist() == [[right, front, top]]
    left_of, forward, above = (
        case.frame.to_world(np.array([[right, front, top]]))[0]
        - case.frame.to_world((np.array(case.frame.shape)[None] - 1) / 2)[0]
    )
    assert left_of < 0 < min(forward, above), "the blob is left, front and top"
    assert np.allclose(case.frame.to_world(np.array([[0, SHAPE[0] - 1, SHAPE[1] - 1]])), 0, atol=1e-6)
