"""Random conditions of iptables rules, each with one of a few values that packets tell apart."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

PORTS: Final = (21, 22, 53, 80, 443, 1024, 40000)
NETWORKS: Final = {
    4: ("10.1.0.1", "10.1.0.0/30", "10.1.0.0/24", "198.51.100.0/24", "10.1.0.2/255.255.255.250"),
    6: ("fd00:1::1", "fd00:1::/126", "fd00:1::/32", "fd00:2::/32"),
}
RANGES: Final = {
    4: ("10.1.0.2-10.1.0.6", "198.51.100.0-198.51.100.8"),
    6: ("fd00:1::2-fd00:1::6", "fd00:2::-fd00:2::8"),
}
FLAGS: Final = ("SYN,ACK SYN", "ALL NONE", "FIN,SYN FIN,SYN", "RST RST", "ALL SYN,ACK")
STATES: Final = ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED")
# The sets that there are, for ipset; rules change the last four.
SETS: Final = """
create static4 hash:net family inet
add static4 10.1.0.0/30
add static4 198.51.100.9
create static6 hash:net family inet6
add static6 fd00:1::/126
create pairs4 hash:ip,port family inet
add pairs4 10.1.0.1,tcp:22
add pairs4 10.1.0.2,udp:53
add pairs4 198.51.100.1,icmp:8/0
create pairs6 hash:ip,port family inet6
add pairs6 fd00:1::1,tcp:80
add pairs6 fd00:2::1,udp:443
create changed4 hash:ip family inet timeout 3600
create changed6 hash:ip family inet6 timeout 3600
create changed4p hash:ip,port family inet
create changed6p hash:ip,port family inet6
"""
STATUSES: Final = ("NONE", "SEEN_REPLY", "ASSURED,EXPECTED", "CONFIRMED")
MARKS: Final = ("0x1", "0x2", "0x1/0x1", "0x2/0x3", "0x0/0x1", "0x10/0xf0")
_NAMES: Final = count(1)


class Matches:
    """Conditions for rules of one family."""

    def __init__(self, rng: Random, family: int) -> None:
        self.rng = rng
        self.family = family
        self.list = f"l{next(_NAMES)}"  # of addresses seen of late

    def maybe_not(self) -> str:
        return "! " if self.rng.random() < 0.25 else ""

    def interface(self) -> str:
        option, names = self.rng.choice(
            (("-i", ("judge-in", "judge+", "lan0")), ("-i", ("lan+", "judge-i+")))
        )
        return f"{self.maybe_not()}{option} {self.rng.choice(names)}"

    def address(self) -> str:
        option = self.rng.choice(("-s", "-d"))
        return f"{self.maybe_not()}{option} {self.rng.choice(NETWORKS[self.family])}"

    def range(self) -> str:
        option = self.rng.choice(("--src-range", "--dst-range"))
        return f"-m iprange {self.maybe_not()}{option} {self.rng.choice(RANGES[self.family])}"

    def mark(self) -> str:
        return f"-m mark {self.maybe_not()}--mark {self.rng.choice(MARKS)}"

    def connmark(self) -> str:
        return f"-m connmark {self.maybe_not()}--mark {self.rng.choice(MARKS)}"

    def label(self) -> str:
        return f"-m connlabel {self.maybe_not()}--label {self.rng.choice((5, 127))}"

    def comment(self) -> str:
        return self.rng.choice(
            ('-m comment --comment "it\'s \\"so\\": x"', "-m comment --comment a")
        )

    def length(self) -> str:
        return (
            f"-m length {self.maybe_not()}--length {self.rng.choice(('0:40', '41:', '48', '60'))}"
        )

    def hops(self) -> str:
        module, option = ("ttl", "--ttl-") if self.family == 4 else ("hl", "--hl-")
        how = self.rng.choice(("! {}eq 63", "{}eq 63", "{}lt 63", "{}gt 4"))
        return f"-m {module} {how.format(option)}"

    def dscp(self) -> str:
        return f"-m dscp {self.maybe_not()}--dscp {self.rng.choice(('0x00', '0x2e'))}"

    def tos(self) -> str:
        octet = self.rng.choice(("0x10/0x3f", "0xb8/0xff", "0x00/0x01"))
        return f"-m tos {self.maybe_not()}--tos {octet}"

    def connection(self) -> str:
        """One or two of conntrack's options, perhaps with a state."""
        port = "-m conntrack --ctproto tcp"
        kinds = [
            f"--ctdir {self.rng.choice(('ORIGINAL', 'REPLY'))}",
            f"--ctstatus {self.rng.choice(STATUSES)}",
            f"--ctproto {self.rng.choice(('tcp', 'udp', '1', '58'))}",
            f"--ctorigsrc {self.rng.choice(NETWORKS[self.family][:4])}",
            f"--ctreplsrc {self.rng.choice(NETWORKS[self.family][:4])}",
            f"--ctorigdst {self.rng.choice(NETWORKS[self.family][:4])}",
        ]
        chosen = self.rng.sample(kinds, self.rng.choice((1, 1, 2)))
        asked = [("" if "ctdir" in one else self.maybe_not()) + one for one in chosen]
        if self.rng.random() < 0.3:
            asked.append(f"{self.maybe_not()}--ctstate {self.rng.choice(STATES)}")
        words = " ".join(["-m conntrack", *asked])
        if self.rng.random() < 0.3:
            end = self.rng.choice(("origsrcport", "origdstport", "replsrcport"))
            words += f" {port} {self.maybe_not()}--ct{end} {self.rng.choice(('22', '1024:65535'))}"
        if self.rng.random() < 0.2:  # times are 10 s and 30 s, 60 s and more
            words += " -m conntrack --ctstatus CONFIRMED --ctexpire " + self.rng.choice(
                ("0:45", "80:1000")
            )
        return words

    def count(self) -> str:
        kind, ranges = self.rng.choice(
            (("packets", ("1:2", "2:3", "4:")), ("bytes", ("40:80", "100:")))
        )
        direction = self.rng.choice(("original", "reply", "both"))
        return (
            f"-m connbytes {self.maybe_not()}--connbytes {self.rng.choice(ranges)} "
            f"--connbytes-mode {kind} --connbytes-dir {direction}"
        )

    def helper(self) -> str:
        return f"-m helper {self.maybe_not()}--helper {self.rng.choice(('ftp', 'tftp'))}"

    def option(self) -> str:
        return f"-m tcp {self.maybe_not()}--tcp-option {self.rng.choice((2, 8))}"

    def segment_size(self) -> str:
        return (
            f"-m tcpmss {self.maybe_not()}--mss {self.rng.choice(('1460', '0:535', '536:65535'))}"
        )

    def header(self) -> str:
        return f"-m ipv6header {self.maybe_not()}--header hop-by-hop --soft"

    def word(self, protocol: str) -> str:
        """Letters that stand in no header."""
        at = {"udp": 28, "tcp": 40}[protocol] + (20 if self.family == 6 else 0)
        pattern = self.rng.choice(('--string "GET "', '--hex-string "|474554|"', "--string quux"))
        where = self.rng.choice(("", f"--from {at} ", f"--from {at + 1} ", f"--to {at + 4} "))
        return f"-m string {self.maybe_not()}{pattern} --algo bm {where}"

    def octets(self, protocol: str) -> str:
        word = self.rng.choice(("=0x47455420", "&0xffff0000=0x47450000", ">>24=0x47", "&0xff=0x20"))
        plain = {"udp": 28, "tcp": 40}[protocol] + (20 if self.family == 6 else 0)
        ways = [f"{plain}{word}"]
        if self.family == 4:
            ways.append({"udp": "0>>22&0x3C@8", "tcp": "0>>22&0x3C@12>>26&0x3C@0"}[protocol] + word)
        return f'-m u32 {self.maybe_not()}--u32 "{self.rng.choice(ways)}"'

    def hashlimit(self) -> str:
        """Each has a name of its own: a table outlives its rules for a while."""
        how = self.rng.choice(("upto", "above"))
        mode = self.rng.choice(("srcip", "dstip,dstport", "srcip,dstip", "srcport"))
        words = (
            f"-m hashlimit --hashlimit-{how} 1/hour --hashlimit-burst {self.rng.choice((1, 3))} "
        )
        if mode == "srcip" and self.rng.random() < 0.5:
            words += f"--hashlimit-srcmask {24 if self.family == 4 else 64} "
        return f"{words}--hashlimit-mode {mode} --hashlimit-name h{next(_NAMES)}"

    def link(self) -> str:
        """What comes by a TUN device has no Ethernet address, and is for this host."""
        if self.rng.random() < 0.5:
            return f"-m mac {self.maybe_not()}--mac-source 00:16:3e:5a:00:01"
        return (
            f"-m pkttype {self.maybe_not()}--pkt-type {self.rng.choice(('unicast', 'multicast'))}"
        )

    def in_set(self) -> str:
        """One of SETS, or of those that rules change."""
        name, sides = self.rng.choice(
            (("static", "src"), ("static", "dst"), ("pairs", "src,dst"), ("changed", "src"),
             ("changed-pairs", "dst,dst"))
        )  # fmt: skip
        name = name.replace("-pairs", f"{self.family}p") if "-" in name else f"{name}{self.family}"
        return f"-m set {self.maybe_not()}--match-set {name} {sides}"

    def recent(self) -> str:
        how = self.rng.choice(("rcheck", "update", "remove", "update --hitcount 2"))
        side = self.rng.choice(("--rsource", "--rsource", "--rdest"))
        mask = "255.255.255.255" if self.family == 4 else "ffff:" * 7 + "ffff"
        return f"-m recent {self.maybe_not()}--{how} --name {self.list} --mask {mask} {side}"

    def note(self) -> str:
        return f"-m recent --set --name {self.list}"

    def quota(self) -> str:
        return f"-m quota {self.maybe_not()}--quota {self.rng.choice((100, 500))}"

    def every(self) -> str:
        every = self.rng.choice((2, 3))
        return f"-m statistic --mode nth {self.maybe_not()}--every {every} --packet 0"

    def few(self) -> str:
        return "-m limit --limit 1/day --limit-burst 4"

    def state(self) -> str:
        names = ",".join(self.rng.sample(STATES, self.rng.randrange(1, 4)))
        return f"-m conntrack {self.maybe_not()}--ctstate {names}"

    def port(self) -> str:
        low, high = sorted(self.rng.sample(PORTS, 2))
        text = self.rng.choice((str(low), str(low), f"{low}:{high}", f":{low}", f"{high}:"))
        return f"{self.maybe_not()}{self.rng.choice(('--sport', '--dport'))} {text}"

    def ports(self) -> str:
        option = self.rng.choice(("--sports", "--dports", "--ports"))
        text = self.rng.choice(("22,80", "53", "21:53,443", "1024:65535"))
        return f"-m multiport {self.maybe_not()}{option} {text}"

    def flags(self) -> str:
        if self.rng.random() < 0.4:
            return f"-m tcp {self.maybe_not()}--syn"
        return f"-m tcp {self.maybe_not()}--tcp-flags {self.rng.choice(FLAGS)}"

    def icmp(self) -> str:
        if self.family == 4:
            kinds, option = ("8", "0", "3", "3/4", "echo-request", "11/0"), "--icmp-type"
            return f"-m icmp {self.maybe_not()}{option} {self.rng.choice(kinds)}"
        kind = self.rng.choice(("128", "129", "1", "1/4", "echo-request", "2"))
        return f"-m icmp6 {self.maybe_not()}--icmpv6-type {kind}"
