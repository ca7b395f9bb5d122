"""LONI's zip in a zip: Analyze pairs (header plain, voxels packed) with a fourth axis of 1, no orientation in the header."""

from __future__ import annotations

import gzip
import itertools
import shutil
from pathlib import Path

import numpy as np

from mirror.writing import zip_up
from wbir.cases import Cohort

COHORT = "lpba40"
SHAPE, SPACING = (24, 16, 20), (0.9, 1.5, 0.9)
# places in the file: (left, back, up) indices, as the owner's axes run
REGIONS = {21: (17, 3, 14), 22: (6, 3, 14), 61: (17, 12, 9), 62: (6, 12, 9), 43: (15, 8, 17), 44: (8, 8, 17), 85: (18, 7, 4),
           86: (5, 7, 4), 181: (12, 12, 3)}  # fmt: skip
BLOB = {"S01": (20, 2, 15), "S02": (19, 3, 16), "S11": (20, 4, 14), "S12": (18, 2, 14)}  # bright: left, front, top


def make(folder: Path) -> None:
    root = folder / "LPBA40"
    space = root / "delineation_space"
    for subject, place in BLOB.items():
        image, labels = np.full(SHAPE, 60, dtype=np.int16), np.zeros(SHAPE, dtype=np.uint8)
        image[place] = 900
        for number, where in REGIONS.items():
            labels[where] = number
        for what, array in (("skullstripped", image), ("structure.label", labels)):
            write_analyze(space / subject / f"{subject}.delineation.{what}.hdr", array)
    (root / "LICENSE.txt").write_text("terms")
    (space / "lpba40.label.xml").write_text("<labels/>")
    inner = folder / "outer" / "LPBA40subjects.delineation_space.zip"
    inner.parent.mkdir()
    zip_up(root, inner)
    zip_up(inner.parent, folder / "LPBA40_Subjects_Delineation_Space_MRI_and_label_files.zip", inside="")


def write_analyze(header: Path, array: np.ndarray) -> None:
    import nibabel

    header.parent.mkdir(parents=True, exist_ok=True)
    volume = nibabel.AnalyzeImage(array[..., None], None)
    volume.header.set_zooms((*SPACING, 1.0))
    nibabel.save(volume, header)
    plain = header.with_suffix(".img")
    with plain.open("rb") as source, gzip.open(f"{plain}.gz", "wb") as sink:
        shutil.copyfileobj(source, sink)
    plain.unlink()


def check(cohort: Cohort) -> None:
    assert {row["split"] for row in cohort.rows} == {"train", "test"}
    assert {case.id for case in cohort.select(split="test")} <= {
        "-".join(p) for p in itertools.permutations(("S11", "S12"))
    }
    assert cohort.label_names()[44] == "right superior parietal gyrus" and len(cohort.label_names()) == 56
    for case in cohort:
        np.testing.assert_allclose(case.frame.affine[:3, :3], np.diag(SPACING), rtol=1e-6)
        for side, image, labels in (
            ("fixed", case.fixed, case.fixed_labels),
            ("moving", case.moving, case.moving_labels),
        ):
            left, back, up = BLOB[case.attributes[f"{side}_subject"]]
            place = np.unravel_index(int(image.argmax()), image.shape)
            assert place == (23 - left, 15 - back, up), "the blob lies left, in front, on top in RAS"
            assert image.max() == 900 and labels is not None and set(np.unique(labels)) == {0, *REGIONS}
            assert tuple(np.argwhere(labels == 21)[0]) == (23 - 17, 15 - 3, 14)
