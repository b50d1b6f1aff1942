"""Repositories wherever they can be had: order, failover, tags, referrers, parts of blobs."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.collect.retry import Patience
from archiver.core.descriptor import OCI_INDEX, OCI_MANIFEST, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import (
    AuthenticationFailed,
    HostUnreachable,
    InvalidDocument,
    ManifestUnknown,
    RateLimited,
    RegistryError,
    ServerBusy,
    SizeMismatch,
    StatusRefused,
)
from archiver.spec.registries import RegistrySettings
from servers.asking import CONTENT, Opened, blob, read, repository
from servers.processes import free_port
from servers.registry import OCI_LAYER, Asked, Registry, Reply, serving

if TYPE_CHECKING:
    from archiver.collect.images.registry import Source


@pytest.fixture
def servers() -> Iterator[list[Registry]]:
    """Three empty registries: the one that references name, and two others."""
    with ExitStack() as held:
        yield [held.enter_context(serving()) for _ in range(3)]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens registries."""
    with ExitStack() as held:
        yield Opened(held)


def mirrored(*servers: Registry) -> RegistrySettings:
    """Return settings with mirrors."""
    return RegistrySettings(mirrors=tuple(server.host for server in servers))


# ---- where


def test_content_comes_from_mirrors_first(servers: list[Registry], opened: Opened) -> None:
    """Blobs and manifests by digest: the first mirror gives them, the registry is not asked."""
    own, mirror, other = servers
    for server in servers:
        made = server.image("app:1", b"x")
    wanted = blob(*servers)
    repo = repository(opened({own.host: mirrored(mirror, other)}), own.host)
    document = repo.get_manifest(made.digest)
    assert (str(document.descriptor.digest), document.location) == (made.digest, mirror.host)
    assert read(repo, wanted) == (0, CONTENT)
    assert [len(server.asked) for server in servers] == [0, 2, 0]


def test_what_a_tag_means_the_registry_is_asked(servers: list[Registry], opened: Opened) -> None:
    """A mirror may lag behind; it is asked only where the registry has nothing to say."""
    own, mirror, _ = servers
    new, old = own.image("app:1", b"new"), mirror.image("app:1", b"old")
    mirror.image("app:0", b"older")
    repo = repository(opened({own.host: mirrored(mirror)}), own.host)
    resolved = repo.resolve("1")
    assert resolved.descriptor is not None
    assert (str(resolved.descriptor.digest), resolved.location) == (new.digest, own.host)
    assert str(repo.get_manifest("1").descriptor.digest) == new.digest != old.digest
    assert repo.resolve("0").location == mirror.host
    assert repo.get_manifest("0").location == mirror.host


def test_the_registry_s_own_error_is_told(servers: list[Registry], opened: Opened) -> None:
    """Where no place has a tag, the registry's own words count; what the mirrors say otherwise is a note."""
    own, mirror, fallback = servers
    mirror.answers["/v2/app/manifests/1"] = Reply(status=403)
    settings = RegistrySettings(mirrors=(mirror.host,), fallbacks=(fallback.host,))
    repo = repository(opened({own.host: settings}), own.host)
    for _ in range(2):
        with pytest.raises(ManifestUnknown) as caught:
            repo.resolve("1")
        assert own.host in str(caught.value.place)
    assert len(opened.notes.told) == 1
    assert opened.notes.told[0].startswith(f"{mirror.host} is passed over: ")


@pytest.mark.parametrize(
    "answer",
    [
        Reply(b"9876543210"),
        Reply(b"012345678"),
        Reply(b"01234567890"),
        Reply(b"0123", length=10, cut=4),
        Reply(status=404),
        Reply(status=403),
        Reply(status=500),
        Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    ],
)
def test_whatever_a_mirror_does_wrong_the_registry_has_it(
    servers: list[Registry], opened: Opened, answer: Reply
) -> None:
    """Wrong bytes, wrong sizes, a broken connection, refusals, errors, redirects to nowhere."""
    own, mirror, _ = servers
    wanted = blob(own, mirror)
    mirror.answers[f"/v2/app/blobs/{wanted.digest}"] = answer
    repo = repository(opened({own.host: mirrored(mirror)}), own.host)

    def attempt(source: Source) -> str:
        body = source.open_blob(wanted)
        with closing(body.chunks) as chunks:
            data = b"".join(chunks)
        if hashlib.sha256(data).hexdigest() != wanted.digest.hex:
            raise SizeMismatch("not it")
        return str(source.location)

    assert repo.fetch(attempt) == own.host


