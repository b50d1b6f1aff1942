"""Verifying bundles that are consistent but for one lie: each lie is found, by its code and at its place."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any, Callable

import pytest

from archiver.bundle.build import build_bundle
from archiver.core.errors import NotABundle
from archiver.core.tarheader import BLOCK, header
from archiver.offline.problems import MEANINGS
from archiver.offline.verify import VerifyReport, verify_bundle
from servers.handmade_bundle import (
    CHART,
    IMAGE,
    INDEX,
    LAYER,
    SINGLE,
    SITE,
    Bundle,
    Docs,
    Images,
    as_json,
    identity,
    sample_docs,
    sample_images,
    search_index,
    sha256,
    tar_of,
    zip_of,
)
from servers.small_archive import small_archive

Check = Callable[[bytes], VerifyReport]
GUIDE = "docs/guide.wacz"
ENDLESS = """
DROP TABLE documents;
CREATE VIEW documents AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)
SELECT id, id AS source, id AS url, id AS timestamp FROM n
"""
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Verify a bundle given as bytes."""

    def verify(data: bytes) -> VerifyReport:
        path = tmp_path / "bundle.tar"
        path.write_bytes(data)
        return verify_bundle(path)

    return verify


def codes(report: VerifyReport) -> set[str]:
    return {problem.code for problem in report.problems}


def found(report: VerifyReport, code: str, where: str) -> bool:
    assert all(problem.code in MEANINGS for problem in report.problems)
    return any(problem.code == code and where in problem.where for problem in report.problems)


def with_docs(docs: Docs, **edits: Any) -> Bundle:
    bundle = Bundle(docs=docs)
    bundle.members[GUIDE] = docs.wacz(**edits)
    return bundle


def test_sound_bundle_has_no_problem(check: Check) -> None:
    """A bundle made from the format's page alone verifies, and the report says what is in it."""
    report = check(Bundle().pack())
    assert report.problems == ()
    assert report.ok
    assert (report.format, report.project, report.snapshot) == (
        "archiver-bundle/1",
        "demo",
        "20260301T120000Z",
    )
    assert (report.members, report.captures, report.images, report.files) == (12, 5, 3, 1)
    assert report.signature == "unsigned"


def test_bundle_of_the_packer_has_no_problem(tmp_path: Path) -> None:
    """What the packer writes verifies as well: two writers, one format."""
    made = small_archive(tmp_path / "archive")
    packed = build_bundle(made.archive, "small", output=tmp_path / "small.tar")
    assert verify_bundle(packed.path).problems == ()


# The tar and its lists

