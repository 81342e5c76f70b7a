"""The words that models are given, in one place. What stands here is hashed into every caption's lineage.

Change a prompt in the run's configuration rather than here: the hash follows it, and only what depends on it runs
again.

    python -m captioning.prompts          # print all prompts with their hashes
"""

from schemas.ids import digest

# A sentence template, not an instruction: the embedded captioner fills it from measured facts.
FACTS_PROMPT = "{subject} in {light} of {colours}. {camera}"

# What a small language model is told. Its examples teach it more than the words do.
SUMMARY_PROMPT = (
    "Copy the notes on one shot as smooth prose. Keep every fact, the order, and words of doubt such as 'may be'. "
    "Add nothing."
)
# (frame captions, paragraph) pairs: one in the style of a vision model, two in that of the embedded captioner, which
# show that a doubt stays with the thing that is doubted, be it the first or the second.
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


def main() -> None:
    """Print the prompts with their hashes."""
    print(digest(FACTS_PROMPT), FACTS_PROMPT)
    print(digest(SUMMARY_PROMPT, SUMMARY_EXAMPLES), SUMMARY_PROMPT)
    for captions, paragraph in SUMMARY_EXAMPLES:
        print("\n".join(captions), "->", paragraph, sep="\n")


if __name__ == "__main__":
    main()
