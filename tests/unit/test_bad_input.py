"""Bad input to register, apply and evaluate: one line on standard error, exit code 2, and nothing written."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel
import numpy as np
import pytest

from wbir.__main__ import main
from wbir.discovery import REPOSITORY
from wbir.geometry.frames import Frame
from wbir.images import write_displacement, write_image

FRAME = Frame.of((12, 11, 10), 2.0)
FLAT = Frame.of((16, 15), 1.0)


def blob(frame: Frame, shift: float = 0.0) -> np.ndarray:
    """A Gaussian blob, off the middle by `shift` voxels."""
    x = np.indices(frame.shape) - np.reshape(np.array(frame.shape) / 2 + shift, (-1, *(1,) * frame.dim))
    return np.exp(-(x**2).sum(0) / 12).astype(np.float32)


def save(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine), path)
    return path


def patched(source: Path, target: Path, **fields: object) -> Path:
    """A copy of a NIfTI with header fields set by force (`pixdim=(1, 0.0)`: index and value)."""
    raw = bytearray(gzip.decompress(source.read_bytes()))
    header = nibabel.Nifti1Header(bytes(raw[:348]), check=False)
    for name, value in fields.items():
        if isinstance(value, tuple):
            header[name][value[0]] = value[1]
        else:
            header[name] = value
    raw[:348] = header.binaryblock
    target.write_bytes(gzip.compress(bytes(raw)))
    return target


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good files, and of bad ones."""
    folder = tmp_path_factory.mktemp("input")
    for name, shift in (("fixed", 0.0), ("moving", 0.7)):
        image = blob(FRAME, shift)
        write_image(folder / f"{name}.nii.gz", image, FRAME)
        write_image(folder / f"{name}_labels.nii.gz", np.digitize(image, [0.3]).astype(np.int16), FRAME)
    write_displacement(folder / "field.nii.gz", np.full((3, *FRAME.shape), 0.7, np.float32), FRAME)
    write_image(folder / "flat.nii.gz", blob(FLAT), FLAT)
    write_image(folder / "flat_labels.nii.gz", np.digitize(blob(FLAT), [0.3]).astype(np.int16), FLAT)
    np.savetxt(folder / "points.csv", np.full((3, 3), 5.0), delimiter=",")
    write_bad(folder)
    return folder