LISTS: dict[str, tuple[Callable[[Bundle], bytes], str, str]] = {
    "a member that no list names": (
        lambda b: b.pack(last=lambda members: members.insert(6, ("files/extra", b"x"))),
        "member.unexpected",
        "files/extra",
    ),
    "a member of an unknown kind": (
        lambda b: b.pack(last=lambda members: members.insert(6, ("notes.txt", b"x"))),
        "member.unexpected",
        "notes.txt",
    ),
    "a member left out": (lambda b: b.pack(last=lambda members: members.pop(6)), "member.missing", "files/"),
    "no README": (lambda b: b.pack(last=lambda members: members.pop(1)), "member.missing", "README.txt"),
    "members in another order": (
        lambda b: b.pack(last=lambda members: members.insert(1, members.pop(2))),
        "member.order",
        "README.txt",
    ),
    "a member twice": (
        lambda b: b.pack(last=lambda members: members.insert(7, members[6])),
        "tar.duplicate",
        "files/",
    ),
    "names that differ only in case": (
        lambda b: b.pack(last=lambda members: members.insert(7, ("files/DL.example.org/tool.BIN", b""))),
        "tar.duplicate",
        "files/DL",
    ),
    "a name that is another's folder": (
        lambda b: b.pack(last=lambda members: members.insert(7, ("files/dl.example.org", b""))),
        "tar.duplicate",
        "files/dl.example.org",
    ),
    "a name that leaves the folder": (
        lambda b: b.pack(last=lambda members: members.insert(7, ("files/../../x", b""))),
        "tar.name",
        "files/../../x",
    ),
    "an absolute name": (
        lambda b: b.pack(last=lambda members: members.insert(7, ("/etc/passwd", b""))),
        "tar.name",
        "/etc/passwd",
    ),
    "a wrong digest in bundle.json": (
        lambda b: b.pack(document=lambda d: d["members"][0].update(digest=sha256(b"?"))),
        "bundle.member",
        "README.html",
    ),
    "a wrong size in bundle.json": (
        lambda b: b.pack(document=lambda d: d["members"][6].update(size=1 << 40)),
        "bundle.member",
        "files/dl.example.org/tool.bin",
    ),
    "a wrong role": (
        lambda b: b.pack(document=lambda d: d["members"][1].update(role="file")),
        "bundle.reference",
        "README.txt",
    ),
    "a negative offset": (
        lambda b: b.pack(document=lambda d: d["members"][1].update(offset=-1)),
        "bundle.document",
        "bundle.json",
    ),
    "a requirement that is no digest": (
        lambda b: b.pack(document=lambda d: d.update(requires=["latest"])),
        "bundle.document",
        "bundle.json",
    ),
    "a list that is missing": (
        lambda b: b.pack(document=lambda d: d.pop("requires")),
        "bundle.document",
        "bundle.json",
    ),
    "another format": (
        lambda b: b.pack(document=lambda d: d.update(format="archiver-bundle/9")),
        "bundle.format",
        "bundle.json",
    ),
    "a doc site without its file": (
        lambda b: b.pack(document=lambda d: d["docs"][0].update(path="docs/other.wacz")),
        "bundle.reference",
        "docs/other.wacz",
    ),
    "a wrong number of captures": (
        lambda b: b.pack(document=lambda d: d["docs"][0].update(captures=7)),
        "bundle.reference",
        GUIDE,
    ),
    "a wrong number of pages": (
        lambda b: b.pack(document=lambda d: d["docs"][0].update(pages=7)),
        "bundle.reference",
        GUIDE,
    ),
    "a wrong file size": (
        lambda b: b.pack(document=lambda d: d["files"][0].update(size=7)),
        "bundle.reference",
        "tool.bin",
    ),
    "a blob outside of images.tar": (
        lambda b: b.pack(document=lambda d: d["blobs"][0].update(offset=0)),
        "bundle.reference",
        "sha256:",
    ),
    "two doc sites with one file": (
        lambda b: b.pack(document=lambda d: d["docs"].append({**d["docs"][0], "name": "other"})),
        "bundle.reference",
        "bundle.json",
    ),
    "the same image twice": (
        lambda b: b.pack(document=lambda d: d["images"].append(d["images"][0])),
        "bundle.reference",
        "bundle.json",
    ),
    "a wrong line in SHA256SUMS": (
        lambda b: b.pack(sums=lambda lines: lines.__setitem__(1, ("0" * 64, lines[1][1]))),
        "member.digest",
        "README.txt",
    ),
    "SHA256SUMS in another order": (
        lambda b: b.pack(sums=lambda lines: lines.reverse()),
        "sums.form",
        "SHA256SUMS",
    ),
    "a line too many in SHA256SUMS": (
        lambda b: b.pack(sums=lambda lines: lines.append(("0" * 64, "files/none"))),
        "member.missing",
        "files/none",
    ),
    "something behind the end": (lambda b: b.pack() + b"\0", "tar.trailing", "byte"),
    "one end block": (lambda b: b.pack()[:-BLOCK], "tar.truncated", "byte"),
}


@pytest.mark.parametrize("lie", LISTS)
def test_lies_of_the_lists_are_found(check: Check, lie: str) -> None:
    """What tar, bundle.json and SHA256SUMS say differently is a typed problem at its member."""
    make, code, where = LISTS[lie]
    report = check(make(Bundle()))
    assert found(report, code, where), report.problems


