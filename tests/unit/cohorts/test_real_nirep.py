"""The NIREP cohort: on made-up brains in its file layout, and on the real ones where they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wbir.cases import Cohort
from wbir.cohorts.nirep import COHORT, LABELS, build, choose_pairs
from wbir.data.acquire import acquire
from wbir.data.catalogue import COLUMNS, catalogue_path
from wbir.errors import InputError
from wbir.files import read_rows, write_rows
from wbir.geometry.frames import Frame
from wbir.images import write_image

TINY: dict[str, Any] = {**COHORT["parameters"], **COHORT["tiny"]}  # type: ignore[dict-item]


def fake(folder: Path, subjects: tuple[str, ...]) -> Path:
    """Boxes for brains in the files' own orientation (the first axis runs from right to left); label 33 in a corner."""
    frame = Frame((64, 72, 64), np.diag([-1.0, 1.0, 1.0, 1.0]))
    for number, name in enumerate(subjects):
        image = np.zeros(frame.shape, dtype=np.uint8)
        image[8:56, 8:64, 8:56] = np.arange(48)[:, None, None] * 4 + 20 + number
        labels = np.zeros(frame.shape, dtype=np.uint8)
        labels[40:52, 16:56, 16:48], labels[12:24, 16:56, 16:48], labels[28:36, 16:24, 16:24] = 1, 2, 33
        write_image(folder / f"{name}.nii.gz", image, frame)
        write_image(folder / f"{name}_seg.nii.gz", labels, frame)
    return folder


def make(folder: Path, data: Path | None, source: str = "local", **changes: Any) -> Cohort:
    build(folder, source=source, data=data and {"nirep": data}, seed=0, **{**TINY, **changes})
    return Cohort.open(folder)


def test_left_is_left_and_unassigned_is_dropped(tmp_path: Path) -> None:
    cohort = make(tmp_path / "out", fake(tmp_path, ("na01", "na02")), spacing=2.0)
    case = cohort.case("na01-na02")
    left, right = (np.argwhere(case.fixed_labels == label).mean(axis=0) for label in (1, 2))
    assert case.frame.to_world(left[None])[0, 0] < case.frame.to_world(right[None])[0, 0]
    assert set(np.unique(case.fixed_labels)) == {0, 1, 2}
    assert case.frame.spacing == (2.0, 2.0, 2.0) and case.fixed.max() <= 1 and case.fixed_mask is not None
    assert case.fixed[left.round().astype(int)[0], 20, 20] > case.fixed[right.round().astype(int)[0], 20, 20]


def test_missing_subjects_are_left_out_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = fake(tmp_path, ("na01", "na04", "na10"))
    cohort = make(tmp_path / "out", data, pairs=None)
    assert [row["case"] for row in cohort.rows] == ["na01-na04", "na01-na10"]
    missing = json.loads((tmp_path / "out" / "card.json").read_text())["missing_subjects"]
    assert len(missing) == 13 and "na05" in missing
    assert "na05" in capsys.readouterr().err
    with pytest.raises(InputError, match="na05"):
        make(tmp_path / "more", data, pairs=[["na01", "na05"]])


def test_the_pairs_asked_for_are_the_pairs_made() -> None:
    present = ["na01", "na02", "na03"]
    assert choose_pairs(present, "na02", "all others", None) == [("na02", "na01"), ("na02", "na03")]
    assert choose_pairs(present, "na02", ["na03"], None) == [("na02", "na03")]
    assert choose_pairs(present, "na09", "all others", [["na03", "na01"]]) == [("na03", "na01")]
    for fixed, moving, pairs in [
        ("na09", "all others", None),
        ("na01", ["na01"], None),
        ("na01", "na02", None),
        ("na01", [], None),
        ("na01", [], [["na01"]]),
        ("na01", [], [["na01", "na02"]] * 2),
    ]:
        with pytest.raises(InputError):
            choose_pairs(present, fixed, moving, pairs)


def test_a_folder_without_brains_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 subjects"):
        make(tmp_path / "out", tmp_path)
    with pytest.raises(InputError, match="data folder"):
        make(tmp_path / "out", None)


def dice(case: Any) -> float:
    labels = [n for n in LABELS if (case.fixed_labels == n).any()]
    both = [np.sum((case.fixed_labels == n) & (case.moving_labels == n)) for n in labels]
    sizes = [np.sum(case.fixed_labels == n) + np.sum(case.moving_labels == n) for n in labels]
    return float(np.mean(2 * np.array(both) / np.array(sizes)))


def test_the_affine_map_brings_real_brains_nearer(real_data: Path, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"spacing": 4.0, "pairs": [["na01", "na10"]]}
    before = make(tmp_path / "raw", real_data / "nirep", **changes).case("na01-na10")
    after = make(tmp_path / "affine", real_data / "nirep", **changes, affine=True).case("na01-na10")
    assert np.array_equal(before.fixed, after.fixed)
    assert dice(after) > dice(before) + 0.03  # at 2 mm: 0.33 before, 0.45 after
    assert np.corrcoef(after.fixed.ravel(), after.moving.ravel())[0, 1] > 0.9


def test_the_real_regions_lie_where_their_names_say(real_data: Path, tmp_path: Path) -> None:
    """Through the cache, with the real checksums and no network."""
    cache = tmp_path / "cache" / "nirep"
    cache.mkdir(parents=True)
    rows = [row for row in read_rows(catalogue_path()) if row["file"].startswith(("na01", "na02"))]
    write_rows(tmp_path / "datasets.csv", rows, COLUMNS)
    for row in rows:
        (cache / row["file"]).symlink_to(real_data / "nirep" / row["file"])
    data = acquire("nirep", tmp_path / "cache", listing=tmp_path / "datasets.csv")
    cohort = make(tmp_path / "out", data, source="public", spacing=4.0)
    names, case = cohort.label_names(), cohort.case("na01-na02")
    centres = {
        name: case.frame.to_world(np.argwhere(case.fixed_labels == n).mean(axis=0)[None])[0]
        for n, name in names.items()
    }
    assert len(centres) == 32
    for n in range(1, 33, 2):
        assert centres[names[n]][0] < centres[names[n + 1]][0]  # left before right in RAS
    for side in ("left", "right"):
        x, y, z = ({name: c[axis] for name, c in centres.items() if name.endswith(side)} for axis in range(3))
        assert min(y, key=lambda name: y[name]) == f"occipital lobe {side}"
        assert max(y, key=lambda name: y[name]) == f"frontal pole {side}"
        assert y[f"precentral gyrus {side}"] > y[f"postcentral gyrus {side}"] > y[f"superior parietal lobule {side}"]
        assert (
            z[f"superior parietal lobule {side}"] > z[f"inferior parietal lobule {side}"] > z[f"temporal pole {side}"]
        )
        assert abs(x[f"cingulate gyrus {side}"] - x["cingulate gyrus " + side]) < abs(
            x[f"insula gyrus {side}"] - x[f"cingulate gyrus {side}"]
        )
