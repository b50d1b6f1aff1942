from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from typing import Any, Callable

import pytest
from werkzeug.test import Client, TestResponse

from archiver.core.descriptor import (
    DOCKER_MANIFEST,
    MANIFEST_LIMIT,
    OCI_EMPTY,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
)
from archiver.core.digest import CHUNK, Digest
from archiver.core.errors import DigestMismatch, NotArchived
from archiver.offline.content import Span, span_chunks
from archiver.offline.holdings import Image
from archiver.offline.registry import Registry
from archiver.offline.repositories import Repositories, registry_names
from archiver.offline.wsgi import Reply, read_request, send


@dataclass
class Shelf:
    """Images in memory."""

    images: tuple[Image, ...]
    blobs: dict[Digest, bytes]

    def size(self, digest: Digest) -> int | None:
        """As ImageShelf says."""
        return len(self.blobs[digest]) if digest in self.blobs else None

    def open(self, digest: Digest) -> io.BytesIO:
        """As ImageShelf says."""
        if digest not in self.blobs:
            raise NotArchived("no such blob")
        return io.BytesIO(self.blobs[digest])


LAYER = bytes(range(256)) * 3000  # three chunks
BLOBS: dict[Digest, bytes] = {}


def _put(data: bytes) -> Digest:
    BLOBS[Digest.of(data)] = data
    return Digest.of(data)


def _manifest(**members: Any) -> Digest:
    return _put(json.dumps({"schemaVersion": 2, **members}).encode())


def _pointer(data: bytes, media_type: str) -> dict[str, Any]:
    return Descriptor(media_type, _put(data), len(data)).to_json()


CONFIG = _pointer(b"{}", OCI_EMPTY)
CHILD = _manifest(config=CONFIG, layers=[_pointer(LAYER, "application/octet-stream")])  # without mediaType
INDEX = _manifest(
    mediaType=OCI_INDEX, manifests=[Descriptor(OCI_MANIFEST, CHILD, len(BLOBS[CHILD])).to_json()]
)
DOCKER = _manifest(mediaType=DOCKER_MANIFEST, config=CONFIG, layers=[])
SUBJECT = Descriptor(OCI_INDEX, INDEX, len(BLOBS[INDEX])).to_json()
SIGNATURE = _manifest(
    mediaType=OCI_MANIFEST, artifactType="application/x.sig+json", config=CONFIG, layers=[], subject=SUBJECT,
    annotations={"who": "me"},
)  # fmt: skip

PAGE = _put(b'{"mediaType": "text/html", "layers": [], "x": "<script>alert(1)</script>"}')


def _image(reference: str, digest: Digest, media_type: str) -> Image:
    return Image("p", reference, digest, media_type, 1, ("linux/amd64",))


SHELF = Shelf(
    (
        _image("docker.io/library/redis:7", INDEX, OCI_INDEX),
        *(_image(f"docker.io/library/redis:v{number}", DOCKER, DOCKER_MANIFEST) for number in range(5)),
        _image(f"docker.io/library/redis:sha256-{INDEX.hex}.sig", SIGNATURE, OCI_MANIFEST),
        _image("quay.io/team/tool:1", DOCKER, DOCKER_MANIFEST),
        _image("ghcr.io/team/tool:2", DOCKER, DOCKER_MANIFEST),
        _image("quay.io/only/here:1", DOCKER, DOCKER_MANIFEST),
        _image("localhost:5000/own/image:1", DOCKER, DOCKER_MANIFEST),
        _image("docker.io/both/image:hub", DOCKER, DOCKER_MANIFEST),
        _image("quay.io/both/image:quay", DOCKER, DOCKER_MANIFEST),
        _image(f"quay.io/only/pinned@{DOCKER}", DOCKER, DOCKER_MANIFEST),
        _image("quay.io/moved/image:1", SIGNATURE, OCI_MANIFEST),
        _image(f"quay.io/moved/image:1@{DOCKER}", DOCKER, DOCKER_MANIFEST),
        _image("quay.io/odd/image:page", PAGE, "text/html"),
    ),
    BLOBS,
)
LOG: list[str] = []