@pytest.mark.parametrize(
    ("kind", "name"), [(b"2", "symbolic link"), (b"3", "device"), (b"5", "folder"), (b"L", "GNU")]
)
def test_members_that_are_no_files_are_found(check: Check, kind: bytes, name: str) -> None:
    """Links, devices, folders and GNU extensions are refused as headers that the dialect does not have."""
    data = bytearray(Bundle().pack())
    at = data.find(b"files/dl.example.org/tool.bin\0")
    block = data[at : at + BLOCK]
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    data[at : at + BLOCK] = block
    report = check(bytes(data))
    assert any(name in problem.detail for problem in report.problems if problem.code == "tar.header")


def test_all_problems_are_listed(check: Check) -> None:
    """Three independent lies give three problems: verify never stops at the first."""
    bundle = Bundle()
    data = bytearray(bundle.pack(document=lambda d: d["files"][0].update(size=7)))
    data[data.find(b"read me")] ^= 1
    data[data.find(b"shared layer")] ^= 1
    report = check(bytes(data))
    assert found(report, "member.digest", "README.txt")
    assert found(report, "images.digest", "images/images.tar: blobs/")
    assert found(report, "bundle.reference", "tool.bin")


def test_damaged_header_does_not_hide_what_follows(check: Check) -> None:
    """With a destroyed size field in the middle, bundle.json tells the way and later damage is still found."""
    data = bytearray(Bundle().pack())
    at = data.find(b"docs/guide.wacz\0")
    data[at + 124 : at + 135] = b"77777777777"
    data[data.find(b"tooltool")] ^= 1
    report = check(bytes(data))
    assert found(report, "tar.header", "docs/guide.wacz")
    assert found(report, "member.digest", "files/dl.example.org/tool.bin")
    assert "member.missing" not in codes(report)


@pytest.mark.parametrize("content", [b"", b"no tar", tar_of([("oci-layout", b"{}")]), bytes(4096)])
def test_what_is_no_bundle_is_not_recognised(check: Check, content: bytes) -> None:
    """A file that neither begins nor ends like a bundle is NotABundle, not a list of problems."""
    with pytest.raises(NotABundle):
        check(content)


@pytest.mark.parametrize("member", [GUIDE, "images/images.tar", "archiver.pyz"])
@pytest.mark.parametrize("change", ["block in", "block out", "byte in", "byte out"])
def test_the_member_that_bytes_were_put_into_is_named(check: Check, member: str, change: str) -> None:
    """However far the rest is displaced, the damaged member is named, and no sound one is called changed."""
    data = Bundle().pack()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        listed = json.load(tar.extractfile("bundle.json") or io.BytesIO())["members"]
    entry = next(entry for entry in listed if entry["path"] == member)
    at = entry["offset"] + entry["size"] // 2
    data = {
        "block in": data[:at] + bytes(BLOCK) + data[at:],
        "block out": data[:at] + data[at + BLOCK :],
        "byte in": data[:at] + b"x" + data[at:],
        "byte out": data[:at] + data[at + 1 :],
    }[change]
    report = check(data)
    changed = {problem.where for problem in report.problems if problem.code == "member.digest"}
    assert changed == {member}


def test_deeply_nested_json_is_a_problem(check: Check) -> None:
    """A bundle.json nested a hundred thousand deep is one problem, no crash."""

    def nest(members: list[tuple[str, bytes]]) -> None:
        members[7] = ("bundle.json", b'{"format":' + b"[" * 100_000 + b"]" * 100_000 + b"}")

    assert found(check(Bundle().pack(last=nest)), "bundle.document", "bundle.json")


def test_names_cannot_control_the_terminal(check: Check) -> None:
    """Control characters of names do not reach the report as they are."""
    report = check(Bundle().pack(last=lambda members: members.insert(6, ("files/\x1b[2Jx", b""))))
    assert found(report, "tar.name", "files/\\x1b[2Jx")


# Docs


