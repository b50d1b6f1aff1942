"""The process in which documents are read: requests come on standard input, answers go to standard output.

A request is two lengths (``REQUEST_HEAD``), a JSON object and the document's bytes; an answer is one length
(``ANSWER_HEAD``) and a JSON object: ``Document``'s form, or ``{"error": "..."}``. The process ends with its input.
"""

from __future__ import annotations

import json
import signal
import sys
from contextlib import suppress
from typing import IO

from archiver.collect.web.documents.document import ANSWER_HEAD, REQUEST_HEAD
from archiver.collect.web.documents.read import READERS

MEMORY = 2 << 30
"""Bytes of address space that a worker may use: a document that needs more is given up, not the machine."""


def main() -> None:
    """Answer requests until there are none left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the crawl ends us
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on every system

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer the requests of one stream on another, one after the other."""
    while len(head := requests.read(REQUEST_HEAD.size)) == REQUEST_HEAD.size:
        about, size = REQUEST_HEAD.unpack(head)
        arguments: dict[str, str] = json.loads(requests.read(about))
        answer = _answer(requests.read(size), arguments)
        answers.write(ANSWER_HEAD.pack(len(answer)) + answer)
        answers.flush()


def _answer(payload: bytes, arguments: dict[str, str]) -> bytes:
    try:
        return READERS[arguments.pop("form")](payload, **arguments).to_json()
    except Exception as error:  # noqa: BLE001 - documents are not trusted; the crawl tells of whatever it was
        return json.dumps({"error": f"{type(error).__name__}: {error}"}).encode()


if __name__ == "__main__":
    main()
