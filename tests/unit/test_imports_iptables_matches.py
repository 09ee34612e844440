"""Matches of iptables as conditions of ours, those that look beyond a packet's headers."""

from __future__ import annotations

import pytest

from tests.unit.test_imports_iptables import imported, rule_of

_ABOVE = "-m hashlimit --hashlimit-above"
_UPTO = "-m hashlimit --hashlimit-upto"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("-m conntrack --ctdir REPLY -j DROP",
         "{family: ipv4, direction: reply, action: drop}"),
        ("-m conntrack ! --ctstatus ASSURED,EXPECTED -j DROP",
         "{family: ipv4, not: {status: [assured, expected]}, action: drop}"),
        ("-m conntrack --ctstatus NONE --ctstate NEW,INVALID -j DROP",
         "{family: ipv4, state: invalid, action: drop}"),
        ("-m conntrack ! --ctstatus NONE -j DROP",
         "{family: ipv4, not: {state: [invalid, untracked]}, action: drop}"),
        ("-m conntrack --ctorigsrc 10.0.0.0/8 -j DROP",
         "{family: ipv4, original_src: 10.0.0.0/8, action: drop}"),
        ("-m conntrack ! --ctreplsrcport 80 --ctproto 6 -j DROP",
         "{family: ipv4, connection_proto: tcp, not: {reply_sport: 80}, action: drop}"),
        ("-m conntrack --ctstatus CONFIRMED --ctexpire 10:60 -j DROP",
         "{family: ipv4, status: confirmed, expires: 10-60, action: drop}"),
        ("-m connbytes ! --connbytes 10:20 --connbytes-mode bytes --connbytes-dir reply -j DROP",
         "{family: ipv4, not: {octets: {reply: 10-20}}, action: drop}"),
        ("-m connbytes --connbytes 10 --connbytes-mode packets --connbytes-dir both -j DROP",
         "{family: ipv4, packets: 10-, action: drop}"),
        ("-m helper --helper ftp -j ACCEPT", "{family: ipv4, helper: ftp, action: accept}"),
        (f"{_ABOVE} 9/sec --hashlimit-mode srcip --hashlimit-srcmask 8 -j LOG",
         "{family: ipv4, limit: {rate: 9/second, burst: 5, per: src, mask: 8, over: true}, log: true}"),  # noqa: E501
        ("-m quota ! --quota 5000 -j DROP", "{family: ipv4, not: {quota: 5000}, action: drop}"),
        ("-m statistic --mode nth --every 3 --packet 0 -j DROP",
         "{family: ipv4, every: 3, action: drop}"),
        ("-m statistic --mode random --probability 0.25000000000 -j DROP",
         "{family: ipv4, probability: 0.25, action: drop}"),
        ('-p udp -m u32 --u32 "0x0>>0x16&0x3c@0x8>>0x10=0x4745" -j DROP',
         '{family: ipv4, proto: udp, payload: {at: 0, octets: "47 45"}, action: drop}'),
        ('-p tcp -m u32 ! --u32 "0x0>>0x16&0x3c@0xc>>0x1a&0x3c@4&0xffff=0x4745" -j DROP',
         '{family: ipv4, proto: tcp, not: {payload: {at: 6, octets: "47 45"}}, action: drop}'),
        ("-m mac ! --mac-source 00:16:3E:5A:00:01 -j DROP",
         '{family: ipv4, not: {source_mac: "00:16:3e:5a:00:01"}, action: drop}'),
        ("-m time --timestart 08:00:00 --timestop 18:30:00 --weekdays Mon,Fri -j DROP",
         '{family: ipv4, time: {from: "08:00:00", to: "18:30:00", weekdays: [mon, fri]}, action: drop}'),  # noqa: E501
        ("-m time --timestart 22:00 --timestop 06:00:00 -j DROP",
         '{family: ipv4, time: {from: "22:00:00", to: "06:00:00", contiguous: false}, action: drop}'),  # noqa: E501
        ("-m time ! --weekdays 1,2,Wed,4,5 -j DROP",
         "{family: ipv4, time: {weekdays: [sat, sun]}, action: drop}"),
        ("-m time --timestart 22:00:00 --contiguous --monthdays 1 -j DROP",
         '{family: ipv4, time: {from: "22:00:00", monthdays: 1}, action: drop}'),
        ("-m time --datestart 2026-01-01T00:00:00 --datestop 2026-02-01 -j DROP",
         '{family: ipv4, time: {date_from: "2026-01-01 00:00:00", date_to: "2026-02-01 00:00:00"}, action: drop}'),  # noqa: E501
        ("-m addrtype --dst-type LOCAL,MULTICAST ! --src-type UNICAST -j DROP",
         "{family: ipv4, dst_type: [local, multicast], not: {src_type: unicast}, action: drop}"),
        ("-m rpfilter --loose -j ACCEPT", "{family: ipv4, reverse_path: loose, action: accept}"),
        ("-m rpfilter --accept-local --invert -j DROP",
         "{family: ipv4, not: {reverse_path: {mode: strict, accept_local: true}}, action: drop}"),
        ("-m connlimit --connlimit-above 3 --connlimit-mask 24 --connlimit-saddr -j DROP",
         "{family: ipv4, connections: {over: 3, mask: 24}, action: drop}"),
        ("-m connlimit --connlimit-upto 3 --connlimit-mask 32 --connlimit-daddr -j DROP",
         "{family: ipv4, connections: {up_to: 3, per: dst}, action: drop}"),
        ("-m time --timestart 08:00:00 --weekdays Mon --datestop 2038-01-19T03:14:07 -j LOG",
         '{family: ipv4, time: {from: "08:00:00", weekdays: mon}, log: true}'),
        ("-m addrtype ! --dst-type LOCAL,BROADCAST -j DROP",
         "{family: ipv4, not: {dst_type: [local, broadcast]}, action: drop}"),
        ("-m rpfilter --loose --invert -j DROP",
         "{family: ipv4, not: {reverse_path: loose}, action: drop}"),
        ("-j MARK --set-xmark 0x3/0x0", '{family: ipv4, action: {mark: {xor: 0x3}}}'),
        ("-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff",
         "{family: ipv4, action: {connmark: save}}"),
        ("-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xf",
         "{family: ipv4, action: {connmark: {restore: {nfmask: 0xff, ctmask: 0xf}}}}"),
        ("-m nfacct --nfacct-name web -j ACCEPT",
         "{family: ipv4, action: [{count: web}, accept]}"),
        ("-p tcp -m tcpmss --mss 0:535 -j DROP",
         "{family: ipv4, proto: tcp, mss: 0-535, action: drop}"),
    ],
)  # fmt: skip
def test_a_match_goes_over(theirs: str, ours: str) -> None:
    assert rule_of(theirs) == ours


