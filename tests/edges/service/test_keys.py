"""Keys of callers, and which addresses need them."""

from hashlib import sha256

import pytest

from evenhand.errors import EvenhandError
from service.keys import Keys, check_address

DIGEST = sha256(b"one").hexdigest()


def test_a_key_names_its_caller_and_another_names_nobody():
    keys = Keys(f"alice:{DIGEST}, bob:{sha256(b'two').hexdigest()}")
    assert keys.caller({b"authorization": b"bearer one"}) == "alice"
    assert keys.caller({b"x-api-key": b"two"}) == "bob"
    for headers in ({}, {b"x-api-key": DIGEST.encode()}, {b"authorization": b"Basic one"}, {b"x-api-key": b""}):
        assert keys.caller(headers) is None


@pytest.mark.parametrize(
    "text", ["one", f"{DIGEST}", f"alice:{DIGEST[:-1]}", f"a b:{DIGEST}", f"alice:{DIGEST.upper()}"]
)
def test_a_malformed_key_is_refused_without_being_shown(text):
    with pytest.raises(EvenhandError, match=r"is not of the form name:sha256") as refusal:
        Keys(text)
    assert text not in str(refusal.value)


def test_a_caller_has_one_key():
    with pytest.raises(EvenhandError, match="names a caller twice"):
        Keys(f"alice:{DIGEST},alice:{DIGEST}")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])
def test_an_open_address_needs_keys(host):
    with pytest.raises(EvenhandError, match="is open to other machines"):
        check_address(host, Keys(""))
    check_address(host, Keys(f"alice:{DIGEST}"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_none(host):
    check_address(host, Keys(""))
