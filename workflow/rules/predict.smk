# Prediction and measurement: one rule per software stack; a job is one method on one experiment with one seed, or, where the
# experiment has `shards`, a part of its cases.
for stack in STACKS:
    whole = [re.escape(unit_id) for unit_id, unit in UNITS.items() if unit.spec["stack"] == stack and unit.shards == 1]
    if not whole:
        continue

    rule:
        name:
            f"predict_{stack}"
        input:
            code=unit_code,
            cohort=unit_cohort,
            model=unit_model,
        output:
            **unit_results(),
        wildcard_constraints:
            unit="|".join(whole),
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
            **predict_needs(),
        conda:
            environment(stack)
        shell:
            "python -m wbir predict {params.unit} --cohort {input.cohort} {params.model}"
            f" --device {{params.device}} {supervision()} --out {{params.out}} 2> {{log}}"


for stack in STACKS:
    shared = [re.escape(unit_id) for unit_id, unit in UNITS.items() if unit.spec["stack"] == stack and unit.shards > 1]
    if not shared:
        continue

    rule:
        name:
            f"predict_shard_{stack}"
        input:
            code=unit_code,
            cohort=unit_cohort,
            model=unit_model,
        output:
            shard=temp(directory(f"{RESULTS}/{{unit}}/shards/{{number}}-of-{{of}}")),
        wildcard_constraints:
            unit="|".join(shared),
        log:
            f"logs/{SCALE}/{{unit}}/predict-{{number}}-of-{{of}}.log",
        params:
            unit=lambda wildcards: unit_options(UNITS[wildcards.unit]),
            state=unit_state,
            model=lambda wildcards, input: f"--model {input.model}" if input.model else "",
            device=config["device"],
        threads: lambda wildcards: UNITS[wildcards.unit].spec["threads"]
        resources:
            **predict_needs(),
        conda:
            environment(stack)
        shell:
            "python -m wbir predict {params.unit} --cohort {input.cohort} {params.model}"
            " --device {params.device} --shard {wildcards.number}/{wildcards.of}"
            f" {supervision()} --out {{output.shard}} 2> {{log}}"


# The results of a unit from its shards: files are read and joined, nothing is computed.
shared = [re.escape(unit_id) for unit_id, unit in UNITS.items() if unit.shards > 1]
if shared:

    rule gather_shards:
        input:
            code=unit_code,
            cohort=unit_cohort,
            shards=unit_shards,
        output:
            **unit_results(),
        wildcard_constraints:
            unit="|".join(shared),
        log:
            f"logs/{SCALE}/{{unit}}/predict.log",
        params:
            unit=lambda wildcards: unit_options(UNITS[wildcards.unit]),
            state=unit_state,
            out=lambda wildcards, output: Path(output.measurements).parent,
        localrule: True
        conda:
            environment("present")
        shell:
            "python -m wbir predict {params.unit} --cohort {input.cohort} --shards {input.shards}"
            " --out {params.out} 2> {log}"