def drop(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.pop(name) and None


def change(name: str, edit: Callable[[bytes], bytes]) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.__setitem__(name, edit(files[name]))


def line_edit(text: str, **members: str | None) -> Callable[[list[bytes]], None]:
    """Change members of the first index line that contains a text."""

    def edit(lines: list[bytes]) -> None:
        number = next(n for n, line in enumerate(lines) if text.encode() in line)
        key, time, data = lines[number].split(b" ", 2)
        document = {**json.loads(data), **members}
        lines[number] = b" ".join((key, time, as_json({k: v for k, v in document.items() if v is not None})))

    return edit


def bomb(files: dict[str, bytes]) -> None:
    block = gzip.compress(bytes(65 << 20), mtime=0)
    place = {"offset": 0, "length": len(block), "digest": sha256(block), "filename": "index.cdx.gz"}
    first = files["indexes/index.idx"].split(b"\n")[1].split(b" ")[:2]
    head = files["indexes/index.idx"].split(b"\n")[0]
    files["indexes/index.idx"] = head + b"\n" + b" ".join(first) + b" " + as_json(place) + b"\n"
    files["indexes/index.cdx.gz"] = block


HOME, COPY = f'"{SITE}/"', f'"{SITE}/copy"'
WACZ: dict[str, tuple[dict[str, Any], str, str]] = {
    "no pages.jsonl": ({"final": drop("pages/pages.jsonl")}, "zip.entry", "pages/pages.jsonl"),
    "a foreign entry": ({"final": lambda f: f.update({"x.txt": b""})}, "zip.entry", "x.txt"),
    "resource with another hash": (
        {"package": lambda d: d["resources"][0].update(hash=sha256(b"?"))},
        "wacz.resource",
        "data.warc.gz",
    ),
    "resource with another size": (
        {"package": lambda d: d["resources"][1].update(bytes=1 << 40)},
        "wacz.resource",
        "index.cdx.gz",
    ),
    "resource not listed": ({"package": lambda d: d["resources"].pop()}, "wacz.resource", "pages.jsonl"),
    "resource that is not there": (
        {"package": lambda d: d["resources"].append({"path": "x", "name": "x"})},
        "wacz.resource",
        "x",
    ),
    "another WACZ version": (
        {"package": lambda d: d.update(wacz_version="2")},
        "wacz.document",
        "datapackage.json",
    ),
    "a wrong datapackage digest": (
        {
            "final": change(
                "datapackage-digest.json", lambda _: b'{"path":"datapackage.json","hash":"sha256:0"}'
            )
        },
        "wacz.resource",
        "datapackage-digest.json",
    ),
    "index out of order": ({"lines": lambda lines: lines.reverse()}, "wacz.index", "index"),
    "a line twice": ({"lines": lambda lines: lines.insert(1, lines[0])}, "wacz.index", "index"),
    "a line left out": ({"lines": lambda lines: lines.pop(0) and None}, "wacz.unindexed", "data.warc.gz"),
    "a line with a wrong offset": ({"lines": line_edit(HOME, offset="7")}, "wacz.index", "data.warc.gz"),
    "a line with a wrong length": ({"lines": line_edit(HOME, length="7")}, "wacz.index", "data.warc.gz"),
    "a line with a wrong digest": (
        {"lines": line_edit(HOME, digest=sha256(b"?"))},
        "wacz.index",
        "data.warc.gz",
    ),
    "a line with a wrong status": ({"lines": line_edit(HOME, status="404")}, "wacz.index", "data.warc.gz"),
    "a line with a wrong URL": (
        {"lines": line_edit(HOME, url=SITE + "/guide")},
        "wacz.index",
        "indexes/index.cdx.gz",
    ),
    "a line of an unknown record": (
        {"lines": line_edit(HOME, record=identity("nobody"))},
        "wacz.dangling",
        "indexes/index.cdx.gz",
    ),
    "a line that is no JSON": (
        {"lines": lambda lines: lines.__setitem__(0, lines[0][:-1])},
        "wacz.index",
        "indexes/index.cdx.gz",
    ),
    "a number instead of a string": ({"lines": line_edit(HOME, offset=7)}, "wacz.index", "index.cdx.gz"),  # type: ignore[arg-type]  # on purpose
    "a revisit without its original": (
        {"lines": line_edit(COPY, refersTo=None)},
        "wacz.index",
        "index.cdx.gz",
    ),
    "a revisit of an unknown original": (
        {"lines": line_edit(COPY, refersTo=identity("nobody"))},
        "wacz.dangling",
        "data.warc.gz",
    ),
    "a revisit with a wrong place of the original": (
        {"lines": line_edit(COPY, origOffset="0")},
        "wacz.index",
        "data.warc.gz",
    ),
    "an index block altered": (
        {"entries": change("indexes/index.cdx.gz", lambda d: d[:30] + bytes([d[30] ^ 1]) + d[31:])},
        "wacz.index",
        "index.cdx.gz",
    ),
    "an index block that is a bomb": (
        {"entries": bomb},
        "wacz.index",
        "index.cdx.gz",
    ),
    "idx without its head": (
        {"entries": change("indexes/index.idx", lambda d: d.split(b"\n", 1)[1])},
        "wacz.index",
        "index.idx",
    ),
    "idx with a gap": (
        {"entries": change("indexes/index.idx", lambda d: d.replace(b'"offset": 0', b'"offset": 1'))},
        "wacz.index",
        "index.idx",
    ),
    "idx that claims a terabyte": (
        {
            "entries": change(
                "indexes/index.idx", lambda d: d.replace(b'"length": ', b'"length": 1099511627776')
            )
        },
        "wacz.index",
        "index.idx",
    ),
    "a page that the index lacks": (
        {"entries": change("pages/pages.jsonl", lambda d: d.replace(b"/guide", b"/gone"))},
        "wacz.dangling",
        "pages.jsonl",
    ),
    "a page left out": (
        {"entries": change("pages/pages.jsonl", lambda d: b"\n".join(d.split(b"\n")[:-2]) + b"\n")},
        "wacz.document",
        "pages.jsonl",
    ),
    "bytes between records": (
        {"entries": change("archive/data.warc.gz", lambda d: d + b"junk")},
        "warc.record",
        "data.warc.gz",
    ),
}


@pytest.mark.parametrize("lie", WACZ)
def test_lies_inside_a_wacz_are_found(check: Check, lie: str) -> None:
    """What index, records, pages and datapackage.json say differently is a typed problem inside of the WACZ.

    Where the index lies about captures, it also differs from the one that archives take in.
    """
    edits, code, where = WACZ[lie]
    report = check(with_docs(sample_docs(), **edits).pack())
    assert found(report, code, where), report.problems
    places = ("docs/", "bundle.json", "record/captures.cdxj.gz")
    assert all(problem.where.startswith(places) for problem in report.problems)


def test_compressed_zip_entries_are_found(check: Check) -> None:
    """A WACZ whose entries are compressed cannot be read in place, and is refused."""
    bundle = Bundle()
    bundle.members[GUIDE] = zip_of({"archive/data.warc.gz": bytes(900)}, zipfile.ZIP_DEFLATED)
    assert found(check(bundle.pack()), "zip.structure", GUIDE)


def test_altered_payload_is_found_by_its_own_digest(check: Check) -> None:
    """A record whose body was replaced and repacked, every outer digest recomputed, still betrays itself."""
    docs = sample_docs()
    docs.records["home"] = gzip.compress(
        gzip.decompress(docs.records["home"]).replace(b"fox", b"cat"), mtime=0
    )
    report = check(with_docs(docs).pack())
    assert codes(report) == {"warc.digest"}
    assert found(report, "warc.digest", "docs/guide.wacz: archive/data.warc.gz")


def test_missing_request_is_found(check: Check) -> None:
    """A response must be followed by its own request."""
    docs = sample_docs()
    docs.records.pop("home?")
    assert codes(check(with_docs(docs).pack())) == {"warc.pair"}


def test_record_that_is_too_long_for_its_length_is_found(check: Check) -> None:
    """A gzip member that holds more than the record's Content-Length says is no whole record."""
    docs = sample_docs()
    docs.records["home"] = gzip.compress(gzip.decompress(docs.records["home"]) + b"more", mtime=0)
    report = check(with_docs(docs).pack())
    assert found(report, "warc.record", "data.warc.gz")


def test_broken_record_does_not_hide_the_next(check: Check) -> None:
    """After a broken gzip member the walk goes on where the index says that the next record begins."""
    docs = sample_docs()
    docs.records["home"] = docs.records["home"][:-30] + bytes(30)
    docs.records["guide"] = gzip.compress(
        gzip.decompress(docs.records["guide"]).replace(b"guide</title>", b"guidf</title>"), mtime=0
    )
    report = check(with_docs(docs).pack())
    assert found(report, "warc.record", "data.warc.gz")
    assert found(report, "warc.digest", "data.warc.gz")


@pytest.mark.parametrize("name", ["old-again", "copy"])
def test_a_304_shares_its_originals_line_and_nothing_else_does(check: Check, name: str) -> None:
    """Other tools replay what a line points to, so a 304 has none of its own, and a whole answer has one."""
    docs = sample_docs()
    if name == "old-again":
        docs.lines[name].pop("shares")
    else:
        docs.response("first", "/copy", b"<title>guide</title>" * 40, kind="original")
        docs.records.pop("copy")
        docs.records.pop("copy?")
        docs.revisit("copy", "/copy", "first")
        docs.lines[name]["shares"] = "yes"
    report = check(with_docs(docs).pack())
    assert codes(report) == {"wacz.index"}
    assert "shares its original's line" in str(report.problems[0])


def test_revisit_whose_original_was_left_out_is_found(check: Check) -> None:
    """Every revisit must be resolvable inside the file."""
    docs = sample_docs()
    bundle_lines = docs.lines
    whole = docs.wacz()
    assert whole
    docs.records.pop("old")
    docs.records.pop("old?")
    old = bundle_lines.pop("old")
    bundle_lines["old-again"].pop("of")
    bundle_lines["old-again"] |= {"origOffset": "0", "origLength": "9"}
    assert old["kind"] == "original"
    report = check(with_docs(docs).pack())
    assert codes(report) == {"wacz.dangling"}


# Images


def repack(images: Any, **edits: Any) -> bytes:
    return Bundle(images=images).pack(**edits)


def test_missing_layer_is_found(check: Check) -> None:
    """A layer that a manifest points to and that is not there is named."""
    images = sample_images()
    images.blobs.pop(sha256(b"own layer"))
    report = check(repack(images))
    assert codes(report) == {"images.missing"}
    assert found(report, "images.missing", sha256(b"own layer").replace(":", "/"))


def test_absent_platforms_of_an_index_are_no_problem_but_an_empty_one_is(check: Check) -> None:
    """An index may be sparse; one without any of its manifests is useless."""
    images = sample_images()
    absent = {"mediaType": INDEX, "digest": sha256(b"absent"), "size": 6}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [absent]}
    images.names[CHART] = images.put(INDEX, as_json(index))
    report = check(repack(images))
    assert found(report, "images.missing", images.names[CHART]["digest"].replace(":", "/"))


