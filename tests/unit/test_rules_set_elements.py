"""What sets hold, as octets."""

from __future__ import annotations

import pytest

from firewalld_py.rules.set_elements import (
    ADDRESS,
    ANY_PROTOCOL,
    EXACT_NAME,
    INTERFACE,
    MAC,
    PORT,
    address_octets,
    exact_lengths,
    kinds_of,
    mask_of,
    pack_any_port,
    pack_interface,
    pack_port,
)


def test_network_is_another_word_for_address() -> None:
    assert kinds_of(["address", "port"]) == kinds_of(["network", "port"]) == bytes((ADDRESS, PORT))
    assert kinds_of(["interface", "mac"]) == bytes((INTERFACE, MAC))


@pytest.mark.parametrize("words", [[], ["adress"], ["port"] * 7])
def test_what_is_no_type_is_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        kinds_of(words)


@pytest.mark.parametrize(
    ("kinds", "size", "octets"),
    [
        ([ADDRESS], 4, 4),
        ([ADDRESS], 16, 16),
        ([ADDRESS], 5, -1),
        ([ADDRESS, ADDRESS, PORT], 12, 4),
        ([ADDRESS, ADDRESS, PORT], 36, 16),
        ([ADDRESS, ADDRESS], 20, -1),  # of two families
        ([PORT], 4, 0),
        ([PORT], 3, -1),
        ([INTERFACE, MAC], 22, 0),
    ],
)
def test_the_size_tells_the_family(kinds: list[int], size: int, octets: int) -> None:
    assert address_octets(bytes(kinds), size) == octets


@pytest.mark.parametrize(
    ("kinds", "size", "lengths", "mask"),
    [
        ([ADDRESS], 4, [24], "ffffff00"),
        ([ADDRESS], 4, [0], "00000000"),
        ([ADDRESS], 16, [65], "ffffffffffffffff8000000000000000"),
        ([PORT], 4, [16], "ffffffff"),
        ([PORT], 4, [16 | ANY_PROTOCOL], "ffffff00"),
        ([PORT], 4, [6 | ANY_PROTOCOL], "fc00ff00"),
        ([ADDRESS, PORT], 8, [31, 16], "fffffffeffffffff"),
        ([INTERFACE], 16, [24], "ffffff" + "00" * 13),
        ([MAC], 6, [48], "ff" * 6),
    ],
)
def test_the_mask_has_the_bits_that_count(
    kinds: list[int], size: int, lengths: list[int], mask: str
) -> None:
    assert mask_of(bytes(kinds), size, bytes(lengths)) == int(mask, 16)


@pytest.mark.parametrize(
    ("kinds", "size", "lengths"),
    [([ADDRESS], 4, [33]), ([ADDRESS], 4, []), ([PORT], 4, [17]), ([PORT], 4, [17 | 64])],
)
def test_lengths_that_do_not_fit_are_refused(
    kinds: list[int], size: int, lengths: list[int]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        mask_of(bytes(kinds), size, bytes(lengths))


def test_of_an_exact_element_every_bit_counts() -> None:
    kinds = bytes((ADDRESS, PORT, INTERFACE, MAC))
    for octets in (4, 16):
        size = octets + 4 + 16 + 6
        lengths = exact_lengths(kinds, size)
        assert lengths == bytes((8 * octets, 16, EXACT_NAME, 48))
        assert mask_of(kinds, size, lengths) == (1 << 8 * size) - 1


def test_ports_and_names_are_packed() -> None:
    assert pack_port(443, 6) == bytes((1, 187, 1, 6))
    assert pack_port(8 << 8, 1) == bytes((8, 0, 0, 1))  # an echo request, which has no port
    assert pack_any_port(443) == bytes((1, 187, 1, 0))
    assert pack_interface("wan0") == b"wan0" + bytes(12)
    assert len(pack_interface("a" * 40)) == 16