def _client(*shelves: Shelf, earlier: Callable[[], list[Shelf]] = list) -> Client:
    registry = Registry(shelves or [SHELF], LOG.append, earlier)

    def app(environ: Any, start_response: Any) -> Any:
        request = read_request(environ)
        reply = request if isinstance(request, Reply) else registry.answer(request)
        return send(reply, environ["REQUEST_METHOD"], start_response)

    return Client(app)


def _get(path: str, **headers: str) -> TestResponse:
    return _client().get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def _error(response: TestResponse) -> tuple[int, str]:
    errors = response.get_json()["errors"]
    assert errors[0]["message"]
    return response.status_code, errors[0]["code"]


def test_the_base_says_which_api_this_is() -> None:
    """GET /v2/ is 200 with the version header that clients look for."""
    for path in ("/v2/", "/v2"):
        response = _get(path)
        assert response.status_code == 200
        assert response.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


def test_a_manifest_by_tag() -> None:
    """The exact bytes, with media type and digest; HEAD the same without the bytes."""
    response = _get("/v2/library/redis/manifests/7")
    assert response.data == BLOBS[INDEX]
    assert response.headers["Content-Type"] == OCI_INDEX
    assert response.headers["Docker-Content-Digest"] == str(INDEX)
    head = _client().head("/v2/library/redis/manifests/7")
    assert head.status_code == 200
    assert head.data == b""
    assert head.headers["Content-Length"] == str(len(BLOBS[INDEX]))
    assert head.headers["Docker-Content-Digest"] == str(INDEX)


@pytest.mark.parametrize(
    ("digest", "media_type"), [(CHILD, OCI_MANIFEST), (DOCKER, DOCKER_MANIFEST), (INDEX, OCI_INDEX)]
)
def test_a_manifest_by_digest_has_its_own_media_type(digest: Digest, media_type: str) -> None:
    """What the document says, or what its shape says where it says nothing."""
    response = _get(f"/v2/library/redis/manifests/{digest}")
    assert (response.status_code, response.headers["Content-Type"]) == (200, media_type)


def test_a_manifest_is_what_a_manifest_above_it_says() -> None:
    """A document that calls itself a page, or a manifest that nothing lists, is not sent, by tag or by digest."""
    for path in ("odd/image/manifests/page", f"odd/image/manifests/{PAGE}", f"only/here/manifests/{PAGE}"):
        assert _error(_get(f"/v2/{path}")) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize(
    "path",
    [
        "", "library/redis/manifests/7", f"odd/image/blobs/{PAGE}", "library/redis/tags/list", "nothing/here/x/1",
        f"library/redis/referrers/{INDEX}", "library/redis/manifests/none", f"library/redis/blobs/{INDEX}",
    ],
)  # fmt: skip
def test_nothing_runs_on_the_landing_pages_origin(path: str) -> None:
    """Every reply is put in a sandbox that loads nothing, and its type is not guessed at."""
    headers = _get(f"/v2/{path}").headers
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_repository_has_only_what_its_images_point_to() -> None:
    """What another repository's images need is unknown in this one, though the store has it."""
    layer, config = Digest.of(LAYER), Digest.of(b"{}")
    for held in (layer, config, CHILD, INDEX):
        assert _get(f"/v2/library/redis/blobs/{held}").status_code == 200
    for other in (layer, CHILD, INDEX, SIGNATURE):
        assert _error(_get(f"/v2/only/here/blobs/{other}")) == (404, "BLOB_UNKNOWN")
    for other in (CHILD, INDEX, SIGNATURE):
        assert _error(_get(f"/v2/only/here/manifests/{other}")) == (404, "MANIFEST_UNKNOWN")
    assert _get(f"/v2/only/here/blobs/{config}").status_code == 200


def test_what_a_damaged_manifest_may_point_to_is_not_called_unknown() -> None:
    """A blob that only a damaged manifest could lead to is a 502 with a line in the log; others are sent."""
    LOG.clear()
    client = _client(Shelf(SHELF.images, {**BLOBS, CHILD: b"damaged".ljust(len(BLOBS[CHILD]))}))
    assert _error(client.get(f"/v2/library/redis/blobs/{Digest.of(LAYER)}"))[0] == 502
    assert len(LOG) == 1
    assert client.get(f"/v2/library/redis/blobs/{Digest.of(b'{}')}").status_code == 200
    assert client.get("/v2/library/redis/manifests/7").status_code == 200


