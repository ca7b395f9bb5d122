# What all rules share: the papers as declared, where things lie, what a job needs. No torch is imported here.
import sys

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

from wbir.cases import Cohort
from wbir.papers import load_paper, slugs

SCALE = config["scale"]
RESULTS = f"results/{SCALE}"
ENVS = Path(workflow.basedir) / "envs"
WANTED = slugs() if config["papers"] == "all" else list(config["papers"])
PAPERS = {slug: load_paper(slug, SCALE, config["sources"], config["data"]) for slug in WANTED}
UNITS = {unit.id: unit for paper in PAPERS.values() for unit in paper.units()}
COHORTS = {unit.cohort.id: (unit.paper, unit.cohort) for unit in UNITS.values()}

# Every job finds the library, with or without conda; one thread per job unless the method asks for more.
shell.prefix(f"set -euo pipefail; export PYTHONPATH={workflow.basedir}/workflow PYTHONHASHSEED=0; ")


wildcard_constraints:
    unit="[^/]+/[^/]+/[^/]+/[0-9]+",
    cohort="[^/]+",
    paper="[0-9]{2}-[^/]+",


def choices(paper):
    """The user's choice of data, as options of the command line."""
    sources = [f"--source {name}={source}" for name, source in config["sources"].items()]
    data = [f"--data {name}={Path(folder).resolve()}" for name, folder in config["data"].items()]
    return " ".join([f"--scale {SCALE}", *sources, *data])


def cohort_name(plan):
    """The name by which the paper calls a cohort."""
    return plan.id.split(".", 1)[1] if "." in plan.id else plan.id


def needs(spec):
    """Resources of a job from a SPEC; memory and time grow with each retry."""
    return {
        "mem_mb": lambda wildcards, attempt: spec["mem_mb"] * attempt,
        "runtime": lambda wildcards, attempt: spec["runtime"] * attempt,
        "gpu": spec.get("gpu", 0),
    }


def environment(stack):
    return str(ENVS / f"{stack}.yaml")
