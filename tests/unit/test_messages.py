"""Messages: there and back, and what is none. (Any octets at all: tests/properties.)"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, Final

import pytest

from firewalld_py.policy.config import ConntrackConfig
from firewalld_py.service import messages as module
from firewalld_py.service.element_messages import (
    EndConnections,
    SetAnswer,
    SetChange,
    SetListed,
    SetNews,
    SetRequest,
    SetRestore,
)
from firewalld_py.service.messages import (
    MAX_MESSAGE,
    Bound,
    Configure,
    ConnectionsEnd,
    ConnectionsRequest,
    Counters,
    CountersRequest,
    ExpectationsEnd,
    ExpectationsRequest,
    Expected,
    Failed,
    FaultEvent,
    HelperEvent,
    InterfaceNames,
    InterfaceNetworks,
    LogEvent,
    Message,
    MessageError,
    RejectEvent,
    RoutesBegin,
    RoutesEnd,
    RoutesPart,
    RulesBegin,
    RulesEnd,
    RulesInForce,
    RulesPart,
    RulesRefused,
    SetPart,
    Stats,
    StatsRequest,
    Stop,
    Tracked,
    decode,
    encode,
)
from tests.plans import rule

HEAD: Final = bytes(range(256)) * 5  # as much as is ever sent
LOG_EVENT: Final = LogEvent(
    time=1700000000.25, action="drop", table="filter", chain="forward", rule="no „telnet“",
    file="rules.yaml", line=14, prefix="x ", level=4, state="NEW", direction="original",
    reason="rule", in_index=2, out_index=3, mark=0xFFFFFFFF, length=65535, head=HEAD, suppressed=9,
)  # fmt: skip
CONFIGURE: Final = Configure(
    queue=0, queue_length=8192, copy_range=2048, batch=64, gso=True, receive_buffer=1 << 24,
    fail_open=False, conntrack=ConntrackConfig().numbers(),
)  # fmt: skip
EXPECTED: Final = Expected(
    number=3, protocol=6, src=bytes(4), src_mask=b"", sport=-1, dst=bytes(4), dport=40000, kind=0,
    flags=1, left_s=299.5, helper="ftp", given="", master=bytes(13),
)  # fmt: skip
EVERY_MESSAGE: Final[list[Message]] = [
    Bound(3),
    Failed("no such queue\n"),
    RulesInForce(7),
    RulesRefused(7, "no such match: colour"),
    Stats(1, 2, 3, 4, 5, 6, {"rule": 7, "tcp_state": 0}),
    LOG_EVENT,
    RejectEvent("tcp-reset", 2, 3, 0, HEAD),
    FaultEvent("Traceback…", 4),
    HelperEvent("rtsp", "is switched off"),
    EXPECTED,
    ExpectationsEnd(3, 5000),
    Counters(3, 2, [["uploads", 7, 420]], 1),
    Tracked(4, [{"protocol": 6}]),
    ConnectionsEnd(4, 1),
    SetAnswer(4, "", [[0, 600.0, ["c0000201", "20"], False]], 1),
    SetListed(4, [["c0000201", "20", 0.0, True, 7, 420]]),
    SetNews([["banned", "c0000201", "20", True, 2.0]], 3),
    CONFIGURE,
    RulesBegin(2, ["lan0", "ppp*"], {"input": "drop"}, ["filter/web"], [["blocked", {"type": []}]]),
    SetPart(2, "blocked", 4, bytes((192, 0, 2, 0, 24))),
    RulesPart(2, "filter/forward", [rule("accept", ("dport", [[1, 2]]))]),
    RulesEnd(2),
    InterfaceNames({"1": "lo", "2": "lan0"}),
    InterfaceNetworks([[2, 24, 0x0A0100FF], [3, 16, 0xCB0071FF]]),
    RoutesBegin(1),
    RoutesPart(1, [[4, 1, 0x0A010000, 24, 1, 0, 2], [6, 0, 1, 128, 2, 0]]),
    RoutesEnd(1, True),
    StatsRequest(1),
    CountersRequest(3, 100),
    ExpectationsRequest(3),
    ConnectionsRequest(4, 10, {"protocol": "6"}),
    SetChange(4, "banned", "add", [["c0000201", "20"]], 600.0),
    SetRestore("banned", [["c0000201", "20", 0.0]]),
    SetRequest(4, "banned", True),
    EndConnections(5, [["c0000200", "18"]], more=True),
    Stop(),
]


def name_of(message: Message) -> str:
    return type(message).__name__


def test_the_examples_are_one_of_each_message() -> None:
    assert {type(message) for message in EVERY_MESSAGE} == set(module.Message.__args__)


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=name_of)
def test_what_was_sent_is_what_arrives(message: Message) -> None:
    datagram = encode(message)
    assert decode(datagram) == message
    assert len(datagram) <= MAX_MESSAGE


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=name_of)
def test_a_message_that_lacks_a_field_is_none(message: Message) -> None:
    for entry in fields(message):
        body = json.loads(encode(message))
        del body[entry.name]
        with pytest.raises(MessageError):
            decode(json.dumps(body).encode())


WRONG: Final[dict[str, list[Any]]] = {
    "int": ["1", 1.5, None, True, [1]],
    "str": [1, None, ["x"]],
    "bool": [0, "true", None],
    "float": ["1", None, True],
    "bytes": ["0x", "abc", 5, None],
    "dict[str, int]": [[], {"a": "b"}, {"a": True}, None],
    "dict[str, str]": [[], {"a": 1}, None],
    "list[str]": ["lan0", {"a": 1}, [1], None],
    "list[list[int]]": ["x", [1], [["1"]], [[True]], [[1], "1"], {}, None],
    "list[Any]": ["x", {"a": 1}, None],
}


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=name_of)
def test_a_field_of_another_type_is_refused(message: Message) -> None:
    for entry in fields(message):
        for value in WRONG[str(entry.type)]:
            body = json.loads(encode(message)) | {entry.name: value}
            with pytest.raises(MessageError):
                decode(json.dumps(body).encode())


def test_a_time_may_be_a_whole_number() -> None:
    body = json.loads(encode(LOG_EVENT)) | {"time": 17}
    decoded = decode(json.dumps(body).encode())
    assert isinstance(decoded, LogEvent)
    assert (decoded.time, type(decoded.time)) == (17.0, float)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"7",
        b'"Stop"',
        b"[]",
        b"{}",
        b'{"type": "Nonsense"}',
        b'{"type": ["Stop"]}',
        b'{"type": {"a": 1}}',
        b'{"type": null}',
        b"[" * 100_000,
        b'{"type": "Bound", "queue": ' + b"9" * 10_000 + b"}",
    ],
    ids=lambda datagram: repr(datagram[:30]),
)
def test_what_is_no_message_is_a_message_error(datagram: bytes) -> None:
    with pytest.raises(MessageError):
        decode(datagram)


def test_fields_that_nobody_knows_are_left_out() -> None:
    assert decode(b'{"type": "Stop", "why": "new version"}') == Stop()
