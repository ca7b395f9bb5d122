# The scoreboard over all papers; the report itself is `snakemake --report` (make report).
rule write_scoreboard:
    input:
        claims=[f"{RESULTS}/{slug}/{name}.csv" for slug in PAPERS for name in ("claims", "claims-speed", "qc")],
        proceedings="config/proceedings.csv",
        code=code_of("scoreboard.py"),
    output:
        table=f"{RESULTS}/scoreboard.csv",
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
    conda:
        environment("present")
    shell:
        "python -m wbir report --scale {params.scale} --results {params.results} 2> {log}"
