"""Finding headers, addresses and numbers in a SIP message (RFC 3261 section 7).

As nf_conntrack_sip.c looks for them, which is laxer than the RFC: a line begins behind CR LF, CR or
LF, the body is searched like the headers, and names are prefixes, in any case. Every function
says where it found something by its offset, -1 where there is nothing.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.helpers.text import is_digit, read_ipv4, read_ipv6, read_number

SIP_PORT: Final = 5060
LOWEST_PORT: Final = 1024  # below stand services that no telephone offers
HIGHEST_PORT: Final = 0xFFFF
PORT_DIGITS: Final = 5
NUMBER_DIGITS: Final = 11  # leading zeros included
U32: Final = 0xFFFFFFFF

CR: Final = 0x0D
LF: Final = 0x0A
BLANK: Final = 0x20
TAB: Final = 0x09
COLON: Final = 0x3A
BRACKET: Final = 0x5B
BRACKET_END: Final = 0x5D
NONE: Final = -1


class Header:
    """A header's name and its compact form (section 7.3.3), in lower case, or NONE."""

    __slots__ = ("compact", "name")

    def __init__(self, name: bytes, compact: int = NONE) -> None:
        self.name = name
        self.compact = compact


CSEQ: Final = Header(b"cseq")
EXPIRES: Final = Header(b"expires")
CONTACT: Final = Header(b"contact", ord("m"))
CONTENT_LENGTH: Final = Header(b"content-length", ord("l"))
_URI: Final = b"sip:"


class Contact:
    """Where somebody is to be reached; `end` is the offset behind it."""

    __slots__ = ("address", "end", "port")

    def __init__(self, address: bytes, port: int, end: int) -> None:
        self.address = address
        self.port = port
        self.end = end


