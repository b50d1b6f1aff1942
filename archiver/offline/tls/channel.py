"""A connection that speaks TLS, in the one loop that all connections live in.

Nothing here waits: a handshake is as many steps as it takes packets, and in between the loop serves the
others. What tries plain HTTP is answered in plain HTTP, once.

Source: RFC 8446 section 5.1 (the first byte of a handshake); OpenSSL's manual of SSL_read and SSL_write, for
what "want read" and "want write" ask of the caller.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from waitress.utilities import BadRequest

from archiver.offline.engine.channel import Channel
from archiver.offline.engine.parser import Parser

if TYPE_CHECKING:
    from archiver.offline.tls.identity import Identity

_HANDSHAKE = b"\x16"  # content type "handshake": how every TLS connection begins
_PATIENCE = 15  # seconds that a handshake may take
_PIECE = 64 << 10  # bytes encrypted at a time; a record has at most 16 KiB
_WAITS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Stage(Enum):
    NEW = auto()
    HANDSHAKE = auto()
    SECURE = auto()
    PLAIN = auto()
    LEFT = auto()  # we said that nothing follows, and hear the client out
    CLOSED = auto()


class _NothingYet(Exception):
    """There was no whole record to read."""


class _PlainParser(Parser):
    """Refuses whatever comes, at once."""

    def received(self, data: bytes) -> int:
        self.refuse(BadRequest("this server speaks TLS: its addresses begin with https://"))
        return len(data)


class TlsChannel(Channel):
    """A connection that speaks TLS, or is told to.

    OpenSSL's connections are for one thread at a time, while the loop reads from one and workers write to it:
    each call takes the lock. No other lock is waited for while it is held. After a ``send`` that sent nothing, the
    next one has to begin with the same bytes.

    Args:
        identity: what to show.
    """

    gathers = False  # into one record of TLS it has to be copied anyway

    def __init__(
        self, server: Any, sock: socket.socket, *arguments: Any, identity: Identity, **options: Any
    ) -> None:
        self.socket: ssl.SSLSocket  # before the first byte a plain one
        self.sendbuf_len: int
        self._identity = identity
        self._stage = _Stage.NEW
        self._wants_write = False
        self._tls_lock = threading.Lock()
        super().__init__(server, sock, *arguments, **options)
        self.sendbuf_len = min(self.sendbuf_len, _PIECE)

    def expire(self, now: float) -> None:
        """Give up on handshakes that take too long; else see Channel."""
        if self._stage in (_Stage.NEW, _Stage.HANDSHAKE):
            self.will_close = self.will_close or now - self.creation_time > _PATIENCE
        else:
            super().expire(now)

    def writable(self) -> bool:
        """Say whether the loop is to wait until bytes can be sent."""
        return bool(self._wants_write or super().writable())

    def handle_read(self) -> None:
        """Go on with the handshake, or read; the loop saw bytes."""
        if self._stage is _Stage.NEW:
            self._look()
        if self._stage is _Stage.HANDSHAKE:
            self._shake_hands()
        if self._stage in (_Stage.SECURE, _Stage.PLAIN, _Stage.LEFT):
            with suppress(_NothingYet):
                super().handle_read()

    def handle_write(self) -> None:
        """Go on with what waited for room, or write; the loop saw room."""
        if self._wants_write and not self.will_close:
            self._wants_write = False
            self.handle_read()
        if self._stage is not _Stage.CLOSED:
            super().handle_write()

    def recv(self, buffer_size: int) -> bytes:
        """Return decrypted bytes; none, with the connection closed, where it ended.

        Raises:
            _NothingYet: no record has come whole.
        """
        if self._stage is _Stage.PLAIN:
            return bytes(super().recv(buffer_size))
        data = b""
        try:
            with self._tls_lock:
                if self._stage is _Stage.LEFT:  # nobody reads it: it need not be decrypted
                    data = socket.socket.recv(self.socket, buffer_size)
                else:
                    data = self.socket.recv(buffer_size)
                    while self.socket.pending():  # the loop would not be told of it
                        data += self.socket.recv(self.socket.pending())
        except BlockingIOError as error:
            raise _NothingYet from error
        except ssl.SSLWantReadError as error:
            raise _NothingYet from error
        except ssl.SSLWantWriteError as error:
            self._wants_write = True
            raise _NothingYet from error
        except OSError:  # broken off, or no TLS any more
            data = b""
        if not data:
            self.handle_close()
        return data

    def send(self, data: bytes | memoryview, do_close: bool = True) -> int:
        """Encrypt and send; return how many bytes went, 0 where there is no room now.

        Raises:
            OSError: the connection is broken.
        """
        if self._stage is _Stage.PLAIN:
            return int(super().send(data, do_close=do_close))
        try:
            with self._tls_lock:
                if self._stage is not _Stage.SECURE:
                    return 0
                return int(self.socket.send(data))
        except _WAITS:
            return 0

    def handle_close(self) -> None:
        """Close, and release who waits to send."""
        self._take_leave()
        super().handle_close()

    def close(self) -> None:
        """Close."""
        self._take_leave()
        super().close()

    def _look(self) -> None:
        """Find out what the client speaks, and begin to speak that."""
        try:
            first = self.socket.recv(1, socket.MSG_PEEK)
            if first == _HANDSHAKE:
                context = self._identity.context(self.socket.getsockname()[0])
                self.socket = context.wrap_socket(
                    self.socket, server_side=True, do_handshake_on_connect=False
                )
        except BlockingIOError:
            return
        except OSError:
            first = b""
        if not first:
            self.handle_close()
        elif first == _HANDSHAKE:
            self._stage = _Stage.HANDSHAKE
        else:
            self.parser_class = _PlainParser
            self._stage = _Stage.PLAIN

    def _shake_hands(self) -> None:
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLWantWriteError:
            self._wants_write = True
        except (OSError, ValueError):  # clients that do not trust this server, or are too old for it
            self.handle_close()
        else:
            self._stage = _Stage.SECURE

    def _say_no_more(self) -> None:
        """Tell the client that nothing follows, inside of TLS and below it. Raises OSError where it is gone."""
        self._take_leave()
        self._stage = _Stage.LEFT
        socket.socket.shutdown(self.socket, socket.SHUT_WR)

    def _take_leave(self) -> None:
        """Say that nothing follows, so that the client knows that it has everything; wait for no reply."""
        with self._tls_lock:
            if self._stage is _Stage.SECURE:
                with suppress(OSError, ValueError):
                    self.socket.unwrap()
            self._stage = _Stage.CLOSED