def test_lists_of_addresses_seen_of_late_go_over() -> None:
    rules, left = imported(
        "-m recent --update --seconds 30 --hitcount 6 --name x --mask 255.255.255.0 -j DROP",
        "-p tcp -m recent --set --name x --mask 255.255.255.0 --rsource -j ACCEPT",
    )
    asked = "{list: x, mask: 24, within: 30, hits: 6, update: true}"
    assert not left
    assert rules == [
        f"{{family: ipv4, recent: {asked}, action: drop}}",
        "{family: ipv4, proto: tcp, action: [{recent_set: {list: x, mask: 24}}, accept]}",
    ]


def test_what_is_asked_behind_a_note_is_told() -> None:
    _, left = imported("-m recent --set --name x -m limit --limit 3/min -j ACCEPT")
    assert left == ["what is asked behind it is asked before it here"]


def test_an_ipv6_header_goes_over() -> None:
    assert rule_of("-m ipv6header --header frag --soft -j DROP", 6) == (
        "{ipv6_header: frag, action: drop}"
    )


def test_what_one_rule_cannot_ask_twice_two_do() -> None:
    rules, left = imported(
        "-m conntrack --ctstatus ASSURED -m conntrack --ctstatus EXPECTED -j ACCEPT"
    )
    assert not left
    assert rules == [
        "{family: ipv4, status: assured, action: {jump: line-5}}",
        "{family: ipv4, status: expected, action: accept}",
    ]


@pytest.mark.parametrize(
    ("rule", "ours", "reason"),
    [
        (
            '-p udp -m string --string "GET " --algo bm --from 30 -j DROP',
            '{family: ipv4, proto: udp, contains: {text: "GET ", from: 2}, action: drop}',
            "not in the headers",
        ),
        (
            '-p tcp -m string --hex-string "a|01 02|" --algo kmp --to 50 -j DROP',
            '{family: ipv4, proto: tcp, contains: {octets: "61 01 02", to: 10}, action: drop}',
            "not in the headers",
        ),
        (
            '-p udp -m u32 --u32 "0x1c&0xff=0x20" -j DROP',
            '{family: ipv4, proto: udp, payload: {at: 3, octets: "20"}, action: drop}',
            "counted from the payload",
        ),
        (
            f"{_UPTO} 1/min --hashlimit-burst 6 --hashlimit-mode srcip,dstport -j DROP",
            "{family: ipv4, limit: {rate: 1/minute, burst: 6, per: [src, dport]}, action: drop}",
            "forgets who sends nothing for 60 s",
        ),
        (
            "-m pkttype --pkt-type broadcast -j DROP",
            "{family: ipv4, packet_type: broadcast, action: drop}",
            "told by the destination",
        ),
        (
            "-m conntrack --ctexpire 10: -j DROP",
            "{family: ipv4, expires: 10-, action: drop}",
            "no time that is left",
        ),
        (
            "-m conntrack --ctorigdstport 80 -j DROP",
            "{family: ipv4, original_dport: 80, action: drop}",
            "numbers of ICMP",
        ),
    ],
)
def test_what_is_not_quite_the_same_goes_over_and_is_told(
    rule: str, ours: str, reason: str
) -> None:
    rules, left = imported(rule)
    assert rules == [ours]
    assert len(left) == 1
    assert reason in left[0]


def test_rules_that_count_together_are_told() -> None:
    limit = "-m hashlimit --hashlimit-upto 10/sec --hashlimit-mode srcip --hashlimit-name x -j DROP"
    rules, left = imported(f"-p tcp {limit}", f"-p udp {limit}")
    assert len(rules) == 2
    assert left == ["rules that count together as x count each by itself"] * 2