def test_a_manifest_that_a_mirror_made_up_is_refused(servers: list[Registry], opened: Opened) -> None:
    """What comes for a digest must hash to it; the next place is asked."""
    own, mirror, _ = servers
    made = own.image("app:1", b"x")
    other = mirror.image("app:1", b"other")
    content = mirror.content(other.digest)
    mirror.answers[f"GET /v2/app/manifests/{made.digest}"] = Reply(
        content, headers={"Content-Type": OCI_MANIFEST}
    )
    document = repository(opened({own.host: mirrored(mirror)}), own.host).get_manifest(made.digest)
    assert (document.data, document.location) == (own.content(made.digest), own.host)


def test_a_dead_registry_is_survived_and_costs_its_attempts_once(
    servers: list[Registry], opened: Opened
) -> None:
    """Its mirror tells tags and content; that it was not reached is said once, and it is left alone for a while."""
    mirror = servers[0]
    made = mirror.image("app:1", b"x")
    dead = f"127.0.0.1:{free_port()}"
    registries = opened({dead: mirrored(mirror)})
    repo = repository(registries, dead)
    assert repo.resolve("1").location == mirror.host
    assert repo.get_manifest(made.digest).location == mirror.host
    assert [note for note in opened.notes.told if note.startswith(dead)] == opened.notes.told
    assert len(opened.notes.told) == 1
    with pytest.raises(HostUnreachable):
        repo.resolve("absent")
    assert registries.retrier.lately_unreachable(dead) is not None
    assert repo.content_sources()[-1].location == dead


def test_a_host_that_answers_again_is_asked_in_its_turn(servers: list[Registry], opened: Opened) -> None:
    """It stands at the end only until it has answered."""
    own, mirror, _ = servers
    registries = opened({own.host: mirrored(mirror)})
    repo = repository(registries, own.host)
    with pytest.raises(HostUnreachable):
        registries.retrier.run(own.host, _unreachable)
    assert [source.location for source in repo.content_sources()] == [mirror.host, own.host]
    with pytest.raises(HostUnreachable):
        registries.retrier.run(mirror.host, _unreachable)
    registries.retrier.run(own.host, lambda: None)
    assert [source.location for source in repo.content_sources()] == [own.host, mirror.host]


def test_a_registry_whose_blobs_do_not_come_still_tells_tags(servers: list[Registry], opened: Opened) -> None:
    """Where it redirects to is dead: content is asked for elsewhere first, and tags are not."""
    own, mirror, _ = servers
    new = own.image("app:1", b"new")
    mirror.image("app:1", b"old")
    wanted = blob(own)
    own.answers[f"/v2/app/blobs/{wanted.digest}"] = Reply(
        status=307, headers={"Location": f"http://127.0.0.1:{free_port()}/"}
    )
    fallback = {own.host: RegistrySettings(fallbacks=(mirror.host,))}
    repo = repository(opened(fallback), own.host)
    with pytest.raises(HostUnreachable):
        read(repo, wanted)
    assert [source.location for source in repo.content_sources()] == [mirror.host, own.host]
    resolved = repo.resolve("1")
    assert resolved.descriptor is not None
    assert (str(resolved.descriptor.digest), resolved.location) == (new.digest, own.host)


def _unreachable() -> None:
    raise HostUnreachable("no route")


# ---- rest


def test_another_place_stands_in_for_one_that_wants_a_rest(servers: list[Registry], opened: Opened) -> None:
    """Content is not waited for while another place has it, and such a mirror is not asked while it rests."""
    own, mirror, _ = servers
    wanted = blob(own, mirror)
    mirror.answers[f"/v2/app/blobs/{wanted.digest}"] = Reply(status=429, headers={"Retry-After": "3000"})
    patience = Patience(first_wait=0.01, paused=9000)
    repo = repository(opened({own.host: mirrored(mirror)}, patience), own.host)
    for _ in range(3):
        assert read(repo, wanted) == (0, CONTENT)
    assert [len(own.fetched()), len(mirror.fetched())] == [3, 1]


