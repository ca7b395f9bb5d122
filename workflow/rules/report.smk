# The scoreboard over all papers, the site, and the Snakemake report.
rule write_scoreboard:
    input:
        claims=[f"{RESULTS}/{slug}/{name}.csv" for slug in PAPERS for name in ("claims", "claims-speed", "qc")],
        proceedings="config/proceedings.csv",
        code=code_of("scoreboard.py"),
    output:
        table=f"{RESULTS}/scoreboard.csv",
        speed=f"{RESULTS}/scoreboard-speed.csv",
        page=report(
            f"{RESULTS}/scoreboard.html",
            caption="../report/scoreboard.rst",
            category="scoreboard",
            labels={"exhibit": "scoreboard", "shows": "verdicts of all papers"},
        ),
    log:
        f"logs/{SCALE}/scoreboard.log",
    params:
        scale=SCALE,
        results=lambda wildcards, output: Path(output.table).parent,
    localrule: True
    conda:
        environment("present")
    shell:
        "python -m wbir report --scale {params.scale} --results {params.results} 2> {log}"


rule site:
    input:
        site_inputs(),
        [paper_files(paper) for paper in PAPERS.values()],
        [declared(slug) for slug in PAPERS],
        "docs/data-access.md",
        "config/datasets.csv",
        "config/proceedings.csv",
        code=code_of("site/build.py"),
        templates=site_templates(),
        scoreboard=f"{RESULTS}/scoreboard.csv",
    output:
        page=f"reports/{SCALE}/index.html",
        parts=[directory(f"reports/{SCALE}/{name}") for name in ("assets", "papers", "cases")],
    log:
        f"logs/{SCALE}/site.log",
    params:
        choices=choices([plan for paper in PAPERS.values() for plan in paper.plans()]),
        results=lambda wildcards, input: Path(input.scoreboard).parent,
        out=lambda wildcards, output: Path(output.page).parent,
    resources:
        mem_mb=4000,
    conda:
        environment("present")
    shell:
        "python -m wbir site {params.choices} --results {params.results} --out {params.out} 2> {log}"


# Snakemake writes its report from the finished jobs, so the rule calls it; the lock is this run's own.
rule report:
    input:
        f"reports/{SCALE}/index.html",
        f"{RESULTS}/scoreboard.csv",
        [paper_files(paper) for paper in PAPERS.values()],
        captions=relative(sorted((Path(workflow.basedir) / "workflow" / "report").glob("*.rst"))),
        style=relative([Path(workflow.basedir) / "workflow" / "report" / "style.css"]),
    output:
        f"reports/{SCALE}/report.html",
    log:
        f"logs/{SCALE}/report.log",
    params:
        config=report_config(),
        python=sys.executable,
    localrule: True
    conda:
        environment("present")
    shell:
        "{params.python} -m snakemake all --nolock --report {output} --report-stylesheet {input.style}"
        " --config {params.config} > {log} 2>&1"
