"""What the viewer gets: packed volumes read back, coarser grids in their place, sides named, folds never lost."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest

from wbir.files import read_rows
from wbir.geometry.frames import Frame
from wbir.results import PaperResults
from wbir.site import build, case_data, volumes
from wbir.site.measurement_data import script

SLUG = "17-csngf"


def unpack(packed: dict, shape: tuple[int, ...]) -> np.ndarray:  # type: ignore[type-arg]
    codes = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), dtype=np.uint8)
    return codes.reshape(shape, order="F")


def received(path: Path) -> dict:  # type: ignore[type-arg]
    found = re.fullmatch(r"wbirViewer\.receive\((\".*?\"), (\{.*\})\);\n", path.read_text(encoding="utf-8"), re.DOTALL)
    assert found, path
    return json.loads(found.group(2))


def test_an_image_comes_back_to_half_a_step() -> None:
    image = np.random.default_rng(0).normal(size=(5, 7, 3)).astype(np.float32)
    low, high = float(image.min()), float(image.max())
    back = low + unpack(volumes.pack_image(image, low, high), image.shape) / 255 * (high - low)
    assert np.abs(back - image).max() <= 0.5001 * (high - low) / 255
    flat = np.full((4, 4), 3.0, dtype=np.float32)
    assert np.all(unpack(volumes.pack_image(flat, *volumes.window(flat)), flat.shape) == 0)


@pytest.mark.parametrize(
    ("shape", "spacing", "most", "expected"),
    [
        ((100, 100, 100), (1, 1, 1), 1e9, (1, 1, 1)),
        ((200, 100, 100), (1, 1, 1), 1e9, (2, 1, 1)),
        ((600, 100), (1, 1), 1e9, (2, 1)),
        ((64, 64, 32), (1, 1, 4), 64 * 64 * 32 / 4, (2, 2, 1)),
    ],
)
def test_factors_keep_voxels_cubic(shape, spacing, most, expected) -> None:  # type: ignore[no-untyped-def]
    assert volumes.factors(shape, spacing, most) == expected


def test_factors_end_where_little_is_left() -> None:
    found = volumes.factors((40, 40, 40), (1, 1, 1), 10)
    assert all(-(-40 // f) >= 4 for f in found)


def test_a_coarser_image_lies_where_the_image_lay() -> None:
    """A linear function of the world is its own block mean: each coarse voxel has the value of its own centre."""
    affine = np.array([[0, 2.0, 0, 5], [-1.5, 0, 0, 7], [0, 0, 3.0, -9], [0, 0, 0, 1]])
    frame = Frame((6, 8, 4), affine)
    voxels = np.stack(np.meshgrid(*map(np.arange, frame.shape), indexing="ij"), -1).reshape(-1, 3)
    values = (frame.to_world(voxels) @ [1.0, 2.0, -3.0]).reshape(frame.shape)
    by = (3, 2, 1)
    coarse = volumes.coarser_frame(frame, by)
    centres = np.stack(np.meshgrid(*map(np.arange, coarse.shape), indexing="ij"), -1).reshape(-1, 3)
    expected = (coarse.to_world(centres) @ [1.0, 2.0, -3.0]).reshape(coarse.shape)
    np.testing.assert_allclose(volumes.coarser(values, by), expected, atol=1e-9)


def test_a_single_folded_voxel_is_seen_in_its_block() -> None:
    determinant = np.full((6, 6, 6), 1.5, dtype=np.float32)
    determinant[4, 1, 5] = 0.0
    packed = volumes.pack_jacobian(determinant, (2, 3, 4))
    codes = unpack(packed, (3, 2, 2))
    assert np.argwhere(codes == volumes.FOLDED).tolist() == [[2, 0, 1]] and packed["folded"] == 1
    assert packed["voxels"] == 216 and packed["least"] == 0.0
    assert (codes[0, 0, 0] - 1) / 254 * volumes.JACOBIAN_TOP == pytest.approx(1.5, abs=0.01)
    determinant[0, 0, 0] = np.nan
    assert volumes.pack_jacobian(determinant, (1, 1, 1))["folded"] == 2


@pytest.mark.parametrize("axes", ["RAS", "LPS", "PIR", "SLA"])
def test_sides_are_named_as_nibabel_names_them(axes: str) -> None:
    start = nibabel.orientations.axcodes2ornt(axes)
    affine = nibabel.orientations.inv_ornt_aff(start, (4, 5, 6)) @ np.diag([1, 1, 1, 1.0])
    affine[:3, 3] += 1
    upper = "".join(high for _, high in volumes.orientation(Frame((4, 5, 6), affine)))
    assert upper == "".join(nibabel.aff2axcodes(affine))


def test_a_grid_without_a_world_names_no_sides() -> None:
    assert volumes.orientation(Frame.of((4, 4, 4), 2.0)) == [] == volumes.orientation(Frame.of((4, 4)))


def test_every_method_of_every_experiment_has_a_case(site: Path, made_up: PaperResults) -> None:
    shown = case_data.choose_cases(made_up, 1e7)
    pairs = {(case.experiment, method) for case in shown for method in case.methods}
    assert pairs == {(unit.experiment, unit.method) for unit in made_up.paper.units()}
    assert all((site / "cases" / case.script_of(method)).is_file() for case in shown for method in case.methods)


def test_little_room_makes_fewer_and_coarser_cases(made_up: PaperResults, tmp_path: Path) -> None:
    shown = case_data.choose_cases(made_up, 16e3)
    assert [case.case for case in shown if case.experiment == "blobs"] == ["blob-0"]
    case = next(case for case in shown if case.experiment == "blobs")
    about = case_data.write_case(made_up, case, tmp_path)
    assert max(about["factors"]) > 1 and np.prod(about["shape"]) <= case.most
    packed = received(tmp_path / case.name / "case.js")
    assert unpack(packed["fixed"], tuple(about["shape"])).max() > 200


def test_the_images_take_what_tables_and_figures_leave(
    site: Path, made_up: PaperResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def images(base: Path) -> int:
        return sum(path.stat().st_size for path in (base / "cases").rglob("*.js"))

    pages = sum(
        path.stat().st_size for part in ("assets", "papers") for path in (site / part).rglob("*") if path.is_file()
    )
    monkeypatch.setattr(build, "WHOLE_BYTES", pages + 6_000)
    monkeypatch.setattr(build, "LEAST_IMAGE_BYTES", 0)
    build.build_site(made_up.results, tmp_path / "demo", build.Choices("demo", {}, {}))
    assert images(tmp_path / "demo") < 0.7 * images(site)  # beside the images a script has a fixed head


def test_the_viewer_s_numbers_are_those_of_the_metrics(site: Path, made_up: PaperResults) -> None:
    """Folding as the viewer counts it is the measured percentage, and the truth's warp is near the fixed image."""
    case = next(case for case in case_data.choose_cases(made_up, 1e7) if case.case == "blob-0")
    packed = received(site / "cases" / case.script_of("truth"))
    rows = read_rows(made_up.folder / "measurements.csv")
    measured = next(
        float(r["value"]) for r in rows if (r["case"], r["method"], r["metric"]) == ("blob-0", "truth", "folding")
    )
    jacobian = packed["jacobian"]
    assert 0 < measured == pytest.approx(100 * jacobian["folded"] / jacobian["voxels"], rel=1e-8)
    assert ["folding", f"{measured:.4g}", "%"] in packed["numbers"]
    still = received(site / "cases" / case.script_of("identity"))
    moving = received(site / "cases" / case.name / "case.js")["moving"]
    assert not still["moved"] and packed["moved"] and still["warped"]["data"] == moving["data"]


def test_measurements_come_back_from_their_script(site: Path, made_up: PaperResults) -> None:
    text = (site / "papers" / SLUG / "measurements.js").read_text(encoding="utf-8")
    data = json.loads(text.removeprefix("window.wbirMeasurements = ").removesuffix(";\n"))
    rows = [r for name in ("measurements", "timings") for r in read_rows(made_up.folder / f"{name}.csv")]
    assert len(data["value"]) == len(rows) > 10
    for number, row in enumerate(rows):
        row["label"] = made_up.label_name(row["experiment"], row["metric"], row["label"])
        for column in ("experiment", "case", "metric", "label", "status"):
            assert data["words"][column][data["cells"][column][number]] == row[column]
        assert data["value"][number] == (float(row["value"]) if row["value"] else None)


def test_a_script_holds_no_end_tag_and_no_bare_infinity() -> None:
    assert script({"a": "</script>", "b": [float("inf"), float("nan")]}) == '{"a":"<\\/script>","b":["∞",null]}'
