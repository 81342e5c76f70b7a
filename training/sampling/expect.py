"""What a model is, and what can be expected of its samples: two sentences that are shown on every sheet.

They tell the viewer of a small model's mosaics that nothing is broken.

    what_to_expect(Known(kind="CogVideoX", parameters=1_700_000, recipe="demo", steps=360, codec=..., text=...))
"""

from dataclasses import dataclass

_SMALL, _LARGE = 100e6, 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a model: its family, parameter count, encoders, and its training here.

    `recipe` is empty and `steps` 0 for a model that was not trained here.
    """

    kind: str
    parameters: int
    codec: str
    text: str
    recipe: str = ""
    steps: int = 0

    @property
    def what(self) -> str:
        """The model in one sentence."""
        made = f"trained here by the recipe {self.recipe} for {self.steps:,} steps" if self.recipe else "as published"
        return f"Model: {self.kind}, {_readable(self.parameters)} weights, {made}."


def what_to_expect(known: Known) -> str:
    """What can be expected of its samples, by its size, its training and its encoders."""
    if known.recipe and not known.steps:
        expectation = "It has not been trained yet: expect noise."
    elif known.parameters < _SMALL:
        expectation = (
            "A model of this size shows that every part works: expect mosaics in the colours that a prompt names, "
            "light and slow motion, and no recognisable objects."
        )
    elif not known.recipe and known.parameters >= _LARGE:
        expectation = (
            "Expect the published quality at the published shapes, sampler and steps; lower quality at others."
        )
    else:
        expectation = (
            "Quality depends on its data and steps: compare it with the validation loss of its run, and with an "
            "earlier sheet of the same prompts."
        )
    if known.codec.startswith("linear"):
        expectation += " The packaged linear codec blurs every sample, whatever the model has learnt."
    if "MiniLM" in known.text:
        expectation += " The packaged text encoder distinguishes sentences, but hardly the order of words."
    return expectation


def _readable(parameters: int) -> str:
    if parameters >= _LARGE:
        return f"{parameters / 1e9:.1f} billion"
    return f"{parameters / 1e6:.1f} million" if parameters >= 1e5 else f"{parameters:,}"