def test_a_place_that_wants_a_rest_is_waited_for_if_it_alone_has_it(
    servers: list[Registry], opened: Opened
) -> None:
    """The second round waits."""
    own, mirror, _ = servers
    wanted = blob(mirror)
    target = f"/v2/app/blobs/{wanted.digest}"
    mirror.answers[target] = [Reply(status=429, headers={"Retry-After": "0"}), mirror.reply_to(_get(target))]
    repo = repository(opened({own.host: mirrored(mirror)}), own.host)
    assert read(repo, wanted) == (0, CONTENT)


def test_a_registry_that_never_wants_to_go_on_is_a_failure(servers: list[Registry], opened: Opened) -> None:
    """After the time that it named, or the longest one, its words are the error; it was said that it is waited for."""
    own = servers[0]
    body = json.dumps(
        {"errors": [{"code": "TOOMANYREQUESTS", "message": "You have reached your pull rate limit."}]}
    )
    own.answers["/v2/app/manifests/1"] = Reply(body.encode(), 429)
    repo = repository(opened(), own.host)
    with pytest.raises(RateLimited, match="pull rate limit"):
        repo.get_manifest("1")
    assert len(own.asked) >= 2
    assert all("wants no more requests for now; going on at " in note for note in opened.notes.told)


def test_limits_are_read_and_manifests_counted(servers: list[Registry], opened: Opened) -> None:
    """From HEAD and GET alike; what is asked by HEAD is not counted."""
    own = servers[0]
    own.image("app:1", b"x")
    truth = own.reply_to(_get("/v2/app/manifests/1"))
    limits = {**truth.headers, "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"}
    own.answers["/v2/app/manifests/1"] = Reply(truth.body, headers=limits)
    registries = opened()
    repo = repository(registries, own.host)
    repo.resolve("1")
    known = registries.rate_limits.known[own.host]
    assert (known.limit, known.remaining, known.window) == (100, 76, 21600)
    assert dict(registries.rate_limits.counted) == {}
    repo.get_manifest("1")
    assert dict(registries.rate_limits.counted) == {own.host: 1}


# ---- what is not there


def test_what_is_not_there_is_told_apart_from_what_is_no_registry(
    servers: list[Registry], opened: Opened
) -> None:
    """A registry says so in JSON, also to HEAD; a page that says 404 of whatever is there no more does not count."""
    own = servers[0]
    repo = repository(opened(), own.host)
    with pytest.raises(ManifestUnknown):
        repo.resolve("1")
    with pytest.raises(ManifestUnknown):
        repo.get_manifest("1")
    own.answers["/v2/app/manifests/1"] = Reply(b"<html>Parked", 404, {"Content-Type": "text/html"})
    assert repo.resolve("1").descriptor is None
    with pytest.raises(StatusRefused):
        repo.get_manifest("1")


@pytest.mark.parametrize("status", [401, 403])
def test_denied_is_not_gone(servers: list[Registry], opened: Opened, status: int) -> None:
    """Docker Hub denies access to what it does not have, and to what is private."""
    own = servers[0]
    own.answers["/v2/app/manifests/1"] = Reply(b'{"errors":[{"code":"DENIED","message":"no"}]}', status)
    with pytest.raises(AuthenticationFailed):
        repository(opened(), own.host).resolve("1")


def test_what_need_not_be_there_is_settled_by_any_sure_answer(
    servers: list[Registry], opened: Opened
) -> None:
    """A mirror's word will do where the registry is dead; a fallback is not asked where the registry has spoken."""
    own, mirror, fallback = servers
    settings = RegistrySettings(mirrors=(mirror.host,), fallbacks=(fallback.host,))
    repo = repository(opened({own.host: settings}), own.host)
    assert repo.find("sha256-1.sig") is None
    assert [len(server.asked) for server in servers] == [1, 1, 0]
    made = mirror.image("app:sha256-1.sig", b"x")
    found = repo.find("sha256-1.sig")
    assert found is not None
    assert found.descriptor is not None
    assert (str(found.descriptor.digest), found.location) == (made.digest, mirror.host)
    dead = f"127.0.0.1:{free_port()}"
    assert repository(opened({dead: settings}), dead).find("sha256-2.sig") is None
    with pytest.raises(HostUnreachable):
        repository(opened(), dead).find("sha256-2.sig")


