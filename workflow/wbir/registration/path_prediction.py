"""From a case to the prediction of a broken geodesic: what the methods `log_demons` and `broken_geodesic` share."""

from __future__ import annotations

import math

import numpy as np
import torch

from wbir.cases import Case, Prediction, Reading
from wbir.errors import InputError
from wbir.registration.broken_geodesic import BrokenGeodesic, broken_geodesic, displacement_lengths, velocity_norm
from wbir.registration.log_demons import DemonsSettings, adaptive_exponential


def predict_path(
    case: Case, settings: DemonsSettings, *, max_pieces: int, tolerance: float, alpha_mm: float | None, device: str
) -> Prediction:
    """Register a case by a broken geodesic of at most `max_pieces`; the method `broken_geodesic` lists its readings.

    Both images are brought to [0, 1] by one shared shift and scale, so that their intensities keep their relation.
    alpha_mm: the length of the Sobolev norm in mm; None derives it from `sigma_diffusion`. Raises InputError where it
    is negative.
    """
    if alpha_mm is not None and alpha_mm < 0:
        raise InputError("alpha_mm >= 0 or none", str(alpha_mm), "correct it")
    low = float(min(case.fixed.min(), case.moving.min()))
    scale = float(max(case.fixed.max(), case.moving.max())) - low or 1.0
    fixed, moving = (_tensor((image - low) / scale, device) for image in (case.fixed, case.moving))
    path = broken_geodesic(fixed, moving, settings, max_pieces=max_pieces, tolerance=tolerance)
    spacing = case.frame.spacing
    alpha = tuple(settings.sigma_diffusion * s / math.sqrt(2) if alpha_mm is None else alpha_mm for s in spacing)
    return Prediction(
        displacement=_array(path.displacement),
        inverse=_array(path.inverse),
        readings=path_readings(path, spacing, alpha),
        arrays={"path_slices": np.stack([_middle(_array(image)) for image in path.images]) * scale + low},
    )


def path_readings(path: BrokenGeodesic, spacing: tuple[float, ...], alpha: tuple[float, ...]) -> list[Reading]:
    """What a path says of itself; spacing and alpha in mm along each axis."""
    norms = [velocity_norm(v, spacing, alpha) for v in path.velocities]
    lengths = [velocity_norm(v, spacing, (0.0,) * len(spacing)) for v in path.velocities]
    readings = [
        Reading("path_length", math.fsum(norms), "mm"),
        Reading("path_length_l2", math.fsum(lengths), "mm"),
        Reading("pieces", float(len(path.velocities))),
        *(Reading("residual_mse", value, label=str(i)) for i, value in enumerate(path.residuals)),
    ]
    for i, (velocity, norm) in enumerate(zip(path.velocities, norms, strict=True), start=1):
        mean, largest = displacement_lengths(adaptive_exponential(velocity), spacing)
        readings += [
            Reading("segment_norm", norm, "mm", str(i)),
            Reading("segment_displacement", mean, "mm", str(i)),
            Reading("segment_max_displacement", largest, "mm", str(i)),
        ]
    return readings


def _tensor(image: np.ndarray, device: str) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None, None].to(device)


def _array(tensor: torch.Tensor) -> np.ndarray:
    """`(1, C, *shape)` to `(C, *shape)` float32."""
    return tensor[0].cpu().numpy().astype(np.float32)


def _middle(image: np.ndarray) -> np.ndarray:
    """The middle slice across the last axis of `(1, X, Y, Z)`, or the image of `(1, X, Y)`."""
    return image[0, ..., image.shape[-1] // 2] if image.ndim == 4 else image[0]
