"""The embedded captioner: one sentence per still, filled from measurements alone.

It names the classifier's label (as a doubt where the probability is low), the dominant colours, the tones, and the
motion of camera and subject. It knows no actions, so it names none. It exists so that the whole path runs on any
machine; a vision language model replaces it by one line in the configuration.

    just curate demo          # the embedded profile captions with it
"""

import difflib
import re
import string
from collections.abc import AsyncIterator, Sequence

from captioning.captioners.colours import Appearance, measure_appearance
from captioning.captioners.labels import subject
from captioning.prompts import FACTS_PROMPT
from captioning.protocols import CaptionReply, StillRequest
from schemas.errors import ConfigError, MediaError
from schemas.ids import digest

PLACEHOLDERS = ("subject", "colours", "light", "camera")
# Percent of the frame's diagonal per second: below the first nothing visibly moves, above the last the motion is fast.
STILL, SLOW, FAST = 1.0, 4.0, 15.0
BLACK, DARK, DIM, BRIGHT = 0.04, 0.15, 0.32, 0.68
FLAT, STRONG, MONOCHROME_CONTRAST = 0.10, 0.28, 0.18
# Shares of the image, 0 to 1.
NEARLY_ALL, CLEAR, MOST, VISIBLE, TOUCH, PREVAILS = 0.85, 0.6, 0.5, 0.1, 0.01, 0.7
VIVID = frozenset({"red", "orange", "yellow", "pink", "magenta", "purple", "turquoise", "blue", "green"})
MOVES = {
    "pan left": "pans left",
    "pan right": "pans right",
    "tilt up": "tilts up",
    "tilt down": "tilts down",
    "zoom in": "zooms in",
    "zoom out": "zooms out",
    "handheld": "is held by hand",
    "moving": "moves",
}


class FactsCaptioner:
    """Fills the sentence template `prompt` with measured facts; raises `ConfigError` for an unknown placeholder."""

    name = "facts"
    model = "measured facts, revision 1"
    default_prompt = FACTS_PROMPT

    def __init__(self, prompt: str = FACTS_PROMPT) -> None:
        _validate(prompt)
        self.prompt = prompt
        self.prompt_hash = digest(prompt)

    async def caption(self, requests: Sequence[StillRequest]) -> AsyncIterator[CaptionReply]:
        """Yield one reply per still; for an image that cannot be decoded the reply holds the error."""
        for request in requests:
            try:
                yield CaptionReply(still_id=request.still_id, caption=self._sentence(request))
            except MediaError as error:
                yield CaptionReply(still_id=request.still_id, error=str(error))

    def _sentence(self, request: StillRequest) -> str:
        appearance = measure_appearance(request.image.read())
        named = subject(request.labels)
        # Without a subject the preposition after it is removed too: "a dark scene of ...".
        template = self.prompt if named else re.sub(r"\{subject\}\s+(in|with|on|at|against)\b", "", self.prompt)
        filled = template.format(
            subject=named or "",
            colours=colours(appearance),
            light=light(appearance),
            camera=camera(request.camera, request.camera_motion, request.subject_motion),
        )
        return _tidy(filled)


def _validate(prompt: str) -> None:
    try:
        fields = list(string.Formatter().parse(prompt))
    except ValueError as error:
        raise ConfigError(f"caption prompt {prompt!r}: {error}; write a literal brace as {{{{ or }}}}") from error
    for _, name, specification, conversion in fields:
        if name is None:
            continue
        if name not in PLACEHOLDERS or specification or conversion:
            nearest = difflib.get_close_matches(name, PLACEHOLDERS, n=1, cutoff=0)[0]
            known = ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS)
            raise ConfigError(f"caption prompt: {{{name}}} is not one of {known}; did you mean {{{nearest}}}?")
    if not any(name for _, name, _, _ in fields):
        raise ConfigError(
            f"caption prompt {prompt!r} has no placeholder, so all captions would be equal; add {{subject}}"
        )