def test_a_digest_beside_a_tag_leaves_the_tag_alone() -> None:
    """Of ``image:1`` and ``image:1@sha256:…`` the former says what the tag points to, whatever their order."""
    assert _get("/v2/moved/image/tags/list").get_json()["tags"] == ["1"]
    assert _get("/v2/moved/image/manifests/1").headers["Docker-Content-Digest"] == str(SIGNATURE)
    assert _get(f"/v2/moved/image/manifests/{DOCKER}").status_code == 200


def test_a_layer_is_not_a_manifest() -> None:
    """A blob asked for as a manifest is unknown, and not sent."""
    for digest in (Digest.of(LAYER), Digest.of(b"{}")):
        assert _error(_get(f"/v2/library/redis/manifests/{digest}")) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("", 200, LAYER),
        ("bytes=0-9", 206, LAYER[:10]),
        ("bytes=500000-", 206, LAYER[500000:]),
        ("bytes=-5", 206, LAYER[-5:]),
        ("bytes=300000-600000", 206, LAYER[300000:600001]),
        ("bytes=768000-", 416, None),
        ("bytes=0-0", 206, LAYER[:1]),
        ("bytes=262144-524287", 206, LAYER[262144:524288]),
        ("bytes=0-99999999999999999999", 206, LAYER),
        ("bytes=-99999999999999999999", 206, LAYER),
        ("bytes=99999999999999999999-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=767999-768001", 206, LAYER[-1:]),
        ("bytes=9-1", 200, LAYER),
        ("bytes=-", 200, LAYER),
        ("bytes=0-1,5-6", 200, LAYER),
        ("bytes=" + "0-0," * 1500 + "1-1", 200, LAYER),
        ("bytes=" + "9" * 6000 + "-", 200, LAYER),
        ("bytes=--1", 200, LAYER),
        ("bytes=\u0661-\u0662", 200, LAYER),
        ("chunks=1-2", 200, LAYER),
    ],
)
def test_blobs_and_ranges(asked: str, status: int, content: bytes | None) -> None:
    """A blob whole or in part; outside of it 416 with its size."""
    response = _get(f"/v2/library/redis/blobs/{Digest.of(LAYER)}", **({"Range": asked} if asked else {}))
    assert response.status_code == status
    if content is None:
        assert _error(response) == (416, "SIZE_INVALID")
        assert response.headers["Content-Range"] == f"bytes */{len(LAYER)}"
    else:
        assert response.data == content
        assert response.headers["Content-Length"] == str(len(content))
        assert response.headers["Docker-Content-Digest"] == str(Digest.of(LAYER))


def test_a_range_counts_for_the_same_content_and_only_where_content_is_sent() -> None:
    """If-Range by another entity tag gets the whole; HEAD is told of the whole, as RFC 9110 section 14.2 has it."""
    path, asked = f"/v2/library/redis/blobs/{Digest.of(LAYER)}", {"Range": "bytes=5-9"}
    assert _get(path, **asked, If_Range=f'"{Digest.of(LAYER)}"').data == LAYER[5:10]
    for other in ('"sha256:other"', f'W/"{Digest.of(LAYER)}"', "Mon, 23 Nov 2026 00:00:00 GMT"):
        assert _get(path, **asked, If_Range=other).status_code == 200
    head = _client().head(path, headers=asked)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(LAYER)))


