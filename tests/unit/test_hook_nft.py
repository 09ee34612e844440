"""The nft script, and what is read back from nft's listing."""

from __future__ import annotations

from firewalld_py.service.hook_base import HookSpec
from firewalld_py.service.hook_nft import install_script, parse_listing

WHOLE = """\
add table inet firewalld_py
flush table inet firewalld_py
add chain inet firewalld_py forward { type filter hook forward priority filter + 10; policy accept; }
add rule inet firewalld_py forward counter queue num 3 comment "firewalld-py"
add chain inet firewalld_py input { type filter hook input priority filter + 10; policy accept; }
add rule inet firewalld_py input iifname != "lo" counter queue num 3 comment "firewalld-py"
add chain inet firewalld_py output { type filter hook output priority filter + 10; policy accept; }
add rule inet firewalld_py output meta mark & 0x4000000 == 0x4000000 counter accept comment "firewalld-py"
add rule inet firewalld_py output oifname != "lo" counter queue num 3 comment "firewalld-py"
"""  # noqa: E501

BARE = """\
add table inet firewalld_py
flush table inet firewalld_py
add chain inet firewalld_py output { type filter hook output priority filter + 10; policy accept; }
add rule inet firewalld_py output counter queue num 3-6 bypass comment "firewalld-py"
"""

# As nft 1.0.6 prints a table with queue rules; older ones print `queue num 3 bypass`.
LISTING = """\
table inet firewalld_py {
	chain forward {
		type filter hook forward priority filter + 10; policy accept;
		counter packets 12 bytes 1008 queue to 3 comment "firewalld-py"
	}

	chain input {
		type filter hook input priority filter + 10; policy accept;
		iifname != "lo" counter packets 5 bytes 300 queue flags bypass to 3-6 comment "firewalld-py"
	}

	chain output {
		type filter hook output priority filter + 10; policy accept;
		meta mark & 0x04000000 == 0x04000000 counter packets 2 bytes 80 accept comment "firewalld-py"
		oifname != "lo" counter packets 7 bytes 420 queue num 3 bypass comment "firewalld-py"
	}
}
"""  # noqa: E501


def test_the_whole_script_is_this() -> None:
    assert install_script(HookSpec(3)) == WHOLE


def test_one_chain_with_loopback_bypass_several_queues_and_no_exemption_is_this() -> None:
    spec = HookSpec(3, 4, ("output",), loopback=True, bypass=True, exempt_mark=0)
    assert install_script(spec) == BARE


def test_defragmentation_is_asked_for_by_rules_that_no_packet_meets() -> None:
    plain = install_script(HookSpec(3))
    script = install_script(HookSpec(3, defragment=True))
    definition = "{ type filter hook prerouting priority raw; policy accept; }"
    assert script.removeprefix(plain).splitlines() == [
        f"add chain inet firewalld_py defragment {definition}",
        "add rule inet firewalld_py defragment ip daddr 0.0.0.0 meta l4proto tcp tproxy ip to :1",
        "add rule inet firewalld_py defragment ip6 daddr :: meta l4proto tcp tproxy ip6 to :1",
    ]


def test_no_script_ever_deletes_a_base_chain() -> None:
    for spec in (HookSpec(0), HookSpec(0, chains=()), HookSpec(9, 3, ("input",), bypass=True)):
        assert "delete" not in install_script(spec)
        assert "destroy" not in install_script(spec)


def test_a_listing_is_read_in_the_spelling_of_old_and_new_nft() -> None:
    rules = parse_listing(LISTING)
    assert [(rule.hook, rule.packets, rule.octets, rule.queues, rule.bypass) for rule in rules] == [
        ("FORWARD", 12, 1008, (3, 3), False),
        ("INPUT", 5, 300, (3, 6), True),
        ("OUTPUT", 2, 80, None, False),
        ("OUTPUT", 7, 420, (3, 3), True),
    ]
    assert rules[3].text == 'oifname != "lo" counter queue num 3 bypass comment "firewalld-py"'
    assert {(rule.backend, rule.table, rule.family) for rule in rules} == {
        ("nft", "inet firewalld_py", "inet")
    }


def test_an_empty_table_has_no_rules() -> None:
    assert parse_listing("table inet firewalld_py {\n}\n") == []
    assert parse_listing("") == []