def test_unreferenced_blob_is_found(check: Check) -> None:
    """A blob that nothing points to does not belong in a bundle."""
    images = sample_images()
    images.put(LAYER, b"stowaway")
    report = check(repack(images))
    assert codes(report) == {"images.unreferenced"}
    assert found(report, "images.unreferenced", sha256(b"stowaway").replace(":", "/"))


def test_wrong_descriptor_size_is_found(check: Check) -> None:
    """A descriptor that says another size than the blob has is a lie about the blob."""
    images = sample_images()
    images.names[SINGLE] = {**images.names[SINGLE], "size": 1 << 40}
    assert found(check(repack(images)), "images.size", "blobs/sha256/")


def test_manifest_json_must_be_what_the_manifests_give(check: Check) -> None:
    """The docker command reads manifest.json alone, so it must not name something else."""
    images = sample_images()
    images.saved[0]["Layers"].reverse()
    assert codes(check(repack(images))) == {"images.disagree"}
    images.saved.pop()
    assert codes(check(repack(images))) == {"images.disagree"}


def _alias(images: Images, *children: dict[str, Any], of: str = SINGLE, **names: str) -> None:
    """Add an alias of an image with these children, under these names in place of the right ones."""
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(children)}
    entry = images.put(INDEX, as_json(index))
    images.aliases.append(
        {
            **entry,
            "annotations": {
                "org.opencontainers.image.ref.name": of,
                "io.containerd.image.name": f"{of.rpartition(':')[0]}@{entry['digest']}",
                "io.archiver.alias-of": images.names[of]["digest"],
                **names,
            },
        }
    )


