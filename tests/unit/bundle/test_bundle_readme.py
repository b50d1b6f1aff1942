from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Iterator, Sequence

import pytest

from archiver.bundle.closure import closure
from archiver.bundle.readme import facts, plaintext, webpage
from archiver.bundle.readme.blocks import Commands, Fold
from archiver.bundle.readme.sections import sections
from archiver.bundle.since import Base
from archiver.core.descriptor import Platform
from archiver.core.digest import Digest
from archiver.core.snapshot import BrokenLink, Failure
from servers.small_archive import IMAGE, SITE, ArchiveBuilder, html, small_archive

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.bundle.closure import Contents
    from archiver.bundle.readme.blocks import Block

NAME = "small-20260301T120000Z.tar"


def _contents(builder: ArchiveBuilder, *platforms: Platform) -> Contents:
    return closure(builder.archive, builder.finish(), platforms)


@pytest.fixture
def builder(tmp_path: Path) -> ArchiveBuilder:
    """The small archive."""
    return small_archive(tmp_path / "archives")


class _Page(HTMLParser):
    """Collects what a browser would fetch, the anchors, and whether elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "link", "img", "input"):
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in ("src", "href", "srcset", "data", "poster", "action"):
                self.fetched.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_fetches_nothing_and_links_to_itself_only(builder: ArchiveBuilder) -> None:
    """Nothing is asked for; every link leads to a section that is there; elements are balanced."""
    builder.failures.append(Failure("docs", f"{SITE}/x", "fetch.timeout", "too slow"))
    text = webpage.render(_contents(builder)).decode()
    page = _Page(text)
    assert page.fetched == []
    assert page.open == []
    assert not re.search(r"url\(|@import", text)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)


def test_the_only_script_is_the_one_that_the_policy_names(builder: ArchiveBuilder) -> None:
    """Nothing may load, and no script may run but the page's own, which asks nobody for anything."""
    text = webpage.render(_contents(builder)).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert not re.search(r"fetch|XMLHttpRequest|import|https?:", script)


def test_what_comes_from_outside_is_escaped(tmp_path: Path) -> None:
    """Titles, URLs and messages cannot put markup into the page."""
    evil = '<script>alert("1")</script>&$title'
    builder = ArchiveBuilder(tmp_path / "archives", title=evil)
    builder.page(f"{SITE}/?a=<b>", html("x", "y"))
    builder.failures.append(Failure("docs", f"https://x/{evil}", "fetch.failed", evil, evil))
    text = webpage.render(_contents(builder)).decode()
    assert text.count("<script") == 1  # its own; the policy names it by its hash
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;$title" in text


@pytest.mark.parametrize("render", [webpage.render, plaintext.render])
def test_both_tell_how_to_check_read_load_and_what_is_here(builder: ArchiveBuilder, render: object) -> None:
    """Commands for the three systems and for each tool, and every image, site and file by name."""
    text = render(_contents(builder)).decode()  # type: ignore[operator]  # one of the two renderers
    text = text.replace("&quot;", '"')
    for wanted in (
        f"tar xf {NAME} archiver.pyz",
        f"python3 archiver.pyz verify {NAME}",
        f"python3 archiver.pyz serve {NAME}",
        f'python3 archiver.pyz search {NAME} "',
        "sha256sum -c SHA256SUMS",
        "shasum -a 256 -c SHA256SUMS",
        "Get-FileHash",
        "docker load -i images/images.tar",
        "podman load -i images/images.tar",
        "ctr -n k8s.io image import images/images.tar",
        "localhost:5000/docker.io/library/small:1.0",
        IMAGE,
        "linux/amd64, linux/arm64",
        "files/dl.example.org/releases/tool-1.0.tar.gz",
        "20.0 kB",
        f"{SITE}/",
        "1 March 2026",
        "Everything that was asked for is here.",
    ):
        assert wanted in text, wanted


@pytest.mark.parametrize("render", [webpage.render, plaintext.render])
def test_failures_are_told(builder: ArchiveBuilder, render: object) -> None:
    """What could not be archived is listed with its reason, up to a bound, and counted."""
    builder.failures += [
        Failure("docs", f"{SITE}/{number}", "fetch.timeout", "the server did not answer", f"{SITE}/from")
        for number in range(facts.MOST_FAILURES + 5)
    ]
    builder.broken_links.append(BrokenLink("docs", f"{SITE}/nowhere", "404"))
    text = render(_contents(builder)).decode()  # type: ignore[operator]  # one of the two renderers
    assert "205 things could not be fetched for this copy." in text
    assert f"{SITE}/{facts.MOST_FAILURES - 1}" in text
    assert f"{SITE}/{facts.MOST_FAILURES}" not in text
    assert "And 5 more" in text
    assert "1 link of the documentation was broken already" in " ".join(text.split())


