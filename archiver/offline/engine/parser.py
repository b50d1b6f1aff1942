"""Reading requests: what is ambiguous is refused, so that no server in between reads it otherwise.

Source: RFC 9112, sections 2.3 (version), 3 (request line), 5.2 (folded lines), 6.1 and 6.3 (length of the body),
11.2 (request smuggling).
"""

from __future__ import annotations

import re

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import BadRequest, Error

HEADER_LIMIT = 32 << 10  # bytes
BODY_LIMIT = 64 << 10  # bytes; nothing here takes a body; enough to refuse one politely


_BARE_LF = re.compile(rb"(?<!\r)\n")


class _LengthRequired(BadRequest):  # type: ignore[misc]  # waitress has no type information
    code = 411
    reason = "Length Required"


class _VersionNotSupported(Error):  # type: ignore[misc]  # see above
    code = 505
    reason = "HTTP Version Not Supported"


class Timeout(BadRequest):  # type: ignore[misc]  # see above
    """The client took too long to say what it wants."""

    code = 408
    reason = "Request Timeout"


class Parser(HTTPRequestParser):  # type: ignore[misc]  # see above
    """One request, from its first byte to the last of its body.

    ``error`` says why it is refused, if it is; nothing can be told of what follows on the connection then.
    """

    error: Error | None
    completed: bool
    command = "GET"  # unless the request line says otherwise

    def received(self, data: bytes) -> int:
        """Take the next bytes and return how many belong to this request.

        What cannot become HTTP is refused at its first byte: container clients try TLS first, and
        would wait ten seconds for an answer to their handshake. Nor are lines waited for that end otherwise than the
        ones before: the end of such a head never comes.
        """
        if not self.header_plus and self.body_rcv is None and not (data[:1].isalpha() or data[:1] in b"\r\n"):
            self.refuse(BadRequest("this is not HTTP; the server speaks plain HTTP"))
            return len(data)
        in_head = self.body_rcv is None
        taken = int(super().received(data))
        fresh = max(0, len(self.header_plus) - len(data))
        if in_head and not self.completed and b"\n" in data and _BARE_LF.search(self.header_plus, fresh):
            self.refuse(BadRequest("a line ends without CR"))
        return taken

    def refuse(self, error: Error) -> None:
        """Make it a request that is complete, and wrong."""
        super().parse_header(b"GET / HTTP/1.0\r\n")
        self.error = error
        self.completed = True

    def parse_header(self, header_plus: bytes) -> None:
        """Read the request line and the fields.

        Raises:
            ParsingError: they are malformed, or could be read in two ways.
        """
        _refuse_ambiguous(header_plus)
        try:
            super().parse_header(header_plus)
        except ParsingError:
            raise
        except ValueError as error:  # brackets that are no address; numbers of thousands of digits
            raise ParsingError("malformed request") from error
        if self.version not in ("1.0", "1.1"):
            self.error = _VersionNotSupported("HTTP/1.0 and HTTP/1.1 are spoken here")
        elif self.chunked:
            self.error = _LengthRequired("a body is taken with Content-Length only")
        if self.error is not None:
            self.body_rcv = None  # what follows is not looked at


def _refuse_ambiguous(head: bytes) -> None:
    line, *fields = head.rstrip(b"\r\n").split(b"\r\n")
    if any(field[:1] in b" \t" for field in fields):  # an empty one, too
        raise ParsingError("a folded header line")
    names = [field.partition(b":")[0].lower() for field in fields]
    if b"transfer-encoding" in names and (b"content-length" in names or line.endswith(b" HTTP/1.0")):
        raise ParsingError("the length of the body is said in two ways")
