"""Entries of the log: one line, whatever is in it, and the facts as fields."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.service.logline import MESSAGE_IDS, one_line, packet_entries
from firewalld_py.service.messages import LogEvent
from tests.live.journald_stand_in import event

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)  # surrogates too


def message(logged: LogEvent, in_name: str = "lan0", out_name: str = "wan0") -> str:
    return packet_entries(logged, in_name, out_name)[-1].message


def test_the_rule_stands_behind_the_kernels_words() -> None:
    assert message(event()).endswith(
        ' [drop filter/forward "junk" rules.yaml:20 state=INVALID reason=udp_length]'
    )


def test_a_policy_names_no_rule_and_no_file() -> None:
    entry = packet_entries(replace(event(), rule="", file="", line=0), "lan0", "")[0]
    assert entry.message.endswith(" [drop filter/forward state=INVALID reason=udp_length]")
    assert "FW_RULE" not in entry.fields
    assert "FW_RULE_FILE" not in entry.fields
    assert "FW_OUT" not in entry.fields


def test_the_prefix_stands_in_front_as_it_is() -> None:
    assert message(replace(event(), prefix="BLOCK: ")).startswith(
        "BLOCK: IN=lan0 OUT=wan0 MAC= SRC="
    )


def test_a_parser_of_kernel_lines_finds_its_fields() -> None:
    """The pattern that fail2ban and psad build on: words of KEY=value."""
    found = dict(re.findall(r"\b([A-Z]+)=(\S*)", message(event())))
    assert found["SRC"] == "1.2.3.4"
    assert found["DST"] == "5.6.7.8"
    assert found["PROTO"] == "UDP"
    assert found["DPT"] == "54"


def test_line_breaks_and_terminal_codes_are_escaped() -> None:
    line = message(replace(event(), prefix="a\nb\x1b[31m\u2028\ud800", rule="x\ry"))
    assert line.startswith(r"a\nb\x1b[31m\u2028\ud800IN=")
    assert r'"x\ry"' in line


def test_message_ids_are_128_bit_and_different() -> None:
    assert all(re.fullmatch("[0-9a-f]{32}", word) for word in MESSAGE_IDS.values())
    assert len(set(MESSAGE_IDS.values())) == len(MESSAGE_IDS)


@given(ANY_TEXT)
def test_one_line_is_one_line_and_can_be_encoded(text: str) -> None:
    assert len((one_line(text) + ".").encode().decode().splitlines()) == 1


@given(
    head=st.binary(max_size=100),
    words=st.tuples(ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT),
    numbers=st.tuples(*[st.integers(0, 1 << 32)] * 4),
)
def test_no_event_makes_it_raise(
    head: bytes, words: tuple[str, str, str, str], numbers: tuple[int, int, int, int]
) -> None:
    line, length, mark, suppressed = numbers
    prefix, rule, file, state = words
    logged = replace(
        event(), head=head, prefix=prefix, rule=rule, file=file, state=state,
        line=line, length=length, mark=mark, suppressed=suppressed,
    )  # fmt: skip
    entries = packet_entries(logged, "lan0", "")
    assert len(entries) == (2 if suppressed else 1)
    for entry in entries:
        assert "\n" not in entry.message
        entry.message.encode()
        assert all(value.encode() for value in entry.fields.values())
