"""What reversing the contrast of one image does to the two NGF similarities (paper 17, Sect. 2, Eqs. 2 and 3).

The squared similarity of every voxel stays as it is, the unsquared one changes its sign: aligned images of reversed
contrast minimise the latter. Measured on a case's two images as they lie, in double precision, at every voxel. It
registers nothing.
"""

from __future__ import annotations

from wbir.cases import Case, Prediction, Reading

SPEC = {
    "title": "NGF similarities under a reversed contrast",
    "reference": "paper 17, Sect. 2",
    "kind": "iterative",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 2000,
    "runtime": 10,
    "gpu": 0,
    "parameters": {
        "epsilon": 1e-5,  # of Eq. 1, intensity per voxel
    },
    "tiny": {},
    "dims": [2, 3],
    "registers": False,  # finds no map between two images
}


def predict(case: Case, *, seed: int, device: str = "cpu", epsilon: float) -> Prediction:
    """The readings squared_change, `max |s(A, 1 - B) - s(A, B)|`, and unsquared_sum, `max |s(A, 1 - B) + s(A, B)|`,
    over voxels; and squared_mean and unsquared_mean of `s(A, B)`, against which they are small."""
    import torch

    from wbir.registration.ngf_measure import GradientMeasure
    from wbir.registration.rigid_cases import unit_image

    measure = GradientMeasure(epsilon=epsilon)

    def dots(invert: bool) -> torch.Tensor:
        moving = unit_image(case.moving, device=device, dtype=torch.float64, invert=invert)
        fields = (measure.field(measure.prepare(image, torch.ones_like(image))) for image in (fixed, moving))
        return torch.stack(list(fields)).prod(0).sum(1)

    fixed = unit_image(case.fixed, device=device, dtype=torch.float64)
    plain, inverted = dots(False), dots(True)
    return Prediction(
        readings=[
            Reading("squared_change", float((inverted.square() - plain.square()).abs().max())),
            Reading("unsquared_sum", float((inverted + plain).abs().max())),
            Reading("squared_mean", float(plain.square().mean())),
            Reading("unsquared_mean", float(plain.mean())),
        ]
    )
