"""Clean URIs, and the addresses behind them: only the latter contain passwords and signatures.

Everything that is written - tables, samples, pages, the record, messages - holds the clean URI. The address stays in
the memory of the processes that read: the run passes workers the addresses of their rows beside the tables. A renewed
signature gives the same clean URI, so nothing is computed again.

    clean("https://host/beach.mp4?X-Amz-Signature=ab12")     # https://host/beach.mp4
"""

import re
from urllib.parse import unquote

# A user with a password, and on the web any user: a bare name there is usually a token. Characters left unencoded in a
# password (`/`, `@`) are still part of it.
_URI = re.compile(
    r"^(?P<scheme>[a-z][a-z0-9+.\-]*)://"
    r"(?:(?P<user>[^/?#\s]*|(?!arn:)[^/?#@:\s]*:(?!\d+(?:[/?#]|$))\S*)@)?"
    r"(?P<path>[^?]*)(?P<query>\?.*)?$",
    re.IGNORECASE | re.DOTALL,
)
_WEB = ("http", "https", "webdav", "webdavs", "dav", "davs")
# The parameters of a web address that identify an object; all others may be secret and are dropped.
_IDENTIFYING = ("id", "v", "versionid", "generation", "file", "filename", "path", "name", "part", "item", "video")
# Elsewhere `?` may be part of a key, so what follows is dropped only if it names a credential.
_CREDENTIAL = re.compile(
    r"(?i)(?:^|[?&;])(?:x-(?:amz|goog|oss|cos)-[\w-]*|[\w-]*(?:signature|token|secret|password|passwd|credential|"
    r"accesskey(?:id)?|access_id|accessid|api_?key|auth)[\w-]*|sig|key-pair-id|policy|pwd|jwt|hdnts|hdnea)="
)
_IN_TEXT = re.compile(r"(?i)\b[a-z][a-z0-9+.\-]*://[^\s'\"<>]+")
_PAIR = re.compile(
    r"(?i)\b(x-(?:amz|goog)-[\w-]+|[\w-]*signature|[\w-]*token|secret[\w-]*|password|passwd|api_?key|sig|jwt)="
    r"[^&\s'\"<>)]+"
)
_LEAST_CHARACTERS = (4, 8)  # minimum length of a password and of a query value to be searched for in a text

_granted: dict[str, str] = {}


def clean(uri: str) -> str:
    """The URI without user, password and possible signatures; a local path unchanged."""
    match = _URI.match(uri)
    if match is None:
        return uri
    scheme, user, path, query = match["scheme"].lower(), match["user"], match["path"], match["query"] or ""
    keeps_user = user is not None and ":" not in user and scheme not in _WEB
    if scheme in _WEB:
        kept = [pair for pair in query[1:].split("&") if pair.partition("=")[0].lower() in _IDENTIFYING]
        query = f"?{'&'.join(kept)}" if kept else ""
        path = path.partition("#")[0]
    elif _CREDENTIAL.search(query):
        query = ""
    return f"{match['scheme']}://{f'{user}@' if keeps_user else ''}{path}{query}"


def grant(uri: str, address: str) -> None:
    """Let this process read `uri`, and everything below it, by `address`. Kept in memory only."""
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
    """A library's message without the secrets of addresses in it and of addresses granted to this process."""
    text = _IN_TEXT.sub(lambda match: clean(match.group()), text)
    for address in list(_granted.values()):
        for secret in _secrets(address):
            text = text.replace(secret, "***")
    return _PAIR.sub(r"\1=***", text)


def _secrets(address: str) -> list[str]:
    """The parts of an address that its clean URI lacks, raw and URL-decoded; the longest first."""
    match = _URI.match(address)
    if match is None:
        return []
    known = clean(address)
    user, pairs = match["user"] or "", (match["query"] or "?")[1:].split("&")
    pieces = [piece for piece in (user, user.partition(":")[2]) if f"{user}@" not in known]
    values = [pair.partition("=")[2] for pair in pairs if pair not in known]
    long = [piece for piece in pieces if len(piece) >= _LEAST_CHARACTERS[0]]
    long += [value for value in values if len(value) >= _LEAST_CHARACTERS[1]]
    return sorted({spelled for piece in long for spelled in (piece, unquote(piece))}, key=len, reverse=True)