def write_bad(folder: Path) -> None:
    """Every kind of bad file."""
    image = blob(FRAME)
    whole = (folder / "fixed.nii.gz").read_bytes()
    (folder / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "cut.nii").write_bytes(gzip.decompress(whole)[:2000])
    (folder / "empty.nii.gz").write_bytes(b"")
    (folder / "text.nii.gz").write_text("not an image")
    (folder / "text.png").write_text("not an image")
    save(folder / "nan.nii.gz", np.where(image > 0.9, np.nan, image))
    save(folder / "constant.nii.gz", np.ones_like(image))
    save(folder / "four.nii.gz", np.stack([image, image], -1))
    rgb = np.zeros(FRAME.shape, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    save(folder / "rgb.nii.gz", rgb)
    save(folder / "thin.nii.gz", image[:, :, :2])
    patched(folder / "fixed.nii.gz", folder / "zero.nii.gz", pixdim=(1, 0.0))
    patched(folder / "fixed.nii.gz", folder / "negative.nii.gz", pixdim=(2, -2.0))
    patched(folder / "fixed.nii.gz", folder / "singular.nii.gz", srow_x=[0, 0, 0, 0])
    patched(folder / "fixed.nii.gz", folder / "huge.nii.gz", dim=[3, 30000, 30000, 30000, 1, 1, 1, 1])
    shear = FRAME.affine.copy()
    shear[0, 1] = 1.0
    save(folder / "sheared.nii.gz", image, shear)
    far = FRAME.affine.copy()
    far[:3, 3] = 500.0
    save(folder / "far.nii.gz", image, far)
    labels = np.digitize(image, [0.3]).astype(np.int16)
    save(folder / "small_labels.nii.gz", labels[2:-2, 2:-2, 2:-2], FRAME.affine)
    save(folder / "fraction_labels.nii.gz", image, FRAME.affine)
    save(folder / "minus_labels.nii.gz", -labels, FRAME.affine)
    save(folder / "big_labels.nii.gz", labels.astype(np.int32) * 100000, FRAME.affine)
    save(folder / "empty_mask.nii.gz", 0 * labels, FRAME.affine)
    for name, text in {
        "two.csv": "1,2,3\n4,5,6\n", "outside.csv": "1,2,3\n4,5,600\n7,8,9\n", "words.csv": "1,2,3\na,b,c\n",
        "columns.csv": "1,2\n3,4\n5,6\n", "none.csv": "x,y,z\n", "nan.csv": "1,2,3\n4,nan,6\n7,8,9\n",
        "odd.mrk.json": "{}", "ijk.fcsv": "# CoordinateSystem = IJK\n1,1,2,3\n", "broken.tfm": "#Insight Transform File\n",
    }.items():  # fmt: skip
        (folder / name).write_text(text)
    (folder / "bytes.csv").write_bytes(bytes(range(256)))
    np.savez(folder / "pickled.npz", np.array([{"a": 1}], dtype=object))
    np.savez(folder / "third.npz", np.zeros((3, 4, 4, 4), np.float16))
    (folder / "no.npz").write_text("nothing packed")
    write_displacement(folder / "flat_field.nii.gz", np.zeros((2, *FLAT.shape), np.float32), FLAT)
    write_displacement(folder / "nan_field.nii.gz", np.full((3, *FRAME.shape), np.nan, np.float32), FRAME)
    vast = np.full((*FRAME.shape, 1, 3), 1e300)
    save(folder / "vast_field.nii.gz", vast, FRAME.affine)
    write_displacement(folder / "lost_field.nii.gz", np.full((3, *FRAME.shape), 400.0, np.float32), FRAME)
    write_displacement(folder / "small_field.nii.gz", np.zeros((3, 6, 6, 6), np.float32), Frame.of((6, 6, 6), 2.0))
    (folder / "series").mkdir()
    (folder / "full").mkdir()
    (folder / "full" / "mine.txt").write_text("dear to me")


def register(
    *options: str, fixed: str = "@fixed.nii.gz", moving: str = "@moving.nii.gz", method: str = "identity"
) -> list[str]:
    return ["register", fixed, moving, "--method", method, "--out", "#out", *options]


def evaluate(field: str, *options: str, fixed: str = "@fixed.nii.gz", moving: str = "@moving.nii.gz") -> list[str]:
    return ["evaluate", field, "--fixed", fixed, "--moving", moving, "--out", "#out", *options]


def apply(field: str, *options: str) -> list[str]:
    return ["apply", field, "--out", "#out", *options]


LABELS = ("--fixed-labels", "@fixed_labels.nii.gz", "--moving-labels")
POINTS = ("--fixed-points", "@points.csv", "--moving-points")
# what is wrong: (arguments, words of the answer); @ is a file of the good folder, # one of the test's own
BAD: dict[str, tuple[Sequence[str], str]] = {
    "missing image": (register(moving="@nowhere.nii.gz"), "nothing at"),
    "missing fixed": (register(fixed="@nowhere.nii.gz"), "nothing at"),
    "truncated gz": (register(moving="@cut.nii.gz"), "cut.nii.gz"),
    "truncated nii": (register(moving="@cut.nii"), "a file of 2000 bytes"),
    "empty file": (register(moving="@empty.nii.gz"), "empty.nii.gz"),
    "no NIfTI": (register(moving="@text.nii.gz"), "a NIfTI image"),
    "no PNG": (register(moving="@text.png"), "an image (NIfTI, NRRD"),
    "NaN": (register(moving="@nan.nii.gz"), "NaN or infinity"),
    "constant": (register(fixed="@constant.nii.gz"), "1 everywhere"),
    "2D against 3D": (register(moving="@flat.nii.gz"), "same number of dimensions"),
    "4D": (register(moving="@four.nii.gz"), "extract one volume"),
    "RGB": (register(moving="@rgb.nii.gz"), "colours"),
    "two slices": (register(moving="@thin.nii.gz"), "at least 4 voxels"),
    "zero spacing": (register(moving="@zero.nii.gz"), "spacing above 0"),
    "negative spacing": (register(moving="@negative.nii.gz"), "spacing above 0"),
    "singular affine": (register(moving="@singular.nii.gz"), "must have an inverse"),
    "sheared fixed image": (register(fixed="@sheared.nii.gz"), "right angles"),
    "sizes without voxels": (register(moving="@huge.nii.gz"), "a file of"),
    "no overlap": (register(moving="@far.nii.gz"), "give --initial centres"),
    "empty folder as DICOM": (register(moving="@series"), "one DICOM series"),
    "labels of another shape": (register(*LABELS, "@small_labels.nii.gz"), "labels on the grid of"),
    "fractions as labels": (register(*LABELS, "@fraction_labels.nii.gz"), "whole numbers"),
    "negative labels": (register(*LABELS, "@minus_labels.nii.gz"), "labels from 0"),
    "too large labels": (register(*LABELS, "@big_labels.nii.gz"), "renumber"),
    "labels in 2D": (register(*LABELS, "@flat_labels.nii.gz"), "3 dimensions"),
    "one label map": (register("--fixed-labels", "@fixed_labels.nii.gz"), "labels of both images"),
    "empty mask": (register("--fixed-mask", "@empty_mask.nii.gz"), "a mask with voxels"),
    "mask of another shape": (register("--moving-mask", "@small_labels.nii.gz"), "a mask on the grid of"),
    "unequal landmarks": (register(*POINTS, "@two.csv"), "3 fixed, 2 moving"),
    "landmark outside": (register(*POINTS, "@outside.csv"), "1 outside, the first in row 2"),
    "words as landmarks": (register(*POINTS, "@words.csv"), "row 2"),
    "wrong columns": (register(*POINTS, "@columns.csv"), "3 numbers in each row"),
    "no landmarks": (register(*POINTS, "@none.csv"), "landmarks with 3 finite coordinates"),
    "NaN landmark": (register(*POINTS, "@nan.csv"), "row 2"),
    "binary landmarks": (register(*POINTS, "@bytes.csv"), "binary"),
    "no markups": (register(*POINTS, "@odd.mrk.json"), "markups"),
    "markups in voxels": (register(*POINTS, "@ijk.fcsv"), "RAS or LPS"),
    "missing landmarks": (register(*POINTS, "@nowhere.csv"), "nothing at"),
    "unknown method": (register(method="magic"), "a method among"),
    "method that registers nothing": (register(method="ngf_inversion"), "a method among"),
    "method for 3D only": (
        register(fixed="@flat.nii.gz", moving="@flat.nii.gz", method="csngf"), "3D images for csngf",
    ),
    "anisotropic for a rigid search": (register(fixed="@aniso.nii.gz", method="csngf"), "isotropic voxels"),
    "unknown parameter": (register("--set", "magic=1", method="demons"), "parameters of demons among"),
    "parameter of the wrong type": (register("--set", "step=fast", method="demons"), "step of demons like 2.0"),
    "list of the wrong type": (register("--set", "iterations=[1,a]", method="demons"), "iterations of demons like"),
    "parameter without value": (register("--set", "step", method="demons"), "--set NAME=VALUE"),
    "parameter out of range": (register("--set", "factors=[0]", method="demons"), "expected"),
    "unknown start": (register("--initial", "magic"), "--initial header, centres"),
    "missing start": (register("--initial", "@nowhere.tfm"), "ITK transform"),
    "broken start": (register("--initial", "@broken.tfm"), "ITK transform"),
    "unknown device": (register("--device", "tpu"), "--device cpu"),
    "no such GPU": (register("--device", "cuda:9"), "GPUs here"),
    "no threads": (register("--threads", "0"), "--threads of 1 or more"),
    "output below a file": ([*register()[:-1], "@fixed.nii.gz/out"], "can be written"),
    "output is a file": ([*register()[:-1], "@fixed.nii.gz"], "a folder for --out"),
    "output has files": ([*register()[:-1], "@full"], "give --overwrite"),
    "output of a stranger": ([*register()[:-1], "@full", "--overwrite"], "it is not ours"),
    "missing field": (evaluate("@nowhere.nii.gz"), "nothing at"),
    "image as field": (evaluate("@fixed.nii.gz"), "an ITK displacement field"),
    "field in 2D": (evaluate("@flat_field.nii.gz"), "a field of 3 dimensions"),
    "NaN in a field": (evaluate("@nan_field.nii.gz"), "NaN or infinity"),
    "field beyond all numbers": (evaluate("@vast_field.nii.gz"), "that a float32 can hold"),
    "field to nowhere": (evaluate("@lost_field.nii.gz"), "that the field takes into the moving image"),
    "field of another grid": (evaluate("@small_field.nii.gz"), "covers"),
    "pickled npz": (evaluate("@pickled.npz"), "pickled objects are not read"),
    "npz of another shape": (evaluate("@third.npz"), "a field of (3, 6, 5, 5)"),
    "no npz": (evaluate("@no.npz"), "one array of numbers"),
    "learn2reg of another shape": (evaluate("@fixed.nii.gz", "--convention", "learn2reg"), "a Learn2Reg field"),
    "text as PNG field": (evaluate("@text.png"), "a displacement field"),
    "nothing to carry": (apply("@field.nii.gz"), "something to carry"),
    "2D to a 3D field": (apply("@field.nii.gz", "--moving", "@flat.nii.gz"), "3D images for this field"),
    "2D reference": (apply("@field.nii.gz", "--moving", "@moving.nii.gz", "--reference", "@flat.nii.gz"), "2 dimensions"),
    "far image": (apply("@field.nii.gz", "--moving", "@far.nii.gz"), "where the field leads to"),
    "points outside the field": (
        apply("@field.nii.gz", "--moving", "@moving.nii.gz", "--points", "@outside.csv"), "inside the fixed grid",
    ),
    "voxels of which image": (apply("@field.nii.gz", "--points", "@points.csv"), "landmarks in voxels"),
    "transform without a grid": (apply("@broken.tfm", "--moving", "@moving.nii.gz"), "--reference"),
    "npz without a grid": (apply("@third.npz", "--points", "@points.csv", "--points-in", "ras"), "--reference"),
    "damaged labels": (apply("@field.nii.gz", "--labels", "@cut.nii.gz"), "cut.nii.gz"),
}  # fmt: skip


def filled(arguments: Sequence[str], good: Path, own: Path) -> list[str]:
    return [a.replace("@", f"{good}/", 1) if a[:1] == "@" else a.replace("#", f"{own}/", 1) for a in arguments]


@pytest.fixture
def refuse(good: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[[Sequence[str], str], None]:
    """Run a command that must fail as promised: code 2, one line, nothing written anywhere."""
    aniso = np.diag([2.0, 2.0, 3.0, 1.0])
    save(good / "aniso.nii.gz", blob(FRAME), aniso)

    def run(arguments: Sequence[str], words: str) -> None:
        before = sorted(good.rglob("*"))
        assert main(filled(arguments, good, tmp_path)) == 2
        out, err = capfd.readouterr()
        lines = err.splitlines()
        assert len(lines) == 1 and out == "", err
        assert lines[0].startswith(f"wbir {arguments[0]}: expected ") and ", got " in lines[0] and ": " in lines[0]
        assert words in lines[0], lines[0]
        assert not list(tmp_path.iterdir()) and sorted(good.rglob("*")) == before

    return run


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_line(kind: str, refuse: Callable[[Sequence[str], str], None]) -> None:
    refuse(*BAD[kind])


def test_a_true_process_says_one_line(good: Path, tmp_path: Path) -> None:
    """With nothing captured in the process: libraries that print by themselves stay silent."""
    arguments = filled(register(moving="@negative.nii.gz"), good, tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "workflow")}
    done = subprocess.run(
        [sys.executable, "-m", "wbir", *arguments], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 2 and done.stdout == "" and not (tmp_path / "out").exists()
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("wbir register: expected a spacing above 0 mm")


def test_a_folder_that_wbir_wrote_is_replaced_only_when_asked(good: Path, tmp_path: Path) -> None:
    arguments = filled(register(), good, tmp_path)
    assert main(arguments) == 0 and main(arguments) == 2
    (tmp_path / "out" / "old").write_text("")
    field = str(tmp_path / "out" / "displacement.nii.gz")
    inside = ["apply", field, "--moving", str(good / "moving.nii.gz"), "--out", str(tmp_path / "out"), "--overwrite"]
    assert main(inside) == 2 and Path(field).exists()
    assert main([*arguments, "--overwrite"]) == 0 and not (tmp_path / "out" / "old").exists()
