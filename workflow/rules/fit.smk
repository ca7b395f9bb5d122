# Training: one job per learned method, experiment and seed (or fold of a cross-validation).
for unit_id, unit in UNITS.items():
    if unit.spec["kind"] != "learned":
        continue

    rule:
        name:
            f"fit_{unit.paper}_{unit.experiment}_{unit.method}_{unit.seed}"
        input:
            code=relative(unit.code()),
            cohort=f"{RESULTS}/cohorts/{unit.cohort.id}",
        output:
            model=f"{RESULTS}/{unit_id}/model.pt",
            history=f"{RESULTS}/{unit_id}/history.csv",
            provenance=f"{RESULTS}/{unit_id}/fit.json",
        log:
            f"logs/{SCALE}/{unit_id}/fit.log",
        params:
            unit=unit_options(unit),
            parameters=str(sorted(unit.parameters.items())),
            device=config["device"],
            out=lambda wildcards, output: Path(output.model).parent,
        threads: unit.spec["threads"]
        resources:
            **needs(unit.spec),
        conda:
            environment(unit.spec["stack"])
        shell:
            "python -m wbir fit {params.unit} --cohort {input.cohort} --device {params.device}"
            f" {supervision()} --out {{params.out}} 2> {{log}}"
