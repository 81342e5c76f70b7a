"""Stills for the what-if page: for every rule, the nearest clips on both sides of its threshold.

A threshold is easier to choose when the clips on both sides of it are visible; clips far from it are rarely in doubt.

    thumbnails = thumbnails_of(history, shown_clips(funnel))
    cards = draw_sides(funnel, thumbnails.get)
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pyarrow.compute as pc

from captioning.report.thumbnails import thumbnail
from pipeline.readers.history import History
from pipeline.readers.showing import Stills
from pipeline.readers.what_if.funnel import Effect, Funnel
from pipeline.stage import Row
from pipeline.stages.select.measured import value_of
from schemas.media_tables import STILLS
from schemas.rules import Rule

EACH = 6
"""Clips shown on each side of a rule."""
Thumbnails = Callable[[str], str | None]
"""Returns a clip's thumbnail by its id, a JPEG in base64; None if there is none."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Clips on both sides of a rule, the nearest to its threshold first, and the total numbers."""

    dropped: Sequence[Row]
    kept: Sequence[Row]
    drops: int
    keeps: int


def sides_of(effect: Effect, clips: Sequence[Row]) -> Sides:
    """The clips on both sides of a rule applied alone; a clip without a value passes, and is not shown."""
    column = effect.rule.column
    valued = [clip for clip in clips if value_of(clip, column) is not None]
    passing = {clip["clip_id"] for clip in valued if _passes(clip, effect.bounds)}

    def distance(clip: Row) -> tuple[float, str]:
        return min((_gap(value_of(clip, column), bound) for bound in effect.bounds), default=0.0), clip["clip_id"]

    ordered = sorted(valued, key=distance)
    dropped = [clip for clip in ordered if clip["clip_id"] not in passing]
    kept = [clip for clip in ordered if clip["clip_id"] in passing]
    return Sides(dropped[:EACH], kept[:EACH], len(dropped), len(clips) - len(dropped))


def draw_sides(funnel: Funnel, images: Thumbnails) -> list[str]:
    """A card per rule with both of its sides; none if no clip has a thumbnail."""
    cards = []
    for effect in funnel.effects:
        sides = sides_of(effect, funnel.clips)
        drops = _strip(f"drops {sides.drops}", sides.dropped, effect.rule.column, images)
        keeps = _strip(f"keeps {sides.keeps}", sides.kept, effect.rule.column, images)
        if drops or keeps:
            here = f"<small>here {escape(effect.here)}</small>" if effect.here else ""
            cards.append(f'<div class="card"><h3>{escape(effect.rule.text)}</h3>{here}{drops}{keeps}</div>')
    if not cards:
        return []
    hint = '<p class="soft">Each rule by itself: the clips nearest its threshold, with the value that it looks at.</p>'
    return ["<h2>What the rules drop and keep</h2>", hint, *cards]


def thumbnails_of(history: History, clip_ids: Collection[str]) -> Mapping[str, str]:
    """The middle still of each clip as a small JPEG in base64; clips without a readable still are left out."""
    selected = pc.field("clip_id").isin(list(clip_ids))
    columns = ["still_id", "clip_id", "ordinal"]
    by_clip: dict[str, list[Row]] = {}
    for row in history.parts("stills", "split", STILLS, columns, selected).to_pylist():
        by_clip.setdefault(row["clip_id"], []).append(row)
    stills, images = Stills(history.dataset), {}
    for clip, rows in by_clip.items():
        middle = sorted(rows, key=lambda row: row["ordinal"])[len(rows) // 2]
        image = stills(middle["still_id"])
        if image and (made := thumbnail(image)):
            images[clip] = made
    return images


def shown_clips(funnel: Funnel) -> set[str]:
    """Ids of all clips that `draw_sides` shows."""
    sides = [sides_of(effect, funnel.clips) for effect in funnel.effects]
    return {clip["clip_id"] for side in sides for clip in (*side.dropped, *side.kept)}


def _strip(title: str, clips: Sequence[Row], column: str, images: Thumbnails) -> str:
    figures = "".join(
        f'<figure><img src="data:image/jpeg;base64,{image}" alt="still of clip {escape(clip["clip_id"])}" '
        f'loading="lazy" title="{escape(clip["clip_id"])}"><figcaption>{escape(_shown(value_of(clip, column)))}'
        "</figcaption></figure>"
        for clip in clips
        if (image := images(clip["clip_id"]))
    )
    return f'<div class="side"><p>{escape(title)}</p><div class="stills">{figures}</div></div>' if figures else ""


def _passes(clip: Row, bounds: Sequence[Rule]) -> bool:
    return all(rule.passes(value_of(clip, rule.column)) for rule in bounds)


def _gap(value: float | str | None, bound: Rule) -> float:
    if isinstance(value, str) or value is None or isinstance(bound.threshold, str):
        return 0.0
    return abs(value - bound.threshold)


def _shown(value: float | str | None) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
