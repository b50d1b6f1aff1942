"""nginx, with whatever it is to serve or to stand in front of."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Iterator

from servers.processes import accepts, need, running, wait_until, with_daemons

if TYPE_CHECKING:
    from pathlib import Path

_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
{user}
events {{ worker_connections 256; }}
http {{
    log_format path '$request_method $status $request_uri';
    log_format size '$body_bytes_sent';
    access_log off;
    client_body_temp_path {folder}/temp;
    proxy_temp_path {folder}/temp;
    fastcgi_temp_path {folder}/temp;
    uwsgi_temp_path {folder}/temp;
    scgi_temp_path {folder}/temp;
{servers}
}}
"""


@contextlib.contextmanager
def fronting(folder: Path, servers: str, *ports: int) -> Iterator[None]:
    """Run nginx with ``server`` blocks while the block lasts.

    Args:
        folder: a place for its files.
        servers: the blocks, as nginx reads them.
        ports: loopback ports that it is ready when it listens at.
    """
    need("nginx")
    folder.mkdir(parents=True, exist_ok=True)
    user = f"user {_user_name()};" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, user=user, servers=servers))
    command = ["nginx", "-c", str(config), "-p", str(folder), "-e", str(folder / "error.log")]
    with running(command, log=folder / "nginx.log", env=with_daemons()) as process:
        wait_until(lambda: all(accepts(port) for port in ports), process, what="nginx")
        yield


def _user_name() -> str:
    import pwd  # noqa: PLC0415 - POSIX only, as nginx's user directive

    return pwd.getpwuid(os.geteuid()).pw_name
