"""Words and sentences of captions: content words, stemming, and sentence splitting.

Shared by grounding, joining and lengths. Negations, numbers and directions (`no`, `two`, `left`, `above`) are
deliberately not stop words: a summary that adds or swaps one says something else.

    python -m captioning.words "The cats are running."      # print the content words, folded
"""

import re
import sys


def word_set(text: str) -> frozenset[str]:
    """The words of a string, separated by spaces, as a set."""
    return frozenset(text.split())


STOP_WORDS = word_set(
    "a an the this that these those it its itself he him his she her hers they them their who whom whose which what "
    "there here and or but so if than as at by for from in into of on onto to with is are was were be been being am "
    "has have had having do does did doing can could will would shall should may might must some such very "
    "also too just s t"
)
# Words that give an order or refer to the clip as a whole, and claim nothing that could be seen.
NEUTRAL_WORDS = word_set(
    "then while when next after afterwards before later first finally last again still now meanwhile during until "
    "camera scene view begin beginning start end continue remain appear visible seen become"
)
DOUBT_WORDS = word_set("may might perhaps possibly maybe likely seem seems appears apparently could")
IRREGULAR = {
    "men": "man",
    "women": "woman",
    "children": "child",
    "people": "person",
    "feet": "foot",
    "teeth": "tooth",
    "mice": "mouse",
    "geese": "goose",
    "wolves": "wolf",
    "leaves": "leaf",
    "knives": "knife",
    "shelves": "shelf",
    "began": "begin",
    "begun": "begin",
    "became": "become",
}
ABBREVIATIONS = frozenset({"mr", "mrs", "ms", "dr", "st", "vs", "e.g", "i.e"})
_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]")


def fold(word: str) -> str:
    """Stem a word: plural, possessive, -ing, -ed, -s, -ly. The result is a key, not always a word."""
    word = re.sub(r"['’].*$", "", word.lower())
    word = IRREGULAR.get(word, word)
    if re.search(r"(?:[sxz]|ch|sh)es$", word):
        word = word[:-2]
    elif word.endswith(("ies", "ied")) and len(word) > 4:
        word = f"{word[:-3]}y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        word = word[:-1]
    for ending in ("ing", "ed", "ly"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 3 and re.search("[aeiouy]", stem):
            word = stem
            break
    word = word.removesuffix("e") if len(word) > 3 else word
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


_NEUTRAL = frozenset(map(fold, NEUTRAL_WORDS))


def words(text: str) -> list[str]:
    """All words, lower-cased, in order; a hyphenated word counts as several."""
    return [match.group().lower() for match in _WORD.finditer(text)]


def content_words(text: str) -> dict[str, str]:
    """The words that claim something: stem -> the first form in the text, lower-cased."""
    claims: dict[str, str] = {}
    for word in words(text):
        # Stop words match literally ("cans" is not "can"), neutral words in every form.
        if word not in STOP_WORDS | DOUBT_WORDS and fold(word) not in _NEUTRAL:
            claims.setdefault(fold(word), word)
    return claims


def sentences(text: str) -> list[str]:
    """Split into sentences, with white space collapsed; joined by spaces they are the text.

    The last one may lack its full stop.
    """
    text = " ".join(text.split())
    split, start = [], 0
    for end in _SENTENCE_END.finditer(text):
        before = text[start : end.start()].rsplit(" ", 1)[-1].lower()
        initial = end.group() == "." and (before in ABBREVIATIONS or (len(before) == 1 and before.isalpha()))
        if not initial and text[start : end.end()].strip():
            split.append(text[start : end.end()].strip())
            start = end.end()
    return [*split, rest] if (rest := text[start:].strip()) else split


def is_closed(sentence: str) -> bool:
    """Whether a sentence ends with a terminator (`.`, `!`, `?`, `…`)."""
    ends = [end.end() for end in _SENTENCE_END.finditer(sentence)]
    return bool(ends) and ends[-1] == len(sentence)


def main() -> None:
    """Print the stems and content words of the text on the command line."""
    print(content_words(" ".join(sys.argv[1:])))


if __name__ == "__main__":
    main()
