"""What the guard refuses goes to quarantine and not into the view; what vanishes one by one stays in it, marked."""

from __future__ import annotations

import shutil
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from archiver.collect.asking import DUE
from archiver.core.judgement import DEGRADED, GONE, HEALTHY
from archiver.core.reportjson import read_report
from archiver.store.images import read_index
from archiver.store.quarantine import (
    list_quarantine,
    read_refusal,
    read_refused_captures,
    refused_sources,
)
from archiver.store.snapshots import good_snapshot, list_snapshots, read_snapshot
from servers.console import fetch
from servers.content import packed
from servers.dying import PAGES, TAGS, dying, words
from servers.site import Reply, html
from servers.stepping import killed_at

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from servers.console import Console
    from servers.dying import Dying

MOST = range(2, PAGES)  # all pages but two


def _entries(captures: dict[str, Capture]) -> list[str]:
    return sorted(each.to_cdxj() for each in captures.values())


def test_a_site_that_is_taken_down_contributes_nothing(world: Dying) -> None:
    """The view has the very entries that it had; what came is in quarantine, with the reason, and the report tells it."""
    first = world.run("docs")
    world.publish(2)
    world.take_down(*MOST)
    second = world.run("docs")
    (judged,) = second.judgements
    assert (judged.verdict, judged.good, judged.since) == (DEGRADED, first.id, judged.checked)
    assert judged.reason
    assert 0 < len(judged.examples) <= 3
    assert set(judged.examples) <= {world.url(number) for number in MOST}
    assert _entries(world.view(second)) == _entries(world.view(first))
    assert (second.sites[0].pages, second.sites[0].carried) == (PAGES + 1, second.captures)
    assert list_quarantine(world.paths) == (second.id,)
    assert refused_sources(world.paths, second.id) == ("docs",)
    refusal = read_refusal(world.paths, second.id, "docs")
    assert refusal.judgement == judged
    assert refusal.evidence["asked"]
    refused = {each.url: each for each in read_refused_captures(world.paths, refusal)}
    known = {each.record for each in world.view(first).values()}
    came = {each.url for each in refused.values() if each.record not in known}
    assert {world.url(0), world.url(1), world.site.url("/docs/")} <= came
    assert not came & {world.url(number) for number in MOST}
    assert all(refused[world.url(number)].gone for number in MOST)
    report = read_report(world.paths.report(second.id).read_bytes(), what="report")
    assert report.refused == (judged,)
    assert judged.examples[0] in world.paths.report_page(second.id).read_text("utf-8")


def test_a_site_that_comes_back_is_healthy_after_one_run(world: Dying) -> None:
    """While it is gone the date since when stays; then all is captured anew, and nothing was lost in between."""
    first = world.run("docs")
    answers = dict(world.site.answers)
    world.site.answers.clear()
    second, third = world.run("docs"), world.run("docs")
    assert [each.judgements[0].verdict for each in (second, third)] == [GONE, GONE]
    assert third.judgements[0].since == second.judgements[0].since == second.judgements[0].checked
    assert _entries(world.view(third)) == _entries(world.view(first))
    assert list_quarantine(world.paths) == (second.id, third.id)
    world.site.answers.update(answers)
    fourth = world.run("docs")
    (judged,) = fourth.judgements
    assert (judged.verdict, judged.since, judged.good) == (HEALTHY, "", fourth.id)
    known = {each.record for each in world.view(first).values()}
    assert not known & {each.record for each in world.view(fourth).values()}
    assert fourth.failures == ()
    assert not any(each.gone for each in world.view(fourth).values())
    assert list_quarantine(world.paths) == (second.id, third.id)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"gone", 404),
        Reply(b"gone", 410),
        Reply(b"", 301, headers=(("Location", "/docs/"),)),
        Reply(
            b"<title>Notice</title><h1>Notice</h1><p>This documentation has been taken down and is no longer available."
        ),
    ],
    ids=["404", "410", "front page", "notice"],
)
def test_a_page_that_vanishes_alone_keeps_its_last_good_capture(world: Dying, reply: Reply) -> None:
    """It is in the view, marked since when upstream has it no longer: told as a failure once, and then known."""
    before = world.view(world.run("docs"))["/docs/3"]
    world.take_down(3, reply=reply)
    second = world.run("docs")
    assert second.verdict == HEALTHY
    assert [failure.subject for failure in second.failures] == [world.url(3)]
    kept = world.view(second)["/docs/3"]
    assert (kept.record, kept.digest, kept.status, kept.timestamp) == (
        before.record,
        before.digest,
        "200",
        before.timestamp,
    )
    assert before.timestamp <= kept.gone
    assert (second.sites[0].gone, second.sites[0].pages) == (1, PAGES + 1)
    third = world.run("docs")
    assert (third.failures, third.broken_links) == ((), ())
    assert world.view(third)["/docs/3"] == kept
    report = read_report(world.paths.report(third.id).read_bytes(), what="report")
    assert [(each.reason, each.total) for each in report.sites[0].gone] == [("gone upstream", 1)]
    assert report.missing == 0
    world.restore(3)
    back = world.view(world.run("docs"))["/docs/3"]
    assert (back.gone, back.digest) == ("", before.digest)
    assert back.record != before.record


