"""What a registration adds to the overlap that was there without it."""

from __future__ import annotations

from wbir.cases import Prediction
from wbir.measures.base import Evaluation, metric
from wbir.measures.overlap import LABELS, dice_percent


@metric(
    unit="%",
    direction="none",  # higher is better, but what needs no registration gains nothing
    range=(-100, 100),
    reference="WBIR 2022 paper 26, Sect. 4: Dice after minus Dice before registration, percentage points",
    needs=LABELS,
)
def dice_gain(evaluation: Evaluation) -> dict[str, float]:
    """Per label and, under "", of the means over the labels. NaN where a Dice is."""
    before = dice_percent(Evaluation(evaluation.case, Prediction()))
    after = dice_percent(evaluation)
    return {label: after[label] - before[label] for label in after.keys() & before.keys()}  # type: ignore[index, union-attr]