def test_an_alias_may_stand_for_an_image(check: Check) -> None:
    """A second entry of an image's name, an index that leads to the image itself, is in order."""
    images = sample_images()
    _alias(images, images.names[SINGLE])
    assert check(repack(images)).ok


@pytest.mark.parametrize("fault", ["another image", "no image", "twice", "another's name"])
def test_an_alias_leads_to_what_it_stands_for_and_nowhere_else(check: Check, fault: str) -> None:
    """An entry that gives other content under an image's name, or takes another's name, is found."""
    images = sample_images()
    if fault == "another image":
        _alias(images, images.names[CHART])
    elif fault == "no image":
        _alias(images, images.names[SINGLE], **{"io.archiver.alias-of": images.names[CHART]["digest"]})
    elif fault == "twice":
        _alias(images, images.names[SINGLE])
        _alias(images, images.names[SINGLE])
    else:
        _alias(images, images.names[SINGLE], **{"io.containerd.image.name": IMAGE})
    assert codes(check(repack(images))) == {"images.disagree"}


def test_index_json_must_name_what_bundle_json_names(check: Check) -> None:
    """An image that bundle.json lists under another digest than index.json is refused."""
    images = sample_images()
    report = check(
        repack(images, document=lambda d: d["images"][0].update(digest=images.names[SINGLE]["digest"]))
    )
    assert found(report, "images.disagree", "images/images.tar: index.json")
    report = check(repack(images, document=lambda d: d["images"].pop(0)))
    assert found(report, "images.disagree", "index.json")
    assert IMAGE in " ".join(problem.detail for problem in report.problems)


