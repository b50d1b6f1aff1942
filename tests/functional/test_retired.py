"""A source that is gone for good: the spec says so, and it is kept as it is and not asked any more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from archiver.collect.accept import accept_refused
from archiver.collect.asking import DUE, UNCONDITIONAL
from archiver.core.errors import SpecError
from archiver.core.judgement import GONE, HEALTHY
from archiver.core.reportjson import read_report
from archiver.spec.load import load_spec
from servers.content import packed
from servers.dying import FILES, PAGES, TAGS, dying
from servers.site import Reply

if TYPE_CHECKING:
    from servers.console import Console
    from servers.dying import Dying

_DEAD = Reply(b"gone", 404)


def _end_of_docs(world: Dying) -> None:
    """Let the doc site be gone, its front page with it."""
    world.site.answers["/docs/"] = _DEAD
    world.take_down(*range(PAGES))


def test_what_is_retired_is_not_asked_and_stays(world: Dying) -> None:
    """Whatever is asked for: its view, verdict and dates are as they were, and what lives on is refreshed."""
    good = world.run()
    _end_of_docs(world)
    dead = world.run()
    assert dead.verdict == GONE
    world.site.forget()
    moved = world.registry.image("app:0", packed("newer"))
    later = world.run(asking=UNCONDITIONAL, retired=["docs"])
    assert not [target for target in world.site.targets() if target.startswith("/docs")]
    assert world.view(later) == world.view(dead) == world.view(good)
    judged = later.judgement("docs")
    assert judged is not None
    assert (judged.verdict, judged.retired, judged.good, judged.is_alarm) == (GONE, True, good.id, False)
    assert (later.verdict, later.failures) == (HEALTHY, ())
    assert moved.digest in {str(image.digest) for image in later.images}


def test_images_and_files_retire_as_well(world: Dying) -> None:
    """With the registry and the downloads gone, what there is of them stays."""
    before = world.run()
    for number in range(TAGS):
        world.registry.untag(f"app:{number}")
    for number in range(FILES):
        world.site.answers[f"/files/{number}.tgz"] = _DEAD
    assert world.run().verdict == GONE
    world.site.forget()
    later = world.run(retired=["images", "files"])
    assert not [target for target in world.site.targets() if target.startswith("/files")]
    assert [image.digest for image in later.images] == [image.digest for image in before.images]
    assert [file.digest for file in later.files] == [file.digest for file in before.files]
    assert (later.verdict, later.failures) == (HEALTHY, ())
    assert [each.retired for each in later.judgements] == [False, True, True]


def test_what_there_is_nothing_of_is_asked_all_the_same(world: Dying) -> None:
    """A copy that was never made cannot be kept: the first run makes it."""
    first = world.run("docs", retired=["docs"])
    assert first.sites[0].pages == PAGES + 1
    world.site.forget()
    world.run("docs", retired=["docs"])
    assert world.site.targets() == []


def test_what_never_was_had_is_asked_although_it_was_judged(world: Dying) -> None:
    """A source that was dead from the first run is no copy that is kept, and does not become silent."""
    _end_of_docs(world)
    world.run("docs", "files")
    world.publish()
    later = world.run("docs", "files", asking=DUE, retired=["docs"])
    assert later.sites[0].pages == PAGES + 1
    assert [(each.verdict, each.retired) for each in later.judgements] == [(HEALTHY, False)] * 2


def test_nothing_of_it_is_missing_or_refused_any_more(world: Dying) -> None:
    """The report has what is here: what could not be had before the end, and the end itself, are told no more."""
    world.run("docs")
    world.site.answers["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /", type="text/plain")
    dead = world.run("docs")
    assert (told := read_report(world.paths.report(dead.id).read_bytes(), what="")).missing
    assert [each.source for each in told.refused] == ["docs"]
    later = world.run("docs", retired=["docs"])
    told = read_report(world.paths.report(later.id).read_bytes(), what="")
    assert (told.missing, told.refused) == (0, ())
    page = world.paths.report_page(later.id).read_text("utf-8")
    assert "refused" not in page
    assert "retired</span>" in page


def test_a_replaced_file_is_told_once(world: Dying) -> None:
    """What the files were before is told by the run that found it, and not by those that do not ask for them."""
    world.run("docs", "files")
    world.publish(2)
    assert [bool(file.was) for file in world.run("docs", "files").files] == [True] * FILES
    assert [file.was for file in world.run("docs", "files", retired=["files"]).files] == [""] * FILES


def test_neither_a_lock_nor_a_plan_asks_for_it(console: Console) -> None:
    """With the registry and the downloads dead, ``archive --locked`` and ``plan`` have nothing to complain of."""
    with dying(console.folder) as world:
        console.succeed("archive", world.spec())
        for number in range(TAGS):
            world.registry.untag(f"app:{number}")
        for number in range(FILES):
            world.site.answers[f"/files/{number}.tgz"] = _DEAD
        spec = world.spec(retired=["docs", "images", "files"])
        world.site.forget()
        world.registry.forget()
        console.succeed("plan", spec)
        console.succeed("archive", "--locked", spec)
        assert (world.site.targets(), world.registry.lines()) == ([], [])


def test_what_is_retired_can_be_accepted(world: Dying) -> None:
    """The last that came is taken after all; the source stays retired, and nothing is due for that."""
    world.run("docs")
    world.publish(2)
    world.take_down(*range(2, PAGES))
    refused = world.run("docs")
    world.run("docs", retired=["docs"])
    (judged,) = accept_refused(world.archive, "sample", refused.id).snapshot.judgements
    assert (judged.verdict, judged.retired) == (HEALTHY, True)


def test_what_comes_back_from_retirement_is_asked_again(world: Dying) -> None:
    """Out of the list, a source is judged as any other; what changed meanwhile is there."""
    world.run("docs")
    world.run("docs", retired=["docs"])
    world.publish(2)
    later = world.run("docs")
    (judged,) = later.judgements
    assert (judged.verdict, judged.retired) == (HEALTHY, False)
    assert later.sites[0].fetched - later.sites[0].unchanged >= PAGES


def test_it_is_asked_at_once_also_for_what_never_was_had(world: Dying) -> None:
    """Whenever it would be due: a page that failed before, to which an unchanged page leads, is looked for again."""
    world.site.answers["/docs/0"] = Reply(b"no", 403)
    assert len(world.run("docs").failures) == 1
    assert world.run("docs", retired=["docs"]).failures == ()
    world.restore(0)
    later = world.run("docs", asking=DUE)
    assert (later.failures, later.sites[0].pages) == ((), PAGES + 1)


def test_the_keeper_has_peace(console: Console) -> None:
    """``refresh`` ends with 0 and is silent once nothing is due ever; status tells; bundle and its readers go on."""
    with dying(console.folder) as world:
        console.succeed("archive", world.spec("docs"))
        _end_of_docs(world)
        assert console.run("refresh", "--full", world.spec("docs")).code == 4
        assert console.run("refresh", world.spec("docs")).code == 4
        spec = world.spec("docs", retired=["docs"], on_degraded=["false"])
        world.site.forget()
        told = console.run("refresh", spec, "--metrics", "m.prom")
        assert (told.code, told.said) == (0, "")  # one more snapshot, that says so
        assert 'archiver_source_retired{project="sample",source="docs"} 1' in (
            console.folder / "m.prom"
        ).read_text("utf-8")
        assert console.succeed("refresh", "-v", spec).out == "sample: not due: all its sources are retired\n"
        assert console.succeed("refresh", "--json", spec).json["projects"][0]["state"] == "not due"
        assert "retired" in console.succeed("archive", spec).out
        assert world.site.targets() == []
        table = console.succeed("status").out
        assert "retired" in table
        assert "never" in table
        detail = console.succeed("status", "sample").out
        assert "docs is retired: it stays as it is, and is not asked any more (last: gone since" in detail
        assert console.succeed("status", "--json").json["projects"][0]["sources"][0]["retired"] is True
        console.succeed("bundle", "sample", "-o", "sample.tar")
    console.succeed("verify", "sample.tar")
    with console.serving(console.folder / "sample.tar") as served:
        assert b"kept as it was before" in served.get("/")


def test_a_name_that_is_no_source_is_told(world: Dying) -> None:
    """A typing error must not go on asking: the line is named, and what there is."""
    path = world.spec("docs", "files")
    path.write_text(json.dumps({**json.loads(path.read_text()), "retired": ["docs", "image"]}, indent=1))
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if '"image"' in text)
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert caught.value.place == f"{path}:{line}"
    assert caught.value.hint == "it has docs, files"
