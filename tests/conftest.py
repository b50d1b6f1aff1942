"""Fixtures that several test modules share; what they start lives under tests/servers/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator

import pytest

from servers.console import HASTY, Console
from servers.dying import Dying, dying
from servers.real import Images, Registry, Site, docker_registry, fill, nginx, python_docs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """The program, in an empty folder."""
    return Console(tmp_path)


@pytest.fixture
def hasty(tmp_path: Path) -> Console:
    """The program, in an empty folder, that hardly waits before it asks again."""
    return Console(tmp_path, HASTY)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dying]:
    """A site, a registry and downloads, all of them well."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with dying(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def python_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Python's documentation, 530 pages, served by nginx."""
    with nginx(python_docs(), tmp_path_factory.mktemp("nginx")) as site:
        yield site


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """An empty registry that wants no credentials."""
    with docker_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="session")
def images(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """The registry, filled with three real images that share layers."""
    return fill(registry, tmp_path_factory.mktemp("images"))
