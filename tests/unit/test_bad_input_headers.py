"""Headers of any kind: a NIfTI either reads as finite numbers on a frame that can be inverted, or is refused in words."""

from __future__ import annotations

import gzip
import math
import tempfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wbir.errors import InputError
from wbir.images import read_image
from wbir.pairs.scans import read_scan

SETTINGS = settings(
    max_examples=150, derandomize=True, deadline=5000, suppress_health_check=[HealthCheck.too_slow], database=None
)
SHAPE = (5, 4, 6)
NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-30, 1e30, 3e38, math.nan, math.inf, -math.inf]),
    st.floats(-100, 100, width=32),
)
ROW = st.lists(NUMBERS, min_size=4, max_size=4)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "pixdim": st.lists(NUMBERS, min_size=8, max_size=8),
        "dim": st.lists(st.integers(-32768, 32767), min_size=8, max_size=8),
        "datatype": st.sampled_from(
            [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2304, 77]
        ),
        "bitpix": st.sampled_from([0, 1, 8, 16, 24, 32, 64, 128, -1]),
        "sform_code": st.integers(-3, 9),
        "qform_code": st.integers(-3, 9),
        "quatern_b": NUMBERS,
        "quatern_c": NUMBERS,
        "quatern_d": NUMBERS,
        "qoffset_x": NUMBERS,
        "srow_x": ROW,
        "srow_y": ROW,
        "srow_z": ROW,
        "scl_slope": NUMBERS,
        "scl_inter": NUMBERS,
        "vox_offset": NUMBERS,
        "intent_code": st.integers(-32768, 32767),
        "magic": st.sampled_from([b"n+1", b"ni1", b"n+2", b"", b"xxx"]),
        "sizeof_hdr": st.sampled_from([348, 540, 0, -1]),
    },
)


def good_bytes(dtype: Any = np.int16) -> bytes:
    """A small NIfTI with an oblique affine, not packed."""
    affine = np.diag([2.0, -1.5, 3.0, 1.0])
    affine[:2, :2] = affine[:2, :2] @ np.array([[0.8, -0.6], [0.6, 0.8]])
    array = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(dtype)
    return nibabel.Nifti1Image(array, affine).to_bytes()


def reads_or_refuses(raw: bytes, packed: bool = False) -> bool:
    """Read the bytes as a file by both readers; true where it was read. Any other exception fails the test."""
    read = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("x.nii.gz" if packed else "x.nii")
        path.write_bytes(gzip.compress(raw, mtime=0) if packed else raw)
        for dtype, reader in ((np.float32, read_image), (np.int16, read_image), (np.float32, _scan)):
            try:
                array, frame = reader(path, dtype=dtype)
            except InputError as error:
                assert "\n" not in str(error)
                continue
            assert array.dtype == dtype and np.all(np.isfinite(array)) and array.shape == frame.shape
            assert np.all(np.isfinite(np.linalg.inv(frame.affine))) and min(frame.spacing) > 0
            read.append(True)
    return bool(read)


def _scan(path: Path, dtype: Any) -> Any:
    scan = read_scan(path, dtype=dtype)
    return scan.array, scan.frame


def test_the_good_file_is_read() -> None:
    assert reads_or_refuses(good_bytes()) and reads_or_refuses(good_bytes(), packed=True)


@SETTINGS
@given(fields=FIELDS, packed=st.booleans())
def test_any_header_fields(fields: dict[str, Any], packed: bool) -> None:
    raw = bytearray(good_bytes())
    header = nibabel.Nifti1Header(bytes(raw[:348]), check=False)
    with np.errstate(all="ignore"):
        for name, value in fields.items():
            header[name] = value
    raw[:348] = header.binaryblock
    reads_or_refuses(bytes(raw), packed)


@SETTINGS
@given(end=st.integers(0, 352 + 2 * math.prod(SHAPE) - 1), packed=st.booleans(), data=st.data())
def test_a_file_that_ends_early_is_refused(end: int, packed: bool, data: st.DataObject) -> None:
    raw = good_bytes()
    if packed:
        whole = gzip.compress(raw, mtime=0)
        raw = whole[: data.draw(st.integers(0, len(whole) - 9), label="packed end")]  # the last 8 bytes only check
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "x.nii.gz").write_bytes(raw)
            try:
                read_image(Path(folder) / "x.nii.gz")
            except InputError:
                return
            raise AssertionError("half a file was read")
    assert not reads_or_refuses(raw[:end])


@SETTINGS
@given(
    flips=st.lists(st.tuples(st.integers(0, 351), st.integers(1, 255)), min_size=1, max_size=6), packed=st.booleans()
)
def test_any_flipped_bytes_in_the_header(flips: list[tuple[int, int]], packed: bool) -> None:
    raw = bytearray(good_bytes(np.float32))
    for place, bits in flips:
        raw[place] ^= bits
    reads_or_refuses(bytes(raw), packed)


@SETTINGS
@given(entries=st.lists(NUMBERS, min_size=12, max_size=12))
def test_any_affine(entries: list[float]) -> None:
    raw = bytearray(good_bytes())
    header = nibabel.Nifti1Header(bytes(raw[:348]), check=False)
    header["sform_code"], header["qform_code"] = 2, 0
    for row, name in enumerate(("srow_x", "srow_y", "srow_z")):
        header[name] = entries[4 * row : 4 * row + 4]
    raw[:348] = header.binaryblock
    linear = np.array(entries, dtype=np.float32).reshape(3, 4)[:, :3].astype(float)
    read = reads_or_refuses(bytes(raw))
    lengths = np.linalg.norm(linear, axis=0)
    if not np.all(np.isfinite(linear)) or lengths.min() == 0 or np.linalg.matrix_rank(linear / lengths) < 3:
        assert not read
