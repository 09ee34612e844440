"""Messages survive the way there and back, and no datagram raises anything but MessageError."""

from __future__ import annotations

import json
from typing import get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.service.messages import Message, MessageError, decode, encode

CLASSES = get_args(Message)
# Surrogates are no text that could be sent.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)
BY_TYPE = {
    int: st.integers(-(2**63), 2**64),
    bool: st.booleans(),
    str: TEXT,
    float: st.floats(allow_nan=False, allow_infinity=False),
    bytes: st.binary(max_size=1300),
    dict[str, int]: st.dictionaries(TEXT, st.integers()),
    dict[str, str]: st.dictionaries(TEXT, TEXT),
    list[str]: st.lists(TEXT),
    list[list[int]]: st.lists(st.lists(st.integers())),
}


def any_of(cls: type[Message]) -> st.SearchStrategy[Message]:
    """Messages of this class with any values at all."""
    hints = get_type_hints(cls)
    return st.builds(
        cls, **{name: BY_TYPE.get(kind, st.lists(JSON)) for name, kind in hints.items()}
    )


MESSAGES = st.one_of([any_of(cls) for cls in CLASSES])


@given(MESSAGES)
@settings(max_examples=300, deadline=None)
def test_what_was_sent_is_what_arrives(message: Message) -> None:
    assert decode(encode(message)) == message


def decodes_or_is_refused(datagram: bytes) -> None:
    try:
        message = decode(datagram)
    except MessageError:
        return
    assert decode(encode(message)) == message


@given(st.binary())
def test_any_octets_are_a_message_or_a_message_error(datagram: bytes) -> None:
    decodes_or_is_refused(datagram)


@given(JSON)
def test_any_json_is_a_message_or_a_message_error(value: object) -> None:
    decodes_or_is_refused(json.dumps(value).encode())


@given(MESSAGES, st.data())
@settings(max_examples=200, deadline=None)
def test_any_value_in_any_field_is_taken_or_refused(message: Message, data: st.DataObject) -> None:
    body = json.loads(encode(message))
    field = data.draw(st.sampled_from(sorted(body)))
    decodes_or_is_refused(json.dumps(body | {field: data.draw(JSON)}).encode())


@given(MESSAGES, st.data())
def test_a_datagram_that_was_cut_is_refused(message: Message, data: st.DataObject) -> None:
    datagram = encode(message)
    with pytest.raises(MessageError):
        decode(datagram[: data.draw(st.integers(0, len(datagram) - 1))])
