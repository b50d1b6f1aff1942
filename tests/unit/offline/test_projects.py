"""Tests of the snapshots of a project, as an archive folder and a bundle have them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from archiver.bundle.build import build_bundle
from archiver.core.errors import NotArchived
from archiver.core.progress import NullProgress
from archiver.core.urlkey import surt_key
from archiver.offline.opening import open_projects
from archiver.store.snapshots import set_good
from servers.small_archive import SITE, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.holdings import Project

FIRST, SECOND = "20260201T120000Z", "20260301T120000Z"


@pytest.fixture
def made(tmp_path: Path) -> ArchiveBuilder:
    """A project with two snapshots; the second one has a page more, and another text of the first one's page."""
    made = ArchiveBuilder(tmp_path / "archives")
    made.page(f"{SITE}/", html("Home", "February"), timestamp="20260201120001")
    made.finish(FIRST)
    made.captures.clear()
    made.page(f"{SITE}/", html("Home", "March"))
    for number in range(300):
        made.page(f"{SITE}/p/{number:03}.html", html(str(number), "text"))
    made.finish(SECOND)
    return made


def _only(path: Path) -> Project:
    (project,) = open_projects(path)
    return project


def test_an_archive_has_all_its_snapshots_and_a_good_one(made: ArchiveBuilder) -> None:
    """Oldest first; which one is read by default is told by the archive, not by the dates."""
    project = _only(made.archive.root)
    assert project.snapshots() == (FIRST, SECOND)
    assert project.newest() == SECOND
    set_good(made.paths, FIRST)
    assert project.newest() == FIRST
    with closing(project.open(SECOND)) as holding:
        assert holding.snapshot == SECOND
    with pytest.raises(NotArchived):
        project.open("20250101T000000Z")


def test_a_url_is_looked_up_in_a_snapshot_that_is_not_open(made: ArchiveBuilder) -> None:
    """Its captures there; nothing where it has none, or where the index is damaged, until that is repaired."""
    project = _only(made.archive.root)
    key = surt_key(f"{SITE}/")
    assert [one.timestamp for one in project.look_up(FIRST, key)] == ["20260201120001"]
    assert [one.timestamp for one in project.look_up(SECOND, key)] == ["20260301120001"]
    assert project.look_up(FIRST, surt_key(f"{SITE}/p/001.html")) == ()
    whole = made.paths.captures(SECOND).read_bytes()
    made.paths.captures(SECOND).write_bytes(b"\x1f\x8b damaged")
    again = _only(made.archive.root)
    assert again.look_up(SECOND, key) == ()
    made.paths.captures(SECOND).write_bytes(whole)
    assert len(again.look_up(SECOND, key)) == 1


def test_a_bundle_has_one_snapshot(made: ArchiveBuilder, tmp_path: Path) -> None:
    """It is the newest, and its captures are found."""
    output = tmp_path / "bundle.tar"
    build_bundle(made.archive, "small", snapshot=None, output=output, platforms=[], progress=NullProgress())
    project = _only(output)
    with closing(project):
        assert (project.snapshots(), project.newest()) == ((SECOND,), SECOND)
        assert [one.timestamp for one in project.look_up(SECOND, surt_key(f"{SITE}/"))] == ["20260301120001"]
        assert project.look_up(FIRST, surt_key(f"{SITE}/")) == ()
        with pytest.raises(NotArchived):
            project.open(FIRST)


@pytest.mark.parametrize("bundled", [False, True])
def test_neighbours_in_the_index_are_found_across_its_blocks(
    made: ArchiveBuilder, tmp_path: Path, *, bundled: bool
) -> None:
    """So many in front of a place and so many behind it, in order, whether or not there is such a key."""
    path = made.archive.root
    if bundled:
        path = tmp_path / "bundle.tar"
        build_bundle(made.archive, "small", snapshot=None, output=path, platforms=[], progress=NullProgress())
    project = _only(path)
    with closing(project.open(SECOND)) as holding:
        (site,) = holding.sites

        def near(url: str, before: int, after: int) -> list[str]:
            return [capture.url[len(SITE) :] for capture in site.captures_near(surt_key(url), before, after)]

        assert near(f"{SITE}/p/150x.html", 2, 1) == ["/p/149.html", "/p/150.html", "/p/151.html"]
        assert near(f"{SITE}/p/000.html", 5, 1) == ["/", "/p/000.html"]
        assert near(f"{SITE}/zzz", 1, 5) == ["/p/299.html"]
        assert near(f"{SITE}/p/15", 0, 400) == [f"/p/{number}.html" for number in range(150, 300)]
        assert len(near(f"{SITE}/p/200.html", 400, 400)) == 301
