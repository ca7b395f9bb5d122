# Data sets: fetched where that is allowed and accepted, else put into the cache by a person; verified and unpacked. Not on
# a cluster's nodes, which often have no way out.
for dataset in sorted({dataset for _, plan in COHORTS.values() for dataset in plan.fetched}):

    rule:
        name:
            f"dataset_{dataset}"
        output:
            update(f"{config['cache']}/{dataset}/inventory.csv"),  # a lock file: kept, not made anew
        log:
            f"logs/{SCALE}/datasets/{dataset}.log",
        params:
            dataset=dataset,
            cache=lambda wildcards, output: Path(output[0]).parents[1],
            catalogue=config["catalogue"],
            rows=catalogue_rows(dataset),
            accepted="--accept-terms" if dataset in config["accept_terms"] else "",
        localrule: True
        conda:
            environment("present")
        shell:
            "python -m wbir acquire {params.dataset} --cache {params.cache} --catalogue {params.catalogue}"
            " {params.accepted} 2> {log}"


# Cohorts: simulated, carried by a package, downloaded, made from the user's own copy, or made from another cohort.
for cohort_id, (cohort_paper, plan) in COHORTS.items():

    rule:
        name:
            f"cohort_{cohort_id}"
        input:
            code=relative(plan.code()),
            bases=[f"{RESULTS}/cohorts/{base.id}" for base in plan.bases],
            datasets=[f"{config['cache']}/{dataset}/inventory.csv" for dataset in plan.fetched],
        output:
            folder=directory(f"{RESULTS}/cohorts/{cohort_id}"),
        log:
            f"logs/{SCALE}/cohorts/{cohort_id}.log",
        params:
            paper=cohort_paper,
            cohort=plan.names[-1],
            choices=choices([plan]),
            cache=lambda wildcards, input: f"--cache {Path(input.datasets[0]).parents[1]}" if input.datasets else "",
            bases=lambda wildcards, input: f"--base {input.bases}" if input.bases else "",
            plan=f"{plan.source} {sorted(plan.data.items())} {plan.seed} {sorted(plan.parameters.items())}",
        threads: plan.spec["threads"]
        resources:
            **needs(plan.spec),
        conda:
            environment(plan.spec["stack"])
        shell:
            "python -m wbir cohort {params.choices} --paper {params.paper} --cohort {params.cohort}"
            " {params.cache} {params.bases} --out {output.folder} 2> {log}"
