"""Which endpoints are private, and which addresses are refused without being repeated."""

import pytest

from captioning.backends.address import read_address
from schemas.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "host", "loopback", "private"),
    [
        ("http://127.0.0.1:8000/v1", "127.0.0.1:8000", True, True),
        ("http://localhost/v1", "localhost", True, True),
        ("http://[::1]:8000/v1", "[::1]:8000", True, True),
        ("http://10.1.2.3:8000/v1", "10.1.2.3:8000", False, True),
        ("http://192.168.0.2/v1", "192.168.0.2", False, True),
        ("http://[fd00::1]/v1", "[fd00::1]", False, True),
        ("http://vllm:8000/v1", "vllm:8000", False, True),
        ("http://llm.team.svc.cluster.local/v1", "llm.team.svc.cluster.local", False, True),
        ("https://api.example.com/v1", "api.example.com", False, False),
        ("https://localhost.example.com/v1", "localhost.example.com", False, False),
        ("https://8.8.8.8/v1", "8.8.8.8", False, False),
    ],
)
def test_reach(url: str, host: str, loopback: bool, private: bool) -> None:
    address = read_address(url)
    assert (address.url, address.host, address.loopback, address.private) == (url, host, loopback, private)


@pytest.mark.parametrize(
    "url", ["", "api.example.com/v1", "ftp://host/v1", "http://", "http://host:port/v1", "http://[::1"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigError, match=r"model\.base_url .*http://127.0.0.1:8000/v1"):
        read_address(url)


@pytest.mark.parametrize(
    "url", ["http://me:hush@host/v1", "http://hush@host/v1", "http://host/v1?key=hush", "ftp://host/#hush"]
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match=r"model\.key_variable") as caught:
        read_address(url)
    assert "hush" not in str(caught.value)
