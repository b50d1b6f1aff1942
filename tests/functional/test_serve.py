"""``archiver serve`` and ``archiver search`` as their users meet them, on a small bundle and a small archive."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from archiver.bundle.build import build_bundle
from archiver.core.progress import NullProgress
from servers.browser import browser
from servers.console import Console, fetch
from servers.processes import end_stopped, free_port, need, wait_until
from servers.small_archive import IMAGE, SITE, small_archive

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Made:
    """A small archive, its bundle, and a console beside them."""

    archive: Path
    bundle: Path
    console: Console


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A small archive and the bundle made from it."""
    folder = tmp_path_factory.mktemp("serve")
    builder = small_archive(folder / "archives")
    signature = builder.artifact(f"{builder.images[0].reference}.sig", b"signed")
    builder.images[-1] = replace(signature, refers_to=builder.images[0].digest)
    bundled = build_bundle(
        builder.archive,
        "small",
        snapshot=None,
        output=folder / "small.tar",
        platforms=[],
        progress=NullProgress(),
    )
    return Made(folder / "archives", bundled.path, Console(folder))


def test_serve_tells_where_to_look(made: Made) -> None:
    """It prints the address to open, each origin's, a pull command, and who can connect; Ctrl-C ends it with 0."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "archiver", "serve", made.bundle, "--port", str(port)],
        env={**made.console.environment, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, f"ended early: {said}"
        said += line
    assert fetch(f"http://127.0.0.1:{port}/")
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert "stopped" in rest
    assert f"http://127.0.0.1:{port}/" in said
    assert SITE in said
    assert f"docker pull 127.0.0.1:{port}/" in said
    assert "and 2 more\n" in said, "signatures are no images to be pulled"
    assert "Only this machine" in said


@pytest.mark.parametrize("attempt", range(5))
def test_it_ends_also_where_it_is_told_while_paused(made: Made, attempt: int) -> None:
    """SIGTERM to a process that is stopped, as in a container that is paused, ends it once it goes on."""
    log = made.console.folder / "console.log"
    with made.console.started("serve", made.bundle, "--port", str(free_port())) as process:
        wait_until(lambda: b"Ctrl-C" in log.read_bytes(), process, what=f"serve, attempt {attempt}")
        assert end_stopped(process) == 0
    assert log.read_text().endswith("stopped\n")


def test_a_taken_port_is_one_clear_line(made: Made) -> None:
    """Exit code 2, and the advice to choose another."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        outcome = made.console.run("serve", made.bundle, "--port", str(taken.getsockname()[1]))
    assert outcome.code == 2
    assert "in use" in outcome.err
    assert "--port" in outcome.err


@pytest.mark.parametrize("arguments", [["serve", "nowhere.tar"], ["serve"], ["search", "nowhere.tar", "x"], ["serve", ".", "--port", "x"]])  # fmt: skip
def test_wrong_usage_is_2(made: Made, arguments: list[str]) -> None:
    """What is not there, or not said, is told plainly."""
    outcome = made.console.run(*arguments)
    assert outcome.code == 2, outcome.said
    assert outcome.err


def test_a_damaged_bundle_is_refused(made: Made, tmp_path: Path) -> None:
    """Exit code 5 and a line that names the bundle, for serve and search alike."""
    broken = tmp_path / "broken.tar"
    broken.write_bytes(made.bundle.read_bytes()[:-3000])
    for command in (["serve", str(broken), "--port", "0"], ["search", str(broken), "x"]):
        outcome = made.console.run(*command)
        assert outcome.code == 5, outcome.said
        assert "broken.tar" in outcome.err


def test_search_prints_what_it_finds(made: Made) -> None:
    """Titles, original addresses and text; as JSON with marks; nothing found is no error."""
    found = made.console.succeed("search", made.bundle, "fox")
    assert f"{SITE}/" in found.out
    assert "quick brown fox" in found.out
    hits = made.console.succeed("search", made.bundle, "安装", "--json", "--limit", "1").json["hits"]
    assert [hit["title"] for hit in hits] == ["安装"]
    assert made.console.succeed("search", made.bundle, "xyzzy").out.strip() == "0 pages"


def test_search_says_what_it_can_be_limited_to(made: Made) -> None:
    """Whoever mistypes a site's name would take it for a site without the words."""
    outcome = made.console.run("search", made.bundle, "fox", "--source", "dosc")
    assert (outcome.code, outcome.out.strip()) == (0, "0 pages")
    assert outcome.err.strip() == "--source can be: docs"
    assert not made.console.succeed("search", made.bundle, "fox", "--source", "docs").err


