"""The landscape of the average squared NGF similarity over one rotation angle (paper 17, Sect. 4.1, Fig. 2).

The moving image is aligned by the case's truth and turned about axis y by -180 to 180 degrees: (a) with all else right,
(b, `displaced`) with the fixed image turned by 5 degrees about another random axis and shifted by 20 voxels in a random
direction. The sought angle is 0. It registers nothing: the prediction is the identity.

What the text leaves open, and what is taken: the other axis is a random direction perpendicular to y, so that the
sought angle stays 0; the image's centre is the centre of rotation; the axes are the array's (y is the second).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbir.cases import Case, Prediction, Reading
from wbir.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

SPEC = {
    "title": "Landscape of the NGF similarity over a rotation angle",
    "reference": "paper 17, Sect. 4.1, Fig. 2",
    "kind": "iterative",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 3000,
    "runtime": 60,
    "gpu": 0,
    "parameters": {
        "displaced": False,  # scenario (b)
        "step": 2.0,  # degrees between two angles; a part of 360
        "sigma": 5.0,  # blur, voxels of reference_spacing
        "rotation": 5.0,  # scenario (b), degrees
        "shift": 20.0,  # scenario (b), voxels of reference_spacing
        "tolerance": 5.0,  # a maximum so near the sought angle counts as it, degrees
        "epsilon": 1e-5,  # of Eq. 1, intensity per voxel
        "border": "one-sided",  # gradient at an image's border: one-sided | zeros
        "reference_spacing": 1.0,  # mm per voxel of sigma and shift
    },
    "tiny": {"step": 45.0, "sigma": 1.0},
    "dims": [3],
    "registers": False,  # finds no map between two images
}


def predict(
    case: Case,
    *,
    seed: int,
    device: str = "cpu",
    displaced: bool,
    step: float,
    sigma: float,
    rotation: float,
    shift: float,
    tolerance: float,
    epsilon: float,
    border: str,
    reference_spacing: float,
) -> Prediction:
    """The readings s_angf (label: the angle), sought_angle, global_maximum_at, convergence_region (deg),
    local_maxima."""
    import numpy as np
    import torch

    from wbir.geometry.kernels import gaussian_smooth
    from wbir.registration.landscape import describe_landscape, rotation_curve
    from wbir.registration.ngf_measure import GradientMeasure
    from wbir.registration.rigid_cases import isotropic_spacing, mask_of, unit_image

    turns = 360.0 / step
    if step <= 0 or abs(turns - round(turns)) > 1e-9:
        raise InputError("a step that divides 360 degrees", f"{step}", "take 1, 2 or 5")
    scale = reference_spacing / isotropic_spacing(case)
    images = [gaussian_smooth(unit_image(x, device=device), sigma * scale) for x in (case.fixed, case.moving)]
    given = [mask_of(m, x) for m, x in zip((case.fixed_mask, case.moving_mask), images, strict=True)]
    masks = [torch.ones_like(x) if m is None else m for m, x in zip(given, images, strict=True)]
    angles = np.arange(round(turns) + 1) * step - 180.0
    curve = rotation_curve(
        (images[0], images[1]),
        (masks[0], masks[1]),
        _truth(case),
        angles.tolist(),
        GradientMeasure(epsilon=epsilon, border=border),
        displaced=_disturbance(case, seed, rotation, shift * scale) if displaced else None,
    )
    found = describe_landscape(angles[:-1], curve[:-1], tolerance=tolerance)
    readings = [Reading("s_angf", float(v), label=f"{a:g}") for a, v in zip(angles, curve, strict=True)]
    readings.append(Reading("sought_angle", found.sought, "deg"))
    readings.append(Reading("global_maximum_at", found.highest_at, "deg"))
    readings.append(Reading("convergence_region", found.region, "deg"))
    readings.append(Reading("local_maxima", float(found.local_maxima)))
    return Prediction(readings=readings)


def _truth(case: Case) -> Tensor:
    """The case's matrix; without one the pair counts as aligned."""
    import torch

    return torch.eye(4, dtype=torch.float64) if case.truth_matrix is None else torch.as_tensor(case.truth_matrix)


def _disturbance(case: Case, seed: int, degrees: float, voxels: float) -> Tensor:
    """A rotation about a random axis perpendicular to y, then a shift in a random direction: `(4, 4)`."""
    import math

    import torch

    from wbir.geometry.rigid import about_centre, rotation_from_quaternion

    generator = torch.Generator().manual_seed(seed)
    phase = 2 * math.pi * torch.rand(1, generator=generator, dtype=torch.float64)
    direction = torch.randn(3, generator=generator, dtype=torch.float64)
    half = torch.tensor(math.radians(degrees) / 2, dtype=torch.float64)
    quaternion = torch.stack([half.cos(), *(half.sin() * torch.cat([phase.cos(), 0 * phase, phase.sin()]))])
    return about_centre(rotation_from_quaternion(quaternion), case.frame.shape, voxels * direction / direction.norm())
