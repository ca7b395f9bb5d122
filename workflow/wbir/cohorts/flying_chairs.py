"""Flying Chairs: pairs of pictures of chairs before photographs, with their true optical flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case
from wbir.cohorts._scans import write_cohort
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Flying Chairs",
    "reference": "Dosovitskiy et al., FlowNet: learning optical flow with convolutional networks, ICCV 2015",
    "describes": "Rendered chairs move before photographs that move: 22872 pairs of 512 x 384 pixels. Fixed is the first"
    " picture, moving the second, so that the flow from the first to the second is the true displacement: moving(x +"
    " truth(x)) is what fixed shows at x, but where something is hidden in the second. Colours become luminance. The"
    " owners' two parts are the splits train and test (on the second published errors are measured). Axis 0 is to the right,"
    " axis 1 upwards; the unit of length is the pixel.",
    "datasets": ["flying-chairs"],
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 1000,
    "runtime": 600,
    "parameters": {
        "pairs": {"train": None, "test": None},  # so many drawn by the seed; None: all (22232 and 640)
    },
    "tiny": {"pairs": {"train": 1, "test": 1}},
    "dims": 2,
}
PARTS = {"1": "train", "2": "test"}
MAGIC = np.float32(202021.25)  # "PIEH" in ASCII, little-endian


def build(folder: Path, *, source: str, data: Mapping[str, Path], seed: int, pairs: Mapping[str, int | None]) -> None:
    """Write cases `chairs-00001` and so on, by the numbers of the files.

    data: the folder of `flying-chairs` with `NNNNN_img1.ppm`, `NNNNN_img2.ppm`, `NNNNN_flow.flo` and
    `FlyingChairs_train_val.txt`, whose line N is 1 or 2. Raises InputError for more pairs than there are, and for what is
    missing or damaged.
    """
    tree = Tree("flying-chairs", data["flying-chairs"])
    drawn = _drawn(tree, pairs, seed)
    cases = (_case(tree, number, split) for split, numbers in drawn.items() for number in numbers)
    write_cohort(folder, COHORT, cases, source=source, seed=seed, parameters={"pairs": dict(pairs)}, unit="pixel")


def read_flow(path: Path) -> np.ndarray:
    """The flow of a `.flo` file, float32 `(2, height, width)`: columns to the right, rows downwards, in pixels.

    A file is the float 202021.25, width and height (int32), then both components of each pixel, rows from the top, all
    little-endian. Raises InputError for what is no such file, or not whole.
    """
    content = Path(path).read_bytes()
    if len(content) < 12 or np.frombuffer(content, "<f4", 1)[0] != MAGIC:
        raise InputError("a .flo file", f"{path} with another beginning", "fetch it again")
    width, height = np.frombuffer(content, "<i4", 2, offset=4).tolist()
    if min(width, height) < 1 or len(content) != 12 + 8 * width * height:
        raise InputError(f"{width} x {height} vectors in {path}", f"{len(content)} bytes", "fetch it again")
    return np.frombuffer(content, "<f4", offset=12).reshape(height, width, 2).transpose(2, 0, 1).astype(np.float32)


def displacement_of(flow: np.ndarray) -> np.ndarray:
    """The flow as a displacement in the axes of `read_picture`, float32 `(2, width, height)`: x to the right, y upwards."""
    from wbir.cohorts._pictures import upright

    return np.stack([upright(flow[0]), upright(-flow[1])])


def _drawn(tree: Tree, pairs: Mapping[str, int | None], seed: int) -> dict[str, list[int]]:
    """The numbers of the pairs of each split, in order."""
    lines = tree.one("FlyingChairs_train_val.txt").read_text(encoding="ascii").split()
    if set(pairs) - set(PARTS.values()) or set(lines) - set(PARTS):
        got = f"{dict(pairs)}, {sorted(set(lines))[:5]}"
        raise InputError(
            f"pairs of {list(PARTS.values())} and a list of 1 and 2", got, "correct `pairs`, or fetch it again"
        )
    found: dict[str, list[int]] = {}
    for part, split in PARTS.items():
        numbers = [n for n, line in enumerate(lines, start=1) if line == part]
        count = pairs.get(split, 0)
        if count is not None and not 0 <= count <= len(numbers):
            raise InputError(f"at most {len(numbers)} pairs of {split}", f"{count}", "ask for fewer")
        order: Sequence[int] = named_generator(seed, "pairs", split).permutation(len(numbers))[:count].tolist()
        found[split] = [numbers[i] for i in sorted(order)]
    return found


def _case(tree: Tree, number: int, split: str) -> Case:
    from wbir.cohorts._pictures import read_picture

    fixed, moving = (read_picture(tree.one(f"{number:05d}_img{n}.ppm")) for n in (1, 2))
    truth = displacement_of(read_flow(tree.one(f"{number:05d}_flow.flo")))
    return Case(f"chairs-{number:05d}", Frame.of(fixed.shape), fixed, moving, truth=truth, attributes={"split": split})