def test_manifest_that_lists_itself_in_circles_is_bounded(check: Check) -> None:
    """Indexes in indexes end after a few levels; digests keep them from being circular."""
    images = sample_images()
    descriptor = images.names[CHART]
    for _ in range(8):
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor]}
        descriptor = images.put(INDEX, as_json(index))
    images.names[CHART] = descriptor
    assert found(check(repack(images)), "images.document", "blobs/")


def test_malformed_manifest_is_found(check: Check) -> None:
    """A manifest that is no JSON is named by its blob."""
    images = sample_images()
    images.names[CHART] = images.put(images.names[CHART]["mediaType"], b"{")
    assert found(check(repack(images)), "images.document", "blobs/")


# Search, program, signature


def test_search_index_with_a_page_that_is_not_there_is_found(check: Check) -> None:
    """A search result must lead somewhere."""
    bundle = Bundle()
    bundle.members["docs/search.sqlite"] = search_index([("guide", f"{SITE}/nowhere", "20260301120001", "t")])
    assert codes(check(bundle.pack())) == {"search.dangling"}


@pytest.mark.parametrize("content", [b"", b"not a database" * 100, search_index([])[:4096] + bytes(4096)])
def test_unsound_search_index_is_found(check: Check, content: bytes) -> None:
    """A search.sqlite that SQLite cannot read is a problem, not a crash."""
    bundle = Bundle()
    bundle.members["docs/search.sqlite"] = content
    assert codes(check(bundle.pack())) == {"search.database"}


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW more AS SELECT 1",
        "CREATE TRIGGER t AFTER INSERT ON documents BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE other USING fts5(x)",
        "ALTER TABLE documents ADD COLUMN made AS (zeroblob(9))",
        ENDLESS,
    ],
)
def test_search_index_that_runs_something_is_refused(check: Check, statement: str) -> None:
    """Views, triggers, other virtual tables and computed columns are not asked anything, endless ones included."""
    bundle = Bundle()
    bundle.members["docs/search.sqlite"] = search_index([], statement)
    assert codes(check(bundle.pack())) == {"search.database"}


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE inflected",
        "UPDATE documents SET sections = 2",
        "UPDATE documents SET sections = -1",
        "UPDATE documents SET id = 7",
        "UPDATE documents SET title = x'00'",
        "UPDATE documents SET version = x'01'",
        "UPDATE texts SET id = 2",
        "UPDATE texts SET content = x'00'",
        "INSERT INTO texts SELECT 2, content FROM texts",
        "DELETE FROM sections_fts_docsize",
        "INSERT INTO sections_fts(rowid, title) VALUES (-1, 'hidden')",
        "INSERT INTO sections_fts(rowid, title) VALUES (9, 'hidden')",
        "INSERT INTO inflected VALUES ('Word', 'wor')",
        "INSERT INTO inflected VALUES ('words', '')",
        "INSERT INTO inflected VALUES ('words', x'00')",
        "INSERT INTO frequent VALUES ('word', 3)",
        "INSERT INTO frequent VALUES ('word', 'many')",
        "PRAGMA application_id = 7",
        "CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(99999)); DROP TABLE t",
    ],
)
def test_search_index_whose_parts_do_not_go_together_is_found(check: Check, statement: str) -> None:
    """Documents, blocks of text, the full-text index and the lists of words are one whole, and nothing lies between."""
    bundle = Bundle()
    page = ("guide", f"{SITE}/", "20260301120001", "t")
    bundle.members["docs/search.sqlite"] = search_index([page])
    assert codes(check(bundle.pack())) == set()
    bundle.members["docs/search.sqlite"] = search_index([page], statement)
    assert codes(check(bundle.pack())) == {"search.database"}


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", zip_of({"other.py": b""})])
def test_unsound_program_is_found(check: Check, content: bytes) -> None:
    """An archiver.pyz that does not unpack, or has nothing to run, is a problem."""
    bundle = Bundle()
    bundle.members["archiver.pyz"] = content
    assert codes(check(bundle.pack())) == {"program.zip"}


