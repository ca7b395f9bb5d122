# Prediction and measurement: one rule per software stack; a job is one method on one experiment with one seed.
from wbir.discovery import describe, modules

STACKS = sorted({describe("methods", name)["stack"] for name in modules("methods")})


def unit_code(wildcards):
    return [str(path) for path in UNITS[wildcards.unit].code()]


def unit_cohort(wildcards):
    return f"{RESULTS}/cohorts/{UNITS[wildcards.unit].cohort.id}"


def unit_model(wildcards):
    learned = UNITS[wildcards.unit].spec["kind"] == "learned"
    return [f"{RESULTS}/{wildcards.unit}/model.pt"] if learned else []


def unit_options(wildcards):
    unit = UNITS[wildcards.unit]
    return f"--paper {unit.paper} --experiment {unit.experiment} --method {unit.method} --seed {unit.seed}"


def unit_state(wildcards):
    """What reruns a unit beside its code and cohort: its parameters and measures."""
    unit = UNITS[wildcards.unit]
    return f"{sorted(unit.parameters.items())} {[measure.name for measure in unit.measures]} {unit.gallery}"


for stack in STACKS:
    members = [re.escape(unit_id) for unit_id, unit in UNITS.items() if unit.spec["stack"] == stack]
    if not members:
        continue

    rule:
        name:
            f"predict_{stack}"
        input:
            code=unit_code,
            cohort=unit_cohort,
            model=unit_model,
        output:
            measurements=f"{RESULTS}/{{unit}}/measurements.csv",
            timings=f"{RESULTS}/{{unit}}/timings.csv",
            manifest=f"{RESULTS}/{{unit}}/manifest.json",
            gallery=directory(f"{RESULTS}/{{unit}}/gallery"),
        wildcard_constraints:
            unit="|".join(members),
        log:
            f"logs/{SCALE}/{{unit}}/predict.log",
        params:
            choices=choices(None),
            unit=unit_options,
            state=unit_state,
            model=lambda wildcards, input: f"--model {input.model}" if input.model else "",
            device=config["device"],
            out=lambda wildcards, output: Path(output.measurements).parent,
        threads: lambda wildcards: UNITS[wildcards.unit].spec["threads"]
        resources:
            mem_mb=lambda wildcards, attempt: UNITS[wildcards.unit].spec["mem_mb"] * attempt,
            runtime=lambda wildcards, attempt: UNITS[wildcards.unit].spec["runtime"] * attempt,
            gpu=lambda wildcards: UNITS[wildcards.unit].spec["gpu"],
        conda:
            environment(stack)
        shell:
            "python -m wbir predict {params.choices} {params.unit} --cohort {input.cohort} {params.model}"
            " --device {params.device} --out {params.out} 2> {log}"
