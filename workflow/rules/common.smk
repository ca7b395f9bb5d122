# What all rules share: the papers as declared, where things lie, what a job needs. No torch is imported here.
import json
import os
import shlex
import sys

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

from wbir.cohort_plans import REAL_SOURCES
from wbir.data.catalogue import catalogue
from wbir.discovery import PACKAGE as LIBRARY
from wbir.discovery import closure, describe, modules
from wbir.errors import InputError
from wbir.papers import check_schema, declaration, load_paper, slugs, studies
from wbir.provenance import json_digest

# What cannot be used ends here, in one line: WorkflowError prints no Python trace.
try:
    check_schema(config, "config", "config/config.yaml (and --config)")
    validate(config, "../schemas/config.schema.yaml")  # fills in the defaults
    WANTED = slugs() if config["papers"] == "all" else list(config["papers"])
    DECLARED = {s: load_paper(s, config["scale"], config["sources"], config["data"]) for s in [*WANTED, *studies()]}
    PAPERS = {slug: DECLARED[slug] for slug in WANTED}  # of the proceedings: `all`, the scoreboard, the reports
    CATALOGUE = catalogue(config["catalogue"])
    UNITS = {unit.id: unit for paper in DECLARED.values() for unit in paper.units()}
except InputError as error:
    raise WorkflowError(str(error)) from None

SCALE = config["scale"]
RESULTS = f"results/{SCALE}"
ENVS = Path(workflow.basedir) / "envs"
COHORTS = {plan.id: (unit.paper, plan) for unit in UNITS.values() for plan in unit.cohort.chain()}

STACKS = sorted({describe("methods", name)["stack"] for name in modules("methods")})

# Every job finds the library, with or without conda; one thread per job unless the method asks for more.
shell.prefix(f"set -euo pipefail; export PYTHONPATH={shlex.quote(workflow.basedir)}/workflow PYTHONHASHSEED=0; ")


wildcard_constraints:
    unit="[^/]+/[^/]+/[^/]+/[0-9]+",
    cohort="[^/]+",
    paper="|".join(DECLARED),


def choices(plans):
    """The user's choice of data for these cohorts, as options of the command line; other choices rerun nothing here."""
    plans = [part for plan in plans for part in plan.chain()]
    real = {name: plan.source for plan in plans if plan.source in REAL_SOURCES for name in plan.names}
    names = {"all", *(name for plan in plans for name in (plan.id, *plan.names))}
    chosen = {**real, **{name: source for name, source in config["sources"].items() if name in names}}
    datasets = {dataset for plan in plans for dataset in plan.data}
    sources = [f"--source {name}={source}" for name, source in chosen.items()]
    data = [f"--data {shlex.quote(f'{name}={folder}')}" for name, folder in config["data"].items() if name in datasets]
    return " ".join([f"--scale {SCALE}", *sources, *data])


def report_config():
    """This run's configuration as options of a further Snakemake."""
    return " ".join(shlex.quote(f"{key}={json.dumps(value)}") for key, value in config.items())


def relative(paths):
    """Inputs relative to the working directory: a moved checkout reruns nothing."""
    return [os.path.relpath(path) for path in paths]


def gpus(spec):
    """GPUs of a job: those of its SPEC, none for a cohort or at the demo scale, which is for the CPU."""
    return spec.get("gpu", 0) if SCALE != "demo" else 0


def needs(spec):
    """Resources of a job from a SPEC or a COHORT."""
    return growing(lambda wildcards: (spec, spec["runtime"]))


def predict_needs():
    """Resources of a job that predicts a unit, or a shard of it."""
    return growing(lambda wildcards: (UNITS[wildcards.unit].spec, UNITS[wildcards.unit].minutes))


def growing(limits):
    """Resources from a function of the wildcards to a SPEC and minutes; memory and time grow with each retry."""
    return {
        "mem_mb": lambda wildcards, attempt: limits(wildcards)[0]["mem_mb"] * attempt,
        "runtime": lambda wildcards, attempt: limits(wildcards)[1] * attempt,
        "gpu": lambda wildcards: gpus(limits(wildcards)[0]),
        "attempt": lambda wildcards, attempt: attempt,
        "attempts": config["attempts"],
    }


def supervision():
    """Options by which a job watches over its own work: what hangs or crashes becomes rows with a status.

    All of them resources, and none a part of the command: another number of attempts reruns nothing.
    """
    return "--limit {resources.runtime} --attempt {resources.attempt} --attempts {resources.attempts}"


