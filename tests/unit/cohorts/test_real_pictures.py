"""Pictures and what is read with them: exact values on tiny ones, what is refused, and a real lesion in ANHIR's layout."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wbir.cases import Cohort
from wbir.cohorts import allen_mouse, anhir, flying_chairs, rafd
from wbir.cohorts._pictures import background, padded, places, read_picture, shrunk
from wbir.errors import InputError


def save(path: Path, pixels: np.ndarray) -> Path:
    from skimage.io import imsave

    path.parent.mkdir(parents=True, exist_ok=True)
    imsave(path, pixels, check_contrast=False)
    return path


def test_colours_become_luminance_and_alpha_does_not_count(tmp_path: Path) -> None:
    pixels = np.array([[[255, 0, 0, 0], [0, 255, 0, 255], [0, 0, 255, 9]]], dtype=np.uint8)
    assert np.allclose(read_picture(save(tmp_path / "c.png", pixels)), [[0.299], [0.587], [0.114]], atol=1e-6)


def test_sixteen_bits_are_scaled_by_their_type_and_rows_become_heights(tmp_path: Path) -> None:
    pixels = np.array([[0, 13107], [65535, 0], [0, 0]], dtype=np.uint16)  # 3 rows of 2
    picture = read_picture(save(tmp_path / "p.png", pixels))
    assert picture.shape == (2, 3) and np.allclose(picture[:, 2], [0, 0.2]) and picture[0, 1] == 1
    assert places(np.array([[0.0, 1.0], [1.0, 0.0]]), height=3).tolist() == [[0, 1], [1, 2]]


def test_blocks_are_averaged_and_padding_keeps_the_middle() -> None:
    picture = np.arange(20, dtype=np.float32).reshape(5, 4)
    assert shrunk(picture, 2).tolist() == [[2.5, 4.5], [10.5, 12.5]]
    larger, offset = padded(picture[:3, :3], (6, 5), -1)
    assert offset == (1, 1) and larger[1, 1] == picture[0, 0] and (larger == -1).sum() == 30 - 9
    assert background(np.pad(np.ones((3, 3)), 1)) == 0


def damaged_flow(path: Path) -> None:
    path.write_bytes(struct.pack("<fii", 202021.25, 4, 3) + bytes(8 * 11))
    flying_chairs.read_flow(path)


def not_a_flow(path: Path) -> None:
    path.write_bytes(struct.pack("<fii", 1.0, 1, 1) + bytes(8))
    flying_chairs.read_flow(path)


def cut_picture(path: Path) -> None:
    whole = save(path, np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    read_picture(path)


def landmarks_without_numbers(path: Path) -> None:
    path.write_text(",X,Y\n0,12,many\n")
    anhir.read_landmarks(path)


def graph_of_something_else(path: Path) -> None:
    path.write_text('{"success": false}')
    allen_mouse.structures(path)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (damaged_flow, "4 x 3 vectors"),
        (not_a_flow, "a .flo file"),
        (cut_picture, "a whole picture"),
        (landmarks_without_numbers, "numbers X and Y"),
        (graph_of_something_else, "structure graph"),
        (lambda path: rafd.cropped(np.zeros((40, 60)), (0.5, 0.0, 0.6)), "a square inside 40 x 60"),
        (lambda path: allen_mouse.framework((22, 16, 26), 25), "axes to posterior"),
        (lambda path: read_picture(path), "nothing at"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(wrong: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said) as caught:
        wrong(tmp_path / "file.png")
    assert "\n" not in str(caught.value)


def test_landmarks_lie_on_the_same_tissue_of_a_real_lesion(real_data: Path, tmp_path: Path) -> None:
    """A lung lesion in two stains: the affine map of the landmarks lays one picture on the other; mirrored ones do not."""
    root = real_data / "histology"
    names = ("29-041-Izd2-w35-He-les3", "29-041-Izd2-w35-proSPC-4-les3")
    folder = "lung-lesion_3/scale-5pc"
    (tmp_path / "data" / folder).mkdir(parents=True)
    for name in names:
        (tmp_path / "data" / folder / f"{name}.jpg").symlink_to((root / "dataset" / folder / f"{name}.jpg").resolve())
        table = np.loadtxt(
            root / "annotations/lung-lesion_3/user-PS_scale-50pc" / f"{name}.csv", delimiter=",", skiprows=1
        )
        lines = [f"{int(n)},{x / 10},{y / 10}" for n, x, y in table]
        (tmp_path / "data" / folder / f"{name}.csv").write_text("\n".join([" ,X,Y", *lines]))
    files = ",".join(f"{folder}/{name}.{ending}" for name in names for ending in ("jpg", "csv"))
    listing = f",{','.join(COLUMNS)}\n0,{files},1110,training\n"
    (tmp_path / "data" / anhir.LISTING).write_text(listing)
    pairs = {"train": None, "test": None}
    anhir.build(tmp_path / "out", source="local", data={"anhir": tmp_path / "data"}, seed=0, pairs=pairs, shrink=1)
    case = Cohort.open(tmp_path / "out").case("pair-000")
    assert case.fixed_points is not None and case.moving_points is not None and len(case.fixed_points) == 80
    upside_down = np.array([0, case.frame.shape[1] - 1]) + case.fixed_points * [1, -1]
    right, wrong = (
        likeness(case.fixed, case.moving, points, case.moving_points) for points in (case.fixed_points, upside_down)
    )
    assert right > likeness(case.fixed, case.moving, case.fixed_points, case.fixed_points) > wrong


COLUMNS = (
    "Source image", "Source landmarks", "Target image", "Target landmarks", "Image diagonal [pixels]", "status",
)  # fmt: skip


def likeness(fixed: np.ndarray, moving: np.ndarray, points: np.ndarray, others: np.ndarray) -> float:
    """The correlation of the fixed image with the moving one through the affine map that fits points to others."""
    from scipy import ndimage

    affine, *_ = np.linalg.lstsq(np.column_stack([points, np.ones(len(points))]), others, rcond=None)
    smooth = [ndimage.gaussian_filter(image, 4) for image in (fixed, moving)]
    warped = ndimage.affine_transform(smooth[1], affine[:2].T, affine[2], order=1, mode="nearest")
    return float(np.corrcoef(smooth[0].ravel(), warped.ravel())[0, 1])