class Message:
    """One message on a connection of an IP version, which is that of all addresses in it."""

    __slots__ = ("_no_host", "lower", "size", "text", "version")

    def __init__(self, text: bytes, version: int) -> None:
        self.text = text
        self.lower = text.lower()
        self.size = len(text)
        self.version = version
        self._no_host = -1

    def value(self, header: Header, at: int = 0) -> int:
        """Where the value of the next header of that name begins.

        One that begins with the name, but has no colon behind it, ends the search.
        """
        at = self.line(at)
        while at >= 0:
            behind = self._behind_name(header, at)
            if behind >= 0:
                at = self._behind_white(behind)
                if at < 0 or at == self.size or self.text[at] != COLON:
                    return -1
                return self._behind_white(at + 1)
            at = self.line(at + 1)
        return -1

    def number_of(self, header: Header) -> int:
        """The number that a header holds."""
        at = self.value(header)
        return -1 if at < 0 else self.number(at)

    def number(self, at: int, end: int = -1) -> int:
        """Digits, no more than NUMBER_DIGITS, of a value no greater than 32 bits hold."""
        end = min(self.size if end < 0 else end, at + NUMBER_DIGITS + 1)
        value, behind = read_number(self.text, at, end)
        if behind == at or behind > at + NUMBER_DIGITS or value > U32:
            return -1
        return value

    def behind_digits(self, at: int) -> int:
        """Where digits end; where there are none, `at`."""
        while at < self.size and is_digit(self.text[at]):
            at += 1
        return at

    def contact(self, at: int = 0) -> Contact | None:
        """The first contact that can be read, of the headers from `at` on; one of each header.

        What names a host by its name, or a port out of range, cannot be read and is passed over.
        """
        while True:
            at = self.value(CONTACT, at)
            if at < 0:
                return None
            uri = self._find(_URI, at, self.size)
            found = None if uri < 0 else self._uri(uri + len(_URI))
            if found is not None:
                return found

    def next_contact(self, at: int) -> Contact | None:
        """The contact behind another, of its list or of the headers that follow."""
        while True:
            comma = self._find(b",", at, self.size)
            uri = -1 if comma < 0 else self._find(_URI, comma, self.size)
            if uri < 0:
                return self.contact(at)
            at = uri + len(_URI)
            found = self._uri(at)
            if found is not None:
                return found

    def parameter(self, name: bytes, at: int) -> int:
        """Where the value of a parameter begins, which stands behind `at` and before the comma."""
        found = self._find(name, at, self.behind_element(at))
        return -1 if found < 0 else found + len(name)

    def behind_element(self, at: int) -> int:
        """Where the comma stands that ends this element of a list; if none does, the end."""
        comma = self._find(b",", at, self.size)
        return self.size if comma < 0 else comma

    def address(self, at: int) -> tuple[bytes, int]:
        """An address without brackets and where it ends; b"" if there is none."""
        if self.version == 4:
            return read_ipv4(self.text, at, self.size)
        return read_ipv6(self.text, at, self.size)

    def line(self, at: int) -> int:
        """Where the next line begins; the very first is none."""
        text = self.text
        while at < self.size and text[at] not in (CR, LF):
            at += 1
        at += 1
        if at < self.size and text[at - 1] == CR and text[at] == LF:
            at += 1
        return at if at < self.size else -1

    def _behind_name(self, header: Header, at: int) -> int:
        if self.lower.startswith(header.name, at):
            return at + len(header.name)
        if header.compact != self.lower[at] or at + 1 == self.size or is_letter(self.text[at + 1]):
            return -1
        return at + 1

    def _behind_white(self, at: int) -> int:
        """Behind blanks, and one fold of the line among them."""
        while at < self.size:
            octet = self.text[at]
            if octet in (CR, LF):
                return self._folded(at, self.size)
            if octet not in (BLANK, TAB):
                break
            at += 1
        return at

    def _folded(self, at: int, end: int) -> int:
        """Where a line that ends at `at` goes on (section 7.3.1), behind the blanks."""
        at += 1
        if at < end and self.text[at - 1] == CR and self.text[at] == LF:
            at += 1
        if at >= end or self.text[at] not in (BLANK, TAB):
            return -1
        while at < end and self.text[at] in (BLANK, TAB):
            at += 1
        return at

    def _find(self, word: bytes, at: int, end: int) -> int:
        """A word (in lower case) within a value, with its folds; an octet must follow it."""
        end -= len(word)
        first = word[0]
        while at < end:
            octet = self.lower[at]
            if octet in (CR, LF):
                at = self._folded(at, end)
                if at < 0:
                    return -1
            elif octet == first and self.lower.startswith(word, at):
                return at
            at += 1
        return -1

    def _uri(self, at: int) -> Contact | None:
        """Address and port; behind the first @ of the line, whatever that belongs to."""
        host = self.text.find(b"@", at)
        if host >= 0 and not self._breaks_between(at, host):
            at = host + 1
        if at == self._no_host:  # many a URI may stand before one @: no need to read it again
            return None
        address, behind = self._bracketed(at) if self.version == 6 else self.address(at)
        found = self._with_port(address, behind) if address else None
        if found is None:
            self._no_host = at
        return found

    def _breaks_between(self, at: int, end: int) -> bool:
        return self.text.find(b"\r", at, end) >= 0 or self.text.find(b"\n", at, end) >= 0

    def _bracketed(self, at: int) -> tuple[bytes, int]:
        if at == self.size or self.text[at] != BRACKET:
            return b"", at
        address, at = self.address(at + 1)
        if at == self.size or self.text[at] != BRACKET_END:
            return b"", at
        return address, at + 1

    def _with_port(self, address: bytes, at: int) -> Contact | None:
        """A port may follow the address; an octet must follow both."""
        if at == self.size:
            return None
        if self.text[at] != COLON:
            return Contact(address, SIP_PORT, at)
        at += 1
        port, behind = read_number(self.text, at, min(self.size, at + PORT_DIGITS + 1))
        if not at < behind <= at + PORT_DIGITS or behind == self.size:
            return None
        return Contact(address, port, behind) if LOWEST_PORT <= port <= HIGHEST_PORT else None


def is_letter(octet: int) -> bool:
    """A letter of ISO 8859-1, as the kernel's isalpha() has them."""
    if octet >= 0xC0:
        return octet not in (0xD7, 0xF7)
    return 0x41 <= octet <= 0x5A or 0x61 <= octet <= 0x7A
