"""A healthy template slice and slices of simulated patients with a brain tumour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case, CohortWriter
from wbir.errors import InputError
from wbir.geometry.frames import Frame

if TYPE_CHECKING:
    from wbir.anatomy.tumour import Tumour

COHORT = {
    "title": "Tumour slices",
    "reference": "Paper 02, Sect. 3: the healthy template SRI24 to one slice each of 50 patients of BraTS 2021, T1w, 240 x 240",
    "describes": (
        "Moving: an axial slice of the MNI152 template, a T1 contrast of its tissue fractions without noise, as an atlas has. "
        "Fixed: that slice of a patient: a random diffeomorphism of the template (another person), then a tumour: a core that grew "
        "inside an elastic brain (mass effect; the ventricles give way), with a dark necrotic centre, and oedema that spread through "
        "white matter; bias field and Rician noise. Label 1: ventricles, followed exactly. Fixed mask: core and oedema. Truth: the "
        "displacement to the template; inside the core it says where the tissue was that the tumour pushed aside. Not modelled: other "
        "folds, old age, several foci, infiltration without signal, contrast agent, bleeding, treatment, pushing out of the slice."
    ),
    "sources": ["simulated"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 2000,
    "runtime": 60,
    "parameters": {
        "patients": 50,  # of the test
        "train": 0,  # other patients, for methods that learn
        "validation": 0,
        "size": 240,  # pixels along each side
        "spacing": 1.0,  # mm
        "height": 20.0,  # MNI mm of the slice: through the bodies of the lateral ventricles
        "radius": [10.0, 22.0],  # mm of the grown core, uniform
        "pushing": [0.3, 0.7],  # part of the core's area that came by pushing, uniform; the rest replaced tissue
        "reach": [10.0, 25.0],  # mm of the oedema in white matter, uniform
        # velocity scales: pairs (sigma mm, root mean square of each vector component mm)
        "components": [[30.0, 2.5], [8.0, 1.2]],
        "bias": 0.03,  # standard deviation of the log bias field
        "noise": 0.02,  # Rician, of white matter
    },
    "tiny": {"patients": 1, "train": 1, "size": 32, "spacing": 7.5},
    "dims": 2,
    "cases": {"test": "patients", "train": "train", "validation": "validation"},
}
LABELS = {1: "ventricles"}
NECROSIS, RIM = 0.32, 0.62  # T1 signal relative to white matter: dead centre, living tumour
DARKENING = 0.3  # of the signal where the oedema is full
NECROTIC = 0.7  # of the core's radius, before its edge is made uneven
UNEVEN = 0.12  # of the core's radius, root mean square of that edge
CLEARANCE = {"ventricles": 3.0, "edge": 6.0}  # mm that the seed keeps from the ventricles and from the brain's edge
SLAB = 45.0  # mm of head about the slice, to tell ventricles from sulci by depth; odd, so that one plane is the slice
TRIES = 2000  # places that are drawn for a tumour before the roomiest one is taken


@dataclass(frozen=True)
class Patient:
    """image: noise-free signal, white matter 1; ventricles, mask: bool; truth: displacement to the template, voxels."""

    image: np.ndarray
    ventricles: np.ndarray
    mask: np.ndarray
    truth: np.ndarray


def build(
    folder: Path, *, source: str, data: Path | None, seed: int, patients: int, train: int, validation: int, size: int,
    spacing: float, height: float, radius: Sequence[float], pushing: Sequence[float], reach: Sequence[float],
    components: Sequence[Sequence[float]], bias: float, noise: float,
) -> None:  # fmt: skip
    """Write a case `patient-01` and so on for each patient of the test, `train-01` and `validation-01` for the others.

    The test has the same patients whatever stands beside it. Raises InputError for unfit parameters.
    """
    check_parameters(patients, train, validation, size, radius, pushing, reach)
    from wbir.anatomy.modalities import MR_SCALE

    maps, frame = template_slice(size, spacing, height)
    moving = np.clip(maps["ideal"] / MR_SCALE, 0.0, 1.0) * (maps["brain"] > 0.5)
    labels = (maps["ventricles"] > 0.5).astype(np.int16)
    card: dict = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["parameters"] = {
        "patients": patients, "train": train, "validation": validation, "size": size, "spacing": spacing,
        "height": height, "radius": list(radius), "pushing": list(pushing), "reach": list(reach),
        "components": [list(c) for c in components], "bias": bias, "noise": noise,
    }  # fmt: skip
    writer = CohortWriter(folder, card, LABELS)
    writer.card["tumours"] = {}
    counts = {"test": patients, "train": train, "validation": validation}
    for split, number in ((split, n) for split, count in counts.items() for n in range(1, count + 1)):
        case_id = f"{'patient' if split == 'test' else split}-{number:02d}"
        warp, seen = healthy(maps, frame, components, named_generator(seed, case_id, "person"))
        tumour = draw_tumour(seen, frame, radius, pushing, reach, named_generator(seed, case_id, "tumour"))
        patient = with_tumour(maps, warp, seen, frame, tumour, named_generator(seed, case_id, "edge"))
        image = _scan(patient.image, frame, bias, noise, named_generator(seed, case_id, "scan"))
        writer.card["tumours"][case_id] = asdict(tumour)
        writer.add(
            Case(
                case_id, frame, image, moving.astype(np.float32), fixed_labels=patient.ventricles.astype(np.int16),
                moving_labels=labels, fixed_mask=patient.mask, truth=patient.truth,
                attributes={"split": split, "core_radius_mm": f"{tumour.radius:.2f}"},
            )
        )  # fmt: skip
    writer.close()


def check_parameters(
    patients: int, train: int, validation: int, size: int, radius: Sequence[float], pushing: Sequence[float],
    reach: Sequence[float],
) -> None:  # fmt: skip
    """Raise InputError for parameters that no cohort can be made of."""
    fit = patients >= 1 and min(train, validation) >= 0 and size >= 16 and min(*radius, *reach) > 0
    if not fit or not 0 < min(pushing) <= max(pushing) < 1:
        got = f"patients {patients}, train {train}, validation {validation}, size {size}, "
        got += f"pushing {pushing}, radius {radius}, reach {reach}"
        raise InputError(
            "patients, a size of 16 or more, lengths above 0, pushing in (0, 1)", got, "correct the parameters"
        )


def template_slice(size: int, spacing: float, height: float) -> tuple[dict[str, np.ndarray], Frame]:
    """The template's slice at `height` (MNI mm) as fractions: brain, white, grey, fluid, ventricles; and its noise-free T1 (ideal)."""
    from wbir.anatomy.modalities import ideal_image
    from wbir.anatomy.template import BRAIN_CENTRE, BRAIN_SIZE, TISSUES, brain_maps, centred_frame, resample

    slab = centred_frame((*BRAIN_CENTRE[:2], height), (*BRAIN_SIZE[:2], SLAB), 1.0)
    thick = brain_maps(slab)
    sheet = Frame(slab.shape[:2], slab.affine[np.ix_([0, 1, 3], [0, 1, 3])])
    frame = centred_frame(BRAIN_CENTRE[:2], (size * spacing,) * 2, spacing)
    thin = {name: thick[name][..., slab.shape[2] // 2] for name in ("brain", *TISSUES)}
    thin["ventricles"] = thin["fluid"] * _ventricle_plane(thick, slab)
    maps = {name: resample(image, sheet, frame) for name, image in thin.items()}
    return {**maps, "ideal": ideal_image("T1", {name: maps[name] for name in TISSUES})}, frame


def _ventricle_plane(thick: Mapping[str, np.ndarray], slab: Frame) -> np.ndarray:
    """Bool in the middle plane: the connected dark regions that hold deep ventricular fluid, with the partial voxels around them."""
    from scipy.ndimage import binary_dilation, label

    from wbir.anatomy.ageing import ventricles

    middle = slab.shape[2] // 2
    sure = ventricles(thick, slab)[..., middle] > 0.5
    regions, _ = label(thick["fluid"][..., middle] > 0.5)
    return binary_dilation(np.isin(regions, np.setdiff1d(regions[sure], [0])), iterations=2)


def healthy(
    maps: Mapping[str, np.ndarray], frame: Frame, components: Sequence[Sequence[float]], generator: np.random.Generator
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A person before the tumour: the displacement to the template, and the fractions."""
    from wbir.anatomy.deformation import exponential, random_velocity, see_through

    warp = exponential(random_velocity(frame, components, generator))
    return warp, {name: see_through(image, warp, order=1) for name, image in maps.items()}


def draw_tumour(
    seen: Mapping[str, np.ndarray], frame: Frame, radius: Sequence[float], pushing: Sequence[float],
    reach: Sequence[float], generator: np.random.Generator,
) -> Tumour:  # fmt: skip
    """A tumour whose seed lies anywhere in white or grey matter, clear of ventricles and edge (or as clear as can be)."""
    from scipy.ndimage import distance_transform_edt

    from wbir.anatomy.template import BRAIN_CENTRE, BRAIN_SIZE
    from wbir.anatomy.tumour import Tumour

    size, part, far = (float(generator.uniform(low, high)) for low, high in (radius, pushing, reach))
    seed = float(size * np.sqrt(1 - part))
    inside = seen["brain"] > 0.5
    to_edge = distance_transform_edt(inside, sampling=frame.spacing)
    to_ventricle = distance_transform_edt(seen["ventricles"] < 0.5, sampling=frame.spacing)
    room = np.minimum(to_edge - CLEARANCE["edge"], to_ventricle - CLEARANCE["ventricles"]) - seed
    # drawn in millimetres, so that a patient has its tumour in one place at any spacing
    points = np.array(BRAIN_CENTRE[:2]) + (generator.random((TRIES, 2)) - 0.5) * BRAIN_SIZE[:2]
    places = np.clip(np.rint(frame.to_voxel(points)).astype(int), 0, np.array(frame.shape) - 1)
    rooms = room[places[:, 0], places[:, 1]]
    centre = points[int(np.argmax(rooms >= min(0.0, float(rooms.max()))))]
    return Tumour((float(centre[0]), float(centre[1])), seed, size, far)


def with_tumour(
    maps: Mapping[str, np.ndarray], warp: np.ndarray, seen: Mapping[str, np.ndarray], frame: Frame, tumour: Tumour,
    generator: np.random.Generator,
) -> Patient:  # fmt: skip
    """The patient's noise-free image (white matter 1), ventricles, tumour mask, and the displacement to the template."""
    from wbir.anatomy.deformation import compose, see_through
    from wbir.anatomy.tumour import OEDEMA_LEVEL, disc, mass_effect, oedema

    grown = mass_effect(seen, frame, tumour)
    truth = compose(warp, grown)
    now = {name: see_through(image, truth, order=1) for name, image in maps.items()}
    core = see_through(disc(frame, tumour.centre, tumour.seed), grown, order=1)
    brain = now["brain"] > 0.5
    swollen = oedema({name: now[name] * (1 - core) for name in ("white", "grey", "fluid")}, core, frame, tumour.reach)
    swollen *= now["white"] + now["grey"]
    necrosis = np.minimum(core, _necrosis(frame, tumour, grown, generator))
    signal = see_through(maps["ideal"], truth) * (1 - DARKENING * swollen)
    signal = (1 - core) * signal + (core - necrosis) * RIM + necrosis * NECROSIS
    mask = ((core > 0.5) | (swollen > OEDEMA_LEVEL)) & brain
    return Patient(signal * brain, (now["ventricles"] * (1 - core) > 0.5) & brain, mask, truth)


def _necrosis(frame: Frame, tumour: Tumour, grown: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The part of each pixel that is dead: the seed's inner part with an uneven edge, carried by the growth."""
    from wbir.anatomy.deformation import see_through, smooth_field
    from wbir.anatomy.tumour import disc

    edge = UNEVEN * tumour.seed * smooth_field(frame, 4.0, generator)[0]
    return see_through(disc(frame, tumour.centre, NECROTIC * tumour.seed + edge), grown, order=1)


def _scan(ideal: np.ndarray, frame: Frame, bias: float, noise: float, generator: np.random.Generator) -> np.ndarray:
    """As a scanner and a skull stripping leave it: the brain only."""
    from wbir.anatomy.modalities import magnetic_resonance

    image = magnetic_resonance(ideal, frame, generator, bias=bias, noise=noise)
    return (np.clip(image, 0.0, 1.0) * (ideal > 0)).astype(np.float32)
