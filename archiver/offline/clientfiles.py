"""The files by which container clients are told to pull from another registry, as text.

Sources: containerd's docs/hosts.md (``hosts.toml``); containers-registries.conf(5); dockerd's ``daemon.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Sequence

CONTAINERD_HOSTS = "/etc/containerd/certs.d"
"""Where containerd is usually told to look for ``hosts.toml``, in a folder for each registry."""
EVERY_REGISTRY = "_default"
"""The folder there for registries that have none of their own (containerd 1.5 and later)."""
CONTAINERD_SETTINGS = f"""\
# where the file says version = 2 (containerd 1.x)
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{CONTAINERD_HOSTS}"

# where it says version = 3 (containerd 2.x)
[plugins."io.containerd.cri.v1.images".registry]
  config_path = "{CONTAINERD_HOSTS}"
"""
"""One of these two tables goes into /etc/containerd/config.toml for that."""


@dataclass(frozen=True)
class Endpoint:
    """How a registry is spoken to.

    Attributes:
        address: ``scheme://host:port``, without a final slash.
        path: the path below ``/v2/`` that stands before every name; empty for none.
        authority: the file, beside the settings, that has the certificate of the authority to trust; empty for none.
        verify: whether certificates are checked.
    """

    address: str
    path: str = ""
    authority: str = ""
    verify: bool = True


def host_table(endpoint: Endpoint) -> str:
    """Return the table of ``hosts.toml`` by which containerd pulls from an endpoint."""
    path = f"/v2/{endpoint.path}" if endpoint.path else ""
    lines = [f'[host."{endpoint.address}{path}"]', '  capabilities = ["pull", "resolve"]']
    if path:
        lines.append("  override_path = true")
    if endpoint.authority:
        lines.append(f'  ca = "{endpoint.authority}"')
    if not endpoint.verify:
        lines.append("  skip_verify = true")
    return "\n".join(lines) + "\n"


def hosts_folder(registry: str) -> str:
    """Return the folder of a registry's ``hosts.toml``: containerd also takes this one, without a colon in its name."""
    name, colon, port = registry.rpartition(":")
    return f"{name}_{port}_" if colon and port.isdigit() else registry


def mirror_table(prefix: str, location: str, *, insecure: bool) -> str:
    """Return the tables of registries.conf by which Podman and CRI-O look for names elsewhere first.

    Args:
        prefix: what the names begin with: a registry's host, or more.
        location: host and path that stand for it.
        insecure: whether that one is spoken to without TLS, or without checking certificates.
    """
    lines = ["[[registry]]", f'prefix = "{prefix}"', f'location = "{prefix}"']
    lines += ["[[registry.mirror]]", f'location = "{location}"']
    return "\n".join([*lines, *(["insecure = true"] if insecure else [])]) + "\n"


def docker_daemon(insecure: Sequence[str], mirrors: Sequence[str]) -> str:
    """Return Docker's ``daemon.json``; empty where there is nothing to say.

    Args:
        insecure: registries (host and port) that need not speak TLS.
        mirrors: addresses that are asked first for the images of Docker Hub, the only ones that Docker has mirrors for.
    """
    document = {"insecure-registries": list(insecure), "registry-mirrors": list(mirrors)}
    said = {name: value for name, value in document.items() if value}
    return json.dumps(said, indent=2) + "\n" if said else ""
