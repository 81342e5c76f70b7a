"""What a model is, and what its samples may be expected to show: two sentences that stand on every sheet.

    what_to_expect(Known(kind="CogVideoX", parameters=1_700_000, recipe="demo", steps=360, codec=..., text=...))

Who looks at a sheet of a small model and sees mosaics should not have to ask whether something is broken.
"""

from dataclasses import dataclass

_SMALL, _LARGE = 100e6, 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a model: its kind, weights, and how it was trained here.

    `recipe` is empty and `steps` 0 where nothing tells that it was trained here.
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
        return f"Model: {self.kind}, {_shown(self.parameters)} weights, {made}."


def what_to_expect(known: Known) -> str:
    """What its samples may show, by its size, its training and its codec."""
    if known.recipe and not known.steps:
        said = "It has not learnt yet: expect noise."
    elif known.parameters < _SMALL:
        said = (
            "A model of this size shows that every part works: expect mosaics in the colours that a prompt names, "
            "light and slow motion, and no thing that one would recognise."
        )
    elif not known.recipe and known.parameters >= _LARGE:
        said = "Expect what its makers show, at their shapes, sampler and steps; less at others."
    else:
        said = (
            "What it shows follows from its data and steps: set it beside the held-out loss of its run, and beside an "
            "earlier sheet of the same prompts."
        )
    if known.codec.startswith("linear"):
        said += " The packaged linear codec blurs: no sample is sharper than it, whatever the model has learnt."
    if "MiniLM" in known.text:
        said += " The packaged text encoder tells sentences apart, not the order of things in them."
    return said


def _shown(parameters: int) -> str:
    if parameters >= _LARGE:
        return f"{parameters / 1e9:.1f} billion"
    return f"{parameters / 1e6:.1f} million" if parameters >= 1e5 else f"{parameters:,}"