def test_program_with_a_wrong_checksum_is_found(check: Check) -> None:
    """Each file of the program is unpacked and compared with its CRC."""
    bundle = Bundle()
    program = zip_of({"__main__.py": b"print('hello')"})
    bundle.members["archiver.pyz"] = program.replace(b"print('hello')", b"print('hullo')")
    assert codes(check(bundle.pack())) == {"program.zip"}


def test_codes_are_documented() -> None:
    """Every code has a meaning in the table that scripts and people look it up in, and a stable form."""
    assert all(
        meaning and code.count(".") == 1 and code == code.lower() for code, meaning in MEANINGS.items()
    )


def test_long_names_and_their_headers_are_covered(check: Check) -> None:
    """A file whose name needs a PAX header verifies, and damage to that header is found."""
    bundle = Bundle()
    name = "files/dl.example.org/" + "ü" * 120
    bundle.members[name] = b"long"
    bundle.document["files"].append(
        {
            "url": "https://x",
            "path": name,
            "digest": sha256(b"long"),
            "size": 4,
            "media_type": "text/plain",
            "fetched": "2026-03-01T12:00:30Z",
        }
    )
    data = bundle.pack()
    assert check(data).ok
    at = data.find(header(name, 4))
    for offset in (at, at + 124, at + BLOCK, at + 2 * BLOCK + 1):
        damaged = bytearray(data)
        damaged[offset] ^= 2
        assert not check(bytes(damaged)).ok


def test_codes_are_in_the_documentation() -> None:
    """docs/problems.md has the table of codes as the program has it."""
    page = (ROOT / "docs" / "problems.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{code}` | {meaning} |" for code, meaning in MEANINGS.items()]