def test_a_page_that_fails_is_carried_and_not_called_gone(world: Dying) -> None:
    """What is refused, or answers nothing sensible, says nothing about the page: it is a failure each time."""
    world.run("docs")
    world.take_down(3, reply=Reply(b"not for you", 403))
    for _ in range(2):
        snapshot = world.run("docs")
        assert snapshot.verdict == HEALTHY
        assert [failure.subject for failure in snapshot.failures] == [world.url(3)]
        assert world.view(snapshot)["/docs/3"].gone == ""
        assert snapshot.sites[0].carried == 1


def test_a_page_that_moves_within_the_site_is_replaced_by_its_redirect(world: Dying) -> None:
    """Its content is at its new place, where its old address leads."""
    world.run("docs")
    world.site.answers["/docs/new"] = world.site.answers["/docs/3"]
    world.take_down(3, reply=Reply(b"", 301, headers=(("Location", "/docs/new"),)))
    snapshot = world.run("docs")
    view = world.view(snapshot)
    assert (snapshot.failures, snapshot.sites[0].gone) == ((), 0)
    assert (view["/docs/3"].status, view["/docs/new"].status) == ("301", "200")


def test_a_first_run_that_got_nothing_has_nothing_to_keep(console: Console) -> None:
    """A seed that never answered is a failure, exit 3, and no last good copy is kept; what came is in quarantine."""
    with dying(console.folder) as world:
        world.site.answers.clear()
        outcome = console.run("archive", world.spec("docs"), "--json")
        assert outcome.code == 3
        (judged,) = outcome.json["judgements"]
        assert (judged["verdict"], judged["good"]) == ("gone", "")
        assert list_quarantine(world.paths) == (outcome.json["snapshot"],)
        assert not world.paths.good.exists()
        world.publish()
        assert console.run("archive", world.spec("docs"), "--json").json["verdict"] == "healthy"


def test_one_source_that_dies_does_not_hold_up_the_others(world: Dying) -> None:
    """The dead site's entries stay, images and files are today's; each source has a verdict of its own."""
    first = world.run()
    assert [each.source for each in first.judgements] == ["docs", "images", "files"]
    world.publish(2)
    world.take_down(*MOST)
    second = world.run()
    assert [each.verdict for each in second.judgements] == [DEGRADED, HEALTHY, HEALTHY]
    assert _entries(world.view(second)) == _entries(world.view(first))
    assert not {each.digest for each in second.images} & {each.digest for each in first.images}
    assert not {each.digest for each in second.files} & {each.digest for each in first.files}


