"""A network between a crawler and a server on the same machine: everything comes some time after it was sent.

Run as ``python delaying_proxy.py PORT SECONDS``: relays connections to a port of 127.0.0.1, each answer SECONDS after
the server gave it; prints its own port. It takes as many connections as come, and slows none of them down beyond that.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

_CHUNK = 1 << 16


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Write what is read, each piece after the delay, until the other side ends."""
    loop = asyncio.get_running_loop()
    last = loop.time()
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            last = max(last, loop.time() + delay)  # in their order, whatever the timers' resolution is
            loop.call_at(last, writer.write, data)
        await asyncio.sleep(max(0.0, last - loop.time()))
    writer.close()


async def main(port: int, delay: float) -> None:
    """Relay until stopped."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(relay(reader, back, 0), relay(there, writer, delay))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
