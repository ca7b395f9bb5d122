"""How a moving scan starts beside a fixed one, where the worlds of two scanners mean nothing to each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wbir.cohorts._scans import Scan
from wbir.errors import InputError, require_known
from wbir.geometry.frames import Frame

PLACES = ("headers", "centres", "labels")


def placed(moving: Scan, fixed: Scan, place: str) -> Scan:
    """The moving scan, shifted in the world to start beside the fixed one; nothing is resampled.

    place: `headers` (as the files say: no shift), `centres` (the middles of both grids meet) or `labels` (the centroids
    of all that is labelled meet; both need labels). Raises InputError for another word or nothing labelled.
    """
    require_known({"place": (place, PLACES)}, "for a moving scan")
    if place == "headers":
        return moving
    here, there = (_anchor(scan, place) for scan in (fixed, moving))
    affine = moving.frame.affine.copy()
    affine[:-1, -1] += here - there
    return replace(moving, frame=Frame(moving.frame.shape, affine))


def _anchor(scan: Scan, place: str) -> np.ndarray:
    """The world point of a scan that `place` lays on the other's, mm."""
    if place == "centres":
        voxel = (np.array(scan.frame.shape) - 1) / 2
    elif scan.labels is None or not scan.labels.any():
        raise InputError("scans with labels to place by", "one without", "take place: centres")
    else:
        voxel = np.array([indices.mean() for indices in np.nonzero(scan.labels)])
    return scan.frame.to_world(voxel[None])[0]
