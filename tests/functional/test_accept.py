"""The keeper overrules the guard: ``archiver accept`` makes a snapshot of what was refused."""

from __future__ import annotations

import shutil
import signal
from contextlib import closing
from typing import TYPE_CHECKING, Callable

import pytest

from archiver.collect.accept import accept_refused
from archiver.collect.web.frontier import RunState
from archiver.core.errors import (
    EvidencePruned,
    NotArchived,
    NothingRefused,
    RecordCorrupt,
    RunUnfinished,
    UsageError,
)
from archiver.core.judgement import HEALTHY
from archiver.core.reportjson import read_report
from archiver.spec.load import load_spec
from archiver.store.images import read_index
from archiver.store.locks import locked
from archiver.store.quarantine import drop_refusals, read_refusal, read_refused_captures
from archiver.store.runs import note_begun
from archiver.store.snapshots import good_snapshot, list_snapshots, next_snapshot_id, read_snapshot
from servers.console import fetch
from servers.content import packed
from servers.dying import PAGES, TAGS, dying
from servers.stepping import killed_at

if TYPE_CHECKING:
    from archiver.core.snapshot import Snapshot
    from servers.console import Console
    from servers.dying import Dying

MOST = range(2, PAGES)  # all pages but two


def test_what_was_refused_becomes_the_view(world: Dying) -> None:
    """What came is in it, what did not is marked as gone; nothing is asked for, and the next run has no alarm."""
    world.run("docs")
    world.publish(2)
    world.take_down(*MOST)
    refused = world.run("docs")
    world.site.forget()
    accepted = accept_refused(world.archive, "sample", refused.id)
    assert world.site.targets() == []
    snapshot = accepted.snapshot
    assert (accepted.sources, accepted.again, snapshot.accepted) == (("docs",), False, refused.id)
    assert read_snapshot(world.paths, good_snapshot(world.paths)) == snapshot
    refusal = read_refusal(world.paths, refused.id, "docs")
    view = world.view(snapshot)
    assert sorted(view.values(), key=str) == sorted(read_refused_captures(world.paths, refusal), key=str)
    assert {url for url, each in view.items() if each.gone} == {f"/docs/{number}" for number in MOST}
    (judged,) = snapshot.judgements
    assert (judged.verdict, judged.since, judged.good) == (HEALTHY, "", snapshot.id)
    assert refused.id in judged.reason
    assert judged.peak == judged.alive == refused.judgements[0].alive
    assert snapshot.failures == ()
    assert (snapshot.sites[0].gone, snapshot.sites[0].pages) == (len(MOST), PAGES + 1)
    report = read_report(world.paths.report(snapshot.id).read_bytes(), what="report")
    assert (report.refused, report.sites[0].gone[0].total) == ((), len(MOST))
    later = world.run("docs")
    assert (later.verdict, later.failures) == (HEALTHY, ())
    assert {url for url, each in world.view(later).items() if each.gone} == {
        f"/docs/{number}" for number in MOST
    }


def test_other_sources_stay_as_the_newest_snapshot_has_them(world: Dying) -> None:
    """What was refused days ago is accepted into what there is by now."""
    world.run()
    world.take_down(*MOST)
    refused = world.run()
    world.registry.image("app:0", packed("another"))
    newest = world.run()
    snapshot = accept_refused(world.archive, "sample", refused.id).snapshot
    assert (snapshot.images, snapshot.files) == (newest.images, newest.files)
    assert snapshot.judgements[1:] == newest.judgements[1:]
    assert snapshot.judgements[0].verdict == HEALTHY


def test_images_are_accepted_with_the_names_that_they_have_in_the_layout(world: Dying) -> None:
    """A tag that was moved while others were withdrawn names its new image again."""
    world.run("images")
    moved = world.registry.image("app:0", packed("another"))
    for number in range(1, TAGS):
        world.registry.untag(f"app:{number}")
    refused = world.run("images")
    snapshot = accept_refused(world.archive, "sample", refused.id).snapshot
    digests = {each.reference: each.digest for each in snapshot.images}
    assert digests[f"{world.registry.host}/app:0"] == moved.digest
    assert [bool(each.gone) for each in snapshot.images].count(True) == TAGS - 1
    names = {
        entry.annotations["org.opencontainers.image.ref.name"]: str(entry.digest)
        for entry in read_index(world.archive.images)
        if entry.annotations
    }
    assert names == digests
    later = world.run("images")
    assert (later.verdict, later.failures) == (HEALTHY, ())


