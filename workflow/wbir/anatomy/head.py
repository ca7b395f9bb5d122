"""A whole head around the template's brain: tissue fractions from the brain outwards.

The template is skull-stripped, so what lies outside is built: shells at fixed depths from the brain's hull (fluid,
inner table, diploe, outer table, scalp) and simple solids for face, neck, eyes and air. Depths and sizes are rounded
textbook values for an adult.
"""

from __future__ import annotations

import numpy as np

from wbir.anatomy.template import TISSUES, brain_maps, coordinates
from wbir.geometry.frames import Frame

HEAD_CENTRE = (0.0, -18.0, 8.0)  # MNI mm, middle of the field of view
HEAD_TISSUES = ("air", *TISSUES, "bone", "marrow", "muscle", "fat")
HULL_CLOSING = 12.0  # mm: bridges the fissures between hemispheres, cerebellum and temporal lobes
# outer depth from the hull in mm: skin, subcutaneous fat, galea; outer table, diploe, inner table, subarachnoid space
SCALP = (("muscle", 16.0), ("fat", 14.5), ("muscle", 11.0))
SKULL = (("bone", 10.0), ("marrow", 8.0), ("bone", 5.0), ("fluid", 3.0))


def head_tissues(frame: Frame) -> dict[str, np.ndarray]:
    """Fractions of HEAD_TISSUES on `frame` (axis-aligned, MNI mm): float32, they sum to 1 in every voxel."""
    maps = {name: np.zeros(frame.shape, np.float32) for name in HEAD_TISSUES}
    maps["air"] += 1.0
    brain = brain_maps(frame)
    depth = hull_distance(brain["brain"] > 0.5, frame)
    for tissue, outer in SCALP:
        _paint(maps, tissue, _fraction(depth - outer, frame))
    for tissue, distance in _face_and_neck(frame):
        _paint(maps, tissue, _fraction(distance, frame))
    for tissue, outer in SKULL:
        _paint(maps, tissue, _fraction(depth - outer, frame))
    for tissue, distance in _canal(frame):
        _paint(maps, tissue, _fraction(distance, frame))
    for name in HEAD_TISSUES:
        maps[name] = maps[name] * (1.0 - brain["brain"]) + brain.get(name, np.float32(0))
    return maps


def hull_distance(brain: np.ndarray, frame: Frame) -> np.ndarray:
    """Millimetres to the closed brain (a closing by HULL_CLOSING), positive outside; inside it is at most zero."""
    from scipy.ndimage import distance_transform_edt

    margin = int(np.ceil(2 * HULL_CLOSING / min(frame.spacing)))
    padded = np.pad(brain, margin)
    outside = distance_transform_edt(~padded, sampling=frame.spacing)
    inside = distance_transform_edt(outside <= HULL_CLOSING, sampling=frame.spacing)
    hull = (inside > HULL_CLOSING) | padded
    signed = distance_transform_edt(~hull, sampling=frame.spacing) - distance_transform_edt(
        hull, sampling=frame.spacing
    )
    half = 0.5 * min(frame.spacing)  # a distance transform counts from voxel centres, the surface lies between them
    return np.where(signed > 0, signed - half, signed + half)[(slice(margin, -margin),) * frame.dim].astype(np.float32)


def _face_and_neck(frame: Frame) -> list[tuple[str, np.ndarray]]:
    """Tissue and signed distance (mm) of the solids below and before the skull, in painting order."""
    neck = _cylinder(frame, (0.0, -38.0), (56.0, 58.0), top=-50.0)
    face = _ellipsoid(frame, (0.0, 40.0, -58.0), (64.0, 52.0, 62.0))
    solids = [("muscle", neck), ("fat", neck + 2.0), ("muscle", neck + 7.0)]
    solids += [("muscle", face), ("fat", face + 2.0), ("muscle", face + 9.0)]
    solids += [
        ("bone", _cylinder(frame, (0.0, -24.0), (15.0, 13.0), top=-68.0)),
        ("marrow", _cylinder(frame, (0.0, -24.0), (12.0, 10.0), top=-70.0)),
    ]
    cavities = [
        _ellipsoid(frame, (0.0, 58.0, -48.0), (11.0, 23.0, 19.0)),
        _cylinder(frame, (0.0, 4.0), (10.0, 8.0), top=-62.0),
    ]
    cavities += [_ellipsoid(frame, (side * 29.0, 54.0, -54.0), (13.0, 16.0, 17.0)) for side in (-1, 1)]
    solids += [("bone", cavity - 2.0) for cavity in (cavities[0], *cavities[2:])]
    solids += [("air", cavity) for cavity in cavities]
    solids += [
        ("bone", _ellipsoid(frame, (0.0, 66.0, -88.0), (42.0, 26.0, 12.0))),  # jaws and teeth
        ("muscle", _ellipsoid(frame, (0.0, 52.0, -88.0), (30.0, 30.0, 14.0))),
    ]
    for side in (-1, 1):
        solids += [
            ("fat", _ellipsoid(frame, (side * 31.0, 62.0, -30.0), (17.0, 22.0, 15.0))),
            ("fluid", _ellipsoid(frame, (side * 31.0, 72.0, -30.0), (12.0, 12.0, 12.0))),
        ]
    return solids


def _canal(frame: Frame) -> list[tuple[str, np.ndarray]]:
    """Foramen magnum and spinal canal with the cord, below the template's brain stem."""
    return [
        ("bone", _cylinder(frame, (0.0, -46.0), (14.0, 14.0), top=-84.0)),
        ("fluid", _cylinder(frame, (0.0, -46.0), (11.0, 10.0), top=-66.0)),
        ("white", _cylinder(frame, (0.0, -45.0), (6.0, 5.0), top=-66.0)),
    ]


def _ellipsoid(frame: Frame, centre: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
    """Near its surface the signed distance (mm) of an ellipsoid: its gauge scaled by the smallest radius."""
    gauge = sum(((x - c) / r) ** 2 for x, c, r in zip(coordinates(frame), centre, radii, strict=True))
    return (np.sqrt(gauge) - 1.0) * min(radii)


def _cylinder(frame: Frame, centre: tuple[float, float], radii: tuple[float, float], top: float) -> np.ndarray:
    """As `_ellipsoid` for an upright elliptic cylinder that ends at height `top`."""
    x, y, z = coordinates(frame)
    gauge = np.sqrt(((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2)
    return np.maximum((gauge - 1.0) * min(radii), z - top)


def _fraction(distance: np.ndarray, frame: Frame) -> np.ndarray:
    """The part of a voxel inside a surface at signed `distance` (mm): a ramp one voxel wide."""
    return np.clip(0.5 - distance / min(frame.spacing), 0.0, 1.0).astype(np.float32)


def _paint(maps: dict[str, np.ndarray], tissue: str, fraction: np.ndarray) -> None:
    """Put `tissue` over what is there."""
    for name in maps:
        maps[name] *= 1.0 - fraction
    maps[tissue] += fraction