# ---- parts of blobs


def test_a_blob_goes_on_where_an_attempt_ended(servers: list[Registry], opened: Opened) -> None:
    """By Range; at 0 nothing is said about ranges."""
    own = servers[0]
    wanted = blob(own)
    repo = repository(opened(), own.host)
    assert read(repo, wanted, 4) == (4, b"456789")
    assert read(repo, wanted) == (0, CONTENT)
    assert [asked.headers.get("range") for asked in own.asked] == ["bytes=4-", None]


@pytest.mark.parametrize(
    "answer",
    [
        Reply(CONTENT),
        Reply(status=416),
        Reply(b"56789", 206, {"Content-Range": "bytes 5-9/10"}),
        Reply(b"456789", 206, {"Content-Range": "bytes 9-4/10"}),
        Reply(b"456789", 206, {"Content-Range": "4-9"}),
        Reply(b"456789", 206),
    ],
)
def test_a_server_that_cannot_go_on_begins_anew(
    servers: list[Registry], opened: Opened, answer: Reply
) -> None:
    """The whole blob, 416, or a part that was not asked for: then the body begins at 0."""
    own = servers[0]
    wanted = blob(own)
    target = f"/v2/app/blobs/{wanted.digest}"

    def reply(asked: Asked) -> Reply:
        return answer if "range" in asked.headers else Reply(CONTENT)

    own.answers[target] = reply
    assert read(repository(opened(), own.host), wanted, 4) == (0, CONTENT)


@pytest.mark.parametrize("start", [0, 4])
def test_a_size_that_lies_is_told_at_once(servers: list[Registry], opened: Opened, start: int) -> None:
    """By Content-Length, and by the total in Content-Range; the body is not read."""
    own = servers[0]
    real = blob(own)
    wanted = Descriptor(OCI_LAYER, real.digest, 9)
    with pytest.raises(SizeMismatch, match="announces 10 bytes, the manifest 9"):
        read(repository(opened(), own.host), wanted, start)


# ---- tags


def test_tags_come_in_pages(servers: list[Registry], opened: Opened) -> None:
    """Links are followed, relative and absolute, and without the brackets that some registries forget."""
    own = servers[0]
    pages = {
        "tags/list?n=1000": (["b", "a"], '</v2/app/tags/list?n=2&last=a>; rel="next"'),
        "tags/list?n=2&last=a": (["c", "a"], f'<http://{own.host}/v2/app/tags/list?p=3>; rel="next"'),
        "tags/list?p=3": (["d"], "/v2/app/tags/list?p=4; rel=next"),
        "tags/list?p=4": (["e"], '<x>; rel="prev"'),
    }
    for path, (tags, link) in pages.items():
        own.answers[f"GET /v2/app/{path}"] = Reply(
            json.dumps({"tags": tags}).encode(), headers={"Link": link}
        )
    assert repository(opened(), own.host).tags().names == ("b", "a", "c", "d", "e")


def test_a_real_list_is_read_through(servers: list[Registry], opened: Opened) -> None:
    """As the distribution project's registry pages it."""
    own = servers[0]
    made = own.image("app:v0", b"x")
    for number in range(2100):
        own.tag(f"app:v{number}", made)
    assert len(repository(opened(), own.host).tags().names) == 2100
    assert len(own.asked) == 3


def _page(*tags: str) -> Reply:
    """A page of tags without a link."""
    return Reply(json.dumps({"tags": tags}).encode())


def _thousand(first: int) -> list[str]:
    return [f"v{number}" for number in range(first, first + 1000)]


def test_a_list_that_is_cut_without_a_link_is_asked_on_for(servers: list[Registry], opened: Opened) -> None:
    """Some registries forget the link behind a full page; what follows on its last tag is there all the same."""
    own = servers[0]
    own.answers.update(
        {
            "GET /v2/app/tags/list?n=1000": _page(*_thousand(0)),
            "GET /v2/app/tags/list?n=1000&last=v999": _page(*_thousand(1000)),
            "GET /v2/app/tags/list?n=1000&last=v1999": _page("v2000"),
        }
    )
    assert repository(opened(), own.host).tags().names == (*_thousand(0), *_thousand(1000), "v2000")
    assert len(own.asked) == 3


