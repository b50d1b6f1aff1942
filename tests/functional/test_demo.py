"""``archiver demo``: the whole pipeline on this machine alone, the README's first command."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from servers.console import Console, fetch

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Console, str]:
    """A folder in which the demo has run, and what it said."""
    console = Console(tmp_path_factory.mktemp("demo"))
    return console, console.succeed("demo").out


def test_the_demo_ends_by_saying_how_to_open_the_result(demo: tuple[Console, str]) -> None:
    """The last lines name a bundle that exists, with the command that serves it."""
    console, out = demo
    match = re.search(r"(\S*archiver\S*|\S*python\S* \S*archiver\.pyz|\S+ -m archiver) serve (\S+\.tar)", out)
    assert match, out
    assert (console.folder / match[2]).is_file()
    assert match[2] in "\n".join(out.strip().splitlines()[-5:])


def _bundle(demo: tuple[Console, str]) -> Path:
    console, out = demo
    words = shlex.split(" ".join(out.split()), posix=False)
    return console.folder / next(word for word in reversed(words) if word.endswith(".tar"))


def test_the_demos_bundle_is_sound(demo: tuple[Console, str]) -> None:
    """What the demo made passes verify, and holds docs and an image."""
    console, _ = demo
    console.succeed("verify", _bundle(demo))


def test_the_demos_bundle_can_be_read(demo: tuple[Console, str]) -> None:
    """The demo's docs, search and image are served."""
    console, _ = demo
    with console.serving(_bundle(demo)) as server:
        assert server.contents["docs"]
        assert server.contents["images"]
        for site in server.contents["docs"]:
            assert b"<html" in fetch(site["url"]).lower()
        assert b"module" in server.get("/-/search.json?q=module").lower()


@pytest.mark.thorough
def test_the_demo_can_be_run_again(demo: tuple[Console, str]) -> None:
    """A second demo in the same place succeeds too."""
    console, _ = demo
    console.succeed("demo")
