"""What a job that trains or predicts with a network imports: torch, and nothing that costs seconds beside it."""

from __future__ import annotations

import subprocess
import sys

from wbir.discovery import REPOSITORY as ROOT
from wbir.discovery import describe, modules

COSTLY = {
    "monai",
    "sklearn",
    "skimage",
    "matplotlib",
    "pandas",
    "SimpleITK",
    "ants",
    "itk",
    "nilearn",
    "numba",
    "scipy.stats",
}
LEARNED = [name for name in modules("methods") if describe("methods", name)["kind"] == "learned"]


def test_a_training_job_imports_torch_and_no_other_heavy_package() -> None:
    rooms = ["commands.running", "fitting", "predicting", "training.registration"]
    rooms += [f"{room}.{name}" for room in ("nets", "training") for name in modules(room)]
    program = "import sys\n" + "".join(f"import wbir.{name}\n" for name in rooms)
    program += "".join(f"import wbir.methods.{name}\n" for name in LEARNED)
    program += f"print(*sorted({COSTLY!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT / "workflow", capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