@pytest.mark.parametrize(
    "rest",
    [
        _page(),
        Reply(b'{"tags": null}'),
        _page(*_thousand(0)),
        Reply(b'{"errors": [{"code": "NAME_UNKNOWN"}]}', 404),
        Reply(status=400),
    ],
    ids=["empty", "null", "the same again", "not found", "refused"],
)
def test_a_list_that_fills_its_page_costs_one_request_more(
    servers: list[Registry], opened: Opened, rest: Reply
) -> None:
    """Nothing behind it, a registry that does not know ``last``, or one that finds nothing there: that was all."""
    own = servers[0]
    own.answers["GET /v2/app/tags/list?n=1000"] = _page(*_thousand(0))
    own.answers["GET /v2/app/tags/list?n=1000&last=v999"] = rest
    assert repository(opened(), own.host).tags().names == tuple(_thousand(0))
    assert len(own.asked) == 2


@pytest.mark.parametrize("count", [999, 1001])
def test_a_list_of_another_length_is_all(servers: list[Registry], opened: Opened, count: int) -> None:
    """A page that is not full, or a registry that sends everything at once: nothing more is asked for."""
    own = servers[0]
    own.answers["GET /v2/app/tags/list?n=1000"] = _page(*(f"v{number}" for number in range(count)))
    assert len(repository(opened(), own.host).tags().names) == count
    assert len(own.asked) == 1


def test_a_part_of_a_list_is_not_taken_for_all_of_it(servers: list[Registry], opened: Opened) -> None:
    """Where a registry cannot say what follows on a full page, there is no list: tags would seem to be gone."""
    own = servers[0]
    own.answers["GET /v2/app/tags/list?n=1000"] = _page(*_thousand(0))
    own.answers["GET /v2/app/tags/list?n=1000&last=v999"] = Reply(status=503)
    with pytest.raises(ServerBusy):
        repository(opened(), own.host).tags()


def test_what_is_no_tag_is_left_out(servers: list[Registry], opened: Opened) -> None:
    """Nobody could ask for it; a repository whose tags were all deleted has none."""
    own = servers[0]
    own.answers["GET /v2/app/tags/list?n=1000"] = [
        Reply(json.dumps({"tags": ["ok", "../x", "", 3, None, "a b", "x" * 129]}).encode()),
        Reply(b'{"name": "app", "tags": null}'),
    ]
    repo = repository(opened(), own.host)
    assert repo.tags().names == ("ok",)
    assert repo.tags().names == ()


