"""What this program calls itself, wherever it asks for something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.version import VERSION

if TYPE_CHECKING:
    from archiver.spec.model import Spec


def user_agent(spec: Spec) -> str:
    """Return the User-Agent that a spec's requests carry: the program, and whom to write to."""
    return f"archiver/{VERSION}" + (f" (+{spec.contact})" if spec.contact else "")
