"""Made-up papers, methods and cohorts, written into a clone of the repository."""

from __future__ import annotations

from pathlib import Path

SPEC = """SPEC = {{
    "title": "{title}", "reference": "made up", "kind": "{kind}", "stack": "torch", "threads": 1, "mem_mb": 500, "runtime": {runtime},
    "gpu": 0, "parameters": {{"by": 1.0}}, "tiny": {{}}, "dims": [2],
}}
"""
COHORT = '''"""Random images, made slowly."""
import time

import numpy as np

from wbir.cases import Case, CohortWriter
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Noise", "reference": "made up", "describes": "nothing", "sources": ["simulated"], "stack": "torch", "threads": 1,
    "mem_mb": 500, "runtime": 1, "parameters": {"tests": 4, "pause": 0.0}, "tiny": {}, "dims": 2,
}


def build(folder, *, source, data, seed, tests, pause):
    random = np.random.default_rng(seed)
    writer = CohortWriter(folder, {"title": COHORT["title"], "source": source})
    for number in range(tests + 1):
        fixed, moving = random.random((2, 24, 24), dtype=np.float32)
        writer.add(Case(f"case-{number}", Frame.of(fixed.shape), fixed, moving, attributes={"split": "test" if number else "train"}))
        time.sleep(pause)
    writer.close()
'''


def method(body: str, *, title: str = "Made up", kind: str = "iterative", runtime: int = 1) -> str:
    """A method's file: its SPEC with the parameter `by`, and the code after it."""
    imports = "import time\n\nimport numpy as np\n\nfrom wbir.cases import Prediction, Reading\n"
    return f'"""{title}."""\n{imports}\n{SPEC.format(title=title, kind=kind, runtime=runtime)}\n\n{body}'


def write(clone: Path, papers: dict[str, str], methods: dict[str, str]) -> None:
    """Add papers, the cohort `made_up_noise` and methods to a clone, and make these papers all of its papers."""
    for slug, text in papers.items():
        folder = clone / "config" / "papers" / slug
        folder.mkdir()
        (folder / "paper.yaml").write_text(text)
    (clone / "workflow" / "wbir" / "cohorts" / "made_up_noise.py").write_text(COHORT)
    for name, text in methods.items():
        (clone / "workflow" / "wbir" / "methods" / f"{name}.py").write_text(text)
    config = clone / "config" / "config.yaml"
    config.write_text(config.read_text().replace("papers: all", f"papers: [{', '.join(papers)}]"))