def test_what_is_accepted_is_handed_over_as_any_other_snapshot(console: Console) -> None:
    """The command says what it did and ends with 0; what it made can be bundled, verified, served and searched."""
    with dying(console.folder) as world:
        spec = world.spec()
        console.succeed("archive", spec)
        world.publish(2)
        world.take_down(*MOST)
        refused = console.run("archive", spec, "--json")
        assert refused.code == 4
        done = console.succeed("accept", "sample", refused.json["snapshot"])
        assert f"site docs: {PAGES + 1} pages ({len(MOST)} gone upstream)" in done.out
        again = console.succeed("accept", "sample", refused.json["snapshot"], "--json")
        _assert_status_tells_of(console, again.json["snapshot"], refused.json["snapshot"])
        assert (again.json["again"], again.json["sources"]) == (True, ["docs"])
        assert good_snapshot(world.paths) == again.json["snapshot"] == list_snapshots(world.paths)[-1]
        assert len(list_snapshots(world.paths)) == 3
        console.succeed("verify", "archives")
        bundle = console.succeed("bundle", "sample", "--json").json["path"]
        console.succeed("verify", bundle)
        assert "Page 7" in console.succeed("search", bundle, "Page 7").out
        with console.serving(bundle) as reader:
            assert b"<h1>Page 7</h1>" in fetch(f"{reader.docs('docs')}/7")
        assert console.succeed("archive", spec, "--json").json["verdict"] == "healthy"
        assert "accepted" not in console.succeed("status").out


def _assert_status_tells_of(console: Console, snapshot: str, refused: str) -> None:
    """Assert that nothing of the refused run is told as if it were so still."""
    status = console.succeed("status")
    (row,) = (line for line in status.out.splitlines() if line.endswith("sample"))
    assert row.startswith("healthy")
    assert " accepted " in row
    assert "could not be had" not in status.out
    told = console.succeed("status", "sample").out
    assert f"what was refused in {refused}, as snapshot {snapshot}" in told
    (document,) = console.succeed("status", "--json").json["projects"]
    assert (document["accepted"], document["health"]) == (snapshot, "healthy")


def test_accepting_twice_changes_nothing(world: Dying) -> None:
    """The second time says so, and writes no snapshot."""
    world.run("docs")
    world.take_down(*MOST)
    refused = world.run("docs")
    first = accept_refused(world.archive, "sample", refused.id)
    second = accept_refused(world.archive, "sample", refused.id)
    assert (second.snapshot, second.sources, second.again) == (first.snapshot, ("docs",), True)
    assert list_snapshots(world.paths)[-1] == first.snapshot.id


def test_a_first_run_that_was_refused_can_be_accepted(world: Dying) -> None:
    """Where there was never anything good, what came is the first view that there is."""
    world.site.answers.pop("/docs/")
    refused = world.run("docs", docs=[{"seeds": [world.site.url("/docs/"), world.site.url("/none")]}])
    snapshot = accept_refused(world.archive, "sample", refused.id).snapshot
    assert snapshot.verdict == HEALTHY
    assert good_snapshot(world.paths) == snapshot.id


def test_there_must_be_something_to_accept(world: Dying) -> None:
    """A healthy snapshot, one whose sources were healthy since, one that is not there: an error each, and no snapshot."""
    healthy = world.run("docs")
    with pytest.raises(NothingRefused, match="all its sources were healthy"):
        accept_refused(world.archive, "sample", healthy.id)
    world.take_down(*MOST)
    refused = world.run("docs")
    world.publish()
    world.run("docs")
    with pytest.raises(NothingRefused, match="healthy since"):
        accept_refused(world.archive, "sample", refused.id)
    with pytest.raises(NotArchived, match="no snapshot"):
        accept_refused(world.archive, "sample", "20200101T000000Z")
    assert len(list_snapshots(world.paths)) == 3


def test_the_beginning_of_an_id_will_do(world: Dying) -> None:
    """As for diff; only what was refused is meant, and named where that is nothing or several."""
    healthy = world.run("docs")
    world.take_down(*MOST)
    first = world.run("docs")
    assert accept_refused(world.archive, "sample", first.id[:-1]).snapshot.accepted == first.id
    world.publish()
    world.run("docs")
    world.take_down(*MOST)
    second = world.run("docs")
    with pytest.raises(UsageError, match="several") as several:
        accept_refused(world.archive, "sample", "2")
    assert several.value.hint == f"they are: {first.id}, {second.id}"
    for unknown in ("1999", ""):
        with pytest.raises(NotArchived, match=f"no snapshot '{unknown}'") as caught:
            accept_refused(world.archive, "sample", unknown)
        assert caught.value.hint == f"snapshots in which something was refused: {first.id}, {second.id}"
    with pytest.raises(NothingRefused) as nothing:
        accept_refused(world.archive, "sample", healthy.id)
    assert f"refused: {first.id}, {second.id}" in str(nothing.value.hint)


