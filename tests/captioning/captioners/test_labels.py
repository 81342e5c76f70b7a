"""Label names come out as people say them, with the right article, and no surer than the classifier."""

import pytest

from captioning.captioners.labels import plain_name, subject, with_article


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("brown bear, bruin, Ursus arctos", "brown bear"),
        ("Pembroke, Pembroke Welsh corgi", "Pembroke Welsh corgi"),
        ("pirate, pirate ship", "pirate ship"),
        ("soccer_ball", "soccer ball"),
    ],
)
def test_plain_names(label: str, name: str) -> None:
    assert plain_name(label) == name


@pytest.mark.parametrize(
    "name",
    [
        "a corgi",
        "an otter",
        "an hourglass",
        "a unicycle",
        "an umbrella",
        "a bus",
        "a compass",
        "a suit of clothes",
        "sunglasses",
        "swimming trunks",
        "toilet tissue",
        "a cat having a striped coat",
    ],
)
def test_articles(name: str) -> None:
    bare = name if name.startswith("a cat") else name.removeprefix("an ").removeprefix("a ")
    assert with_article(bare) == name


def test_thresholds_and_kin() -> None:
    assert subject([]) is None
    assert subject([("otter", 0.41)]) == "an otter"
    assert subject([("otter", 0.3), ("mink", 0.29)]) == "what may be an otter"
    assert subject([("otter", 0.19)]) is None
    assert subject([("tabby, tabby cat", 0.3), ("tiger cat", 0.2)]) == "a cat"
    assert subject([("tabby, tabby cat", 0.3), ("tiger cat", 0.04)]) == "what may be a tabby cat"
