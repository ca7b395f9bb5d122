# Cohorts: simulated, carried by a package, downloaded, made from the user's own copy, or made from another cohort.
for cohort_id, (cohort_paper, plan) in COHORTS.items():

    rule:
        name:
            f"cohort_{cohort_id}"
        input:
            code=relative(plan.code()),
            base=[f"{RESULTS}/cohorts/{plan.base.id}"] if plan.base else [],
        output:
            folder=directory(f"{RESULTS}/cohorts/{cohort_id}"),
        log:
            f"logs/{SCALE}/cohorts/{cohort_id}.log",
        params:
            paper=cohort_paper,
            cohort=cohort_name(plan),
            choices=choices([plan]),
            cache=config["cache"],
            base=lambda wildcards, input: f"--base {input.base}" if input.base else "",
            plan=f"{plan.source} {plan.data} {plan.seed} {sorted(plan.parameters.items())}",
        threads: plan.spec["threads"]
        resources:
            mem_mb=plan.spec["mem_mb"],
            runtime=plan.spec["runtime"],
        conda:
            environment(plan.spec["stack"])
        shell:
            "python -m wbir cohort {params.choices} --paper {params.paper} --cohort {params.cohort}"
            " --cache {params.cache} {params.base} --out {output.folder} 2> {log}"
