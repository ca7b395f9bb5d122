"""Every format: SimpleITK wrote it, and each voxel lies where SimpleITK says; fields of other tools; landmarks."""

from __future__ import annotations

import json
import locale
from pathlib import Path

import numpy as np
import pytest
from known_pair import centred_frame, grid_points, moving_scene
from scipy.ndimage import map_coordinates, zoom

from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.images import write_displacement, write_image
from wbir.pairs.deformations import Deformation, deformation_of, inverse_on_grid
from wbir.pairs.fields import read_deformation
from wbir.pairs.points import read_points
from wbir.pairs.scans import read_scan
from wbir.registration.itk_bridge import displacement_to_sitk, to_sitk

SimpleITK = pytest.importorskip("SimpleITK")
FRAME = centred_frame("moving", "oblique", 3)
TO_LPS = np.array([-1.0, -1.0, 1.0])


def write_dicom(folder: Path, image: object) -> None:
    """An int16 volume as a DICOM series, slice by slice. GDCM turns the process to the C locale: it is turned back."""
    folder.mkdir()
    before = locale.setlocale(locale.LC_CTYPE)
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    turn = image.GetDirection()
    rows = "\\".join(str(turn[i]) for i in (0, 3, 6, 1, 4, 7))
    for k in range(image.GetDepth()):
        part = image[:, :, k]
        place = "\\".join(f"{v:.8f}" for v in image.TransformIndexToPhysicalPoint((0, 0, k)))
        tags = {"0008|0060": "MR", "0020|000e": "1.2.3.4", "0020|0037": rows, "0020|0032": place, "0020|0013": str(k)}
        for tag, value in (tags | {"0008|0018": f"1.2.3.4.{k}"}).items():
            part.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{k:03d}.dcm"))
        writer.Execute(part)
    locale.setlocale(locale.LC_CTYPE, before)


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "x.nrrd", "x.nhdr", "x.mha", "x.mhd", "dicom"])
def test_voxels_lie_where_simpleitk_says(name, tmp_path):
    values = np.round(moving_scene(FRAME.to_world(grid_points(FRAME)))).reshape(FRAME.shape).astype(np.int16)
    image = to_sitk(values, FRAME)
    if name == "dicom":
        write_dicom(tmp_path / name, image)
    else:
        SimpleITK.WriteImage(image, str(tmp_path / name))
    scan = read_scan(tmp_path / name)
    index = (3, 17, 8)
    assert scan.placed and scan.array[index] == values[index] == image[index]
    np.testing.assert_array_equal(scan.array, values)
    world = scan.frame.to_world(np.array([index], dtype=float))[0] * TO_LPS
    np.testing.assert_allclose(world, image.TransformIndexToPhysicalPoint(index), atol=1e-3)


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
def test_pictures_have_columns_first_and_no_place(name, tmp_path):
    picture = (np.arange(20 * 30) % 251).reshape(20, 30).astype(np.uint8)  # 20 rows, 30 columns
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(picture), str(tmp_path / name))
    scan = read_scan(tmp_path / name)
    assert scan.array.shape == (30, 20) and scan.array[7, 2] == picture[2, 7] and not scan.placed


def test_colours_are_refused_or_made_grey(tmp_path):
    colours = np.random.default_rng(0).integers(0, 255, (9, 8, 3)).astype(np.uint8)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(colours, isVector=True), str(tmp_path / "x.png"))
    with pytest.raises(InputError, match="--grey"):
        read_scan(tmp_path / "x.png")
    grey = read_scan(tmp_path / "x.png", grey=True).array
    np.testing.assert_allclose(grey.T, colours @ [0.299, 0.587, 0.114], rtol=1e-6)


def smooth_field(frame: Frame) -> np.ndarray:
    """A smooth displacement of about a voxel, `(dim, *shape)`."""
    x = grid_points(frame)
    return (1.5 * np.cos(x[:, ::-1] / 7.0 + 0.3)).T.reshape(frame.dim, *frame.shape).astype(np.float32)


@pytest.mark.parametrize("name", ["f.nii.gz", "f.mha", "f.nrrd"])
@pytest.mark.parametrize("dim", [2, 3])
def test_an_itk_field_comes_back_from_any_container(name, dim, tmp_path):
    frame = centred_frame("fixed", "oblique", dim)
    SimpleITK.WriteImage(displacement_to_sitk(smooth_field(frame), frame), str(tmp_path / name))
    found = read_deformation(tmp_path / name, frame, frame)
    np.testing.assert_allclose(found.on(frame), smooth_field(frame), atol=1e-4)


