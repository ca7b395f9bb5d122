"""What is here: methods, cohorts, figure kinds and papers are found by file name; their literals are read without importing them."""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wbir.errors import InputError

PACKAGE = Path(__file__).parent
WORKFLOW = PACKAGE.parent
REPOSITORY = WORKFLOW.parent


def modules(room: str) -> dict[str, Path]:
    """The files of a room (`methods`, `cohorts`, `figures`) by name; names with a leading underscore do not count."""
    return dict(_files_in(PACKAGE / room))


@functools.lru_cache(maxsize=None)
def _files_in(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("[!_]*.py"))}


@functools.lru_cache(maxsize=None)
def read_literal(path: Path, name: str) -> dict[str, Any]:
    """The literal assigned to `name` at the top of a file, read with `ast`: nothing is imported.

    Raises InputError where the file has no such literal.
    """
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            return ast.literal_eval(node.value)
    raise InputError(f"a literal {name} = {{...}} in {path.name}", "none", "see docs/adding-a-paper.md")


def describe(room: str, name: str) -> dict[str, Any]:
    """The SPEC of a method or the COHORT of a cohort. Raises InputError for an unknown name.

    A method's `training` parameters are filled up with the defaults of wbir/training/settings.py.
    """
    found = modules(room)
    if name not in found:
        raise InputError(
            f"one of the {room}: {', '.join(found)}", repr(name), f"add {room}/{name}.py or correct the name"
        )
    literal = read_literal(found[name], {"methods": "SPEC", "cohorts": "COHORT", "figures": "KIND"}[room])
    parameters = literal.get("parameters", {})
    if room != "methods" or "training" not in parameters:
        return literal
    training = {**read_literal(PACKAGE / "training" / "settings.py", "DEFAULTS"), **parameters["training"]}
    return {**literal, "parameters": {**parameters, "training": training}}


def closure(paths: Iterable[Path]) -> list[Path]:
    """The files of this library that the given files import, directly or not, themselves included (sorted).

    Rules list them as inputs: Snakemake does not see that an imported module changed.
    """
    todo, seen = [Path(p) for p in paths], set()
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo.extend(_imports(path))
    return sorted(seen)


@functools.lru_cache(maxsize=None)
def defined_functions(path: Path) -> frozenset[str]:
    """The names of a file's top-level functions, read with `ast`."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef))


def networks_in(value: Any) -> list[Path]:
    """The files of the networks that parameters name: every group `{"name": …}` in them whose name is a network's."""
    parts: Iterable[Any] = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    own = (
        [modules("nets")[value["name"]]] if isinstance(value, Mapping) and value.get("name") in modules("nets") else []
    )
    return sorted({*own, *(path for part in parts for path in networks_in(part))})


@functools.lru_cache(maxsize=None)
def _imports(path: Path) -> tuple[Path, ...]:
    """The files that a file imports, and those of the networks that it builds by a name written there."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "build":
            words = [a.value for a in node.args[:1] if isinstance(a, ast.Constant)]
            found.update(modules("nets")[word] for word in words if word in modules("nets"))
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found.update(file for name in names if name.split(".")[0] == PACKAGE.name for file in _files(name))
    return tuple(found)


def _files(module: str) -> list[Path]:
    base = WORKFLOW.joinpath(*module.split("."))
    return [p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()]


def digest(paths: Iterable[Path]) -> str:
    """SHA-256 over the contents of files, in order of their names."""
    total = hashlib.sha256()
    for path in sorted(paths, key=lambda p: p.as_posix()):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def merge_parameters(what: str, defaults: dict[str, Any], *overrides: dict[str, Any]) -> dict[str, Any]:
    """Defaults with overrides laid on; an unknown key and a value unlike its default are InputErrors.

    A default that is a group of parameters (a dictionary with keys) takes overrides key by key.
    """
    merged = dict(defaults)
    for override in overrides:
        unknown = sorted(set(override) - set(defaults))
        if unknown:
            raise InputError(f"parameters of {what} among {sorted(defaults)}", f"{unknown}", "correct the key")
        for key, value in override.items():
            if not alike(value, defaults[key]):
                raise InputError(f"{key} of {what} like {defaults[key]!r}", repr(value), "correct its type")
            group = isinstance(defaults[key], dict) and bool(defaults[key]) and value is not None
            merged[key] = merge_parameters(f"{key} of {what}", merged[key], value) if group else value
    return merged


def alike(value: Any, default: Any) -> bool:
    """Whether a value is of its default's kind. A whole number is a number too; None, on either side, leaves it open.

    A word may give way to a list: `all` to the names of some.
    """
    if value is None or default is None:
        return True
    if isinstance(default, list):
        samples = [d for d in default if d is not None]
        return isinstance(value, list) and (not samples or all(any(alike(v, d) for d in samples) for v in value))
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    kinds: dict[type, tuple[type, ...]] = {float: (int, float), str: (str, list)}
    return isinstance(value, kinds.get(type(default), (type(default),)))
