"""Detects text that is not English, by its script and by function words.

A vision model that was trained on other languages now and then drifts into them, most often after a foreign sign in
the image. Function words identify a language from about eight words on; shorter text in Latin script may pass.

    python -m captioning.language "Ein Hund läuft über die Wiese und springt."       # German
"""

import sys
import unicodedata

from captioning.words import word_set, words

# The most common function words, without those that English shares (a, on, in). "die" counts for German.
FUNCTION_WORDS = {
    "English": word_set(
        "the of and with is are to at by from its his her while then there that this an as into near it"
    ),
    "German": word_set("der die das und ein eine einen einem einer ist sind mit auf im zu dem den von nicht sich über"),
    "French": word_set("le les des une est sont avec dans et du au aux sur qui il elle pour ne pas ce cette"),
    "Spanish": word_set("el los las una y con del está están por para que se su al como un es en"),
    "Italian": word_set("il gli della delle dei con che è sono nel nella su di una un per si come"),
    "Portuguese": word_set("o os as uma com do da dos das está em no na que para por um é se"),
    "Dutch": word_set("de het een en van met op is zijn die dat naar voor niet aan er"),
}
_LEAST_WORDS, _LATIN_SHARE = 8, 0.8


def other_language(text: str) -> str | None:
    """The language's name, or `another script`, if a text is not English; None if it may be English."""
    letters = [letter for letter in text if letter.isalpha()]
    latin = sum("LATIN" in unicodedata.name(letter, "") for letter in letters)
    if letters and latin < _LATIN_SHARE * len(letters):
        return "another script"
    tokens = words(text)
    if len(tokens) < _LEAST_WORDS:
        return None
    counts = {name: sum(word in small for word in tokens) for name, small in FUNCTION_WORDS.items()}
    likeliest = max(counts, key=lambda name: (counts[name], name == "English"))
    # A margin of two: a French name in an English sentence brings its article along.
    return likeliest if counts[likeliest] >= counts["English"] + 2 else None


def main() -> None:
    """Print the language of the text on the command line."""
    print(other_language(" ".join(sys.argv[1:])) or "English")


if __name__ == "__main__":
    main()
