"""Conditions of rules before both judges: an iptables rule and ours, asked about the same packet.

Every pair is a rule in mangle PREROUTING, where the kernel's tracking has seen the packet, that
says through NFLOG that it was met; and one of ours, read from the text that a rule file has, whose
hits are counted. A match of iptables may drop a packet that is too short for it (hotdrop): such
pairs come last, and where one drops, nothing behind the last rule that was met is compared.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from firewalld_py.packet.extensions import header_size
from firewalld_py.packet.protocols import EXTENSION_HEADERS, IPPROTO_AH, IPV6_HEADER
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.load import parse_rules
from firewalld_py.rules.build import build_ruleset
from tests.differential.describe import is_fragment
from tests.differential.kernel import LOG_MESSAGE, KernelJudge, run
from tests.differential.netlink import log_prefix, open_log
from tests.differential.ours import DROP_MARK, OurJudge
from tests.plans import plan, rule, template

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Mapping

    from firewalld_py.conntrack.connection import Connection
    from firewalld_py.rules.machine import Machine
    from firewalld_py.rules.ruleset import Ruleset
    from tests.differential.sequence import Sequence

LOG_GROUP: Final = 7
BEGIN, END = "begin", "end"
# Both sides read FTP.
_FTP: Final = "*raw\n-A PREROUTING -p tcp --dport 21 -j CT --helper ftp\nCOMMIT"
_OUR_FTP: Final = rule(
    "continue", ("proto", [6]), ("dport", [[21, 21]]), template=template(helper="ftp")
)


class Pair(NamedTuple):
    """One condition: iptables' words for IPv4 and IPv6, "" where it has none, and ours in YAML.

    One that `acts` has its target with it, on both sides, and is not compared itself.
    """

    v4: str
    v6: str
    ours: str
    acts: bool = False


def both(words: str, ours: str) -> Pair:
    """A pair whose words are the same for both families."""
    return Pair(words, words, ours)


def negated(pair: Pair) -> Pair:
    """The inverse: `!` before the last option of iptables' words, ours under `not:`."""
    words = [_inverse(text) for text in (pair.v4, pair.v6)]
    return Pair(words[0], words[1], f"not: {{{pair.ours}}}")


def _inverse(words: str) -> str:
    before, _, option = words.rpartition(" --")
    return f"{before} ! --{option}" if option else ""