@pytest.mark.parametrize("halved", [False, True])
def test_learn2reg_fields_warp_as_the_challenge_does(halved, tmp_path):
    """The challenge: map_coordinates(moving, identity + u, order=0), u doubled by zoom(., 2, order=2) if of half size."""
    import nibabel

    fixed = Frame((20, 18, 16), centred_frame("fixed", "LAS", 3).affine)
    moving = Frame(fixed.shape, centred_frame("moving", "oblique", 3).affine)
    labels = (
        np.digitize(moving_scene(moving.to_world(grid_points(moving))), [12, 22]).reshape(fixed.shape).astype(np.int16)
    )
    field = smooth_field(fixed)
    if halved:
        half = np.stack([zoom(c, 0.5, order=2) for c in field]).astype(np.float16)
        np.savez_compressed(tmp_path / "disp_0001_0002.npz", half)
        field = np.stack([zoom(c.astype(np.float32), 2, order=2) for c in half])
    else:
        nibabel.save(nibabel.Nifti1Image(np.moveaxis(field, 0, -1), np.eye(4)), tmp_path / "disp_0001_0002.nii.gz")
    path = next(tmp_path.glob("disp*"))
    expected = map_coordinates(labels, np.indices(fixed.shape) + field, order=0)
    found = read_deformation(path, fixed, moving, "learn2reg")
    ours = found.pull(labels, moving, fixed, order=0)
    inner = (slice(2, -2),) * 3
    assert np.mean(ours[inner] != expected[inner]) < 2e-3 and len(np.unique(ours)) == 3


def test_a_field_read_with_the_wrong_convention_says_so(tmp_path):
    import nibabel

    frame = centred_frame("fixed", "LAS", 3)
    nibabel.save(nibabel.Nifti1Image(np.zeros((*frame.shape, 3), np.float32), np.eye(4)), tmp_path / "a.nii.gz")
    with pytest.raises(InputError, match="--convention learn2reg"):
        read_deformation(tmp_path / "a.nii.gz", frame, frame)
    write_displacement(tmp_path / "b.nii.gz", smooth_field(frame), frame)
    with pytest.raises(InputError, match="leave out --convention"):
        read_deformation(tmp_path / "b.nii.gz", frame, frame, "learn2reg")


CSV = {
    "bare": "1,2,3\n4,5,6\n",
    "named": "x,y,z\n1,2,3\n4,5,6\n",
    "imagej": " ,X,Y,Z\n1,1,2,3\n2,4,5,6\n",
    "semicolons": "label;x;y;z\na;1;2;3\nb;4;5;6\n",
    "blanks": "1 2 3\n4 5 6\n",
    "remark": "# made by hand\n1,2,3\n4,5,6\n",
    "other order": "z,y,x\n3,2,1\n6,5,4\n",
}


@pytest.mark.parametrize("kind", CSV)
def test_landmarks_in_any_table(kind, tmp_path):
    (tmp_path / "p.csv").write_text(CSV[kind])
    expected = np.array([[1.0, 2, 3], [4, 5, 6]])
    np.testing.assert_allclose(read_points(tmp_path / "p.csv", FRAME, "voxel"), FRAME.to_world(expected))
    np.testing.assert_allclose(read_points(tmp_path / "p.csv", FRAME, "ras"), expected)
    np.testing.assert_allclose(read_points(tmp_path / "p.csv", FRAME, "lps"), expected * TO_LPS)


def test_landmarks_of_slicer_know_their_space(tmp_path):
    (tmp_path / "a.fcsv").write_text(
        "# Markups fiducial file version = 4.11\n# CoordinateSystem = LPS\n# columns = id,x,y,z,ow\n1,1,2,3,0\n2,4,5,6,0\n"
    )
    node = {"coordinateSystem": "RAS", "controlPoints": [{"position": [1, 2, 3]}, {"position": [4, 5, 6]}]}
    (tmp_path / "a.mrk.json").write_text(json.dumps({"markups": [node]}))
    expected = np.array([[1.0, 2, 3], [4, 5, 6]])
    np.testing.assert_allclose(read_points(tmp_path / "a.fcsv", FRAME), expected * TO_LPS)
    np.testing.assert_allclose(read_points(tmp_path / "a.mrk.json", FRAME), expected)


