"""What a person lays out of OSF's files: BIDS names, a name of the table's own, labels and masks beside some, sessions.tsv."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import write_nifti
from wbir.cases import Cohort

COHORT = "calgary_preschool"
SHAPE = (16, 18, 10)
AFFINE = np.diag([-0.9, -0.9, 1.8, 1.0])  # axes: left, back, up
AFFINE[:3, 3] = (6.0, 7.0, -8.0)
# participant, session, age, image; ages are not in the order of sessions; 10110 has one scan alone, 10120 ses-03 no image
TABLE = [
    ("sub-10001", "ses-01", "4.50", ""), ("sub-10001", "ses-02", "3.25", ""), ("sub-10001", "ses-10", "6.00", ""),
    ("10100", "a", "2.5", "PS_10100_a.nii.gz"), ("10100", "b", "3.5", ""),
    ("10110", "01", "5.0", ""),
    ("10120", "01", "5.5", ""), ("10120", "02", "6.5", ""), ("10120", "03", "7.5", ""),
]  # fmt: skip
BLOB = (12, 3, 7)  # left, front, top


def make(folder: Path) -> None:
    lines = ["participant_id\tsession_id\tage\timage\n"]
    for child, session, age, image in TABLE:
        lines.append(f"{child}\t{session}\t{age}\t{image}\n")
        child, session = child.removeprefix("sub-"), session.removeprefix("ses-")
        if (child, session) == ("10120", "03"):
            continue
        anat = folder / f"sub-{child}" / f"ses-{session}" / "anat"
        run = "_run-1" if session == "10" else ""
        stem = image.removesuffix(".nii.gz") or f"sub-{child}_ses-{session}{run}"
        values = np.full(SHAPE, 10, dtype=np.float32)
        values[BLOB] = 100 * float(age)
        write_nifti(anat / (image or f"{stem}_T1w.nii.gz"), values, AFFINE)
        if child != "10120":
            labels = np.zeros(SHAPE, dtype=np.uint8)
            labels[BLOB], labels[3, 14, 2], labels[4, 4, 4] = 1, 2, 3
            write_nifti(anat / f"{stem}_dseg.nii.gz", labels, AFFINE)
            write_nifti(anat / f"{stem}_mask.nii.gz", (labels > 0).astype(np.uint8), AFFINE)
    (folder / "sessions.tsv").write_text("".join(lines), encoding="utf-8")


def check(cohort: Cohort) -> None:
    pairs = {"10001-1-2": (3.25, 4.5), "10001-1-3": (3.25, 6.0), "10001-2-3": (4.5, 6.0), "10100-1-2": (2.5, 3.5)}
    pairs |= {"10120-1-2": (5.5, 6.5)}
    assert [case.id for case in cohort] == sorted(pairs) and cohort.label_names() == {1: "WM", 2: "GM", 3: "CSF"}
    assert {row["subject"]: (row["split"], row["fold"]) for row in cohort.rows}.keys() == {"10001", "10100", "10120"}
    assert len({row["subject"] for row in cohort.rows if row["split"] == "test"}) == 1
    assert {row["fold"] for row in cohort.rows if row["split"] == "train"} == {"0", "1"}
    place = (15 - BLOB[0], 17 - BLOB[1], BLOB[2])
    for case in cohort:
        young, old = pairs[case.id]
        assert (float(case.attributes["moving_age"]), float(case.attributes["fixed_age"])) == (young, old)
        assert float(case.attributes["interval"]) == old - young
        assert case.moving[place] == 100 * young and case.fixed[place] == 100 * old
        np.testing.assert_allclose(case.frame.affine[:3, :3], np.diag([0.9, 0.9, 1.8]), rtol=1e-6)
        if case.attributes["subject"] == "10120":
            assert case.fixed_labels is None and case.fixed_mask is None
        else:
            assert case.fixed_labels is not None and case.fixed_labels[place] == 1 and case.moving_mask is not None
            assert case.fixed_labels[15 - 3, 17 - 14, 2] == 2 and case.moving_mask.sum() == 3
