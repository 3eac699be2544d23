"""What is read of a body, and what is sent on, byte for byte."""

import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import requests
from gateway.errors import ApiError
from workers import metering, shapes
from workers.bodies import ModelRequest
from workers.metering import InputBounds

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.text(st.characters(codec="utf-8"), max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


MESSAGES = [{"role": "user", "content": "Why?"}]


def read(**fields: Any) -> ModelRequest:
    return requests.read_chat(json.dumps({"model": "m", "messages": MESSAGES, **fields}).encode())


@given(value=JSON, indent=st.sampled_from([None, 2]), escape=st.booleans())
def test_every_other_field_passes_byte_for_byte(value: Any, indent: int | None, escape: bool) -> None:
    written = json.dumps(value, indent=indent, ensure_ascii=escape)
    body = f'{{"model":"m","messages": [ {{}} ] ,"other":{written}}}'.encode()

    sent = requests.read_chat(body).write_body(model="theirs", tokens_out=9)

    assert sent == f'{{"model":"theirs","messages":[ {{}} ],"other":{written},"max_tokens":9}}'.encode()


def test_removes_routing_fields_and_user_identifiers() -> None:
    chat = read(
        user="a",
        safety_identifier="b",
        metadata={"c": "d"},
        models=["x"],
        provider={"order": ["p"]},
        usage={},
    )

    assert msgspec.json.decode(chat.write_body(model="t", tokens_out=1)) == {
        "model": "t",
        "messages": MESSAGES,
        "max_tokens": 1,
    }
    assert chat.routing.models == ("m", "x")


def test_asks_for_usage_on_streams_and_keeps_the_other_options() -> None:
    chat = read(stream=True, stream_options={"include_obfuscation": False, "include_usage": False})

    sent = msgspec.json.decode(chat.write_body(model="t", tokens_out=1))

    assert not chat.include_usage
    assert sent["stream_options"] == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.parametrize(
    ("given_limits", "sent", "limit"),
    [
        ({}, {"max_tokens": 7}, None),
        ({"max_tokens": None}, {"max_tokens": 7}, None),
        ({"max_tokens": 50}, {"max_tokens": 7}, 50),
        ({"max_completion_tokens": 50}, {"max_completion_tokens": 7}, 50),
        (
            {"max_tokens": 50, "max_completion_tokens": 40},
            {"max_tokens": 7, "max_completion_tokens": 7},
            40,
        ),
    ],
)
def test_limits_go_out_in_the_fields_they_came_in(
    given_limits: dict[str, Any], sent: dict[str, int], limit: int | None
) -> None:
    chat = read(**given_limits)
    body = msgspec.json.decode(chat.write_body(model="t", tokens_out=7))

    assert chat.limit == limit
    assert {name: body[name] for name in body if name not in ("model", "messages")} == sent


def test_chooses_default_cap_and_context() -> None:
    def choose(limit: int | None) -> int:
        chat = read() if limit is None else read(max_tokens=limit)
        return requests.choose_limit(chat, context_length=100, default=40, cap=60)

    assert [choose(None), choose(10), choose(100)] == [40, 10, 60]
    with pytest.raises(ApiError, match="context has 100"):
        choose(101)


def test_pictures_are_not_counted_by_their_bytes() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    chat = read(messages=[{"role": "user", "content": [{"type": "text", "text": "what is this"}, picture]}])

    assert chat.media == 1
    assert chat.text_bytes < 200


def test_text_that_calls_itself_something_else_is_counted() -> None:
    hidden = {"type": "text_of_another_name", "text": "x" * 10_000, "note": '"image_url"'}
    chat = read(messages=[{"role": "user", "content": [hidden, {"type": "image_url"}]}])

    assert chat.text_bytes > 10_000


@pytest.mark.parametrize(("depth", "refused"), [(400, False), (600, True)])
def test_refuses_bodies_nested_too_deeply(depth: int, refused: bool) -> None:
    body = b'{"model":"m","messages":[{}],"x":' + b"[" * depth + b"]" * depth + b"}"
    if refused:
        with pytest.raises(ApiError, match="deeply"):
            requests.read_chat(body)
    else:
        requests.read_chat(body)


@pytest.mark.parametrize("nothing", ["[]", "[ \n\t]"])
def test_a_chat_without_messages_is_refused(nothing: str) -> None:
    with pytest.raises(ApiError, match="at least one message") as refusal:
        requests.read_chat(f'{{"model":"m","messages":{nothing}}}'.encode())

    assert (refusal.value.status, refusal.value.param) == (400, "messages")


def test_brackets_in_text_are_no_nesting() -> None:
    content = '"' + "[{\\" * 1000
    read(messages=[{"role": "user", "content": content}])


@given(body=st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    status = 200
    try:
        requests.read_chat(body)
    except ApiError as error:
        status = error.status

    assert status in (200, 400)


def test_a_key_inside_text_or_deeper_down_is_not_a_repetition() -> None:
    read(
        messages=[{"role": "user", "content": 'say "model" and "model"'}], tools=[{"model": 1}, {"model": 2}]
    )


def test_a_picture_hides_no_more_than_its_own_bytes() -> None:
    # Written again, each of these numbers would be four times as long, and the text beside them free.
    numbers = b"[" + b",".join([b"1e15"] * 8_000) + b"]"
    text = b'{"type":"text","text":"%s"}' % (b"word " * 20_000)
    picture = b'{"type":"image_url","image_url":{"url":"data:,"},"x":%s}' % numbers
    body = b'{"model":"m","messages":[{"role":"user","content":[%s,%s]}]}' % (text, picture)

    chat = requests.read_chat(body)

    assert chat.media == 1
    assert 100_000 <= chat.text_bytes < 100_200


@pytest.mark.parametrize(
    ("text", "share"), [("为什么" * 500, 1.1), ("почему " * 500, 1.5), ("\\u" * 500, 1.0)]
)
def test_characters_written_as_escapes_are_measured_as_characters(text: str, share: float) -> None:
    messages = [{"role": "user", "content": text}]
    plain = requests.read_chat(json.dumps({"model": "m", "messages": messages}, ensure_ascii=False).encode())

    escaped = read(messages=messages)

    assert plain.text_bytes <= escaped.text_bytes <= plain.text_bytes * share


CONTEXT = 131_072
READERS: list[tuple[Callable[[bytes], ModelRequest], dict[str, Any]]] = [
    (requests.read_chat, {"messages": MESSAGES}),
    (requests.read_completion, {"prompt": ["Why?", "How?"]}),
    (requests.read_embedding, {"input": "Why?"}),
]


def bound(read: Callable[[bytes], ModelRequest], **fields: Any) -> InputBounds:
    request = read(json.dumps({"model": "m", **fields}).encode())
    return requests.bound_prompt(request, context_length=CONTEXT)


@pytest.mark.parametrize(("read", "plain"), READERS, ids=["chat", "completion", "embedding"])
@pytest.mark.parametrize("name", ["chat_template_kwargs", "documents", "prompt_embeds", "any_other"])
def test_a_prompt_in_whatever_field_is_held_and_billed(
    read: Callable[[bytes], ModelRequest], plain: dict[str, Any], name: str
) -> None:
    before = bound(read, **plain)
    limits = bound(read, **plain, **{name: {"text": "word " * 20_000}})
    answer = msgspec.json.decode(
        b'{"choices":[{"index":0,"message":{"content":"so"}}],"usage":{"prompt_tokens":20001}}',
        type=shapes.Answer,
    )

    count, _ = metering.count_answer(answer, limits=metering.Limits(limits, 10))

    assert before.high < 200
    assert limits.high >= 50_000
    assert count.preview_billed()[0] == 20_001


@pytest.mark.parametrize(
    "fields",
    [
        {"chat_template": "{% for i in range(90000) %}words {% endfor %}"},
        {"chat_template_kwargs": {"chat_template": "{{ messages * 90000 }}"}},
        {"mm_processor_kwargs": {"max_pixels": 10**9}},
    ],
    ids=str,
)
def test_what_is_read_beyond_its_bytes_is_held_as_a_whole_context(fields: dict[str, Any]) -> None:
    assert bound(requests.read_chat, messages=MESSAGES, **fields).high == CONTEXT


def test_documents_are_surely_read() -> None:
    with pytest.raises(ApiError, match="longer than this model's context"):
        bound(requests.read_chat, messages=MESSAGES, documents=[{"text": "word " * 200_000}])


def test_settings_and_what_is_not_sent_on_are_no_prompt() -> None:
    settings = {
        "temperature": 0.5,
        "logit_bias": {str(n): 1 for n in range(300)},
        "seed": 7,
        "stop": ["x"] * 4,
    }
    removed = {"metadata": {"a": "b" * 500}, "user": "c" * 500, "chat_template": None}

    assert bound(requests.read_chat, messages=MESSAGES, **settings, **removed) == bound(
        requests.read_chat, messages=MESSAGES
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"include_reasoning": False}, "include_reasoning"),
        ({"include_reasoning": "off"}, "include_reasoning"),
        ({"reasoning": {"exclude": True}}, "reasoning.exclude"),
        ({"reasoning_format": "hidden"}, "reasoning_format"),
        ({"best_of": 4}, "best_of"),
    ],
    ids=str,
)
@pytest.mark.parametrize(("read", "plain"), READERS[:2], ids=["chat", "completion"])
def test_nothing_that_is_written_may_be_hidden(
    read: Callable[[bytes], ModelRequest], plain: dict[str, Any], fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(ApiError) as refusal:
        bound(read, **plain, **fields)

    assert (refusal.value.status, refusal.value.param) == (400, param)


def test_reasoning_that_is_shown_may_be_asked_for() -> None:
    asked = {"include_reasoning": True, "reasoning": {"effort": "high"}, "reasoning_format": "parsed"}
    sent = msgspec.json.decode(read(**asked).write_body(model="t", tokens_out=1))

    assert {name: sent[name] for name in asked} == asked


SIZE = 8 * 1024 * 1024
HEAD = b'{"model":"m","messages":[{"role":"user","content":"?"}],'
HOSTILE = {
    "lists side by side": b'%s"x":[%s[]]}' % (HEAD, b"[]," * (SIZE // 3)),
    "one name again and again": b'%s%s,"x":[{"model":1}]}'
    % (
        HEAD,
        b",".join([*(b'"n%d":0' % number for number in range(190)), *[b'"n189":0'] * (SIZE // 10)]),
    ),
    "nothing but escapes": b'%s"x":[%s"%s"]}' % (HEAD, b"[]," * 600, b"\\n" * (SIZE // 2)),
    "nothing but empty texts": b'%s"x":[%s""]}' % (HEAD, b"[]," * 600 + b'"",' * (SIZE // 3)),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_the_longest_body_is_read_or_refused_quickly(body: bytes) -> None:
    began = time.process_time()
    try:
        requests.read_chat(body)
    except ApiError as refused:
        assert refused.status == 400  # noqa: PT017 - some of these may be read

    assert time.process_time() - began < 1.5


def test_many_lists_are_refused_and_many_brackets_in_text_are_not() -> None:
    with pytest.raises(ApiError, match="too many lists"):
        read(other=[[]] * requests.BRACKETS_MAX)
    assert read(other="[]" * requests.BRACKETS_MAX).endpoint == "chat"
