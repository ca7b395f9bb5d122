"""Where right, front and up are in a label map, told by its organs: for files whose headers say something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wbir.errors import InputError
from wbir.geometry.frames import Frame

Way = tuple[Sequence[int], Sequence[int]]  # from the mean of these labels' middles to that of those


@dataclass(frozen=True)
class Directions:
    """Labels that lie to the left and to the right of each other, behind and before, below and above."""

    right: Way
    front: Way
    up: Way

    def axes(self, labels: np.ndarray) -> tuple[tuple[int, int], ...]:
        """For each array axis of a 3D label map the world axis (0 right, 1 front, 2 up) that it lies nearest to, and 1, or -1
        where it runs the other way. Raises InputError where labels that tell are missing.
        """
        from nibabel.orientations import io_orientation

        ways = np.eye(4)
        for row, (start, end) in enumerate((self.right, self.front, self.up)):
            ways[row, :3] = _middle(labels, end) - _middle(labels, start)
        return tuple((int(axis), int(sign)) for axis, sign in io_orientation(ways))


def _middle(labels: np.ndarray, group: Sequence[int]) -> np.ndarray:
    places = [np.argwhere(labels == label) for label in group]
    if not any(map(len, places)):
        raise InputError(f"a label map with one of the labels {list(group)}", "none of them", "check the files")
    return np.mean([found.mean(axis=0) for found in places if len(found)], axis=0)


def true_frame(frame: Frame, axes: Sequence[tuple[int, int]]) -> Frame:
    """The frame of a 3D array whose axes run as `Directions.axes` says.

    It is the header's own where that says the same. Else its spacing is kept and nothing more: axes are those of the body, and
    the origin is the corner that lies furthest left, back and down.
    """
    from nibabel.orientations import io_orientation

    if np.array_equal(io_orientation(np.asarray(frame.affine)), np.asarray(axes)):
        return frame
    affine = np.zeros((4, 4))
    affine[3, 3] = 1.0
    for index, (axis, sign) in enumerate(axes):
        affine[axis, index] = sign * frame.spacing[index]
        affine[axis, 3] = 0.0 if sign > 0 else frame.spacing[index] * (frame.shape[index] - 1)
    return Frame(frame.shape, affine)


# Learn2Reg's abdomen: spleen and left kidney to right kidney and liver; kidneys to portal vein and pancreas; kidneys to oesophagus.
ABDOMEN = Directions(right=((1, 3), (2, 6)), front=((2, 3), (10, 11)), up=((2, 3), (5,)))
# FreeSurfer's 35 structures as Learn2Reg and neurite number them: white matter left to right; cerebellum to putamen; brain stem to
# caudate nucleus.
BRAIN_35 = Directions(right=((1,), (20,)), front=((5, 6, 24, 25), (9, 28)), up=((13,), (8, 27)))
