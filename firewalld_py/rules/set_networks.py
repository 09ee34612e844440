"""Networks that do not change, however many, in a few octets each.

They stand in order of their first address, of those with the same one the widest first; so whatever
an address is in is the last network that begins no later, or one that holds this. What a network
stands in is noted.

Where there are many, an index of the first 16 bits of IPv4 leads to the few that a search goes
through, however many there are. IPv6 fills such an index in a few places only: its searches go
through all networks, by halves, and what they find is remembered.
"""

from __future__ import annotations

from typing import Final

MANY: Final = 256  # from so many on that is done
REMEMBERED: Final = 16384  # addresses of IPv6; then all are forgotten
_BUCKETS: Final = 1 << 16
_NONE: Final = -1
_NUMBER_OCTETS: Final = 4


class Networks:
    """Networks of one family, of addresses of `width` octets. `put` all in order, then `seal`.

    Where `counting`, `packets` and `octets` are what was counted of each.
    """

    __slots__ = (
        "_filled",
        "_firsts",
        "_index",
        "_lengths",
        "_open",
        "_parents",
        "count",
        "counting",
        "firsts",
        "index",
        "known",
        "lengths",
        "octets",
        "packets",
        "parents",
        "width",
    )

    def __init__(self, width: int, counting: bool) -> None:
        self.width = width
        self.counting = counting
        self.count = 0
        self.firsts = b""
        self.lengths = b""
        self.parents = b""  # the number of the network that each stands in, and 1; 0 for none
        # Of IPv4, for all first 16 bits: how many networks begin before any with these.
        self.index = b""
        self.known: dict[bytes, int] = {}
        self.packets: list[int] = []
        self.octets: list[int] = []
        self._firsts = bytearray()
        self._lengths = bytearray()
        self._parents = bytearray()
        self._index = bytearray()
        self._filled = 0  # the buckets that are in it
        self._open: list[int] = []  # networks that the next one may stand in

    def put(self, first: bytes, length: int) -> None:
        """Append a network; ValueError if it is none, or comes too early or twice."""
        width = self.width
        if len(first) != width or not 0 <= length <= 8 * width or _beyond(first, length):
            raise ValueError("no network")
        if self.count:
            before = bytes(self._firsts[-width:])
            if (first, length) <= (before, self._lengths[-1]):
                raise ValueError("networks out of order")
        while self._open and not self._holds(self._open[-1], first):
            self._open.pop()
        parent = self._open[-1] + 1 if self._open else 0
        self._open.append(self.count)
        if width == 4 and self.count >= MANY:
            self._fill(first[0] << 8 | first[1])
        self._firsts += first
        self._lengths.append(length)
        self._parents += parent.to_bytes(_NUMBER_OCTETS, "big")
        self.count += 1
        if self.counting:
            self.packets.append(0)
            self.octets.append(0)

    def _fill(self, bucket: int) -> None:
        """The next network begins in this bucket: with all before it the index can go on."""
        if self._filled == 0:
            for number in range(self.count):
                at = number * 4
                self._fill_with(self._firsts[at] << 8 | self._firsts[at + 1], number)
        self._fill_with(bucket, self.count)

    def _fill_with(self, bucket: int, number: int) -> None:
        if bucket >= self._filled:
            self._index += number.to_bytes(_NUMBER_OCTETS, "big") * (bucket + 1 - self._filled)
            self._filled = bucket + 1

    def seal(self) -> None:
        """That were all."""
        if self._filled:
            self._fill_with(_BUCKETS, self.count)
        self.index = bytes(self._index)
        self._index = bytearray()
        self.firsts = bytes(self._firsts)
        self.lengths = bytes(self._lengths)
        self.parents = bytes(self._parents)
        self._firsts = bytearray()
        self._lengths = bytearray()
        self._parents = bytearray()
        self._open = []

    def _holds(self, number: int, address: bytes) -> bool:
        at = number * self.width
        return _covers(bytes(self._firsts[at : at + self.width]), self._lengths[number], address)

    def find(self, address: bytes) -> int:
        """The number of the narrowest network that this address is in, -1 if it is in none."""
        if self.width == 4:
            return self._narrowest(self._last_before_v4(address), address)
        if self.count < MANY:
            return self._narrowest(self._last_before(address), address)
        number = self.known.get(address, self.count)
        if number == self.count:
            number = self._narrowest(self._last_before(address), address)
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            self.known[address] = number
        return number

    def _narrowest(self, number: int, address: bytes) -> int:
        """Of this network and those that it stands in."""
        while number >= 0:
            at = number * self.width
            if _covers(self.firsts[at : at + self.width], self.lengths[number], address):
                return number
            at = number * _NUMBER_OCTETS
            number = _u32(self.parents, at) - 1
        return _NONE

    def get(self, first: bytes, length: int) -> int:
        """The number of this very network, -1 if it is not here."""
        number = self.find(first)
        while number >= 0:
            at = number * self.width
            if self.lengths[number] == length and self.firsts[at : at + self.width] == first:
                return number
            number = _u32(self.parents, number * _NUMBER_OCTETS) - 1
        return _NONE

    def first(self, number: int) -> bytes:
        """The first address of a network."""
        return self.firsts[number * self.width : (number + 1) * self.width]

    def _last_before_v4(self, address: bytes) -> int:
        """The last network that does not begin behind this address."""
        firsts = self.firsts
        wanted = _u32(address, 0)
        low = 0
        high = self.count
        if self.index:
            at = (wanted >> 16) * _NUMBER_OCTETS
            low = _u32(self.index, at)
            high = _u32(self.index, at + _NUMBER_OCTETS)
        while low < high:
            middle = (low + high) >> 1
            if _u32(firsts, middle * 4) <= wanted:
                low = middle + 1
            else:
                high = middle
        return low - 1

    def _last_before(self, address: bytes) -> int:
        """The same of longer addresses: their beginnings are small numbers, and mostly tell."""
        firsts = self.firsts
        wanted = _u56(address, 0)
        low = 0
        high = self.count
        while low < high:
            middle = (low + high) >> 1
            at = middle * 16
            found = _u56(firsts, at)
            if found < wanted or (found == wanted and firsts[at : at + 16] <= address):
                low = middle + 1
            else:
                high = middle
        return low - 1


def _u32(data: bytes, at: int) -> int:
    return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]


def _u56(data: bytes, at: int) -> int:
    """A number that needs no memory of its own."""
    return _u32(data, at) << 24 | data[at + 4] << 16 | data[at + 5] << 8 | data[at + 6]


def _covers(first: bytes, length: int, address: bytes) -> bool:
    whole = length >> 3
    if first[:whole] != address[:whole]:
        return False
    rest = length & 7
    return rest == 0 or (first[whole] ^ address[whole]) >> (8 - rest) == 0


def _beyond(first: bytes, length: int) -> bool:
    """Whether bits are set beyond the network's own."""
    whole = length >> 3
    rest = length & 7
    if rest:
        if first[whole] << rest & 0xFF:
            return True
        whole += 1
    return any(first[whole:])