def test_what_is_old_or_narrowed_is_told(builder: ArchiveBuilder) -> None:
    """Carried images, a site that is gone and chosen platforms are said in words."""
    builder.verdicts["docs"] = "gone"
    builder.images[0] = replace(builder.images[0], carried=True)
    said = facts.reservations(_contents(builder, Platform("linux", "amd64")))
    assert len(said) == 3
    assert said[0] == (
        "The doc site docs has been gone since 1 March 2026; what is here is good, as of 1 February 2026."
    )
    assert "1 image could not be fetched again" in said[1]
    assert "linux/amd64 only" in said[2]


def test_what_is_left_out_is_no_failure_to_fetch(tmp_path: Path) -> None:
    """An image that is archived, but not for the platforms packed, is not said to be missing from the archive."""
    builder = ArchiveBuilder(tmp_path / "archives")
    builder.image(IMAGE, ("linux/amd64",))
    said = facts.state(_contents(builder, Platform("linux", "arm64")))
    assert said[0] == "1 image left out: not archived for what was packed."
    assert not any("could not be fetched" in sentence for sentence in said)
    assert not any("Everything" in sentence for sentence in said)


def test_a_bundle_of_files_alone_speaks_of_files_alone(tmp_path: Path) -> None:
    """No word of pages or images where there are none."""
    builder = ArchiveBuilder(tmp_path / "archives")
    builder.file("https://example.org/tool", b"tool")
    contents = _contents(builder)
    text = plaintext.render(contents).decode()
    assert "docker" not in text
    assert "archiver.pyz search" not in text
    assert "A copy of the downloads of Small Project" in text
    assert "Load the container images" not in webpage.render(contents).decode()


def test_the_text_fits_a_terminal(builder: ArchiveBuilder) -> None:
    """Prose is wrapped; only commands, names and digests may be longer than 78 columns."""
    lines = plaintext.render(_contents(builder)).decode().splitlines()
    assert not [line for line in lines if len(line) > 78 and not line.startswith(("    ", "* ", "  "))]


READER = "docker.io/library/python:3.12-slim"


def _with_reader(builder: ArchiveBuilder) -> Contents:
    builder.image(READER, ("linux/amd64", "linux/arm64"), salt="python")
    return closure(builder.archive, replace(builder.finish(), reader_image=READER))


def test_a_reader_without_python_is_given_lines_for_a_container(builder: ArchiveBuilder) -> None:
    """For docker, podman and nerdctl: load, then run with a port for the landing page and one for each origin that may need it."""
    builder.requisite("https://static.example.net/x.css", b"a { color: red }", "text/css")
    text = plaintext.render(_with_reader(builder)).decode()
    for runtime in ("docker", "podman", "nerdctl"):
        (line,) = re.findall(rf"^    {runtime} run .*$", text, re.MULTILINE)
        # The docs' origin and that of the style sheet; a font needs no address of its own.
        assert " -p 127.0.0.1:8080-8082:8080-8082 " in line
        assert '-v "${PWD}:/bundle:ro"' in line
        assert line.endswith(
            f"--entrypoint python3 {READER} -I /bundle/archiver.pyz serve --host 0.0.0.0 /bundle/{NAME}"
        )
        assert f"    {runtime} load -i images/images.tar\n" in text
    assert "for linux/amd64" in text


@pytest.mark.parametrize("render", [webpage.render, plaintext.render])
def test_no_container_is_promised_where_no_image_is_packed_to_read_with(
    builder: ArchiveBuilder, render: object
) -> None:
    """Neither where the spec names none, nor where it could not be had."""
    assert b"/bundle/archiver.pyz" not in render(_contents(builder))  # type: ignore[operator]  # see above
    lacking = closure(builder.archive, replace(builder.finish(), reader_image=READER))
    assert lacking.reader_image == ""
    assert b"/bundle/archiver.pyz" not in render(lacking)  # type: ignore[operator]  # see above


@pytest.mark.parametrize("render", [webpage.render, plaintext.render])
def test_a_signature_is_spoken_of_where_there_is_one(builder: ArchiveBuilder, render: object) -> None:
    """How to check it with the program and with ssh-keygen alone; not a word of it in a bundle that has none."""
    contents = _contents(builder)
    plain = render(contents).decode()  # type: ignore[operator]  # see above
    signed = render(contents, signed=True).decode().replace("&lt;", "<")  # type: ignore[operator]  # see above
    for wanted in (
        "--signers allowed_signers",
        "ssh-keygen -Y find-principals -f ../allowed_signers -s SHA256SUMS.sig",
        "-n archiver-bundle -s SHA256SUMS.sig < SHA256SUMS",
    ):
        assert wanted in signed
        assert wanted not in plain
    assert "SHA256SUMS.sig" not in plain