def colours(appearance: Appearance) -> str:
    """A phrase for the dominant colours: `mostly green with a touch of red`, `blue above and green below`."""
    if appearance.monochrome and appearance.brightness > BLACK:
        return "black and white" if appearance.contrast > MONOCHROME_CONTRAST else "shades of grey"
    for (first, first_share), (second, second_share), form in (
        (appearance.above, appearance.below, "{} above and {} below"),
        (appearance.centre, appearance.around, "{} in the middle and {} around it"),
    ):
        if first != second and min(first_share, second_share) > CLEAR:
            return form.format(first, second) + _accent(appearance, {first, second})
    shares = _families(appearance.colours)
    (first, share), rest = shares[0], [name for name, part in shares[1:3] if part >= VISIBLE]
    accent = _accent(appearance, {name for name, _ in shares[: 1 + len(rest)]})
    if share >= NEARLY_ALL:
        return f"almost nothing but {first}{accent}"
    if share < MOST and rest:
        return f"{_listed([first, *rest])}{accent}"
    if not rest:
        return f"mostly {first}{accent}"
    return f"mostly {first} with some {_listed([*rest, accent.removeprefix(' with ')] if accent else rest)}"


def _families(shares: tuple[tuple[str, float], ...]) -> list[tuple[str, float]]:
    """Merge the shades of a colour: under the dominant shade's name (`dark grey`), else the colour's (`grey`)."""
    families: dict[str, list[tuple[str, float]]] = {}
    for name, share in shares:
        families.setdefault(name.split()[-1], []).append((name, share))
    merged = []
    for base, shades in families.items():
        total = sum(share for _, share in shades)
        merged.append((shades[0][0] if shades[0][1] > PREVAILS * total else base, total))
    return sorted(merged, key=lambda family: -family[1])


def _accent(appearance: Appearance, named: set[str]) -> str:
    """A vivid colour that covers little but catches the eye, as ` with a touch of ...`; empty if there is none."""
    bases = {name.split()[-1] for name in named}
    vivid = [name for name, share in appearance.colours if name in VIVID and share >= TOUCH and name not in bases]
    return f" with a touch of {vivid[0]}" if vivid else ""


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def light(appearance: Appearance) -> str:
    """A phrase for the tones, where they stand out: `a scene`, `a dark scene`, `a bright, high-contrast scene`."""
    tones = "dark" if appearance.brightness < DARK else "dim" if appearance.brightness < DIM else ""
    tones = "bright" if appearance.brightness > BRIGHT else tones
    contrast = "low-contrast" if appearance.contrast < FLAT else "high-contrast" if appearance.contrast > STRONG else ""
    # A dark image always has little contrast; saying so adds nothing.
    contrast = "" if tones == "dark" and contrast == "low-contrast" else contrast
    return f"a {', '.join(word for word in (tones, contrast) if word)} scene"


def camera(label: str | None, camera_motion: float | None, subject_motion: float | None) -> str:
    """A sentence on the motion of camera and subject; empty for an image (no `label`).

    `label` is the camera move as in `StillRequest`; the motions are percent of the frame's diagonal per second, >= 0.
    """
    subject_motion = subject_motion or 0.0
    if label is None:
        return ""
    if label == "static":
        if subject_motion < STILL:
            return "The camera holds still and little moves."
        return f"The camera holds still while something moves{_pace(subject_motion)}."
    move = f"The camera {MOVES.get(label, 'moves')}{_pace(camera_motion)}"
    # Flow that the camera's motion does not explain is mostly parallax, unless there is a lot of it.
    moving = subject_motion >= SLOW and subject_motion > 0.5 * (camera_motion or 0.0)
    return f"{move} as something moves{_pace(subject_motion)}." if moving else f"{move}."


def _pace(motion: float | None) -> str:
    if motion is None or SLOW <= motion <= FAST:
        return ""
    if motion > FAST:
        return " fast"
    return " slowly" if motion >= STILL else " very slowly"


def _tidy(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\s+([,.;])", r"\1", text)
    text = re.sub(r",+(?=[,.;])|(?<=[.;])[,.;]+", "", text)
    return re.sub(r"(^|[.] )(\w)", lambda match: match[1] + match[2].upper(), text)
