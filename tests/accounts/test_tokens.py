"""Keys and tokens are recognized, and refused, by their form alone."""

import hashlib
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import tokens
from accounts.tokens import TokenKind


@pytest.mark.parametrize("kind", list(TokenKind))
def test_a_new_token_is_read_back(kind: TokenKind) -> None:
    token = tokens.make_token(kind)

    assert tokens.parse_token(token.text) == token
    assert re.fullmatch(kind.value + "[0-9A-Za-z]{36}", token.text)


def test_two_tokens_differ() -> None:
    assert tokens.make_token(TokenKind.LIVE).text != tokens.make_token(TokenKind.LIVE).text


def test_a_digest_is_the_sha256_of_the_whole_text() -> None:
    token = tokens.make_token(TokenKind.NODE)

    assert token.digest == hashlib.sha256(token.text.encode()).digest()


def test_the_checksum_is_the_crc_of_everything_before_it_in_base_62() -> None:
    assert tokens.parse_token("jp_live_000000000000000000000000000000" + "00Rp3l").kind is TokenKind.LIVE


@given(st.integers(0, 43), st.sampled_from(tokens.ALPHABET))
def test_one_wrong_character_is_noticed(position: int, character: str) -> None:
    text = tokens.make_token(TokenKind.TEST).text
    wrong = text[:position] + character + text[position + 1 :]

    if wrong != text:
        with pytest.raises(tokens.MalformedToken):
            tokens.parse_token(wrong)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text.replace("jp_live_", "jp_node_"),
        lambda text: text.replace("jp_live_", "sk_live_"),
        lambda text: text[:-1] + "é",
        lambda text: text.upper(),
    ],
)
def test_anything_that_is_not_quite_a_token_is_refused(change: Callable[[str], str]) -> None:
    text = tokens.make_token(TokenKind.LIVE).text

    with pytest.raises(tokens.MalformedToken) as refusal:
        tokens.parse_token(change(text))

    assert refusal.value.status == 401


def test_no_representation_shows_the_token() -> None:
    token = tokens.make_token(TokenKind.LIVE)

    for shown in (repr(token), str(token), f"{token}", f"{[token]}"):
        assert token.text not in shown
        assert token.text[8:-4] not in shown


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    text = tokens.make_token(TokenKind.LIVE).text[:-1] + "!"

    with pytest.raises(tokens.MalformedToken) as refusal:
        tokens.parse_token(text)

    assert text[8:-2] not in str(refusal.value)
