"""EMPIRE10: MetaImage pairs on grids of their own, masks under the scans' names in a folder of their own, no landmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wbir.cases import Cohort

COHORT = "empire10"
# Size, spacing (mm) and offset (mm, LPS) of each pair's fixed and moving scan.
GRIDS = {
    1: (((20, 22, 24), (0.7, 0.7, 0.7), (-60.0, -80.0, 30.0)), ((24, 26, 30), (0.8, 0.9, 1.0), (-62.0, -83.0, 24.0))),
    7: (((16, 18, 14), (0.8, 0.8, 1.0), (5.0, 6.0, 7.0)), ((14, 15, 13), (1.0, 1.0, 1.2), (5.5, 5.0, 6.5))),
}
SLOPES = (-20.0, -10.0, 15.0)  # Hounsfield units per mm to the right, to the front, up
LUNG = ((0.3, 0.6), (0.2, 0.5), (0.4, 0.9))  # of the fixed grid's extent in LPS


def make(folder: Path) -> None:
    for number, pair in GRIDS.items():
        lung = _lung(*pair[0])
        for role, (size, spacing, offset) in zip(("Fixed", "Moving"), pair, strict=True):
            world = _world(size, spacing, offset)
            image = _scan(world).round().astype(np.int16)
            inside = np.all([(w >= low) & (w <= high) for w, (low, high) in zip(world, lung, strict=True)], axis=0)
            for kind, array in (("scans", image), ("lungMasks", inside.astype(np.uint8))):
                _write(folder / kind / f"{number:02d}_{role}.mhd", array, spacing, offset)


def check(cohort: Cohort) -> None:
    assert [row["case"] for row in cohort.rows] == ["empire-01", "empire-07"]
    for (number, pair), case in zip(GRIDS.items(), cohort, strict=True):
        (size, spacing, offset), (_, other_spacing, _) = pair
        assert np.allclose(case.frame.spacing, spacing)
        assert case.attributes["centre"] == "empire" and case.attributes["number"] == str(number)
        assert case.fixed_points is None and case.moving_points is None
        voxels = np.indices(case.frame.shape).reshape(3, -1).T
        world = case.frame.to_world(voxels) * [-1, -1, 1]
        for image, (shape, step, first) in zip((case.fixed, case.moving), pair, strict=True):
            low, high = np.array(first), np.array(first) + (np.array(shape) - 1) * step
            assert np.all(world.min(0) <= low + 1e-3) and np.all(world.max(0) >= high - 1e-3), "nothing is cut off"
            seen = np.all((world >= low - 1e-3) & (world <= high + 1e-3), axis=1)
            assert np.abs(image.ravel() - _scan(world.T))[seen].max() <= 0.51, "one world, whatever the grids"
        assert case.fixed_mask is not None and case.moving_mask is not None
        centres = [world[mask.ravel()].mean(axis=0) for mask in (case.fixed_mask, case.moving_mask)]
        assert np.abs(centres[0] - np.mean(_lung(size, spacing, offset), axis=1)).max() < max(spacing)
        assert np.abs(centres[0] - centres[1]).max() < max(other_spacing)


def _scan(world: np.ndarray) -> np.ndarray:
    """Hounsfield units at LPS millimetres `(3, …)`: a ramp of its own along each axis."""
    return -1500.0 + sum(
        -slope * w if n < 2 else slope * w for n, (slope, w) in enumerate(zip(SLOPES, world, strict=True))
    )


def _world(size: tuple[int, ...], spacing: tuple[float, ...], offset: tuple[float, ...]) -> np.ndarray:
    return np.array(offset).reshape(3, 1, 1, 1) + np.indices(size) * np.array(spacing).reshape(3, 1, 1, 1)


def _lung(size: tuple[int, ...], spacing: tuple[float, ...], offset: tuple[float, ...]) -> list[tuple[float, float]]:
    """The box of the lung in LPS millimetres."""
    return [
        (o + low * (n - 1) * s, o + high * (n - 1) * s)
        for (low, high), n, s, o in zip(LUNG, size, spacing, offset, strict=True)
    ]


def _write(path: Path, array: np.ndarray, spacing: tuple[float, ...], offset: tuple[float, ...]) -> None:
    """A header and its .raw, as the text that it is: first axis to the left, second to the back, third up."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = {np.dtype(np.int16): "MET_SHORT", np.dtype(np.uint8): "MET_UCHAR"}
    lines = {
        "ObjectType": "Image", "NDims": 3, "BinaryData": True, "BinaryDataByteOrderMSB": False, "CompressedData": False,
        "TransformMatrix": "1 0 0 0 1 0 0 0 1", "Offset": " ".join(map(str, offset)),
        "ElementSpacing": " ".join(map(str, spacing)), "DimSize": " ".join(map(str, array.shape)),
        "ElementType": kinds[array.dtype], "ElementDataFile": f"{path.stem}.raw",
    }  # fmt: skip
    path.write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))
    array.ravel(order="F").tofile(path.with_suffix(".raw"))