class Watched(io.BytesIO):
    """Counts the bytes that are read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """As a stream does."""
        data = super().read(size)
        self.taken += len(data)
        return data


def test_going_on_with_a_large_blob_begins_at_once() -> None:
    """What came before is not read first; but the last chunk waits until all of the blob is checked."""
    digest, stream = Digest.of(LAYER), Watched(LAYER)
    chunks = span_chunks(stream, digest, len(LAYER), Span(5, len(LAYER)))
    next(chunks)
    assert stream.taken <= 2 * CHUNK
    altered = Watched(b"x" + LAYER[1:])
    received = b""
    with pytest.raises(DigestMismatch):  # noqa: PT012 - it breaks off under way
        for chunk in span_chunks(altered, digest, len(LAYER), Span(5, len(LAYER))):
            received += chunk
    assert LAYER[5:].startswith(received)
    assert 0 < len(received) < len(LAYER) - 5
    assert altered.closed


def test_a_blob_without_bytes_is_a_blob() -> None:
    """It can be asked for and fetched; no range lies in it."""
    empty = _put(b"")
    root = _manifest(mediaType=OCI_MANIFEST, config=CONFIG, layers=[_pointer(b"", "application/x")])
    client = _client(Shelf((_image("quay.io/e/e:1", root, OCI_MANIFEST),), BLOBS))
    path = f"/v2/e/e/blobs/{empty}"
    assert client.head(path).headers["Content-Length"] == "0"
    assert (client.get(path).status_code, client.get(path).data) == (200, b"")
    assert client.get(path, headers={"Range": "bytes=0-"}).status_code == 416


def test_what_a_digest_names_may_be_kept_and_what_a_tag_names_not() -> None:
    """Caches between a cluster and this server are told so; a client that has it already gets no bytes."""
    for path in (f"blobs/{Digest.of(LAYER)}", f"manifests/{INDEX}"):
        assert "immutable" in _get(f"/v2/library/redis/{path}").headers["Cache-Control"]
    by_tag = _get("/v2/library/redis/manifests/7")
    assert by_tag.headers["Cache-Control"] == "no-cache"
    again = _get("/v2/library/redis/manifests/7", If_None_Match=by_tag.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")


def test_tags_come_in_pages() -> None:
    """N and last cut pages; Link leads to the next one and is absent on the last."""
    everything = _get("/v2/library/redis/tags/list").get_json()
    assert everything["name"] == "library/redis"
    assert everything["tags"] == sorted(everything["tags"])
    path, seen = "/v2/library/redis/tags/list?n=3&ns=docker.io", []
    while path:
        assert "ns=docker.io" in path
        response = _get(path)
        seen += response.get_json()["tags"]
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert seen == everything["tags"]
    nothing = _get("/v2/library/redis/tags/list?n=0")
    assert nothing.get_json()["tags"] == []
    assert "Link" not in nothing.headers
    for wrong in ("x", "-1", "1.5", "9" * 5000, "%D9%A1"):
        assert _error(_get(f"/v2/library/redis/tags/list?n={wrong}"))[0] == 400
    assert _get("/v2/library/redis/tags/list?last=v3").get_json()["tags"] == ["v4"]
    assert _get(f"/v2/library/redis/tags/list?last={'z' * 5000}").get_json()["tags"] == []


def test_referrers_are_found_by_their_subject() -> None:
    """An index of what refers to a digest, filtered on request; an empty one where nothing does."""
    found = _get(f"/v2/library/redis/referrers/{INDEX}")
    assert found.headers["Content-Type"] == OCI_INDEX
    (entry,) = found.get_json()["manifests"]
    assert (entry["digest"], entry["artifactType"]) == (str(SIGNATURE), "application/x.sig+json")
    assert entry["annotations"] == {"who": "me"}
    filtered = _get(f"/v2/library/redis/referrers/{INDEX}?artifactType=other")
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    assert filtered.get_json()["manifests"] == []
    for spelling in ("application/x.sig+json", "application/x.sig%2Bjson"):
        response = _get(f"/v2/library/redis/referrers/{INDEX}?artifactType={spelling}")
        assert [entry["digest"] for entry in response.get_json()["manifests"]] == [str(SIGNATURE)]
    for nobody in (CHILD, DOCKER, Digest.of(b"never heard of")):
        assert _get(f"/v2/library/redis/referrers/{nobody}").get_json()["manifests"] == []
    assert _error(_get("/v2/library/redis/referrers/sha256:xyz")) == (400, "DIGEST_INVALID")


def test_referrers_of_a_repository_that_is_not_here() -> None:
    """Nothing refers to anything there; a 404 would say that this registry has no such API."""
    response = _get(f"/v2/no/such/referrers/{INDEX}")
    assert (response.status_code, response.get_json()["manifests"]) == (200, [])


def test_indexes_and_parts_of_indexes_refer_to_things_too() -> None:
    """An index without an artifact type has none; a manifest without one has its config's media type."""
    inner = _manifest(mediaType=OCI_MANIFEST, config=CONFIG, layers=[], subject=SUBJECT)
    listed = Descriptor(OCI_MANIFEST, inner, len(BLOBS[inner])).to_json()
    outer = _manifest(mediaType=OCI_INDEX, manifests=[listed], subject=SUBJECT, annotations={"a": "b"})
    shelf = Shelf((_image(f"quay.io/r/r@{outer}", outer, OCI_INDEX),), BLOBS)
    found = _client(shelf).get(f"/v2/r/r/referrers/{INDEX}").get_json()["manifests"]
    assert {entry["digest"]: entry.get("artifactType") for entry in found} == {
        str(outer): None,
        str(inner): OCI_EMPTY,
    }
    assert {entry["digest"]: entry.get("annotations") for entry in found}[str(outer)] == {"a": "b"}


