"""A conda channel on disk, whose packages make the installed distributions of this interpreter importable in an environment.

They carry the names, versions and requirements of the real ones, so that the solver has something to solve, and an
environment holds what its file asks for and nothing else.
"""

from __future__ import annotations

import asyncio
import io
import json
import platform
import sys
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from environments import CONDA_NAMES, conda_name

SUBDIR = "linux-64"
SITE = "lib/python3.11/site-packages"
NOT_LINKED = {"..", "__pycache__"}  # scripts of the installed distribution, whose first lines name its own interpreter


@dataclass(frozen=True)
class Package:
    """What conda installs: files by their place in the environment, a path to be linked to or the text itself."""

    name: str
    version: str
    depends: list[str]
    files: Mapping[str, Path | str]


def stand_ins(names: Iterable[str], links: Path) -> list[Package]:
    """Packages for these distributions of conda-forge, by its names, and for all that they require.

    links: gets a folder for each, with links to what is installed of it; conda itself does not install links to folders.
    """
    distributions = {conda: name for name, conda in CONDA_NAMES.items()}
    todo, found = [canonicalize_name(distributions.get(name, name)) for name in names], {}
    while todo:
        name = todo.pop()
        if name not in found:
            installed = distribution(name)
            required = [
                r for r in map(Requirement, installed.requires or []) if r.marker is None or r.marker.evaluate()
            ]
            found[name] = _package(installed, required, links / name)
            todo.extend(canonicalize_name(requirement.name) for requirement in required)
    return list(found.values())


def _package(installed: Distribution, required: list[Requirement], folder: Path) -> Package:
    folder.mkdir(parents=True)
    for top in {file.parts[0] for file in installed.files or []} - NOT_LINKED:
        (folder / top).symlink_to(str(installed.locate_file(top)))
    depends = [f"{conda_name(requirement.name)} {requirement.specifier}".strip() for requirement in required]
    version = Version(installed.version).public  # conda-forge's torch has no `+cpu` in it
    return Package(
        conda_name(installed.name), version, ["python", *depends], {f"{SITE}/{folder.name}.pth": f"{folder}\n"}
    )


def interpreter(witness: Path) -> Package:
    """`python`: a link to this interpreter, and what makes it take the environment for its own (as in a venv).

    Each start of it adds a line to `witness`: the environment, CONDA_PREFIX and the command line, as JSON.
    """
    base = Path(sys.base_prefix) / "bin" / "python3.11"
    told = f"open({str(witness)!r}, 'a').write(json.dumps([sys.prefix, os.environ.get('CONDA_PREFIX'), sys.orig_argv]) + '\\n')"
    files: dict[str, Path | str] = {f"bin/{name}": base for name in ("python", "python3", "python3.11")}
    files |= {"pyvenv.cfg": f"home = {base.parent}\n", f"{SITE}/witness.pth": f"import json, os, sys; {told}\n"}
    return Package("python", platform.python_version(), [], files)


def write_channel(folder: Path, packages: Iterable[Package]) -> None:
    """Write the packages and the index of a channel into `folder`."""
    from rattler.index import index_fs

    for subdir in (SUBDIR, "noarch"):
        (folder / subdir).mkdir(parents=True)
    for package in packages:
        _write(folder / SUBDIR / f"{package.name}-{package.version}-0.tar.bz2", package)
    asyncio.run(index_fs(folder, write_zst=False, write_shards=False))


def _write(path: Path, package: Package) -> None:
    about = {"build": "0", "build_number": 0, "subdir": SUBDIR, "arch": "x86_64", "platform": "linux"}
    index = {"name": package.name, "version": package.version, "depends": package.depends, **about}
    kinds = {name: "softlink" if isinstance(what, Path) else "hardlink" for name, what in package.files.items()}
    paths = [{"_path": name, "path_type": kind} for name, kind in kinds.items()]
    meta = {
        "info/index.json": json.dumps(index),
        "info/files": "".join(f"{name}\n" for name in package.files),
        "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}),
    }
    with tarfile.open(path, "w:bz2") as archive:
        for name, what in {**meta, **package.files}.items():
            member = tarfile.TarInfo(name)
            member.mode = 0o644
            if isinstance(what, Path):
                member.type, member.linkname = tarfile.SYMTYPE, str(what)
                archive.addfile(member)
            else:
                content = what.encode()
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
