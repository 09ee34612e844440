"""Faults for good rule files: one at a time, with the line and the words that have to be told.

What the right line is follows from what is done to the text and not from our reader: places come
from PyYAML's own tree, and a fault is told where it was made unless its kind says otherwise.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

NUMBER: Final = "9" * 400
ANYWHERE: Final = 0  # the fault may be told in any line


@dataclass(frozen=True, slots=True)
class Mutation:
    """`old` at a line and column (from 1) becomes `new`; told with `words` in line `told`."""

    kind: str
    line: int
    column: int
    old: str
    new: str
    told: int
    words: str

    def apply(self, text: str) -> str:
        """The broken text."""
        lines = text.split("\n")
        at = sum(len(line) + 1 for line in lines[: self.line - 1]) + self.column - 1
        assert text[at:].startswith(self.old), (self, text[at : at + 40])
        return text[:at] + self.new + text[at + len(self.old) :]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of the file with its value; `path` are the keys that lead to it, its own last."""

    path: tuple[str, ...]
    key: Any
    value: Any
    text: str  # the value as written

    def of_key(self, kind: str, new: str, words: str) -> Mutation:
        """The key written otherwise."""
        mark = self.key.start_mark
        return Mutation(
            kind, mark.line + 1, mark.column + 1, self.key.value, new, mark.line + 1, words
        )

    def of_value(self, kind: str, new: str, words: str = "") -> Mutation:
        """The value written otherwise."""
        mark = self.value.start_mark
        return Mutation(kind, mark.line + 1, mark.column + 1, self.text, new, mark.line + 1, words)