def test_points_go_there_and_come_back():
    """The inverse of a point undoes the map, also under a large turn and shift, where a plain fixed point fails."""
    frame = centred_frame("fixed", "oblique", 3)
    turn = np.eye(4)
    turn[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    turn[:3, 3] = [50, -20, 10]
    from wbir.cases import Prediction

    found = deformation_of(Prediction(displacement=smooth_field(frame)), frame, turn)
    points = frame.to_world(np.random.default_rng(1).uniform(5, 12, (20, 3)))
    np.testing.assert_allclose(found.inverse(found(points)), points, atol=1e-2)
    bent = Deformation(frame, displacement=smooth_field(frame))
    np.testing.assert_allclose(found(points), np.c_[bent(points), np.ones(20)] @ turn[:3].T, atol=1e-3)
    assert (
        np.isnan(bent.inverse(np.array([[1e4, 0.0, 0.0]]))).all()
        or bent.inverse(np.array([[1e4, 0.0, 0.0]])).max() > 9e3
    )


def test_the_inverse_on_the_grid_composes_to_the_identity():
    frame = Frame.of((24, 22, 20))
    field = smooth_field(frame) + np.array([6.0, -5.0, 4.0], dtype=np.float32).reshape(3, 1, 1, 1)
    inverse = inverse_on_grid(field)
    places = np.indices(frame.shape) + field
    back = field + np.stack([map_coordinates(c, places, order=1, mode="nearest") for c in inverse])
    inside = np.all([(p >= 2) & (p <= n - 3) for p, n in zip(places, frame.shape, strict=True)], axis=0)
    assert inside.mean() > 0.2 and np.abs(back[:, inside]).max() < 0.15


def test_carrying_labels_and_points(pair, tmp_path, wbir):
    """Fixed points go to their partners; moving points come back; both images and labels land on the reference grid."""
    out = tmp_path / "out"
    wbir(
        "apply", pair / "truth.nii.gz", "--moving", pair / "moving.nii.gz", "--labels", pair / "moving_labels.nii.gz",
        "--points", pair / "fixed.csv", "--moving-points", pair / "moving.csv", "--reference", pair / "fixed.nii.gz",
        "--out", out,
    )  # fmt: skip
    there = np.loadtxt(out / "fixed.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(there, np.loadtxt(pair / "moving.csv", delimiter=",", skiprows=1), atol=1e-4)
    back = np.loadtxt(out / "moving.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(back, np.loadtxt(pair / "fixed.csv", delimiter=","), atol=1e-3)
    assert read_scan(out / "moving.nii.gz").frame.shape == pair.fixed.shape
    assert set(np.unique(read_scan(out / "moving_labels.nii.gz").array)) == {0, 1, 2}


def test_labels_on_a_covering_grid_are_taken(pair, tmp_path, wbir):
    """A label map of twice the resolution that covers its image scores the same map as Dice 1 against itself."""
    frame = pair.fixed
    affine = frame.affine.copy()
    affine[:3, :3] /= 2
    affine[:3, 3] -= affine[:3, :3].sum(axis=1) / 2
    fine = Frame(tuple(2 * n for n in frame.shape), affine)
    labels = read_scan(pair / "fixed_labels.nii.gz", dtype=np.int16).array
    write_image(tmp_path / "fine.nii.gz", labels.repeat(2, 0).repeat(2, 1).repeat(2, 2), fine)
    images = ("--fixed", pair / "fixed.nii.gz", "--moving", pair / "fixed.nii.gz")
    SimpleITK.WriteTransform(SimpleITK.AffineTransform(3), str(tmp_path / "id.tfm"))
    both = ("--fixed-labels", pair / "fixed_labels.nii.gz", "--moving-labels", tmp_path / "fine.nii.gz")
    printed = wbir("evaluate", tmp_path / "id.tfm", *images, *both)
    dice = next(line.split() for line in printed.splitlines() if line.startswith("dice"))
    assert dice[1:3] == ["1", "1"]


def test_the_real_hippocampus_gains(real_data, tmp_path, wbir):
    folder = real_data / "hippocampus"
    names = ["hippocampus_190.nii.gz", "hippocampus_075.nii.gz"]
    images = [folder / "images" / name for name in names]
    labels = ("--fixed-labels", folder / "labels" / names[0], "--moving-labels", folder / "labels" / names[1])
    start = ("--initial", "centres", "--method", "demons")
    printed = wbir("register", *images, *labels, *start, "--out", tmp_path / "out")
    _, before, _, after, *_ = next(line.split() for line in printed.splitlines() if line.startswith("dice"))
    assert float(after) > float(before) + 0.2
