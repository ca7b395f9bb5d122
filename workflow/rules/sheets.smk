# Sheets by which a person checks the cohorts that are real or made from others: one job for all of a paper.
for slug, paper in DECLARED.items():
    if not paper.sheets():
        continue

    rule:
        name:
            f"cohort_sheets_{slug}"
        input:
            cohorts=sorted({f"{RESULTS}/cohorts/{part.id}" for plan in paper.sheets() for part in (plan, *plan.bases)}),
            code=code_of("cohort_sheet.py"),
        output:
            [
                report(
                    sheet(paper, plan),
                    caption="../report/cohort.rst",
                    category=slug,
                    subcategory="cohorts",
                    labels={"exhibit": plan.names[-1], "shows": plan.spec["title"]},
                )
                for plan in paper.sheets()
            ],
        log:
            f"logs/{SCALE}/{slug}/cohort-sheets.log",
        params:
            choices=choices(paper.plans()),
            results=lambda wildcards, output: Path(output[0]).parents[2],
            paper=slug,
        resources:
            mem_mb=4000,
        conda:
            environment("present")
        shell:
            "python -m wbir cohort-sheet {params.choices} {params.paper} --results {params.results} 2> {log}"
