"""Our displacements against SimpleITK's and ANTs' own resampling, whatever way the array axes point; 2D and 3D."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.images import read_displacement, write_displacement, write_image
from wbir.registration import itk_bridge

SHAPES = {2: (19, 24), 3: (15, 18, 13)}
SPACINGS = {2: (0.8, 1.9), 3: (0.8, 1.9, 2.6)}
ORIGINS = {2: (-31.0, 17.5), 3: (-31.0, 17.5, 42.0)}


def _rotation(dim: int) -> np.ndarray:
    a, b, c = 0.5, -0.3, 0.8
    if dim == 2:
        return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return x @ y @ z


DIRECTIONS = {
    "RAS": lambda dim: np.eye(dim),
    "LAS": lambda dim: np.diag([-1.0, 1.0, 1.0][:dim]),
    "LPS": lambda dim: np.diag([-1.0, -1.0, 1.0][:dim]),
    "permuted": lambda dim: np.roll(np.eye(dim), 1, axis=0),
    "oblique": _rotation,
    "oblique, left-handed": lambda dim: _rotation(dim) @ np.diag([1.0, -1.0, 1.0][:dim]),
}
GRID = [pytest.param(name, dim, id=f"{name}-{dim}D") for name in DIRECTIONS for dim in (2, 3)]


def make_frame(name: str, dim: int) -> Frame:
    affine = np.eye(dim + 1)
    affine[:dim, :dim] = DIRECTIONS[name](dim) @ np.diag(SPACINGS[dim])
    affine[:dim, dim] = ORIGINS[dim]
    return Frame(SHAPES[dim], affine)


def make_pair(frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """A smooth random image and a smooth displacement whose components differ in size and sign."""
    rng = np.random.default_rng(5)
    image = gaussian_filter(rng.normal(size=frame.shape), 1.2).astype(np.float32)
    field = np.stack([gaussian_filter(rng.normal(size=frame.shape), 3.0) for _ in frame.shape])
    field *= 1.5 / np.abs(field).max()
    field += np.array([0.7, -1.1, 0.4])[: frame.dim].reshape(-1, *(1,) * frame.dim)
    return 100 * image, field.astype(np.float32)


def our_warp(image: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    torch = pytest.importorskip("torch")
    from wbir.geometry.warping import warp

    return warp(torch.from_numpy(image)[None, None], torch.from_numpy(displacement)[None])[0, 0].numpy()


def assert_same_inside(ours: np.ndarray, theirs: np.ndarray, moving: np.ndarray) -> None:
    inside = (slice(4, -4),) * ours.ndim
    assert np.abs(ours[inside] - moving[inside]).max() > 10  # the warp does something
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=2e-3)


def their_affine(frame: Frame) -> tuple[list[float], list[float], list[float]]:
    """A physical affine map (LPS) near the identity about the grid's centre: matrix by rows, translation, centre."""
    dim = frame.dim
    linear = np.eye(dim) + np.array([[0.05, -0.08, 0.03], [0.06, -0.04, 0.02], [-0.05, 0.03, 0.04]])[:dim, :dim]
    middle = frame.to_world((np.array([frame.shape]) - 1) / 2)[0] * np.array([-1, -1, 1])[:dim]
    return linear.ravel().tolist(), [1.2, -0.9, 0.7][:dim], middle.tolist()


@pytest.mark.parametrize(("name", "dim"), GRID)
def test_our_file_read_and_applied_by_simpleitk(name, dim, tmp_path):
    import SimpleITK

    frame = make_frame(name, dim)
    moving, displacement = make_pair(frame)
    write_image(tmp_path / "moving.nii.gz", moving, frame)
    write_displacement(tmp_path / "field.nii.gz", displacement, frame)
    image = SimpleITK.ReadImage(str(tmp_path / "moving.nii.gz"))
    field = SimpleITK.ReadImage(str(tmp_path / "field.nii.gz"), SimpleITK.sitkVectorFloat64)
    assert field.GetDimension() == dim and field.GetNumberOfComponentsPerPixel() == dim
    transform = SimpleITK.DisplacementFieldTransform(field)
    warped = SimpleITK.GetArrayFromImage(SimpleITK.Resample(image, image, transform, SimpleITK.sitkLinear)).T
    assert_same_inside(our_warp(moving, displacement), warped, moving)


@pytest.mark.parametrize(("name", "dim"), GRID)
def test_our_file_read_and_applied_by_ants(name, dim, tmp_path):
    ants = itk_bridge.load_ants()
    frame = make_frame(name, dim)
    moving, displacement = make_pair(frame)
    write_image(tmp_path / "moving.nii.gz", moving, frame)
    write_displacement(tmp_path / "field.nii.gz", displacement, frame)
    image = ants.image_read(str(tmp_path / "moving.nii.gz"))
    warped = ants.apply_transforms(image, image, [str(tmp_path / "field.nii.gz")]).numpy()
    assert_same_inside(our_warp(moving, displacement), warped, moving)


