# Prediction and measurement: one rule per software stack; a job is one method on one experiment with one seed.
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
            unit=lambda wildcards: unit_options(UNITS[wildcards.unit]),
            state=unit_state,
            model=lambda wildcards, input: f"--model {input.model}" if input.model else "",
            device=config["device"],
            out=lambda wildcards, output: Path(output.measurements).parent,
        threads: lambda wildcards: UNITS[wildcards.unit].spec["threads"]
        resources:
            mem_mb=lambda wildcards, attempt: UNITS[wildcards.unit].spec["mem_mb"] * attempt,
            runtime=lambda wildcards, attempt: UNITS[wildcards.unit].spec["runtime"] * attempt,
            gpu=lambda wildcards: gpus(UNITS[wildcards.unit].spec),
            attempt=lambda wildcards, attempt: attempt,
        conda:
            environment(stack)
        shell:
            "python -m wbir predict {params.unit} --cohort {input.cohort} {params.model}"
            f" --device {{params.device}} {supervision()} --out {{params.out}} 2> {{log}}"
