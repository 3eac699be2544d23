"""Credentials at rest: sealed, opened for what they were sealed for, and moved to new keys."""

import pytest
from cryptography.fernet import Fernet

from core.credentials import CredentialUnreadable, Vault, name_key, read_keys

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
SECRET = "sk-canary-1234567890"


def test_what_is_sealed_is_opened_for_its_purpose_alone() -> None:
    vault = Vault([OLD])

    sealed = vault.seal(SECRET, purpose="upstream 1")

    assert SECRET.encode() not in sealed.token
    assert vault.open(sealed.token, purpose="upstream 1") == SECRET
    with pytest.raises(CredentialUnreadable):
        vault.open(sealed.token, purpose="upstream 2")


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    before = Vault([OLD]).seal(SECRET, purpose="x")
    both = Vault([NEW, OLD])

    after = both.reseal(before.token)

    assert (before.key_id, after.key_id) == (name_key(OLD), name_key(NEW)) == both.key_ids[::-1]
    assert both.open(before.token, purpose="x") == both.open(after.token, purpose="x") == SECRET
    assert Vault([NEW]).open(after.token, purpose="x") == SECRET
    with pytest.raises(CredentialUnreadable):
        Vault([NEW]).open(before.token, purpose="x")
    with pytest.raises(CredentialUnreadable):
        Vault([OTHER]).reseal(before.token)


@pytest.mark.parametrize("token", [b"", b"garbage", b"gAAAAA=="], ids=["empty", "garbage", "short"])
def test_what_was_never_sealed_is_refused(token: bytes) -> None:
    with pytest.raises(CredentialUnreadable):
        Vault([OLD]).open(token, purpose="x")


@pytest.mark.parametrize("keys", [[], ["short"], [OLD, "no key: " + SECRET]], ids=["none", "short", "second"])
def test_a_wrong_key_is_refused_without_being_repeated(keys: list[str]) -> None:
    with pytest.raises(ValueError, match=r"key") as refused:
        Vault(keys)

    assert SECRET not in str(refused.value)


def test_nothing_that_is_printed_shows_text_or_keys() -> None:
    vault = Vault([NEW, OLD])
    sealed = vault.seal(SECRET, purpose="x")

    shown = f"{vault!r} {sealed!r} {vault.key_ids}"

    assert not any(secret in shown for secret in (SECRET, OLD, NEW, sealed.token.decode()))


def test_keys_are_listed_newest_first() -> None:
    assert read_keys(f" {NEW}, {OLD},") == (NEW, OLD)
