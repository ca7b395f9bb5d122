"""The chain on a miniature: archives made, a catalogue of them written, served or put in place, acquired, converted."""

from __future__ import annotations

import hashlib
import importlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from wbir.cases import Cohort
from wbir.cohort_plans import datasets_of
from wbir.data.acquire import acquire
from wbir.data.catalogue import COLUMNS, catalogue_path
from wbir.discovery import describe
from wbir.files import read_rows, write_rows

LIMIT = 1_000_000_000


def archive(dataset: str) -> ModuleType:
    return importlib.import_module("mirror.archives." + dataset.replace("-", "_"))


@dataclass
class Mirror:
    """Miniatures below `folder`, one subfolder a data set, as `site` (a URL) serves it."""

    folder: Path
    site: str

    def make(self, datasets: Iterable[str]) -> Path:
        """Make the miniatures and their catalogue; returns the catalogue's path."""
        rows = []
        for dataset in datasets:
            (self.folder / dataset).mkdir(parents=True)
            archive(dataset).make(self.folder / dataset)
            rows += [self._row(row) for row in read_rows(catalogue_path()) if row["dataset"] == dataset]
        listing = self.folder / "datasets.csv"
        write_rows(listing, [row for row in rows if row], list(COLUMNS))
        return listing

    def _row(self, row: Mapping[str, str]) -> dict[str, str] | None:
        """The catalogue's row for the miniature of its file; a file that was not made keeps its row only if it is `unknown`."""
        path = self.folder / row["dataset"] / row["file"]
        if not path.exists():
            return dict(row) if row["file"] == "unknown" else None
        changed = dict(row)
        if path.is_file():
            content = path.read_bytes()
            changed |= {"bytes": str(len(content)), "checksum": "sha256:" + hashlib.sha256(content).hexdigest()}
            changed |= {"checksum_kind": "third party"}
        if row["unpacked_limit"] != "none":
            changed["unpacked_limit"] = str(LIMIT)
        if row["access"] == "open" and row["url"] not in ("unknown", "none"):
            changed["url"] = f"{self.site}/{row['dataset']}/{row['file'].replace(' ', '%20')}"
        return changed

    def by_hand(self, dataset: str, cache: Path, listing: Path) -> None:
        """Do what a person does: put what may not be fetched into the cache."""
        rows = [row for row in read_rows(listing) if row["dataset"] == dataset]
        served = {row["file"] for row in rows if row["url"].startswith(self.site)}
        for path in sorted((self.folder / dataset).iterdir()):
            if path.name not in served:
                (cache / dataset).mkdir(parents=True, exist_ok=True)
                copy = shutil.copytree if path.is_dir() else shutil.copy2
                copy(path, cache / dataset / path.name)


def parameters(dataset: str) -> dict[str, Any]:
    """Of the cohort that reads the data set, small enough for its miniature."""
    module = archive(dataset)
    spec = describe("cohorts", module.COHORT)
    return {**spec["parameters"], **getattr(module, "PARAMETERS", spec["tiny"])}


def build(dataset: str, folder: Path, cache: Path, listing: Path) -> Cohort:
    """The cohort that reads a data set, built into `folder` from what the cache holds or the mirror serves."""
    name = archive(dataset).COHORT
    accepted = datasets_of(name)
    data = {part: acquire(part, cache, listing=listing, accepted=accepted) for part in accepted}
    builder = importlib.import_module(f"wbir.cohorts.{name}")
    builder.build(folder, source="public", data=data, seed=0, **parameters(dataset))
    return Cohort.open(folder)