def test_evidence_that_was_pruned_or_is_damaged_cannot_be_accepted(world: Dying) -> None:
    """It is an error that says so; the last good snapshot stays the good one."""
    world.run("docs")
    world.take_down(*MOST)
    refused, later = world.run("docs"), world.run("docs")
    drop_refusals(world.paths, refused.id)
    with pytest.raises(EvidencePruned, match="not kept any more"):
        accept_refused(world.archive, "sample", refused.id)
    world.paths.refused_captures(later.id, "docs").write_bytes(b"damaged")
    with pytest.raises(RecordCorrupt):
        accept_refused(world.archive, "sample", later.id)
    assert good_snapshot(world.paths) == list_snapshots(world.paths)[-1] == later.id


def test_nothing_is_accepted_while_a_run_works_or_is_unfinished(console: Console) -> None:
    """The lock is held: exit 6. A run was begun and not finished: it is to be finished first, exit 2."""
    with dying(console.folder) as world:
        spec = world.spec("docs")
        console.succeed("archive", spec)
        world.take_down(*MOST)
        refused = console.run("archive", spec, "--json").json["snapshot"]
        with locked(world.paths.lock, "sample"):
            assert console.run("accept", "sample", refused).code == 6
        note_begun(world.paths, next_snapshot_id(world.paths))
        with pytest.raises(RunUnfinished):
            accept_refused(world.archive, "sample", refused)
        held = console.run("accept", "sample", refused)
        assert (held.code, "finish it first" in held.err) == (2, True)
        assert console.run("archive", spec).code == 4
        console.succeed("accept", "sample", refused)


def test_an_unfinished_run_that_is_older_than_a_snapshot_begins_anew(world: Dying) -> None:
    """Ids order snapshots: what was accepted, or came from elsewhere, is not followed by something older."""
    first = world.run("docs")
    with closing(RunState(world.paths.state)) as state:
        state.begin("20200101T000000Z", str(load_spec(world.spec("docs")).digest))
    second = world.run("docs")
    assert second.id > first.id
    assert any("beginning anew" in note for note in world.progress.notes)


_ACCEPT = """
from pathlib import Path
from archiver.collect.accept import accept_refused
from archiver.store.paths import open_archive
accept_refused(open_archive(Path(sys.argv[3])), "sample", sys.argv[4])
"""


@pytest.mark.thorough
def test_killed_at_any_step_it_is_to_be_called_again(world: Dying) -> None:
    """The good snapshot is the last good one or the accepted one, whole each time; calling again comes to the same."""
    first = world.run()
    world.publish(2)
    world.take_down(*MOST)
    for number in range(1, TAGS):
        world.registry.untag(f"app:{number}")
    refused = world.run()
    wanted = {
        each.record
        for each in read_refused_captures(world.paths, read_refusal(world.paths, refused.id, "docs"))
    }
    archive, kept = world.folder / "archives", world.folder / "kept"
    shutil.copytree(archive, kept)
    step, code = 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        shutil.rmtree(archive)
        shutil.copytree(kept, archive)
        code = killed_at(step, "", _ACCEPT, archive, refused.id)
        good = read_snapshot(world.paths, good_snapshot(world.paths))
        assert refused.id in (good.id, good.accepted)
        before = {each.record for each in world.view(good).values()}
        assert before == (wanted if good.accepted else {each.record for each in world.view(first).values()})
        again = accept_refused(world.archive, "sample", refused.id)
        assert again.sources == ("docs", "images")
        assert {each.record for each in world.view(again.snapshot).values()} == wanted
        assert good_snapshot(world.paths) == again.snapshot.id
        assert [each.accepted for each in map(_record(world), list_snapshots(world.paths))].count(
            refused.id
        ) == 1
        step += 1
    assert code == 0
    assert step > 15


def _record(world: Dying) -> Callable[[str], Snapshot]:
    return lambda name: read_snapshot(world.paths, name)
