"""Camera, motion and cuts: what a caption says of them against what was measured in the video.

results = CHECKS["camera_conflict"].run(corpus)
"""

import re
from collections.abc import Callable, Mapping

from captioning.quality.check import Check, CheckFunction, CheckResult, fault
from captioning.quality.clip import Clip
from captioning.quality.corpus import Corpus
from captioning.quality.records import CaptionRecord

_CAMERA = r"\bcamera(?:'s)?\b[^.;]{0,40}?"
# What a caption may say of the camera, and the measured classes that agree with it.
_MOVES: tuple[tuple[re.Pattern[str], str, frozenset[str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), move, frozenset(classes.split(";")))
    for pattern, move, classes in (
        (rf"{_CAMERA}\bpan\w*\b[^.;]{{0,15}}\bleft\b|\bpan left\b", "a pan to the left", "pan left;moving;handheld"),
        (
            rf"{_CAMERA}\bpan\w*\b[^.;]{{0,15}}\bright\b|\bpan right\b",
            "a pan to the right",
            "pan right;moving;handheld",
        ),
        (rf"{_CAMERA}\btilt\w*\b[^.;]{{0,15}}\bup\w*\b", "a tilt upwards", "tilt up;moving;handheld"),
        (rf"{_CAMERA}\btilt\w*\b[^.;]{{0,15}}\bdown\w*\b", "a tilt downwards", "tilt down;moving;handheld"),
        (rf"{_CAMERA}\bzoom\w*\b[^.;]{{0,15}}\bin\b|\bzooms? in\b", "a zoom in", "zoom in;moving;handheld"),
        (rf"{_CAMERA}\bzoom\w*\b[^.;]{{0,15}}\bout\b|\bzooms? out\b", "a zoom out", "zoom out;moving;handheld"),
        (
            rf"\b(?:static|fixed|stationary|locked|motionless|still|steady) camera\b|"
            rf"{_CAMERA}\b(?:holds still|(?:is|remains|stays) (?:\w+ )?(?:still|static|fixed|"
            rf"stationary|motionless|steady))\b",
            "a camera that holds still",
            "static;handheld",
        ),
    )
)
_CALM = re.compile(
    r"\b(?:motionless|stationary|perfectly still|completely still|nothing moves|little moves|without "
    r"(?:any )?mov\w+)\b",
    re.IGNORECASE,
)
_FAST = re.compile(
    r"\b(?:rapid(?:ly)?|fast|quickly|swift(?:ly)?|at (?:high|great|full) speed|rac(?:es|ing)|"
    r"sprint(?:s|ing)|rush(?:es|ing)|"
    r"hurtl\w+|gallop\w*|speed(?:s|ing) (?:along|past|through|down))\b",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"\b(?:(?:scene|view|shot|video|clip|footage|camera|image|perspective)s? (?:then |now |suddenly "
    r")?(?:changes?|cuts?|"
    r"transitions?|switch(?:es)?|jumps?|dissolves?|fades?) (?:to|into|from|between)?|(?:next|new|"
    r"another|different|following) "
    r"(?:scene|shot)|cuts? to|montage|series of (?:scenes|shots|clips)|(?:transition|cut)(?:s|ing)? (?:to|between) )",
    re.IGNORECASE,
)
# Percent of the diagonal per second: visibly fast, and no visible motion (the measured-facts captioner uses 15 and 1;
# these leave a margin, because motion is a mean over the frame).
MUCH, NOTHING = 20.0, 0.5


def _where(find: Callable[[Clip], str], applies: Callable[[CaptionRecord], bool]) -> CheckFunction:
    def run(corpus: Corpus) -> Mapping[str, CheckResult]:
        return {clip.key: fault(find(clip)) for clip in corpus.captioned if applies(clip.record)}

    return run


def _camera(clip: Clip) -> str:
    measured = clip.record.camera
    for pattern, move, classes in _MOVES:
        if pattern.search(clip.text) and measured not in classes:
            return f"speaks of {move}, measured is {measured!r}"
    return ""


def _motion(clip: Clip) -> str:
    motion = clip.record.motion or 0.0
    calm, fast = _CALM.search(clip.text), _FAST.search(clip.text)
    if calm and not fast and motion > MUCH:
        return f"says {calm.group()!r}, measured motion is {motion:.1f} % of the diagonal per second"
    if fast and motion < NOTHING:
        return f"says {fast.group()!r}, measured motion is {motion:.1f} % of the diagonal per second"
    return ""


def _cut(clip: Clip) -> str:
    match = _CUT.search(clip.text)
    return f"speaks of a cut inside one shot: {match.group().strip()!r}" if match else ""


CHECKS = (
    Check(
        name="camera_conflict",
        doc="captions whose camera words contradict the measured camera",
        weight=0.3,
        run=_where(_camera, lambda record: record.camera is not None),
        tier=1,
    ),
    Check(
        name="motion_conflict",
        doc="captions that call much motion still or none fast",
        weight=0.3,
        run=_where(_motion, lambda record: record.motion is not None),
        tier=1,
    ),
    Check(
        name="scene_change",
        doc="captions that speak of a change of scene; a clip is one shot, so the splitter may have missed a cut",
        weight=0.4,
        run=_where(_cut, lambda record: True),
        tier=1,
    ),
)
