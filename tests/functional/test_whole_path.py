"""The whole path on real input: Python's documentation and Debian images, archived, bundled, verified, served.

Everything is judged from outside: by warcio, tar, sha256sum, skopeo, podman and Chromium.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import urllib.error
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator
from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest
from warcio.archiveiterator import ArchiveIterator

from servers.browser import browser
from servers.console import Console, Served, fetch
from servers.podman import Podman, empty_podman
from servers.processes import need, wait_until
from servers.real import skopeo

if TYPE_CHECKING:
    from servers.real import Images, Site

PROJECT = "python"
PHRASE = '"absolute value of a number"'  # in the description of abs(); the quotes make it a phrase
PHRASE_PAGE = "library/functions.html"
BROWSED = (
    "index.html",
    "library/functions.html",
    "tutorial/introduction.html",
    "genindex-A.html",
    "library/asyncio.html",
    "search.html",  # a script of it loads a glossary
)


@dataclass(frozen=True)
class Archived:
    """The archive of the whole input, and what the command said about it."""

    console: Console
    site: Site
    images: Images
    summary: Any
    requests: int

    @property
    def root(self) -> Path:
        """The archive folder."""
        return self.console.folder / "archives"

    @property
    def warcs(self) -> list[Path]:
        """The WARC files."""
        return sorted((self.root / PROJECT / "warc").glob("*.warc.gz"))


@dataclass(frozen=True)
class Bundle:
    """The bundle made of it."""

    path: Path
    report: Any

    def manifest(self) -> Any:
        """Return bundle.json."""
        with tarfile.open(self.path) as tar:
            member = tar.extractfile("bundle.json")
            assert member is not None
            return json.load(member)


@pytest.fixture(scope="module")
def archived(python_site: Site, images: Images, tmp_path_factory: pytest.TempPathFactory) -> Archived:
    """Python's documentation and three images, archived by one command from one spec."""
    console = Console(tmp_path_factory.mktemp("whole"))
    spec = {
        "project": PROJECT,
        "title": "Python",
        "docs": [{"name": "docs", "seeds": [f"{python_site.url}/index.html"]}],
        "images": {"platforms": ["linux/amd64", "linux/arm64"], "refs": list(images.references)},
    }
    # All three images exist for amd64; only one for arm64 as well, and single-platform images are taken as they are.
    before = len(python_site.requests())
    path = console.write("python.yaml", json.dumps(spec))
    outcome = console.succeed("archive", path, "--json")
    return Archived(console, python_site, images, outcome.json, len(python_site.requests()) - before)


@pytest.fixture(scope="module")
def bundle(archived: Archived) -> Bundle:
    """The bundle."""
    report = archived.console.succeed(
        "bundle", PROJECT, "-o", archived.console.folder / "one.tar", "--json"
    ).json
    return Bundle(archived.console.folder / "one.tar", report)


@pytest.fixture(scope="module")
def served(archived: Archived, bundle: Bundle) -> Iterator[Served]:
    """The bundle, served for the reader."""
    with archived.console.serving(bundle.path) as running:
        yield running


# ---- archive ----


def test_archive_reports_a_complete_run(archived: Archived) -> None:
    """The summary says that everything was got: all pages, three images, nothing failed."""
    summary = archived.summary
    assert summary["project"] == PROJECT
    assert summary["complete"] is True
    assert summary["verdict"] == "healthy"
    assert summary["failures"] == []
    assert summary["images"] == 3
    assert summary["pages"] > 500
    assert summary["bytes"] > 10_000_000


def test_every_page_and_asset_is_in_the_warc(archived: Archived) -> None:
    """Every file that the site's pages lead to is captured with its bytes; what is not captured, no page names."""
    root, base = archived.site.root, archived.site.url
    on_disk = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    captured = {
        unquote(urlsplit(url).path).lstrip("/"): digest
        for url, digest in _responses(archived.warcs)
        if url.startswith(base)
    }
    reachable = _reachable(root, "index.html", base)
    assert sum(name.endswith(".html") for name in on_disk) >= 530, "the input is not the real documentation"
    assert not sorted(reachable - set(captured)), "pages lead to these, and they are not in the WARC"
    left_out = on_disk - set(captured)
    assert not sorted(
        name for name in left_out if name.endswith((".html", ".css", ".png", ".svg")) and name in reachable
    )
    mentioned = _mentions(root, left_out)
    assert not mentioned, "left out, though a page or style sheet names them"
    assert not _named_by_scripts(root, left_out), "left out, though a script asks for them when it runs"
    wrong = [
        name
        for name in reachable
        if captured[name] != "sha256:" + hashlib.sha256((root / name).read_bytes()).hexdigest()
    ]
    assert not wrong, "captured with other bytes than the site has"


