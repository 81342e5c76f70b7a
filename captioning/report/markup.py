"""The few ways in which text becomes HTML: always escaped, numbers as people read them, JSON that cannot end a script.

python -m pytest tests/captioning/report/test_markup.py
"""

import json
import math
from collections.abc import Mapping, Sequence
from html import escape

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

# In a script element only `</script` and `<!--` end the data; U+2028 and U+2029 end a line of JavaScript.
_UNSAFE = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})


def tag(name: str, content: str = "", /, **attributes: object) -> str:
    """An element; `content` is markup, attribute values are escaped here. A trailing `_` in a name is dropped.

    Underscores inside a name become hyphens; an attribute that is None or False is left out, True has no value.
    """
    parts = [name]
    for key, value in attributes.items():
        written = key.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(written)
        elif value is not None and value is not False:
            parts.append(f'{written}="{escape(str(value))}"')
    return f"<{' '.join(parts)}>{content}</{name}>"


def data_block(name: str, value: Json) -> str:
    """A JSON data block that the page's script reads by its id. Numbers that JSON does not know become null."""
    text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_UNSAFE)
    return f'<script type="application/json" id="{escape(name)}">{text}</script>'


def _finite(value: Json) -> Json:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(inner) for inner in value]
    return value


def shown_value(value: float | None, unit: str) -> str:
    """A measure's value: shares as percent, the rest with three digits or so."""
    if value is None or not math.isfinite(value):
        return "–"
    if unit == "share":
        percent = 100 * value
        whole = percent == round(percent) or abs(percent) >= 99.95 or percent == 0
        return f"{percent:.0f} %" if whole else f"{percent:.1f} %" if abs(percent) >= 0.1 else f"{percent:.2g} %"
    if unit == "score":
        return f"{value:.3f}"
    return f"{value:.1f}"


def count_of(number: int, noun: str) -> str:
    """`1 sample`, `2 samples`, `10,000 samples`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def shown_name(name: str) -> str:
    """A name of the code as a person reads it: `frame_captions` becomes `frame captions`."""
    return name.replace("_", " ")