def entries(text: str) -> list[Entry]:
    """Every key of a file, in its order."""
    found: list[Entry] = []

    def walk(node: Any, path: tuple[str, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                written = text[value.start_mark.index : value.end_mark.index]
                found.append(Entry((*path, key.value), key, value, written.rstrip()))
                walk(value, (*path, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                walk(item, (*path, "-"))

    walk(yaml.compose(text, yaml.SafeLoader), ())
    return found


# Keys whose names, or whose values' keys, are the writer's own.
OWN_NAMES: Final = ("define", "chains", "sets")
# Where nothing reads as an empty one.
MAY_BE_EMPTY: Final = (
    *(
        "define",
        "sets",
        "elements",
        "lint",
        "raw",
        "filter",
        "tests",
        "include",
        "chains",
        "rules",
        "not",
        "answer",
    ),
    *("input", "forward", "output", "prerouting"),
)


def _ours(entry: Entry) -> bool:
    """Whether the key is one of the language."""
    return len(entry.path) < 2 or entry.path[-2] not in OWN_NAMES


def misspelt(text: str, chance: random.Random) -> Iterator[Mutation]:
    """A letter lost, doubled, exchanged with its neighbour, or another one."""
    for entry in entries(text):
        name = entry.key.value
        if not _ours(entry) or len(name) < 4 or name.endswith(("sport", "dport")):
            continue
        at = chance.randrange(len(name) - 1)
        swapped = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        wrong = chance.choice(
            (
                name[:at] + name[at + 1 :],
                name[:at] + name[at] * 2 + name[at + 1 :],
                swapped if swapped != name else name + "x",
                name[: at + 1] + "x" + name[at + 1 :],
            )
        )
        yield entry.of_key("misspelt keys", wrong, f"unknown key '{wrong}' … did you mean '{name}'")


def other_case(text: str, chance: random.Random) -> Iterator[Mutation]:
    """Keys in capitals or with '-' for '_'."""
    for entry in entries(text):
        name = entry.key.value
        if _ours(entry) and len(name) > 3:
            wrong = chance.choice((name.upper(), name.title(), name.replace("_", "-")))
            if wrong != name:
                yield entry.of_key("keys in capitals", wrong, f"unknown key '{wrong}' … '{name}'")


def foreign(text: str, chance: random.Random) -> Iterator[Mutation]:
    """Keys as other tools call them, or of another place of the file."""
    also = {
        "src": ("source", "saddr"), "dst": ("destination", "daddr"), "dport": ("port", "dst_port"),
        "in": ("iif", "iifname"), "out": ("oif", "oifname"), "proto": ("protocol", "l4proto"),
        "state": ("ctstate",), "action": ("target", "jump", "verdict"), "name": ("comment",),
        "mark": ("fwmark",), "not": ("except", "negate"), "length": ("len", "packet_length"),
    }  # fmt: skip
    for entry in entries(text):
        name = entry.key.value
        if _ours(entry) and entry.path[0] in ("raw", "filter") and name in also:
            if len(entry.path) > 2 and entry.path[-2] == "-":
                wrong = chance.choice(also[name])
                yield entry.of_key(
                    "words of other tools", wrong, f"unknown key '{wrong}' … did you mean '{name}'"
                )
        elif _ours(entry):
            yield entry.of_key("unknown keys", "frobnicate", "unknown key 'frobnicate'")


def wrong_types(text: str, chance: random.Random) -> Iterator[Mutation]:
    """A list, a mapping, a text or nothing where another of them belongs."""
    for entry in entries(text):
        others = {
            yaml.ScalarNode: ("{a: b}", "[[a]]", ""),
            yaml.SequenceNode: ("{a: b}", "[]", ""),
            yaml.MappingNode: ("[[a]]", "[]", "word"),
        }[type(entry.value)]
        if not entry.text or (not _ours(entry) and entry.path[-2] == "define"):
            continue
        new = chance.choice(others)
        if entry.value.start_mark.line != entry.key.start_mark.line:
            continue  # what is written over several lines: see `cut`
        if new == "" and entry.key.value in MAY_BE_EMPTY:
            continue
        if new == "word" and entry.path[-1] in ("contains", "regex", "recent"):
            continue
        if new == "[]" and entry.path[-1] in ("rules", "prerouting", "tests", "elements"):
            continue
        yield entry.of_value("wrong types", new, "expected|needs|a key must be|unknown key 'a'")


# Values that no key of the name takes, wherever it stands.
BAD_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "version": ("2", "1.0", "one", "-1"),
    "dport": ("65536", "-1", "80-22", "0x50", "22.5", "sssh", "22/tcp", "22 80", "'!22'", "080"),
    "sport": ("65536", "1024-", "70000-80000", "1-2-3", "*", "ssh-http", "4294967296"),
    "src": (
        "10.0.0.256", "10.0.0", "10.1.0.1/24", "10.0.0.0/33", "'fd00::1/129'", "fe80::1%eth0",
        "www.example.org", "10.0.0.9-10.0.0.1", "'10.0.0.1-::1'", "'00:11:22:33:44:55'",
        "'!10.0.0.1'", "10.0.0.0/255.255.255.0", "010.0.0.1", "10.0.0.1-9", "'fd00:::1'", "any",
    ),
    "dst": ("10.0.0.1/", "10.0.0.0/08", "'[::1]'", "10.0.0.1:80", "1e3", "10", "'::/-1'"),
    "in": ("eth0+", "'*'", "a-name-that-is-too-long", "eth 0", "eth/0", "'!eth0'", "eth*0"),
    "out": ("eth0+", "'*'", "..", "a-name-that-is-too-long", "'eth0,eth1'"),
    "proto": ("tpc", "256", "-1", "any", "tcp/udp", "TCP ", "'!tcp'"),
    "connection_proto": ("tpc", "256"),
    "state": ("nwe", "all", "'ESTABLISHED,RELATED'", "'!new'", "5"),
    "family": ("ipv5", "5", "ip", "[ipv4, ipv6]"),
    "icmp": ("ping6", "256", "8/256", "echo-requst", "neighbour-solicitation", "3/"),
    "icmpv6": ("echo-requst", "256", "network-unreachable", "1/256"),
    "flags": ("ack", "syn+fin", "[syn]x", "1"),
    "mask": ("syn+x", "33x", "[sny]"),
    "value": ("sny", "[syn, ack, rst]"),
    "mark": ("0x1ffffffff", "5/3", "0xgg", "-1", "one", "1/2/3"),
    "connmark": ("0x1ffffffff", "5/3", "0xgg", "-1"),
    "label": ("128", "-1", "web", "0x1"),
    "zone": ("65536", "-1", "lan"),
    "length": ("65536", "100-50", "<100", "1k"),
    "ttl": ("256", "64-0", ">5", "-1"),
    "dscp": ("64", "af44", "0x40", "-1", "cs8"),
    "tos": ("256", "0x100", "0x10/0x08", "low"),
    "tcp_option": ("0", "256", "mms", "window scale"),
    "mss": ("70000", "1460-536", "-1"),
    "ipv6_header": ("rout", "256", "tcp"),
    "direction": ("origin", "both", "[original, reply]", "0"),
    "status": ("asured", "new", "'assured,confirmed'"),
    "helper": ("fpt", "http", "'ftp,irc'"),
    "age": ("1y", "5-1", ">1h", "-5"),
    "expires": ("1.5", "1w", "10-5"),
    "packets": ("20-1", "-5", ">10", "ten"),
    "octets": ("17 0x", "xy", "20-1"),
    "original_src": ("10.0.0.256", "$nowhere"),
    "reply_dport": ("65536", "80-22"),
    "payload": ("GET", "[1, 2]"),
    "at": ("65536", "-1", "0x10"),
    "from": ("65536", "-1", "200"),
    "limit": ("10", "0/second", "10/fortnight", "10/second/src", "1.5/second", "ten/second"),
    "rate": ("10", "0/minute", "6/min/ute", "6 per minute"),
    "burst": ("0", "1000001", "-1", "ten"),
    "per": ("source", "src+dst", "proto"),
    "mask6": ("129", "-1", "/64"),
    "max": ("0", "1000001"),
    "over": ("maybe", "1"),
    "quota": ("0", "1.5", "1G", "1000000000000"),
    "every": ("1", "0", "1000001", "tenth"),
    "probability": ("0", "101%", "2", "half", "1/2"),
    "prefix": ("'" + "x" * 65 + "'", "''", '"a\\nb"'),
    "level": ("8", "loud", "-1"),
    "log": ("maybe", "[true]", "{prefx: x}"),
    "name": ("''", "'" + "n" * 101 + "'", '"a\\tb"'),
    "action": (
        "acept", "allow", "ACCEPT", "{reject: tcp-rest}", "{accept: true}", "[accept, drop]",
        "{mark: 1, label: 1}", "[{mark: 1}, {mark: 2}]", "{jump: nowhere}", "{goto: input}",
        "notrak", "{helper: fpt}", "{log: maybe}", "DROP", "block", "[]", "{}", "[log, log]",
    ),
    "policy": ("reject", "DROP", "deny", "accpet", "true"),
    "timeout": ("10s", "{udp_timeot: 1}", "{}", "{udp_timeout: 0}", "{udp_timeout: 1y}"),
    "reject": ("tcp-rst", "true", "icmp"),
    "jump": ("nowhere", "input", "Bad"),
    "goto": ("nowhere", "forward"),
    "type": ("adress", "[]", "[address, address, port, port, mac, mac, mac]", "hash:ip"),
    "elements": ("10.0.0.256", "[[10.0.0.1]]", "[ssh]", "10.0.0.1 10.0.0.2"),
    "maximum": ("0", "1e9", "-1"),
    "lifetime": ("1y", "-1", "forever"),
    "counters": ("maybe", "1"),
    "persist": ("maybe", "[true]"),
    "fragment": ("maybe", "first", "[true]"),
    "source_mac": ("00:16:3e:5a:00", "00:16:3e:5a:00:0g", "10.1.0.9", "00163e5a0001"),
    "packet_type": ("brodcast", "host", "5"),
    "reverse_path": ("strickt", "{mod: loose}", "true", "[strict]"),
    "mode": ("lose", "1"),
    "accept_local": ("maybe",),
    "src_type": ("unicst", "blackhole2", "5"),
    "dst_type": ("lokal", "'local,unicast'", "'!local'"),
    "time": ("08:00-18:00", "{}", "{weekday: mon}", "[]"),
    "weekdays": ("monday-", "mo", "0-6", "fri-mon-", "8"),
    "monthdays": ("0", "32", "7-1", "first"),
    "date_from": ("2026-13-01", "24.12.2026", "2026-02-30", "tomorrow"),
    "date_to": ("2026-12-24 25:00", "12/24/2026", "2026-1-1x"),
    "contiguous": ("maybe",),
    "set": ("nowhere", "{name: nowhere, of: src}", "{name: services}", "[]"),
    "of": ("source", "[]", "[src, src, src, src, src, src, src]", "dst_port"),
    "regex": ("'('", "'[a'", "'*'", "'(?=x)'", "''", "'a{2000}'", "'x**y('"),
    "pattern": ("'('", "''", "[[x]]", "'(?<!a)b'"),
    "connections": ("3", "{over: 0, up_to: 3}", "{ovr: 3}", "{}"),
    "up_to": ("-1", "many", "4294967296"),
    "recent": ("'a b'", "{list: ssh, hits: 0}", "{lst: ssh}", "''", "[ssh]"),
    "list": ("'a b'", "''", "a/b"),
    "within": ("1y", "-1", "soon"),
    "hits": ("0", "256", "-1"),
    "update": ("maybe",),
    "recent_set": ("'a b'", "{of: src}", "[]"),
    "recent_remove": ("'a b'", "{list: ''}"),
    "add": ("nowhere", "{set: nowhere, of: src}", "{set: seen}", "{set: seen, of: dport}"),
    "remove": ("{set: nowhere, of: src}", "[]", "{sets: seen}"),
    "for": ("1y", "-1", "long"),
    "count": ("'a b'", "''", "[x]"),
    "or": ("0x1ffffffff", "one", "-1"),
    "xor": ("0x1ffffffff", "1/1"),
    "save": ("0x1ffffffff", "yes", "[1]"),
    "nfmask": ("0x1ffffffff", "-1"),
    "ctmask": ("all", "0x1ffffffff"),
    "lint": ("unused-defines", "[nothing]", "unused-define nowhere at all", "''"),
    "expect": ("allow", "ACCEPT", "droped"),
    "chain": ("INPUT", "foward", "prerouting"),
    "wait": ("1x", "-1", "1000d"),
    "rule": ("''",),
}  # fmt: skip
# In a packet of a test, what is a right list, define or range in a rule is wrong too.
OF_PACKETS: Final = {
    "src": ("$lan", "10.1.0.0/24", "10.1.0.5-10.1.0.7"),
    "dport": ("22-23",),
    "in": ("ppp*",),
    "flags": ("sny", "syn+akc"),
    "length": ("19", "65536"),
    "ttl": ("256",),
    "mss": ("0", "65536"),
    "mark": ("1/1",),
    "payload": ("0x123",),
}


def bad_values(text: str, chance: random.Random) -> Iterator[Mutation]:
    """Out of range, misspelt, upside down, or in another tool's way."""
    for entry in entries(text):
        if not _ours(entry) or not entry.text or "\n" in entry.text:
            continue
        name, table = entry.key.value, entry.path[-2] if len(entry.path) > 1 else ""
        known = BAD_VALUES.get(name, ())
        if entry.path[0] == "tests":
            known = OF_PACKETS.get(name, ())
            if name in ("expect", "chain", "wait", "rule", "state"):
                known = BAD_VALUES[name]
        if (table, name) in (("regex", "from"), ("connections", "over")):
            known = ("-1",)
        if table == "time" and name in ("from", "to", "zone"):
            known = ("24:01", "8", "8pm", "08:60", "[08:00]", "Europe/Berln", "-1:00")
            known = known[5:6] if name == "zone" else known[:5]
        if (name, table) in (
            ("octets", "payload"), ("octets", "contains"), ("mask", "limit"), ("value", "limit"),
            ("limit", "log"), ("burst", "log"), ("log", "action"),
        ):  # fmt: skip
            known = {
                "octets": ("xy", "1", "1g"),
                "mask": ("33", "-1"),
                "limit": ("10", "0/day"),
            }.get(name, ("-1",))
        if known:
            yield entry.of_value("bad values", chance.choice(known), "")


def huge_numbers(text: str, chance: random.Random) -> Iterator[Mutation]:
    """Four hundred digits where a number stands."""
    for entry in entries(text):
        if entry.text.isdigit():
            new = chance.choice((NUMBER, f"0x{'f' * 300}", f"1e{NUMBER[:9]}", f"-{NUMBER}"))
            yield entry.of_value("huge numbers", new, "expected|go from|from 0")


def unknown_names(text: str, chance: random.Random) -> Iterator[Mutation]:
    """A $define that is not there, or one without its name."""
    for entry in entries(text):
        if isinstance(entry.value, yaml.ScalarNode) and entry.value.value.startswith("$"):
            name = entry.value.value
            new = chance.choice((f"{name}x", "$", "$$", name.upper(), f"${{{name[1:]}}}"))
            yield entry.of_value("unknown defines", new, "is not defined|without braces|expected")


MISSING: Final = {
    "version": ("version is missing", "top"),
    "action": ("a rule needs an action", "rule"),
    "mask": ("mask is missing", "here"),
    "value": ("value is missing", "here"),
    "rate": ("rate is missing", "here"),
    "expect": ("expect is missing", "rule"),
    "src": ("src is missing", "packet"),
    "dst": ("dst is missing", "packet"),
}


def missing(text: str, chance: random.Random) -> Iterator[Mutation]:
    """A key that has to be there is not; of mappings in one line."""
    del chance
    lines = text.split("\n")
    for entry in entries(text):
        words, scope = MISSING.get(entry.key.value, ("", ""))
        mark, end = entry.key.start_mark, entry.value.end_mark
        line = lines[mark.line]
        of_packet = entry.path[0] == "tests" and entry.path[-2:-1] in (("packet",),)
        logs = entry.key.value == "action" and "log:" in line  # which is enough for a rule
        if (
            logs
            or not words
            or "{" not in line
            or end.line != mark.line
            or (scope == "packet") != of_packet
        ):
            continue
        if entry.key.value == "mask" and entry.path[-2] in ("limit", "connections"):
            continue
        before, after = line[: mark.column], line[end.column :]
        if after.startswith(", "):
            old = line[mark.column : end.column + 2]
            column = mark.column + 1
        elif before.endswith(", "):
            old = line[mark.column - 2 : end.column]
            column = mark.column - 1
        else:
            continue
        yield Mutation("missing keys", mark.line + 1, column, old, "", mark.line + 1, words)


def twice(text: str, chance: random.Random) -> Iterator[Mutation]:
    """A key that stands there twice."""
    del chance
    for entry in entries(text):
        mark = entry.key.start_mark
        if "\n" in entry.text or not entry.text or entry.value.start_mark.line != mark.line:
            continue
        written = text[mark.index : entry.value.end_mark.index].rstrip()
        in_flow = text[: mark.index].rsplit("\n", 1)[-1].count("{") > 0
        between = ", " if in_flow else "\n" + " " * mark.column
        yield Mutation(
            "duplicate keys",
            mark.line + 1,
            mark.column + 1,
            written,
            written + between + written,
            mark.line + (1 if in_flow else 2),
            f"key '{entry.key.value}' stands here twice",
        )


def _line(number: int, text: str) -> str:
    return text.split("\n")[number - 1]


def tabs(text: str, chance: random.Random) -> Iterator[Mutation]:
    """A tab for the blanks before a line."""
    del chance
    for number, line in enumerate(text.split("\n"), 1):
        blanks = line[: len(line) - len(line.lstrip())]
        if blanks and line.strip():
            yield Mutation("tabs", number, 1, blanks, "\t", number, "a tab cannot indent YAML")


def indentation(text: str, chance: random.Random) -> Iterator[Mutation]:
    """A line moved by one blank; told there or, where it became part of a text, one line above."""
    for number, line in enumerate(text.split("\n"), 1):
        blanks = line[: len(line) - len(line.lstrip())]
        if blanks and line.strip():
            new = chance.choice((blanks + " ", blanks[1:]))
            yield Mutation("indentation", number, 1, blanks, new, number, "indentation|expected")


def lost(text: str, chance: random.Random) -> Iterator[Mutation]:
    """A quote, a bracket, a colon, a comma or the blank behind one of them that is lost."""
    del chance
    for number, line in enumerate(text.split("\n"), 1):
        for column, character in enumerate(line, 1):
            quoted = line[: column - 1].count('"') % 2 and character != '"'
            if quoted:
                continue
            if character in "[]{}\"':" or line[column - 1 : column + 1] in (", ", "- "):
                if line.lstrip().startswith("#"):
                    continue
                kind = (
                    "lost colons and blanks" if character in ":,-" else "lost quotes and brackets"
                )
                yield Mutation(kind, number, column, character, "", number, "")
                if line[column - 1 : column + 1] == ": ":
                    yield Mutation(kind, number, column, ": ", ":", number, "")


def extra(text: str, chance: random.Random) -> Iterator[Mutation]:
    """Brackets, quotes and YAML's special characters where they do not belong."""
    for entry in entries(text):
        if isinstance(entry.value, yaml.ScalarNode) and entry.text and "\n" not in entry.text:
            new = chance.choice(
                (
                    f"&a {entry.text}x: *b", f"*{entry.text.strip(chr(34))[:8]}",
                    f"!!str {entry.text}",
                    f"{entry.text}]", f"{entry.text}}}", f'"{entry.text}', f"'{entry.text}",
                    f"@{entry.text}", f"`{entry.text}`", f"%{entry.text}", f"{{{entry.text}",
                    f"[{entry.text}", f"{entry.text}: x", f"! {entry.text}",
                )
            )  # fmt: skip
            yield entry.of_value("characters of YAML", new, "")
        mark = entry.key.start_mark
        if isinstance(entry.value, yaml.ScalarNode) and entry.text:
            yield entry.of_key("merge keys", "<<", "merge keys|a key must|not YAML")
        del mark


def hidden(text: str, chance: random.Random) -> Iterator[Mutation]:
    """Characters that nobody sees, anywhere."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            column = chance.randrange(len(line)) + 1
            character = chance.choice("\0\x01\x1b\x7f\x85\u2028\u202e\u2066\ufeff\ufffe")
            yield Mutation("hidden characters", number, column, "", character, number, "invisible")


def garbage(text: str, chance: random.Random) -> Iterator[Mutation]:
    """Something behind the end."""
    last = text.count("\n")
    new = chance.choice(
        (
            "}\n", "]\n", "garbage\n", "- garbage\n", "--- \nversion: 1\n", "...\ngarbage\n",
            "garbage: 1\n", "%YAML 1.2\n", "\x1a\n", "version: 1\n", "<<<<<<< HEAD\n", "EOF\n",
            "=======\n", ">>>>>>> theirs\n", "@@ -1 +1 @@\n", "# vim\nx\n", "\tx: 1\n",
        )
    )  # fmt: skip
    told = last + 1 + (new.startswith(("---", "...", "#")) and new.index("\n") > 3 and 0)
    yield Mutation("garbage behind the end", last + 1, 1, "", new, told, "")


def cut(text: str, chance: random.Random) -> Iterator[Mutation]:
    """A file that ends in the middle of a line."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        written = line.partition("# ")[0].rstrip()
        if len(written.strip()) > 3:
            column = chance.randrange(len(line) - len(line.lstrip()) + 2, len(written) + 1)
            rest = "\n".join((line[column - 1 :], *lines[number:]))
            yield Mutation("truncated files", number, column, rest, "", ANYWHERE, "")


def deep(text: str, chance: random.Random) -> Iterator[Mutation]:
    """A hundred lists within each other, and more brackets than any stack takes."""
    for entry in entries(text):
        if entry.text and "\n" not in entry.text and chance.random() < 0.3:
            levels = chance.choice((33, 100, 20000))
            yield entry.of_value(
                "deep nesting", "[" * levels + "]" * levels, "nested deeper than 32"
            )


# Rules whose keys are right one by one, and what is told of them.
WRONG_CHAIN: Final[dict[str, dict[str, str]]] = {
    "raw/prerouting": {
        "{state: new, action: drop}": "state is not known in raw",
        "{connmark: 1, action: drop}": "connmark is not known in raw",
        "{label: 1, action: drop}": "label is not known in raw",
        "{zone: 1, action: drop}": "zone is not known in raw",
        "{direction: reply, action: drop}": "direction is not known in raw",
        "{status: assured, action: drop}": "status is not known in raw",
        "{age: 5-, action: drop}": "age is not known in raw",
        "{expires: 5-, action: drop}": "expires is not known in raw",
        "{packets: 5-, action: drop}": "packets is not known in raw",
        "{octets: 5-, action: drop}": "octets is not known in raw",
        "{original_src: 10.0.0.1, action: drop}": "original_src is not known in raw",
        "{reply_dport: 80, action: drop}": "reply_dport is not known in raw",
        "{not: {state: invalid}, action: drop}": "state is not known in raw",
        "{out: lan0, action: drop}": "out is not known in raw/prerouting",
        "{action: reject}": "reject is not possible in raw",
        "{action: {connmark: 1}}": "connmark is possible in filter only",
        "{action: {label: 1}}": "label is possible in filter only",
        "{action: [{zone: 1}, notrack]}": "zone says how to track what notrack leaves untracked",
        "{proto: udp, action: {helper: ftp}}": "the helper ftp reads tcp, but the rule matches udp",
        "{action: {helper: ftp}}": "the helper ftp reads tcp: add proto: tcp",
        "{action: {helper: h323}}": "h323 is Q.931 for tcp and RAS for udp",
        "{proto: tcp, action: {timeout: {udp_timeout: 5}}}": "udp_timeout is not for tcp",
    },
    "raw/output": {
        "{in: lan0, action: drop}": "in is not known in raw/output",
        "{helper: ftp, action: drop}": "helper is not known in raw",
        "{not: {in: lan0}, action: notrack}": "in is not known in raw/output",
    },
    "filter/input": {
        "{out: lan0, action: drop}": "out is not known in filter/input",
        "{not: {out: lan0}, action: drop}": "out is not known in filter/input",
        "{action: notrack}": "notrack is possible in raw only",
        "{action: {helper: ftp}}": "helper is possible in raw only",
        "{action: {zone: 1}}": "zone is possible in raw only",
        "{action: {timeout: {udp_timeout: 5}}}": "timeout is possible in raw only",
        "{action: [log, notrack]}": "notrack is possible in raw only",
    },
    "filter/output": {
        "{in: lan0, action: drop}": "in is not known in filter/output",
        "{in: lo, action: accept}": "in is not known in filter/output",
        "{action: {jump: output}}": "output is where packets come from",
        "{action: {jump: bad}}": "unknown chain 'bad'",
    },
}
EXCLUDED: Final[dict[str, str]] = {
    "{proto: udp, flags: syn, action: drop}": "flags matches only tcp",
    "{proto: [tcp, udp], tcp_flags: SYN SYN, action: drop}": "tcp_flags matches only tcp",
    "{proto: icmp, mss: 0-500, action: drop}": "mss matches only tcp",
    "{proto: tcp, icmp: 8, action: drop}": "icmp matches only icmp",
    "{icmp: 8, icmpv6: 128, action: drop}": "can never both match",
    "{icmp: 8, flags: syn, action: drop}": "can never both match",
    "{proto: icmp, dport: 22, action: drop}": "dport needs a protocol with ports",
    "{proto: [tcp, gre], sport: 22, action: drop}": "sport needs a protocol with ports",
    "{icmp: 8, dport: 22, action: drop}": "dport needs a protocol with ports",
    '{proto: icmp, src: "fd00::1", action: drop}': "the rule can never match",
    '{family: ipv4, src: "::1", action: drop}': "the rule can never match",
    '{src: 10.0.0.1, dst: "::1", action: drop}': "the rule can never match",
    "{icmpv6: 128, family: ipv4, action: drop}": "the rule can never match",
    "{ipv6_header: frag, src: 10.0.0.1, action: drop}": "the rule can never match",
    "{state: new, not: {state: [new, invalid]}, action: drop}": "takes away every state",
    "{proto: tcp, not: {proto: tcp}, action: drop}": "takes away tcp",
    "{not: {dport: 0-65535}, action: drop}": "never matches, for it leaves nothing",
    "{not: {mark: 0/0}, action: drop}": "never matches, for it leaves nothing",
    '{not: {src: [0.0.0.0/0, "::/0"]}, action: drop}': "never matches, for it leaves nothing",
    "{not: {length: 0-65535}, action: drop}": "never matches, for it leaves nothing",
    "{not: {ttl: 0-255}, action: drop}": "never matches, for it leaves nothing",
    "{not: {name: x}, action: drop}": "unknown key 'name' in not",
    "{not: {not: {src: 10.0.0.1}}, action: drop}": "unknown key 'not' in not",
    "{action: [accept, log]}": "nothing can follow after accept",
    "{action: [{reject: no-route}, {mark: 1}]}": "nothing can follow after reject",
    "{action: [{goto: services}, drop]}": "nothing can follow after goto|unknown chain",
    "{action: {mark: 1, label: 2}}": "expected an action with one key, found 2",
    "{log: true, action: [log, accept]}": "log stands here twice",
    "{proto: udp, action: {reject: tcp-reset}}": "reject with tcp-reset needs",
    "{action: {reject: tcp-reset}}": "reject with tcp-reset needs",
    "{log: false}": "a rule needs an action",
    "{action: {log: false}}": "log: nothing to do",
    "{limit: {rate: 1/second, max: 5}, action: drop}": "max says nothing without per",
    "{limit: {rate: 1/second, mask: 24}, action: drop}": "mask says nothing without per",
    "{contains: {from: 0, to: 2, text: long}, action: drop}": "never matches: what is looked for",
    "{contains: {from: 5, to: 9}, action: drop}": "nothing is looked for",
    "{payload: {at: 3}, action: drop}": "octets is missing",
    "{tcp_flags: {mask: syn, value: [syn, fin]}, action: drop}": "never matches: fin must be set",
    "{tcp_flags: SYN SYN FIN, action: drop}": "expected {mask: [...], value: [...]}",
    "{proto: icmp, contains: x, action: drop}": "is for tcp, udp and udplite",
    "{octets: {original: 1-, reply: 1-}, action: drop}": "expected",
    "{name: twins, action: log}\n{name: twins, action: drop}": "the name 'twins' is taken",
    "{action: accept}garbage": "not YAML",
    "{proto tcp, action: drop}": "unknown key 'proto tcp'",
    "{src: 10.0.0.1 dst: 10.0.0.2, action: drop}": "not YAML|expected",
    "action: drop, src: 10.0.0.1": "not YAML",
    "accept": "expected a rule as a mapping",
    "": "expected a rule as a mapping",
    "[]": "expected a rule as a mapping",
    "{}": "a rule needs an action",
}
CYCLES: Final[dict[str, dict[str, str]]] = {
    "define": {
        "  a: $a\n": "contains itself",
        "  a: [$b]\n  b: [10.0.0.1, $a]\n": "contains itself",
        "  a: [$b]\n  b: [$c]\n  c: [$a]\n": "contains itself",
        "  a: $nowhere\n": "is not defined",
        "  1a: x\n": "cannot be a name",
        "  a b: x\n": "cannot be a name",
        "  $a: x\n": "cannot be a name",
        "  a: {b: c}\n": "expected a text or a list of texts",
        "  a: [[b]]\n": "expected a text or a list of texts",
        "  a:\n": "expected a text or a list of texts",
        "  a: []\n": "expected a text or a list of texts",
        "".join(f"  d{n}: $d{n + 1}\n" for n in range(17)) + "  d17: x\n": "nests more than 16",
    },
    "filter/chains": {
        "    a: [{action: {jump: a}}]\n": "circle",
        "    a: [{action: {jump: b}}]\n    b: [{action: {goto: a}}]\n": "circle",
        "    a: [{action: {jump: b}}]\n    b: [{proto: tcp, action: {jump: c}}]\n"
        "    c: [{action: {jump: a}}]\n": "circle",
        "    a b: [{action: drop}]\n": "expected a chain's name",
        "    a/b: [{action: drop}]\n": "expected a chain's name",
        "    input: [{action: drop}]\n": "the chain 'input' is there already",
        "    a: {action: drop}\n": "expected a list of rules",
        "    a: drop\n": "expected a list of rules",
        "    a: [{action: {jump: nowhere}}]\n": "unknown chain 'nowhere'",
        "    a: [{action: {jump: }}]\n": "jump: expected a chain's name",
        "    a: [{action: drop}]\n    b: [{action: {jmp: a}}]\n": "unknown key 'jmp'",
    },
    "raw/chains": {
        "    a: [{action: {goto: a}}]\n": "circle",
        "    a: [{action: {jump: services}}]\n": "unknown chain 'services'",
        "    a: [{state: new, action: drop}]\n": "state is not known in raw",
    },
}


def _inserted(
    text: str, kind: str, place: str, lines: str, words: str, told: int = 0
) -> Mutation | None:
    """Lines put in front of the first that stands at a place ("filter/chains")."""
    for entry in entries(text):
        if "/".join(entry.path) in (place, f"{place}/rules") and entry.text.startswith(
            ("- ", *(("",) if place.endswith("chains") or place == "define" else ()))
        ):
            line = entry.value.start_mark.line + 1
            count = lines.count("\n")
            return Mutation(kind, line, 1, "", lines, told or (line if count == 1 else 0), words)
    return None


def rules(text: str, chance: random.Random) -> Iterator[Mutation]:
    """Whole rules, defines and chains that cannot be."""
    del chance
    for chain, wrong in (*WRONG_CHAIN.items(), ("filter/forward", EXCLUDED)):
        kind = "keys that exclude each other" if wrong is EXCLUDED else "wrong chains"
        blanks = "    " if chain.startswith("raw") else "      "
        for rule, words in wrong.items():
            lines = "".join(f"{blanks}- {part}\n" for part in rule.split("\n"))
            found = _inserted(text, kind, chain, lines, words)
            if found is not None:
                yield found
    for place, pieces in CYCLES.items():
        for lines, words in pieces.items():
            found = _inserted(text, "defines and chains", place, lines, words)
            if found is not None:
                yield found


KINDS: Final[tuple[Callable[[str, random.Random], Iterator[Mutation]], ...]] = (
    misspelt,
    other_case,
    foreign,
    wrong_types,
    bad_values,
    huge_numbers,
    unknown_names,
    missing,
    twice,
    tabs,
    indentation,
    lost,
    extra,
    hidden,
    garbage,
    cut,
    deep,
    rules,
)
