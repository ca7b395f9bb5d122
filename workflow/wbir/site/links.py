"""Which exhibits a claim speaks of: the words of its `where` against the places of tables and figures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Key = tuple[str, str]
NUMBERS = r"(\d+(?:\s*(?:,|and|&|–|-|to)\s*\d+)*)"
EXHIBIT = re.compile(rf"\b(extra\s+)?(tab|fig)[a-z]*\.?\s*{NUMBERS}", re.IGNORECASE)
SECTION = re.compile(r"\bsect[a-z]*\.?\s*(\d+(?:\.\d+)*(?:\s*,\s*\d+(?:\.\d+)*)*)", re.IGNORECASE)


def keys(text: str) -> set[Key]:
    """The tables and figures that a text names: `Tables 1, 2` gives `("tab", "1")` and `("tab", "2")`."""
    found = set()
    for extra, kind, numbers in EXHIBIT.findall(text):
        found |= {(f"{'extra ' if extra else ''}{kind.lower()}", number) for number in _numbers(numbers)}
    return found


def sections(text: str) -> set[str]:
    """The sections that a text names, as `3.2`."""
    return {number for listed in SECTION.findall(text) for number in re.split(r"\s*,\s*", listed)}


def speaks_of(where: str, place: str) -> bool:
    """Whether a claim's `where` names the place of an exhibit; numbers set in running text are found by their section."""
    named = keys(place)
    if named:
        return bool(named & keys(where))
    return bool(sections(place) & sections(where))


def link(
    claims: Iterable[Mapping[str, Any]], exhibits: Mapping[str, str]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Exhibits of each claim and claims of each exhibit, by id. `exhibits`: id to place."""
    of_claim: dict[str, list[str]] = {}
    of_exhibit: dict[str, list[str]] = {name: [] for name in exhibits}
    for claim in claims:
        of_claim[claim["id"]] = [name for name, place in exhibits.items() if speaks_of(claim["where"], place)]
        for name in of_claim[claim["id"]]:
            of_exhibit[name].append(claim["id"])
    return of_claim, of_exhibit


def _numbers(text: str) -> list[str]:
    """`1, 3-5` as its numbers."""
    found: list[str] = []
    for part in re.split(r"\s*(?:,|and|&)\s*", text):
        ends = [int(n) for n in re.findall(r"\d+", part)]
        found += [str(n) for n in range(ends[0], ends[-1] + 1)] if ends else []
    return found
