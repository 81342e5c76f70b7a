"""Parses and checks the `base_url` of an OpenAI-compatible endpoint, so that a wrong address ends the run early.

An address goes into error messages and, as host and port, into lineage, so one with a password in it is refused.

    read_address("http://127.0.0.1:8000/v1").loopback      # True
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from schemas.errors import ConfigError

EXAMPLE = "http://127.0.0.1:8000/v1"
# Domains that no public name server resolves (RFC 6761, RFC 6762, RFC 8375, and those used inside clusters).
_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".svc")


@dataclass(frozen=True, slots=True)
class Address:
    """An endpoint's `url` and its `host` with port. `loopback`: it is this machine. `private`: it may need no key."""

    url: str
    host: str
    loopback: bool
    private: bool


def read_address(base_url: str) -> Address:
    """Parse `base_url`. Raises `ConfigError` if it is missing, not an HTTP address, or holds a password or a query.

    Private are this machine, private networks (RFC 1918, RFC 4193, link-local), names without a dot and names of local
    domains. A name is judged by its text; nothing is looked up.
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
        # The address is not quoted, because it may hold a key.
        raise ConfigError(
            "model.base_url holds a user, a password or a query; addresses are written to records, so give one like "
            f"{EXAMPLE} and put the key into the environment variable that model.key_variable names"
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
