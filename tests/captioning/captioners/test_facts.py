"""The embedded captioner says what was measured, doubts what is doubtful, and names no action and no medium."""

import io
import re

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from captioning.captioners import CAPTIONERS
from captioning.captioners.facts import FactsCaptioner
from captioning.chat import ImageBytes
from captioning.prompts import FACTS_PROMPT
from captioning.protocols import CaptionReply, StillRequest, iterate
from schemas.errors import ConfigError
from schemas.ids import digest

PICTURES = ("astronaut", "camera", "chelsea", "coffee", "rocket", "moon", "page", "clock")


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(encoded, "JPEG", quality=92)
    return encoded.getvalue()


def plain(*rgb: int) -> bytes:
    return jpeg(np.full((64, 96, 3), rgb, dtype=np.uint8))


def still(
    image: bytes,
    *labels: tuple[str, float],
    still_id: str = "s",
    camera: str | None = None,
    camera_motion: float | None = None,
    subject_motion: float | None = None,
) -> StillRequest:
    return StillRequest(
        still_id=still_id,
        clip_id="clip",
        image=ImageBytes("still", image),
        time=0.0,
        labels=labels,
        camera=camera,
        camera_motion=camera_motion,
        subject_motion=subject_motion,
    )


def reply(request: StillRequest, prompt: str = FACTS_PROMPT) -> CaptionReply:
    (reply,) = iterate(FactsCaptioner(prompt).caption([request]))
    return reply


def caption_of(request: StillRequest, prompt: str = FACTS_PROMPT) -> str:
    caption = reply(request, prompt).caption
    assert caption is not None
    return caption


def test_a_cat_is_a_cat() -> None:
    labels = (("tabby, tabby cat", 0.3), ("Egyptian cat", 0.25), ("tiger cat", 0.2))
    caption = caption_of(still(jpeg(data.chelsea()), *labels, camera="pan left", camera_motion=2.0, subject_motion=0.3))
    assert caption.startswith("A cat in a scene of ")
    assert caption.endswith(" The camera pans left slowly.")
    assert "brown" in caption or "beige" in caption


def test_doubt_and_ignorance_are_told_apart() -> None:
    cup = jpeg(data.coffee())
    assert caption_of(still(cup, ("espresso", 0.7))).startswith("Espresso in a ")
    assert caption_of(still(cup, ("cup", 0.3))).startswith("What may be a cup in a ")
    assert re.match(r"A (dim, |dark, )?\S* ?scene of ", caption_of(still(cup, ("cup", 0.1))))


def test_black_and_white_is_seen() -> None:
    assert "of black and white." in caption_of(still(jpeg(data.camera())))
    assert "of almost nothing but black." in caption_of(still(plain(0, 0, 0)))
    assert "shades of grey" in caption_of(still(plain(128, 128, 128)))


def test_plain_colours_and_places() -> None:
    assert caption_of(still(plain(40, 90, 200))) == "A low-contrast scene of almost nothing but blue."
    halves = np.full((64, 96, 3), (90, 170, 240), dtype=np.uint8)
    halves[30:] = (50, 140, 50)
    assert "blue above and green below" in caption_of(still(jpeg(halves)))
    spot = np.full((64, 96, 3), (240, 240, 240), dtype=np.uint8)
    spot[28:38, 40:56] = (220, 20, 20)
    assert "almost nothing but white with a touch of red" in caption_of(still(jpeg(spot)))


@pytest.mark.parametrize(
    ("camera", "camera_motion", "subject_motion", "sentence"),
    [
        ("static", 0.1, 0.2, "The camera holds still and little moves."),
        ("static", 0.1, 2.0, "The camera holds still while something moves slowly."),
        ("static", 0.1, 20.0, "The camera holds still while something moves fast."),
        ("pan right", 20.0, 1.0, "The camera pans right fast."),
        ("tilt up", 8.0, 6.0, "The camera tilts up as something moves."),
        ("zoom in", 0.5, 0.1, "The camera zooms in very slowly."),
        ("moving", 6.0, None, "The camera moves."),
    ],
)
def test_camera_and_motion(camera: str, camera_motion: float, subject_motion: float | None, sentence: str) -> None:
    request = still(plain(0, 0, 0), camera=camera, camera_motion=camera_motion, subject_motion=subject_motion)
    assert caption_of(request).endswith(f". {sentence}")


@pytest.mark.parametrize("picture", PICTURES)
def test_sentences_are_clean_prose(picture: str) -> None:
    for label in ((), (("Pembroke, Pembroke Welsh corgi", 0.5),), (("sunglasses, dark glasses, shades", 0.3),)):
        caption = caption_of(still(jpeg(getattr(data, picture)()), *label, camera="static", subject_motion=2.0))
        assert caption[0].isupper()
        assert caption.endswith(".")
        assert not re.search(r"video|frame|image|photo|[{}]|\s\s|\s[.,]|,\.|\.\.", caption), caption


def test_undecodable_picture_is_an_error_of_its_still_only() -> None:
    requests = [still(b"not a picture", still_id="a"), still(plain(0, 0, 0), still_id="b"), still(b"", still_id="c")]
    replies = {reply.still_id: reply for reply in iterate(CAPTIONERS["facts"](FACTS_PROMPT).caption(requests))}
    assert "13 bytes are not an image" in str(replies["a"].error)
    assert replies["b"].error is None
    assert replies["c"].error is not None


def test_prompt_is_a_template_with_a_hash() -> None:
    black = still(plain(0, 0, 0), ("brown bear, bruin, Ursus arctos", 0.9))
    assert caption_of(black, "{colours}: {subject}") == "Almost nothing but black: a brown bear"
    assert FactsCaptioner().prompt_hash == digest(FACTS_PROMPT)
    assert FactsCaptioner("{subject}").prompt_hash != FactsCaptioner().prompt_hash


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("{subjekt} in {light}", r"\{subjekt\} is not one of .*did you mean \{subject\}"),
        ("{subject:>9}", "is not one of"),
        ("{subject", "write a literal brace"),
        ("{}", "is not one of"),
        ("A cat.", "has no placeholder"),
    ],
)
def test_bad_prompts_are_refused(prompt: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FactsCaptioner(prompt)