def test_a_spoilt_index_ends_search_with_5(made: Made, tmp_path: Path) -> None:
    """Content with another digest is a failed verification, not an empty result."""
    spoilt = tmp_path / "spoilt.tar"
    data = bytearray(made.bundle.read_bytes())
    data[data.index(b"SQLite format 3\0") + 5000] ^= 1
    spoilt.write_bytes(bytes(data))
    outcome = made.console.run("search", spoilt, "fox", "--cache-dir", tmp_path / "cache")
    assert outcome.code == 5, outcome.said


def test_a_browser_reads_searches_and_copies(made: Made, tmp_path: Path) -> None:
    """Chromium shows landing page, a page of the docs, results and the page for what is missing, without complaint."""
    need("chromium")
    with made.console.serving(made.bundle) as server, browser(tmp_path) as chromium:
        landing = chromium.open(f"{server.url}/")
        page = chromium.open(f"{server.docs('docs')}/install.html")
        results = chromium.open(f"{server.url}/-/search?q=fox")
        missing = chromium.open(f"{server.docs('docs')}/missing.html")
    for visit in (landing, page, results):
        assert [
            failure for failure in visit.failed if "favicon.ico" not in failure
        ] == []  # the site had none
        assert [complaint for complaint in visit.complaints if "favicon.ico" not in complaint] == []
        assert visit.hosts == {"127.0.0.1"}
    assert "Small Project" in landing.text
    assert "Copy" in landing.text
    assert "在K8s集群上安装软件" in page.text
    assert "The quick brown fox" in results.text
    assert f"{SITE}/missing.html" in missing.text


@pytest.mark.parametrize("name", ["docker.io/library/small:1.0", "library/small:1.0", "small:1.0"])
def test_skopeo_copies_by_every_name(made: Made, tmp_path: Path, name: str) -> None:
    """By host in the path, by bare path, and by the short name of Docker Hub; all platforms."""
    need("skopeo")
    with made.console.serving(made.bundle) as server:
        source = f"docker://127.0.0.1:{server.port}/{name}"
        _run(
            "skopeo",
            "copy",
            "--quiet",
            "--all",
            "--src-tls-verify=false",
            source,
            f"oci:{tmp_path / 'out'}:x",
        )
    index = json.loads((tmp_path / "out" / "index.json").read_bytes())
    assert len(index["manifests"]) == 1


def test_podman_pulls(made: Made) -> None:
    """Podman pulls an image as from any registry."""
    need("podman")
    with made.console.serving(made.bundle) as server, tempfile.TemporaryDirectory() as root:
        # podman takes no runroot of more than 50 characters, which tmp_path may have
        _run(
            "podman", "--storage-driver", "vfs", "--root", f"{root}/s", "--runroot", f"{root}/r", "--tmpdir", f"{root}/t",
            "--events-backend", "none", "pull", "--quiet", "--tls-verify=false", f"127.0.0.1:{server.port}/{IMAGE}",
        )  # fmt: skip


def test_an_archive_folder_is_served(made: Made) -> None:
    """The folder gives the same pages as its bundle."""
    with made.console.serving(made.archive) as server:
        assert b"quick brown fox" in fetch(f"{server.docs('docs')}/")


def test_the_program_in_the_bundle_needs_only_python(made: Made, tmp_path: Path) -> None:
    """archiver.pyz runs isolated on Python 3.9, with help that speaks to the reader, and serves its bundle."""
    python = need("pypy3") or shutil.which("pypy3")
    _run("tar", "xf", str(made.bundle), "archiver.pyz", folder=tmp_path)
    reader = Console(tmp_path, (str(python or "pypy3"), "-I", str(tmp_path / "archiver.pyz")))
    assert "where there is no internet" in reader.succeed("--help").out
    assert "安装" in reader.succeed("search", made.bundle, "安装").out
    with reader.serving(made.bundle) as server:
        assert b"quick brown fox" in fetch(f"{server.docs('docs')}/")
        assert b"Small Project" in server.get("/")


def test_the_program_tells_old_pythons_what_it_needs() -> None:
    """Its __main__ is in the language of Python 3.6, so that an old Python gets to the message."""
    source = (REPOSITORY / "archiver/offline/zipapp_main.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 6))
    assert "from __future__ import annotations" not in source


def _run(*command: str, folder: Path | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