@pytest.mark.parametrize(("name", "dim"), GRID)
def test_a_field_by_simpleitk_read_by_us(name, dim, tmp_path):
    import SimpleITK

    frame = make_frame(name, dim)
    moving, _ = make_pair(frame)
    image = itk_bridge.to_sitk(moving, frame)
    transform = SimpleITK.AffineTransform(*their_affine(frame))
    field = SimpleITK.TransformToDisplacementField(
        transform,
        SimpleITK.sitkVectorFloat64,
        image.GetSize(),
        image.GetOrigin(),
        image.GetSpacing(),
        image.GetDirection(),
    )
    SimpleITK.WriteImage(field, str(tmp_path / "field.nii.gz"))
    displacement = read_displacement(tmp_path / "field.nii.gz", frame)
    warped = SimpleITK.GetArrayFromImage(SimpleITK.Resample(image, image, transform, SimpleITK.sitkLinear)).T
    inside = (slice(4, -4),) * dim
    np.testing.assert_allclose(our_warp(moving, displacement)[inside], warped[inside], atol=2e-3)
    np.testing.assert_allclose(itk_bridge.displacement_from_sitk(field, frame), displacement, atol=1e-4)


@pytest.mark.parametrize(("name", "dim"), GRID)
def test_a_field_by_ants_read_by_us(name, dim, tmp_path):
    ants = itk_bridge.load_ants()
    frame = make_frame(name, dim)
    moving, _ = make_pair(frame)
    image = itk_bridge.to_ants(moving, frame)
    linear, translation, centre = their_affine(frame)
    transform = ants.new_ants_transform(
        dimension=dim, transform_type="AffineTransform", parameters=[*linear, *translation], fixed_parameters=centre
    )
    ants.write_transform(transform, str(tmp_path / "affine.mat"))
    path = ants.apply_transforms(image, image, [str(tmp_path / "affine.mat")], compose=f"{tmp_path}/")
    displacement = read_displacement(path, frame)
    warped = ants.apply_transforms(image, image, [str(tmp_path / "affine.mat")]).numpy()
    inside = (slice(4, -4),) * dim
    np.testing.assert_allclose(our_warp(moving, displacement)[inside], warped[inside], atol=2e-3)
    np.testing.assert_allclose(itk_bridge.displacement_from_ants(ants.image_read(path), frame), displacement, atol=1e-4)


@pytest.mark.parametrize(("name", "dim"), GRID)
def test_world_positions_agree(name, dim):
    frame = make_frame(name, dim)
    array, _ = make_pair(frame)
    sitk_image, ants_image = itk_bridge.to_sitk(array, frame), itk_bridge.to_ants(array, frame)
    index = (3, 5, 2)[:dim]
    world = frame.to_world(np.array([index]))[0] * np.array([-1, -1, 1])[:dim]
    np.testing.assert_allclose(sitk_image.TransformIndexToPhysicalPoint(index), world, atol=1e-9)
    placed = np.array(ants_image.origin) + ants_image.direction @ (np.array(ants_image.spacing) * index)
    np.testing.assert_allclose(placed, world, atol=1e-4)
    assert sitk_image[index] == pytest.approx(array[index]) and ants_image.numpy()[index] == array[index]
    np.testing.assert_array_equal(itk_bridge.from_sitk(sitk_image), array)


@pytest.mark.parametrize(("name", "dim"), GRID)
def test_displacements_make_the_round_trip(name, dim, tmp_path):
    frame = make_frame(name, dim)
    _, displacement = make_pair(frame)
    write_displacement(tmp_path / "field.nii.gz", displacement, frame)
    np.testing.assert_allclose(read_displacement(tmp_path / "field.nii.gz", frame), displacement, atol=1e-5)
    field = itk_bridge.displacement_to_sitk(displacement, frame)
    np.testing.assert_allclose(itk_bridge.displacement_from_sitk(field, frame), displacement, atol=1e-6)


@pytest.mark.parametrize(("name", "dim"), GRID)
def test_matrix_of_a_simpleitk_affine(name, dim):
    """The matrix maps voxels as SimpleITK maps physical points."""
    import SimpleITK

    frame = make_frame(name, dim)
    image = itk_bridge.to_sitk(make_pair(frame)[0], frame)
    transform = SimpleITK.AffineTransform(*their_affine(frame))
    matrix = itk_bridge.matrix_of(transform.TransformPoint, frame)
    voxel = np.array([2.5, 7.25, 4.0][:dim])
    physical = image.TransformContinuousIndexToPhysicalPoint(voxel.tolist())
    expected = image.TransformPhysicalPointToContinuousIndex(transform.TransformPoint(physical))
    np.testing.assert_allclose((matrix @ [*voxel, 1.0])[:dim], expected, atol=1e-6)


def test_a_sheared_frame_is_refused():
    affine = np.eye(4)
    affine[0, 1] = 0.2
    with pytest.raises(InputError, match="right angles"):
        itk_bridge.to_sitk(np.zeros((4, 4, 4), dtype=np.float32), Frame((4, 4, 4), affine))