def environment(stack):
    return str(ENVS / f"{stack}.yaml")


def catalogue_rows(dataset):
    """A digest of a data set's rows of the catalogue: a change to them, and to no other, brings its rule about again."""
    return json_digest([str(entry) for entry in CATALOGUE if entry.dataset == dataset])


def unit_code(wildcards):
    return relative(UNITS[wildcards.unit].code())


def unit_cohort(wildcards):
    return f"{RESULTS}/cohorts/{UNITS[wildcards.unit].cohort.id}"


def unit_model(wildcards):
    learned = UNITS[wildcards.unit].spec["kind"] == "learned"
    return [f"{RESULTS}/{wildcards.unit}/model.pt"] if learned else []


def unit_shards(wildcards):
    unit = UNITS[wildcards.unit]
    return [f"{RESULTS}/{unit.id}/shards/{number}-of-{unit.shards}" for number in range(1, unit.shards + 1)]


def unit_results():
    """What a unit leaves, whether one job did it or several."""
    files = {"measurements": "measurements.csv", "timings": "timings.csv", "manifest": "manifest.json"}
    gallery = {"gallery": directory(f"{RESULTS}/{{unit}}/gallery")}
    return {name: f"{RESULTS}/{{unit}}/{file}" for name, file in files.items()} | gallery


def unit_options(unit):
    """What names a unit on the command line, with the choice of its data."""
    names = f"--paper {unit.paper} --experiment {unit.experiment} --method {unit.method} --seed {unit.seed}"
    return f"{choices([unit.cohort])} {names}"


def paper_choices(wildcards):
    return choices(DECLARED[wildcards.paper].plans())


def unit_state(wildcards):
    """What reruns a unit beside its code and cohort: its parameters and measures."""
    unit = UNITS[wildcards.unit]
    return f"{sorted(unit.parameters.items())} {[measure.name for measure in unit.measures]} {unit.gallery}"


def declared(slug):
    return relative(sorted(declaration(slug).iterdir()))


def code_of(*names):
    return relative(closure([LIBRARY / name for name in names]))


def unit_files(wildcards):
    return [f"{RESULTS}/{u.id}/{name}.csv" for u in DECLARED[wildcards.paper].units() for name in ("measurements", "timings")]


def histories(paper):
    """The training histories of a paper's learned methods."""
    return [f"{RESULTS}/{unit.id}/history.csv" for unit in paper.units() if unit.spec["kind"] == "learned"]


def paper_cohorts(paper):
    return sorted({f"{RESULTS}/cohorts/{unit.cohort.id}" for unit in paper.units()})


def exhibit_files(paper, kind):
    """The files of a paper's tables or figures."""
    suffixes = {"tables": ("csv", "md", "tex", "html"), "figures": ("png", "svg")}[kind]
    return [f"{RESULTS}/{paper.slug}/{kind}/{i}.{s}" for i in paper.spec.get(kind, ()) for s in suffixes]


def sheet(paper, plan):
    """The picture of a cohort for a paper's reader: of one that is real, or made from another."""
    return f"{RESULTS}/{paper.slug}/cohorts/{plan.id}.png"


def paper_files(paper):
    """Everything that is made for a paper."""
    claims = [f"{RESULTS}/{paper.slug}/{name}" for name in ("claims.csv", "claims.html", "qc.csv")]
    sheets = [sheet(paper, plan) for plan in paper.sheets()]
    return [*exhibit_files(paper, "tables"), *exhibit_files(paper, "figures"), *claims, *sheets]


def site_inputs():
    """What the site shows beside the papers' files: units, their galleries and cohorts, and studies that have results."""
    units = [unit for paper in PAPERS.values() for unit in paper.units()]
    parts = [f"{RESULTS}/{unit.id}/{name}" for unit in units for name in ("manifest.json", "gallery")]
    parts += [f"{RESULTS}/{unit.id}/fit.json" for unit in units if unit.spec["kind"] == "learned"]
    cohorts = sorted({f"{RESULTS}/cohorts/{part.id}" for unit in units for part in unit.cohort.chain()})
    return [*parts, *cohorts, *sorted(str(path) for path in Path(RESULTS).glob("[!0-9]*/claims*.csv"))]


def site_templates():
    """The templates, styles and scripts of the site."""
    return relative(sorted(path for name in ("templates", "assets") for path in (LIBRARY / "site" / name).iterdir()))
