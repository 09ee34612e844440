"""Which media a session description names, and what makes it unsound."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.conntrack.helpers.sip_media import read_session
from firewalld_py.conntrack.helpers.sip_message import Message

HEAD: Final = b"INVITE sip:b SIP/2.0\r\n"
ADDRESS: Final = b"c=IN IP4 10.1.0.5\r\n"
AUDIO: Final = b"m=audio 7000 RTP/AVP 0\r\n"
UNSOUND: Final = "unsound"
KINDS: Final = ("", "audio", "video", "image")


def read(text: bytes, version: int = 4) -> str:
    """What is named behind the first line of the message."""
    session = read_session(Message(HEAD + text, version))
    media = [
        f"{KINDS[one.kind]} {one.address[-2]}.{one.address[-1]}:{one.port}" for one in session.media
    ]
    return ", ".join(media + ([] if session.sound else [UNSOUND]))


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (b"v=0\r\n" + ADDRESS + AUDIO, "audio 0.5:7000"),
        (b"v=0\n" + ADDRESS + AUDIO, "audio 0.5:7000"),
        (b"V=0\r\nC=IN IP4 10.1.0.5/127\r\n" + AUDIO, "audio 0.5:7000"),
        (b"v=0\r\n" + AUDIO + ADDRESS, "audio 0.5:7000"),
        (b"v=0\r\nc=IN IP4 10.1.0.9\r\n" + AUDIO + ADDRESS, "audio 0.5:7000"),
        (b"v=0\r\nX: y\r\n\r\n" + ADDRESS + AUDIO, "audio 0.5:7000"),
        (b"v=0\r\n" + ADDRESS + b"m=image 7001/2\r\n", "image 0.5:7001"),
        (b"v=0\r\n" + ADDRESS + AUDIO + b"m=video 9000", "audio 0.5:7000, video 0.5:9000"),
        (ADDRESS + AUDIO, ""),  # no version, no description
        (b"v=x\r\n" + ADDRESS + AUDIO, ""),
        (b"v=0\r\n" + ADDRESS, ""),
        (b"v=0\r\n" + ADDRESS + b"m=AUDIO 7000\r\nm=text 7001\r\n", ""),
        (b"v=0\r\n" + ADDRESS + b"m=audio 0 x\r\nm=audio x\r\nm=audio 000000007000\r\n", ""),
        (b"v=0\r\n" + ADDRESS + b"m=audio-x 7000\r\n" + AUDIO, ""),  # the rest is not read
        (b"v=0\r\n" + AUDIO, UNSOUND),  # where to?
        (b"v=0\r\nc=IN IP4 host\r\n" + ADDRESS + AUDIO, UNSOUND),
        (b"v=0\r\nc=in ip4 10.1.0.5\r\n" + AUDIO, UNSOUND),
        (b"v=0\r\nc=IN IP6 fd00:1::5\r\n" + AUDIO, UNSOUND),
        (b"v=0\r\nc=IN IP4 ", ""),
        (b"v=0\r\n" + ADDRESS + b"m=audio 1023\r\n", UNSOUND),
        (b"v=0\r\n" + ADDRESS + b"m=audio 65536\r\n", UNSOUND),
        (b"v=0\r\n" + ADDRESS + AUDIO + b"m=video 80\r\n" + AUDIO, f"audio 0.5:7000, {UNSOUND}"),
    ],
)
def test_what_a_description_names(text: bytes, outcome: str) -> None:
    assert read(text) == outcome


def test_three_media_are_read() -> None:
    text = b"v=0\r\n" + ADDRESS + b"m=audio 0 x\r\n" + AUDIO * 5
    assert read(text) == ", ".join(["audio 0.5:7000"] * 3)


def test_ipv6_has_no_brackets_here() -> None:
    assert read(b"v=0\r\nc=IN IP6 fd00:1::5\r\n" + AUDIO, 6) == "audio 0.5:7000"
    assert read(b"v=0\r\nc=IN IP6 [fd00:1::5]\r\n" + AUDIO, 6) == UNSOUND
    assert read(b"v=0\r\n" + ADDRESS + AUDIO, 6) == UNSOUND


@given(
    st.lists(st.sampled_from([b"v=0\r\n", ADDRESS, AUDIO, b"m=", b"c="]) | st.binary(max_size=9))
)
def test_any_octets_are_read_or_not(words: list[bytes]) -> None:
    session = read_session(Message(HEAD + b"".join(words), 4))
    assert all(1024 <= one.port <= 65535 and len(one.address) == 4 for one in session.media)
