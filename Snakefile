# The papers of WBIR 2022, regenerated: cohort -> fit -> predict + measure -> collect -> exhibits + claims -> report.
import re
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/cohorts.smk"
include: "workflow/rules/sheets.smk"
include: "workflow/rules/fit.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/exhibits.smk"
include: "workflow/rules/report.smk"


# A run says that it lives: `wbir alone` (make demo) removes the lock that a dead one left, and no other.
onstart:
    from wbir.runs import live

    try:
        live()
    except InputError as error:
        raise WorkflowError(str(error)) from None


rule all:
    default_target: True
    input:
        f"{RESULTS}/scoreboard.csv",
        [paper_files(paper) for paper in PAPERS.values()],


for slug in DECLARED:

    rule:
        name:
            slug
        input:
            paper_files(DECLARED[slug]),


rule scoreboard:
    input:
        f"{RESULTS}/scoreboard.csv",
