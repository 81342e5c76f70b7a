"""Where an OpenAI-compatible endpoint is, read from `base_url`: a wrong address ends the run before it costs anything.

An address goes into error messages and, as host and port, into lineage, so one that carries a password is refused.

    python -m pytest tests/captioning/backends/test_address.py
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from schemas.errors import ConfigError

EXAMPLE = "http://127.0.0.1:8000/v1"
# Names that no public name server answers for (RFC 6761, RFC 6762, RFC 8375, and what clusters use inside).
_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".svc")


@dataclass(frozen=True, slots=True)
class Address:
    """An endpoint's `url` and its `host` with the port. `loopback` is this machine; a `private` one may need no key."""

    url: str
    host: str
    loopback: bool
    private: bool


def read_address(base_url: str) -> Address:
    """Check `base_url`. Raises `ConfigError` if it is missing, no web address, or carries a password or a query.

    Private are this machine, the networks set aside for private use (RFC 1918, RFC 4193, link-local), names without a
    dot and names that only a local network knows. A name is judged as it is written; nothing is looked up.
    """
    if not base_url:
        raise ConfigError(
            f"model.base_url is empty; the openai backend needs its endpoint's address, such as {EXAMPLE}"
        )
    try:
        parts = urlsplit(base_url)
        name, port = parts.hostname or "", parts.port
    except ValueError:
        name, parts, port = "", urlsplit(""), None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        # The address itself is not quoted: what stands in it may be a key.
        raise ConfigError(
            "model.base_url holds a user, a password or a query; an address is written down in records, so give it as "
            f"plain as {EXAMPLE} and put the key into the environment variable that model.key_variable names"
        )
    if parts.scheme not in ("http", "https") or not name:
        raise ConfigError(f"model.base_url {base_url!r} is no web address; write it like {EXAMPLE}")
    bracketed = f"[{name}]" if ":" in name else name
    loopback, private = _reach(name)
    return Address(base_url, f"{bracketed}:{port}" if port else bracketed, loopback, private)


def _reach(name: str) -> tuple[bool, bool]:
    """Whether a host is this machine, and whether it is on a private network."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        loopback = name == "localhost" or name.endswith(".localhost")
        return loopback, loopback or "." not in name or name.endswith((*_LOCAL_ENDINGS, ".svc.cluster.local"))
    return address.is_loopback, address.is_loopback or address.is_private or address.is_link_local
