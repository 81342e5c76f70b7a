"""The values of one column with the fate of each clip: what a histogram is drawn from.

values, fates = numbers_with_fates(funnel, "motion")      # 9 bytes for each clip that has a number
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.readers.what_if.funnel import Funnel
from pipeline.readers.what_if.histogram import FATES, Fate

if TYPE_CHECKING:
    from pipeline.dataset.query import Relation


def valued(funnel: Funnel, column: str) -> int:
    """The number of clips that have a value in a column."""
    return int(funnel.clips.rows.aggregate(f"count({funnel.clips.value(column)})").fetchall()[0][0])


def numbers_with_fates(funnel: Funnel, column: str) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """The finite numbers [N] of a column, and the place in `FATES` of each clip's fate [N]."""
    from pipeline.dataset.query import batches

    rows = _with_fates(funnel, column).filter("isfinite(value)")
    count = rows.aggregate("count(*)").fetchall()[0][0]
    values, fates, at = np.empty(count), np.empty(count, np.int8), 0
    for table in batches(rows):
        values[at : at + len(table)] = table["value"].to_numpy()
        fates[at : at + len(table)] = table["fate"].to_numpy()
        at += len(table)
    return values, fates


def words_of(funnel: Funnel, column: str) -> dict[str, dict[Fate, int]]:
    """The number of clips by word and fate."""
    rows = _with_fates(funnel, column).filter("value IS NOT NULL")
    counts: dict[str, dict[Fate, int]] = {}
    for word, fate, clips in rows.aggregate("value, fate, count(*) AS clips", "value, fate").fetchall():
        counts.setdefault(word, dict.fromkeys(FATES, 0))[FATES[fate]] = clips
    return counts


def _with_fates(funnel: Funnel, column: str) -> "Relation":
    here = [f"dropped_{place}" for place, effect in enumerate(funnel.effects) if effect.rule.column == column]
    places = {fate: FATES.index(fate) for fate in FATES}
    fate = (
        f"CASE WHEN kept THEN {places['kept']} WHEN {' OR '.join(here)} THEN {places['here']}"
        f" ELSE {places['elsewhere']} END::TINYINT"
    )
    return funnel.clips.rows.project(f"{funnel.clips.value(column)} AS value, {fate} AS fate")