@pytest.mark.parametrize("how", ["no connection", "no such name"])
def test_a_host_that_is_not_there_any_more_takes_nothing_along(
    world: Dying, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Its machine is off, or its name is nobody's: gone, said so, and all of it is kept."""
    first = world.run("docs")
    good = _entries(world.view(first))
    if how == "no connection":
        world.site.close()
    else:

        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
    refused = world.run("docs")
    (judged,) = refused.judgements
    assert (judged.verdict, judged.good) == (GONE, first.id)
    assert "on a host that cannot be reached" in judged.reason
    assert 0 < len(judged.examples) <= 3
    assert _entries(world.view(refused)) == good


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        pytest.param(Reply(b"gone", 404), "gone", id="404"),
        pytest.param(html(text="<main><h1>Book</h1><p>Soon.</main>"), "degraded", id="no text left"),
    ],
)
def test_a_manual_of_one_page_is_refused_without_that_page(world: Dying, reply: Reply, verdict: str) -> None:
    """However small a site is: what there is of it is all that there is to lose."""
    world.site.answers.clear()
    world.site.answers["/docs/"] = html(text=f"<main><h1>Book</h1><p>{words(1)}</p></main>")
    first = world.run("docs")
    good = _entries(world.view(first))
    world.site.answers["/docs/"] = reply
    refused = world.run("docs")
    assert [each.verdict for each in refused.judgements] == [verdict]
    assert _entries(world.view(refused)) == good


def test_images_that_are_withdrawn_together_are_refused_together(world: Dying) -> None:
    """All tags mean what they meant, in the view and in the layout, one that was moved in the same run as well."""
    first = world.run("images")
    moved = world.registry.image("app:0", packed("another"))
    for number in range(1, TAGS):
        world.registry.untag(f"app:{number}")
    second = world.run("images")
    (judged,) = second.judgements
    assert judged.verdict in (DEGRADED, GONE)
    digests = {each.reference: each.digest for each in first.images}
    assert {each.reference: each.digest for each in second.images} == digests
    assert all(each.carried for each in second.images)
    names = {
        entry.annotations["org.opencontainers.image.ref.name"]: str(entry.digest)
        for entry in read_index(world.archive.images)
        if entry.annotations
    }
    assert names == digests
    refusal = read_refusal(world.paths, second.id, "images")
    assert moved.digest in {each.digest for each in refusal.images}
    third = world.run("images")
    assert third.judgements[0].verdict == judged.verdict
    assert third.judgements[0].since == judged.since
    assert {each.reference: each.digest for each in third.images} == digests


def test_files_that_are_withdrawn_together_are_refused_together(world: Dying) -> None:
    """A file that was replaced in the same run stays as it was."""
    first = world.run("files")
    world.publish(2)
    for number in range(1, 4):
        world.site.answers[f"/files/{number}.tgz"] = Reply(b"gone", 404)
    second = world.run("files")
    assert second.judgements[0].verdict != HEALTHY
    assert [each.digest for each in second.files] == [each.digest for each in first.files]
    assert len(read_refusal(world.paths, second.id, "files").files) == 4


def test_a_tag_that_vanishes_alone_is_healthy_and_told_once(world: Dying) -> None:
    """It is a failure in the run that finds it out; the next one knows."""
    world.run("images")
    world.registry.untag("app:1")
    name = f"{world.registry.host}/app:1"
    second = world.run("images")
    assert second.verdict == HEALTHY
    assert [failure.subject for failure in second.failures] == [name]
    third = world.run("images")
    assert (third.verdict, third.failures) == (HEALTHY, ())
    gone = {each.reference: each.gone for each in third.images}
    assert [reference for reference, since in gone.items() if since] == [name]
    assert gone == {each.reference: each.gone for each in second.images}


def test_what_is_not_due_is_taken_over_as_it_is(world: Dying) -> None:
    """Nothing is asked for; entries, judgements, failures and what was reported stay, and nothing counts as carried."""
    world.take_down(3, reply=Reply(b"not for you", 403))
    first = world.run()
    world.site.forget()
    asked = len(world.registry.asked)
    second = world.run(asking=DUE)
    assert (world.site.targets(), len(world.registry.asked)) == ([], asked)
    assert second.judgements == first.judgements
    assert _entries(world.view(second)) == _entries(world.view(first))
    assert (second.images, second.files) == (first.images, first.files)
    assert second.failures == first.failures
    site = second.sites[0]
    assert (site.not_due, site.carried, site.fetched, site.pages) == (
        first.captures,
        0,
        0,
        first.sites[0].pages,
    )
    then, now = (
        read_report(world.paths.report(each.id).read_bytes(), what="report") for each in (first, second)
    )
    assert now.sites[0].failed == then.sites[0].failed
    assert now.missing == then.missing


