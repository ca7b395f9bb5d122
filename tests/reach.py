"""Which packages a piece of this library can come to import, read with `ast`, function by function; nothing is run."""

from __future__ import annotations

import ast
import functools
import itertools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wbir.discovery import PACKAGE

Place = tuple[str, str]  # a module of the library, and a function or class at its top ("": what its import runs)
Binding = tuple[
    str, str, str
]  # a name in the code, the module that it comes from, the name there ("": the module itself)


@dataclass(frozen=True)
class Code:
    """A piece of code: the names that it mentions, what it binds by imports, the packages that it needs, modules it loads."""

    words: frozenset[str]
    bindings: tuple[Binding, ...]
    packages: frozenset[str]
    loads: frozenset[str]


def packages_of(places: Iterable[Place]) -> set[str]:
    """The packages outside of the standard library that code at these places, or anything that it uses, imports by name."""
    todo, seen, found = list(places), set(), set()
    while todo:
        place = todo.pop()
        if place not in seen:
            seen.add(place)
            code = _code(*place)
            found |= code.packages
            todo.extend(_uses(place, code))
    return found


def whole(module: str) -> list[Place]:
    """A module with all of its functions and classes: one that is imported by a name that only the run knows."""
    return [(module, name) for name in ("", *_definitions(module))]


def _uses(place: Place, code: Code) -> Iterator[Place]:
    module, _ = place
    yield from ((loaded, "") for loaded in code.loads)
    yield from ((module, other) for other in _definitions(module) if other in code.words)
    yield module, ""
    for bound, origin, attribute in (*code.bindings, *_code(module, "").bindings):
        if bound in code.words:
            wanted = {attribute} if attribute else code.words
            yield from ((origin, other) for other in _definitions(origin) if other in wanted)


@functools.cache
def _path(module: str) -> Path | None:
    base = PACKAGE.parent.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


@functools.cache
def _definitions(module: str) -> dict[str, ast.stmt]:
    path = _path(module)
    body = ast.parse(path.read_text(encoding="utf-8")).body if path else []
    return {n.name: n for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef)}


@functools.cache
def _code(module: str, name: str) -> Code:
    if name:
        return _read([_definitions(module)[name]])
    path = _path(module)
    assert path, f"{module} is no module of this library"
    body = ast.parse(path.read_text(encoding="utf-8")).body
    run = [n for n in body if not isinstance(n, ast.FunctionDef | ast.ClassDef) and not _for_types(n)]
    decorators = [d for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef) for d in n.decorator_list]
    return _read([*run, *decorators])


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def _read(nodes: Iterable[ast.AST]) -> Code:
    parts = [part for node in nodes for part in ast.walk(node)]
    words = {p.id for p in parts if isinstance(p, ast.Name)} | {p.attr for p in parts if isinstance(p, ast.Attribute)}
    imports = [imported for part in parts for imported in _imported(part)]
    own = [i for i in imports if i[1].split(".")[0] == PACKAGE.name]
    packages = {origin.split(".")[0] for _, origin, _ in imports} | {name for p in parts for name in _named(p)}
    return Code(
        frozenset(words),
        tuple(own),
        frozenset(packages - sys.stdlib_module_names - {PACKAGE.name}),
        frozenset(origin for _, origin, _ in own),
    )


def _imported(node: ast.AST) -> Iterator[Binding]:
    if isinstance(node, ast.Import):
        yield from ((a.asname or a.name.split(".")[0], a.name, "") for a in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            is_module = node.module.split(".")[0] == PACKAGE.name and _path(inner)
            yield (
                (alias.asname or alias.name, inner, "")
                if is_module
                else (
                    alias.asname or alias.name,
                    node.module,
                    alias.name,
                )
            )


def _named(node: ast.AST) -> Iterator[str]:
    """Packages that are named in words: `find_spec("x")`, and `[…, "-m", "x", …]` of a command line."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "find_spec":
        yield from (a.value for a in node.args if isinstance(a, ast.Constant))
    if isinstance(node, ast.List):
        values = [getattr(item, "value", None) for item in node.elts]
        yield from (after for flag, after in itertools.pairwise(values) if flag == "-m" and after)