def _responses(warcs: list[Path]) -> list[tuple[str, str]]:
    """Return the URL and the digest of the decoded body of each 200 response, as warcio reads them."""
    found = []
    for path in warcs:
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                if record.rec_type == "response" and record.http_headers.get_statuscode() == "200":
                    body = record.content_stream().read()
                    digest = "sha256:" + hashlib.sha256(body).hexdigest()
                    found.append((record.rec_headers.get_header("WARC-Target-URI"), digest))
    return found


_ATTRIBUTE = re.compile(r"""<[^>]*?\b(?:href|src|data)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_STYLE_URL = re.compile(r"""url\(\s*["']?([^"')]+)["']?\s*\)|@import\s+["']([^"']+)["']""")


def _reachable(root: Path, start: str, base: str) -> set[str]:
    """Return the files that following links from a page leads to: a plain walk, not sharing code with the crawler."""
    reached, waiting = {start}, [start]
    while waiting:
        name = waiting.pop()
        for link in _links(root / name):
            url = urljoin(f"{base}/{quote(name)}", link.replace("&amp;", "&"))
            path = unquote(urlsplit(url).path).lstrip("/")
            path += "index.html" if not path or path.endswith("/") else ""
            if url.startswith(f"{base}/") and path not in reached and (root / path).is_file():
                reached.add(path)
                waiting.append(path)
    return reached


def _links(path: Path) -> list[str]:
    if path.suffix == ".html":
        text = re.sub(r"(?s)<!--.*?-->", "", path.read_text("utf-8", "replace"))
        return [a or b for a, b in _ATTRIBUTE.findall(text)]
    if path.suffix == ".css":
        return [a or b for a, b in _STYLE_URL.findall(path.read_text("utf-8", "replace"))]
    return []


def _mentions(root: Path, names: set[str]) -> list[str]:
    """Return those files whose own name stands in a link of any page or style sheet that is not itself left out."""
    linked = {
        Path(unquote(urlsplit(link).path)).name
        for path in root.rglob("*")
        if path.relative_to(root).as_posix() not in names
        for link in _links(path)
    }
    return sorted(name for name in names if Path(name).name in linked and Path(name).name != "index.html")


_SCRIPT = re.compile(r"(?s)<script\b[^>]*>(.*?)</script>")


def _named_by_scripts(root: Path, names: set[str]) -> list[str]:
    """Return those files whose path stands as a string in a script, in a page or on its own."""
    scripts = [path.read_text("utf-8", "replace") for path in root.rglob("*.js")]
    for page in root.rglob("*.html"):
        scripts += _SCRIPT.findall(page.read_text("utf-8", "replace"))
    strings = {string for script in scripts for string in re.findall(r"""["']([^"'\s]+)["']""", script)}
    return sorted(name for name in names if name in strings)


def test_warcio_accepts_every_warc(archived: Archived) -> None:
    """`warcio check` finds every digest of every WARC file right."""
    assert archived.warcs
    for path in archived.warcs:
        _warcio_check(path)


def _warcio_check(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "warcio.cli", "check", "-v", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{path}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert "digest pass" in done.stdout, "warcio checked nothing"


def test_warcs_are_as_the_format_says(archived: Archived) -> None:
    """WARC 1.1, a gzip member a record; warcinfo first, then pairs of response and request with one date."""
    for path in archived.warcs:
        heads = [_fields(content) for content in _gzip_members(path)]
        assert heads[0]["WARC-Type"] == "warcinfo"
        captures = heads[1:]
        assert len(captures) % 2 == 0
        assert len({head["WARC-Record-ID"] for head in heads}) == len(heads)
        for head in heads:
            assert re.fullmatch(r"<urn:uuid:[0-9a-f-]{36}>", head["WARC-Record-ID"])
            assert head["WARC-Block-Digest"].startswith("sha256:")
        for response, request in zip(captures[::2], captures[1::2], strict=True):
            assert response["WARC-Type"] in {"response", "revisit"}
            assert request["WARC-Type"] == "request"
            assert response["WARC-Record-ID"] in {
                request["WARC-Concurrent-To"],
                request.get("WARC-Refers-To"),
            }
            assert response["WARC-Date"] == request["WARC-Date"]
            assert response["WARC-Target-URI"] == request["WARC-Target-URI"]
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", response["WARC-Payload-Digest"])
            if response["WARC-Type"] == "revisit":
                assert "WARC-Refers-To-Target-URI" in response
                assert "WARC-Refers-To-Date" in response


def _gzip_members(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    while data:
        member = zlib.decompressobj(zlib.MAX_WBITS + 16)
        content = member.decompress(data) + member.flush()
        assert member.eof
        assert content.startswith(b"WARC/1.1\r\n")
        assert content.endswith(b"\r\n\r\n")
        data = member.unused_data
        yield content


def _fields(content: bytes) -> dict[str, str]:
    lines = content.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")[1:]
    fields = dict(line.split(": ", 1) for line in lines)
    assert int(fields["Content-Length"]) == len(content) - content.index(b"\r\n\r\n") - 8
    return fields


def test_images_are_a_valid_layout(archived: Archived) -> None:
    """archives/images is an OCI layout: every blob has its digest for a name, shared layers are there once."""
    layout = archived.root / "images"
    assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    blobs = list((layout / "blobs" / "sha256").iterdir())
    for blob in blobs:
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    assert len([blob for blob in blobs if blob.stat().st_size > 1_000_000]) == 1, (
        "all images share their big layer"
    )
    for reference in archived.images.references:
        upstream = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{reference}")
        entry = _layout_entry(layout, reference)
        assert entry["digest"] == "sha256:" + hashlib.sha256(upstream.encode()).hexdigest()
    # An OCI tool reads it as it is: skopeo finds each image by its full reference.
    for reference in archived.images.references:
        skopeo("inspect", "--raw", f"oci:{layout}:{reference}")


def _layout_entry(layout: Path, reference: str) -> Any:
    entries = [
        entry
        for entry in json.loads((layout / "index.json").read_text())["manifests"]
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == reference
    ]
    assert len(entries) == 1, reference
    assert entries[0]["annotations"]["io.containerd.image.name"] == reference
    return entries[0]


def test_the_snapshot_record_says_what_was_got(archived: Archived) -> None:
    """The record names every image by digest, the site's origin and its verdict, and `good` points to it."""
    folder = archived.root / PROJECT
    name = (folder / "good").read_text().strip()
    assert name == archived.summary["snapshot"]
    record = json.loads((folder / "snapshots" / f"{name}.json").read_text())
    assert record["format"] == "archiver-snapshot/1"
    assert [site["origins"] for site in record["sites"]] == [[archived.site.url]]
    assert {image["reference"] for image in record["images"]} == set(archived.images.references)
    multi = next(image for image in record["images"] if image["reference"] == archived.images.multi)
    assert sorted(multi["platforms"]) == ["linux/amd64", "linux/arm64"]
    index = (folder / "snapshots" / f"{name}.cdxj.gz").read_bytes()
    assert record["captures_digest"] == "sha256:" + hashlib.sha256(index).hexdigest()
    lines = gzip.decompress(index).decode().splitlines()
    assert len(lines) == record["captures"] == archived.summary["captures"]
    assert lines == sorted(lines)


# ---- bundle and verify ----


def test_the_bundle_has_the_members_of_the_format(bundle: Bundle) -> None:
    """A plain tar with the members of docs/format.md in their order, each accounted for in bundle.json."""
    with tarfile.open(bundle.path, "r:") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == [
        "README.html", "README.txt", "archiver.pyz", "docs/docs.wacz", "docs/search.sqlite", "images/images.tar",
        "record/snapshot.json", "record/captures.cdxj.gz", "record/report.json", "record/report.html",
        "bundle.json", "SHA256SUMS",
    ]  # fmt: skip
    assert all(member.isreg() and member.mode == 0o644 and member.mtime == 0 for member in members)
    manifest = bundle.manifest()
    listed = {entry["path"]: entry for entry in manifest["members"]}
    data = bundle.path.read_bytes()
    for member in members[:-2]:
        entry = listed[member.name]
        assert (entry["size"], entry["offset"]) == (member.size, member.offset_data)
        content = data[member.offset_data : member.offset_data + member.size]
        assert entry["digest"] == "sha256:" + hashlib.sha256(content).hexdigest()
    for blob in manifest["blobs"]:
        content = data[blob["offset"] : blob["offset"] + blob["size"]]
        assert blob["digest"] == "sha256:" + hashlib.sha256(content).hexdigest()
    assert bundle.report["size"] == len(data)
    sums = data[members[-1].offset_data :][: members[-1].size]  # vouches for all the rest
    assert bundle.report["sums"] == "sha256:" + hashlib.sha256(sums).hexdigest()


def test_a_stranger_can_check_it_with_tar_and_sha256sum(bundle: Bundle, tmp_path: Path) -> None:
    """`tar xf` and `sha256sum -c SHA256SUMS` need nothing of this program."""
    subprocess.run(["tar", "xf", str(bundle.path)], cwd=tmp_path, check=True)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=True)
    assert "archiver.pyz" in (tmp_path / "README.txt").read_text("utf-8")