def test_a_source_that_was_refused_or_changed_is_asked_again_at_once(world: Dying) -> None:
    """However recently it was asked: a site that is not healthy, and one of which the spec asks something else."""
    world.run("docs", "files")
    world.take_down(*MOST)
    refused = world.run("docs", "files")
    world.site.forget()
    again = world.run("docs", "files", asking=DUE)
    assert again.judgements[1] == refused.judgements[1]
    asked = world.site.targets()
    assert asked
    assert not [target for target in asked if target.startswith("/files/")]
    world.site.forget()
    world.run("docs", asking=DUE, files=[{"url": world.site.url("/files/1.tgz")}])
    assert "/files/1.tgz" in world.site.targets()


def test_a_refused_snapshot_is_bundled_served_and_verified_like_any_other(console: Console) -> None:
    """Exit 4, the summary says why; readers get the last good pages, and are told the verdict."""
    with dying(console.folder) as world:
        spec = world.spec()
        console.succeed("archive", spec)
        world.take_down(*MOST)
        refused = console.run("archive", spec)
        assert refused.code == 4
        assert "docs is DEGRADED" in refused.out
        assert "archiver accept sample 2" in refused.out
        console.succeed("verify", "archives")
        bundled = console.succeed("bundle", "sample", "--json").json
        assert [(one["source"], one["verdict"]) for one in bundled["alarms"]] == [("docs", "degraded")]
        bundle = bundled["path"]
        assert "docs is DEGRADED since 2" in console.succeed("bundle", "sample").out
        console.succeed("verify", bundle)
        for served in ("archives", bundle):
            with console.serving(served) as reader:
                assert b"<h1>Page 7</h1>" in fetch(f"{reader.docs('docs')}/7")
                landing = reader.get("/")
                assert b"in trouble at the last visit" in landing
                assert b"1 source kept as before" in landing


_ARCHIVE = """
from pathlib import Path
import threading
from archiver.collect.run import archive_project
from archiver.spec.load import load_spec
from archiver.store.paths import open_archive
archive_project(load_spec(Path(sys.argv[3])), open_archive(Path(sys.argv[4])), stop=threading.Event())
"""


@pytest.mark.thorough
def test_killed_at_any_step_of_a_refusal_nothing_is_lost(world: Dying) -> None:
    """From the first byte in quarantine to the end: the good snapshot is whole each time, and the next run refuses again."""
    first = world.run()
    good = _entries(world.view(first))
    world.publish(2)
    world.take_down(*MOST)
    for number in range(1, TAGS):
        world.registry.untag(f"app:{number}")
    spec, archive = world.spec(), world.folder / "archives"
    kept = world.folder / "kept"
    shutil.copytree(archive, kept)
    step, code = 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        shutil.rmtree(archive)
        shutil.copytree(kept, archive)
        code = killed_at(step, "quarantine", _ARCHIVE, spec, archive)
        newest = read_snapshot(world.paths, good_snapshot(world.paths))
        assert _entries(world.view(newest)) == good
        for name in list_snapshots(world.paths):  # whoever finds a snapshot finds what it refused
            for judged in read_snapshot(world.paths, name).judgements:
                if judged.verdict != HEALTHY:
                    list(read_refused_captures(world.paths, read_refusal(world.paths, name, judged.source)))
        if step % 4 == 0:
            again = world.run()
            assert [each.verdict == HEALTHY for each in again.judgements] == [False, False, True]
            assert _entries(world.view(again)) == good
            assert refused_sources(world.paths, again.id) == ("docs", "images")
            assert not list(archive.rglob("sample/quarantine/**/.tmp-*"))
        step += 1
    assert code == 0
    assert step > 20
