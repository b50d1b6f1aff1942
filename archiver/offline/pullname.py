"""The names by which the served registry has images, whatever registry they came from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archiver.core.reference import Reference


def pull_name(reference: Reference, netloc: str) -> str:
    """Return the name by which any client pulls an image from a server.

    Args:
        reference: the image. Where it has a digest that is asked for, since a tag beside it may point elsewhere.
        netloc: the server's host, and its port where it is not the default one.
    """
    mark = "@" if reference.digest else ":"
    return f"{netloc}/{host_component(reference.registry)}/{reference.repository}{mark}{reference.selector}"


def host_component(registry: str) -> str:
    """Return how a registry's host is written as the first component of an image's name.

    ``registry.example:5000`` is ``registry.example_5000``. The grammar of names has neither colons nor brackets.
    """
    return re.sub(r"_{2,}", "__", registry.replace(":", "_").strip("[").replace("]", "")).strip("_").lower()
