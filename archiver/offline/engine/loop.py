"""The loop that all connections live in, and the threads that answer.

One thread leads: it waits for all connections at once, reads from them, and answers what came in itself, right away, for
most answers take less than waking somebody else. An answer that takes longer costs the thread its lead: another goes
on with the loop, and who lost it joins those who wait for their turn once it is done.

Source: Schmidt and others, "Leader/Followers", in Pattern Languages of Program Design 4 (2000).
"""

from __future__ import annotations

import logging
import os
import selectors
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable, Sequence

import waitress.server
import waitress.wasyncore
from waitress.trigger import trigger

from archiver.offline.engine.channel import Channel
from archiver.offline.engine.parser import BODY_LIMIT, HEADER_LIMIT

if TYPE_CHECKING:
    import socket

    from archiver.offline.engine.answer import Application

_THREADS = 24  # at most; more than one only where answers take long
_LONG = 0.01  # seconds after which an answer costs the lead
_SWEEP = 1.0  # seconds between looking for clients that take too long
_MOST_CONNECTIONS = 1000
_SELECTABLE = 512  # sockets that Windows' select takes
_OTHER_FILES = 128  # file descriptors for what is not a connection
_SPARE_ROOM = 1 << 28  # bytes waiting for clients, all together, before the slowest are given up
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

# waitress reports disconnecting clients and what has been reported already.
logging.getLogger("waitress").addHandler(logging.NullHandler())
_LOGGER = logging.getLogger("waitress")