def test_referrers_come_in_pages() -> None:
    """Where their annotations are too much for one index; each is on one page, and filters go on."""
    images = []
    for number in range(9):
        digest = _manifest(
            mediaType=OCI_MANIFEST, config=CONFIG, layers=[], subject=SUBJECT, artifactType="application/x.sig",
            annotations={"text": f"{number}" * 1_000_000},
        )  # fmt: skip
        images.append(_image(f"quay.io/r/r@{digest}", digest, OCI_MANIFEST))
    client = _client(Shelf(tuple(images), BLOBS))
    path, seen, pages = f"/v2/r/r/referrers/{INDEX}?artifactType=application/x.sig", [], 0
    while path:
        response = client.get(path)
        assert len(response.data) <= MANIFEST_LIMIT
        assert response.headers["OCI-Filters-Applied"] == "artifactType"
        seen += [entry["digest"] for entry in response.get_json()["manifests"]]
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
        pages += 1
    assert sorted(seen) == sorted(str(image.digest) for image in images)
    assert pages > 1


def test_of_a_tag_in_two_projects_the_copy_got_last_counts() -> None:
    """Whatever the order of the projects; the other one is pulled by its digest, and both are there whole."""
    older = replace(_image("quay.io/t/t:1", DOCKER, DOCKER_MANIFEST), resolved="2026-01-01T00:00:00Z")
    newer = replace(_image("quay.io/t/t:1", INDEX, OCI_INDEX), resolved="2026-02-01T00:00:00Z")
    for order in ((older, newer), (newer, older)):
        client = _client(*(Shelf((image,), BLOBS) for image in order))
        assert client.get("/v2/t/t/manifests/1").headers["Docker-Content-Digest"] == str(INDEX)
        assert client.get(f"/v2/t/t/manifests/{DOCKER}").status_code == 200
        assert client.get("/v2/t/t/tags/list").get_json()["tags"] == ["1"]


def test_earlier_snapshots_are_there_by_digest() -> None:
    """What a repository had once, with its layers and without its tags, and nothing else; looked into once, and when needed."""
    asked = []
    known = Shelf((_image("quay.io/e/s:2", DOCKER, DOCKER_MANIFEST),), BLOBS)
    before = Shelf(
        (_image("quay.io/e/s:1", INDEX, OCI_INDEX), _image("quay.io/e/gone:1", INDEX, OCI_INDEX)), BLOBS
    )

    def earlier() -> list[Shelf]:
        asked.append(True)
        return [before, before]

    client = _client(known, earlier=earlier)
    assert client.get("/v2/e/s/manifests/2").status_code == 200
    assert client.get(f"/v2/e/s/blobs/{Digest.of(b'{}')}").status_code == 200
    assert _error(client.get("/v2/e/s/manifests/1")) == (404, "MANIFEST_UNKNOWN")
    assert client.get("/v2/e/s/tags/list").get_json()["tags"] == ["2"]
    assert not asked
    assert client.get(f"/v2/e/s/blobs/{Digest.of(LAYER)}").data == LAYER
    for held in (INDEX, CHILD):
        assert client.get(f"/v2/e/s/manifests/{held}").status_code == 200
    assert _error(client.get(f"/v2/e/s/blobs/{SIGNATURE}")) == (404, "BLOB_UNKNOWN")
    assert _error(client.get(f"/v2/e/gone/manifests/{INDEX}")) == (404, "NAME_UNKNOWN")
    assert len(asked) == 1


