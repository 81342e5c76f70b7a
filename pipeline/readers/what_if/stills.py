"""Stills for the what-if page: for every rule, the nearest clips on both sides of its threshold.

A threshold is easier to choose when the clips on both sides of it are visible; clips far from it are rarely in doubt.

    thumbnails = thumbnails_of(history, shown_clips(funnel))
    cards = draw_sides(funnel, thumbnails.get)
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from captioning.report.thumbnails import thumbnail
from pipeline.readers.history import History
from pipeline.readers.showing import Stills
from pipeline.readers.what_if.funnel import Funnel
from pipeline.stage import Row
from schemas.media_tables import STILLS

EACH = 6
"""Clips shown on each side of a rule."""
Thumbnails = Callable[[str], str | None]
"""Returns a clip's thumbnail by its id, a JPEG in base64; None if there is none."""


Shown = tuple[str, float | str]
"""A clip's id, and its value in the column of a rule."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Clips on both sides of a rule, the nearest to its threshold first, and the total numbers."""

    dropped: Sequence[Shown]
    kept: Sequence[Shown]
    drops: int
    keeps: int


def sides_of(funnel: Funnel, place: int) -> Sides:
    """The clips on both sides of a rule applied alone; a clip without a value passes, and is not shown."""
    effect, clips = funnel.effects[place], funnel.clips
    value, lost = clips.value(effect.rule.column), f"dropped_{place}"
    gaps = [f"abs({value} - '{bound.threshold!r}'::DOUBLE)" for bound in effect.bounds]
    gap = f"least({', '.join(gaps)})" if gaps and effect.rule.column not in clips.words else "0"

    def nearest(side: str) -> list[Shown]:
        valued = clips.rows.filter(f"{value} IS NOT NULL AND {side}")
        return list(valued.project(f"clip_id, {value}, {gap} AS gap").order("gap, clip_id").limit(EACH).fetchall())

    shown = [nearest(lost), nearest(f"NOT {lost}")]
    dropped, kept = ([(row[0], row[1]) for row in rows] for rows in shown)
    return Sides(dropped, kept, funnel.measured.clips - effect.alone.clips, effect.alone.clips)


def draw_sides(funnel: Funnel, images: Thumbnails) -> list[str]:
    """A card per rule with both of its sides; none if no clip has a thumbnail."""
    cards = []
    for place, effect in enumerate(funnel.effects):
        sides = sides_of(funnel, place)
        drops = _strip(f"drops {sides.drops}", sides.dropped, images)
        keeps = _strip(f"keeps {sides.keeps}", sides.kept, images)
        if drops or keeps:
            here = f"<small>here {escape(effect.here)}</small>" if effect.here else ""
            cards.append(f'<div class="card"><h3>{escape(effect.rule.text)}</h3>{here}{drops}{keeps}</div>')
    if not cards:
        return []
    hint = '<p class="soft">Each rule by itself: the clips nearest its threshold, with the value that it looks at.</p>'
    return ["<h2>What the rules drop and keep</h2>", hint, *cards]


def thumbnails_of(history: History, clip_ids: Collection[str]) -> Mapping[str, str]:
    """The middle still of each clip as a small JPEG in base64; clips without a readable still are left out."""
    from pipeline.dataset.query import texts

    selected = f"clip_id IN {texts(clip_ids)}"
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
    sides = [sides_of(funnel, place) for place in range(len(funnel.effects))]
    return {clip for side in sides for clip, _ in (*side.dropped, *side.kept)}


def _strip(title: str, clips: Sequence[Shown], images: Thumbnails) -> str:
    figures = "".join(
        f'<figure><img src="data:image/jpeg;base64,{image}" alt="still of clip {escape(clip)}" '
        f'loading="lazy" title="{escape(clip)}"><figcaption>{escape(_shown(value))}'
        "</figcaption></figure>"
        for clip, value in clips
        if (image := images(clip))
    )
    return f'<div class="side"><p>{escape(title)}</p><div class="stills">{figures}</div></div>' if figures else ""


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
