# Collecting, exhibits and claims: one job each per paper. Seconds of work, so that on a cluster they run beside Snakemake: a start of
# Snakemake on a node costs more than they do.
rule collect:
    input:
        units=unit_files,
        cohorts=lambda wildcards: paper_cohorts(DECLARED[wildcards.paper]),
        declaration=lambda wildcards: declared(wildcards.paper),
        code=code_of("collecting.py"),
    output:
        measurements=f"{RESULTS}/{{paper}}/measurements.csv",
        timings=f"{RESULTS}/{{paper}}/timings.csv",
        cases=f"{RESULTS}/{{paper}}/cases.csv",
        qc=f"{RESULTS}/{{paper}}/qc.csv",
    log:
        f"logs/{SCALE}/{{paper}}/collect.log",
    params:
        choices=paper_choices,
        results=lambda wildcards, output: Path(output[0]).parents[1],
    localrule: True
    conda:
        environment("present")
    shell:
        "python -m wbir collect {params.choices} {wildcards.paper} --results {params.results} 2> {log}"


rule claims:
    input:
        measurements=rules.collect.output.measurements,
        timings=rules.collect.output.timings,
        cases=rules.collect.output.cases,
        declaration=lambda wildcards: declared(wildcards.paper),
        code=code_of("claims.py"),
    output:
        claims=f"{RESULTS}/{{paper}}/claims.csv",
        checks=f"{RESULTS}/{{paper}}/checks.csv",
        speed=f"{RESULTS}/{{paper}}/claims-speed.csv",
        speed_checks=f"{RESULTS}/{{paper}}/checks-speed.csv",
        page=report(
            f"{RESULTS}/{{paper}}/claims.html",
            caption="../report/claims.rst",
            category="{paper}",
            subcategory="claims",
            labels={"exhibit": "claims", "shows": "every claim with its verdict"},
        ),
    log:
        f"logs/{SCALE}/{{paper}}/claims.log",
    params:
        choices=paper_choices,
        results=lambda wildcards, output: Path(output[0]).parents[1],
    localrule: True
    conda:
        environment("present")
    shell:
        "python -m wbir claims {params.choices} {wildcards.paper} --results {params.results} 2> {log}"


for slug, paper in DECLARED.items():

    rule:
        name:
            f"exhibits_{slug}"
        input:
            measurements=f"{RESULTS}/{slug}/measurements.csv",
            timings=f"{RESULTS}/{slug}/timings.csv",
            cases=f"{RESULTS}/{slug}/cases.csv",
            galleries=[f"{RESULTS}/{unit.id}/gallery" for unit in paper.units()],
            histories=histories(paper),
            cohorts=paper_cohorts(paper),
            declaration=declared(slug),
            code=[*relative(paper.code_of_figures()), *code_of("exhibits.py")],
        output:
            [f for f in exhibit_files(paper, "tables") if not f.endswith(".html")],
            [f for f in exhibit_files(paper, "figures") if not f.endswith(".png")],
            [
                report(
                    f"{RESULTS}/{slug}/tables/{name}.html",
                    caption="../report/table.rst",
                    category=slug,
                    subcategory="tables",
                    labels={"exhibit": spec["place"], "shows": spec["title"]},
                )
                for name, spec in paper.spec.get("tables", {}).items()
            ],
            [
                report(
                    f"{RESULTS}/{slug}/figures/{name}.png",
                    caption="../report/figure.rst",
                    category=slug,
                    subcategory="figures",
                    labels={"exhibit": spec["place"], "shows": spec["title"]},
                )
                for name, spec in paper.spec.get("figures", {}).items()
            ],
        log:
            f"logs/{SCALE}/{slug}/exhibits.log",
        params:
            choices=choices(paper.plans()),
            results=lambda wildcards, output: Path(output[0]).parents[2],
            paper=slug,
        localrule: True
        conda:
            environment("present")
        shell:
            "python -m wbir exhibit {params.choices} {params.paper} --results {params.results} 2> {log}"
