"""Checks: a claim's condition on measurements, computed with its interval and test.

Kinds: `value` (a printed number met within a tolerance), `bound` (a quantity above or below a limit), `order` (one selection
better than others, or comparable within a margin), `trend` (monotone along an attribute or label), `relation` (a formula
between two columns, on the printed and on the computed numbers). Tolerances stand in paper.yaml, fixed before the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wbir.errors import InputError, require_known
from wbir.results import PaperResults

if TYPE_CHECKING:
    import pandas

# From the worst to the best; a claim's verdict is the worst of its checks.
VERDICTS = ("contradicted", "not run", "data restricted", "not stated", "direction only", "holds", "reproduced")
MINIMUM_N = 5  # below this number of cases a one-sided Wilcoxon test cannot reach 5%: at best `direction only`
SELECTORS = ("experiment", "metric", "method", "label", "case", "where")
TESTS = {"wilcoxon": "Wilcoxon signed-rank, one-sided", "t": "paired t, two-sided"}  # of an order over cases
RELATIONS: dict[str, Callable[[float], float]] = {"dice_of_jaccard": lambda j: 2 * j / (1 + j)}


@dataclass(frozen=True)
class Outcome:
    """One comparison: what was computed, its 95% bootstrap interval over cases, the test and its p, and the verdict."""

    what: str
    computed: float
    low: float
    high: float
    n: int
    test: str
    p: float
    verdict: str


def run_check(results: PaperResults, check: Mapping[str, Any], *, speed: bool) -> list[Outcome]:
    """All comparisons of a check. Raises InputError for a check that cannot be understood."""
    kinds = {"value": _value, "bound": _bound, "order": _order, "trend": _trend, "relation": _relation}
    outcomes = []
    for where, part in _groups(results, check, speed):
        outcomes += [_labelled(o, where) for o in kinds[part["kind"]](results, part, speed)]
    return outcomes or [_not_run("no measurements")]


def _groups(results: PaperResults, check: Mapping[str, Any], speed: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """The check once per value of its `every` attribute (or label); as it is where there is none."""
    check = dict(check)
    every = check.pop("every", None)
    if every is None:
        yield "", check
        return
    table = results.select(_selection(check) | {"label": "*"}, speed=speed)
    for value in sorted(v for v in set(table.get(every, ())) if isinstance(v, str) and v):
        pinned = {"label": value} if every == "label" else {"where": dict(check.get("where", {})) | {every: value}}
        name = results.label_name(check["experiment"], check["metric"], value) if every == "label" else value
        yield name, check | pinned


def _labelled(outcome: Outcome, where: str) -> Outcome:
    return Outcome(**{**outcome.__dict__, "what": f"{where}: {outcome.what}" if where else outcome.what})


def _not_run(why: str) -> Outcome:
    return Outcome(why, math.nan, math.nan, math.nan, 0, "", math.nan, "not run")


def _selection(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in SELECTORS if key in entry}


def _merged(base: Mapping[str, Any], part: Mapping[str, Any] | str) -> dict[str, Any]:
    """A selection with a part of it replaced; a bare word is a method."""
    part = {"method": part} if isinstance(part, str) else dict(part)
    where = dict(base.get("where", {})) | dict(part.get("where", {}))
    return {**_selection(base), **part, "where": where}


def _quantity(results: PaperResults, wanted: Mapping[str, Any], entry: Mapping[str, Any], speed: bool) -> pandas.Series:
    """The values of a selection, one for each case: as measured, as success below a limit, or relative to another.

    A case that several seeds or models of a cross-validation met counts once, with their mean.
    """
    rows = results.select(wanted, speed=speed)
    values = rows.groupby("case")["value"].mean()
    if "success_below" in entry:
        return (values < float(entry["success_below"])).astype(float)
    if "relative_to" in entry:
        other = results.select(_merged(wanted, entry["relative_to"]), speed=speed).groupby("case")["value"].mean()
        values = (values / other).reindex(values.index)
    return values.dropna()


def _interval(values: np.ndarray, statistic: str = "mean") -> tuple[float, float]:
    from wbir.measures.statistics import bootstrap_interval

    interval = bootstrap_interval(values, statistic=statistic, seed=0)
    return interval.low, interval.high


def _value(results: PaperResults, check: Mapping[str, Any], speed: bool) -> list[Outcome]:
    """A printed value met within `tolerance` (absolute) or `relative` tolerance by the mean over cases."""
    values = _quantity(results, _selection(check), check, speed)
    if values.empty:
        return [_not_run(_name(results, check))]
    printed = float(_printed(results, check["printed"])["value"])
    tolerance = float(check.get("tolerance", abs(printed) * float(check.get("relative", 0.0))))
    mean = float(values.mean())
    met = abs(mean - printed) <= tolerance
    own = results.paper.cohort(results.paper.spec["experiments"][check["experiment"]]["cohort"]).own_data
    verdict = ("reproduced" if own else "holds") if met else "contradicted"
    what = f"{_name(results, check)} within {tolerance:.3g} of the printed {printed:g}"
    return [Outcome(what, mean, *_interval(values.to_numpy()), len(values), "tolerance", math.nan, verdict)]


def _printed(results: PaperResults, place: Mapping[str, str]) -> dict[str, str]:
    for row in results.reported:
        if all(row.get(key) == str(value) for key, value in place.items()):
            return row
    raise InputError(f"a printed number at {dict(place)} in reported.csv", "none", "correct the claim's place")


def _bound(results: PaperResults, check: Mapping[str, Any], speed: bool) -> list[Outcome]:
    """Every case (`statistic: each`), or the mean or the median with its interval, above or below a limit."""
    values = _quantity(results, _selection(check), check, speed).to_numpy()
    if not len(values):
        return [_not_run(_name(results, check))]
    upper = "below" in check
    limit = float(check["below"] if upper else check["above"])
    sides = f"{_name(results, check)} {'below' if upper else 'above'} {limit:g}"

    def inside(value: float) -> bool:
        return value < limit if upper else value > limit

    statistic = check.get("statistic", "each")
    require_known({"statistic": (statistic, ("each", "mean", "median"))}, "of a bound")
    if statistic == "each":
        worst = float(values.max() if upper else values.min())
        verdict = "holds" if inside(worst) else "contradicted"
        return [
            Outcome(f"{sides}, every case", worst, math.nan, math.nan, len(values), "worst case", math.nan, verdict)
        ]
    low, high = _interval(values, statistic)
    centre = float(values.mean() if statistic == "mean" else np.median(values))
    sure = len(values) >= MINIMUM_N and inside(high if upper else low)
    verdict = "holds" if sure else "direction only" if inside(centre) else "contradicted"
    what = f"{sides}, {statistic}"
    return [Outcome(what, centre, low, high, len(values), "bootstrap interval", math.nan, verdict)]


def _order(results: PaperResults, check: Mapping[str, Any], speed: bool) -> list[Outcome]:
    """`better` against each of `than`: paired over cases, or between two groups of cases (`paired: false`)."""
    sign = 1.0 if (check.get("direction") or _direction(check)) == "higher" else -1.0
    first = _quantity(results, _merged(check, check["better"]), check, speed)
    outcomes = []
    for other in check["than"]:
        second = _quantity(results, _merged(check, other), check, speed)
        what = f"{_name(results, check)}: {_words(check['better'])} against {_words(other)}"
        if check.get("paired", True):
            first_common, second_common = first.align(second, join="inner")
            outcomes.append(_paired(what, sign * (first_common - second_common).to_numpy(), check))
        else:
            outcomes.append(_unpaired(what, sign * first.to_numpy(), sign * second.to_numpy()))
    return outcomes


def _paired(what: str, gains: np.ndarray, check: Mapping[str, Any]) -> Outcome:
    """The verdict on paired gains (positive: better). The test is one of TESTS; its p is to lie below `p_below` (0.05).

    `significant: false` is for a paper that finds no significant gain: that holds where p does not lie below.
    """
    from wbir.measures.statistics import paired_t, paired_wilcoxon

    test, limit = check.get("test", "wilcoxon"), float(check.get("p_below", 0.05))
    require_known({"test": (test, tuple(TESTS))}, "of a check")
    if not len(gains):
        return _not_run(what)
    mean, (low, high) = float(gains.mean()), _interval(gains)
    none = np.zeros_like(gains)
    p = paired_t(gains, none).p if test == "t" else paired_wilcoxon(gains, none, alternative="greater").p
    enough = len(gains) >= MINIMUM_N
    if "within" in check:
        margin = float(check["within"])
        verdict = (
            "contradicted"
            if abs(mean) > margin
            else "holds"
            if enough and max(-low, high) <= margin
            else "direction only"
        )
        return Outcome(
            f"{what}, difference within {margin:g}",
            mean,
            low,
            high,
            len(gains),
            "bootstrap interval",
            math.nan,
            verdict,
        )
    if not check.get("significant", True):
        verdict = "contradicted" if p < limit else "holds" if enough else "direction only"
        return Outcome(f"{what}, no significant gain", mean, low, high, len(gains), TESTS[test], p, verdict)
    tied = check.get("ties", False) and mean == 0
    if tied:
        verdict = "holds" if enough and low == high == 0 else "direction only"
    else:
        verdict = "contradicted" if mean <= 0 else "holds" if enough and low > 0 and p < limit else "direction only"
    return Outcome(f"{what}, mean gain", mean, low, high, len(gains), TESTS[test], p, verdict)


def _unpaired(what: str, first: np.ndarray, second: np.ndarray) -> Outcome:
    """The verdict on two independent groups by an exact permutation test of the difference of means."""
    if not len(first) or not len(second):
        return _not_run(what)
    from scipy import stats

    def difference(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.mean(a, axis=axis) - np.mean(b, axis=axis)

    mean = float(difference(first, second))
    low = high = p = math.nan
    if min(len(first), len(second)) > 1:
        p = float(
            stats.permutation_test((first, second), difference, alternative="greater", vectorized=True, rng=0).pvalue
        )
        interval = stats.bootstrap(
            (first, second), difference, vectorized=True, method="percentile", rng=0
        ).confidence_interval
        low, high = float(interval.low), float(interval.high)
    verdict = "contradicted" if mean <= 0 else "holds" if low > 0 and p <= 0.05 else "direction only"
    n = len(first) + len(second)
    return Outcome(f"{what}, difference of means", mean, low, high, n, "permutation, one-sided", p, verdict)


def _trend(results: PaperResults, check: Mapping[str, Any], speed: bool) -> list[Outcome]:
    """Means that rise or fall from level to level of an attribute or of the label (numeric levels)."""
    from wbir.measures.statistics import spearman

    along, rising = check["along"], check["direction"] == "increasing"
    wanted = _selection(check) | ({"label": "*"} if along == "label" else {})
    rows = results.select(wanted, speed=speed)
    rows = rows[rows[along].astype(str).str.len() > 0] if along in rows else rows.iloc[:0]
    rows = rows.assign(level=rows[along].astype(float)) if len(rows) else rows.assign(level=[])
    if "relative_to" in check:
        other = results.select(_merged(wanted, check["relative_to"]), speed=speed).set_index(["case", "seed"])["value"]
        rows = rows.set_index(["case", "seed"])
        rows = rows.assign(value=rows["value"] / other).reset_index()
    rows = rows.dropna(subset=["value"])
    rows = rows[
        (rows["level"] >= float(check.get("start", -math.inf))) & (rows["level"] <= float(check.get("end", math.inf)))
    ]
    means = rows.groupby("level")["value"].mean()
    if len(means) < 2:
        return [_not_run(_name(results, check))]
    correlation = spearman(rows["level"].to_numpy(), rows["value"].to_numpy())
    rho, p = correlation.statistic, correlation.p
    steps = np.diff(means.to_numpy()) * (1 if rising else -1)
    verdict = "holds" if np.all(steps > 0) else "direction only" if rho * (1 if rising else -1) > 0 else "contradicted"
    path = " → ".join(f"{v:.3g}" for v in means)
    what = f"{_name(results, check)} {check['direction']} along {along}: {path}"
    return [Outcome(what, rho, math.nan, math.nan, len(rows), "Spearman's rho; means monotone", p, verdict)]


def _relation(results: PaperResults, check: Mapping[str, Any], speed: bool) -> list[Outcome]:
    """`y = formula(x)` within a tolerance, on the printed numbers and on the computed ones."""
    formula, tolerance = RELATIONS[check["formula"]], float(check["tolerance"])
    outcomes = []
    for place in check.get("printed", ()):
        x, y = (float(_printed(results, dict(place["at"]) | {"column": place[c]})["value"]) for c in ("x", "y"))
        error = abs(formula(x) - y)
        verdict = "holds" if error <= tolerance else "contradicted"
        what = f"printed {' '.join(place['at'].values())}: {formula(x):.5f} for {y:g}"
        outcomes.append(Outcome(what, error, math.nan, math.nan, 1, f"tolerance {tolerance:g}", math.nan, verdict))
    x_values = _quantity(results, _merged(check, {"metric": check["x"]}), {}, speed)
    y_values = _quantity(results, _merged(check, {"metric": check["y"]}), {}, speed)
    errors = (x_values.map(formula) - y_values).abs().dropna()
    if errors.empty:
        return [*outcomes, _not_run(_name(results, check))]
    verdict = "holds" if errors.max() <= tolerance else "contradicted"
    what = f"computed {check['y']} = {check['formula']}({check['x']})"
    return [
        *outcomes,
        Outcome(
            what, float(errors.max()), math.nan, math.nan, len(errors), f"tolerance {tolerance:g}", math.nan, verdict
        ),
    ]


def _direction(check: Mapping[str, Any]) -> str:
    """The direction that the metric itself declares."""
    from wbir.measures.base import discover

    name = check["metric"]
    known = discover().get(name) or discover().get(name.removeprefix("inverse_").removeprefix("start_"))
    if known is None or known.direction == "none":
        raise InputError(
            f"`direction: higher` or `lower` for an order of {name}", "none", "the metric declares no direction"
        )
    return known.direction


def _name(results: PaperResults, check: Mapping[str, Any]) -> str:
    label = check.get("label")
    if label and {"experiment", "metric"} <= set(check):
        label = results.label_name(check["experiment"], check["metric"], str(label))
    parts = [check.get("method"), check.get("metric"), label]
    name = " ".join(str(p) for p in parts if p)
    return f"{name} (success below {check['success_below']:g})" if "success_below" in check else name


def _words(part: Mapping[str, Any] | str) -> str:
    if isinstance(part, str):
        return part
    flat = {**{k: v for k, v in part.items() if k != "where"}, **part.get("where", {})}
    return " ".join(str(v) for v in flat.values())
