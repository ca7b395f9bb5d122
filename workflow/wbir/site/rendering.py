"""Templates to pages: the Jinja2 environment, its filters, and the files that every page needs."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbir.checks import VERDICTS

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
TEMPLATES, ASSETS = HERE / "templates", HERE / "assets"

# A verdict is never shown by colour alone: a sign and its word stand with it.
SIGNS = {
    "contradicted": "✕",
    "not run": "○",
    "data restricted": "⊘",
    "not stated": "–",
    "direction only": "↗",
    "holds": "✓",
    "reproduced": "≡",
}
MEANINGS = {
    "contradicted": "The measurements say otherwise.",
    "not run": "Nothing was measured for it at this scale or with the data at hand.",
    "data restricted": "Can only be judged on data that are not open.",
    "not stated": "The paper does not state what would be needed to judge it.",
    "direction only": "Right in the mean, not certain at this number of cases.",
    "holds": "Holds on these data, with its interval and test.",
    "reproduced": "A printed value met within tolerance on the paper's own data.",
}


def environment() -> Environment:
    """The environment of the templates: autoescape on, an undefined name is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals.update(verdicts=VERDICTS, signs=SIGNS, meanings=MEANINGS)
    made.filters.update(prose=prose, slug=css_name, duration=duration, megabytes=megabytes, short=short, number=number)
    return made


def copy_assets(out: Path) -> None:
    """Copy style and scripts to `out/assets`."""
    (out / "assets").mkdir(parents=True)
    for path in sorted(ASSETS.iterdir()):
        if path.suffix in (".css", ".js"):
            shutil.copyfile(path, out / "assets" / path.name)


def prose(text: str) -> Any:
    """Escaped text in which `code` and **strong** words are marked up."""
    from markupsafe import Markup, escape

    safe = str(escape(" ".join(str(text).split())))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return Markup(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", safe))


def css_name(text: str) -> str:
    """A word for classes and anchors."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", str(text))


def duration(seconds: float) -> str:
    """Seconds for people: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`."""
    if math.isnan(seconds):
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def megabytes(value: float) -> str:
    """MB for people: `475 MB`, `1.2 GB`."""
    return "–" if math.isnan(value) else f"{value:.0f} MB" if value < 1000 else f"{value / 1000:.1f} GB"


def short(commit: str) -> str:
    """A commit or digest in ten characters, with its `-dirty`."""
    return commit[:10] + ("-dirty" if commit.endswith("-dirty") else "")


def number(text: str, digits: int = 4) -> str:
    """A number of a CSV with so many significant digits and a true minus; a dash for an empty cell."""
    return f"{float(text):.{digits}g}".replace("-", "−") if str(text).strip() else "–"