@dataclass(slots=True)
class Matched:
    """What came of it. `met` counts by pair how often both met it; `wrong` are disagreements.

    `kernels` and `ours` count how often each met a pair.
    """

    packets: int = 0
    met: dict[int, int] = field(default_factory=dict)
    kernels: dict[int, int] = field(default_factory=dict)
    ours: dict[int, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


class MatchingJudges:
    """Both sides with the same pairs. Use it as a context."""

    def __init__(
        self,
        pairs: list[Pair],
        dropping: list[Pair] | None = None,
        heading: str = "",
        prepare: Callable[[], None] | None = None,
        before_each: Callable[[], None] | None = None,
    ) -> None:
        """`dropping` are the pairs whose match may drop a packet.

        `heading` stands before our rules; `prepare` is called in the kernel's namespace before its
        rules are made, `before_each` before each packet.
        """
        self.pairs = [*pairs, *(dropping or ())]
        self._before_each = before_each
        self._sure = len(pairs)
        self._prepare = prepare
        self.ruleset = our_rules(self.pairs, heading=heading)
        self._kernel = KernelJudge(self._set_up)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._log.close()
        self._kernel.close()

    def compare(
        self,
        sequence: Sequence,
        matched: Matched,
        wanted: Callable[[Connection | None], bool] = lambda _: True,
    ) -> None:
        """Send a sequence through both, each with an empty table.

        Only packets are compared whose connection is `wanted`.
        """
        self._kernel.flush()
        self._kernel.use(sequence.switches)
        ours = _CountingJudge(sequence.switches, self.ruleset)
        for place, sent in enumerate(sequence.packets):
            if self._before_each is not None:
                self._before_each()
            _, forwarded = self._kernel.judge(sent.data)
            said = self._said()
            if BEGIN not in said and not is_fragment(sent.data):
                continue
            accept = forwarded or BEGIN not in said
            ours.judge(sent.data, time.monotonic(), accept=accept)
            met = ours.met()
            if not wanted(ours.connection()):
                continue
            matched.packets += 1
            kernel = {int(word) for word in said if word.isdecimal()}
            asked = self._asked(sent.data, said, kernel)
            for number in sorted((kernel ^ met) & asked):
                matched.wrong.append(
                    f"{sequence.name}, packet {place} ({sent.note}): {self.pairs[number].ours}: "
                    f"kernel {number in kernel}, ours {number in met}: {sent.data.hex()}"
                )
            for counts, numbers in (
                (matched.met, kernel & met),
                (matched.kernels, kernel),
                (matched.ours, met),
            ):
                for number in numbers:
                    counts[number] = counts.get(number, 0) + 1
        ours.flush()

    def _asked(self, data: bytes, said: list[str], kernel: set[int]) -> set[int]:
        """The pairs that the kernel was asked for about a packet."""
        version = data[0] >> 4
        end = len(self.pairs)
        if END not in said:
            end = max([self._sure, *(number + 1 for number in kernel)])
        if version == 6 and has_ah(data):
            # To nftables, which is behind iptables here, such a packet's protocol is AH, not what
            # AH covers (nft_set_pktinfo_ipv6(): IP6_FH_F_AUTH); ip6_tables and tracking look on.
            end = self._sure
        return {
            number
            for number, pair in enumerate(self.pairs[:end])
            if not pair.acts and (pair.v4 if version == 4 else pair.v6)
        }

    def _said(self) -> list[str]:
        """The prefixes of all rules that the last packet met."""
        prefixes: list[str] = []
        while True:
            try:
                prefixes.append(log_prefix(self._log.recv(LOG_MESSAGE)).decode())
            except BlockingIOError:
                return prefixes

    def _set_up(self) -> None:
        if self._prepare is not None:
            self._prepare()
        for command, words in (
            ("iptables-restore", [pair.v4 for pair in self.pairs]),
            ("ip6tables-restore", [pair.v6 for pair in self.pairs]),
        ):
            rules = [_telling("", BEGIN)]
            for number, (text, pair) in enumerate(zip(words, self.pairs, strict=True)):
                if text:
                    rules.append(text if pair.acts else _telling(text, str(number)))
            lines = [f"-A PREROUTING {rule}" for rule in (*rules, _telling("", END))]
            run([command], "\n".join([_FTP, "*mangle", *lines, "COMMIT", ""]))
        self._log: socket.socket = open_log(LOG_GROUP)


def _telling(words: str, prefix: str) -> str:
    return f"{words} -j NFLOG --nflog-group {LOG_GROUP} --nflog-prefix {prefix}"


def has_ah(data: bytes) -> bool:
    """Whether an AH header stands before what an IPv6 packet carries."""
    kind, at = data[6], IPV6_HEADER
    while kind in EXTENSION_HEADERS and at + 2 <= len(data):
        if kind == IPPROTO_AH:
            return True
        size = header_size(kind, data, at)
        kind, at = data[at], at + size
    return kind == IPPROTO_AH


class _CountingJudge(OurJudge):
    """Ours, which tells which of its rules a packet met."""

    def __init__(self, switches: Mapping[str, int], ruleset: Ruleset) -> None:
        super().__init__(switches, ruleset)
        self._rules = ruleset.filter_forward.rules[:-1]
        self._hits = [rule.hits for rule in self._rules]

    def flush(self) -> None:
        """Forget all connections."""
        table = self._conntrack.table
        for connection in table.connections():
            table.remove(connection)

    def met(self) -> set[int]:
        """The numbers of the rules that the last packet met."""
        before, self._hits = self._hits, [rule.hits for rule in self._rules]
        return {number for number, hits in enumerate(self._hits) if hits != before[number]}


def our_rules(pairs: Iterable[Pair], machine: Machine | None = None, heading: str = "") -> Ruleset:
    """A rule for each pair that lets packets go on, and at the end the one for DROP_MARK."""
    lines = ["version: 1", heading, "filter:", "  forward:", "    rules:"]
    lines += [f"      - {{{pair.ours}{'' if pair.acts else ', action: drop'}}}" for pair in pairs]
    policy, problems = parse_rules("\n".join([*lines, ""]), "pairs")
    assert policy is not None, "\n".join(str(problem) for problem in problems)
    made = compile_policy(policy, Config())
    going_on = [{**one, "verdict": "continue"} for one in made["filter"]["forward"]["rules"]]
    dropped = rule("drop", ("mark", [[DROP_MARK, 0xFFFFFFFF]]))
    whole = plan([*going_on, dropped], prerouting=[_OUR_FTP], sets=made.get("sets"))
    return build_ruleset(whole, machine)
