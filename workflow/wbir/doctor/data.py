"""Data sets: those in the cache, those that the configuration names, and downloads that were cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wbir.data.acquire import INVENTORY
from wbir.data.catalogue import catalogue
from wbir.doctor.findings import Finding, Place, gigabytes, some
from wbir.files import read_rows


def check_data_sets(place: Place) -> Iterator[Finding]:
    """The data sets of the catalogue that lie in the cache, by their inventories; sizes are compared, nothing is hashed."""
    known = dict.fromkeys(row.dataset for row in catalogue(place.repository / "config" / "datasets.csv"))
    whole: list[str] = []
    for name in known:
        folder = place.cache / name
        if not folder.is_dir():
            continue
        if not (folder / INVENTORY).is_file():
            yield Finding(
                f"data set {name}", "note", f"{folder} has no {INVENTORY}", f"wbir acquire {name} checks what is there"
            )
        elif wrong := unlike(folder):
            todo = f"put them back, or fetch them again: wbir acquire {name}"
            yield Finding(f"data set {name}", "note", f"missing or of another size: {some(wrong)}", todo)
        else:
            whole.append(name)
    yield Finding(
        "data sets", "ok", f"complete in {place.cache}: {some(whole, 30)}" if whole else f"none in {place.cache}"
    )


def check_own_data(place: Place) -> Iterator[Finding]:
    """The folders that `data` in config/config.yaml names."""
    import yaml

    config = yaml.safe_load((place.repository / "config" / "config.yaml").read_text(encoding="utf-8"))
    for name, folder in (config.get("data") or {}).items():
        if not (place.repository / str(folder)).is_dir():
            todo = "correct `data` in config/config.yaml"
            yield Finding(f"data: {name}", "problem", f"no folder {folder}", todo)
        else:
            yield Finding(f"data: {name}", "ok", str(folder))


def check_partial_downloads(place: Place) -> Finding:
    parts = sorted(place.cache.glob("*/**/.*.part"))
    if not parts:
        return Finding("partial downloads", "ok", "none")
    size = gigabytes(sum(path.stat().st_size for path in parts))
    names = some([str(path.relative_to(place.cache)) for path in parts])
    todo = "`wbir acquire` goes on with them; delete them if you no longer want the files"
    return Finding("partial downloads", "note", f"{len(parts)}, {size}: {names}", todo)


def unlike(folder: Path) -> list[str]:
    """The files of a data set's inventory that are not there, or not of its size."""
    return [row["file"] for row in read_rows(folder / INVENTORY) if not _as_listed(folder / row["file"], row["bytes"])]


def _as_listed(path: Path, size: str) -> bool:
    return path.is_file() and path.stat().st_size == int(size) if size else path.exists()