def test_what_was_pruned_under_way_is_unknown() -> None:
    """A manifest or blob that was here a moment ago is no damage: 404, and nothing in the log."""
    LOG.clear()
    blobs = dict(BLOBS)
    client = _client(Shelf(SHELF.images, blobs))
    assert client.get(f"/v2/library/redis/blobs/{Digest.of(LAYER)}").status_code == 200
    del blobs[Digest.of(LAYER)], blobs[INDEX]
    assert _error(client.get(f"/v2/library/redis/blobs/{Digest.of(LAYER)}")) == (404, "BLOB_UNKNOWN")
    assert _error(client.get("/v2/library/redis/manifests/7")) == (404, "MANIFEST_UNKNOWN")
    assert client.get("/v2/library/redis/manifests/v1").status_code == 200
    assert LOG == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v2/library/nothing/manifests/1", 404, "NAME_UNKNOWN"),
        ("/v2/library/redis/manifests/nothing", 404, "MANIFEST_UNKNOWN"),
        (f"/v2/library/redis/manifests/sha256:{'0' * 64}", 404, "MANIFEST_UNKNOWN"),
        (f"/v2/library/redis/blobs/sha256:{'0' * 64}", 404, "BLOB_UNKNOWN"),
        ("/v2/library/redis/blobs/sha256:xyz", 400, "DIGEST_INVALID"),
        ("/v2/Upper/Case/manifests/1", 400, "NAME_INVALID"),
        ("/v2/../etc/manifests/passwd", 400, "NAME_INVALID"),
        ("/v2/library/redis/manifests/..%2f..%2fetc", 404, "UNSUPPORTED"),
        ("/v2/_catalog", 404, "UNSUPPORTED"),
        ("/v2/library/redis/blobs/uploads/", 404, "UNSUPPORTED"),
        ("/v2/library/redis/tags/7", 404, "UNSUPPORTED"),
        ("/v2/library/redis/manifests/", 404, "UNSUPPORTED"),
        ("/v2//manifests/7", 404, "UNSUPPORTED"),
        ("/v2/library//redis/manifests/7", 400, "NAME_INVALID"),
        ("/v2/library/redis%00/manifests/7", 400, "NAME_INVALID"),
        ("/v2/library/redis%0a/manifests/7", 404, "UNSUPPORTED"),
        ("/v2/library/redis/manifests/7%0a", 404, "MANIFEST_UNKNOWN"),
        ("/v2/library/redis/manifests/%2e%2e", 404, "MANIFEST_UNKNOWN"),
        ("/v2/library/redis/manifests/%ff%zz", 404, "MANIFEST_UNKNOWN"),
        (f"/v2/library/redis/manifests/{'t' * 129}", 404, "MANIFEST_UNKNOWN"),
        (f"/v2/library/redis/manifests/{'t' * 15000}", 404, "UNSUPPORTED"),
        (f"/v2/{'a/' * 300}a/manifests/7", 404, "UNSUPPORTED"),
        (f"/v2/{'a-' * 200}/manifests/7", 400, "NAME_INVALID"),
        (f"/v2/library/redis/manifests/sha256:{'A' * 64}", 400, "DIGEST_INVALID"),
        (f"/v2/library/redis/blobs/sha512:{'0' * 128}", 404, "BLOB_UNKNOWN"),
        (f"/v2/library/redis/blobs/md5:{'0' * 32}", 400, "DIGEST_INVALID"),
        ("/v2/library/redis/blobs/7", 400, "DIGEST_INVALID"),
        ("/v2/library/redis/manifests/7?ns=" + "a" * 9000, 404, "NAME_UNKNOWN"),
    ],
)
def test_errors_have_the_codes_of_the_specification(path: str, status: int, code: str) -> None:
    """Every refusal is JSON with a code and a message, however absurd the request."""
    assert _error(_get(path)) == (status, code)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_written(method: str) -> None:
    """Pushing and deleting are unsupported."""
    response = _client().open("/v2/library/redis/blobs/uploads/", method=method)
    assert _error(response) == (405, "UNSUPPORTED")
    assert response.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("name", "namespace", "expected"),
    [
        ("library/redis", "", "docker.io/library/redis"),
        ("redis", "", "docker.io/library/redis"),
        ("docker.io/library/redis", "", "docker.io/library/redis"),
        ("docker.io/redis", "", "docker.io/library/redis"),
        ("library/redis", "docker.io", "docker.io/library/redis"),
        ("library/redis", "registry-1.docker.io", "docker.io/library/redis"),
        ("library/redis", "quay.io", None),
        ("only/here", "", "quay.io/only/here"),
        ("only/here", "quay.io", "quay.io/only/here"),
        ("only/here", "ghcr.io", None),
        ("team/tool", "", None),
        ("team/tool", "ghcr.io", "ghcr.io/team/tool"),
        ("quay.io/team/tool", "", "quay.io/team/tool"),
        ("both/image", "", "docker.io/both/image"),
        ("quay.io/both/image", "", "quay.io/both/image"),
        ("localhost_5000/own/image", "", "localhost:5000/own/image"),
        ("own/image", "localhost:5000", "localhost:5000/own/image"),
        ("own/image", "", "localhost:5000/own/image"),
        ("docker.io/library/redis", "archive.example:8080", "docker.io/library/redis"),
        ("quay.io/only/here", "harbor.example", "quay.io/only/here"),
        ("library/redis", "archive.example:8080", None),
        ("docker.io/library/redis", "quay.io", None),
        ("quay.io", "", None),
        ("registry-1.docker.io/library/redis", "", "docker.io/library/redis"),
    ],
)
def test_names_resolve_by_namespace_host_or_path(name: str, namespace: str, expected: str | None) -> None:
    """?ns= decides; else the host as first component; else the only registry that has the path, docker.io first.

    A ``?ns=`` of which nothing is archived leaves the host in the path to say what is meant, and nothing else.
    """
    found = Repositories([SHELF]).resolve(name, namespace)
    assert (found and f"{found.registry}/{found.path}") == expected


