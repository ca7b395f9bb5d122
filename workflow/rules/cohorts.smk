# Cohorts: simulated, carried by a package, downloaded, or made from the user's own copy.
for cohort_id, (cohort_paper, plan) in COHORTS.items():

    rule:
        name:
            f"cohort_{cohort_id}"
        input:
            code=relative(plan.code()),
        output:
            folder=directory(f"{RESULTS}/cohorts/{cohort_id}"),
        log:
            f"logs/{SCALE}/cohorts/{cohort_id}.log",
        params:
            paper=cohort_paper,
            cohort=cohort_name(plan),
            choices=choices([plan]),
            cache=config["cache"],
            plan=f"{plan.source} {plan.data} {plan.seed} {sorted(plan.parameters.items())}",
        threads: plan.spec["threads"]
        resources:
            mem_mb=plan.spec["mem_mb"],
            runtime=plan.spec["runtime"],
        conda:
            environment(plan.spec["stack"])
        shell:
            "python -m wbir cohort {params.choices} --paper {params.paper} --cohort {params.cohort}"
            " --cache {params.cache} --out {output.folder} 2> {log}"
