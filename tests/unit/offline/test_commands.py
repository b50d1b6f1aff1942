"""What the reader's commands print, and where they keep things."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.core.errors import BundleDamaged
from archiver.offline.commands import report, run_reader
from archiver.offline.verbs.inputs import default_cache_dir
from servers.handmade_bundle import SITE, Bundle, search_index
from servers.serving import serving
from servers.small_archive import SITE as DOCS
from servers.small_archive import ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.server import Served

HOSTILE = "\x1b]0;owned\x07\x9b2Ja\u202eb\r\nc\u3000d"
CONTROLS = ("\x1b", "\x07", "\x9b", "\u202e", "\r")


def _bundle(tmp_path: Path) -> Path:
    """A bundle whose names and titles try to control the terminal."""
    bundle = Bundle()
    bundle.document["title"] = HOSTILE
    bundle.members["docs/search.sqlite"] = search_index([("guide", f"{SITE}/", "20260301120001", HOSTILE)])
    path = tmp_path / "bundle.tar"
    site = bundle.document["docs"][
        0
    ]  # in its name, as in its file's, there are no control characters, but others
    site["name"] = "guide\u202eb"
    site["path"] = f"docs/{site['name']}.wacz"
    bundle.members = {
        site["path"] if name == "docs/guide.wacz" else name: data for name, data in bundle.members.items()
    }
    path.write_bytes(bundle.pack())
    return path


def _plain(text: str) -> bool:
    return not any(control in text for control in CONTROLS)


def test_search_results_control_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Titles and snippets are shown with what is not printable escaped, as text and as JSON."""
    arguments = ["search", str(_bundle(tmp_path)), "text", "--cache-dir", str(tmp_path / "cache")]
    assert run_reader(arguments) == 0
    shown = capsys.readouterr().out
    assert _plain(shown)
    assert "\\x1b]0;owned\\x07\\x9b2Ja\\u202eb c d" in shown
    assert run_reader([*arguments, "--json"]) == 0
    document = capsys.readouterr().out
    assert _plain(document)
    assert json.loads(document)["hits"][0]["title"] == HOSTILE


def test_serve_controls_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a project's title and names nor a line of the log reach the terminal as they are."""
    path = _bundle(tmp_path)

    @contextmanager
    def start(_: object, **options: object) -> Iterator[Served]:
        with serving(path) as running:
            yield running.served
        options["log"](f"/{HOSTILE}: damaged")  # type: ignore[operator]  # as server.start is called

    monkeypatch.setattr("archiver.offline.server.Served.wait", lambda _: None)
    monkeypatch.setattr("archiver.offline.server.start", start)
    assert run_reader(["serve", str(path)]) == 0
    shown = capsys.readouterr()
    assert _plain(shown.out)
    assert _plain(shown.err)
    assert "guide\\u202eb" in shown.out
    assert "damaged" in shown.err


def test_serve_prints_a_line_a_site(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the origin that it was; other origins have lines of their own. Below a domain, also where it is without DNS."""
    made = ArchiveBuilder(tmp_path)
    made.page(f"{DOCS}/", html("Home", "text"))
    made.page("https://api.example.net/", html("API", "text"))
    made.finish()
    monkeypatch.setattr("archiver.offline.server.Served.wait", lambda _: None)
    assert run_reader(["serve", str(tmp_path), "--port", "0"]) == 0
    told = capsys.readouterr().out
    assert re.findall(r"^  (docs|origin) +http://127.0.0.1:[0-9]+/   (.*)$", told, re.MULTILINE) == [
        ("docs", f"docs: 2 pages of {DOCS}"),
        ("origin", "https://api.example.net"),
    ]
    assert "localhost" not in told
    assert run_reader(["serve", str(tmp_path), "--port", "0", "--domain", "docs.corp"]) == 0
    told = capsys.readouterr().out
    assert re.search(
        r"^  Open     http://docs.corp:([0-9]+)/\n  here     http://localhost:\1/ ", told, re.MULTILINE
    )


def test_errors_control_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Message, place and hint of an error are each one printable line."""
    assert report(BundleDamaged(HOSTILE, place=HOSTILE, hint=HOSTILE)) == 5
    shown = capsys.readouterr().err
    assert _plain(shown)
    assert len(shown.splitlines()) == 2


def test_verify_controls_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names of members are printed escaped."""
    path = tmp_path / "bundle.tar"
    path.write_bytes(Bundle().pack(last=lambda members: members.insert(6, (f"files/{HOSTILE}", b"x"))))
    assert run_reader(["verify", str(path)]) == 5
    assert _plain(capsys.readouterr().out)


@pytest.mark.parametrize("system", ["posix", "nt"])
def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    """As in a container that runs under a number: the index is read into memory then."""

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("archiver.offline.verbs.inputs.os.name", system)
    monkeypatch.setattr("archiver.offline.verbs.inputs.Path.home", no_home)
    found = default_cache_dir()
    monkeypatch.undo()
    assert found is None


def test_searching_works_without_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No HOME and no entry in the list of users: search answers all the same."""
    path = _bundle(tmp_path)

    def nobody(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert run_reader(["search", str(path), "text"]) == 0
    assert "1 page" in capsys.readouterr().out


VERBS = ("verify", "serve", "search", "load", "push", "extract")


def test_the_help_begins_with_what_to_type_first(capsys: pytest.CaptureFixture[str]) -> None:
    """Of archiver.pyz: two commands to begin with, then every verb in a line, with the name that it is run by."""
    assert run_reader(["--help"]) == 0
    told = capsys.readouterr().out
    assert told.index("python3 archiver.pyz verify BUNDLE.tar") < told.index("commands:")
    listed = re.findall(r"^    ([a-z]+) +\S", told[told.index("commands:") :], re.MULTILINE)
    assert tuple(listed[: len(VERBS)]) == VERBS


def test_no_command_is_wrong_usage_and_is_told_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A reader who types the program's name alone is shown the commands; a script that lost its words fails."""
    assert run_reader([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "verify BUNDLE.tar" in printed.err


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_fits_a_terminal_and_can_be_typed(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line is wider than 80 columns; examples are given by the program's name, and are commands that it takes."""
    monkeypatch.setenv("COLUMNS", "80")
    assert run_reader([verb, "--help"] if verb else ["--help"]) == 0
    told = capsys.readouterr().out
    assert not [line for line in told.splitlines() if len(line) > 80]
    parsed: list[object] = []
    monkeypatch.setattr("archiver.offline.commands.run_command", lambda args, **_: parsed.append(args) or 0)
    examples = re.findall(r"^  python3 archiver\.pyz (.*?)(?:    .*)?$", told, re.MULTILINE)
    for example in examples:
        assert run_reader(shlex.split(example.partition("    ")[0])) == 0, example
    assert len(parsed) == len(examples) >= 2


def test_hints_name_the_program_as_the_reader_starts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who has archiver.pyz and nothing else is told to type that: in hints, and at the end of a load."""
    bundle = tmp_path / "sample.tar"
    bundle.write_bytes(Bundle().pack())
    error = BundleDamaged("damaged", hint="archiver verify lists all; archiver archive is the keeper's")
    report(error)
    assert "hint: archiver verify lists all" in capsys.readouterr().err
    report(error, "python3 archiver.pyz")
    assert "hint: python3 archiver.pyz verify lists all; archiver archive is" in capsys.readouterr().err
    assert run_reader(["load", str(bundle), "--into", str(tmp_path / "folder")]) == 0
    assert f"python3 archiver.pyz serve {tmp_path / 'folder'}" in capsys.readouterr().out
