"""Writing miniatures: images with the headers that owners give them, and the archives they come in."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def write_nifti(path: Path, array: np.ndarray, affine: np.ndarray | Sequence[float] = (1.0, 1.0, 1.0)) -> None:
    """A NIfTI (or Analyze, by the name) of the array's own type. affine: `(4, 4)`, voxel to RAS mm, or three spacings."""
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    matrix = np.asarray(affine, dtype=float)
    matrix = np.diag([*matrix, 1.0]) if matrix.ndim == 1 else matrix
    nibabel.save(nibabel.Nifti1Image(array, matrix), path)


def zip_up(root: Path, archive: Path, *, inside: str | None = None) -> None:
    """Move a folder into a zip, as `inside/…` (its own name by default; "" for no folder around the files)."""
    prefix = root.name if inside is None else inside
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            bundle.write(path, str(Path(prefix) / path.relative_to(root)))
    shutil.rmtree(root)


def tar(root: Path, archive: Path, *, inside: str | None = None) -> None:
    """Move a folder into a tar (packed by gzip where the name says so), as `zip_up` does."""
    with tarfile.open(archive, "w:gz" if archive.name.endswith("gz") else "w") as bundle:
        bundle.add(root, root.name if inside is None else inside or ".")
    shutil.rmtree(root)
