"""Where headers, contacts and numbers are found in a SIP message, and where they are not."""

from __future__ import annotations

import ipaddress
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.conntrack.helpers.sip_message import (
    CONTACT,
    CONTENT_LENGTH,
    CSEQ,
    EXPIRES,
    Message,
    is_letter,
)

FIRST: Final = b"REGISTER sip:x SIP/2.0\r\n"


def behind_first(text: bytes, version: int = 4) -> Message:
    """A message whose first line is followed by this."""
    return Message(FIRST + text, version)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"CSeq: 7 INVITE\r\n", 7),
        (b"cseq:7\r\n", 7),
        (b"CSEQ \t: \t7", 7),
        (b"CSeq:\r\n 7\r\n", 7),
        (b"CSeq\n\t:\n 7\r\n", 7),
        (b"X: y\nCSeq: 7\n", 7),
        (b"X: y\rCSeq: 7\r", 7),
        (b"\r\nCSeq: 7", 7),  # in the body
        (b"CSeq: 4294967295", 4294967295),
        (b"CSeq: 00000000007", 7),
        (b"CSeq: 000000000007", -1),
        (b"CSeq: 4294967296", -1),
        (b"CSeq: x", -1),
        (b"CSeq:", -1),
        (b"CSeq", -1),
        (b"CSeq:\r\nX: y", -1),
        (b" CSeq: 7", -1),  # the first line goes on
        (b"X-CSeq: 7", -1),
        (b"CSeqs: 1\r\nCSeq: 7", -1),
        (b"X: y\n\nCSeq: 7", -1),  # of two line feeds the second hides the line behind it
        (b"X: y\n\n\nCSeq: 7", 7),
    ],
)
def test_a_number_in_a_header(text: bytes, number: int) -> None:
    assert behind_first(text).number_of(CSEQ) == number


def test_the_first_line_is_no_header() -> None:
    assert Message(b"CSeq: 7\r\n", 4).number_of(CSEQ) == -1


@pytest.mark.parametrize(
    ("text", "number"),
    [(b"l: 7", 7), (b"L:7", 7), (b"l : 7", 7), (b"lx: 7", -1), (b"l\xc4: 7", -1), (b"l", -1)],
)
def test_a_compact_name_is_a_letter_alone(text: bytes, number: int) -> None:
    assert behind_first(text).number_of(CONTENT_LENGTH) == number


def test_a_header_without_a_compact_name_has_none() -> None:
    assert behind_first(b"\0: 1\r\nExpires: 9").number_of(EXPIRES) == 9


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        (b"Contact: <sip:a@10.1.0.5:5061>", "10.1.0.5", 5061),
        (b"m: sip:10.1.0.5\r\n", "10.1.0.5", 5060),
        (b"Contact: x\r\n y <SIP:10.1.0.5>", "10.1.0.5", 5060),
        (b"Contact: <sip:010.1.0.5g>", "10.1.0.5", 5060),
        (b'Contact: <sip:a>;q="x@10.1.0.9"', "10.1.0.9", 5060),  # the first @ of the line
        (b"Contact: <sip:10.1.0.5>\r\nX: a@10.1.0.9", "10.1.0.5", 5060),
        (b"Contact: *\r\nm: <sip:host>\r\nm: <sip:10.1.0.5:1024>", "10.1.0.5", 1024),
        (b"Contact: <sip:a@host>, <sip:10.1.0.5>", "", 0),  # one of each header
        (b"Contact: <sip:10.1.0.5:80>", "", 0),
        (b"Contact: <sip:10.1.0.5:65536>", "", 0),
        (b"Contact: <sip:10.1.0.5:005061>", "", 0),
        (b"Contact: <sip:10.1.0.5:>", "", 0),
        (b"Contact: <sip:10.1.0.5a>", "", 0),
        (b"Contact: <sip:10.1.0.5:5061", "", 0),  # an octet must follow
        (b"Contact: <sip:10.1.0.5", "", 0),
        (b"Contact: sip:", "", 0),
        (b"Contact: <sip:[10.1.0.5]>", "", 0),
    ],
)
def test_the_first_contact_that_can_be_read(text: bytes, address: str, port: int) -> None:
    found = behind_first(text).contact()
    assert (found is not None) == (address != "")
    if found is not None:
        assert (found.address, found.port) == (ipaddress.ip_address(address).packed, port)


def test_an_ipv6_contact_stands_in_brackets() -> None:
    found = behind_first(b"m: <sip:a@[fd00:1::5]:5061>", 6).contact()
    assert found is not None
    assert (found.address, found.port) == (ipaddress.ip_address("fd00:1::5").packed, 5061)
    for text in (b"m: <sip:fd00:1::5>", b"m: <sip:[fd00:1::5>", b"m: sip:a@", b"m: <sip:10.1.0.5>"):
        assert behind_first(text, 6).contact() is None


def test_contacts_are_walked_through_lists_and_headers() -> None:
    message = behind_first(
        b"Contact: <sip:10.1.0.1>, <sip:host>,\r\n <sip:10.1.0.2>\r\nm: *\r\nm: sip:10.1.0.3;x"
    )
    found = message.contact()
    hosts: list[int] = []
    while found is not None:
        hosts.append(found.address[3])
        found = message.next_contact(found.end)
    assert hosts == [1, 2, 3]


def test_a_parameter_belongs_to_its_element_of_the_list() -> None:
    message = behind_first(b"m: <sip:10.1.0.1>;q=1;xExpires=30, <sip:10.1.0.2>;transport=UDP\r\n")
    first = message.contact()
    assert first is not None
    at = message.parameter(b"expires=", first.end)
    assert message.number(at, message.behind_element(first.end)) == 30
    assert message.parameter(b"transport=", first.end) == -1
    second = message.next_contact(first.end)
    assert second is not None
    assert message.lower[message.parameter(b"transport=", second.end) :] == b"udp\r\n"


def test_many_uris_before_one_at_sign_are_read_once() -> None:
    message = behind_first(b"m: <sip:10.1.0.1>\r\n " + b",sip:" * 9 + b"@x, <sip:10.1.0.2> ")
    first = message.contact()
    assert first is not None
    second = message.next_contact(first.end)
    assert second is not None
    assert second.address[3] == 2


def test_letters_are_those_of_latin_1() -> None:
    letters = [octet for octet in range(256) if is_letter(octet)]
    assert bytes(letters[:52]).decode().isalpha()
    assert len(letters) == 52 + 62
    assert not {0xD7, 0xF7} & set(letters)


@given(st.binary(max_size=80), st.sampled_from((4, 6)))
def test_any_octets_are_read_or_not(text: bytes, version: int) -> None:
    message = Message(b"x\r\nm: <sip:" + text, version)
    found = message.contact()
    assert found is None or len(found.address) == (4 if version == 4 else 16)
    assert message.number_of(CSEQ) >= -1
    assert message.value(CONTACT) <= message.size