def test_building_again_gives_the_same_bytes(archived: Archived, bundle: Bundle) -> None:
    """The same snapshot makes the same bundle, byte for byte, in another process and under another name."""
    again = archived.console.folder / "again.tar"
    report = archived.console.succeed("bundle", PROJECT, "-o", again, "--json").json
    assert report["sums"] == bundle.report["sums"]
    assert subprocess.run(["cmp", str(bundle.path), str(again)], check=False).returncode == 0
    again.unlink()


def test_the_wacz_is_a_plain_zip_that_names_its_parts(bundle: Bundle, tmp_path: Path) -> None:
    """docs/docs.wacz: all entries stored, datapackage.json agrees with them, and warcio accepts the WARC in it."""
    with tarfile.open(bundle.path) as tar:
        tar.extract("docs/docs.wacz", tmp_path)
    with zipfile.ZipFile(tmp_path / "docs" / "docs.wacz") as wacz:
        assert {entry.compress_type for entry in wacz.infolist()} == {zipfile.ZIP_STORED}
        package = json.loads(wacz.read("datapackage.json"))
        assert (package["profile"], package["wacz_version"]) == ("data-package", "1.1.1")
        described = {resource["path"]: resource for resource in package["resources"]}
        assert set(described) == set(wacz.namelist()) - {"datapackage.json", "datapackage-digest.json"}
        for path, resource in described.items():
            content = wacz.read(path)
            assert resource["bytes"] == len(content)
            assert resource["hash"] == "sha256:" + hashlib.sha256(content).hexdigest()
        pages = [json.loads(line) for line in wacz.read("pages/pages.jsonl").decode().splitlines()]
        assert len(pages) > 500
        wacz.extract("archive/data.warc.gz", tmp_path)
    _warcio_check(tmp_path / "archive" / "data.warc.gz")


