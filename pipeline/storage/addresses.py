"""What a URI is called, and the address that reads it: passwords and signatures are in the second alone.

Everything that is written - tables, samples, pages, the record, messages - holds the clean URI. The address that
belongs to it stays in the memory of the processes that read: the run gives workers the addresses of their rows beside
the tables. A signature that was renewed leads to the same clean URI, so nothing is computed again.

    clean("https://host/film.mp4?X-Amz-Signature=ab12")     # https://host/film.mp4
"""

import re
from urllib.parse import unquote

# A user with a password, and on the web any user: a bare name there is mostly a token. What a careless hand left
# unencoded in a password (`/`, `@`) belongs to it still.
_URI = re.compile(
    r"^(?P<scheme>[a-z][a-z0-9+.\-]*)://"
    r"(?:(?P<user>[^/?#\s]*|(?!arn:)[^/?#@:\s]*:(?!\d+(?:[/?#]|$))\S*)@)?"
    r"(?P<path>[^?]*)(?P<query>\?.*)?$",
    re.IGNORECASE | re.DOTALL,
)
_WEB = ("http", "https", "webdav", "webdavs", "dav", "davs")
# Of a web address, the parameters that tell one object from another; all others may be secret and are left out.
_TELLING = ("id", "v", "versionid", "generation", "file", "filename", "path", "name", "part", "item", "video")
# Elsewhere `?` may belong to a key, so what follows is left out only where it names a credential.
_CREDENTIAL = re.compile(
    r"(?i)(?:^|[?&;])(?:x-(?:amz|goog|oss|cos)-[\w-]*|[\w-]*(?:signature|token|secret|password|passwd|credential|"
    r"accesskey(?:id)?|access_id|accessid|api_?key|auth)[\w-]*|sig|key-pair-id|policy|pwd|jwt|hdnts|hdnea)="
)
_IN_TEXT = re.compile(r"(?i)\b[a-z][a-z0-9+.\-]*://[^\s'\"<>]+")
_PAIR = re.compile(
    r"(?i)\b(x-(?:amz|goog)-[\w-]+|[\w-]*signature|[\w-]*token|secret[\w-]*|password|passwd|api_?key|sig|jwt)="
    r"[^&\s'\"<>)]+"
)
_LEAST_CHARACTERS = (4, 8)  # of a password and of a query's value, to be searched for in a text

_granted: dict[str, str] = {}


def clean(uri: str) -> str:
    """The URI without user, password and what may be a signature; a path on this machine as it stands."""
    found = _URI.match(uri)
    if found is None:
        return uri
    scheme, user, path, query = found["scheme"].lower(), found["user"], found["path"], found["query"] or ""
    keeps_user = user is not None and ":" not in user and scheme not in _WEB
    if scheme in _WEB:
        kept = [pair for pair in query[1:].split("&") if pair.partition("=")[0].lower() in _TELLING]
        query = f"?{'&'.join(kept)}" if kept else ""
        path = path.partition("#")[0]
    elif _CREDENTIAL.search(query):
        query = ""
    return f"{found['scheme']}://{f'{user}@' if keeps_user else ''}{path}{query}"


def grant(uri: str, address: str) -> None:
    """Let this process read `uri`, and what lies below it, by `address`. Kept in memory alone."""
    if uri != address:
        _granted[uri] = address


def address_of(uri: str) -> str:
    """The address that reads a clean URI: its own or one below a granted root, else the URI itself."""
    root = uri if _granted else ""
    while root:
        if root in _granted:
            base, mark, query = _granted[root].partition("?")
            return f"{base}{uri[len(root) :]}{mark}{query}" if root != uri else _granted[root]
        root = root.rpartition("/")[0]
    return uri


def redact(text: str) -> str:
    """A message of a library without the secrets of the addresses in it, and without those granted to this process."""
    text = _IN_TEXT.sub(lambda found: clean(found.group()), text)
    for address in list(_granted.values()):
        for secret in _secrets(address):
            text = text.replace(secret, "***")
    return _PAIR.sub(r"\1=***", text)


def _secrets(address: str) -> list[str]:
    """The pieces of an address that its clean URI lacks, as they stand and decoded; the longest first."""
    found = _URI.match(address)
    if found is None:
        return []
    known = clean(address)
    user, pairs = found["user"] or "", (found["query"] or "?")[1:].split("&")
    pieces = [piece for piece in (user, user.partition(":")[2]) if f"{user}@" not in known]
    values = [pair.partition("=")[2] for pair in pairs if pair not in known]
    long = [piece for piece in pieces if len(piece) >= _LEAST_CHARACTERS[0]]
    long += [value for value in values if len(value) >= _LEAST_CHARACTERS[1]]
    return sorted({spelled for piece in long for spelled in (piece, unquote(piece))}, key=len, reverse=True)
