"""CT of breathing lungs: end of expiration and of inspiration, or the phases of quiet breathing, with the exact correspondence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case, CohortWriter
from wbir.errors import InputError
from wbir.geometry.frames import Frame

if TYPE_CHECKING:
    from wbir.anatomy.breathing import State
    from wbir.anatomy.lung_scan import Scan
    from wbir.anatomy.lung_subject import Person

COHORT = {
    "title": "Breathing lungs",
    "reference": (
        "Paper 10, Sect. 3: 30 pairs of EMPIRE10 (8), Learn2Reg Task 2 (12) and DIR-Lab COPD (10) in five folds; DIR-Lab 4DCT, 10"
    ),
    "describes": (
        "Each subject is a chest in closed form: five lobes, airway, artery and vein trees that fill them, heart and great vessels, "
        "diaphragm, ribs and body wall. Breathing moves it by closed-form maps: the diaphragm descends, the wall widens, and what "
        "the wall encloses slides along it; density follows the volume (mass is kept), vessels keep their width. Fixed is the end "
        "of expiration, moving the end of inspiration or a phase of quiet breathing, in Hounsfield units (float32) with "
        "point-spread and noise of its centre. Labels: the five lobes; masks: the lungs; points: forks of arteries and veins; "
        "truth: where each voxel's tissue goes, across the pleura with its jump. Not modelled: sliding between lobes, heart beat, "
        "motion artefacts of 4D CT, contrast agent, tumours, fibrosis."
    ),
    "sources": ["simulated"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 60,
    "parameters": {
        "pairs": {"empire": 8, "learn2reg": 12, "copd": 10, "4dct": 0},  # subjects of each centre
        "breathing": "full",  # or tidal
        "phases": 2,  # of a tidal breath: end of expiration and n - 1 moving phases, each a case
        "shape": [192, 192, 208],
        "spacing": [1.75, 1.0, 1.25],  # mm of the fixed grid
        "prealigned": True,  # the moving image on a grid of moving_spacing about its own lungs' centre
        "moving_spacing": [1.75, 1.25, 1.75],  # mm, see build()
        "landmarks": 300,  # at most, forks of vessels
        "noise": 1.0,  # relative to the centre's
        "folds": 0,  # attribute `fold` for cross-validation
        "train": 0,  # subjects in these splits, where there are no folds
        "validation": 0,
    },
    "tiny": {"pairs": {"empire": 1, "learn2reg": 0, "copd": 1}, "shape": [24, 24, 26], "spacing": [14.0, 8.0, 10.0], "folds": 2,
             "moving_spacing": [14.0, 10.0, 14.0], "landmarks": 20},
    "dims": 3,
    "cases": {"train": "train", "validation": "validation", "test": "sum(pairs.values()) * (phases - 1) - train - validation"},
}  # fmt: skip
FORK_SIZES = (4, 300)  # end points that a landmark's vessel supplies: radii of some 0.7 to 3 mm
CLEAR = 2.0  # mm that a landmark lies inside the lung
KERNEL = 1.5  # mm full width at half maximum of the noise's texture
KERNEL_VOLUME = (1.505 * KERNEL) ** 3  # mm^3 over which such noise is as one: larger voxels average it


@dataclass(frozen=True)
class Centre:
    """group: of anatomy/lung_subject.py. blur: mm, full width at half maximum of the point-spread along x, y, z. noise: HU, standard
    deviation of the expiration's and the inspiration's scan (a low dose for expiration at the COPD centre)."""

    group: str
    blur: tuple[float, float, float]
    noise: tuple[float, float]


CENTRES = {
    "empire": Centre("screening", (0.9, 0.9, 1.1), (28.0, 28.0)),
    "learn2reg": Centre("screening", (1.1, 1.1, 1.5), (40.0, 32.0)),
    "copd": Centre("copd", (1.0, 1.0, 2.5), (36.0, 20.0)),
    "4dct": Centre("oncology", (1.2, 1.2, 2.5), (25.0, 25.0)),
}


def build(
    folder: Path, *, source: str, data: Path | None, seed: int, pairs: Mapping[str, int], breathing: str, phases: int,
    shape: Sequence[int], spacing: Sequence[float], prealigned: bool, moving_spacing: Sequence[float], landmarks: int,
    noise: float, folds: int, train: int, validation: int,
) -> None:  # fmt: skip
    """Write a case `<centre>-01` and so on for each subject (`<centre>-01-p30` for each moving phase where there are several).

    prealigned: the fixed grid lies about the fixed lungs' centre and the moving one, of `moving_spacing`, about the moving lungs'
    centre; both images then stand on one index grid whose frame is the fixed one, which takes most of the translation and scaling
    away. Displacements and points are in those indices, and errors in millimetres are the fixed frame's: an index step counts as a
    step of the fixed grid. Else both images are on the fixed grid in one world.

    Deviation from paper 10, Sect. 3: it prints 1.75 x 1.25 x 1.75 mm for expiration and 1.75 x 1.00 x 1.25 mm for inspiration. The
    lungs are larger in inspiration, so that only the coarser grid for inspiration makes up for the scaling and halves the
    initial error as the paper says; the two are taken to be exchanged in print.

    Phases are counted from the end of expiration, 00, the fixed image; the end of inspiration is 50. (DIR-Lab's T00 is the end of
    inspiration.) Raises InputError for unfit parameters.
    """
    from wbir.anatomy.lung_organs import LOBES
    from wbir.anatomy.lung_subject import BREATHS

    check_parameters(pairs, breathing, BREATHS, phases, shape, (spacing, moving_spacing), landmarks, noise)
    labels = splits(pairs, folds, train, validation)
    parameters = {
        "pairs": dict(pairs), "breathing": breathing, "phases": phases, "shape": list(shape), "spacing": spacing,
        "prealigned": prealigned, "moving_spacing": moving_spacing, "landmarks": landmarks, "noise": noise, "folds": folds,
        "train": train, "validation": validation,
    }  # fmt: skip
    card: dict[str, Any] = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card |= {"parameters": parameters, "measured": {}}
    writer = CohortWriter(folder, card, LOBES)
    maker = CaseMaker(
        seed,
        breathing,
        phases,
        tuple(shape),
        _sizes(spacing),
        _sizes(moving_spacing) if prealigned else None,
        landmarks,
        noise,
    )
    for name, attributes in labels.items():
        for case, measured in maker.cases(name, attributes):
            writer.add(case)
            card["measured"][case.id] = measured
    writer.close()


def check_parameters(
    pairs: Mapping[str, int], breathing: str, breaths: Sequence[str], phases: int, shape: Sequence[int],
    spacings: Sequence[Any], landmarks: int, noise: float,
) -> None:  # fmt: skip
    """Raise InputError where a parameter does not fit."""
    fix = "correct the cohort's parameters"
    if not pairs or set(pairs) - set(CENTRES) or min(pairs.values()) < 0 or not sum(pairs.values()):
        raise InputError(f"numbers of subjects for centres of {sorted(CENTRES)}", f"{dict(pairs)}", fix)
    if breathing not in breaths:
        raise InputError(f"breathing of {breaths}", repr(breathing), fix)
    if phases < 2 or (breathing == "full" and phases > 2):
        raise InputError("2 phases, or more of a tidal breath", f"{phases} of {breathing} breathing", fix)
    if len(shape) != 3 or min(shape) < 8 or landmarks < 1 or noise < 0:
        raise InputError("a 3D shape of 8 or more, a landmark, noise from 0", f"{shape}, {landmarks}, {noise}", fix)
    for spacing in spacings:
        if np.size(spacing) not in (1, 3) or np.min(spacing) <= 0:
            raise InputError("spacings of one or three numbers above 0", f"{spacing}", fix)


def splits(pairs: Mapping[str, int], folds: int, train: int, validation: int) -> dict[str, dict[str, str]]:
    """The attributes of each subject: centre, group, subject, split, and fold if there are folds.

    Folds: the subjects of all centres in turn, so each fold has its share of each centre; all are in the split `test`, since a
    fold's model is trained on the other folds. Else `train`, then `validation` subjects, spread over the centres; the rest tests.
    """
    names = [(centre, number) for centre in pairs for number in range(1, pairs[centre] + 1)]
    if folds and (train or validation or not 2 <= folds <= len(names)):
        expected = "folds from 2 to the number of subjects, and no other splits"
        raise InputError(expected, f"{folds}, {train}, {validation}", "correct the cohort's parameters")
    if min(train, validation, folds) < 0 or train + validation > len(names):
        raise InputError(
            f"splits of {len(names)} subjects", f"{train} + {validation}", "correct the cohort's parameters"
        )
    spread = sorted(names, key=lambda name: (name[1] - 0.5) / pairs[name[0]])
    kinds = ["train"] * train + ["validation"] * validation + ["test"] * (len(names) - train - validation)
    split = dict(zip(spread, kinds, strict=True))
    found = {}
    for place, (centre, number) in enumerate(names):
        subject = f"{centre}-{number:02d}"
        group = CENTRES[centre].group
        found[subject] = {"split": split[centre, number], "centre": centre, "group": group, "subject": subject}
        if folds:
            found[subject]["fold"] = str(place % folds)
    return found


def _sizes(spacing: Any) -> np.ndarray:
    return np.broadcast_to(np.asarray(spacing, float), (3,))


@dataclass(frozen=True)
class CaseMaker:
    """Makes the cases of one cohort. moving_spacing: mm, None where the moving image is on the fixed grid."""

    seed: int
    breathing: str
    phases: int
    shape: tuple[int, ...]
    spacing: np.ndarray
    moving_spacing: np.ndarray | None
    landmarks: int
    noise: float

    def cases(self, subject: str, attributes: Mapping[str, str]) -> list[tuple[Case, dict[str, float]]]:
        """The subject's cases, with what was measured of each: litres of the lungs, mean motion of the landmarks in mm."""
        from wbir.anatomy import lung_scan
        from wbir.anatomy.lung_subject import make_person

        def stream(*names: str) -> np.random.Generator:
            return named_generator(self.seed, "lung", subject, *names)

        person = make_person(stream, attributes["group"], self.breathing)
        frame = self._frame(self.spacing, lung_scan.lung_centre(person, lung_scan.REST))
        centre = CENTRES[attributes["centre"]]
        fixed = lung_scan.scan(person, frame, lung_scan.REST)
        image = self._acquire(fixed, frame, centre.blur, centre.noise[0], stream("fixed"))
        found = []
        for part in range(1, self.phases):
            phase = f"{round(100 * part / self.phases):02d}"
            marks = dict(attributes) | ({"phase": phase} if self.breathing == "tidal" else {})
            state = phase_state(person, part / self.phases)
            grid = frame
            if self.moving_spacing is not None:
                grid = self._frame(self.moving_spacing, lung_scan.lung_centre(person, state))
            moving = lung_scan.scan(person, grid, state)
            points = self._points(person, frame, grid, state, stream("landmarks"))
            case = Case(
                subject if self.phases == 2 else f"{subject}-p{phase}", frame, image,
                self._acquire(moving, grid, centre.blur, centre.noise[1], stream("moving", phase)),
                fixed.lobes, moving.lobes, fixed.lungs, moving.lungs, frame.to_voxel(points[0]), grid.to_voxel(points[1]),
                self._truth(person, frame, grid, state), attributes=marks,
            )  # fmt: skip
            measured = {
                "fixed_litres": lung_scan.lung_litres(person, lung_scan.REST),
                "moving_litres": lung_scan.lung_litres(person, state),
                "landmark_motion_mm": float(np.linalg.norm(points[1] - points[0], axis=1).mean()),
            }
            found.append((case, {key: round(value, 3) for key, value in measured.items()}))
        return found

    def _frame(self, spacing: np.ndarray, centre: np.ndarray) -> Frame:
        affine = np.diag([*spacing, 1.0])
        affine[:3, 3] = centre - spacing * (np.array(self.shape) - 1) / 2
        return Frame(self.shape, affine)

    def _acquire(
        self, seen: Scan, frame: Frame, blur: Sequence[float], noise: float, generator: np.random.Generator
    ) -> np.ndarray:
        """The image as the scanner gives it, HU, float32."""
        from scipy.ndimage import gaussian_filter

        from wbir.anatomy.noise import FWHM, correlated_noise

        sigma = [b / FWHM / s for b, s in zip(blur, frame.spacing, strict=True)]
        image = gaussian_filter(seen.hounsfield, sigma, mode="nearest", truncate=3.0)
        averaged = min(1.0, np.sqrt(KERNEL_VOLUME / np.prod(frame.spacing)))
        if self.noise:
            image += np.float32(self.noise * noise * averaged) * correlated_noise(frame, KERNEL, generator)
        return np.maximum(image, -1024.0)

    def _points(
        self, person: Person, frame: Frame, grid: Frame, state: State, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """World mm of landmarks at rest and in `state`: in the lungs, in both images, and off the jump at the pleura.

        A landmark's eight voxels all lie inside the wall, so that linear interpolation of the truth does not mix its two sides.
        """
        from wbir.anatomy.lung_scan import landmarks, move, resting

        points = landmarks(person, *FORK_SIZES)
        points = points[generator.permutation(len(points))]
        moved = move(person, points, state)
        fit = resting(person, points)[0] < -CLEAR
        for where, place in ((frame, points), (grid, moved)):
            index = where.to_voxel(place)
            fit &= np.all((index >= 0) & (index <= np.array(self.shape) - 1), axis=1)
        corner = np.floor(frame.to_voxel(points))
        for step in np.ndindex(2, 2, 2):
            fit &= resting(person, frame.to_world(corner + step))[1] < 0
        if not fit.any():
            raise InputError(
                "a grid with a fork of vessels in it", f"{frame.shape} of {frame.spacing} mm", "take finer voxels"
            )
        return points[fit][: self.landmarks], moved[fit][: self.landmarks]

    def _truth(self, person: Person, frame: Frame, grid: Frame, state: State) -> np.ndarray:
        """Index of the moving grid less index of the fixed grid, at every fixed voxel: float32 `(3, *shape)`."""
        from wbir.anatomy.lung_scan import displacement

        field = displacement(person, frame, state)
        for axis in range(3):
            ratio = frame.affine[axis, axis] / grid.affine[axis, axis]
            shift = (frame.affine[axis, 3] - grid.affine[axis, 3]) / grid.affine[axis, axis]
            index = np.arange(frame.shape[axis]).reshape([-1 if a == axis else 1 for a in range(3)])
            field[axis] = field[axis] / grid.affine[axis, axis] + ((ratio - 1) * index + shift)
        return field


def phase_state(person: Person, part: float) -> State:
    """The state at `part` (0 to 1) of the cycle: a cosine each for diaphragm and wall, the wall `lag` later (hysteresis)."""
    from wbir.anatomy.breathing import State

    def breath(t: float) -> float:
        return 0.5 - 0.5 * float(np.cos(2 * np.pi * t))

    return State(breath(part), breath(part - person.lag) - breath(-person.lag))