@pytest.mark.parametrize("render", [webpage.render, plaintext.render])
def test_a_delta_names_what_it_builds_on(builder: ArchiveBuilder, render: object) -> None:
    """It says that it is an update, of which copy, and every command is given both; none loads a part by hand."""
    full = _contents(builder)
    had = frozenset({Digest.parse(full.files[0].digest)})
    had_it = Base("20260201T120000Z", Digest.of(b""), had, frozenset(), frozenset())
    contents = replace(full, base=had_it)
    text = " ".join(render(contents).decode().split())  # type: ignore[operator]  # see above
    base = "small-20260201T120000Z.tar"
    assert contents.name == "small-20260301T120000Z-since-20260201T120000Z.tar"
    for wanted in (
        "what is new since the copy of 1 February 2026",
        f"archiver.pyz verify {base} {contents.name}",
        f"archiver.pyz load {base} {contents.name} --into ./small",
        "archiver.pyz serve ./small",
        "Everything that was asked for is here, or in what it builds on.",
        f"archiver.pyz load {base} {contents.name} --into docker",
        f"archiver.pyz push {base} {contents.name} registry.example.org/mirror",
        "unchanged: in an earlier bundle",
    ):
        assert wanted in text, wanted
    for wrong in (
        "docker load",
        "podman load",
        "ctr -n",
        "ReplayWeb",
        "Take out the downloads",
        f"serve {contents.name}",
    ):
        assert wrong not in text, wrong


def test_an_update_of_an_update_names_that_by_its_own_name(builder: ArchiveBuilder) -> None:
    """A base that is a delta is called what it was made as."""
    base = Base("20260201T120000Z", Digest.of(b""), *[frozenset()] * 3, since="20260101T120000Z")
    text = plaintext.render(replace(_contents(builder), base=base)).decode()
    assert "verify small-20260201T120000Z-since-20260101T120000Z.tar small-20260301T120000Z-since-2" in text


@pytest.mark.parametrize("render", [webpage.render, plaintext.render])
def test_windows_gets_what_windows_has(builder: ArchiveBuilder, render: object) -> None:
    """PowerShell has no `<`, no glob for programs, and Get-FileHash; cmd is called where bytes are copied."""
    text = render(_contents(builder), signed=True).decode()  # type: ignore[operator]  # see above
    text = text.replace("&lt;", "<").replace("&quot;", '"').replace("&#x27;", "'")
    assert 'cmd /c "ssh-keygen -Y verify -f ..\\allowed_signers' in text
    assert "cmd /c \"copy /b $($parts.Name -join '+') " in text
    assert "Get-FileHash -LiteralPath $file" in text


@pytest.mark.parametrize("render", [webpage.render, plaintext.render])
def test_who_refuses_an_image_is_told(builder: ArchiveBuilder, render: object) -> None:
    """Layers packed with zstd are named with the runtimes that cannot load them, above and at the image itself."""
    contents = _contents(builder)
    assert b"zstd" not in render(contents)  # type: ignore[operator]  # see above
    first, *others = contents.images
    images = (replace(first, compressions=("gzip", "zstd")), *others)
    text = " ".join(render(replace(contents, images=images)).decode().split())  # type: ignore[operator]  # see above
    assert "1 image has layers packed with zstd: Docker before version 23 cannot load them" in text
    assert text.count("Docker before version 23 cannot load them") == 2


_POWERSHELL = re.compile(
    r"""^(?:(?:tar|py|mkdir|cd|docker|podman|nerdctl|ssh-keygen)\ [^<>|&;*]*  # programs, without what its own shell would take
    |cmd\ /c\ "[^"]*"
    |Get-Content\ .*|\ \ .*|\}|\$parts\ =\ .*)$""",
    re.VERBOSE,
)


def _blocks(blocks: Sequence[Block]) -> Iterator[Commands]:
    for block in blocks:
        if isinstance(block, Commands):
            yield block
        elif isinstance(block, Fold):
            yield from _blocks(block.blocks)


def test_what_powershell_is_told_has_its_form(builder: ArchiveBuilder) -> None:
    """Programs get plain words; redirections and `+` are left to cmd; quotes and brackets are closed."""
    base = Base("20260201T120000Z", Digest.of(b""), *[frozenset()] * 3)
    contents = _with_reader(builder)
    seen = 0
    for each in (contents, replace(contents, base=base)):
        for section in sections(each, signed=True):
            for block in _blocks(section.blocks):
                for line in block.windows:
                    assert _POWERSHELL.match(line), line
                text = "\n".join(block.windows)
                assert all(text.count(a) == text.count(b) for a, b in ("()", "{}")), text
                assert text.count('"') % 2 == text.count("'") % 2 == 0, text
                seen += len(block.windows)
    assert seen > 40


def test_the_lines_of_each_system_are_marked(builder: ArchiveBuilder) -> None:
    """Every command is there for Linux; what is for one system only is shown to nobody else, and printed with its name."""
    text = webpage.render(_with_reader(builder), signed=True).decode()
    figures = re.findall(r'<figure class="command ([a-z ]+)">(.*?)</figure>', text, re.DOTALL)
    assert len(figures) > 20
    for systems, figure in figures:
        marked = [set(each.split()) for each in re.findall(r'<div class="lines ([a-z ]+)">', figure)]
        assert set().union(*marked) == set(systems.split())
        assert "linux" in systems
        assert sum(map(len, marked)) == len(set().union(*marked))
    assert text.count("py archiver.pyz verify") == 3  # plain, signed, and of parts
