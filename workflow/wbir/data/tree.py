"""Finding the files of a data set below a folder, as its owner packs them or as a person unpacked them."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from wbir.errors import InputError

JUNK = ("__macosx", "thumbs.db")


@dataclass(frozen=True)
class Tree:
    """The files below `root`; hidden ones and what archivers leave behind do not count.

    A pattern is the end of a path with `*` and `?` (`imagesTr/*.nii.gz`), whatever the case of its letters: owners pack a
    set with and without a folder around it, and spell names in several ways.
    """

    dataset: str
    root: Path

    @cached_property
    def _files(self) -> list[tuple[tuple[str, ...], Path]]:
        if not Path(self.root).is_dir():
            raise InputError(
                f"the folder of the data set {self.dataset}", f"nothing at {self.root}", "see docs/data-access.md"
            )
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not _junk(name))
            for name in files:
                if not _junk(name):
                    path = Path(folder, name)
                    found.append((tuple(part.lower() for part in path.relative_to(self.root).parts), path))
        return sorted(found)

    @cached_property
    def _by_name(self) -> dict[str, list[tuple[tuple[str, ...], Path]]]:
        names: dict[str, list[tuple[tuple[str, ...], Path]]] = {}
        for parts, path in self._files:
            names.setdefault(parts[-1], []).append((parts, path))
        return names

    def all(self, pattern: str) -> list[Path]:
        """Every file whose path ends like `pattern`, sorted."""
        wanted = PurePosixPath(pattern.lower()).parts
        plain = not any(sign in wanted[-1] for sign in "*?[")
        files = self._by_name.get(wanted[-1], []) if plain else self._files
        return [path for parts, path in files if _ends_like(parts, wanted)]

    def find(self, pattern: str) -> Path | None:
        """The one file that ends like `pattern`, or None. Raises InputError where there are several."""
        found = self.all(pattern)
        if len(found) > 1:
            got = ", ".join(str(path.relative_to(self.root)) for path in found[:3])
            raise InputError(
                f"one {pattern} of {self.dataset} in {self.root}", got, "keep one copy of the data set there"
            )
        return found[0] if found else None

    def one(self, pattern: str) -> Path:
        """The one file that ends like `pattern`. Raises InputError where there is none, or several."""
        found = self.find(pattern)
        if found is None:
            archives = [path.name for ending in ("*.zip", "*.tar", "*.tar.gz", "*.tgz") for path in self.all(ending)]
            got = f"none in {self.root}" + (f" (but archives: {', '.join(archives[:3])})" if archives else "")
            todo = f"unpack them there, or put them into the cache's {self.dataset}" if archives else "complete it"
            raise InputError(f"{pattern} of {self.dataset}", got, f"{todo}; see docs/data-access.md")
        return found


def _junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in JUNK


def _ends_like(parts: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    ends = parts[-len(wanted) :]
    return len(ends) == len(wanted) and all(fnmatch.fnmatchcase(p, w) for p, w in zip(ends, wanted, strict=True))
