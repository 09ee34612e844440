"""How sets of two plans differ, and regions in which a packet is one of their elements."""

from __future__ import annotations

from typing import Any

import pytest

from firewalld_py.policy.interface_names import Interfaces
from firewalld_py.policy.model import Match
from firewalld_py.policy.region import DPORT, DST, PROTO, SRC, V6, region_of
from firewalld_py.policy.set_diff import Elements, elements_of, set_details, summary
from firewalld_py.policy.set_elements import read_elements
from firewalld_py.rules.build import Plan
from tests.plans import plan


def a_set(words: str, *texts: str, **more: Any) -> Plan:
    by_size: dict[int, bytes] = {}
    for text in texts:
        for packed, lengths in read_elements(words.split(), text):
            by_size[len(packed)] = by_size.get(len(packed), b"") + packed + lengths
    return {
        "type": words.split(),
        "maximum": 65536,
        "lifetime": 0,
        "counters": False,
        "elements": [[size, records.hex()] for size, records in by_size.items()],
        **more,
    }


def with_sets(**sets: Plan) -> Plan:
    return {**plan(), "sets": sets}


OLD = a_set("address", "192.0.2.1", "198.51.100.0/24", "2001:db8::/32")


def test_elements_come_as_they_were_written() -> None:
    assert len(list(elements_of(OLD))) == 3
    assert summary(OLD) == "address, 3 elements: 192.0.2.1, 198.51.100.0/24, 2001:db8::/32"
    assert summary(a_set("mac")) == "mac, 0 elements"


@pytest.mark.parametrize(
    ("new", "details"),
    [
        (a_set("address", "192.0.2.1", "198.51.100.0/24", "2001:db8::/32"), []),
        (a_set("address", "2001:db8::/32", "198.51.100.0/24", "192.0.2.1"), []),
        (a_set("address", "192.0.2.1", "198.51.100.0/25", "2001:db8::/32"),
         ["added: 198.51.100.0/25", "removed: 198.51.100.0/24"]),
        (a_set("address", *(f"10.0.0.{n}" for n in range(10))),
         ["added: " + ", ".join(f"10.0.0.{n}" for n in range(8)) + " and 2 more",
          "removed: 192.0.2.1, 198.51.100.0/24, 2001:db8::/32"]),
        (a_set("mac"), ["type address -> mac"]),
        ({**OLD, "lifetime": 60}, ["lifetime 0 -> 60"]),
    ],
)  # fmt: skip
def test_what_differs_in_words(new: Plan, details: list[str]) -> None:
    assert set_details(OLD, new) == details


def asking(name: str, *of: str) -> Any:
    return region_of([Match("set", "set", False, (name, *of), 1, 1)], Interfaces([]))


def test_regions_are_of_elements_that_are_new_first() -> None:
    new = a_set("address", "192.0.2.1", "203.0.113.0/24", "2001:db8::/32")
    elements = Elements(with_sets(bad=new), with_sets(bad=OLD))
    assert elements.changed == {"bad"}
    regions = elements.regions(asking("bad", "src"))
    found = [region.fields[SRC] for region in regions if region.fields is not None]
    network = (203 << 24 | 113 << 8, 203 << 24 | 113 << 8 | 255)
    assert found[:2] == [(network,)] * 2
    assert found[2] == ((192 << 24 | 2 << 8 | 1,) * 2,)
    low = V6 + (0x20010DB8 << 96)
    assert found[4] == ((low, low + (1 << 96) - 1),)
    last = list(elements.regions(asking("bad", "src")))[-1]
    assert last == asking("bad", "src")


def test_of_a_network_that_shrank_the_rest_is_meant() -> None:
    new = a_set("address", "192.0.2.1", "198.51.100.0/25", "2001:db8::/32")
    elements = Elements(with_sets(bad=OLD), with_sets(bad=new))
    first = next(elements.regions(asking("bad", "src")))
    assert first.fields is not None
    half = 198 << 24 | 51 << 16 | 100 << 8 | 128
    assert first.fields[SRC] == ((half, half + 127),)


def test_what_a_rule_decides_is_known_of_its_elements() -> None:
    elements = Elements(with_sets(bad=OLD), with_sets(bad=OLD))
    assert len(elements.decided(asking("bad", "src"))) == 3
    plain = region_of([Match("dport", "dport", False, ((1, 2),), 1, 1)], Interfaces([]))
    assert elements.decided(plain) == [plain]
    assert elements.decided(asking("bad", "source_mac")) == []
    marked = region_of([Match("mark", "mark", False, ((1, 1),), 1, 1)], Interfaces([]))
    assert elements.decided(marked) == []


def test_several_parts_mean_several_fields() -> None:
    services = a_set("address port", "192.0.2.1,tcp:443", "192.0.2.2,8000-8063")
    elements = Elements(with_sets(services=services), with_sets())
    first, second, _whole = elements.regions(asking("services", "dst", "dport"))
    assert first.fields is not None
    assert second.fields is not None
    assert first.fields[DST] == ((192 << 24 | 2 << 8 | 1,) * 2,)
    assert (first.fields[DPORT], first.fields[PROTO]) == (((443, 443),), ((6, 6),))
    assert second.fields[DPORT] == ((8000, 8063),)
    assert (17, 17) in second.fields[PROTO]


def test_what_asks_no_set_is_left_as_it_is() -> None:
    elements = Elements(with_sets(bad=OLD), with_sets(bad=OLD))
    assert elements.changed == set()
    region = region_of([Match("dport", "dport", False, ((1, 2),), 1, 1)], Interfaces([]))
    assert list(elements.regions(region)) == [region]
    inverted = region_of([Match("set", "set", True, ("bad", "src"), 1, 1)], Interfaces([]))
    assert list(elements.regions(inverted)) == [inverted]
