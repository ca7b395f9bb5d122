"""Claims: every statement of a paper with a computed verdict; the contradicted ones come first."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from wbir.checks import VERDICTS, Outcome, run_check
from wbir.files import write_rows, write_text
from wbir.results import PaperResults
from wbir.tables import page

CLAIM_COLUMNS = ("id", "verdict", "says", "where", "printed", "evidence", "data", "note")
CHECK_COLUMNS = ("id", "check", "what", "computed", "low", "high", "n", "test", "p", "verdict")


def write_claims(results: PaperResults) -> None:
    """Write claims.csv and checks.csv, claims-speed.csv and checks-speed.csv (those that rest on times), and claims.html."""
    judged = [(claim, *judge(results, claim)) for claim in results.paper.spec.get("claims", [])]
    judged.sort(key=lambda entry: VERDICTS.index(entry[1]))
    for suffix, speed in (("", False), ("-speed", True)):
        chosen = [entry for entry in judged if entry[0].get("speed", False) == speed]
        by_id = sorted(chosen, key=lambda entry: entry[0]["id"])
        write_rows(
            results.folder / f"claims{suffix}.csv", [_claim_row(results, *entry) for entry in by_id], CLAIM_COLUMNS
        )
        write_rows(
            results.folder / f"checks{suffix}.csv", [r for entry in by_id for r in _check_rows(*entry)], CHECK_COLUMNS
        )
    write_text(results.folder / "claims.html", _to_html(results, judged))


def judge(results: PaperResults, claim: Mapping[str, Any]) -> tuple[str, list[list[Outcome]]]:
    """The verdict of a claim, and the comparisons of each of its checks."""
    if "not_evaluated" in claim:
        return claim["not_evaluated"], []
    outcomes = [run_check(results, check, speed=claim.get("speed", False)) for check in claim["checks"]]
    verdicts = [o.verdict for check in outcomes for o in check]
    return min(verdicts, key=VERDICTS.index), outcomes


def _claim_row(
    results: PaperResults, claim: Mapping[str, Any], verdict: str, outcomes: Sequence[Sequence[Outcome]]
) -> dict[str, Any]:
    evidence = "; ".join(describe_outcome(o) for check in outcomes for o in check)
    texts = {key: " ".join(str(claim.get(key, "")).split()) for key in ("says", "where", "printed", "note")}
    return {"id": claim["id"], "verdict": verdict, "evidence": evidence, "data": _data(results, claim), **texts}


def _data(results: PaperResults, claim: Mapping[str, Any]) -> str:
    """Which data the claim was judged on: the sources of its experiments' cohorts, or of those that they are made from."""
    names = {check["experiment"] for check in claim.get("checks", ()) if "experiment" in check}
    cohorts = [results.paper.cohort(results.paper.spec["experiments"][name]["cohort"]) for name in sorted(names)]
    plans = [leaf for cohort in cohorts for leaf in cohort.leaves()]
    return ", ".join(sorted({f"{plan.builder} ({plan.source})" for plan in plans}))


def describe_outcome(outcome: Outcome) -> str:
    """A comparison in words, with its numbers."""
    if math.isnan(outcome.computed):
        return f"{outcome.what}: {outcome.verdict}"
    interval = "" if math.isnan(outcome.low) else f" [{outcome.low:.4g}, {outcome.high:.4g}]"
    p = "" if math.isnan(outcome.p) else f", p = {outcome.p:.3g}"
    return f"{outcome.what}: {outcome.computed:.4g}{interval} (n = {outcome.n}{p}): {outcome.verdict}"


def _check_rows(claim: Mapping[str, Any], verdict: str, outcomes: Sequence[Sequence[Outcome]]) -> list[dict[str, Any]]:
    rows = []
    for number, check in enumerate(outcomes, 1):
        for outcome in check:
            row: dict[str, Any] = {"id": claim["id"], "check": number, **outcome.__dict__}
            for name in ("computed", "low", "high", "p"):
                row[name] = "" if math.isnan(row[name]) else f"{row[name]:.10g}"
            rows.append(row)
    return rows


def _to_html(
    results: PaperResults, judged: Sequence[tuple[Mapping[str, Any], str, Sequence[Sequence[Outcome]]]]
) -> str:
    parts = []
    for claim, verdict, outcomes in judged:
        row = {k: html.escape(str(v)) for k, v in _claim_row(results, claim, verdict, outcomes).items()}
        evidence = "".join(f"<li>{html.escape(describe_outcome(o))}</li>" for check in outcomes for o in check)
        printed = f"<br><small>printed: {row['printed']}</small>" if row["printed"] else ""
        note = f"<p><small>{row['note']}</small></p>" if row["note"] else ""
        parts.append(
            f"<tr id='{row['id']}'><th scope='row'>{row['id']}</th><td class='{verdict.split()[0]}'>{row['verdict']}</td>"
            f"<td>{row['says']}<br><small>{row['where']}</small>{printed}{note}</td>"
            f"<td><ul>{evidence}</ul><small>data: {row['data']}</small></td></tr>"
        )
    head = "<tr><th scope='col'>claim</th><th scope='col'>verdict</th><th scope='col'>the paper says</th><th scope='col'>computed</th></tr>"
    conflicts = "".join(f"<li>{html.escape(c)}</li>" for c in results.paper.spec.get("conflicts", ()))
    tail = f"<h1>Where the source contradicts itself or leaves a gap</h1><ul>{conflicts}</ul>" if conflicts else ""
    return page(
        f"Claims of {results.paper.slug}", f"<table><thead>{head}</thead><tbody>{''.join(parts)}</tbody></table>{tail}"
    )