def test_verify_accepts_the_bundle(archived: Archived, bundle: Bundle) -> None:
    """A bundle fresh from the press has no problem: exit code 0, in words and as JSON."""
    archived.console.succeed("verify", bundle.path)
    report = archived.console.succeed("verify", bundle.path, "--json").json
    assert report["ok"] is True
    assert report["problems"] == []


@contextlib.contextmanager
def _flipped(path: Path, *offsets: int) -> Iterator[None]:
    """Flip one bit of one byte at each offset of a file while a block lasts."""
    for _ in range(2):
        with path.open("r+b") as stream:
            for offset in offsets:
                stream.seek(offset)
                byte = stream.read(1)[0]
                stream.seek(offset)
                stream.write(bytes([byte ^ 4]))
        if _ == 0:
            yield


@pytest.fixture(scope="module")
def copy(bundle: Bundle) -> Iterator[Path]:
    """A copy of the bundle, to be damaged and restored by one test after the other."""
    path = bundle.path.with_name("copy.tar")
    shutil.copyfile(bundle.path, path)
    yield path
    path.unlink()


def _places(bundle: Bundle) -> dict[str, tuple[int, str]]:
    """Return offsets into the bundle by what they hit, with the name that must be told."""
    with tarfile.open(bundle.path) as tar:
        members = {member.name: member for member in tar.getmembers()}
    places = {name: (member.offset_data + member.size // 2, name) for name, member in members.items()}
    blob = max(bundle.manifest()["blobs"], key=lambda entry: int(entry["size"]))
    places["a blob"] = (blob["offset"] + blob["size"] // 3, blob["digest"].partition(":")[2])
    padded = next(member for member in members.values() if member.size % 512)
    places["padding"] = (padded.offset_data + padded.size, padded.name)
    text = members["README.txt"]
    places["the header of README.txt"] = (text.offset + 110, "README.txt")
    places["the end of the tar"] = (bundle.path.stat().st_size - 700, "")
    return places


@pytest.mark.thorough
@pytest.mark.parametrize(
    "what",
    [
        "README.html", "README.txt", "archiver.pyz", "docs/docs.wacz", "docs/search.sqlite", "images/images.tar",
        "bundle.json", "SHA256SUMS", "a blob", "padding", "the header of README.txt",
        "the end of the tar",
    ],
)  # fmt: skip
def test_verify_finds_one_altered_byte(archived: Archived, bundle: Bundle, copy: Path, what: str) -> None:
    """One flipped bit anywhere ends verify with exit code 5 and the name of what it hit."""
    offset, name = _places(bundle)[what]
    with _flipped(copy, offset):
        outcome = archived.console.run("verify", copy)
        assert outcome.code == 5, outcome.said
        assert name in outcome.said
        report = archived.console.run("verify", copy, "--json")
        assert report.code == 5
        assert report.json["ok"] is False
        assert all(problem["code"] and problem["detail"] for problem in report.json["problems"])


def test_verify_lists_all_problems(archived: Archived, bundle: Bundle, copy: Path) -> None:
    """Damage in three members is told three times: verify does not stop at the first problem."""
    places = _places(bundle)
    hit = ("README.txt", "docs/docs.wacz", "images/images.tar")
    with _flipped(copy, *(places[what][0] for what in hit)):
        report = archived.console.run("verify", copy, "--json")
    assert report.code == 5
    told = json.dumps(report.json["problems"])
    assert all(name in told for name in hit)


@pytest.mark.parametrize("share", [0, 0.0000001, 0.05, 0.5, 0.95, 0.9999999])
def test_a_truncated_bundle_is_refused(archived: Archived, bundle: Bundle, share: float) -> None:
    """A bundle cut short anywhere ends verify with exit code 5, and serve refuses it with one clear line."""
    size = int(bundle.path.stat().st_size * share)
    path = bundle.path.with_name("cut.tar")
    with bundle.path.open("rb") as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
        target.truncate(size)
    for command in (["verify", path], ["serve", path, "--port", "0"]):
        outcome = archived.console.run(*command)
        assert outcome.code == 5, f"{command[0]}: {outcome.said}"
        assert "cut.tar" in outcome.said
    path.unlink()


@pytest.mark.parametrize("what", ["bundle.json", "the header of README.txt", "SHA256SUMS"])
def test_serve_refuses_a_damaged_structure(archived: Archived, bundle: Bundle, copy: Path, what: str) -> None:
    """What serve relies on is checked at opening: it ends with exit code 5 and says why."""
    with _flipped(copy, _places(bundle)[what][0]):
        outcome = archived.console.run("serve", copy, "--port", "0")
    assert outcome.code == 5, outcome.said
    assert len(outcome.err.strip().splitlines()) <= 5, "one clear line, and perhaps a hint"


def test_serve_can_check_everything_first(archived: Archived, bundle: Bundle, copy: Path) -> None:
    """`serve --verify` refuses a bundle with one altered byte in a blob."""
    with _flipped(copy, _places(bundle)["a blob"][0]):
        outcome = archived.console.run("serve", copy, "--port", "0", "--verify")
    assert outcome.code == 5, outcome.said


def test_serve_never_sends_altered_content(archived: Archived, bundle: Bundle, copy: Path) -> None:
    """A blob whose byte was altered is not handed out as if it were right."""
    manifest = bundle.manifest()
    blob = max(manifest["blobs"], key=lambda entry: int(entry["size"]))
    repository = urlsplit(f"//{archived.images.base}").path.lstrip("/").rpartition(":")[0]
    with _flipped(copy, _places(bundle)["a blob"][0]), archived.console.serving(copy) as server:
        try:
            body = server.get(f"/v2/{repository}/blobs/{blob['digest']}")
        except (http.client.HTTPException, OSError):
            body = b""
    assert len(body) < blob["size"], "the whole altered blob was sent as if it were right"


# ---- serve ----


def test_serve_says_what_it_serves(served: Served, archived: Archived) -> None:
    """GET /-/bundle.json lists the docs with their addresses, and the images."""
    contents = served.contents
    assert contents["project"] == PROJECT
    assert contents["snapshot"] == archived.summary["snapshot"]
    assert [(site["name"], site["origin"]) for site in contents["docs"]] == [("docs", archived.site.url)]
    assert all(reference in json.dumps(contents["images"]) for reference in archived.images.references)
    assert urlsplit(served.docs("docs")).port != served.port, "docs have an origin of their own"
    assert b"Python" in served.get("/")


def test_pages_come_back_as_they_were(served: Served, archived: Archived) -> None:
    """Every page is served with the status 200 and the bytes that the site had, mapped addresses apart."""
    origin = _origin(served)
    for name in ("library/functions.html", "library/os.html", "_static/basic.css"):
        ours, original = fetch(f"{origin}/{name}"), (archived.site.root / name).read_bytes()
        assert ours == original or archived.site.url.encode() in original
    assert fetch(f"{origin}/") == (archived.site.root / "index.html").read_bytes()
    with pytest.raises(urllib.error.HTTPError) as missing:
        fetch(f"{origin}/no/such/page.html")
    assert missing.value.code == 404


def _origin(served: Served) -> str:
    parts = urlsplit(served.docs("docs"))
    return f"{parts.scheme}://{parts.netloc}"


def test_a_browser_shows_pages_whole(served: Served, tmp_path: Path) -> None:
    """Chromium shows pages of all kinds: no request fails, none leaves this machine, and nothing is complained of."""
    need("chromium")
    with browser(tmp_path) as chromium:
        visits = {name: chromium.open(f"{_origin(served)}/{name}") for name in BROWSED}
        landing = chromium.open(served.url + "/")
    for name, visit in {**visits, "the landing page": landing}.items():
        assert visit.failed == [], name
        assert visit.complaints == [], name
        assert visit.hosts <= {"127.0.0.1", "localhost"}, name
    for name, visit in visits.items():
        assert "3.11" in visit.title, name
        assert len(visit.text) > 200, name
        assert any(url.endswith(".css") for url in visit.requested), name
    assert "abs(x)" in visits["library/functions.html"].text
    assert "Python" in landing.text


def test_search_finds_a_known_phrase(served: Served, archived: Archived, bundle: Bundle) -> None:
    """The phrase is found on its page over HTTP, on the command line, and not where it is not."""
    found = json.loads(served.get(f"/-/search.json?q={quote(PHRASE)}"))
    assert PHRASE_PAGE in json.dumps(found)
    outcome = archived.console.succeed("search", bundle.path, PHRASE)
    assert PHRASE_PAGE in outcome.out
    assert PHRASE_PAGE in json.dumps(archived.console.succeed("search", bundle.path, PHRASE, "--json").json)
    assert PHRASE_PAGE not in served.get("/-/search.json?q=xyzzyplughplover").decode()


@pytest.fixture
def podman() -> Iterator[Podman]:
    """Podman with an empty storage."""
    with empty_podman() as running:
        yield running


def test_skopeo_and_podman_take_the_images_tar(
    archived: Archived, bundle: Bundle, podman: Podman, tmp_path: Path
) -> None:
    """Skopeo reads every image of images/images.tar, and podman loads all of them from it."""
    subprocess.run(["tar", "xf", str(bundle.path), "images/images.tar"], cwd=tmp_path, check=True)
    tar = tmp_path / "images" / "images.tar"
    for reference in archived.images.references:
        shown = json.loads(skopeo("inspect", f"oci-archive:{tar}:{reference}"))
        assert shown["Os"] == "linux"
        skopeo("inspect", f"docker-archive:{tar}:{reference}")
    podman.run("load", "--input", str(tar))
    for reference in archived.images.references:
        assert podman.run("image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", reference).strip() == (
            "linux/amd64"
        )


def test_podman_pulls_from_serve(archived: Archived, served: Served, podman: Podman) -> None:
    """Podman pulls every image from the served registry, by bare path and by the original host's name in the path."""
    host = f"127.0.0.1:{served.port}"
    for reference in archived.images.references:
        original, _, path = reference.partition("/")
        for name in (path, f"{original.replace(':', '_')}/{path}"):
            podman.run("pull", "--quiet", "--tls-verify=false", f"{host}/{name}")
    assert podman.run("images", "--quiet", "--no-trunc").strip()
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{host}/debian/multi:latest")
    upstream = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{archived.images.multi}")
    assert raw == upstream, "the index is handed out byte for byte"


@pytest.mark.parametrize("python", ["pypy3", "python3"])
def test_the_bundle_serves_itself(archived: Archived, bundle: Bundle, tmp_path: Path, python: str) -> None:
    """archiver.pyz from the bundle verifies, searches and serves it with nothing installed, on Python 3.9 too."""
    need(python)
    if python == "pypy3":
        version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout
        assert "3.9" in version, "Debian 12's pypy3 is the Python 3.9 to test with"
    subprocess.run(["tar", "xf", str(bundle.path), "archiver.pyz"], cwd=tmp_path, check=True)
    reader = Console(tmp_path, (shutil.which(python) or python, "-I", str(tmp_path / "archiver.pyz")))
    reader.succeed("verify", bundle.path)
    assert PHRASE_PAGE in reader.succeed("search", bundle.path, PHRASE).out
    with reader.serving(bundle.path) as server:
        origin = _origin(server)
        assert b"abs(x)" in re.sub(rb"<[^>]*>", b"", fetch(f"{origin}/library/functions.html"))
        assert PHRASE_PAGE in server.get(f"/-/search.json?q={quote(PHRASE)}").decode()
        name = f"docker://127.0.0.1:{server.port}/debian/tools:1.0"
        skopeo("copy", "--src-tls-verify=false", name, f"oci:{tmp_path / 'copied'}:tools")


def test_the_archive_folder_is_served_too(archived: Archived, bundle: Bundle) -> None:
    """`serve archives/` gives the same page and the same image as the bundle made from it."""
    assert bundle.path.is_file()
    with archived.console.serving(archived.root) as server:
        page = fetch(f"{_origin(server)}/library/functions.html")
        assert page == (archived.site.root / "library/functions.html").read_bytes()
        assert PHRASE_PAGE in server.get(f"/-/search.json?q={quote(PHRASE)}").decode()
        skopeo("inspect", "--tls-verify=false", f"docker://127.0.0.1:{server.port}/debian/base:12")


# ---- interruptions ----


@pytest.mark.thorough
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_interrupted_archive_is_continued(
    archived: Archived, python_site: Site, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Ctrl-C or a kill in mid-crawl loses at most what was in flight: the next run continues and ends complete."""
    console = Console(tmp_path)
    spec = {"project": PROJECT, "docs": [{"seeds": [f"{python_site.url}/index.html"]}]}
    path = console.write("python.yaml", json.dumps(spec))
    before = len(python_site.requests())
    enough = archived.requests // 3
    with console.started("archive", path) as process:
        wait_until(
            lambda: len(python_site.requests()) - before > enough, process, what="a third of the crawl"
        )
        process.send_signal(number)
        assert process.wait(60) == code
    first = len(python_site.requests()) - before
    assert first < archived.requests, "it was not interrupted in mid-crawl"
    assert not list((tmp_path / "archives" / PROJECT / "snapshots").glob("*Z.json"))
    kept = sorted((tmp_path / "archives" / PROJECT / "warc").glob("*.warc.gz"))
    assert kept, "the first part is kept"

    summary = console.succeed("archive", path, "--json").json
    second = len(python_site.requests()) - before - first
    assert second < archived.requests - first // 2, "the first part was fetched again"
    assert summary["complete"] is True
    assert summary["captures"] == archived.summary["captures"]
    assert all(warc.exists() for warc in kept)
    for warc in sorted((tmp_path / "archives" / PROJECT / "warc").glob("*.warc.gz")):
        _warcio_check(warc)
    console.succeed("bundle", PROJECT, "-o", tmp_path / "b.tar")
    console.succeed("verify", tmp_path / "b.tar")


def test_a_second_archive_makes_a_second_snapshot(archived: Archived, tmp_path: Path) -> None:
    """After a finished run the next one asks conditionally: a new snapshot of the same captures, few bytes."""
    copy = Console(tmp_path)
    shutil.copytree(archived.root, tmp_path / "archives")
    shutil.copyfile(archived.console.folder / "python.yaml", tmp_path / "python.yaml")
    summary = copy.succeed("archive", "python.yaml", "--json").json
    assert summary["snapshot"] > archived.summary["snapshot"]
    assert summary["captures"] == archived.summary["captures"]
    assert summary["bytes"] < archived.summary["bytes"] // 10
    copy.succeed("bundle", PROJECT, "-o", tmp_path / "b.tar")
    copy.succeed("verify", tmp_path / "b.tar")
