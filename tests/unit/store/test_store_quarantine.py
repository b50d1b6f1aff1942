"""What the guard refused is on disk by run and source, and read back checked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from archiver.core.capture import Capture
from archiver.core.errors import InvalidDocument, NotArchived, RecordCorrupt
from archiver.core.judgement import GONE, Judgement
from archiver.core.refusal import Refusal
from archiver.store.paths import create_archive
from archiver.store.quarantine import (
    drop_refusals,
    list_quarantine,
    read_refusal,
    read_refused_captures,
    refused_sources,
    write_refusal,
    write_refused_captures,
)

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.paths import ProjectPaths

RUN, LATER = "20261123T004400Z", "20261124T004400Z"
CAPTURE = Capture(
    "http://a/1", "20260101000000", "text/html", "200", "sha256:1", "docs", "page", "<urn:uuid:1>"
)


@pytest.fixture
def paths(tmp_path: Path) -> ProjectPaths:
    return create_archive(tmp_path / "archives").project("p")


def _refuse(paths: ProjectPaths, run: str, source: str) -> Refusal:
    other = replace(CAPTURE, url="http://a/0")
    count, digest = write_refused_captures(paths, run, source, [CAPTURE, other])
    refusal = Refusal(run, Judgement(source, GONE), {}, captures=count, captures_digest=digest)
    write_refusal(paths, refusal)
    return refusal


def test_what_was_refused_is_found_by_run_and_source(paths: ProjectPaths) -> None:
    """Runs oldest first, sources sorted, captures in the order of their index; other entries are passed over."""
    assert list_quarantine(paths) == refused_sources(paths, RUN) == ()
    later, docs, api = _refuse(paths, LATER, "docs"), _refuse(paths, RUN, "docs"), _refuse(paths, RUN, "api")
    (paths.quarantine / "notes").mkdir()
    assert list_quarantine(paths) == (RUN, LATER)
    assert refused_sources(paths, RUN) == ("api", "docs")
    assert [read_refusal(paths, RUN, name) for name in ("api", "docs")] == [api, docs]
    assert [each.url for each in read_refused_captures(paths, later)] == ["http://a/0", "http://a/1"]


def test_images_and_files_have_no_captures(paths: ProjectPaths) -> None:
    """Their record says all."""
    refusal = Refusal(RUN, Judgement("images", GONE), {})
    write_refusal(paths, refusal)
    assert list(read_refused_captures(paths, read_refusal(paths, RUN, "images"))) == []


@pytest.mark.parametrize(
    ("run", "source"), [(RUN, "none"), (LATER, "docs"), ("../snapshots", "docs"), (RUN, "../docs")]
)
def test_what_is_not_there_is_told(paths: ProjectPaths, run: str, source: str) -> None:
    """Another run or source, or what is no name of one: NotArchived, and nothing outside is read."""
    _refuse(paths, RUN, "docs")
    with pytest.raises(NotArchived):
        read_refusal(paths, run, source)


def test_damage_is_found_when_it_is_read(paths: ProjectPaths) -> None:
    """A record that is no record, an index that is another one or missing."""
    refusal = _refuse(paths, RUN, "docs")
    index = paths.refused_captures(RUN, "docs")
    index.write_bytes(index.read_bytes()[:-1])
    with pytest.raises(RecordCorrupt, match="not the one"):
        list(read_refused_captures(paths, refusal))
    index.unlink()
    with pytest.raises(RecordCorrupt, match="missing"):
        list(read_refused_captures(paths, refusal))
    paths.refusal(RUN, "docs").write_bytes(b"{}")
    with pytest.raises(InvalidDocument):
        read_refusal(paths, RUN, "docs")


def test_what_is_kept_of_a_run_is_removed_records_first(paths: ProjectPaths) -> None:
    """Temporary files of a killed writer as well; other runs stay, and what is no run's name is left alone."""
    _refuse(paths, RUN, "docs")
    _refuse(paths, LATER, "docs")
    (paths.quarantine / RUN / ".tmp-x").write_bytes(b"")
    drop_refusals(paths, RUN)
    drop_refusals(paths, RUN)
    drop_refusals(paths, "..")
    assert list_quarantine(paths) == (LATER,)
    assert not (paths.quarantine / RUN).exists()
