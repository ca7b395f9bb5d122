"""Pictures (photographs, stained sections, micrographs, video frames): files whose pixels have no place in the world.

A picture becomes a grey array with axis 0 to the right and axis 1 upwards, as figures show a slice. Its unit of length is the
pixel: the frame is `Frame.of(shape)`, and a card says how long a pixel is where that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wbir.errors import InputError


def read_picture(path: Path) -> np.ndarray:
    """A picture as grey values in [0, 1] (0 black, 1 the most that the file's type holds), float32 `(width, height)`.

    Colours become luminance (`wbir.formats.RGB_TO_GREY`), without regard to gamma or to an alpha channel. Raises InputError
    for a missing or damaged file, and for what holds several pictures.
    """
    from wbir.formats import RGB_TO_GREY

    pixels = _pixels(path)
    if pixels.ndim == 3 and pixels.shape[-1] in (3, 4):
        pixels = pixels[..., :3].astype(np.float32) @ RGB_TO_GREY.astype(np.float32) / _white(pixels.dtype, path)
    elif pixels.ndim == 3 and pixels.shape[-1] == 2:  # grey and alpha
        pixels = pixels[..., 0].astype(np.float32) / _white(pixels.dtype, path)
    elif pixels.ndim == 2:
        pixels = pixels.astype(np.float32) / _white(pixels.dtype, path)
    else:
        raise InputError("one grey or colour picture", f"{path} of shape {pixels.shape}", "extract one picture")
    return upright(pixels)


def read_pages(path: Path) -> np.ndarray:
    """The grey pages of a TIFF in their own type, `(pages, height, width)`, rows from the top as the file has them."""
    pages = _pixels(path)
    if pages.ndim != 3:
        raise InputError("a TIFF of several grey pages", f"{path} of shape {pages.shape}", "fetch it again")
    return pages


def grey(page: np.ndarray) -> np.ndarray:
    """A page of whole numbers as `read_picture` gives it."""
    return upright(page.astype(np.float32) / _white(page.dtype, "a page"))


def upright(rows: np.ndarray) -> np.ndarray:
    """Rows from the top, `(height, width)`, as an array with x to the right and y upwards, `(width, height)`."""
    return np.ascontiguousarray(rows[::-1].T)


def places(columns_rows: np.ndarray, height: int) -> np.ndarray:
    """Columns and rows from 0, the row from the top, `(N, 2)`, as voxel indices of the picture of that height in pixels."""
    return np.stack([columns_rows[:, 0], height - 1.0 - columns_rows[:, 1]], axis=1)


def shrunk(picture: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks of `factor` x `factor` pixels; what is left over at the right and at the top is dropped.

    A place `p` of the picture is at `(p - (factor - 1) / 2) / factor` of the result.
    """
    if factor == 1:
        return picture
    width, height = (n // factor for n in picture.shape)
    if factor < 1 or not width * height:
        raise InputError(
            "a factor of 1 or more that leaves pixels", f"{factor} for {picture.shape}", "correct `shrink`"
        )
    blocks = picture[: width * factor, : height * factor].reshape(width, factor, height, factor)
    return blocks.mean(axis=(1, 3)).astype(np.float32)


def background(picture: np.ndarray) -> float:
    """What surrounds the subject of a picture: the median of its outermost pixels."""
    edges = [picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]]
    return float(np.median(np.concatenate(edges)))


def padded(picture: np.ndarray, shape: Sequence[int], fill: float) -> tuple[np.ndarray, tuple[int, int]]:
    """The picture in the middle of a larger grid, and the indices there of its pixel (0, 0)."""
    x, y = ((new - old) // 2 for new, old in zip(shape, picture.shape, strict=True))
    larger = np.full(tuple(shape), fill, dtype=picture.dtype)
    larger[x : x + picture.shape[0], y : y + picture.shape[1]] = picture
    return larger, (x, y)


def resized(picture: np.ndarray, size: int) -> np.ndarray:
    """A square picture with another number of pixels along each side, linear; smoothed first where that is fewer."""
    from skimage.transform import resize

    return resize(picture, (size, size), order=1, anti_aliasing=size < picture.shape[0]).astype(np.float32)


def _pixels(path: Path) -> np.ndarray:
    from skimage.io import imread

    from wbir.images import one_line

    if not Path(path).is_file():
        raise InputError("a picture", f"nothing at {path}", "complete the data set")
    try:
        return np.asarray(imread(path))
    except Exception as error:  # the parsers meet bytes of any kind, and fail in any way
        raise InputError("a whole picture", f"{path} ({one_line(error)})", "fetch or write it again") from error


def _white(kind: np.dtype, path: Path | str) -> float:
    """The largest value of a type of pixels."""
    if kind == np.bool_:
        return 1.0
    if kind not in (np.uint8, np.uint16):
        raise InputError("pixels of 8 or 16 bits", f"{kind} in {path}", "convert the picture")
    return float(np.iinfo(kind).max)
