"""Whatever is said on a control connection, no helper raises, nor leads to a third party."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.conntrack.helpers.registry import READABLE
from tests.controlled import CLIENT, SERVER, Controlled

# What control connections are made of, so that any payload is not just any octets.
PIECES: Final[tuple[bytes, ...]] = (
    *(b"PORT ", b"EPRT |1|", b"227 (", b"229 (|||", b"10,1,0,5,7,208", b"10.1.0.5|", b"2000|)"),
    *(b"PRIVMSG n", b" :\x01DCC ", b"SEND f ", b"CHAT x ", b"167837701 ", b"2000", b"\x01"),
    *(b"\0\1", b"\0\2", b"\0\0\0\7\0\0\0\0", bytes(6), b"\7\xd0"),
    *(b"CONNECT ", b"DATA ", b"MESG ", b"INDEX ", b"STATE ", b"99999999999999999999"),
    *(b"\r\n", b" ", b"0", b"\xff"),
)
PAYLOADS: Final = st.one_of(
    st.binary(max_size=200), st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join)
)
SAID: Final = st.lists(st.tuples(st.sampled_from((CLIENT, SERVER)), PAYLOADS), max_size=8)
WAYS: Final = sorted((name, *way) for name, ways in READABLE.items() for way in ways)


@pytest.mark.parametrize(("helper", "version", "protocol"), WAYS)
@given(said=SAID)
@settings(max_examples=60, deadline=None)
def test_no_payload_raises_or_leads_to_a_third_party(
    helper: str, version: int, protocol: int, said: list[tuple[int, bytes]]
) -> None:
    control = Controlled(helper, 7, protocol, version)
    for side, payload in said:
        control.say(side, payload)
    ends = (control.client, control.server)
    assert all(one.dst in ends for one in control.expected())
