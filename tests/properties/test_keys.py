"""reply_key(reply_key(key)) == key, for all keys that have an answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.conntrack.flow import NO_KEY, reply_key

KEYS = st.sampled_from([13, 37]).flatmap(lambda size: st.binary(min_size=size, max_size=size))


@given(KEYS)
def test_the_answer_to_the_answer_is_the_question(key: bytes) -> None:
    answer = reply_key(key)
    if answer != NO_KEY:
        assert reply_key(answer) == key
        assert len(answer) == len(key)


@given(KEYS)
def test_who_sends_an_answer_is_who_was_asked(key: bytes) -> None:
    answer = reply_key(key)
    size = 4 if len(key) == 13 else 16
    if answer != NO_KEY:
        assert answer[:size] == key[size : 2 * size]
        assert answer[size : 2 * size] == key[:size]
        assert answer[-1] == key[-1]
