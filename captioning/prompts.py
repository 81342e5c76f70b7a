"""All prompts in one place. They are hashed into every caption's lineage.

Change a prompt in the run's configuration rather than here: the hash follows it, and only what depends on it runs
again. A prompt that is changed here gets a new version, so that a dataset's lineage says which one was used.

    python -m captioning.prompts          # print all prompts with their versions and hashes
"""

import re
from collections.abc import Collection

from schemas.errors import ConfigError
from schemas.ids import digest

VERSIONS = {"facts": 1, "frame": 1, "overview": 1, "prose": 1, "structured": 1}

# The caption of one still (CogVideoX, 2408.06072, appendix on the dense captions: one still every two seconds).
FRAME_PROMPT = (
    "Describe what is here in two to four plain English sentences, in the present tense: the main subject and what it "
    "looks like, what it does, where it is, what else is there, the light and the colours. Begin with the subject. Say "
    "only what can be seen. Do not guess names, sounds, thoughts, or what came before or comes after, do not say what "
    "is absent, and do not write of an image, a picture, a photo or a frame. No list, no heading, no quotation marks."
)

# The caption of a whole clip from all its stills at once: the short caption of CogVideoX's recipe.
OVERVIEW_PROMPT = (
    "These {count} moments of one continuous shot are in time order, at {times} seconds. Say in one or two plain "
    "English sentences, in the present tense, what happens from the first to the last: who or what moves, how, and "
    "what changes. Say only what can be seen. Do not write of images, pictures, frames or moments. No list, no heading."
)

# The instruction of a capable language model, which gets the overview, the notes with their times, and measurements.
STRUCTURED_PROMPT = (
    "You merge notes on one continuous shot into captions for training. The notes are in time order and may repeat "
    "themselves. Answer with one JSON object with these keys:\n"
    "dense: one paragraph of at most {words} words that tells everything the notes hold, in time order: subjects, "
    "looks, actions, setting, camera, light. Say what stays once, and what changes when it changes.\n"
    "medium: the same in at most 50 words.\n"
    "short: the same in one sentence of at most 15 words.\n"
    "subject, action, setting, camera, light, style: a few words each, or an empty string if the notes do not tell.\n"
    "Rules: English, present tense. Begin with the content, without an introduction. Write nothing that the notes do "
    "not hold: no names, numbers, colours, moods or sounds of your own, and keep words of doubt such as 'may be'. "
    "Never write the words video, clip, frame, image, picture, shot or notes. No line breaks and no markup inside the "
    "values."
)

# A sentence template, not an instruction: the embedded captioner fills it from measured facts.
FACTS_PROMPT = "{subject} in {light} of {colours}. {camera}"

# The instruction of a small language model, which learns more from the examples than from the instruction.
SUMMARY_PROMPT = (
    "Copy the notes on one shot as smooth prose. Keep every fact, the order, and words of doubt such as 'may be'. "
    "Add nothing."
)
# (frame captions, paragraph) pairs: one in the style of a vision model, two in that of the embedded captioner, which
# show that a word of doubt stays with what is in doubt, in the first caption or in a later one.
SUMMARY_EXAMPLES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        (
            "A small boat with a torn sail lies on calm water.",
            "The small boat drifts past a stone pier.",
            "Two gulls sit on the stone pier and the boat is far away.",
        ),
        "A small boat with a torn sail lies on calm water, then drifts past a stone pier. "
        "After that two gulls sit on the stone pier and the boat is far away.",
    ),
    (
        (
            "A low-contrast scene of mostly grey. The camera holds still and little moves.",
            "What may be an owl in a dim scene of brown and white. The camera holds still and little moves.",
        ),
        "A low-contrast scene of mostly grey, as the camera holds still and little moves. "
        "Then what may be an owl in a dim scene of brown and white.",
    ),
    (
        (
            "What may be a fox in a bright scene of mostly white with some brown. The camera pans left slowly.",
            "A wooden gate in a dim scene of brown and grey with a touch of orange.",
        ),
        "What may be a fox in a bright scene of mostly white with some brown, as the camera pans left slowly. "
        "Then a wooden gate in a dim scene of brown and grey with a touch of orange.",
    ),
)


def check_placeholders(setting: str, prompt: str, known: Collection[str]) -> None:
    """Raise `ConfigError` for a `{word}` in a prompt that is not among `known`: the model would see it unfilled."""
    for name in re.findall(r"\{(\w+)\}", prompt):
        if name not in known:
            placeholders = ", ".join(f"{{{placeholder}}}" for placeholder in known)
            rule = f"only {placeholders} is filled" if known else "nothing is filled into this prompt"
            raise ConfigError(f"{setting} holds {{{name}}}, but {rule}; leave it out: {prompt!r}")


def main() -> None:
    """Print the prompts with their hashes."""
    for name, text in (
        ("facts", FACTS_PROMPT),
        ("frame", FRAME_PROMPT),
        ("overview", OVERVIEW_PROMPT),
        ("structured", STRUCTURED_PROMPT),
    ):
        print(f"{name}, version {VERSIONS[name]}, {digest(text)}: {text}\n")
    print(f"prose, version {VERSIONS['prose']}, {digest(SUMMARY_PROMPT, SUMMARY_EXAMPLES)}: {SUMMARY_PROMPT}")
    for captions, paragraph in SUMMARY_EXAMPLES:
        print("\n".join(captions), "->", paragraph, sep="\n")


if __name__ == "__main__":
    main()