@pytest.mark.parametrize(
    ("host", "name", "expected"),
    [
        ("quay.io", "team/tool", "quay.io/team/tool"),
        ("ghcr.io", "team/tool", "ghcr.io/team/tool"),
        ("registry-1.docker.io", "both/image", "docker.io/both/image"),
        ("quay.io", "both/image", "quay.io/both/image"),
        ("localhost:5000", "own/image", "localhost:5000/own/image"),
        ("localhost:5000", "docker.io/library/redis", "docker.io/library/redis"),
        ("archive.example:8080", "team/tool", None),
        ("archive.example:8080", "redis", "docker.io/library/redis"),
    ],
)
def test_a_host_may_be_the_registry_that_is_meant(host: str, name: str, expected: str | None) -> None:
    """Where DNS leads a registry's clients here, its own images come first; names by this server's go on working."""
    found = Repositories([SHELF]).resolve(name, "", host)
    assert (found and f"{found.registry}/{found.path}") == expected


def test_the_hosts_that_clients_of_the_registries_ask_are_known() -> None:
    """For certificates: without ports, and Docker Hub's as its clients have it."""
    names = ("docker.io", "ghcr.io", "index.docker.io", "localhost", "quay.io", "registry-1.docker.io")
    assert registry_names([SHELF]) == names
    assert registry_names([Shelf((_image("[::1]:5000/a:1", DOCKER, DOCKER_MANIFEST),), BLOBS)]) == ("[::1]",)
    assert registry_names([]) == ()


def test_an_image_pinned_by_digest_has_no_tag() -> None:
    """It is pulled by its digest."""
    assert _get("/v2/only/pinned/tags/list").get_json()["tags"] == []
    assert _get(f"/v2/only/pinned/manifests/{DOCKER}").status_code == 200


def test_altered_content_is_not_sent_as_if_it_were_right() -> None:
    """A manifest or small blob is a 502; a large blob loses its last chunk and the response its good end."""
    LOG.clear()
    altered = {digest: data[:-1] + bytes([data[-1] ^ 1]) for digest, data in BLOBS.items() if data}
    client = _client(Shelf(SHELF.images, altered))
    assert _error(client.get("/v2/library/redis/manifests/7"))[0] == 502
    assert _error(client.get(f"/v2/library/redis/blobs/{Digest.of(b'{}')}"))[0] == 502
    assert len(LOG) == 2
    sound = {
        digest for digest, data in BLOBS.items() if data.startswith(b'{"schemaVersion"')
    }  # they lead to it
    client = _client(Shelf(SHELF.images, {**altered, **{digest: BLOBS[digest] for digest in sound}}))
    received = b""
    with pytest.raises(Exception, match="content hashes to"):  # noqa: PT012 - it breaks off under way
        for chunk in client.get(f"/v2/library/redis/blobs/{Digest.of(LAYER)}", buffered=False).iter_encoded():
            received += chunk
    assert 0 < len(received) < len(LAYER)
