"""The house as docs/architecture.md draws it: rooms, the way of imports, sizes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from wbir.discovery import REPOSITORY as ROOT

PACKAGE = ROOT / "workflow" / "wbir"
FILES = sorted(PACKAGE.rglob("*.py"))


def layers() -> list[list[str]]:
    """The rooms of docs/architecture.md from top to bottom; those on one line do not import each other's rooms."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    block = re.search(r"<!-- layers -->\n```\n(.*?)```", text, re.DOTALL)
    assert block, "docs/architecture.md has no layer block"
    return [line.split() for line in block.group(1).strip().splitlines()]


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("wbir."):
            rooms.add(node.module.split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "wbir":
            rooms |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("wbir.")}
    return rooms


def test_every_room_has_its_place_and_every_place_its_room() -> None:
    drawn = {name for line in layers() for name in line}
    assert drawn == {room(path) for path in FILES} - {"__init__"}


def test_imports_go_one_way() -> None:
    level = {name: number for number, line in enumerate(layers()) for name in line}
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {target}"
        for path in FILES
        if room(path) != "__init__"
        for target in imported_rooms(path) - {room(path)}
        if level[target] <= level[room(path)]
    ]
    assert not wrong


def test_files_and_functions_have_a_readable_size() -> None:
    long = [str(p.relative_to(ROOT)) for p in FILES if len(p.read_text().splitlines()) > 400]
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.end_lineno and node.end_lineno - node.lineno >= 55:
                long.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert not long


def test_no_branch_on_a_paper() -> None:
    wrong = [str(p) for p in FILES if re.search(r"if .*(paper|slug)\s*==", p.read_text())]
    assert not wrong
