"""The names by which the served registry has images."""

from __future__ import annotations

import pytest

from archiver.core.reference import Reference
from archiver.offline.pullname import pull_name

PIN = "sha256:" + "1" * 64


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("redis:7", "localhost:5000/docker.io/library/redis:7"),
        ("localhost:5001/a/b:1", "localhost:5000/localhost_5001/a/b:1"),
        ("[2001:db8::1]:5001/a:1", "localhost:5000/2001_db8__1_5001/a:1"),
        (f"quay.io/a@{PIN}", f"localhost:5000/quay.io/a@{PIN}"),
        (f"quay.io/a:1@{PIN}", f"localhost:5000/quay.io/a@{PIN}"),
    ],
)
def test_the_registry_is_the_first_component(reference: str, name: str) -> None:
    """The host comes in front, its port's colon written as an underscore; a digest goes before a tag."""
    assert pull_name(Reference.parse(reference), "localhost:5000") == name