@pytest.mark.parametrize(
    ("body", "link"),
    [
        (b'{"tags": {}}', ""),
        (b'{"tags": "a"}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (b"{}", ""),
        (b'{"tags": []}', "</v2/app/tags/list?n=1000>; rel=next"),
        (b'{"tags": []}', "<http://127.0.0.1:1/v2/app/tags/list?n=2>; rel=next"),
        (b'{"tags": []}', "<https://[/>; rel=next"),
    ],
)
def test_a_list_that_is_none_or_leads_astray_is_an_error(
    servers: list[Registry], opened: Opened, body: bytes, link: str
) -> None:
    """Not a list, not JSON; a circle, another host, no address."""
    own = servers[0]
    own.answers["GET /v2/app/tags/list?n=1000"] = Reply(body, headers={"Link": link})
    with pytest.raises(RegistryError):
        repository(opened(), own.host).tags()


def test_a_list_without_end_ends(
    servers: list[Registry], opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages are counted, and so are tags."""
    own = servers[0]

    def more(asked: Asked) -> Reply:
        number = len(own.asked)
        link = {"Link": f"</v2/app/tags/list?{number}>; rel=next"}
        own.answers[f"GET /v2/app/tags/list?{number}"] = more
        return Reply(json.dumps({"tags": [f"t{number}"]}).encode(), headers=link)

    own.answers["GET /v2/app/tags/list?n=1000"] = more
    repo = repository(opened(), own.host)
    monkeypatch.setattr("archiver.collect.images.registry._MOST_TAG_PAGES", 5)
    with pytest.raises(RegistryError, match="more than 5 pages"):
        repo.tags()
    monkeypatch.setattr("archiver.collect.images.tagpages._MOST", 3)
    with pytest.raises(RegistryError, match="more than 3 tags"):
        repo.tags()


# ---- referrers


def test_referrers_are_listed(servers: list[Registry], opened: Opened) -> None:
    """With their artifact types, and page by page; that there is the API is asked once."""
    own = servers[0]
    made = own.image("app:1", b"x")
    signature = {**own.put(b"{}", OCI_MANIFEST).descriptor, "artifactType": "application/vnd.example.sig"}
    more = own.put(b"{ }", OCI_MANIFEST).descriptor
    own.referrers = {made.digest: [signature]}
    target = f"/v2/app/referrers/{made.digest}"
    first = own.reply_to(_get(target))
    own.answers[f"GET {target}"] = Reply(
        first.body, headers={**first.headers, "Link": f"<{target}?p=2>; rel=next"}
    )
    second = json.dumps({"schemaVersion": 2, "manifests": [more]}).encode()
    own.answers[f"GET {target}?p=2"] = Reply(second, headers={"Content-Type": OCI_INDEX})
    own.forget()
    repo = repository(opened(), own.host)
    found = repo.referrers(Digest.parse(made.digest))
    assert found is not None
    assert [(str(each.digest), each.artifact_type) for each in found] == [
        (signature["digest"], "application/vnd.example.sig"),
        (more["digest"], ""),
    ]
    assert repo.referrers(Digest.of(b"other")) == ()
    assert [asked.method for asked in own.asked] == ["HEAD", "GET", "GET", "GET"]


def test_a_registry_without_the_api_is_asked_by_head_once(servers: list[Registry], opened: Opened) -> None:
    """As Debian's docker-registry answers: no GET at all; repositories of the same place share what is known."""
    own = servers[0]
    registries = opened()
    for _ in range(2):
        assert repository(registries, own.host).referrers(Digest.of(b"x")) is None
    assert [asked.method for asked in own.asked] == ["HEAD"]


@pytest.mark.parametrize(
    "head",
    [
        Reply(status=405),
        Reply(status=404, headers={"Content-Type": "application/json"}),
        Reply(
            status=404,
            headers={
                "Content-Type": "text/plain; charset=utf-8",
                "Docker-Distribution-Api-Version": "registry/2.0",
                "X-Request-Id": "1",
            },
        ),
    ],
)
def test_a_registry_that_knows_no_head_there_is_asked_by_get(
    servers: list[Registry], opened: Opened, head: Reply
) -> None:
    """As Harbor and zot answer HEAD, which the specification does not know here."""
    own = servers[0]
    own.referrers = {}
    digest = Digest.of(b"x")
    own.answers[f"HEAD /v2/app/referrers/{digest}"] = head
    assert repository(opened(), own.host).referrers(digest) == ()


@pytest.mark.parametrize(
    "answer",
    [Reply(status=404), Reply(status=405), Reply(b"<html>", headers={"Content-Type": "text/html"})],
)
def test_get_decides_whether_there_is_the_api(servers: list[Registry], opened: Opened, answer: Reply) -> None:
    """Refused, or answered by some page: no such API, and it is not asked for again."""
    own = servers[0]
    digest = Digest.of(b"x")
    own.referrers = {}
    own.answers[f"GET /v2/app/referrers/{digest}"] = answer
    repo = repository(opened(), own.host)
    assert repo.referrers(digest) is None
    asked = len(own.asked)
    assert repo.referrers(digest) is None
    assert len(own.asked) == asked


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"manifests": [3]}', b" " * (4 << 20) + b"{}"])
def test_malformed_referrers_are_an_error(servers: list[Registry], opened: Opened, body: bytes) -> None:
    """Not JSON, not an index, not descriptors, over 4 MiB."""
    own = servers[0]
    digest = Digest.of(b"x")
    own.referrers = {}
    own.answers[f"GET /v2/app/referrers/{digest}"] = Reply(body, headers={"Content-Type": OCI_INDEX})
    with pytest.raises(InvalidDocument):
        repository(opened(), own.host).referrers(digest)


def _get(target: str) -> Asked:
    return Asked("GET", target, {})
