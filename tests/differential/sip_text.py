"""Messages of SIP, honest and hostile, made by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

METHODS: Final = tuple(b"INVITE UPDATE ACK PRACK BYE REGISTER OPTIONS CANCEL".split())
OWN: Final = {4: (b"10.1.0.5", b"203.0.113.9"), 6: (b"fd00:1::5", b"fd00:2::9")}
ODD_ADDRESSES: Final = {
    4: tuple(b"10.1.0.6 203.0.113.9 10.1.0.5 010.1.0.5 0.0.0.0 host 10.1.0 10.1.0.5g".split()),
    6: (
        *b"fd00:2::9 fd00:1::5 fd00:1:0::5 fd00:1::0.0.0.5 fd00:01:0:0:0:0:0:0005".split(),
        *b":: host fd00:1::5:: fd00:1::5%1 fd00:1::5: fd00:1::00005 fd00:1::0.0.0.5:9 fd00".split(),
    ),
}
CODES: Final = tuple(b"100 180 183 199 200 202 299 300 401 486".split())
ODD_CODES: Final = (*b"0 x 2 2000 20000000000 99".split(), b"")
ODD_NUMBERS: Final = (
    *b"0 x -1 7x +7 00000000007 000000000007 17179870 3435973901".split(),
    *b"4294967295 4294967296 9999999999999999999999".split(),
    b"",
)
PORTS: Final = (7000, 7000, 7001, 7002, 7004, 5061, 65535, 1024)
ODD_PORTS: Final = (*b"0 80 1023 65536 x 7000/2 000007000 72536".split(), b"")
PIECES: Final = (*b"\r\n|\r\n |\n|\r| |,|1|@|:|\0|\xc4|sip:|m=|c=|v=0".split(b"|"),)
CSEQS: Final = (b"cseq:", b"CSeq\t: ", b"CSeq:\r\n ", b"CSeqX: ", b"C: ")
LENGTHS: Final = (b"l:", b"L : ", b"content-length:", b"Content-Length\r\n : ", b"Length: ")
CONTACTS: Final = (b"m: ", b"M:", b"contact : ", b"Contact:\r\n ", b"Contacts: ", b"Contact\r\n")
BETWEEN: Final = (b",", b",\r\n ", b"\r\n\t,", b"\r\nContact: ", b"\r\nm:")
URIS: Final = (
    *(b"sip:%s|<SIP:%s>|<sip:%s;transport=udp>|<sip:a@%s;transport=tcp>".split(b"|")),
    *(b'<sip:%s;transport=tls>|"x, sip:y" <sip:a@%s>|<sip:%s>;q="a@b"|<tel:%s>|*'.split(b"|")),
)
LIFETIMES: Final = (b";expires=30", b";EXPIRES=40", b";q=1;xexpires=50", b";expires=0", b";q=1")
OTHERS: Final = (b"Via: SIP/2.0/UDP 10.1.0.5\r\n", b"From: <sip:a@b>\r\n", b"X: y\r\n z\r\n", b"")
CONNECTIONS: Final = (b"C=IN %s %s/127", b"c=in %s %s", b"c=X IN %s %s", b"c=IN  %s %s")


class SipText:
    """Texts of one exchange. `hostility` says how often things are odd, of 1.

    What ports were named is kept: those of contacts, and of media with who is to receive them.
    """

    def __init__(self, rng: Random, version: int, hostility: float) -> None:
        self.rng = rng
        self.version = version
        self.hostility = hostility
        self.contacts: list[int] = []
        self.media: list[tuple[int, int]] = []

    def is_odd(self, chance: float) -> bool:
        return self.rng.random() < chance * self.hostility

    def request(self, method: bytes, cseq: int, headers: bytes, body: bytes = b"") -> bytes:
        method = self._some(method, 0.05, (method.lower(), method + b"X", method.title()))
        uri = self._some(b"sip:b@example.org", 0.1, (b"1.2.3.4", b" sip:b", b"\xc4", b""))
        return self._message(method + b" " + uri + b" SIP/2.0", method, cseq, headers, body)

    def response(
        self, method: bytes, cseq: int, code: bytes, headers: bytes, body: bytes = b""
    ) -> bytes:
        version = self._some(b"SIP/2.0 ", 0.1, (b"sip/2.0 ", b"SIP/2.1 ", b"SIP/2.0  "))
        return self._message(version + code + b" so", method, cseq, headers, body)

    def contact(self, owner: int) -> bytes:
        """A header with one contact or more, mostly of one end (0 is the client)."""
        text = self._some(b"Contact: ", 0.4, CONTACTS) + self._one_contact(owner)
        while self.is_odd(0.3) or self.rng.random() < 0.1:
            text += self._some(b", ", 0.5, BETWEEN) + self._one_contact(owner)
        return text + b"\r\n"

    def session(self, owner: int) -> bytes:
        """A session description of one end."""
        body = self._some(b"v=0\r\n", 0.15, (b"V=0\r\n", b"v=\r\n", b"", b"v=x\r\n"))
        body += b"o=x 1 1 IN IP4 10.1.0.5\r\ns=-\r\n"
        if not self.is_odd(0.1):
            body += self._connection(owner)
        for _ in range(self.rng.choice((1, 1, 1, 2, 2, 3, 4, 5))):
            body += self._media(owner)
            if self.rng.random() < 0.2:
                body += self._connection(owner)
        return body

    def spoilt(self, message: bytes) -> bytes:
        """The message with octets lost, added, or changed."""
        rng = self.rng
        for _ in range(rng.choice((1, 1, 3))):
            at = rng.randrange(len(message) + 1)
            lost = rng.choice((0, 0, 1, 1, 2, 5)) if rng.random() < 0.95 else len(message)
            added = rng.choice(PIECES) if rng.random() < 0.6 else b""
            message = message[:at] + added + message[at + lost :]
        return message

    def _some(self, usual: bytes, chance: float, odd: Sequence[bytes]) -> bytes:
        return self.rng.choice(odd) if self.is_odd(chance) else usual

    def _message(
        self, first: bytes, method: bytes, cseq: int, headers: bytes, body: bytes
    ) -> bytes:
        number = self._some(b"%d" % cseq, 0.05, ODD_NUMBERS)
        blank = self._some(b" ", 0.1, (b"  ", b"x", b"", b"\r\n "))
        sequence = self._some(b"CSeq: ", 0.15, CSEQS) + number + blank + method + b"\r\n"
        lines = [self.rng.choice(OTHERS), sequence, headers, self._length(body)]
        self.rng.shuffle(lines)
        return first + b"\r\n" + b"".join(lines) + b"\r\n" + body

    def _length(self, body: bytes) -> bytes:
        if self.is_odd(0.1):
            return b""
        size = len(body) + (self.rng.choice((1, -1, 9)) if self.is_odd(0.1) else 0)
        number = self._some(b"%d" % max(size, 0), 0.05, ODD_NUMBERS)
        return self._some(b"Content-Length: ", 0.3, LENGTHS) + number + b"\r\n"

    def _address(self, owner: int) -> bytes:
        return self._some(OWN[self.version][owner], 0.15, ODD_ADDRESSES[self.version])

    def _one_contact(self, owner: int) -> bytes:
        port = self.rng.choice((5061, 5061, 5061, 5062, 7000))
        self.contacts.append(port)
        text = self._some(b":%d" % port, 0.15, (b"", b":", *(b":" + odd for odd in ODD_PORTS)))
        is_bracketed = (self.version == 6) != self.is_odd(0.05)
        host = (b"[%s]" if is_bracketed else b"%s") % self._address(owner)
        uri = self._some(b"<sip:a@%s>", 0.4, URIS).replace(b"%s", host + text)
        lifetime = self._some(self.rng.choice((b"", b";expires=30")), 0.4, LIFETIMES)
        if self.is_odd(0.06):
            lifetime = b";expires=" + self.rng.choice(ODD_NUMBERS)
        return uri + lifetime

    def _connection(self, owner: int) -> bytes:
        right, wrong = (b"IP4", b"IP6") if self.version == 4 else (b"IP6", b"IP4")
        form = self._some(b"c=IN %s %s", 0.15, CONNECTIONS)
        address = self._address(owner)
        if self.is_odd(0.03):
            address = b"[%s]" % address
        return form % (wrong if self.is_odd(0.03) else right, address) + b"\r\n"

    def _media(self, owner: int) -> bytes:
        rng = self.rng
        port = rng.choice(PORTS)
        self.media.append((owner, port))
        number = self._some(b"%d" % port, 0.08, ODD_PORTS)
        kind = rng.choice((b"audio",) * 6 + (b"video",) * 3 + (b"image",))
        kind = self._some(kind, 0.1, (b"AUDIO", b"application", b"", b"x-y", b"audio-x", b"\xc4"))
        blank = self._some(b" ", 0.05, (b"  ", b"", b"\t"))
        return b"m=" + kind + blank + number + self._some(b" RTP/AVP 0\r\n", 0.1, (b"\r\n", b"\n"))
