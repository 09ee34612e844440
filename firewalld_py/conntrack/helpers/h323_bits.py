"""Reading bits and octets of a message in packed encoding (ITU-T X.691, aligned variant).

As the kernel's nf_conntrack_h323_asn1.c does: `has` alone says whether a message is long enough,
and is asked at certain places only. What is read behind the end is 0, and never counts: the next
`has` says no.
"""

from __future__ import annotations


class Reader:
    """A place in a message: octet `at` and, of that, `bit` (0 is the highest). `end` ends it."""

    __slots__ = ("at", "bit", "data", "end")

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data = data
        self.at = at
        self.end = end
        self.bit = 0

    def has(self, octets: int, bits: int = 0) -> bool:
        """Whether so much is left; an octet of which a bit was read counts as read."""
        return self.at + octets + (self.bit + bits + 7 >> 3) <= self.end

    def octet(self, ahead: int = 0) -> int:
        at = self.at + ahead
        return self.data[at] if at < len(self.data) else 0

    def skip_bits(self, count: int) -> None:
        self.bit += count
        self.at += self.bit >> 3
        self.bit &= 7

    def bits(self, count: int) -> int:
        """The next bits, at most 32, as a number."""
        last = self.bit + count
        value = 0
        for ahead in range(last + 7 >> 3):
            value = value << 8 | self.octet(ahead)
        self.skip_bits(count)
        return value >> (-last & 7) & (1 << count) - 1

    def bitmap(self, count: int) -> int:
        """As `bits`; but one that ends with the fourth octet the kernel takes from the first on."""
        if self.bit and self.bit + count == 32:
            self.bit = 0
            value = self.bits(32)
            return value >> (32 - count)
        return self.bits(count)

    def align(self) -> None:
        """To the next octet, unless at the beginning of one."""
        if self.bit:
            self.at += 1
            self.bit = 0

    def length(self) -> int:
        """A length of 7 or 14 bits, at the beginning of an octet."""
        length = self.octet()
        self.at += 1
        if length & 0x80:
            length = (length & 0x3F) << 8 | self.octet()
            self.at += 1
        return length

    def open_length(self) -> int:
        """The length of what follows, aligned; -1 if that is not there."""
        if not self.has(2):
            return -1
        length = self.length()
        return length if self.has(length) else -1

    def move(self, at: int) -> None:
        """To the beginning of an octet."""
        self.at = at
        self.bit = 0
