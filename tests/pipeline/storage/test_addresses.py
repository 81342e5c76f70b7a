"""Passwords and signatures: clean URIs, the addresses behind them, and that no output contains secrets.

python -m pytest tests/pipeline/storage/test_addresses.py
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage import addresses
from pipeline.storage.addresses import address_of, clean, grant, redact


@pytest.fixture(autouse=True)
def _no_grants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_granted", {})


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://h/film.mp4?X-Amz-Algorithm=A&X-Amz-Credential=AK%2F2026&X-Amz-Signature=ab12", "https://h/film.mp4"),
        ("https://h/film.mp4?sv=2024&se=2026&sig=x%2Fy%3D", "https://h/film.mp4"),
        ("https://h/film.mp4?e=177&st=Zm9v", "https://h/film.mp4"),
        ("https://h/get?id=7&token=t0p", "https://h/get?id=7"),
        ("https://h/a.mp4?versionId=3&X-Goog-Signature=77", "https://h/a.mp4?versionId=3"),
        ("https://user:word@h:8080/a@b.mp4", "https://h:8080/a@b.mp4"),
        ("https://ghp_token@h/a.mp4#t=5", "https://h/a.mp4"),
        ("HTTPS://u:p@h/a.mp4", "HTTPS://h/a.mp4"),
        ("sftp://user:word@h/a@b/c.mp4", "sftp://h/a@b/c.mp4"),
        ("sftp://user:wo/rd@h/c.mp4", "sftp://h/c.mp4"),
        ("ftp://user:w@rd@h:21/c.mp4", "ftp://h:21/c.mp4"),
        ("s3://KEY:secret@bucket/c.mp4", "s3://bucket/c.mp4"),
        ("s3://bucket/c.mp4?X-Amz-Security-Token=1", "s3://bucket/c.mp4"),
        # what is no secret stays as it is
        ("s3://bucket/a::b?x#y%20 z\n.mp4", "s3://bucket/a::b?x#y%20 z\n.mp4"),
        ("s3://bucket/what?.mp4", "s3://bucket/what?.mp4"),
        ("s3://arn:aws:s3:eu-west-1:1:accesspoint/x/a@b.mp4", "s3://arn:aws:s3:eu-west-1:1:accesspoint/x/a@b.mp4"),
        ("abfs://container@account.dfs.core.windows.net/a.mp4", "abfs://container@account.dfs.core.windows.net/a.mp4"),
        ("https://h:8080/a:b@c.mp4", "https://h:8080/a:b@c.mp4"),
        ("/footage/a?X-Amz-Signature=1.mp4", "/footage/a?X-Amz-Signature=1.mp4"),
        ("footage/u:p@h.mp4", "footage/u:p@h.mp4"),
    ],
)
def test_a_uri_is_called_by_what_is_no_secret(address: str, name: str) -> None:
    assert clean(address) == name
    assert clean(name) == name


_WORD = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%-_.~+="), min_size=8)


@given(user=_WORD, password=_WORD, value=_WORD, scheme=st.sampled_from(["https", "http", "sftp", "ftp", "s3", "smb"]))
def test_no_password_and_no_signature_is_in_a_name_or_in_a_message(
    user: str, password: str, value: str, scheme: str
) -> None:
    secret = f"Zz{password}zZ"
    signature = f"Yy{value}yY"
    address = f"{scheme}://{user}:{secret}@host/a/b.mp4?X-Amz-Date=5&X-Amz-Signature={signature}"
    for text in (clean(address), redact(f"cannot read '{address}': 403")):
        assert secret not in text
        assert signature not in text
        assert "host/a/b.mp4" in text


def test_a_granted_uri_and_what_lies_below_a_granted_root_are_read_by_their_addresses() -> None:
    grant("https://h/a.mp4", "https://h/a.mp4?sig=1")
    grant("sftp://h/raw", "sftp://u:p@h/raw")
    grant("https://h/dir", "https://h/dir?sig=2")
    assert address_of("https://h/a.mp4") == "https://h/a.mp4?sig=1"
    assert address_of("sftp://h/raw/deep/b.mp4") == "sftp://u:p@h/raw/deep/b.mp4"
    assert address_of("https://h/dir/c.mp4") == "https://h/dir/c.mp4?sig=2"
    for other in ("https://h/b.mp4", "sftp://h/other/b.mp4", "/raw/b.mp4", "s3://h/raw"):
        assert address_of(other) == other


def test_secrets_of_granted_addresses_are_found_in_any_text() -> None:
    grant("sftp://h/raw", "sftp://user:pa%24word@h/raw")
    grant("https://h/a.mp4", "https://h/a.mp4?hash=0123456789abcdef&n=3600")
    text = redact("login of user with pa$word (pa%24word) refused; key 0123456789abcdef, 3600 s")
    assert text == "login of user with *** (***) refused; key ***, 3600 s"


@pytest.mark.parametrize(
    ("text", "clean_text"),
    [
        ("404, url='https://h/a.mp4?X-Amz-Signature=ab'", "404, url='https://h/a.mp4'"),
        ("GET /a.mp4?X-Amz-Credential=AK&X-Amz-Signature=ab", "GET /a.mp4?X-Amz-Credential=***&X-Amz-Signature=***"),
        ("s3://bucket/a b.mp4 is not there", "s3://bucket/a b.mp4 is not there"),
        ("width = 5 of a?b=3.mp4", "width = 5 of a?b=3.mp4"),
    ],
)
def test_messages_keep_all_but_the_secrets(text: str, clean_text: str) -> None:
    assert redact(text) == clean_text