class Engine:
    """Serves an application on sockets until it is stopped.

    Args:
        sockets: bound; they listen when this returns, the last one last.
        application: answers requests; called from several threads.
        channel: makes a connection's Channel.
        scheme: what clients speak, ``http`` or ``https``.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        application: Application,
        *,
        channel: Callable[..., Channel] = Channel,
        scheme: str = "http",
    ) -> None:
        self._selector = selectors.DefaultSelector()
        self._map = _Waited(self._selector)
        self._wake = trigger(self._map)
        self._most = _most_connections() + 3 * len(sockets)
        self._tasks: deque[Channel] = deque()
        self._changed: deque[Any] = deque()  # what the selector is to wait for else than before
        self._swept = 0.0
        self._stopping = threading.Event()
        self._answering = threading.Event()  # lately
        self._lead = threading.Condition()  # guards what follows
        self._leader = 0
        self._answered: Channel | None = None  # by the leader
        self._answers_since = 0.0  # when it began to; 0 where it does not
        self._threads: list[threading.Thread] = []
        self._followers = 0
        waitress.server.create_server(
            application,
            map=self._map,
            _dispatcher=_Dispatcher(self._tasks),
            sockets=list(sockets),
            connection_limit=1 << 30,  # see _has_room
            recv_bytes=2 * HEADER_LIMIT,  # an oversized header is read, and its refusal not lost to a reset
            max_request_header_size=HEADER_LIMIT,
            max_request_body_size=BODY_LIMIT,
            inbuf_overflow=2 * BODY_LIMIT,  # never reached: there may be no place for a temporary file
            url_scheme=scheme,
            clear_untrusted_proxy_headers=False,  # the application knows whom to believe, see forwarded
            log_socket_errors=False,
        )
        for listener in self._map.values():
            if isinstance(listener, waitress.server.BaseWSGIServer):
                listener.channel_class = channel
        with self._lead:
            self._begin_thread()
        self._watchman = threading.Thread(target=self._watch, name="archiver-watch", daemon=True)
        self._watchman.start()

    def stop(self) -> None:
        """Close all connections; waits for answers under way, but not for long."""
        self._stopping.set()
        self._answering.set()
        self._wake.pull_trigger()
        with self._lead:
            self._lead.notify_all()
            threads = [*self._threads, self._watchman]
        deadline = time.monotonic() + 2
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for one in list(self._map.values()):
            if isinstance(one, Channel):
                with suppress(ValueError):  # an answer that somebody is still at
                    one.cancel()
        waitress.wasyncore.close_all(self._map)
        self._selector.close()

    def _work(self) -> None:
        """Follow, lead, answer: what each thread does."""
        me = threading.get_ident()
        while self._take_lead(me):
            while self._leader == me and not self._stopping.is_set():
                try:
                    self._turn(me)
                except Exception:
                    _LOGGER.exception("the loop failed")

    def _take_lead(self, me: int) -> bool:
        with self._lead:
            self._followers += 1
            while self._leader and not self._stopping.is_set():
                self._lead.wait()
            self._followers -= 1
            self._leader = self._leader or me
            return not self._stopping.is_set()

    def _turn(self, me: int) -> None:
        """Wait for something to happen, and see to it."""
        now = time.monotonic()
        if now - self._swept > _SWEEP:
            self._swept = now
            self._sweep()
        while self._changed:
            self._renew(self._changed.popleft())
        for key, events in self._selector.select(0 if self._tasks else _SWEEP):
            self._handle(key.data, events)
        if self._tasks and not self._answering.is_set():
            self._answering.set()
        for _ in range(len(self._tasks)):
            if not self._serve_one(me):
                return

    def _serve_one(self, me: int) -> bool:
        """Answer a request, and say whether this thread still leads."""
        channel = self._tasks.popleft()
        with self._lead:
            self._answered, self._answers_since = channel, time.monotonic()
        try:
            channel.service()
        except Exception:
            _LOGGER.exception("an answer failed")
            channel.will_close = True
        self._changed.append(channel)
        with self._lead:
            if self._leader == me:
                self._answers_since = 0.0
                return True
        self._wake.pull_trigger()
        return False

    def _watch(self) -> None:
        """Give the lead to another thread where the leader's answer takes long."""
        while not self._stopping.is_set():
            self._answering.wait()
            self._answering.clear()
            self._stopping.wait(_LONG)
            with self._lead:
                if not self._answers_since:
                    continue
                if time.monotonic() - self._answers_since < _LONG:
                    self._answering.set()  # look again
                    continue
                self._leader, self._answers_since = 0, 0.0
                self._changed.append(self._answered)  # the new leader must not read from it meanwhile
                if not self._followers and len(self._threads) < _THREADS:
                    self._begin_thread()
                self._lead.notify()

    def _begin_thread(self) -> None:
        name = f"archiver-serve-{len(self._threads)}"
        self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
        self._threads[-1].start()

    def _handle(self, one: Any, events: int) -> None:
        try:
            if events & _READ:
                one.handle_read_event()
            if events & _WRITE and one.socket is not None:
                one.handle_write_event()
        except Exception as error:
            if not isinstance(error, OSError):
                _LOGGER.exception("a connection failed")
            if not one.accepting:
                one.handle_close()
        self._changed.append(one)
        while self._map.arrived:
            self._changed.append(self._map.arrived.pop())

    def _renew(self, one: Any) -> None:
        """Have the selector wait for what a connection waits for."""
        if isinstance(one, Channel) and one.will_close:
            one.handle_close()
        if one.socket is None:
            return
        if one.accepting:
            wanted = _READ if self._has_room() else 0
        else:
            wanted = (_READ if one.readable() else 0) | (_WRITE if one.writable() else 0)
        self._map.wait_for(one, wanted)

    def _has_room(self) -> bool:
        """Say whether there can be one more connection, closing the one that has been idle for longest if need be."""
        if len(self._map) < self._most:
            return True
        idle = [one for one in self._map.values() if isinstance(one, Channel) and one.is_idle]
        if idle:
            min(idle, key=lambda channel: channel.last_activity).handle_close()
        return bool(idle)

    def _sweep(self) -> None:
        """Give up on clients that take too long, and on the slowest where too much waits for all of them."""
        now = time.time()
        channels = [one for one in self._map.values() if isinstance(one, Channel)]
        for channel in channels:
            channel.expire(now)
        waiting = sum(channel.total_outbufs_len for channel in channels)
        for channel in sorted(channels, key=lambda one: one.last_activity):
            if waiting <= _SPARE_ROOM:
                break
            channel.will_close = channel.will_close or channel.total_outbufs_len > 0
            waiting -= channel.total_outbufs_len
        self._changed.extend(self._map.values())


class _Waited(dict[int, Any]):
    """What waitress calls a map: all that is waited for, by file descriptor.

    Attributes:
        arrived: what is new in it.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        super().__init__()
        self._selector = selector
        self._events: dict[int, int] = {}
        self.arrived: list[Any] = []

    def __setitem__(self, number: int, one: Any) -> None:
        super().__setitem__(number, one)
        self.arrived.append(one)

    def __delitem__(self, number: int) -> None:
        super().__delitem__(number)
        if self._events.pop(number, 0):
            self._selector.unregister(number)

    def wait_for(self, one: Any, events: int) -> None:
        """Wait for these events from now on, of those that are here."""
        number = one.socket.fileno()
        before = self._events.get(number, 0)
        if events == before or self.get(number) is not one:
            return
        self._events[number] = events
        if not before:
            self._selector.register(number, events, one)
        elif events:
            self._selector.modify(number, events, one)
        else:
            self._selector.unregister(number)


class _Dispatcher:
    """Where waitress' connections say that they have a request to answer."""

    def __init__(self, tasks: deque[Channel]) -> None:
        self.add_task = tasks.append


def _most_connections() -> int:
    if os.name == "nt":
        return _SELECTABLE - _OTHER_FILES
    import resource  # noqa: PLC0415 - POSIX only

    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(_OTHER_FILES, min(_MOST_CONNECTIONS, allowed - _OTHER_FILES))
